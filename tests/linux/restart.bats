#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Either side comes and goes: driver unbound and bound, guest restarted or killed, our side killed.

load ../lib/common
load ../lib/process
load ../lib/guest

BATS_TEST_TIMEOUT=300
driver=/sys/bus/virtio/drivers/virtio_rpmsg_bus
# so that the kernel tells of memory that is used after its end or freed twice
guest_options=(slub_debug=FZP)

# A remote processor that answers the sample driver, behind a rpmsgd that stays.
echo_service()
{
	serve rpmsg0=vhost-user:vhost.sock
	rpmsgd=$started
	start rpmsg-listen -b rpmsg0 -n rpmsg-client-sample --echo --banner
	wait_for test -s "$started_err"
}

# said TEXT N: whether the driver said TEXT N times
said()
{
	[[ $(guest_log | grep -c "rpmsg_client_sample.*: $1") -eq $2 ]]
}

messages()
{
	guest_log | grep -c 'incoming msg'
}

more_than()
{
	[[ $(messages) -gt $1 ]]
}

unbound()
{
	! guest test -e "$driver/virtio0"
}

links()
{
	[[ $(grep -c 'link up' "$started_err") -eq $1 ]]
}

@test "50 times unbound and bound: the channel is back and works, and the log is clean" {
	local n held
	echo_service
	guest_boot vhost.sock
	guest modprobe rpmsg_client_sample count=5
	wait_for said 'goodbye!' 1
	held=$(descriptors "$rpmsgd")
	for n in {1..50}; do
		guest bash -c "echo virtio0 >$driver/unbind"
		unbound
		guest bash -c "echo virtio0 >$driver/bind"
		wait_for said 'goodbye!' "$((n + 1))"
	done
	said 'incoming msg' 255
	assert_equal "$(descriptors "$rpmsgd")" "$held"
	guest_halt
	guest_log_clean
}

# 25 times, while the sample driver and a listener on BUS echo to each other
unbound_in_traffic()
{
	local n
	start rpmsg-listen -b "$1" -n rpmsg-client-sample --echo -q
	wait_for test -S vhost.sock
	guest_boot vhost.sock
	guest modprobe rpmsg_client_sample count=1000000
	for n in {1..25}; do
		wait_for said 'new channel: 0x400 -> 0x400!' "$n"
		wait_for more_than "$(messages)"
		guest bash -c "echo virtio0 >$driver/unbind && echo virtio0 >$driver/bind"
	done
	guest_halt
	guest_log_clean
}

@test "unbound in the middle of traffic" {
	unbound_in_traffic vhost-user:vhost.sock
}

@test "unbound in the middle of traffic that rpmsgd hands on" {
	serve g=vhost-user:vhost.sock
	unbound_in_traffic g
}

@test "20 restarts of the guest under traffic, powered off or killed" {
	local n held=
	echo_service
	for n in {1..20}; do
		guest_boot vhost.sock
		guest modprobe rpmsg_client_sample count=1000000
		wait_for more_than 100
		wait_for links "$n"
		: "${held:=$(descriptors "$rpmsgd")}"
		assert_equal "$(descriptors "$rpmsgd")" "$held"
		if ((n % 2)); then guest_halt; else guest_kill; fi
		guest_log_clean
	done
	alive "$rpmsgd"
	run -0 rpmsg-ns -b rpmsg0
}

@test "our side killed: the guest survives it, and only virtio_uml complains" {
	serve rpmsg0=vhost-user:vhost.sock
	rpmsgd=$started
	guest_boot vhost.sock
	guest test -e /sys/bus/virtio/devices/virtio0
	kill -KILL "$rpmsgd"
	wait_for guest bash -c '! test -e /sys/bus/virtio/devices/virtio0'
	guest_halt
	guest_log_clean killed
}

@test "no backend: the guest boots without the device" {
	guest_boot nobody.sock
	run -1 guest test -e /sys/bus/virtio/devices/virtio0
	run -0 guest lsmod
	assert_output --partial virtio_rpmsg_bus
	guest_halt
	guest_log_clean
}
