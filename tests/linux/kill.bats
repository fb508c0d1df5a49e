#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A guest, or our side of it, that is killed under traffic: what is left is usable at once.

load ../lib/common
load ../lib/process
load ../lib/guest

tty=/dev/ttyRPMSG0

# What a process holds: fds, and maps of a guest's memory.
held_by()
{
	ls "/proc/$1/fd" | wc -l
	grep -c vm_file "/proc/$1/maps" || true
}

still_holds()
{
	[[ $(held_by "$1") == "$2" ]]
}

# lines FILE PATTERN N: so many lines of FILE have PATTERN.
lines()
{
	[[ $(grep -c "$2" "$1") -eq $3 ]]
}

# A guest whose terminal is flooded in both directions.
boot_under_traffic()
{
	guest_boot "$PWD/g.vhost"
	guest bash -c "until [[ -c $tty ]]; do sleep 0.01; done; stty -F $tty raw -echo"
	guest_start writer bash -c "while :; do head -c 400 /dev/zero >$tty; done"
	guest_start reader bash -c "cat $tty >/dev/null"
	run -0 guest bash -c 'echo $(($(</sys/bus/rpmsg/devices/*.rpmsg-tty.*/src)))'
	guest_address=$output
}

# traffic_passes NUMBER: so many messages have come from the guest.
traffic_passes()
{
	[[ $(rpmsg-ns -b g -j | sed -nE 's/.*"rpmsg-tty".*"rx":([0-9]+).*/\1/p') -ge $1 ]]
}

kill_after_a_while()
{
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
	"$@"
}

@test "guests killed under traffic leave nothing in rpmsgd, and the next one works" {
	local n before sender
	serve g=vhost-user:g.vhost
	local daemon=$started
	start rpmsg-listen -b g -R -n rpmsg-tty -o raw -q
	wait_for rpmsg-ns -b g wait -t 1 rpmsg-tty
	before=$(held_by "$daemon")
	for n in {1..10}; do
		boot_under_traffic
		start rpmsg-send -b g -d "$guest_address" -c 100000000 -i 0.0001 "a message"
		sender=$started
		wait_for traffic_passes 50
		kill_after_a_while guest_kill
		exits 6 waited "$sender"
		wait_for still_holds "$daemon" "$before"
		guest_log_clean
	done
}

# That the guest lives is restart.bats's: here its driver of the terminal may be in the middle of a
# write to a device that is gone, which Linux 6.12 does not always survive.
@test "rpmsgd killed under traffic: the tools say so, and the place is free" {
	local n daemon listener sender
	for n in {1..5}; do
		serve g=vhost-user:g.vhost
		daemon=$started
		start rpmsg-listen -b g -R -n rpmsg-tty -o raw -q --exit-on-down
		listener=$started
		boot_under_traffic
		start rpmsg-send -b g -d "$guest_address" -c 100000000 -i 0.0001 "a message"
		sender=$started
		wait_for traffic_passes 50
		kill_after_a_while kill -KILL "$daemon"
		exits 137 waited "$daemon"
		exits 6 waited "$sender"
		exits 6 waited "$listener"
		guest_kill
	done
	serve g=vhost-user:g.vhost
	stop "$started"
	assert [ ! -e g.vhost ]
	assert [ ! -e g.vhost.lock ]
}

@test "a guest that comes back is news: watch tells, wait --new waits for it" {
	local watch
	serve g=vhost-user:g.vhost
	start rpmsg-ns -b g -j watch --banner
	watch=$started_out
	wait_for grep -q ready "$started_err"
	guest_boot "$PWD/g.vhost"
	wait_for lines "$watch" '"type":"up"' 1
	guest rpmsg-ns -b /dev/rpmsg_ctrl0 announce -s 0x500 rpmsg-raw
	exits 0 rpmsg-ns -b g wait rpmsg-raw
	exits 4 rpmsg-ns -b g wait -t 0.1 --new rpmsg-raw
	start rpmsg-ns -b g -t inf wait --new rpmsg-raw
	guest_kill
	wait_for lines "$watch" '"type":"down"' 1
	guest_boot "$PWD/g.vhost"
	wait_for lines "$watch" '"type":"up"' 2
	assert kill -0 "$started"
	guest rpmsg-ns -b /dev/rpmsg_ctrl0 announce -s 0x501 rpmsg-raw
	exits 0 waited "$started"
	wait_for lines "$watch" '"type":"announce".*"rpmsg-raw"' 2
	guest_halt
	guest_log_clean
}
