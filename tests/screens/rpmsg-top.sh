#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top.sh [FILE.png]: rpmsg-top in an xterm, on a software bus with much to see: several
# services at work, a program that does not read, an address that nobody has, a service that
# nobody uses.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/demo.bash
source "$here/../lib/demo.bash"
# shellcheck source=tests/lib/screen.bash
source "$here/../lib/screen.bash"
picture=$(realpath -m "${1:-$here/rpmsg-top.png}")
export RPMSG_BUS=rpmsg0
interval=0.5
speakers=()
sleeper=

# Who reads from lines ends first, and that with it.
at_end()
{
	local pid
	[[ -z $sleeper ]] || kill -CONT "$sleeper" 2>/dev/null || true
	for pid in "${speakers[@]}"; do kill "$pid" 2>/dev/null || true; done
}

# lines FORMAT PACE...: for ever, PACE lines in each hundredth of a second, and half a second later
# the next PACE; FORMAT takes two numbers
lines()
{
	local format=$1 tick i j n=0
	shift
	exec {tick}<> <(:)
	for ((i = 0; ; i++)); do
		for ((j = ${@:i / 50 % $# + 1:1}; j > 0; j--, n++)); do
			# shellcheck disable=SC2059
			printf "$format\n" $((1200 + n * 7 % 300)) $((n * 37 % 1000))
		done
		read -r -t 0.01 -u "$tick" || true
	done
}

# send ARG... -- LINES...: a program that sends these lines
send()
{
	local args=()
	while [[ $1 != -- ]]; do args+=("$1"); shift; done
	rpmsg-send -q "${args[@]}" -l < <(trap - EXIT; lines "${@:2}") >/dev/null 2>&1 &
	speakers+=("$!")
}

# repeat ARG...: one that sends the same again and again
repeat()
{
	rpmsg-send -q -c 1000000 "$@" >/dev/null 2>&1 &
	speakers+=("$!")
}

offer() # NAME [ARG...]: a service of the firmware
{
	background rpmsg-listen -R -n "$@" -q
	run rpmsg-ns wait "$1"
}

serve()
{
	background rpmsgd --stall=100 rpmsg0=loop
	offer motor-ctl --echo
	offer audio-out
	offer rpmsg-raw --echo
	run rpmsg-ns announce telemetry
	run rpmsg-ns announce -s 0x33 event-log
	background rpmsg-listen -n telemetry -q
	background rpmsg-listen -n event-log -q
	sleeper=${pids[-1]}
}

talk()
{
	send -n motor-ctl -- 'set rpm=%d torque=0.%03d mode=run' 1 1 2 2 3 4 5 6 6 5 4 3 2 2 1
	send -R -n telemetry -- 'temp=41.5 vbat=12.%d seq=%d' 2 2 2 3 2 2 2 2 2 1
	send -n audio-out -- "$(printf 'pcm %%d %%d %0400d' 0)" 1
	repeat -n rpmsg-raw -i 0.1 --ping 'read reg=0x3f'
	repeat -R -n event-log -i 1 'WARN overcurrent phase=U'
}

# What a monitor is for: somebody who does not read, an address that nobody has, a service that
# nobody uses, one that came and went.
trouble()
{
	repeat -s 0x77 -d 0x99 -i 8 'status?'
	run rpmsg-ns -R announce ota-update
	run rpmsg-ns -R withdraw ota-update
	run rpmsg-ns -R announce rpmsg-tty
	kill -STOP "$sleeper"
	wait_for full
	wait_for holds 'any(.no_recipient? > 1)'
}

# What the sleeper has not read fills its queue, and after it buffers of the ring.
full()
{
	rpmsg-send -q -R -d 0x33 -c 50 -i 0.002 "$(printf 'TRACE isr=%0450d' 0)"
	holds 'any(.service == "event-log" and .held > 0)'
}

# holds EXPR: jq's, of what the bus says of itself
holds() { rpmsg-top --batch -j -c 1 | jq -es "$1" >/dev/null; }

start_terminal()
{
	xterm -geometry 160x38 -fa 'DejaVu Sans Mono' -fs 10 -fg '#d4d8dc' -bg '#101519' +sb -b 10 \
		-bc -u8 -T rpmsg-top -xrm 'XTerm*color1: #ef5350' -xrm 'XTerm*color2: #66bb6a' \
		-xrm 'XTerm*color3: #ffca28' -xrm 'XTerm*color5: #ab47bc' -xrm 'XTerm*color6: #4dd0e1' \
		-e rpmsg-top -i "$interval" >"$room/xterm.out" 2>&1 &
	pids+=("$!")
	wait_for window_there
}

window_there()
{
	window=$(xdotool search --onlyvisible --name '^rpmsg-top$' 2>/dev/null | head -n 1)
	[[ -n $window ]]
}

export LC_ALL=C.UTF-8 TZ=UTC
serve
start_screen 1400x900
start_terminal
talk
trouble
press "$window" slash m o t o r Return
# until the line of the last minute is full
rpmsg-top --batch -i "$interval" -c 62 >"$room/rounds"
keep "$window" "$picture"
