# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top: what is done to it, and the terminal that it leaves behind.

load ../lib/common
load ../lib/process
load ../lib/tmux
load ../lib/traffic

# Bytes that are the same each time, without those that end it: q, ^C, ^\ and ^Z
garbage()
{
	LC_ALL=C awk -v n="$1" 'BEGIN { srand(7); while (n--) printf "%c", int(rand() * 256) }' |
		LC_ALL=C tr -d 'q\003\032\034'
}

# An ESC that is followed by a key at once is part of it: only where something is to be left.
opens_help()
{
	seen 'h help' || { keys Escape; poll_until 3 seen 'h help' || return; }
	keys h
	poll_until 3 seen '^Moving'
}

# Nothing sticks: not a page, not a prompt, not half of an escape sequence
usable()
{
	wait_for opens_help
	keys h
	see 'h help'
}

@test "hundreds of sizes while messages flow" {
	serve
	echo_service svc1
	terminal 80x24
	start rpmsg-send -q -n svc1 -c 1000000 -i 0.001 hello
	top -i 0.1
	see ' svc1 '
	local sizes=(40x10 200x60 39x9 1x1 300x10 40x100 80x24 2x50 120x5 41x11) i
	for ((i = 0; i < 300; i++)); do
		resize "${sizes[i % ${#sizes[@]}]}"
		((i % 60 != 7)) || keys Enter m e x
		((i % 60 != 31)) || keys h
		((i % 60 != 43)) || keys s
		((i % 60 != 53)) || keys Escape /
	done
	resize 200x60
	usable
	see ' svc1 .* [0-9.]+k +[0-9.]+k$'
	local head
	head=$(screen | head -n 1)
	assert [ "${#head}" -eq 200 ]
	resize 40x10
	see '^rpmsg0 +up' ' svc1 '
	resize 39x10
	see '^too small: 40x10 is needed'
	resize 40x9
	see '^too small: 40x10 is needed'
	keys Down h q
	resize 200x60
	unsee '^too small'
	assert alive "$top_pid"
	usable
	quit_by 0 q
}

@test "what is pasted is no key, and does no harm" {
	serve
	echo_service svc1
	terminal 100x30
	printf 'qqq\003 wq\r\e[20~h\t' >keys.txt
	garbage 100000 >garbage.bin
	printf '\e[201~ \e[200~ \e[<0;99999999;1M \e]52;c;?\a \eP+q\e\\ \e[999999999999999A' >escapes.bin
	top
	see ' svc1 '
	paste garbage.bin
	paste escapes.bin
	printf 'qqhq wq' >keys.txt
	paste keys.txt
	usable
	unsee '^writing'
	assert alive "$top_pid"
	# a prompt takes its text
	keys '\'
	printf 'sv\e\ac1\n' >keys.txt
	paste keys.txt
	see '^filter: svc1$' ' svc1 '
	paste garbage.bin
	see 'nothing here is like'
	keys C-u
	see ' svc1 '
	keys Escape
	usable
	quit_by 0 q
	# of a terminal that does not tell all are keys
	order 'export TERM=vt100'
	ordered 0
	top
	see ' svc1 '
	garbage 20000 >garbage.bin
	paste garbage.bin
	paste escapes.bin
	usable
	assert alive "$top_pid"
	quit_by 0 q
	rm -f rpmsg-2*.pcap
}

@test "after every signal the terminal is as it was, and the shell sees which it was" {
	local sig
	serve
	terminal 80x24 ASAN_OPTIONS="${ASAN_OPTIONS:-}:handle_segv=0:handle_abort=0:handle_sigbus=0"
	for sig in INT TERM HUP QUIT SEGV ABRT BUS; do
		top
		see '^rpmsg0  up'
		kill -s "$sig" "$top_pid"
		sane $((128 + $(kill -l "$sig")))
	done
	top
	see '^rpmsg0  up'
	keys C-c
	sane 130
	top
	see '^rpmsg0  up'
	keys 'C-\'
	sane 131
}

is_stopped()
{
	grep -q '^State:	T' "/proc/$top_pid/status"
}

@test "stopped by ^Z or by a signal, and continued" {
	serve
	terminal 80x24
	local i
	top -i 0.1
	see '^rpmsg0  up'
	for i in 1 2; do
		keys C-z
		sane 148
		resize "$((80 + i))x$((24 + i))"
		order 'fg %1 >/dev/null'
		wait_for has_screen
		see '^rpmsg0  up' '^h help'
	done
	# nobody asks it: the shell has the terminal meanwhile
	kill -STOP "$top_pid"
	ordered 147
	wait_for is_stopped
	order 'stty sane; echo Rubbish; fg %1 >/dev/null'
	see '^rpmsg0  up'
	unsee Rubbish
	keys h
	see '^Moving'
	keys h
	unsee '^Moving'
	quit_by 0 q
}

@test "the terminal goes" {
	serve
	terminal 80x24
	top
	see '^rpmsg0  up'
	tmux_ kill-server
	wait_for all_gone "$top_pid"
	# HUP is nothing to it
	rm orders after
	terminal 80x24
	order '(trap "" HUP; exec rpmsg-top)'
	wait_for has_screen
	see '^rpmsg0  up'
	kill -HUP "$top_pid"
	keys h
	see '^Moving'
	tmux_ kill-server
	wait_for all_gone "$top_pid"
}
