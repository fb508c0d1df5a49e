# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top's screen: what fits and what does not, what stays, and what may not reach a terminal.

load ../lib/common
load ../lib/process
load ../lib/tmux
load ../lib/traffic

selected_in_one_piece()
{
	colored | grep -qE $'^(\e\\[[0-9;]+m)+> remote +svc1 [^\e]* [1-9][0-9]*% [^\e]*$'
}

@test "columns as wide as what is in them, or what fits; the selected row is one piece" {
	serve
	echo_service a-service-with-a-long-name
	echo_service svc1
	echo_service sink
	local sink=$started
	terminal 160x30
	top -R -i 0.2 --sort queued
	start rpmsg-send -q -o raw -n svc1 -c 1000000 -i 0.01 hello
	see ' a-service-with-a-long-name '
	keys / svc1 Enter
	wait_for selected_in_one_piece
	resize 140x30
	see 'remote +svc1 .* pid [0-9]+ \(rpmsg-listen\) ' ' a-service-with-a-long-name '
	stop "$started" || :
	# more than its socket takes
	kill -STOP "$sink"
	rpmsg-send -q -n sink -c 2000 -t 1 "$(printf '%400s' .)" >/dev/null || :
	resize 160x30
	see 'remote +sink .* [0-9.]+k? \([0-9]+ (s|min)\)'
	keys Right Right Right Right Right Right Right Right
	see ' sink .* [0-9.]+k? \([0-9]+ (s|min)\)'
	quit_by 0 q
}

@test "all about a row stays about it, and ends with it; a bus that goes takes its rows along" {
	serve
	echo_service svc1
	local first=$started
	echo_service svc2
	local second=$started
	terminal 100x20
	top -R -i 0.1
	see '^> remote +svc1 '
	keys Enter
	see '^svc1  0x400'
	# another one is the first now
	speak svc2 1000 hello
	keys r
	see '^rpmsg0 ' '^svc1  0x400' '^sent +0 messages'
	speak svc1 1 hello
	see '^svc1  0x400' '^sent +1 message  5 bytes' '^received +1 message  5 bytes'
	stop "$first" || :
	see '^svc1 .* GONE'
	see '^what this was all about has gone' '^> remote +svc2 '
	kill -KILL "$second"
	exits 0 rpmsgd --stop rpmsg0
	see '^ALARM:.*nobody serves it' 'no channel and no endpoint'
	quit_by 0 q
}

@test "events have the service's name, whenever it was announced, and withdrawn too" {
	serve rpmsg0=loop:num=4
	rpmsg-ns -q -R announce early
	echo_service svc1
	terminal 120x40
	top
	see 'early'
	rpmsg-ns -q -R withdraw early
	rpmsg-ns -q -R announce late
	rpmsg-ns -q -R withdraw late
	see 'r>h early 0x[0-9a-f]+>\? withdraw' 'r>h late 0x[0-9a-f]+>\? announce' \
		'r>h late 0x[0-9a-f]+>\? withdraw'
	kill -STOP "$started"
	rpmsg-send -q --try -n svc1 -c 20000 hello >/dev/null || :
	see 'h>r svc1 0x[0-9a-f]+>0x[0-9a-f]+ (no-buffer|stall)'
	quit_by 0 q
}

@test "what others chose reaches the terminal as text" {
	local bad=$'\e]0;pwned\a\e[31mred' seen_as='\.]0;pwned\.\.\[31mred' name
	serve
	ln -s "$(command -v rpmsg-listen)" "${bad:0:15}"
	start "./${bad:0:15}" -q -R -n svc1 -o raw
	rpmsg-ns -q wait svc1
	# an announcement that rpmsg-ns would not send
	printf -v name '%-64s' "$(printf '%s' "$bad" | od -An -v -tx1 | tr -d ' \n')"
	rpmsg-send -q -R -d 0x35 -x "${name// /0}" 00050000 00000000
	terminal 160x40
	top
	see "$seen_as .* 0x500 " 'pid [0-9]+ \(\.]0;pwned'
	rpmsg-send -q -n svc1 "payload $bad" >/dev/null
	keys / svc1 Enter
	see "payload $seen_as"
	rpmsg-listen -q --history --no-follow --events -w "x$bad.pcap" >/dev/null
	quit_by 0 q
	printf %s "$bad.cap" >name
	order 'rpmsg-top -r x*.pcap -w "$(cat name)"'
	wait_for has_screen
	keys '$'
	see "$seen_as"
	keys w
	see "^writing $seen_as\.cap: "
	quit_by 0 q
	grep -q pwned output
	run -1 grep -a $'\e]0;\|\e\[31mred' output
}

@test "signals that few send; a job that is killed while it is stopped; one that is ignored" {
	local sig
	serve
	terminal 80x24 ASAN_OPTIONS="$ASAN_OPTIONS:handle_segv=0:handle_abort=0:handle_sigbus=0"
	for sig in USR1 ALRM TRAP; do
		top
		see '^rpmsg0  up'
		kill -s "$sig" "$top_pid"
		sane $((128 + $(kill -l "$sig")))
	done
	top
	see '^rpmsg0  up'
	keys C-z
	sane 148
	kill -TERM "$top_pid"
	kill -CONT "$top_pid"
	wait_for all_gone "$top_pid"
	sane
	order '(trap "" QUIT; exec rpmsg-top)'
	wait_for has_screen
	see '^rpmsg0  up'
	keys 'C-\' h
	see '^Moving'
	keys h
	quit_by 0 q
}

@test "channels of one name are told apart by their address; untag all reaches rows out of sight" {
	serve rpmsg0=loop other=loop
	rpmsg-ns -q -b rpmsg0 -R announce twin --src 0x400
	rpmsg-ns -q -b rpmsg0 -R announce twin --src 0x500
	terminal 120x30
	top -b rpmsg0 -b other -i 0.1
	see 'host +twin +\? +0x400 ' 'host +twin +\? +0x500 '
	keys / 0 x 5 0 0 Enter
	see '^> .*twin .*0x500 '
	# in later pictures too
	rpmsg-ns -q -b rpmsg0 -R announce later
	see ' host +later ' '^> .*twin .*0x500 '
	keys Space
	see '^.\*.*twin .*0x500 '
	keys b b
	see '^other ' 'no channel and no endpoint'
	keys U b
	see '^2 buses' ' host +later '
	unsee '^.\*'
	quit_by 0 q
}
