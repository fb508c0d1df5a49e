# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top where it is a side of the link itself, by a socket's path, on several kinds of bus at
# once, and on those that are not there.

load ../lib/common
load ../lib/process

# watch ARG...: rounds of JSON in $rounds from now on; $top is its process
watch()
{
	start rpmsg-top --batch -j -i 0.1 "$@"
	top=$started rounds=$started_out
	wait_for grep -q '"what":"bus"' "$rounds"
}

# last_round BUS: what was said of a bus in the last round that is whole, in the file "last". Findings
# come first, then each side, whose time is its own.
last_round()
{
	jq -cnR --arg bus "$1" '[inputs | fromjson? | select(.bus == $bus)]
		| (map(select(.what == "bus").side) | first) as $first
		| reduce .[] as $line ({n: 0, all: []};
			if .before != "advice" and ($line.type == "advice"
				or ($line.what == "bus" and $line.side == $first))
			then .n += 1 else . end
			| .before = $line.type | .all += [[.n, $line]])
		| (.n - 1) as $n | .all[] | select(.[0] == $n)[1]' "$rounds" >last
	[[ -s last ]]
}

# is WANT FILTER [BUS]: what jq makes of the last round
is()
{
	local got
	last_round "${3:-x}" && got=$(jq -c "$2" last) && [[ $got == "$1" ]] || {
		echo "$2: ${got:-nothing}, not $1"
		return 1
	}
}

found()
{
	last_round "${2:-x}" && jq -r 'select(.type == "advice") | "\(.level) \(.side) \(.kind): \(.text)"' last |
		grep -qE -- "$1"
}

# halt PID: stops it, and waits until it is
halt()
{
	kill -STOP "$1"
	wait_for grep -q '^State:	T' "/proc/$1/status"
}

BUS='select(.what == "bus") | [.side, .up, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes]'

@test "the host of shm: what the other process offers and sends, and that it comes and goes" {
	watch -b shm:x,num=8
	wait_for found '^alarm host link-down: x: link down: the remote side is not there'
	is '["host",false,0,0,0,0]' "$BUS"
	is '[0,null,null]' 'select(.what == "bus") | [.generation, .tx_ring, .rx_ring]'
	start rpmsg-listen -q -b shm:x,num=8 -R -n echo --echo
	local listener=$started
	wait_for is '["host",true,0,0,1,40]' "$BUS"
	is '["echo",1024,"announced, never bound",null,496,0,0]' \
		'select(.what == "channel") | [.service, .dst, .state, .holder, .mtu, .tx.messages, .rx.messages]'
	is '[1,8,512,496,496,["VERSION_1","NS","INDIRECT","EVENT_IDX"],[8,8,0,0],[8,8,0,0]]' \
		'select(.what == "bus") | [.generation, .num, .buffer_size, .mtu_tx, .mtu_rx, .features,
		(.tx_ring, .rx_ring | [.size, .free, .in_flight, .held])]'
	found "^warning host never-bound: x: 'echo' \(0x400\): announced, never bound"
	exits 143 stop "$listener"
	wait_for found '^alarm host link-down: '
	# its withdrawal came; now something to an address that nobody has
	is '["host",false,0,0,2,80]' "$BUS"
	start rpmsg-send -q -b shm:x,num=8 -R -s 7 -d 999 --reply -t 60 four
	wait_for is '["host",true,0,0,3,84]' "$BUS"
	is '[1,[7,999,1,4]]' 'select(.what == "bus") | [.no_recipient, (.strays[] | [.src, .dst, .messages, .bytes])]'
	found '^alarm host no-recipient: x: 1 message \(4 bytes\) from 0x7 to 0x3e7 lost'
	found '^note host restarted: x: the link came up 2 times'
	exits 143 stop "$started"
	wait_for found '^alarm host link-down: '
	exits 130 stop "$top" INT
	run -0 jq -c 'select(.type == "up" or .type == "down") | .type' "$rounds"
	assert_output '"up"
"down"
"up"
"down"'
}

@test "the remote side of shm, with -R" {
	watch -b shm:x,num=8 -R
	wait_for found '^alarm remote link-down: x: link down: the host side is not there'
	start rpmsg-ns -q -b shm:x,num=8 announce echo --hold
	wait_for is '["remote",true,0,0,1,40]' "$BUS"
	is '["echo",1024,"announced, never bound"]' 'select(.what == "channel") | [.service, .dst, .state]'
	is '[8,8,0,0]' 'select(.what == "bus").rx_ring | [.size, .free, .in_flight, .held]'
	found "^warning remote never-bound: x: 'echo' \(0x400\)"
	exits 130 stop "$top" INT
}

@test "a side of shm that somebody has already, or that no name can have" {
	watch -b shm:x
	run -1 rpmsg-top --batch -c 1 -b shm:x
	assert_output --regexp "^rpmsg-top: shm:x: .*pid $top"
	run -64 rpmsg-top --batch -c 1 -b shm:a/b
	assert_output --partial "shm:a/b: 'a/b' is not a valid name"
	run -64 rpmsg-top --batch -c 1 -b shm:y,num=3
	assert_output --partial 'num=3 is not a power of two'
}

@test "the remote side of a guest: its service, and each restart" {
	watch -b vhost-user:vm.sock
	wait_for found '^alarm remote link-down: .*: link down: the host side is not there' vhost-user
	local n guest
	for n in 1 2; do
		start "$BUILD/programs/vhost_guest" vm.sock
		guest=$started
		wait_for is "[\"remote\",true,$n,0,0,$n,$((40 * n))]" \
			'select(.what == "bus") | [.side, .up, .generation, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes]' vhost-user
		is '["in-guest",1024,"announced, never bound",496]' \
			'select(.what == "channel") | [.service, .dst, .state, .mtu]' vhost-user
		found "^warning remote never-bound: vhost-user: 'in-guest' \(0x400\): announced, never bound" vhost-user
		exits 137 stop "$guest" KILL
		wait_for found '^alarm remote link-down' vhost-user
		is "$n" 'select(.what == "bus").generation' vhost-user
	done
	found '^note remote restarted: vhost-user: the link came up 2 times, the last ' vhost-user
	exits 130 stop "$top" INT
	# what all rates add up to has passed
	run -0 jq -es '[.[] | select(.what == "bus") | [(.ts | tonumber), .rx.rate.messages]] | . as $r
		| [range(1; length) | $r[.][1] * ($r[.][0] - $r[. - 1][0])] | add | (. - 2) | fabs < 0.01' "$rounds"
	run -2 rpmsg-top --batch -c 1 -b vhost-user:other.sock -R -b nobody
	assert_output --partial 'nobody serves bus nobody'
	run -2 rpmsg-top --batch -c 1 -b vhost-user:missing/s
	assert_output --partial 'No such file or directory'
}

@test "a guest that stands still, by the path of its server's socket" {
	serve x=vhost-user:vm.sock
	start "$BUILD/programs/vhost_guest" vm.sock
	local guest=$started
	wait_for grep -qx up "$started_out"
	watch -b "$RPMSG_DIR/x.sock"
	run -0 rpmsg-send -q -b x -n in-guest -c 5 --reply=5 hello
	wait_for is '["remote",true,5,25,6,65]' "$BUS"
	is '["in-guest",5,25,5,25]' \
		'select(.what == "channel") | [.service, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes]'
	halt "$guest"
	run -0 rpmsg-send -q -b x -n in-guest --try -c 3 x
	wait_for found '^warning remote no-progress: x: 3 of [0-9]+ transmit buffers with the host side, and none came back for [0-9]+ s'
	# it takes and answers, but who has asked is gone
	kill -CONT "$guest"
	wait_for is '[0,3]' 'select(.what == "bus") | [.tx_ring.in_flight, .no_recipient]'
	exits 137 stop "$guest" KILL
	local down='[false,1,["VERSION_1","NS","INDIRECT","EVENT_IDX"],null,0]'
	local what='select(.what == "bus") | [.up, .generation, .features, .tx_ring, .channels]'
	wait_for is "$down" "$what"
	# who comes now is told as much
	run -0 rpmsg-top --batch -j -c 1 -b x
	run -0 jq -c "$what" <<<"$output"
	assert_output "$down"
	exits 130 stop "$top" INT
	run -2 rpmsg-top --batch -c 1 -b "$RPMSG_DIR/y.sock"
	assert_output --partial "$RPMSG_DIR/y.sock"
}

@test "two kinds of bus at once: each has its own rows and findings, and either may fail" {
	serve
	start rpmsg-listen -q -b rpmsg0 -R -n echo --echo
	run -0 rpmsg-ns -q -b rpmsg0 wait echo
	run -0 rpmsg-send -q -b rpmsg0 -n echo --reply hello
	watch -b shm:x -b rpmsg0
	start rpmsg-listen -q -b shm:x -R -n other
	wait_for is '["host",true,0,0,1,40]' "$BUS"
	wait_for is '["host",true,1,5,2,45]
["remote",true,2,45,1,5]' "$BUS" rpmsg0
	found "^warning host never-bound: x: 'other'"
	run -1 found never-bound rpmsg0
	is '"other"' 'select(.what == "channel").service'
	is '"echo"
"echo"' 'select(.what == "channel").service' rpmsg0
	exits 130 stop "$top" INT
	run -2 rpmsg-top --batch -c 1 -b rpmsg0 -b rproc:m4
	refute_output --partial 'host: up'
}

@test "the kernel's buses that are not there" {
	[[ ! -e /dev/rpmsg_ctrl0 && ! -e /sys/class/remoteproc/remoteproc0 ]] ||
		skip 'no hardware: this machine has a bus of its own, and its names are not known'
	local tool
	for tool in 'rpmsg-top --batch -c 1' 'rpmsg-ns stats'; do
		run -2 --separate-stderr $tool -b /dev/rpmsg_ctrl0
		refute_output
		assert_equal "$stderr" "${tool%% *}: /dev/rpmsg_ctrl0: no such control device; there is none"
		run -2 --separate-stderr $tool -b rproc:m4
		refute_output
		assert_equal "$stderr" "${tool%% *}: rproc:m4: no such remote processor; there is none"
		run -64 $tool -b /dev/rpmsg0
		assert_output --partial 'no control device'
		run -2 --separate-stderr $tool -b /dev/rpmsg_ctrl0 -R
		refute_output
	done
}
