#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Statistics and rpmsg-top where one side is a Linux kernel: seen from the other side, and from within.

load ../lib/common
load ../lib/guest
load ../lib/process

CTRL=/dev/rpmsg_ctrl0

# boot NAME...: a guest on rpmsg0, on which the remote processor echoes at each NAME
boot()
{
	local name
	serve rpmsg0=vhost-user:vhost.sock
	guest_boot vhost.sock
	for name in "$@"; do remote -n "$name" --echo -q; done
	run -0 guest rpmsg-ns -b $CTRL wait "$@"
}

# is WANT FILTER: what jq makes of rpmsg0 as rpmsg-ns tells it, and as rpmsg-top does
is()
{
	rpmsg-ns stats -b rpmsg0 -j >ns.json && rpmsg-top --batch -j -c 1 -b rpmsg0 >top.json || return
	same "$1" "$2" ns.json && same "$1" "$2" top.json
}

# same WANT FILTER FILE
same()
{
	local got
	got=$(jq -c "$2" "$3") && [[ $got == "$1" ]] || {
		echo "$2 of $3: ${got:-nothing}, not $1"
		return 1
	}
}

# findings FILE: of rounds as JSON, a line each
findings()
{
	jq -r 'select(.type == "advice") | "\(.level) \(.side) \(.kind): \(.text)"' "$1" 2>/dev/null
}

# watch: rpmsg-top on rpmsg0 from now on; $top and $rounds are its process and its rounds
watch()
{
	start rpmsg-top --batch -j -i 0.2 -b rpmsg0
	top=$started rounds=$started_out
	wait_for grep -q '"what":"bus"' "$rounds"
}

# found REGEX: whether rpmsg-top has said so
found()
{
	findings "$rounds" | grep -qE -- "$1"
}

# last_round: what it said in the last one that is whole, in last.json
last_round()
{
	jq -cnR '[inputs | fromjson?] | (map(select(.what == "bus").ts) | unique | .[-2]) as $ts
		| .[] | select(.ts == $ts)' "$rounds" >last.json
	[[ -s last.json ]]
}

# quiet REGEX: whether it says nothing like that any more
quiet()
{
	last_round && ! findings last.json | grep -qE -- "$1"
}

# last_sent N: whether that many messages are sent in it
last_sent()
{
	last_round && [[ $(jq 'select(.what == "bus").tx.messages' last.json) == "$1" ]]
}

# Its process alone: what runs in it is its own and stopped with it.
halt()
{
	kill -STOP "$(<"$GUEST/pid")"
	wait_for grep -q '^State:	T' "/proc/$(<"$GUEST/pid")/status"
}

# What a guest's process writes: messages of these lengths, the answers to which it reads.
SIZES='1 2 3 3 255 256 496'
write_and_read()
{
	guest perl -e '
		open(my $dev, "+<", "/dev/rpmsg0") or die "open: $!";
		for my $n (@ARGV) {
			defined(syswrite($dev, "x" x $n)) or die "write: $!";
			sysread($dev, my $data, 512) == $n or die "read: $!";
		}' $SIZES
}

@test "a kernel's driver, its device and our tool in it: each message and byte is counted outside" {
	boot rpmsg-raw rpmsg-client-sample
	wait_for guest test -c /dev/rpmsg0
	run -0 guest modprobe rpmsg_client_sample count=100
	wait_for eval 'guest_log | grep -q "goodbye!"'
	run -0 write_and_read
	run -0 guest rpmsg-send -b $CTRL -s 5 -d 999 -c 4 xx
	local flow='{messages, bytes, sizes}'
	local sample='{"messages":100,"bytes":1200,"sizes":{"8-15":100}}'
	local raw='{"messages":7,"bytes":1016,"sizes":{"1":1,"2-3":3,"128-255":1,"256-511":2}}'
	wait_for is '["remote",111]' 'select(.what == "bus") | [.side, .rx.messages]'
	local what
	for what in channel endpoint; do
		is "[\"rpmsg-raw\",$raw,$raw]
[\"rpmsg-client-sample\",$sample,$sample]" "select(.what == \"$what\") | [.service, (.tx, .rx | $flow)]"
	done
	# with two announcements, and what was for nobody
	is '[109,2296,111,2224]' 'select(.what == "bus") | [.tx.messages, .tx.bytes, .rx.messages, .rx.bytes]'
	is '[4,[5,999,4,8]]' 'select(.what == "bus") | [.no_recipient, (.strays[] | [.src, .dst, .messages, .bytes])]'
	is '[true,1,256,512,496,496,["VERSION_1","NS","INDIRECT","EVENT_IDX"]]' \
		'select(.what == "bus") | [.up, .generation, .num, .buffer_size, .mtu_tx, .mtu_rx, .features]'
	is '[[256,256,0,0],[256,256,0,0]]' \
		'select(.what == "bus") | [.tx_ring, .rx_ring | [.size, .free, .in_flight, .held]]'
	is 0 'select(.what == "bus") | .dropped + .malformed + .ns_refused + ([.errors[]] | add)'
	run -0 findings top.json
	assert_output --regexp '^alarm remote no-recipient: rpmsg0: 4 messages \(8 bytes\) from 0x5 to 0x3e7 lost, the last .*: nobody has 0x3e7 here$'
	guest_halt
	guest_log_clean
}

@test "a guest that stands still has the buffers; one that runs again has given them back" {
	boot rpmsg-raw
	watch
	halt
	run -0 rpmsg-send -b rpmsg0 -s 77 -d 0x400 --try -c 3 x
	wait_for found '^warning remote no-progress: rpmsg0: 3 of 256 transmit buffers with the host side, and none came back for [0-9]+ s'
	run -0 rpmsg-send -b rpmsg0 -s 77 -d 0x400 --try -c 253 x
	run -5 rpmsg-send -b rpmsg0 -s 77 -d 0x400 --try x
	assert_output --partial 'no transmit buffer'
	wait_for found '^alarm remote no-buffer: rpmsg0: no transmit buffer is free: all 256 are with the host side, none came back for [0-9]+ s: it must read'
	wait_for found '^warning remote no-buffer: rpmsg0: 1 send found no transmit buffer'
	is '[[256,0,256,"the host side"],1]' \
		'select(.what == "bus") | [(.tx_ring | [.size, .free, .in_flight, .holder]), .errors.no_buffer]'
	run -0 rpmsg-ns stats -b rpmsg0
	assert_line --regexp '^  tx ring +256 buffers: 0 free, 256 in flight, 0 held, the oldest for [0-9.]+ s by the host side$'
	kill -CONT "$(<"$GUEST/pid")"
	wait_for quiet 'no-progress|^alarm'
	is '[256,256,0]' 'select(.what == "bus").tx_ring | [.size, .free, .in_flight]'
	exits 130 stop "$top" INT
	guest_halt
	guest_log_clean
}

@test "a guest restarts: down, up and restarted are told, and counting goes on" {
	boot rpmsg-raw
	run -0 guest rpmsg-send -b $CTRL -n rpmsg-raw --reply first
	watch
	guest_kill
	wait_for found '^alarm remote link-down: rpmsg0: link down: the host side is not there'
	is '[false,1,2,45,1,5,null,null]' \
		'select(.what == "bus") | [.up, .generation, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes, .tx_ring, .rx_ring]'
	is '["rpmsg-raw","not announced yet",null]' 'select(.what == "channel") | [.service, .state, .mtu]'
	guest_boot vhost.sock
	wait_for found '^note remote restarted: rpmsg0: the link came up 2 times, the last '
	run -0 guest rpmsg-ns -b $CTRL wait rpmsg-raw
	run -0 guest rpmsg-send -b $CTRL -n rpmsg-raw --reply again
	# an announcement more
	wait_for is '[true,2,4,90,2,10]' \
		'select(.what == "bus") | [.up, .generation, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes]'
	wait_for quiet link-down
	wait_for last_sent 4
	exits 130 stop "$top" INT
	run -0 jq -c 'select(.type == "down" or .type == "up") | .type' "$rounds"
	assert_output '"down"
"up"'
	# what all rates add up to has passed
	run -0 jq -es '[.[] | select(.what == "bus") | [(.ts | tonumber), .tx.rate.messages]] | . as $r
		| [range(1; length) | $r[.][1] * ($r[.][0] - $r[. - 1][0])] | add | (. - 2) | fabs < 0.01' "$rounds"
	guest_halt
	guest_log_clean
}

# top ARG...: a round of rpmsg-top in the guest, in the file "round"
top()
{
	run -0 --separate-stderr guest rpmsg-top --batch -j -c 1 "$@"
	printf '%s\n' "$output" >round
}

@test "in the guest: the kernel's channels, who has them, and what it does not tell" {
	boot rpmsg-raw other rpmsg-client-sample
	run -0 guest modprobe rpmsg_client_sample count=10
	wait_for eval 'guest_log | grep -q "goodbye!"'
	guest_start l rpmsg-listen -b $CTRL -n rpmsg-raw --banner
	wait_for grep -q ready "$guest_err"
	top -b $CTRL
	run -0 guest rpmsg-ns stats -b $CTRL -j
	assert_line "rpmsg_ctrl0: the kernel tells neither of its rings nor of others' messages"
	printf '%s\n' "${lines[@]}" | grep '^{' >ns
	local file
	for file in round ns; do
		same '["host",true,["VERSION_1","NS","INDIRECT","EVENT_IDX"],null,null,496,496,3,0,0,0,null,null]' 'select(.what == "bus") |
			[.side, .up, .features, .num, .buffer_size, .mtu_tx, .mtu_rx, .channels, .endpoints,
			.tx.messages, .rx.messages, .tx_ring, .rx_ring]' $file
		same '["rpmsg-raw",1024,1024,"bound","client","rpmsg-listen"]
["other",null,1025,"announced, never bound",null,null]
["rpmsg-client-sample",1025,1026,"bound","driver","rpmsg_client_sample"]' 'select(.what == "channel") |
			[.service, .src, .dst, .state, .holder, .holder_name]' $file
	done
	run -0 findings round
	assert_line --index 0 "warning host never-bound: rpmsg_ctrl0: 'other' (0x401): no driver takes that name, so there is no /dev node; rpmsg-send and rpmsg-listen -n need none"
	assert_line --index 1 'note null partial: rpmsg_ctrl0: Linux tells nothing of its rings, nor of messages of others'
	assert_equal "${#lines[@]}" 2
	# it is the only bus there
	top
	same '["rpmsg_ctrl0"]' 'select(.what == "bus") | [.bus]' round
	run -0 guest rpmsg-top --batch -c 1 -b $CTRL
	assert_line --partial 'ring not known'
	run -0 guest rpmsg-ns stats -b $CTRL
	refute_output --partial ' ring '
	guest_stop l || :
	guest_halt
	guest_log_clean
}

@test "in the guest: a channel that lacks a node, for its name or for its driver" {
	boot rpmsg-raw rpmsg-tty-channel
	top -b $CTRL
	run -0 findings round
	assert_line --index 0 "warning host never-bound: rpmsg_ctrl0: 'rpmsg-tty-channel' (0x401): no driver takes that name, so there is no /dev node; rpmsg_tty takes 'rpmsg-tty'"
	run -0 guest modprobe -r rpmsg_tty
	remote -n rpmsg-tty -q
	run -0 guest rpmsg-ns -b $CTRL wait rpmsg-tty
	top -b $CTRL -n rpmsg-tty
	same '["rpmsg-tty","announced, never bound"]' 'select(.what == "channel") | [.service, .state]' round
	run -0 findings round
	assert_line --index 0 --partial "'rpmsg-tty-channel' (0x401) and 1 more: no driver takes that name"
	guest_halt
	guest_log_clean
}

@test "in the guest: what rpmsgd's clients do on the kernel's bus is counted, as their own" {
	boot rpmsg-raw other
	guest_start daemon rpmsgd k=$CTRL
	run -0 guest rpmsg-ns -b k wait other
	run -0 guest rpmsg-send -b k -n other --reply -c 5 -q hello
	guest_start l rpmsg-listen -b k -n rpmsg-raw --hello=hi -q -o log
	wait_for test -s "$guest_out"
	# of others: not counted
	run -0 guest rpmsg-send -b $CTRL -n other --reply -c 3 -q hello
	top -b k
	guest rpmsg-ns stats -b k -j >ns 2>ns.err
	local file
	for file in round ns; do
		same '["host",6,27,6,27,null,null]' 'select(.what == "bus") | [.side, .tx.messages, .tx.bytes,
			.rx.messages, .rx.bytes, .tx_ring, .rx_ring]' $file
		same '["rpmsg-raw",1,2,1,2,"rpmsg-listen"]' 'select(.what == "endpoint") | [.service, .tx.messages,
			.tx.bytes, .rx.messages, .rx.bytes, .holder_name]' $file
		same '["rpmsg-raw",1,1]
["other",5,5]' 'select(.what == "channel") | [.service, .tx.messages, .rx.messages]' $file
	done
	run -0 cat ns.err
	assert_output "k: the kernel tells neither of its rings nor of others' messages"
	run -0 findings round
	assert_line 'note null partial: k: Linux tells nothing of its rings, nor of messages of others'
	guest_stop l || :
	guest_stop daemon || :
	guest_halt
	guest_log_clean
}
