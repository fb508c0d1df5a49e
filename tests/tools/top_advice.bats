# SPDX-License-Identifier: BSD-2-Clause
# What rpmsg-top says is wrong with a bus: each case makes it so, and reads the answer.

load ../lib/common

P=$BUILD/programs

# said [ARG...]: level, side, kind and text of each finding of one round
said()
{
	rpmsg-top --batch -j -c 1 -b rpmsg0 "$@" >said.json || return
	findings <said.json
}

findings()
{
	jq -r 'select(.type == "advice") | "\(.level) \(.side) \(.kind): \(.text)"'
}

# has REGEX [ARG...]: whether a finding matches, now
has()
{
	said "${@:2}" | grep -qE -- "$1"
}

# finds REGEX: waits for a finding that matches; all findings of that round are in $output
finds()
{
	wait_for has "$1"
	output=$(findings <said.json)
}

announced()
{
	rpmsg-ns -b rpmsg0 "${@:2}" list 2>/dev/null | awk '{ print $1 }' | grep -qx -- "$1"
}

# remote_sink: a program that has the remote side of shm:x, and takes what comes
remote_sink()
{
	start rpmsg-listen -q -b shm:x -R -n sink -o raw
	wait_for announced sink
}

is_stopped()
{
	grep -q '^State:	T' "/proc/$1/status"
}

# halt PID: stops it, and waits until it is
halt()
{
	kill -STOP "$1"
	wait_for is_stopped "$1"
}

@test "nothing is wrong: nothing is said" {
	serve
	start rpmsg-listen -q -b rpmsg0 -R -n echo --echo
	wait_for announced echo
	run -0 rpmsg-send -q -b rpmsg0 -n echo --reply -c 1000 hello
	run -0 said
	refute_output
	# and the round was one
	assert_equal "$(jq -r 'select(.what == "bus") | .tx.messages' said.json | sort -n)" $'1000\n1001'
}

@test "1. who cannot send until the peer sends first; announced, never bound" {
	serve
	rpmsg-ns -q -b rpmsg0 -R announce echo
	rpmsg-ns -q -b rpmsg0 -R announce other
	run -0 said
	assert_line --regexp "^warning host never-bound: rpmsg0 host: 'echo' \(0x400\) and 1 more: announced, never bound"
	assert_line --regexp "^note remote peer-silent: rpmsg0 remote: 'echo' \(0x400\) and 1 more: announced, and nobody has written to it: it cannot send until the other side sends first"
	assert_equal "${#lines[@]}" 2
	rpmsg-send -q -b rpmsg0 -n echo hello
	run -0 said
	assert_line --regexp "^warning host never-bound: rpmsg0 host: 'other' \(0x401\): announced"
	# and nobody reads what is announced by the bus
	assert_line --regexp '^alarm remote no-recipient: rpmsg0 remote: 1 message \(5 bytes\) from 0x400 to 0x400 lost'
}

@test "2. messages that vanish: by sender and destination" {
	serve
	rpmsg-send -q -b rpmsg0 -s 7 -d 999 -c 12 x
	rpmsg-send -q -b rpmsg0 -s 8 -d 998 -c 1 four
	finds 'from 0x7 to 0x3e7'
	assert_output --regexp 'alarm remote no-recipient: rpmsg0 remote: 12 messages \(12 bytes\) from 0x7 to 0x3e7 lost, the last [^:]*: nobody has 0x3e7 here'
	assert_output --partial 'remote: 1 message (4 bytes) from 0x8 to 0x3e6 lost'
	for i in {100..104}; do rpmsg-send -q -b rpmsg0 -s 7 -d "$i" x; done
	finds '; nor 4 others$'
	[[ $(grep -c no-recipient <<<"$output") -eq 3 ]]
	run -0 rpmsg-top --batch -c 1 -b rpmsg0
	assert_line --regexp '^alarm: rpmsg0 remote: 1 message \(1 bytes\) from 0x7 to 0x68 lost'
}

@test "3. no transmit buffer: how many, who has them, for how long, who waits" {
	serve rpmsg0=shm:x,num=8
	remote_sink
	local listener=$started
	halt "$listener"
	rpmsg-send -q -b rpmsg0 -n sink --try -c 3 x
	finds no-progress
	assert_output --regexp 'warning host no-progress: rpmsg0: 3 of 8 transmit buffers with the remote side, and none came back for [0-9]+ s'
	rpmsg-send -q -b rpmsg0 -n sink --try -c 5 x
	start rpmsg-send -q -b rpmsg0 -n sink -t 60 x
	local sender=$started
	finds 'sender waiting'
	assert_output --regexp 'alarm host no-buffer: rpmsg0: no transmit buffer is free: all 8 are with the remote side, none came back for [0-9]+ s'
	assert_output --regexp "warning host waiting: rpmsg0: 1 sender waiting for a transmit buffer, longest 0x400 of pid $sender \(rpmsg-send\), for [0-9]+ s"
	assert_output --regexp 'warning host no-buffer: rpmsg0: 1 send found no transmit buffer, the last .*, most from 0x400 of pid '
	kill -CONT "$listener"
	waited "$sender"
	run -0 said
	refute_output --partial alarm
	refute_output --partial waiting
	refute_output --partial no-progress
	# it is told of still, as of a time
	assert_output --partial '1 send found no transmit buffer, the last '
}

@test "3. a client that does not read keeps the buffers; its messages are dropped in the end" {
	serve --stall 4 rpmsg0=loop:num=16
	start "$P/flow" receive rpmsg0 20000 6
	local receiver=$started
	wait_for announced flow
	halt "$receiver"
	start timeout 60 "$P/flow" send rpmsg0 20000 6
	local sender=$started
	finds 'alarm host no-buffer'
	assert_output --regexp "warning remote not-read: rpmsg0 remote: 0x400 of pid $receiver \(flow\) has read nothing for [0-9]+ s: [0-9]+ messages waiting, 16 of them in the ring"
	assert_output --regexp "alarm host no-buffer: rpmsg0 host: no transmit buffer is free: all 16 are with pid $receiver \(flow\) endpoint 0x400, none came back for [0-9]+ s"
	waited "$sender"
	finds dropped
	assert_output --regexp "alarm remote not-read: rpmsg0 remote: [0-9]+ messages dropped, the last [^:]*: not read in time by the program that has the address, most by 0x400 of pid $receiver \(flow\)"
	stop "$receiver" KILL || true
}

@test "4. too long: the MTU each way" {
	serve rpmsg0=loop:size=256
	run -0 "$P/too_long" rpmsg0 241 3
	finds too-long
	assert_output --regexp 'warning host too-long: rpmsg0 host: 3 sends too long, the last [^:]*: at most 240 bytes can be sent and 240 received'
	[[ $(jq -s 'map(select(.what == "bus" and .side == "host")) | .[0].errors.too_long' said.json) -eq 3 ]]
}

@test "5. works once, and not after a restart: how often the link came up, and what it waits for" {
	serve rpmsg0=shm:x
	finds link-down
	assert_output --regexp '^alarm host link-down: rpmsg0: link down: the remote side is not there'
	remote_sink
	run -0 said
	refute_output --partial link-down
	refute_output --partial restarted
	stop "$started" || true
	finds link-down
	remote_sink
	finds restarted
	assert_output --partial 'note host restarted: rpmsg0: the link came up 2 times'
}

@test "5. another server: said while it is watched" {
	serve
	local server=$started
	start rpmsg-top -b rpmsg0 --batch -j -i 0.1
	local top=$started out=$started_out
	wait_for grep -q '"what":"bus"' "$out"
	stop "$server" || true
	wait_for eval "findings <$out | grep -q 'alarm null link-down: rpmsg0: '"
	serve
	wait_for eval "findings <$out | grep -q 'note host restarted: rpmsg0 host: its server is another one'"
	stop "$top" || true
}

@test "5. a server that does not answer" {
	serve
	local server=$started
	start rpmsg-top -b rpmsg0 --batch -j -i 0.1
	local top=$started out=$started_out
	wait_for grep -q '"what":"bus"' "$out"
	halt "$server"
	wait_for eval "findings <$out | grep -Eq 'alarm host link-down: rpmsg0 host: its server \(pid $server\) has not answered for [0-9]+ s: is it stopped'"
	[[ $(findings <"$out" | grep -c 'remote link-down') -eq 0 ]]
	kill -CONT "$server"
	stop "$top" || true
}

@test "7. the announcement never comes; and without the feature it cannot" {
	serve
	run -0 said
	assert_output --regexp "^note host no-channel: rpmsg0 host: link up, and nothing is announced: .*rpmsg-ns -b rpmsg0 wait NAME"
	assert_equal "${#lines[@]}" 1
	stop "$started" || true
	serve rpmsg0=shm:x
	start "$P/no_ns" shm:x
	finds no-ns
	assert_output --partial 'warning host no-ns: rpmsg0: without feature NS nothing is announced either way (there is: VERSION_1'
}

@test "9, 10. ring entries that are malformed: how many, and with which values" {
	serve rpmsg0=shm:x
	start "$P/hostile_ring" shm:x 20
	finds malformed
	wait_for has '20 malformed'
	run -0 said
	assert_line --regexp '^alarm host malformed: rpmsg0: 20 malformed ring entries or headers, the last [^:]*: used id 77777 is not below 256: do both sides agree on address, size and alignment'
	run -0 rpmsg-listen -q -b rpmsg0 --history --no-follow event malformed or event reset
	assert_line --index 0 --partial 'used id 77777 is not below 256'
	stop "$started" || true
}

@test "name service messages that are refused" {
	serve
	rpmsg-send -q -b rpmsg0 -R -s 8 -d 53 hello
	finds ns-refused
	assert_output --regexp 'warning host ns-refused: rpmsg0 host: 1 name service message refused, the last '
}

@test "long ago is no alarm: notes, the worst first" {
	"$P/gen_capture" f.pcap <<-'END'
		event up h>r any any 1 0 0 VERSION_1 NS, 496 bytes
		h>r 7 999 x10
		event no-recipient h>r 7 999 0 10 0
		event drop h>r any 50 77 12 1000000000 cat
	END
	rpmsg-top --batch -j -i 1 -r f.pcap >near.json
	run -0 eval 'tail -n 20 near.json | findings | sort -u'
	assert_output --partial 'alarm remote no-recipient'
	assert_output --partial 'alarm remote not-read'
	for i in {1..100}; do echo 'h>r 0x400 50 x1'; done >later.txt
	{
		echo 'h>r 7 999 x10'
		echo 'event no-recipient h>r 7 999 0 10 0'
		echo 'event drop h>r any 50 77 12 1000000000 cat'
		cat later.txt
	} | "$P/gen_capture" far.pcap
	rpmsg-top --batch -j -i 1 -r far.pcap >far.json
	run -0 eval 'tail -n 12 far.json | findings'
	assert_output --partial 'note remote no-recipient: - remote: 1 message (10 bytes) from 0x7 to 0x3e7 lost: nobody'
	assert_output --partial 'note remote not-read: - remote: 12 messages dropped: '
	refute_output --partial alarm
	refute_output --partial warning
}
