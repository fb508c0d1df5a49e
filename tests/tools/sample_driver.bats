#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The driver of the kernel's document, compiled against <rpmsg.h>, on the software bus.

load ../lib/common

@test "the sample driver is probed, says hello!, and dumps the answer" {
	serve
	start rpmsg-listen -R -n rpmsg-client-sample --echo -o log --banner
	listener=$started out=$started_out err=$started_err
	wait_for test -s "$err"
	start "$BUILD/programs/sample_driver" rpmsg0
	waited "$started"
	run cat "$started_out"
	assert_line --regexp '^rpmsg-client-sample.*: chnl: 0x400 -> 0x400$'
	assert_line 'incoming message: 68 65 6c 6c 6f 21  hello!'
	assert_line --partial 'rpmsg sample client driver is removed'
	wait_for grep -q '#68656C6C6F21$' "$out"
	stop "$listener" || assert_equal "$?" 143
}

@test "the driver may be there before its channel" {
	serve
	start "$BUILD/programs/sample_driver" rpmsg0
	driver=$started out=$started_out
	start rpmsg-listen -R -n rpmsg-client-sample --echo
	waited "$driver"
	run cat "$out"
	assert_line 'incoming message: 68 65 6c 6c 6f 21  hello!'
}
