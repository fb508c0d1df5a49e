#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen --kernel: what a kernel sends and receives, seen from within.

load ../lib/common
load ../lib/guest
load ../lib/process

# A guest on rpmsg0.
boot()
{
	serve rpmsg0=vhost-user:vhost.sock
	guest_boot vhost.sock
}

# Starts rpmsg-listen --kernel in the guest and returns when it misses nothing any more.
view()
{
	local name=$1
	shift
	guest_start "$name" rpmsg-listen --kernel --banner "$@"
	view_out=$guest_out view_err=$guest_err
	wait_for grep -q 'ready: the kernel' "$view_err"
}

# Flags of the driver's debug messages, by their place: those of a message sent, its dump, those
# of one received, its dump, then three that are none of ours.
switches()
{
	guest cat /proc/dynamic_debug/control | sed -n 's/.*virtio_rpmsg_bus\.c.* =\([a-z_]*\) ".*/\1/p' |
		paste -sd ' '
}

OFF='_ _ _ _ _ _ _'
ON='p p p p _ _ _'

switched()
{
	[[ $(switches) == "$1" ]]
}

# An address in the guest that nobody has: the kernel gets it, and that is all.
post()
{
	rpmsg-send -b rpmsg0 -d 0x999 "$@"
}

lines()
{
	[[ $(wc -l <"$2") -ge $1 ]]
}

# messages DIRECTION FILE: those of a log, or of a capture, without time and bus
messages()
{
	local log=$2
	if [[ $log == *.pcap ]]; then
		rpmsg-listen -q -r "$log" -o log >"$log.log" || return
		log=$log.log
	fi
	sed -nE "s/^\([0-9.]+\) [^ ]+ ($1 )/\1/p" "$log"
}

# same_messages SEEN REAL: both have the same ones, in the same order in each direction
same_messages()
{
	local dir
	for dir in 'h>r' 'r>h'; do
		messages "$dir" "$1" >seen
		messages "$dir" "$2" >real
		diff seen real >differ || fail "$dir: $(head -n 10 differ)"
	done
}

# writes_and_posts N SEED: N messages of the guest, which come back, and 2 * N to it
writes_and_posts()
{
	guest perl -e '
		open(my $dev, "+<", "/dev/rpmsg0") or die "open: $!";
		for my $i (0 .. $ARGV[0] - 1) {
			my $text = substr("The quick brown fox jumps over the lazy dog " x 12, 0, $i * 4 % 497);
			defined(syswrite($dev, $text)) or die "write: $!";
		}' "$1"
	awk -v n="$1" -v seed="$2" 'BEGIN {
		for (i = 0; i < 2 * n; i++) {
			line = ""
			for (k = (seed + i) % (i % 10 ? 64 : 497); k > 0; k--)
				line = line sprintf("%c", 32 + (i * k + i + k) % 95)
			print line
		}
	}' >payloads
	post -l -f payloads
}

@test "ten thousand messages, both ways and of all lengths: exactly what is recorded outside" {
	local round recorder
	boot
	start rpmsg-listen -b rpmsg0 -w outside.pcap --banner
	recorder=$started
	wait_for grep -q ready "$started_err"
	view view -w inside.pcap -o log
	start rpmsg-listen -b rpmsg0 -n rpmsg-raw --echo -q -o raw --banner
	wait_for grep -q ready "$started_err"
	wait_for guest test -c /dev/rpmsg0
	for round in {1..20}; do
		writes_and_posts 125 "$((round * 7))"
		wait_for lines "$((1 + 500 * round))" "$view_out"
	done
	stop "$recorder" INT || assert_equal "$?" 130
	run -130 guest_stop view INT
	grep -qx "10001 messages written to inside.pcap, 0 lines of the kernel's log lost" "$view_err"
	same_messages inside.pcap outside.pcap
	assert [ "$(messages 'h>r' inside.pcap | wc -l)" -eq 2500 ]
	assert [ "$(messages 'r>h' inside.pcap | wc -l)" -eq 7501 ]
	messages 'r>h' inside.pcap | grep -q '#$'
	messages 'h>r' inside.pcap | grep -qE '#[0-9A-F]{992}$'
	# times are those of today and never go back
	awk -F'[()]' -v now="$(date +%s)" '$2 < last || $2 > now + 1 || $2 < now - 600 { exit 1 } { last = $2 }' \
		inside.pcap.log
	guest_halt
	guest_log_clean
}

@test "what the log has lost is told, and nothing is shown that is not whole" {
	boot
	start rpmsg-listen -b rpmsg0 -o log --banner
	local outside=$started_out recorder=$started
	wait_for grep -q ready "$started_err"
	view view -o log -w inside.pcap --strict -v
	post first
	wait_for grep -q '#6669727374$' "$view_out"
	# nobody reads, and the log is not large
	guest bash -c 'kill -STOP $(pidof rpmsg-listen)'
	awk 'BEGIN { for (i = 0; i < 3000; i++) { for (k = 0; k < 62; k++) printf "%08d", i; print "" } }' >payloads
	post -l -f payloads
	guest bash -c 'kill -CONT $(pidof rpmsg-listen)'
	post last
	wait_for grep -q '#6C617374$' "$view_out"
	run -1 guest_stop view INT
	wait_for grep -q '#6C617374$' "$outside"
	stop "$recorder" INT || assert_equal "$?" 130
	grep -E "^kernel: [0-9]+ lines of the kernel's log lost$" "$view_err"
	grep -qE ' messages? written to inside.pcap, [1-9][0-9]* lines of the kernel.s log lost$' "$view_err"
	messages 'r>h' "$view_out" >seen
	messages 'r>h' "$outside" >real
	assert [ "$(wc -l <real)" -eq 3002 ]
	assert [ "$(wc -l <seen)" -lt 3002 ]
	assert [ "$(wc -l <seen)" -gt 2 ]
	run -1 grep '^>' <(diff real seen)
	guest_log_clean
}

@test "a lost line is an event of JSON" {
	boot
	view view -j
	guest bash -c 'kill -STOP $(pidof rpmsg-listen)'
	head -c 496 /dev/zero >payload
	post -f payload -c 3000
	guest bash -c 'kill -CONT $(pidof rpmsg-listen)'
	post last
	wait_for grep -q '"text":"last"' "$view_out"
	run -130 guest_stop view INT
	run -0 jq -c 'select(.type == "lost") | [.bus, .count > 1000, .text]' "$view_out"
	assert_line --index 0 "[\"kernel\",true,\"lines of the kernel's log\"]"
}

@test "services: known from sysfs, learned from announcements, and filters go by them" {
	boot
	start rpmsg-listen -b rpmsg0 -n rpmsg-client-sample --echo -q --banner
	wait_for grep -q ready "$started_err"
	wait_for guest test -e /sys/bus/rpmsg/devices/virtio0.rpmsg-client-sample.-1.1024
	view view name 'rpmsg-client-*' --time n
	view both name 'clock' -j
	local both_out=$view_out
	view_out=$GUEST/jobs/job-view/out
	run -0 guest modprobe rpmsg_client_sample count=1
	wait_for lines 2 "$view_out"
	post other
	run -0 rpmsg-ns -b rpmsg0 announce clock -s 50
	rpmsg-send -b rpmsg0 --spoof=50 -d 0x998 tick
	wait_for lines 2 "$both_out"
	run -130 guest_stop view INT
	run -0 cat "$view_out"
	assert_output "virtio0 h>r rpmsg-client-sample 0x400>0x400 [12] hello world!
virtio0 r>h rpmsg-client-sample 0x400>0x400 [12] hello world!"
	run -130 guest_stop both INT
	run -0 jq -c '[.bus, .dir, .service, .src, .dst, .len]' "$both_out"
	assert_output '["virtio0","r>h","clock",50,53,40]
["virtio0","r>h","clock",50,2456,4]'
}

@test "however it ends, the messages are off again" {
	boot
	switched "$OFF"
	view int
	switched "$ON"
	run -130 guest_stop int INT
	switched "$OFF"
	view term
	switched "$ON"
	run -143 guest_stop term TERM
	switched "$OFF"
	view hup
	run -129 guest_stop hup HUP
	switched "$OFF"
	view count -c 1
	post one
	run -0 guest_waited count
	switched "$OFF"
	run -0 guest rpmsg-listen --kernel -t 0.1
	switched "$OFF"
	view late -t 0.1 -c 5
	run -4 guest_waited late
	switched "$OFF"
	guest_start pipe bash -c 'rpmsg-listen --kernel --banner | true; echo "status ${PIPESTATUS[0]}"'
	run -0 guest_waited pipe
	assert_equal "$(<"$guest_out")" 'status 141'
	switched "$OFF"
	guest_start full bash -c 'exec rpmsg-listen --kernel --banner >/dev/full'
	view_err=$guest_err
	wait_for grep -q ready "$view_err"
	switched "$ON"
	post one
	run -1 guest_waited full
	assert_regex "$(<"$view_err")" 'standard output: No space left on device'
	switched "$OFF"
	run -1 guest rpmsg-listen --kernel -w /no/such/folder/file
	switched "$OFF"
	guest_log_clean
}

@test "what was shown last had come before it ended" {
	boot
	view view -o log
	guest bash -c 'kill -STOP $(pidof rpmsg-listen)'
	post -c 50 late
	guest bash -c 'kill -INT $(pidof rpmsg-listen); kill -CONT $(pidof rpmsg-listen)'
	run -130 guest_waited view
	assert_equal "$(messages 'r>h' "$view_out" | wc -l)" 50
}

@test "of two at once, the last to leave switches it off" {
	boot
	view one
	view two -o log
	run -130 guest_stop one INT
	switched "$ON"
	post still
	wait_for grep -q '#7374696C6C$' "$view_out"
	view three
	run -130 guest_stop two INT
	switched "$ON"
	run -130 guest_stop three INT
	switched "$OFF"
}

@test "many that come and go at once leave nothing on" {
	boot
	run -0 guest bash -c 'for i in {1..12}; do rpmsg-listen --kernel -q -t 0.0$((i % 5)) & done; wait'
	switched "$OFF"
}

@test "what one that was killed left on, the next switches off" {
	boot
	view victim
	run -137 guest_stop victim KILL
	switched "$ON"
	run -0 guest rpmsg-listen --kernel -t 0
	switched "$OFF"
	# and not what somebody switches on later
	guest bash -c 'echo "file virtio_rpmsg_bus.c +p" >/proc/dynamic_debug/control'
	run -0 guest rpmsg-listen --kernel -t 0
	switched 'p p p p p p p'
	# nor what was on in another boot, or is no such file
	guest bash -c 'echo "01234567-89ab-cdef-0123-456789abcdef 15" >$RPMSG_DIR/.kernel-debug'
	run -0 guest rpmsg-listen --kernel -t 0
	guest bash -c 'head -c 10000 /dev/urandom >$RPMSG_DIR/.kernel-debug'
	run -0 guest rpmsg-listen --kernel -t 0
	switched 'p p p p p p p'
}

@test "flags that somebody had set stay as they are" {
	boot
	guest bash -c 'echo "file virtio_rpmsg_bus.c format \"TX\" +pm" >/proc/dynamic_debug/control'
	guest bash -c 'echo "file virtio_rpmsg_bus.c format \"RX\" +t" >/proc/dynamic_debug/control'
	switched 'pm pm _ t _ _ _'
	view view -o log
	switched 'pm pm p pt _ _ _'
	guest_start hello rpmsg-listen --kernel -t 0.1
	run -0 guest_waited hello
	switched 'pm pm p pt _ _ _'
	post -x 00ff
	wait_for grep -q '#00FF$' "$view_out"
	run -130 guest_stop view INT
	switched 'pm pm _ t _ _ _'
}

@test "a driver that is loaded anew is switched on again" {
	boot
	view view -o log
	run -0 guest modprobe -r virtio_rpmsg_bus
	run -0 guest modprobe virtio_rpmsg_bus
	wait_for grep -q '^virtio0: link up$' "$view_err"
	switched "$ON"
	wait_for post back
	wait_for grep -q '#6261636B$' "$view_out"
	run -130 guest_stop view INT
	switched "$OFF"
}

@test "-b chooses among the kernel's buses, which have the names of their devices" {
	serve rpmsg0=vhost-user:vhost.sock rpmsg1=vhost-user:vhost1.sock
	guest_boot vhost.sock vhost1.sock
	view all -o log
	local all=$view_out
	view one -o log -b virtio1
	local one=$view_out
	view control -o log -b /dev/rpmsg_ctrl1
	rpmsg-send -b rpmsg0 -d 0x999 zero
	rpmsg-send -b rpmsg1 -d 0x999 one
	wait_for lines 2 "$all"
	wait_for lines 1 "$one"
	wait_for lines 1 "$view_out"
	run -0 sed -E 's/^\([0-9.]+\) //' "$all"
	assert_line 'virtio0 r>h 0x400>0x999#7A65726F'
	assert_line 'virtio1 r>h 0x400>0x999#6F6E65'
	run -0 sed -E 's/^\([0-9.]+\) //' "$one" "$view_out"
	assert_output 'virtio1 r>h 0x400>0x999#6F6E65
virtio1 r>h 0x400>0x999#6F6E65'
	local spec
	for spec in virtio7 virtio rpmsg0 /dev/rpmsg_ctrl7 /dev/rpmsg_ctrl; do
		run -2 guest rpmsg-listen --kernel -b "$spec"
		assert_output "rpmsg-listen: --kernel: '$spec' is none of the kernel's rpmsg buses (virtio0, virtio1)"
	done
}

@test "what a program wrote into the log is not taken for traffic" {
	boot
	view view -o log
	guest bash -c 'printf "<7>%s\n" "virtio_rpmsg_bus virtio0: From: 0x1, To: 0x2, Len: 0, Flags: 0, Reserved: 0" >/dev/kmsg
		printf "<7>%s\n" "rpmsg_virtio RX: 01 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00  ................" >/dev/kmsg'
	post true
	wait_for grep -q '#74727565$' "$view_out"
	run -130 guest_stop view INT
	assert [ "$(wc -l <"$view_out")" -eq 1 ]
}

@test "a console that prints it all is told of" {
	boot
	run -0 guest rpmsg-listen --kernel -t 0
	refute_output --partial console
	guest dmesg -n 8
	run -0 guest rpmsg-listen --kernel -t 0
	assert_output --partial "'dmesg -n 7' stops that"
	guest dmesg -n 7
	guest bash -c 'echo Y >/sys/module/printk/parameters/ignore_loglevel'
	run -0 guest rpmsg-listen --kernel -t 0
	assert_output --partial 'ignore_loglevel'
}

@test "each thing that is missing is named, with what to do" {
	boot
	run -1 guest setpriv --reuid=65534 --regid=65534 --clear-groups rpmsg-listen --kernel
	assert_output 'rpmsg-listen: /dev/kmsg: Permission denied: run it as root'
	guest chmod 666 /dev/kmsg
	run -1 guest setpriv --reuid=65534 --regid=65534 --clear-groups rpmsg-listen --kernel
	assert_output 'rpmsg-listen: /proc/dynamic_debug/control: Permission denied: run it as root'
	guest bash -c 'echo 1 >/proc/sys/kernel/dmesg_restrict'
	run -1 guest setpriv --bounding-set=-syslog,-sys_admin rpmsg-listen --kernel
	assert_output --partial 'CAP_SYSLOG'
	guest bash -c 'echo 0 >/proc/sys/kernel/dmesg_restrict'
	run -1 guest unshare -m bash -c 'mount -t tmpfs none /proc/dynamic_debug && umount /sys/kernel/debug &&
		rpmsg-listen --kernel'
	assert_output --partial "mount -t debugfs none /sys/kernel/debug"
	run -1 guest unshare -m bash -c 'mount -t tmpfs none /proc/dynamic_debug &&
		mount -t tmpfs none /sys/kernel/debug/dynamic_debug && rpmsg-listen --kernel'
	assert_output 'rpmsg-listen: this kernel has no dynamic debug: build it with CONFIG_DYNAMIC_DEBUG=y'
	run -0 guest unshare -m bash -c 'mount -t tmpfs none /proc/dynamic_debug && rpmsg-listen --kernel -t 0'
	run -1 guest env RPMSG_DIR=/no/such/folder rpmsg-listen --kernel
	assert_output --partial '/no/such/folder'
	switched "$OFF"
	guest modprobe -r virtio_rpmsg_bus
	run -2 guest rpmsg-listen --kernel
	assert_line 'rpmsg-listen: virtio_rpmsg_bus is not loaded: modprobe virtio_rpmsg_bus'
}

@test "without a bus it waits for one, and says so" {
	guest_boot
	view view -o log
	grep -q 'has no rpmsg bus yet' "$view_err"
	run -130 guest_stop view INT
	switched "$OFF"
}

teardown()
{
	guest_teardown
	common_teardown
}
