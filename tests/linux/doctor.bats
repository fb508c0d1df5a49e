#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-ns doctor and gc on a Linux kernel's own bus.

load ../lib/common
load ../lib/process
load ../lib/guest

# A guest with the service NAME on its bus; sets $listener.
boot_with()
{
	serve g=vhost-user:g.vhost
	start rpmsg-listen -b g -R -n "$1" --echo -q
	listener=$started
	guest_boot "$PWD/g.vhost"
	guest bash -c "until grep -qxs $1 /sys/bus/rpmsg/devices/*/name; do sleep 0.01; done"
}

has_node()
{
	guest bash -c "until [[ -c /dev/$1 ]]; do sleep 0.01; done"
}

@test "a kernel's bus on which all is well" {
	boot_with rpmsg-raw
	has_node rpmsg0
	run -0 --separate-stderr guest rpmsg-ns doctor
	assert_line -- '--   remote processors: none: no driver (CONFIG_REMOTEPROC and the board'"'"'s) or no enabled device-tree node'
	for module in rpmsg_core virtio_rpmsg_bus rpmsg_ns rpmsg_char rpmsg_ctrl rpmsg_tty; do
		assert_line "OK   $module: there"
	done
	assert_line 'OK   virtio0: rpmsg device, driver virtio_rpmsg_bus'
	assert_line --regexp '^OK   rpmsg-raw: 0x400>0x400, driver rpmsg_chrdev$'
	assert_line --regexp '^OK   /dev/rpmsg_ctrl0: usable \(root:root, mode 0600\)$'
	assert_line --regexp '^OK   /dev/rpmsg0: usable \(root:root, mode 0600\)$'
	assert_line 'OK   kernel log: no complaints about rpmsg, remoteproc or virtio'
	guest rpmsg-ns doctor -j | jq -es 'length > 10 and all(.type == "check")'
	guest_halt
	guest_log_clean
}

@test "a channel that no driver takes: what the doctor says to type gives it a node" {
	local command
	boot_with rpmsg-tty-channel
	run -1 guest rpmsg-ns doctor
	assert_line --regexp "^BAD  rpmsg-tty-channel: no driver takes that name, .* rpmsg_tty takes 'rpmsg-tty'"
	command=$(guest rpmsg-ns doctor -j | jq -r 'select(.topic == "channel") | .next')
	assert [ -n "$command" ]
	run -0 guest bash -c "$command"
	has_node ttyRPMSG0
	run -0 guest rpmsg-ns doctor
	assert_line --regexp '^OK   rpmsg-tty-channel: .*, driver rpmsg_tty$'
	assert_line --regexp '^OK   /dev/ttyRPMSG0: usable '
	guest_halt
}

@test "a driver that is not loaded, one that was unbound: what to type brings them back" {
	local command
	boot_with rpmsg-raw
	has_node rpmsg0
	guest bash -c 'echo virtio0 >/sys/bus/virtio/drivers/virtio_rpmsg_bus/unbind'
	run -1 guest rpmsg-ns doctor
	assert_line --regexp '^BAD  virtio0: rpmsg device without a driver: no bus -> '
	command=$(guest rpmsg-ns doctor -j | jq -r 'select(.topic == "virtio") | .next')
	guest bash -c "$command"
	guest bash -c "until grep -qxs rpmsg-raw /sys/bus/rpmsg/devices/*/name; do sleep 0.01; done"
	has_node rpmsg0
	run -0 guest rpmsg-ns doctor
	guest modprobe -r rpmsg_tty
	run -0 guest rpmsg-ns doctor
	assert_line --regexp '^--   rpmsg_tty: not there; .* -> modprobe rpmsg_tty$'
	guest_halt
}

@test "an ordinary user: rights are told, and what root sees is not guessed" {
	boot_with rpmsg-raw
	has_node rpmsg0
	run -1 guest setpriv --reuid=65534 --regid=65534 --clear-groups env RPMSG_DIR= \
		rpmsg-ns doctor
	assert_line --regexp '^BAD  /dev/rpmsg_ctrl0: this user may not read and write it \(root:root, mode 0600\) -> echo .* \| sudo tee /etc/udev/rules.d/60-rpmsg.rules$'
	assert_line 'OK   virtio0: rpmsg device, driver virtio_rpmsg_bus'
	guest_halt
}

@test "who has a node open" {
	boot_with rpmsg-raw
	has_node rpmsg0
	guest_start reader bash -c 'exec 5<>/dev/rpmsg0; echo open; exec sleep inf'
	wait_for grep -q open "$guest_out"
	run -0 guest rpmsg-ns doctor
	assert_line --regexp '^OK   /dev/rpmsg0: usable \(root:root, mode 0600\), open in pid [0-9]+ \(sleep\)$'
	exits 143 guest_stop reader
	guest_halt
}

@test "a complaint of the kernel's about a message that nobody takes" {
	boot_with rpmsg-raw
	has_node rpmsg0
	run -0 rpmsg-send -b g -R -d 0x777 "to nobody"
	guest bash -c 'until dmesg | grep -q "no recipient"; do sleep 0.01; done'
	run -1 guest rpmsg-ns doctor
	assert_line --regexp '^BAD  kernel log: virtio_rpmsg_bus virtio0: msg received with no recipient$'
	guest_halt
}

@test "gc removes what a killed program left, and nothing that is in use" {
	boot_with demo-echo
	guest_start user rpmsg-listen -b /dev/rpmsg_ctrl0 -n demo-echo
	has_node rpmsg0
	run -0 --separate-stderr guest rpmsg-ns gc
	refute_output
	assert_equal "$stderr" '0 removed'
	exits 137 guest_stop user KILL
	run -0 --separate-stderr guest rpmsg-ns gc --dry-run
	assert_output --regexp '^/dev/rpmsg0 endpoint demo-echo 0x[0-9a-f]+>0x400 of rpmsg-listen \(pid [0-9]+\)$'
	assert_equal "$stderr" '1 to be removed'
	run -0 --separate-stderr guest rpmsg-ns gc -j -b /dev/rpmsg_ctrl0
	jq -es 'length == 1 and (.[0] | .type == "gc" and .node == "/dev/rpmsg0" and
		.service == "demo-echo" and .dst == 1024 and .kind == "endpoint" and .removed and
		.command == "rpmsg-listen" and .pid > 0)' <<<"$output"
	assert_equal "$stderr" '1 removed'
	run -1 guest test -e /dev/rpmsg0
	run -2 guest rpmsg-ns gc -b /dev/rpmsg_ctrl7
	guest_halt
	guest_log_clean
}
