#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Very many messages through the kernel, the same tools on both sides of it: all there, in
# order, bit for bit.

load ../lib/common
load ../lib/process
load ../lib/guest

DEADLINE=60

SEED=20251101
MAX=496
COUNT=100000
ctrl=/dev/rpmsg_ctrl0

setup()
{
	common_setup
	messages=$BUILD/programs/messages
	serve g=vhost-user:g.vhost
	guest_boot "$PWD/g.vhost"
}

# sending ARG...: the commands that send all of them
sending()
{
	echo "set -o pipefail; $messages generate $SEED $MAX $COUNT | rpmsg-send -x -l -f - -t inf ${*@Q}"
}

# receiving ARG...: the commands that take messages until all are there, and check them
receiving()
{
	echo "set -o pipefail; rpmsg-listen --banner -o log -c $COUNT ${*@Q} | $messages check $SEED $MAX"
}

all_there()
{
	assert_equal "$(tail -n 1 "$1")" "$COUNT messages, all as they should be"
}

@test "100,000 messages from us to a tool in the guest" {
	guest_start listener bash -c "$(receiving -b "$ctrl" -s 0x777)"
	wait_for grep -q 'rpmsg-listen: ready' "$guest_err"
	# The kernel's queue has no limit: a pace that the guest keeps up with.
	run -0 bash -c "$(sending -b g -d 0x777 -i 0.0002)"
	exits 0 guest_waited listener
	all_there "$guest_out"
	guest_halt
	guest_log_clean
}

@test "100,000 messages from a tool in the guest to us" {
	start bash -c "$(receiving -b g -s 0x888)"
	wait_for grep -q 'rpmsg-listen: ready' "$started_err"
	run -0 guest bash -c "$(sending -b "$ctrl" -d 0x888)"
	exits 0 waited "$started"
	all_there "$started_out"
	guest_halt
	guest_log_clean
}

@test "both at once, through rpmsgd in the guest" {
	COUNT=20000
	guest_start daemon rpmsgd k="$ctrl"
	guest bash -c 'until rpmsg-ns -b k; do sleep 0.01; done' >/dev/null 2>&1
	guest_start listener bash -c "$(receiving -b k -s 0x777)"
	wait_for grep -q 'rpmsg-listen: ready' "$guest_err"
	local into_guest=$guest_out
	start bash -c "$(receiving -b g -s 0x888)"
	local out_of_guest=$started_out receiver=$started
	wait_for grep -q 'rpmsg-listen: ready' "$started_err"
	guest_start sender bash -c "$(sending -b k -d 0x888 -i 0.0002)"
	run -0 bash -c "$(sending -b g -d 0x777 -i 0.0002)"
	exits 0 guest_waited sender
	exits 0 guest_waited listener
	exits 0 waited "$receiver"
	all_there "$into_guest"
	all_there "$out_of_guest"
	guest_stop daemon
	guest_halt
	guest_log_clean
}

@test "a service of ours, a question of the guest's, our answer" {
	start rpmsg-listen -b g -R -n questions --echo -q
	run -0 guest rpmsg-send -b "$ctrl" -n questions --reply -o raw what
	assert_output what
	run -0 guest rpmsg-send -b "$ctrl" -n questions --expect 6 -c 3 6
	run -0 guest rpmsg-send -b "$ctrl" -n questions --ping -c 20 -i 0
	assert_output --partial '20 sent, 20 answered'
	guest_halt
	guest_log_clean
}

@test "a service that we withdraw goes in the guest, and its watcher is told" {
	start rpmsg-ns -b g -R announce --hold first
	local first=$started
	start rpmsg-ns -b g -R announce --hold second
	guest_start watch rpmsg-ns -b "$ctrl" -j watch
	local watch=$guest_out
	guest rpmsg-ns -b "$ctrl" wait first second
	stop "$first" || true
	guest rpmsg-ns -b "$ctrl" wait --gone first
	run -0 guest bash -c 'cd /sys/bus/rpmsg/devices && echo *'
	refute_output --partial first
	assert_output --partial second
	wait_for grep -q '"type":"withdraw".*"first"' "$watch"
	exits 143 guest_stop watch
	guest_halt
	guest_log_clean
}

@test "what the guest announces and withdraws is news here" {
	start rpmsg-ns -b g -j watch --banner
	local watch=$started_out
	wait_for grep -q ready "$started_err"
	guest_start service rpmsg-ns -b "$ctrl" announce --hold -s 0x4d2 from-the-guest
	exits 0 rpmsg-ns -b g wait from-the-guest
	run -0 rpmsg-ns -b g
	assert_output --regexp 'from-the-guest.*0x4d2'
	guest_stop service || true
	exits 0 rpmsg-ns -b g wait --gone from-the-guest
	wait_for grep -q '"type":"announce".*"from-the-guest"' "$watch"
	wait_for grep -q '"type":"withdraw".*"from-the-guest"' "$watch"
	guest_halt
	guest_log_clean
}
