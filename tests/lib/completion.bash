# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the completions offer. For those who load it after common.

# offers TOOL WORD... CUR: what bash completes there
offers()
{
	bash -c '
		source "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_rpmsg_tool "$1" "${!#}" "${@: -2:1}"
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$TOP/completions/bash/rpmsg-tools" "$@"
}
