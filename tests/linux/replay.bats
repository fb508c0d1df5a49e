#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A recording replayed on the kernel's own bus, where an endpoint has one destination and nobody
# knows who sent.

load ../lib/common
load ../lib/guest

CTRL=/dev/rpmsg_ctrl0

setup()
{
	common_setup
	serve rpmsg0=vhost-user:vhost.sock
	guest_boot vhost.sock
	remote -n first
	remote -n rpmsg-raw --echo
	remote -n other --echo
	remote -s 77 --echo
	run -0 guest rpmsg-ns -b $CTRL wait first rpmsg-raw other
}

# sent: service or destination, and payload, of what the guest sent
sent()
{
	rpmsg-listen -q -b rpmsg0 -R --history --no-follow -j | jq -r 'select(.type == "msg" and .dir == "h>r") |
		[if .dst == 77 then 77 else .service end, .data] | @tsv'
}

@test "each source has an endpoint for each of its destinations, and answers come back" {
	"$BUILD/programs/gen_capture" talk.pcap <<-'END'
		announce r 0x401 other
		announce r 0x402 rpmsg-raw
		h>r 0x400 0x401 01
		r>h 0x401 0x400 01
		h>r 0x400 0x402 02
		h>r 0x500 0x402 03
		r>h 0x402 0x400 02
		h>r 0x400 77 04
		r>h 77 0x400 04
		r>h 0x402 0x500 03
	END
	run -0 guest rpmsg-send -b $CTRL --replay "$PWD/talk.pcap" --speed max --expect-replies
	refute_output
	assert_equal "$(sent)" $'other\t01\nrpmsg-raw\t02\nrpmsg-raw\t03\n77\t04'

	"$BUILD/programs/gen_capture" differs.pcap <<-'END'
		announce r 0x401 other
		h>r 0x400 0x401 01
		h>r 0x400 77 04
		r>h 77 0x400 05
		r>h 0x401 0x400 01
	END
	run -3 guest rpmsg-send -b $CTRL --replay "$PWD/differs.pcap" --speed max --expect-replies
	assert_line --partial 'message 4 of '
	assert_line --partial 'from 0x4d to 0x400, differs at byte 0'
}

@test "what such an endpoint cannot do is refused before anything is sent" {
	"$BUILD/programs/gen_capture" two.pcap <<-'END'
		h>r 50 77 01
		h>r 50 78 02
	END
	run -1 guest rpmsg-send -b $CTRL --replay "$PWD/two.pcap"
	assert_output --partial 'address 0x32 writes to more than one destination'
	"$BUILD/programs/gen_capture" service.pcap <<-'END'
		announce h 0x400 ours
		r>h 0x500 0x400 01
		h>r 0x400 0x500 02
	END
	run -1 guest rpmsg-send -b $CTRL --replay "$PWD/service.pcap"
	assert_output --partial 'service ours (0x400) of this side cannot choose to whom it writes'
	assert_equal "$(sent)" ''
	# what was recorded there has no senders
	echo '(1.0) rpmsg0 h>r 0x400>77#0A' >unknown.log
	echo '(1.1) rpmsg0 r>h ?>0x400#0A' >>unknown.log
	run -0 guest rpmsg-send -b $CTRL --replay "$PWD/unknown.log" --expect-replies
}
