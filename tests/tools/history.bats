# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen: what was recorded before it began, on a bus and in a file.

load ../lib/common
load ../lib/process

# send BUS TEXT...: from 0x5 to 0x32, a message each
send()
{
	rpmsg-send -b "$1" -s 5 -d 50 "${@:2}"
}

# payloads ARG...: what rpmsg-listen shows, an event or message a line
payloads()
{
	rpmsg-listen -q "$@" -j >payloads.json || return
	jq -r 'if .type == "msg" then .text else .type end' payloads.json
}

@test "--history begins with the oldest message held and goes on live, none missed, none twice" {
	local sender listener
	serve
	# one that was announced and withdrawn before is still known by its name
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	run -0 send rpmsg0 first
	run -0 rpmsg-ns -b rpmsg0 -R withdraw clock
	seq 1 3000 >numbers
	start rpmsg-send -b rpmsg0 -s 5 -d 60 -l -f numbers
	sender=$started
	start rpmsg-listen -b rpmsg0 --history -o raw -c 3003 addr 5
	listener=$started
	exits 0 waited "$sender"
	run -0 send rpmsg0 x y
	exits 0 waited "$listener"
	assert_equal "$(cat "$started_out")" "first$(tr -d '\n' <numbers)xy"
	run -0 rpmsg-listen -q -b rpmsg0 --no-follow --time n name clock
	assert_line 'rpmsg0 h>r clock 0x5>0x32 [5] first'
	assert_line --partial 'rpmsg0 r>h clock 0x32>0x35 [40]'
}

@test "--no-follow shows what is recorded now and ends" {
	serve
	run -0 rpmsg-listen -b rpmsg0 --no-follow
	assert_output '0 messages seen, 0 lost'
	run -0 send rpmsg0 a b c
	run -0 payloads -b rpmsg0 --no-follow
	assert_output $'a\nb\nc'
	run -0 payloads -b rpmsg0 --history --no-follow -c 2
	assert_output $'a\nb'
	run -0 rpmsg-listen -b rpmsg0 --no-follow -w all.pcap
	assert_output '3 messages written to all.pcap, 0 lost'
	run -0 payloads -r all.pcap
	assert_output $'a\nb\nc'
}

@test "--last keeps the last of those that EXPR chooses, then goes on" {
	local listener
	serve
	run -0 send rpmsg0 a b c d
	run -0 rpmsg-send -b rpmsg0 -s 5 -d 60 other
	run -0 payloads -b rpmsg0 --last 2 --no-follow
	assert_output $'d\nother'
	run -0 payloads -b rpmsg0 --last 2 --no-follow dst 50
	assert_output $'c\nd'
	run -0 payloads -b rpmsg0 --last 3 --no-follow -c 1 dst 50
	assert_output b
	run -0 payloads -b rpmsg0 --last 100 --no-follow
	assert_output $'a\nb\nc\nd\nother'
	start rpmsg-listen -b rpmsg0 --last 1 -c 2 -o raw dst 50
	listener=$started
	wait_for grep -q d "$started_out"
	run -0 send rpmsg0 e
	exits 0 waited "$listener"
	assert_equal "$(cat "$started_out")" de
}

@test "--since shows what is not older" {
	serve
	run -0 send rpmsg0 a b
	run -0 payloads -b rpmsg0 --since 0 --no-follow
	assert_output ''
	run -0 payloads -b rpmsg0 --since 3600 --no-follow
	assert_output $'a\nb'
	run -0 payloads -b rpmsg0 --since inf --last 1 --no-follow
	assert_output b
	# in a file it counts from the last message, chosen or not
	{
		echo '(10.0) - h>r 1>2#61'
		echo '(12.499999999) - h>r 1>2#62'
		echo '(12.5) - h>r 1>2#63'
		echo '(13.0) - h>r 1>2#64'
		echo '(14.0) - h>r 1>3#65'
	} >some.log
	run -0 payloads -r some.log --since 1.5
	assert_output $'c\nd\ne'
	run -0 payloads -r some.log --since 1.5 dst 2
	assert_output $'c\nd'
	run -0 payloads -r some.log --since 1.5 --last 1 dst 2
	assert_output d
	run -0 payloads -r some.log --since 0
	assert_output e
	run -0 payloads -r - --since 1.6 --last 2 <some.log
	assert_output $'d\ne'
}

@test "several buses: by time" {
	serve a=loop
	serve b=loop
	run -0 send a 1
	run -0 send b 2
	run -0 send a 3
	run -0 send b 4
	run -0 payloads -b b -b a --no-follow
	assert_output $'1\n2\n3\n4'
	run -0 payloads -b all --last 3 --no-follow
	assert_output $'2\n3\n4'
}

@test "what was overwritten is lost if it could have been among what is asked for" {
	serve --record-size 262144 rpmsg0=loop
	seq 1 8000 | run -0 rpmsg-send -b rpmsg0 -d 50 -l -f -
	run -1 --separate-stderr rpmsg-listen -b rpmsg0 --history --no-follow --strict -o json
	assert_line --index 0 --partial '"type":"lost"'
	[[ ${stderr_lines[0]} =~ ^([0-9]+)\ messages\ seen,\ ([0-9]+)\ lost$ ]]
	assert_equal $((BASH_REMATCH[1] + BASH_REMATCH[2])) 8000
	((BASH_REMATCH[1] > 100 && BASH_REMATCH[2] > 100))
	run -1 rpmsg-listen -q -b rpmsg0 --since 3600 --no-follow --strict -o raw
	run -1 rpmsg-listen -q -b rpmsg0 --last 8000 --no-follow --strict -o raw
	run -0 rpmsg-listen -q -b rpmsg0 --last 100 --no-follow --strict -o raw
	assert_output "$(seq 7901 8000 | tr -d '\n')"
	run -0 rpmsg-listen -q -b rpmsg0 --since 0 --no-follow --strict -o raw
	assert_output ''
	# the same of the file
	cp "$RPMSG_DIR/rpmsg0.rec" copy.rec
	run -1 rpmsg-listen -q -r copy.rec --strict -o raw
	run -1 rpmsg-listen -q -r copy.rec --last 8000 --strict -o raw
	run -1 rpmsg-listen -q -r copy.rec --since 3600 --strict -o raw
	run -0 rpmsg-listen -q -r copy.rec --last 100 --strict -o raw
	assert_output "$(seq 7901 8000 | tr -d '\n')"
	run -0 rpmsg-listen -q -r copy.rec --since 0 --strict -o raw
	assert_output 8000
}

events_until()
{
	[[ $(payloads -b rpmsg0 --no-follow --events) == *"$1"$'\nevent' ]]
}

@test "events among the messages" {
	serve
	for text in a b; do
		run -0 send rpmsg0 $text
		# nobody has its destination
		wait_for events_until $text
	done
	run -0 payloads -b rpmsg0 --no-follow --events
	assert_output $'up\nup\na\nevent\nb\nevent'
	# they are not counted, and come with the messages that are kept
	run -0 payloads -b rpmsg0 --no-follow --events --last 1
	assert_output $'b\nevent'
}

@test "a bus whose rpmsgd crashed: 2, and where its last traffic is" {
	serve
	run -0 send rpmsg0 a b
	exits 137 stop "$started" KILL
	for args in '-b rpmsg0 --history --no-follow' '-b rpmsg0' '--no-follow'; do
		# shellcheck disable=SC2086 # two arguments
		run -2 --separate-stderr rpmsg-listen $args
		assert_output ''
		[[ $stderr == *"rpmsg-listen -r $RPMSG_DIR/rpmsg0.rec" ]]
	done
	assert_not_exist "$RPMSG_DIR/rpmsg0.rec.crashed"
	run -0 rpmsg-listen -r "$RPMSG_DIR/rpmsg0.rec" -o raw
	assert_line --index 0 --partial ab
	assert_output --partial "pid $started did not end this recording"
	# nothing is said of a bus that ended as it should, and nothing is started
	rm "$RPMSG_DIR/rpmsg0.rec" "$RPMSG_DIR/rpmsg0.sock"
	run -2 rpmsg-listen --no-follow
	assert_output 'rpmsg-listen: no bus is served'
	assert_not_exist "$RPMSG_DIR/rpmsg0.sock"
}

@test "options that do not go together are misuse" {
	local args
	for args in '-n x --history' '-s 5 --no-follow' '--kernel --last 3' '-d 5 --since 1' \
		'-r x --follow --no-follow' '--no-follow -- true' '--last 0' '--last x' '--since -1' \
		'--since x' '--follow'; do
		# shellcheck disable=SC2086 # several arguments
		run -64 rpmsg-listen $args
		assert_output --partial 'rpmsg-listen: '
	done
}

# ---- files ----

# own_recorder [ARG...]: a listener that records itself to own.rec
own_recorder()
{
	start env RPMSG_RECORD=own.rec rpmsg-listen -b shm:x -R -s 50 -q -o raw
	recorder=$started
}

@test "--follow awaits the file, goes on after what was held, and ends with the recorder" {
	local recorder reader
	start rpmsg-listen -r own.rec --follow -o raw
	reader=$started
	reader_out=$started_out
	wait_for grep -q 'own.rec is not there yet' "$started_err"
	own_recorder
	wait_for test -s own.rec
	run -0 rpmsg-send -b shm:x -d 50 one two
	wait_for grep -q onetwo "$reader_out"
	start rpmsg-listen -r own.rec --follow --last 1 -o raw
	wait_for grep -q two "$started_out"
	run -0 rpmsg-send -b shm:x -d 50 three
	wait_for grep -q twothree "$started_out"
	exits 143 stop "$recorder"
	exits 0 waited "$started"
	exits 0 waited "$reader"
	assert_equal "$(cat "$started_out")" twothree
	assert_equal "$(cat "$reader_out")" onetwothree
}

@test "--follow: a signal and the time end the wait; what is no recorder's file is 1" {
	run -0 rpmsg-listen -r absent.rec --follow -t 0.1
	assert_output 'absent.rec is not there yet: waiting for it'
	start rpmsg-listen -r absent.rec --follow
	wait_for grep -q waiting "$started_err"
	exits 130 stop "$started" INT
	echo '(10.0) - h>r 1>2#61' >some.log
	run -1 rpmsg-listen -r some.log --follow
	assert_output --partial "some.log: only a recorder's file can be followed"
}

@test "--follow: what was recorded before a signal is still shown" {
	serve
	run -0 send rpmsg0 first
	start rpmsg-listen -r "$RPMSG_DIR/rpmsg0.rec" --follow -o raw
	wait_for grep -q first "$started_out"
	kill -STOP "$started"
	run -0 send rpmsg0 second third
	kill -TERM "$started"
	kill -CONT "$started"
	exits 143 waited "$started"
	assert_equal "$(cat "$started_out")" firstsecondthird
	assert_equal "$(cat "$started_err")" '3 messages seen, 0 lost'
}

@test "--follow takes a recorder's file from standard input" {
	serve
	run -0 send rpmsg0 a b
	run -0 rpmsg-listen -q -r - --follow -c 2 -t "$DEADLINE" -o raw <"$RPMSG_DIR/rpmsg0.rec"
	assert_output ab
}

@test "a count that is not reached in time is 4, though there was nothing to read" {
	run -4 rpmsg-listen -r absent.rec --follow -c 1 -t 0.1
	assert_output --partial 'only 0 of 1 messages came in time'
	mkfifo pipe
	exec 9<>pipe
	run -4 rpmsg-listen -r - -c 1 -t 0.1 <&9
	exec 9>&-
	assert_output --partial 'only 0 of 1 messages came in time'
	# that nobody has opened for writing
	run -4 timeout "$DEADLINE" rpmsg-listen -r pipe -c 1 -t 0.1
	assert_output --partial 'only 0 of 1 messages came in time'
}

@test "what a file has lost is lost on its bus, before what follows" {
	serve --record-size 262144 rpmsg0=loop
	seq 1 8000 | run -0 rpmsg-send -b rpmsg0 -d 50 -l -f -
	cp "$RPMSG_DIR/rpmsg0.rec" copy.rec
	run -0 rpmsg-listen -q -r copy.rec --events -w '%b.pcap'
	run -0 echo *.pcap
	assert_output rpmsg0.pcap
	run -0 capinfos -o rpmsg0.pcap
	assert_output --partial 'True'
	run -0 rpmsg-listen -q -r rpmsg0.pcap --events -j -c 1
	assert_line --index 0 --partial '"type":"lost"'
	assert_line --index 1 --partial '"type":"msg"'
}

@test "a recorder's file that was cut gives what it has, then 1" {
	serve --record-size 262144 rpmsg0=loop
	seq 1 500 | run -0 rpmsg-send -b rpmsg0 -d 50 -l -f -
	cp "$RPMSG_DIR/rpmsg0.rec" cut.rec
	truncate -s 10000 cut.rec
	run -1 --separate-stderr rpmsg-listen -r cut.rec -o raw
	[[ $output == 123456789101112* && ${#output} -gt 100 && ${#output} -lt 1000 ]]
	assert_equal "$output" "$(seq 1 500 | tr -d '\n' | head -c "${#output}")"
	[[ $stderr == *'rpmsg-listen: cut.rec: recording cut to '* ]]
	run -1 --separate-stderr rpmsg-listen -q -r cut.rec --last 1 -o raw
	[[ $output =~ ^[0-9]{2,3}$ ]]
	truncate -s 100 cut.rec
	run -1 rpmsg-listen -r cut.rec
	assert_output --partial cut.rec
}

@test "a recorder's file that is cut while it is read and written harms neither" {
	local recorder
	own_recorder
	wait_for test -s own.rec
	start rpmsg-listen -r own.rec --follow -o raw
	run -0 rpmsg-send -b shm:x -d 50 one
	wait_for grep -q one "$started_out"
	truncate -s 0 own.rec
	exits 1 waited "$started"
	assert_file_contains "$started_err" 'own.rec: recording cut while it was read'
	run -0 rpmsg-send -b shm:x -d 50 two
	wait_for grep -q onetwo "$BATS_TEST_TMPDIR/start.0.out"
	exits 143 stop "$recorder"
}
