# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the makers of pictures share: a screen that is nowhere, and looking at it. After demo.bash.
#
#     start_screen WxH       a screen of this size in DISPLAY, and a home without anything in it
#     wait_for CMD...        until CMD succeeds; else the picture fails
#     seen                   a number that is another one when the screen is
#     steady                 until the screen stays as it is
#     press WINDOW KEY...    keys, which must change what is seen
#     keep WINDOW FILE.png   what is seen of it; root is all

start_screen()
{
	export HOME=$room XDG_CONFIG_HOME=$room/config XDG_RUNTIME_DIR=$room/run
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	Xvfb -displayfd 7 -screen 0 "$1x24" -nolisten tcp 7>"$room/display" 2>"$room/xvfb.err" &
	pids+=("$!")
	wait_for test -s "$room/display"
	DISPLAY=:$(cat "$room/display")
	export DISPLAY
}

wait_for()
{
	local tries=600
	until "$@"; do
		((--tries)) || { echo "still not so: $*" >&2; exit 1; }
		sleep 0.1
	done
}

seen() { import -window root rgb:- | cksum; }

changed() { [[ $(seen) != "$1" ]]; }

steady()
{
	local before='' now tries=60
	now=$(seen)
	until [[ $now == "$before" ]]; do
		((--tries)) || { echo "the screen does not come to rest" >&2; exit 1; }
		before=$now
		sleep 0.5
		now=$(seen)
	done
}

press()
{
	local before window=$1
	shift
	before=$(seen)
	xdotool windowfocus "$window" key --clearmodifiers --delay 100 "$@"
	wait_for changed "$before"
}

keep()
{
	import -window "$1" "$room/picture.png"
	optipng -quiet -o5 -strip all "$room/picture.png"
	mkdir -p "$(dirname "$2")"
	mv "$room/picture.png" "$2"
	echo "${2#"$top"/}: $(stat -c %s "$2") bytes"
}
