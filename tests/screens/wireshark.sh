#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# wireshark.sh [FILE.png]: a real capture of a software bus, shown by Wireshark with a
# configuration of its own.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/lib/demo.bash
source "$here/../lib/demo.bash"
# shellcheck source=tests/lib/screen.bash
source "$here/../lib/screen.bash"
picture=$(realpath -m "${1:-$here/wireshark.png}")
capture=$room/board.pcap
size=1280x720

record()
{
	local recorder echo
	background rpmsgd rpmsg0=loop
	background rpmsg-listen -b rpmsg0 --history --events -w "$capture"
	recorder=${pids[-1]}
	background rpmsg-listen -b rpmsg0 -R -n demo-echo -s 0x1e --echo -q
	echo=${pids[-1]}
	run rpmsg-ns -b rpmsg0 wait demo-echo
	run rpmsg-send -b rpmsg0 -n demo-echo --reply 'hello, remote processor'
	run rpmsg-send -b rpmsg0 -n demo-echo --reply -o hex -x 'de ad be ef'
	run rpmsg-send -b rpmsg0 -n demo-echo --ping -c 3 -i 0.1
	run rpmsg-send -b rpmsg0 -d 0x99 'is anybody there?'
	kill "$echo"
	wait_for withdrawn
	stop_recording "$recorder"
}

withdrawn() { ! rpmsg-ns -q -b rpmsg0 | grep -q demo-echo; }

configure()
{
	export WIRESHARK_CONFIG_DIR=$room/wireshark
	mkdir -m 700 "$WIRESHARK_CONFIG_DIR"
	cat >"$WIRESHARK_CONFIG_DIR/preferences" <<-'END'
		gui.update.enabled: FALSE
		gui.ask_unsaved: FALSE
		gui.fileopen.preview: 0
		gui.layout_content_2: 2
		gui.layout_content_3: 3
		gui.column.format: "No.", "%m", "Time", "%t", "Source", "%s", "Destination", "%d", "Protocol", "%p", "Length", "%L", "Info", "%i"
	END
	cat >"$WIRESHARK_CONFIG_DIR/recent_common" <<-END
		gui.geometry_main_maximized: FALSE
		gui.geometry_main_x: 0
		gui.geometry_main_y: 0
		gui.geometry_main_width: ${size%x*}
		gui.geometry_main_height: ${size#*x}
		privs.warn_if_elevated: FALSE
		sys.warn_if_no_capture: FALSE
	END
	cat >"$WIRESHARK_CONFIG_DIR/recent" <<-'END'
		gui.filter_toolbar_show: TRUE
		column.width: %m, 45, %t, 95, %s, 150, %d, 150, %p, 75, %L, 60, %i, 690
		gui.geometry_main_upper_pane: 345
		gui.geometry_main_lower_pane: 600
	END
}

# The pointer, which lights up what it is on.
away() { xdotool mousemove $((${size%x*} - 1)) $((${size#*x} - 1)); }

# start_wireshark FRAME: with that one chosen
start_wireshark()
{
	wireshark -X "lua_script:$top/lib/record/rpmsg.lua" -r "$capture" -g "$1" \
		>"$room/wireshark.out" 2>&1 &
	pids+=("$!")
	wait_for window_there
	steady
}

window_there()
{
	window=$(xdotool search --onlyvisible --name 'board\.pcap' 2>/dev/null | head -n 1)
	[[ -n $window ]]
}

record
start_screen "$size"
configure
frame=$(decode "$capture" -2 -Y 'rpmsg.request_in' -T fields -e frame.number | sed -n '/^[0-9]/{p;q}')
start_wireshark "$frame"
# into the tree, below its lines, and from the last of them, the payload, up to the message
xdotool mousemove $((${size%x*} / 4)) $((${size#*x} - 60)) click 1
press "$window" End Up Right
steady
away
steady
keep root "$picture"
