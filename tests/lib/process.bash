# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# About processes, for those who load it after common:
#
#     exits STATUS CMD...    CMD, which stops or awaits a process, must return STATUS
#     memory FIELD PID       VmRSS, RssAnon, ... of a process in kB
#     descriptors PID        how many it has open
#     below KB LIMIT         for memory; a sanitizer's own is not limited

exits()
{
	local got=0
	"${@:2}" || got=$?
	assert_equal "$got" "$1"
}

memory()
{
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$2/status"
}

descriptors()
{
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

below()
{
	echo "$1 kB, limit $2 kB"
	[[ -n $SAN ]] || (($1 < $2))
}
