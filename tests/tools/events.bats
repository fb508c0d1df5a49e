# SPDX-License-Identifier: BSD-2-Clause
# What rpmsgd records beside messages: each kind of event is caused with the tools and read
# back from the recording.

load ../lib/common

P=$BUILD/programs

# recorded [FILTER]: what the recording of rpmsg0 holds, a JSON object a line, through jq's FILTER
recorded()
{
	rpmsg-listen -q -r "$RPMSG_DIR/rpmsg0.rec" --events -j | jq -c "${1:-.}"
}

# events KIND: those of that kind
events()
{
	recorded "select(.event == \"$1\" or .type == \"$1\")"
}

# has_events N KIND: at least N of that kind
has_events()
{
	[[ $(events "$2" | wc -l) -ge $1 ]]
}

# sum_of KIND MEMBER
sum_of()
{
	events "$1" | jq -s "map(.$2 // 0) | add // 0"
}

has_channel()
{
	rpmsg-ns -b rpmsg0 -R list 2>/dev/null | awk '{ print $1 }' | grep -qx -- "$1"
}

err_has()
{
	grep -q -- "$1" "$2"
}

# without the members that differ from run to run
bare()
{
	jq -c 'del(.ts, .duration)'
}

@test "up and down, announce and withdraw of both sides, in their places" {
	serve rpmsg0=loop
	run -0 recorded '[.type, .dir, .value, .text]'
	assert_line --index 0 '["up","h>r",1,"VERSION_1 NS EVENT_IDX INDIRECT, 496 bytes"]'
	assert_line --index 1 '["up","r>h",1,"VERSION_1 NS EVENT_IDX INDIRECT, 496 bytes"]'
	assert_equal "${#lines[@]}" 2
	rpmsg-ns -q -b rpmsg0 -R announce echo
	rpmsg-ns -q -b rpmsg0 announce other
	rpmsg-ns -q -b rpmsg0 -R withdraw echo
	run -0 recorded '[.type, .dir, .service, .src]'
	assert_line --index 2 '["announce","r>h","echo",1024]'
	assert_line --index 3 '["msg","r>h","echo",1024]'
	assert_line --index 4 '["announce","h>r","other",1024]'
	assert_line --index 5 '["msg","h>r","other",1024]'
	assert_line --index 6 '["withdraw","r>h","echo",1024]'
}

@test "a side of a link: its own services, the other side's, and its end" {
	serve rpmsg0=shm:x
	start rpmsg-listen -q -b shm:x -R -n theirs
	wait_for has_events 1 announce
	rpmsg-ns -q -b rpmsg0 announce ours
	stop "$started" || true
	wait_for has_events 1 down
	run -0 recorded 'select(.type != "msg") | [.type, .dir, .value, .service]'
	assert_line --index 0 '["up","h>r",1,null]'
	assert_line --index 1 '["announce","r>h",null,"theirs"]'
	assert_line --index 2 '["announce","h>r",null,"ours"]'
	assert_line --index 3 '["withdraw","r>h",null,"theirs"]'
	assert_line --index 4 '["down","h>r",1,null]'
	assert_equal "${#lines[@]}" 5
}

@test "a message to nobody, and one that the name service refuses" {
	serve
	rpmsg-send -q -b rpmsg0 -s 7 -d 999 nobody
	rpmsg-send -q -b rpmsg0 -R -s 8 -d 53 hello
	run -0 eval 'recorded "select(.type == \"event\")" | bare'
	assert_line --index 0 \
		'{"type":"event","bus":"rpmsg0","event":"no-recipient","dir":"h>r","src":7,"dst":999,"count":6}'
	assert_line --index 1 --partial '"event":"refused","dir":"r>h","src":8,"dst":null'
	assert_line --index 1 --partial '"text":"is malformed: 5 bytes, not 40"'
	assert_equal "${#lines[@]}" 2
}

@test "a storm of messages to nobody leaves messages their place" {
	serve
	rpmsg-send -q -b rpmsg0 -s 7 -d 999 -c 300 x
	wait_for eval '[[ $(sum_of no-recipient count) -eq 300 ]]'
	[[ $(recorded 'select(.type == "msg")' | wc -l) -eq 300 ]]
	[[ $(events no-recipient | wc -l) -lt 100 ]]
	events no-recipient | tail -n 1 | grep -E '"src":null,"dst":null,"count":[0-9]+,"text":"and [0-9]+ more"'
}

@test "a peer whose ring lies: malformed with the values, bounded; reset and down" {
	serve rpmsg0=shm:x
	start "$P/hostile_ring" shm:x 200
	wait_for has_events 17 malformed
	stop "$started" || true
	run -0 eval 'events malformed | bare'
	assert_line --index 0 --partial '"dir":"r>h","src":null,"dst":null,"text":"used id 77777 is not below 256"'
	assert_line --index 16 --partial '"count":184,"text":"and 184 more"'
	assert_equal "${#lines[@]}" 17
	wait_for has_events 1 down
	start "$P/hostile_ring" shm:x jump
	waited "$started"
	wait_for has_events 2 down
	run -0 recorded 'select(.type != "msg") | [.event // .type, .dir, .value, .text]'
	assert_line --index 20 '["reset","r>h",null,"used index jumped from 0 to 257 (num 256)"]'
	assert_line --index 21 '["down","h>r",2,null]'
}

@test "no transmit buffer: who has them, and for how long" {
	serve rpmsg0=shm:x,num=8
	start rpmsg-listen -q -b shm:x -R -n sink -o raw
	local listener=$started
	wait_for rpmsg-ns -q -b rpmsg0 wait -t 0.1 sink
	kill -STOP "$listener"
	run -0 rpmsg-send -q -b rpmsg0 -n sink --try -c 8 x
	for i in 1 2 3; do
		run -5 rpmsg-send -q -b rpmsg0 -n sink --try x
	done
	run -0 eval 'events no-buffer | bare'
	assert_line --index 0 --partial '"dir":"h>r","service":"sink","src":1024'
	assert_line --index 0 --partial '"text":"the remote side"'
	assert_equal "${#lines[@]}" 1
	run events buffer
	refute_output
	kill -CONT "$listener"
	wait_for rpmsg-send -q -b rpmsg0 -n sink --try x
	run -0 events buffer
	assert_equal "${#lines[@]}" 1
	[[ $(jq '.count >= 3 and (.duration | tonumber) > 0' <<<"$output") == true ]]
}

@test "a client's own recording: what is offered after the link, and a shortage from begin to end" {
	serve rpmsg0=shm:x,num=8
	start rpmsg-listen -q -b shm:x -R -n sink -o raw
	local listener=$started
	wait_for rpmsg-ns -q -b rpmsg0 wait -t 0.1 sink
	kill -STOP "$listener"
	RPMSG_RECORD=$PWD/own.rec start rpmsg-send -q -b rpmsg0 -n sink -t 60 -c 9 x
	local sender=$started
	wait_for has_events 1 no-buffer
	kill -CONT "$listener"
	waited "$sender"
	run -0 eval 'rpmsg-listen -q -r own.rec --events -j | jq -c "select(.type != \"msg\") | [.event // .type, .dir, .service]"'
	assert_line --index 0 '["up","h>r",null]'
	assert_line --index 1 '["announce","r>h","sink"]'
	assert_line --index 2 '["no-buffer","h>r","sink"]'
	assert_line --index 3 '["buffer","h>r",null]'
	assert_line --index 4 '["down","h>r",null]'
	assert_equal "${#lines[@]}" 5
}

@test "a client that does not read: no buffer for others because of him, stall, drop" {
	serve --stall 1 rpmsg0=loop:num=16
	local daemon_err=$started_err
	RPMSG_RECORD=$PWD/own.rec start "$P/flow" receive rpmsg0 20000 6
	local receiver=$started receiver_err=$started_err
	wait_for has_channel flow
	kill -STOP "$receiver"
	run -0 timeout 30 "$P/flow" send rpmsg0 20000 6
	run -0 eval 'events stall | bare'
	assert_line --index 0 --partial '"dir":"h>r","service":"flow","src":null,"dst":1024'
	assert_line --index 0 --partial "\"value\":$receiver"
	assert_line --index 0 --partial '"text":"flow"'
	[[ $(jq '.count > 100' <<<"${lines[0]}") == true ]]
	run -0 eval 'events drop | head -n 1'
	assert_output --partial "\"value\":$receiver"
	assert_output --partial '"text":"flow"'
	[[ $(jq '.count > 100 and (.duration | tonumber) >= 1' <<<"$output") == true ]]
	# in that order, and the sender was told who it was
	run -0 recorded 'select(.event == "no-buffer" and (.text | startswith("pid '"$receiver"' (flow)"))), select(.event == "stall"), select(.event == "drop") | .event'
	assert_line --index 0 '"no-buffer"'
	[[ $(grep -n -m 1 stall <<<"$output" | cut -d : -f 1) -lt $(grep -n -m 1 drop <<<"$output" | cut -d : -f 1) ]]

	kill -CONT "$receiver"
	wait_for err_has '^dropped [1-9]' "$receiver_err"
	local dropped
	dropped=$(awk '{ n += $2 } END { print n }' "$receiver_err")
	wait_for eval "[[ \$(sum_of drop count) -eq $dropped ]]"
	# what it recorded itself says the same
	[[ $(rpmsg-listen -q -r own.rec --events -j | jq -s 'map(select(.event == "drop") | .count) | add') -eq $dropped ]]
	stop "$receiver" || true
}

@test "who ends while his messages are dropped is told of too" {
	serve --stall 1 rpmsg0=loop:num=16
	start "$P/flow" receive rpmsg0 20000 6
	local receiver=$started
	wait_for has_channel flow
	kill -STOP "$receiver"
	run -0 timeout 30 "$P/flow" send rpmsg0 20000 6
	local before after
	before=$(sum_of drop count)
	[[ $before -gt 0 ]]
	stop "$receiver" KILL || true
	wait_for eval "[[ \$(sum_of drop count) -gt $before ]]"
	after=$(sum_of drop count)
	[[ $after -lt 20000 ]]
}
