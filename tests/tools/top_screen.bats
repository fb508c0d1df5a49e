# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top: what its screen shows, in all kinds of terminals and of buses that come and go.

load ../lib/common
load ../lib/process
load ../lib/tmux
load ../lib/traffic

@test "every number of a known load: in the head, the table, and all about a row" {
	serve
	echo_service one
	echo_service two
	speak one 30 hello
	speak two 987 "$(printf '%20s' '')"
	rpmsg-send -q -b rpmsg0 -d 0x99 -s 0x77 -c 7 nobody
	terminal 220x50
	top --sort service -i 0.2
	local channel='0 +0 +0 +0 +0%[^%]*' from='host +' to='remote +'
	see "${from}one +0x400 +0x400 .* $channel 30 +30$" "${to}one +0x400 +0x400 .* $channel 30 +30$" \
		"${from}two .* $channel 987 +987$" "${to}two .* $channel 987 +987$"
	# announcements are messages too
	see '^h>r .* 0/256 .* errors 7 +MTU 496 +total 1\.0k msg 19\.9k B' \
		'^r>h .* errors 0 +MTU 496 +total 1\.0k msg 20\.0k B' \
		'7 messages \(42 bytes\) from 0x77 to 0x99'
	keys G
	see "^> .*remote +two"
	keys Enter
	see '^two  0x401 > 0x40[0-9]  on the remote side of rpmsg0$' \
		'^sent      987 messages  19740 bytes  0 msg/s  0 B/s  last ' \
		'^received  987 messages  19740 bytes  0 msg/s  0 B/s  last ' \
		'^queued    0 messages kept until it reads' '^dropped   0 messages' '^16-31 .* 987 .* 987$'
	speak two 13 x
	see '^received  1000 messages  19753 bytes' '^1 .* 13 .* 13$' '^16-31 .* 987 .* 987$'
	quit_by 0 q q
}

@test "every size that a terminal has" {
	serve
	echo_service a-service-whose-name-is-31-long
	terminal 40x10
	local name='a-service-whose-name-is-31-long'
	top
	see '^rpmsg0 +up .*every 1 s$' '^h>r \[ +\] +0/256' '^..SERVICE +SRC +' '^> +a-service-whose' '^h help q quit'
	unsee OWNER
	resize 300x12
	see "$name" OWNER QUEUED 'BUS .* RX$'
	unsee '^events'
	resize 60x50
	see '^events' '^messages of'
	assert_equal "$(screen | wc -l)" 50
	resize 40x9
	see '^too small: 40x10 is needed'
	resize 1x1
	see '^t$'
	resize 39x10
	see '^too small: 40x10 is needed'
	resize 80x24
	see '^events' OWNER '^h help q quit'
	quit_by 0 q
}

is_ascii()
{
	! screen | LC_ALL=C grep -q '[^ -~]'
}

has_color()
{
	colored | grep -qE $'\e\\[([0-9;]*;)?(3[0-7]|4[0-7]|38|48|9[0-7])(;[0-9]+)*m'
}

@test "plain terminals, locales without more than ASCII, and no colours" {
	serve
	echo_service svc1
	terminal 100x40 LC_ALL=C.UTF-8
	top
	see ' svc1 ' '───'
	has_color
	quit_by 0 q
	local how
	# on TERM=linux ncurses asks libgpm, which leaks the name of the terminal
	for how in LC_ALL=C TERM=vt100 'TERM=linux LSAN_OPTIONS=exitcode=0' TERM=xterm NO_COLOR=1 'LC_ALL=C TERM=vt100'; do
		order "export $how"
		ordered 0
		top -i 0.2
		see ' svc1 '
		keys h
		see '^Moving'
		keys q
		see '^messages of'
		if [[ $how == LC_ALL=C* ]]; then
			assert is_ascii
			see '^messages of svc1 .*-----'
		else
			see '───|---'
		fi
		if [[ $how =~ NO_COLOR|vt100 ]]; then
			refute has_color
		else
			assert has_color
		fi
		quit_by 0 q
		order 'export LC_ALL=C.UTF-8 TERM=tmux-256color; unset NO_COLOR LSAN_OPTIONS'
		ordered 0
	done
	top --ascii
	see ' svc1 '
	assert is_ascii
	quit_by 0 q
}

@test "terminals that cannot show it, and keys where standard input is a file" {
	serve
	terminal 100x30
	local name
	for name in dumb no-such-terminal; do
		order "TERM=$name rpmsg-top"
		ordered 1
		see "rpmsg-top: TERM=$name: the terminal .*use --batch"
	done
	order 'rpmsg-top --out json'
	ordered 64
	order 'rpmsg-top | cat'
	ordered 0
	see 'standard output is no terminal: use --batch'
	sane
	order 'clear; rpmsg-top </dev/null'
	wait_for has_screen
	keys h
	see '^Moving'
	keys q
	see '^h help'
	quit_by 0 q
}

@test "a bus that dies, comes back, and is stopped" {
	serve
	local server=$started
	echo_service svc1
	terminal 100x30
	top -b rpmsg0 -i 0.2 --sort service
	see '^rpmsg0  up  generation 1 ' ' svc1 '
	kill -KILL "$server"
	see '^rpmsg0  gone: ' '^ALARM: ' '^.x(host|remote) +svc1 '
	keys h
	see '^Moving'
	keys h
	serve
	server=$started
	see '^rpmsg0  up '
	echo_service svc2
	speak svc2 3 hello
	see ' svc1 ' ' svc2 '
	unsee gone:

	kill -STOP "$server"
	see '^rpmsg0  no answer for [0-9]' '^ALARM: '
	keys End
	see '^>.*svc2'
	keys h
	see '^Moving'
	keys h
	keys '\'
	text svc2
	see '^filter: svc2$'
	keys Escape
	see '^h help'
	kill -CONT "$server"
	unsee 'no answer for'
	see '^rpmsg0  up ' ' svc2 '
	kill -STOP "$server"
	see 'no answer for'
	quit_by 0 q
	kill -CONT "$server"

	top -b rpmsg0 --exit-on-down
	see '^rpmsg0  up '
	exits 0 stop "$server"
	sane 6
	see 'rpmsg-top: rpmsg0: link down'
}

@test "2,000 endpoints" {
	serve
	start "$BUILD/programs/endpoints" rpmsg0 1000
	wait_for grep -q done "$started_out"
	terminal 160x40
	top --sort src
	local row='^> (rpmsg0 +)?host +- +'
	see '^> (rpmsg0 +)?remote +- +0x10000 '
	keys G
	see "${row}0x203e7 .* 1 +0$"
	# row 997 from 0 on: 8 messages
	keys k k
	see "${row}0x203e5 .* 8 +0$"
	keys PPage PPage PPage
	unsee 0x203e5
	keys g j NPage
	see '^> (rpmsg0 +)?remote +- +0x100[01][0-9a-f] '
	keys /
	text 0x20232
	keys Enter
	see '^> (rpmsg0 +)?remote +- +0x10232 +0x20232 '
	keys n
	see "${row}0x20232 .* 5 +0$"
	keys Enter
	see '^sent      5 messages  310 bytes' '^received  0 messages  0 bytes'
	keys q
	# most first: each 9th has 9
	keys '\'
	text remote
	keys Enter s End Enter
	see 'filter: remote' 'RX▼'
	keys g
	see '^> (rpmsg0 +)?remote .* 0 +9$' '0x10008 .* 0 +9$'
	assert [ "$(count_seen ' 0 +9$')" -gt 10 ]
	refute [ "$(count_seen ' 0 +8$')" -gt 0 ]
	keys I
	see '^> (rpmsg0 +)?remote .* 0 +1$'
	keys j j j NPage NPage PPage U Space Space
	see '^messages of 2 tagged rows'
	quit_by 0 q
}

# A message each tenth of a second for 10 s, from 1 on, of as many bytes modulo 4
lines_of_a_log()
{
	local i
	for ((i = 1; i <= 101; i++)); do
		printf '(%d.%09d) rpmsg0 h>r 0x401>0x1e#%s\n' $((1000 + (i - 1) / 10)) \
			$(((i - 1) % 10 * 100000000)) "$(printf '%.*s' $((i % 4 * 2)) 61626364)"
	done
}

@test "a file, and the keys that move its time" {
	lines_of_a_log >file.log
	terminal 160x40
	top -r file.log
	local sent='0x401 .*'
	see '^rpmsg0 .*stopped .*  0\.0/10\.0 s$' "${sent} 1 +0$"
	keys ']'
	see ' 1\.0/10\.0 s$' "${sent} 11 +0$"
	keys ']' ']'
	see ' 3\.0/10\.0 s$' "${sent} 31 +0$" "^h>r .* 10 msg/s"
	keys '['
	see ' 2\.0/10\.0 s$' "${sent} 21 +0$"
	keys '$'
	see ' 10\.0/10\.0 s$' "${sent} 101 +0$"
	keys ']'
	see '^the end'
	keys '{'
	see ' 0\.0/10\.0 s$' "${sent} 1 +0$"
	keys '['
	see '^the beginning'
	keys '}'
	see ' 10\.0/10\.0 s$' "${sent} 101 +0$"
	keys 0
	see ' 0\.0/10\.0 s$' "${sent} 1 +0$"
	keys -
	see '^every 0\.5 s'
	keys ']'
	see ' 0\.5/10\.0 s$' "${sent} 6 +0$"
	keys p
	see '^rpmsg0 .*runs '
	see ' [1-9]\.[0-9]/10\.0 s$'
	keys p
	see '^rpmsg0 .*stopped '
	keys '$' Enter
	see '^sent      101 messages  151 bytes' '^0 .* 25 ' '^1 .* 26 ' '^2-3 .* 50 '
	keys q
	quit_by 0 q
	order 'rpmsg-top -r no-such-file'
	ordered 1
	see 'no-such-file: .*No such file'
}
