# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What every bats file loads:
#
#     load ../lib/common
#
# Each case gets an empty folder of its own as working directory ($PWD) and in it a RPMSG_DIR of
# its own, no RPMSG_BUS, and the tools just built first in PATH. setup and
# teardown are defined here; a file with its own calls common_setup and common_teardown.
#
#     start CMD...      run in the background; $started is its pid; output in $started_out and $started_err
#     wait_for CMD...   until CMD succeeds, at most $DEADLINE seconds; else the case fails
#     stop PID [SIG]    end a started process with SIG (TERM) and wait; returns its exit status
#     waited PID        wait for a started process to end by itself; returns its exit status
#     serve [ARG...]    a rpmsgd on the software bus rpmsg0 (or as ARG says), ready
#
# At the end of a case all that was started is ended. What does not end, or
# was left by something else than start (but for a rpmsgd that a tool started), fails the case.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
bats_load_library bats-file

TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
[[ $BUILD == /* ]] || BUILD=$TOP/$BUILD
SAN=${SAN:-}
DEADLINE=20
[[ -z $SAN ]] || DEADLINE=40
export BUILD SAN DEADLINE TOP
umask 022 # what cases make is for other users too

common_setup()
{
	unset RPMSG_BUS RPMSG_RECORD XDG_RUNTIME_DIR
	cd "$BATS_TEST_TMPDIR" || return 1
	export RPMSG_DIR=$BATS_TEST_TMPDIR/rpmsg
	export RPMSG_CASE_MARK=$$.$BATS_TEST_NUMBER.$RANDOM
	mkdir -m 700 "$RPMSG_DIR"
	PATH=$BUILD/bin:$PATH
	started_all=()
	started=
}

setup()
{
	common_setup
}

# Processes that carry this case's mark. Its own shells do not: they got it after their start.
case_processes()
{
	grep -lzxF "RPMSG_CASE_MARK=$RPMSG_CASE_MARK" /proc/[0-9]*/environ 2>/dev/null | grep -o '[0-9]\+'
}

alive()
{
	# a zombie has ended
	[[ -e /proc/$1/stat ]] && ! grep -q '^State:	[ZX]' "/proc/$1/status" 2>/dev/null
}

all_gone()
{
	local pid
	for pid in "$@"; do
		! alive "$pid" || return 1
	done
}

describe()
{
	echo "$1: $(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)"
}

# shellcheck disable=SC2154 # status belongs to bats
common_teardown()
{
	local pid comm bad=0
	local -a mine=("${started_all[@]}") stray=()
	for pid in $(case_processes); do
		[[ " ${started_all[*]} " == *" $pid "* ]] && continue
		comm=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
		if [[ $comm == rpmsgd ]]; then
			mine+=("$pid")
		else
			stray+=("$pid")
		fi
	done
	for pid in "${mine[@]}"; do
		kill -CONT "$pid" 2>/dev/null
		kill -TERM "$pid" 2>/dev/null
	done
	if ! poll_until "$DEADLINE" all_gone "${mine[@]}"; then
		for pid in "${mine[@]}"; do
			alive "$pid" || continue
			echo "did not end at SIGTERM: $(describe "$pid")"
			kill -KILL "$pid"
			bad=1
		done
	fi
	# What hung on one of ours, such as a pipe's reader, ends with it.
	if ! poll_until 2 all_gone "${stray[@]}"; then
		for pid in "${stray[@]}"; do
			alive "$pid" || continue
			echo "left running: $(describe "$pid")"
			kill -KILL "$pid"
			bad=1
		done
	fi
	if [[ $bad -ne 0 || ${BATS_TEST_COMPLETED:-} != 1 ]]; then
		local f
		for f in "$BATS_TEST_TMPDIR"/start.*; do
			[[ -s $f ]] && echo "---- ${f##*/}" && tail -c 4000 "$f"
		done
	fi
	return "$bad"
}

teardown()
{
	common_teardown
}

# poll_until SECONDS CMD...: whether CMD succeeded within SECONDS.
poll_until()
{
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $end ]] || return 1
		sleep 0.02
	done
}

wait_for()
{
	poll_until "$DEADLINE" "$@" || fail "still not so after $DEADLINE s: $*"
}

# File descriptor 3 is bats' own: who keeps it open keeps bats waiting.
start()
{
	local n=${#started_all[@]}
	started_out=$BATS_TEST_TMPDIR/start.$n.out
	started_err=$BATS_TEST_TMPDIR/start.$n.err
	"$@" >"$started_out" 2>"$started_err" </dev/null 3>&- 4>&- &
	started=$!
	started_all+=("$started")
}

waited()
{
	wait_for all_gone "$1" || return
	wait "$1"
}

stop()
{
	kill -s "${2:-TERM}" "$1" 2>/dev/null
	waited "$1"
}

serve()
{
	local ready=$BATS_TEST_TMPDIR/ready.${#started_all[@]}
	[[ $# -gt 0 ]] || set -- rpmsg0=loop
	start rpmsgd_ready "$ready" "$@"
	wait_for ready_or_ended "$ready" "$started"
	[[ -s $ready ]] || fail "rpmsgd ended: $(cat "$started_err")"
}

rpmsgd_ready()
{
	exec rpmsgd --ready-fd=9 "${@:2}" 9>"$1"
}

ready_or_ended()
{
	[[ -s $1 ]] || ! alive "$2"
}
