#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's terminal on rpmsg: a byte stream, both ways.

load ../lib/common
load ../lib/process
load ../lib/guest

tty=/dev/ttyRPMSG0

boot_with_tty()
{
	serve g=vhost-user:g.vhost
	start rpmsg-listen -b g -R -n rpmsg-tty -o raw -q
	listener=$started from_guest=$started_out
	guest_boot "$PWD/g.vhost"
	guest bash -c "until [[ -c $tty ]]; do sleep 0.01; done; stty -F $tty raw -echo"
}

@test "from the guest's terminal to us" {
	boot_with_tty
	head -c 100000 /dev/urandom >bytes
	# The driver does not wait for a transmit buffer: a write without one fails as a whole.
	guest bash -c "for n in {0..249}; do
		until dd if=bytes of=$tty bs=400 skip=\$n count=1 status=none; do :; done
	done"
	wait_for cmp -s bytes "$from_guest"
	guest_halt
	guest_log_clean
}

@test "from us to the guest's terminal" {
	boot_with_tty
	head -c 100000 /dev/urandom >bytes
	guest_start reader head -c 100000 "$tty"
	run -0 guest bash -c 'echo $(($(</sys/bus/rpmsg/devices/*.rpmsg-tty.*/src)))'
	run -0 rpmsg-send -b g -d "$output" --split=200 -i 0.001 -t inf -f bytes
	exits 0 guest_waited reader
	cmp bytes "$guest_out"
	guest_halt
	guest_log_clean
}

@test "the terminal goes with its service, and comes back" {
	boot_with_tty
	stop "$listener" INT || true
	guest bash -c "while [[ -e $tty ]]; do sleep 0.01; done"
	start rpmsg-listen -b g -R -n rpmsg-tty -o raw -q
	guest bash -c "until [[ -c $tty ]]; do sleep 0.01; done; echo again >$tty"
	wait_for grep -q again "$started_out"
	guest_halt
	guest_log_clean
}
