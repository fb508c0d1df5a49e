#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What rpmsgd counts of its clients when they are stopped, killed, or mean no good.

load ../lib/common

P=$BUILD/programs

# counted FILTER: what jq makes of the statistics of rpmsg0
counted()
{
	rpmsg-ns stats -b rpmsg0 -j | jq -c "$1"
}

# is WANT FILTER
is()
{
	local got
	got=$(counted "$2") && [[ $got == "$1" ]] || {
		echo "$2: ${got:-nothing}, not $1"
		return 1
	}
}

has_channel()
{
	rpmsg-ns -b rpmsg0 list 2>/dev/null | awk '{ print $1 }' | grep -qx -- "$1"
}

reported()
{
	awk '$1 == "dropped" { n += $2 } END { exit !n }' "$1"
}

REMOTE='select(.what == "endpoint" and .side == "remote" and .service == "flow")'

@test "a reader that is stopped: its buffers, its name, and exactly what it has missed" {
	serve --stall 3 rpmsg0=loop:num=16
	start "$P/flow" receive rpmsg0 20000 6
	local receiver=$started receiver_err=$started_err
	wait_for has_channel flow
	kill -STOP "$receiver"
	start "$P/flow" send rpmsg0 20000 6
	local sender=$started
	# The ring's buffers are all with it, for as long as it is borne with.
	wait_for is "[16,$receiver,\"flow\"]" "$REMOTE | [.held, .holder_pid, .holder_name]"
	waited "$sender"
	is 20000 "$REMOTE | .rx.messages"
	is true "$REMOTE | .dropped > 0 and .held == 0 and .queued_seconds != null"
	is $'20000\n20000' 'select(.what == "channel") | .tx.messages + .rx.messages'
	kill -CONT "$receiver"
	wait_for reported "$receiver_err"
	local dropped
	dropped=$(awk '$1 == "dropped" { n += $2 } END { print n }' "$receiver_err")
	is "$dropped" "$REMOTE | .dropped"
	is $'0\n'"$dropped" 'select(.what == "bus") | .dropped'
	stop "$receiver" || true
}

@test "a client that is killed: its endpoint is gone, its numbers are not" {
	serve
	start rpmsg-listen -b rpmsg0 -R -n sink -q
	wait_for has_channel sink
	start rpmsg-send -b rpmsg0 -n sink -c 100000 -i 0.01 1234
	local sender=$started
	wait_for is true 'select(.what == "endpoint" and .side == "host") | .tx.messages > 5'
	kill -KILL "$sender"
	wait_for is '' 'select(.what == "endpoint" and .side == "host")'
	local n
	n=$(counted 'select(.what == "channel" and .side == "host") | .tx.messages')
	[[ $n -gt 5 ]]
	is "[$n,$((4 * n))]" 'select(.what == "bus" and .side == "host") | [.tx.messages, .tx.bytes]'
	wait_for is "$n" 'select(.what == "endpoint" and .side == "remote") | .rx.messages'
}
