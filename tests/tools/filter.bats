#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen EXPR and --bpf: what they choose on a live bus, in captures, and into captures.

load ../lib/common
load ../lib/process

# A service with an announcement, messages both ways, others without a service, and two events.
capture()
{
	"$BUILD/programs/gen_capture" all.pcap <<-END
		announce r 50 clock-1
		h>r 0x400 50 6162
		r>h 50 0x400 01020304
		event stall h>r any 50 7 3 0 cat
		h>r 0x401 0x1234 68656c6c6f20776f726c64
		event announce r>h 51 any 0 0 0 other
		r>h 0x1234 0x401
	END
}

# chosen ARG...: what goes through, a letter each: N name service, else the length; E events
chosen()
{
	run -0 --separate-stderr rpmsg-listen -r all.pcap -j "$@"
	output=$(sed -nE '/"type":"msg"/!s/^[{].*/E/p; s/.*"dst":53,.*/N/p; s/.*"len":([0-9]+),.*/\1/p' \
		<<<"$output" | tr '\n' ' ')
}

@test "EXPR on a capture: each term" {
	capture
	chosen
	assert_output 'N 2 4 11 0 '
	chosen name 'clock-?'
	assert_output 'N 2 4 '
	chosen bus -
	assert_output 'N 2 4 11 0 '
	chosen bus rpmsg0
	assert_output ''
	chosen src 0x400/0xfffffc00
	assert_output '2 11 '
	chosen dst 1025
	assert_output '0 '
	chosen addr 0x1234
	assert_output '11 0 '
	chosen h2r
	assert_output '2 11 '
	chosen r2h
	assert_output 'N 4 0 '
	chosen 'len>4'
	assert_output 'N 11 '
	chosen len 0-2
	assert_output '2 0 '
	chosen data 0102
	assert_output '4 '
	chosen data @2 0304
	assert_output '4 '
	chosen 'data contains "o w"'
	assert_output '11 '
	chosen ns
	assert_output 'N '
}

@test "EXPR: and, or, not, parentheses, in one argument or several" {
	capture
	chosen 'name clock* and (len > 10 or data 0102)'
	assert_output 'N 4 '
	chosen name 'clock*' and '(' len '>' 10 or data 0102 ')'
	assert_output 'N 4 '
	chosen not name 'clock*' -c 1
	assert_output '11 '
	chosen '!ns && h2r || len 0'
	assert_output '2 11 0 '
	chosen ''
	assert_output 'N 2 4 11 0 '
}

@test "EXPR asks for the events that it names" {
	capture
	chosen event
	assert_output 'E E '
	chosen event stall
	assert_output 'E '
	chosen event drop
	assert_output ''
	chosen event announce or h2r
	assert_output '2 E 11 E '
	chosen not event
	assert_output 'N 2 4 11 0 '
	chosen event and name other
	assert_output 'E '
	chosen event and name clock-1
	assert_output 'E '
}

@test "--bpf takes libpcap's language, and goes with EXPR" {
	capture
	chosen --bpf 'link[28:4] = 0x01040000'
	assert_output '0 '
	chosen --bpf 'link[28:4] = 0x32000000 or link[24:4] = 0x32000000'
	assert_output 'N 2 4 '
	chosen --bpf 'len = 40'
	assert_output '0 '
	chosen --bpf 'link[40:2] = 0x0102' name 'clock*'
	assert_output '4 '
	chosen --bpf 'link[40:2] = 0x0102' h2r
	assert_output ''
	chosen --bpf 'link[38:2] = 0x0900' event
	assert_output 'E '
}

@test "what is chosen is what -w writes and -c counts" {
	capture
	run -0 rpmsg-listen -r all.pcap -w some.pcap 'h2r or len 4'
	assert_output --partial '3 messages written to some.pcap'
	mv some.pcap all.pcap
	chosen
	assert_output '2 4 11 '
	capture
	run -0 rpmsg-listen -r all.pcap -w some.pcap --bpf 'link[19] = 1' -c 2
	mv some.pcap all.pcap
	chosen
	assert_output 'N 4 '
}

@test "EXPR and --bpf on a live bus" {
	local by_name by_bpf both
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	start rpmsg-listen --banner -b rpmsg0 -o raw 'name clock and data contains "i" and bus rpmsg0'
	by_name=$started_out
	wait_for grep -q ready "$started_err"
	start rpmsg-listen --banner -b rpmsg0 -o raw --bpf 'link[28:4] = 0x01040000'
	by_bpf=$started_out
	wait_for grep -q ready "$started_err"
	start rpmsg-listen --banner -b rpmsg0 -o raw --bpf 'link[24:4] = 0x07000000' not dst 0x401
	both=$started_out
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 50 'hi.' 'no.'
	run -0 rpmsg-send -b rpmsg0 -s 8 -d 0x401 'di.'
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 0x401 'it.'
	wait_for grep -q 'it.' "$by_bpf"
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 50 'is.'
	wait_for grep -q 'is.' "$by_name"
	wait_for grep -q 'is.' "$both"
	assert_equal "$(cat "$by_name") $(cat "$by_bpf") $(cat "$both")" 'hi.is. di.it. hi.no.is.'
}

@test "taking part: EXPR chooses what is shown and written, not what is answered" {
	serve
	start rpmsg-listen --banner -b rpmsg0 -R -s 50 --echo -w part.pcap 'r2h or data "b"'
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-send -b rpmsg0 -d 50 --reply a
	assert_output a
	run -0 rpmsg-send -b rpmsg0 -d 50 --reply b
	exits 130 stop "$started" INT
	run -0 --separate-stderr rpmsg-listen -r part.pcap -o raw
	assert_output abb
}

# refused TEXT ARG...: misuse, told by exactly TEXT, before anything is opened or made
refused()
{
	run -64 --separate-stderr rpmsg-listen -r nothing.pcap -w made.pcap "${@:2}"
	refute_output
	assert_regex "$stderr" "^rpmsg-listen: $1"
	assert_file_not_exist made.pcap
}

@test "a wrong EXPR is told by the word and its place, with 64" {
	refused "expression: 'len' needs a number, not 'foo' \(word 4\)" ns or len foo
	refused "expression: 'source': did you mean 'src'\? \(word 1\)" source 5
	refused "expression: 'h2r': 'and' or 'or' was expected \(word 2\)" 'ns h2r'
	refused "expression: no '\)' for this '\(' \(word 1\)" '(ns'
	refused "expression: nothing follows 'and' \(word 2\)" ns and
	refused "expression: more than 100 '\(' within each other \(word 101\)" \
		"$(head -c 100000 /dev/zero | tr '\0' '(')"
	refused "--bpf: .*syntax error" --bpf 'name foo'
	refused "--bpf: .*data size must be 1, 2, or 4" --bpf 'link[28:3] = 1'
}

@test "the manual and the completions have each keyword and kind of event" {
	local word words
	run rpmsg-listen -r nothing foo
	words=$(sed -n "s/.*there are \(.*\) (word 1).*/\1/p" <<<"$output" | tr -d ,)
	assert [ "$(wc -w <<<"$words")" -ge 11 ]
	for word in $words; do
		assert_file_contains "$TOP/man/rpmsg-listen.1" "^\.It Cm $word\b"
		assert_file_contains "$TOP/completions/bash/rpmsg-tools" "words='name[ a-z0-9]* $word \|words='$word "
		assert_file_contains "$TOP/completions/fish/rpmsg-listen.fish" "rpmsg-listen .*-a '.*\b$word\b"
		assert_file_contains "$TOP/completions/zsh/_rpmsg" ":filter:(.*\b$word\b"
	done
	run rpmsg-listen -r nothing event foo
	words=$(sed -n "s/.*there are \(.*\) (word 2).*/\1/p" <<<"$output" | tr -d ,)
	assert [ "$(wc -w <<<"$words")" -ge 13 ]
	for word in $words; do
		assert_file_contains "$TOP/man/rpmsg-listen.1" "^\.Cm .*\b$word\b"
	done
}

@test "a capture has events with --events alone" {
	serve
	rpmsg-send -b rpmsg0 -d 0x99 nobody
	run -0 rpmsg-listen -b rpmsg0 --no-follow -w a.pcap event or len 6
	assert_output --partial 'with --events'
	run -0 rpmsg-listen -q -r a.pcap --events -o json
	assert_output --partial '"type":"msg"'
	refute_output --partial '"type":"event"'
	run -0 rpmsg-listen -q -b rpmsg0 --no-follow --events -w b.pcap event no-recipient
	run -0 rpmsg-listen -q -r b.pcap event
	assert_output --partial 'no-recipient'
}

@test "name: a withdrawal under another name takes nothing away" {
	printf '%s\n' 'announce r 0x401 one' 'destroy r 0x401 other' 'h>r 0x400 0x401 aa' \
		'destroy r 0x401 one' 'h>r 0x400 0x401 bb' | "$BUILD/programs/gen_capture" a.pcap
	run -0 rpmsg-listen -q -r a.pcap -o log name one and not ns
	assert_output --regexp '0x400>0x401#AA$'
	assert [ "${#lines[@]}" -eq 1 ]
}

@test "-c and --last count events for who asks for them" {
	serve
	rpmsg-send -b rpmsg0 -d 0x99 one two three
	run -0 rpmsg-listen -q -b rpmsg0 --no-follow --last 2 event no-recipient
	assert [ "${#lines[@]}" -eq 2 ]
	run -0 rpmsg-listen -q -b rpmsg0 --history -t "$DEADLINE" -c 3 event no-recipient
	assert [ "${#lines[@]}" -eq 3 ]
	run -0 rpmsg-listen -q -b rpmsg0 --no-follow --last 1 --events
	assert_output --partial three
	run -4 rpmsg-listen -b rpmsg0 --history -t 0.1 -c 4 event no-recipient
	assert_output --partial 'only 3 of 4 records came in time'
}
