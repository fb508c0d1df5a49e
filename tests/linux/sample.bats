#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's own sample driver (samples/rpmsg) and its /dev/rpmsg0 talk to our simulated remote
# processor.

load ../lib/common
load ../lib/guest

setup()
{
	common_setup
	# no preferences, plugins or recent files of whoever runs this
	export HOME=$PWD XDG_CONFIG_HOME=$PWD/config WIRESHARK_CONFIG_DIR=$PWD/wireshark
}

# A rpmsgd as the remote side of the guest to come, all of whose traffic goes to all.pcap.
serve_and_record()
{
	serve rpmsg0=vhost-user:vhost.sock
	start rpmsg-listen -b rpmsg0 -w all.pcap --banner
	recorder=$started
	wait_for grep -q ready "$started_err"
}

remote()
{
	start rpmsg-listen -b rpmsg0 -n rpmsg-client-sample --banner -o log "$@"
	remote=$started remote_out=$started_out
	wait_for test -s "$started_err"
}

# said TEXT N: whether the driver said TEXT N times
said()
{
	[[ $(guest_log | grep -c "rpmsg_client_sample.*: $1") -eq $2 ]]
}

# packets: what was recorded, a line each, blanks between the fields
packets()
{
	timeout 60 tshark -X "lua_script:$TOP/lib/record/rpmsg.lua" -r all.pcap -T fields \
		-E 'separator= ' -e exported_pdu.p2p_dir -e rpmsg.src -e rpmsg.dst -e rpmsg.len \
		-e rpmsg.service -e rpmsg.ns.name -e rpmsg.ns.addr -e data 2>tshark.err ||
		fail "tshark: $(<tshark.err)"
}

# The name service message, then question (0: host to remote) and answer, N times.
expected()
{
	local hello ns=rpmsg-client-sample i
	hello=$(printf 'hello world!' | od -An -v -tx1 | tr -d ' \n')
	echo "1 0x00000400 0x00000035 40  $ns 0x00000400 "
	for ((i = 0; i < $1; i++)); do
		echo "0 0x00000400 0x00000400 12 $ns   $hello"
		echo "1 0x00000400 0x00000400 12 $ns   $hello"
	done
}

@test "the sample driver and rpmsg-listen --echo exchange 100 messages, recorded exactly" {
	serve_and_record
	remote --echo
	guest_boot vhost.sock
	run -0 guest modprobe rpmsg_client_sample
	wait_for said 'goodbye!' 1
	said 'incoming msg' 100
	said 'incoming msg 100 (src: 0x400)' 1
	stop "$recorder" INT || assert_equal "$?" 130
	expected 100 >expected
	packets >packets
	run -0 diff expected packets
	assert_equal "$(grep -c 'h>r 0x400>0x400#68656C6C6F20776F726C6421$' "$remote_out")" 100
	guest_halt
	guest_log_clean
}

@test "its number of messages is a parameter, and it may be loaded before the channel comes" {
	serve_and_record
	guest_boot vhost.sock
	run -0 guest modprobe rpmsg_client_sample count=7
	remote --echo
	wait_for said 'goodbye!' 1
	stop "$recorder" INT || assert_equal "$?" 130
	expected 7 >expected
	packets >packets
	run -0 diff expected packets
	guest_halt
	guest_log_clean
}

@test "the driver is removed with its service, and probed again when that comes back" {
	serve_and_record
	guest_boot vhost.sock
	run -0 guest modprobe rpmsg_client_sample count=3
	for n in 1 2 3; do
		remote --echo
		wait_for said 'goodbye!' "$n"
		stop "$remote" || assert_equal "$?" 143
		wait_for said '.*sample client driver is removed' "$n"
	done
	guest_halt
	guest_log_clean
}

@test "a remote without --echo gets the one message of probe" {
	serve_and_record
	remote -c 1
	guest_boot vhost.sock
	run -0 guest modprobe rpmsg_client_sample
	waited "$remote"
	run cat "$remote_out"
	assert_output --regexp '^\([0-9.]+\) [^ ]+ h>r 0x400>0x400#68656C6C6F20776F726C6421$'
	said 'incoming msg' 0
	guest_halt
	guest_log_clean
}

@test "/dev/rpmsg0 both ways at once: every byte comes back, in its order" {
	start rpmsg-listen -b vhost-user:vhost.sock -n rpmsg-raw --echo -q
	wait_for test -S vhost.sock
	guest_boot vhost.sock
	wait_for guest test -c /dev/rpmsg0
	seq -f %07.0f 250000 >lines
	run -0 guest bash -c 'exec 3<>/dev/rpmsg0
		dd bs=400 count=5000 of=back <&3 2>dd.back &
		dd bs=400 if=lines 2>dd.lines >&3
		wait $!'
	run -0 cat dd.lines dd.back
	assert_line '5000+0 records in'
	cmp lines back
	guest_halt
	guest_log_clean
}
