# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top: each key and the mouse, by what is seen of it.

load ../lib/common
load ../lib/process
load ../lib/tmux
load ../lib/traffic

# svc1 to svcN
services()
{
	local i
	for ((i = 1; i <= $1; i++)); do echo_service "svc$i"; done
}

# The rows that are seen, from the top on: their services
order_seen()
{
	screen | grep -oE '^[> ][*x ](host|remote) +svc[0-9]+' | grep -oE 'svc[0-9]+' | tr '\n' ' '
}

ordered_as()
{
	[[ $(order_seen) == "$1 " ]]
}

see_order()
{
	poll_until "$DEADLINE" ordered_as "$1" || fail "order is $(order_seen)"
}

see_selected()
{
	see "^>[ *](host|remote) +$1 "
}

# How many records a capture has
captured()
{
	rpmsg-listen -r "$1" -q | wc -l
}

@test "moving, columns, search and filter" {
	serve
	services 9
	terminal 100x20
	top -R --sort service
	see_selected svc1
	keys Down
	see_selected svc2
	keys j
	see_selected svc3
	keys Up
	see_selected svc2
	keys k
	see_selected svc1
	keys k k
	see_selected svc1
	keys End
	see_selected svc9
	keys j
	see_selected svc9
	keys Home
	see_selected svc1
	keys G
	see_selected svc9
	keys g
	see_selected svc1
	# a page is what is seen but for one row
	local page
	resize 100x10
	see '^h help'
	unsee '^messages'
	page=$(count_seen '^..remote +svc')
	assert [ "$page" -lt 9 ]
	keys NPage
	see_selected "svc$page"
	keys PPage
	see_selected svc1
	keys C-f
	see_selected "svc$page"
	keys C-b
	see_selected svc1
	# it goes with its row
	keys j j
	see_selected svc3
	keys I
	see 'SERVICE▲'
	see_selected svc3
	unsee ' svc[12] '
	keys I
	see 'SERVICE▼'
	see_selected svc3
	keys g
	resize 100x20

	see '^  SIDE .*OWNER'
	unsee '^  SERVICE'
	keys Right
	see '^  SIDE +SERVICE' # BUS is not the first any more
	keys Right Right
	see '^  SERVICE'
	unsee SRC
	keys Left Left Left Left
	see '^  SIDE .*SRC .*OWNER'

	keys /
	see '^search:$'
	text VC3
	see '^search: VC3'
	see_selected svc3
	keys BSpace 4
	see_selected svc4
	text zz
	see 'not found: VC4zz'
	keys Escape
	unsee '^search'
	see_selected svc1
	keys n
	see 'not found: VC4zz'
	keys /
	text svc
	keys Enter
	see_selected svc1
	keys n
	see_selected svc2
	keys n
	see_selected svc3
	keys N
	see_selected svc2
	keys N N
	see_selected svc9

	keys '\'
	see '^filter:$'
	text 'svc5x'
	see 'nothing here is like "svc5x"'
	keys BSpace
	see_order svc5
	keys Enter
	see '^filter: svc5  h help'
	keys F4
	see '^filter: svc5$'
	keys C-u
	text 0x407
	see_order svc8
	keys Escape
	see_order svc5
	keys '\' C-u Enter
	see ' svc1 ' '^>.remote +svc5 '
	quit_by 0 q
}

@test "order, tags, panes, hex and text, all about a row, help" {
	serve
	services 3
	speak svc2 30 x
	speak svc3 20 x
	speak svc1 10 x
	terminal 120x40
	top -R --sort rx -i 0.2
	see_order 'svc2 svc3 svc1'
	keys I
	see_order 'svc1 svc3 svc2'
	keys s
	see '^ Sort by' '^> \* RX$'
	keys Home
	see '^>   BUS '
	keys j j
	see '^>   SERVICE '
	keys I
	keys Enter
	unsee '^ Sort by'
	see_order 'svc1 svc2 svc3'
	see 'SERVICE▼'
	keys F6
	see '^> \* SERVICE'
	keys NPage
	unsee '^>...SERVICE'
	keys End
	see '^>   RX$'
	keys Escape
	unsee '^ Sort by'
	see_order 'svc1 svc2 svc3'
	keys s s
	unsee '^ Sort by'

	keys g j
	see_selected svc2
	see '^messages of svc2 0x401 '
	speak svc2 1 'Payload'
	see 'h>r 0x4..>0x401 7 +50 61 79 6c 6f 61 64 +Payload' 'r>h 0x401>0x4.. 7 +50 61 79 6c 6f 61 64 +Payload'
	keys x
	see '50 61 79 6c 6f 61 64'
	unsee Payload
	keys x
	see 7.+Payload
	unsee '50 61 79 6c 6f 61 64'
	keys x
	see '50 61 79 6c 6f 61 64 +Payload'
	# another row's are not shown
	speak svc1 1 Other
	keys Tab
	see '^> messages of svc2'
	keys k
	see 'messages of svc2 0x401 \(1 newer below\)'
	unsee Other
	speak svc2 2 more
	see 'messages of svc2 0x401 \([0-9]+ newer below\)'
	unsee more
	keys G
	see 'h>r .*more'
	unsee 'newer below'
	keys g
	see 'newer below'
	keys G
	unsee 'newer below'
	rpmsg-ns -R announce thing
	rpmsg-ns -R withdraw thing
	see 'announce' 'withdraw'
	keys Tab
	see '^> events'
	keys PPage
	see 'events \([0-9]+ newer below\)'
	keys End
	unsee 'events \([0-9]+ newer below\)'
	keys Tab
	unsee '^> (messages|events)'
	keys m
	unsee '^messages of'
	see '^events '
	keys e
	unsee '^events '
	# off and on again, the recording is read again
	local i
	for ((i = 0; i < 9; i++)); do
		keys m e
		see '^messages of' '^events '
		keys m e
		unsee '^messages of' '^events '
	done
	keys m e
	see '^messages of' '^events '
	# the pane is there before the recording is open
	speaks_again()
	{
		speak svc2 1 again
		seen 'h>r .*again'
	}
	wait_for speaks_again

	keys g Space
	see '^ \*remote +svc1' '^> remote +svc2' '^messages of 1 tagged row '
	keys Space
	see '^ \*remote +svc2' '^> remote +svc3' '^messages of 2 tagged rows'
	speak svc1 1 one-of-two
	speak svc2 1 two-of-two
	speak svc3 1 untagged
	see one-of-two two-of-two
	unsee untagged
	keys k Space
	see '^  remote +svc2' '^messages of 1 tagged row'
	keys k Space
	see '^ \*remote +svc2' '^> remote +svc3' '^messages of 2 tagged rows'
	keys U
	see '^messages of svc3'
	unsee '^.\*remote'

	local key
	for key in Enter Escape q; do
		keys Enter
		see '^svc3  0x402 > 0x4[0-9a-f]+  on the remote side of rpmsg0' '^endpoint  number [0-9]+' \
			'^owner     pid [0-9]+ \(rpmsg-listen\)' '^received  21 messages  28 bytes' \
			'^q back'
		unsee '^messages of'
		keys "$key"
		see '^messages of svc3'
	done
	for key in h '?' F1; do
		keys "$key"
		see '^Moving' '^  q F10 +quit'
		keys "$key"
		unsee '^Moving'
	done
	# pressed again before it was taken, as on a slow line
	keys h
	see '^Moving'
	text $'\e\e'
	unsee '^Moving'
	resize 120x12
	keys h
	see '^Moving'
	keys NPage
	unsee '^Moving'
	keys k
	keys G
	see '^  \[.+ a ring:'
	keys g
	see '^Moving'
	keys q
	see '^h help'

	printf '\e7\e[10;1HRubbish\e8' >"$(tmux_says '#{pane_tty}')"
	see '^Rubbish'
	keys C-l
	unsee '^Rubbish'
	see_selected svc3
	quit_by 0 F10
}

@test "pause, interval, refresh" {
	serve
	services 1
	speak svc1 10 x
	terminal 160x30
	top -R -i 0.1
	local row='^> (rpmsg0 +)?remote +svc1 .*'
	see "$row 10 +10$" 'every 0.1 s  [0-9:]{8}$'
	keys -
	see '^every 0.1 s'
	keys + + +
	see 'every 1 s  [0-9:]{8}$' '^every 1 s'
	keys + + + + + + + +
	see 'every 60 s  [0-9:]{8}$'
	speak svc1 5 x
	keys r
	see "$row 15 +15$"
	keys - - - - -
	see 'every 1 s  [0-9:]{8}$'
	keys p
	see 'PAUSED$'
	# so long that there is a picture which is not shown
	rpmsg-top --batch -c 2 -i 1.1 >/dev/null
	speak svc1 5 x
	keys h
	see '^Moving'
	keys h
	see "$row 15 +15$"
	keys r
	see "$row 20 +20$" 'PAUSED$'
	keys - - - - - - - - -
	see '^every 0.1 s'
	keys Z
	unsee 'PAUSED$'
	speak svc1 5 x
	see "$row 25 +25$"
	quit_by 0 q
}

@test "the next bus" {
	serve rpmsg0=loop
	serve rpmsg1=loop
	echo_service svc1 rpmsg0
	echo_service svc2 rpmsg1
	terminal 120x30
	top -R -b rpmsg0 -b rpmsg1
	see '^2 buses' '^rpmsg0 +up' '^rpmsg1 +up' 'rpmsg0.* svc1 ' 'rpmsg1.* svc2 '
	keys b
	see '^rpmsg0 +up' ' svc1 '
	unsee '^rpmsg1' 'svc2'
	keys b
	see '^rpmsg1 +up' ' svc2 '
	unsee '^rpmsg0' 'svc1'
	keys b
	see '^2 buses' 'rpmsg0.* svc1 ' 'rpmsg1.* svc2 '
	quit_by 0 q
	# all: also what is served later
	top -R -b all
	see '^2 buses'
	serve rpmsg2=loop
	echo_service svc3 rpmsg2
	see '^3 buses' '^rpmsg2 +up' 'rpmsg2.* svc3 '
	keys b b b
	see '^rpmsg2 +up' ' svc3 '
	unsee 'svc1' 'svc2'
	quit_by 0 q
}

@test "a capture of what is shown" {
	serve
	services 2
	terminal 120x30
	top -R -i 0.1 --sort service
	see_selected svc1
	keys w
	see '^writing rpmsg-2[0-9-]+\.pcap: 0 records'
	speak svc1 3 first
	speak svc2 4 second
	see '^writing rpmsg-2.*: 14 records'
	keys w
	see '^rpmsg-2[0-9-]+\.pcap: 14 records written'
	assert_equal "$(captured rpmsg-2*.pcap)" 14
	rm rpmsg-2*.pcap
	# of tagged rows alone, paused too
	keys j Space p w
	see '^writing rpmsg-2.*: 0 records'
	speak svc1 5 first
	speak svc2 2 second
	see '^writing rpmsg-2.*: 4 records'
	quit_by 0 q
	run -0 rpmsg-listen -r rpmsg-2*.pcap -q
	assert_equal "${#lines[@]}" 4
	assert_output --partial second
	refute_output --partial first

	# to a file of this name; what there is already stays
	top -R -w mine.pcap --filter svc2
	keys w
	see '^writing mine.pcap: 0 records'
	speak svc1 5 first
	speak svc2 1 second
	see '^writing mine.pcap: 2 records'
	keys w
	see '^mine.pcap: 2 records written'
	keys w
	see '^mine.pcap: .*exist'
	quit_by 0 q
	assert_equal "$(captured mine.pcap)" 2
}

# Where WORD begins: "LINE COLUMN", from 1 on
place_of()
{
	screen | awk -v word="$1" '(x = index($0, word)) { print NR, x; exit }'
}

# click WORD: on the first one that is seen
click()
{
	local line column
	see "$1"
	read -r line column <<<"$(place_of "$1")"
	mouse 0 "$column" "$line"
}

mouse_is()
{
	[[ $(tmux_says '#{mouse_any_flag}') == "$1" ]]
}

@test "the mouse" {
	serve
	services 3
	terminal 100x40
	for TERM_NAME in tmux-256color xterm; do
		order "export TERM=$TERM_NAME LC_ALL=C"
		ordered 0
		top -R --sort service
		see_selected svc1
		wait_for mouse_is 1
		click svc3
		see_selected svc3
		click svc2
		see_selected svc2
		click SERVICE
		see_order 'svc3 svc2 svc1'
		see_selected svc2
		mouse 65 10 6
		see_selected svc1
		mouse 64 10 6
		see_selected svc3
		read -r line column <<<"$(place_of " svc1 ")"
		mouse 0 "$column" "$line" 2
		see '^svc1 .*on the remote side'
		keys q
		click 'events -'
		see '^> events'
		rpmsg-ns -R announce thing
		rpmsg-ns -R withdraw thing
		see ' withdraw$'
		mouse 64 5 "$(screen | grep -n '^> events' | cut -d: -f1)"
		see 'events \([0-9]+ newer below\)'
		keys s
		click ' BUS '
		unsee '^ Sort by'
		keys s
		see '^> \* BUS'
		keys s
		quit_by 0 q
	done
	top --no-mouse
	see_selected svc1
	mouse_is 0
	quit_by 0 q
}
