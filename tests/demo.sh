#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The toolkit's main job, for real, in a folder of its own: a software bus, a
# simulated remote processor, messages both ways, and a capture that is decoded.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$top/build}
capture=$build/demo.pcap
room=$(mktemp -d "${TMPDIR:-/tmp}/rpmsg-demo.XXXXXX")
export RPMSG_DIR=$room/rpmsg PATH=$build/bin:$PATH
unset RPMSG_BUS RPMSG_RECORD
pids=()

finish()
{
	local status=$? pid
	trap - EXIT
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

# A command line as one would type it.
shown()
{
	local word line=
	for word in "$@"; do
		[[ $word =~ ^[A-Za-z0-9_./:=-]+$ ]] || word="'$word'"
		line+=" ${word/#$top\//}"
	done
	echo "$line"
}

run()
{
	echo "\$$(shown "$@")"
	timeout 30 "$@"
}

# In the background; goes on once the program says on --ready-fd that it is ready.
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

mkdir -m 700 "$RPMSG_DIR"

say 'A software bus, both sides of it: what a board and its firmware would be.'
background rpmsgd rpmsg0=loop

say 'Record all that passes.'
background rpmsg-listen -b rpmsg0 -w "$capture"
recorder=${pids[-1]}

say 'The simulated remote processor announces a service and sends back what it gets.'
background rpmsg-listen -b rpmsg0 -R -n demo-echo --echo -q

say 'The host side sees the announcement ...'
run rpmsg-ns -b rpmsg0 wait demo-echo

say '... talks to the service and prints the answers ...'
run rpmsg-send -b rpmsg0 -n demo-echo --reply 'hello, remote processor'
run rpmsg-send -b rpmsg0 -n demo-echo --reply -o hex -x 'de ad be ef'

say '... measures round trips ...'
run rpmsg-send -b rpmsg0 -n demo-echo --ping -c 3 -i 0.1

say '... and lists who is there.'
run rpmsg-ns -b rpmsg0

kill -INT "$recorder"
wait "$recorder" || [[ $? -eq 130 ]]

say "What was recorded in ${capture#"$top"/}, as Wireshark sees it:"
run tshark -X "lua_script:$top/lib/record/rpmsg.lua" -r "$capture" 2>"$room/tshark.err" |
	tee "$room/packets" || { cat "$room/tshark.err" >&2; exit 1; }
say 'The announcement, decoded:'
run tshark -X "lua_script:$top/lib/record/rpmsg.lua" -r "$capture" -O rpmsg -c 1 2>"$room/tshark.err" |
	tee "$room/detail" || { cat "$room/tshark.err" >&2; exit 1; }
grep -q demo-echo "$room/detail"
[[ $(grep -c . "$room/packets") -ge 11 ]]

cat <<EOF

Try next: PATH=${build#"$top"/}/bin:\$PATH; rpmsg-listen -R -n demo-echo --echo -q & rpmsg-send -n demo-echo --ping
EOF
