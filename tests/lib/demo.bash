# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the demos are made of. $room is a folder of this run, and $top, $build where things are;
# who starts more than "background" defines at_end, which is called before the room is removed.
#
#     say TEXT...            what comes next
#     run CMD...             shows the command line as one would type it, and runs it
#     background CMD...      goes on once the program says on --ready-fd that it is ready
#     stop_recording PID     ends rpmsg-listen -w
#     decode FILE [ARG...]   tshark with our dissector

top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
build=${BUILD:-$top/build}
room=$(mktemp -d "${TMPDIR:-/tmp}/rpmsg-demo.XXXXXX")
export RPMSG_DIR=$room/rpmsg PATH=$build/bin:$PATH
unset RPMSG_BUS RPMSG_RECORD
mkdir -m 700 "$RPMSG_DIR"
pids=()

at_end() { :; }

finish()
{
	local status=$? pid
	trap - EXIT
	at_end
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$room"
	[[ $status -eq 0 ]] || echo "The demo failed (status $status)." >&2
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n# %s\n' "$*"; }

shown()
{
	local word line=
	for word in "$@"; do
		[[ $word =~ ^[A-Za-z0-9_./:=-]+$ ]] || word="'$word'"
		word=${word//"$room"/.}
		line+=" ${word/#$top\//}"
	done
	echo "$line"
}

run()
{
	echo "\$$(shown "$@")"
	timeout 30 "$@"
}

background()
{
	local fd tries=100 err=$room/err.${#pids[@]}
	echo "\$$(shown "$@") >/dev/null &"
	mkfifo "$room/ready"
	exec {fd}<>"$room/ready"
	rm "$room/ready"
	"$@" --ready-fd "$fd" >/dev/null 2>"$err" &
	pids+=("$!")
	until read -r -t 0.2 -u "$fd"; do
		if ! kill -0 "${pids[-1]}" 2>/dev/null || ((--tries == 0)); then
			cat "$err" >&2
			echo "$1 does not get ready" >&2
			exit 1
		fi
	done
	exec {fd}>&-
}

stop_recording()
{
	kill -INT "$1"
	wait "$1" || [[ $? -eq 130 ]]
}

decode()
{
	run tshark -X "lua_script:$top/lib/record/rpmsg.lua" -r "$@" 2>"$room/tshark.err" ||
		{ cat "$room/tshark.err" >&2; exit 1; }
}
