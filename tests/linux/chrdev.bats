#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's own bus, through /dev/rpmsg_ctrlN and /dev/rpmsgN, with our tools inside the guest. The
# remote processor is outside: it echoes on rpmsg-raw and other, and counts at 77 what it gets.

load ../lib/common
load ../lib/guest

CTRL=/dev/rpmsg_ctrl0

setup()
{
	common_setup
	serve rpmsg0=vhost-user:vhost.sock
	server=$started
	guest_boot vhost.sock
	remote -n rpmsg-raw --echo
	remote -n other --echo
	remote -s 77 -o log
	counted=$started_out
	run -0 guest rpmsg-ns -b $CTRL wait rpmsg-raw other
}

# count N: that many messages came at 77
count()
{
	[[ $(wc -l <"$counted") -eq $1 ]]
}

# nodes: endpoints in the guest, but those of its drivers
nodes()
{
	guest sh -c "ls -d /sys/class/rpmsg/rpmsg_ctrl0/rpmsg[0-9]* 2>/dev/null || true"
}

devices()
{
	guest ls /sys/bus/rpmsg/devices
}

restart_firmware()
{
	guest sh -c 'cd /sys/bus/virtio/drivers/virtio_rpmsg_bus && echo virtio0 >unbind && echo virtio0 >bind'
}

@test "messages to a channel with a driver, without one, with somebody else's, and to an address" {
	local to
	for to in '-n rpmsg-raw' '-n other' '-d 0x400'; do
		run -0 guest rpmsg-send -b $CTRL $to --reply hello
		assert_output hello
	done
	run -0 guest rpmsg-send -b $CTRL -n other --reply -x --out hex ''
	run -0 guest rpmsg-send -b $CTRL -n other --ping -c 5 x
	assert_output --partial '5 sent, 5 answered'
	run -0 guest rpmsg-send -b $CTRL -d 77 -s 5 ''
	run -0 guest rpmsg-send -b $CTRL -d 77 -s 0 "$(printf %0496d 1)"
	wait_for count 2
	run cat "$counted"
	assert_line --index 0 --regexp ' h>r 0x5>0x4d#$'
	assert_line --index 1 --regexp ' h>r 0x0>0x4d#(30){495}31$'
	assert_equal "$(nodes)" ''
	guest_halt
	guest_log_clean
}

@test "channels are listed with the kernel's drivers and with who has them open" {
	remote -n rpmsg-tty
	run -0 guest rpmsg-ns -b $CTRL wait rpmsg-tty
	remote -n rpmsg-tty-channel
	run -0 guest rpmsg-ns -b $CTRL wait rpmsg-tty-channel
	run -0 guest rpmsg-ns -b $CTRL list
	assert_line 'other: no driver takes that name, so there is no /dev node; rpmsg-send and rpmsg-listen need none'
	assert_line "rpmsg-tty-channel: no driver takes that name, so there is no /dev node; rpmsg_tty takes 'rpmsg-tty'"
	refute_line --regexp '^rpmsg-(tty|raw):'
	assert_line --regexp '^rpmsg-raw +0x400 .* nobody$'
	assert_line --regexp '^rpmsg-tty +0x401 .* bound +driver rpmsg_tty$'
	assert_line --regexp '^other +\? .* nobody$'
	refute_output --regexp 'rpmsg_(ctrl|ns)'
	guest_start l rpmsg-listen -b $CTRL -n rpmsg-raw --banner
	wait_for grep -q ready "$guest_err"
	run -0 guest rpmsg-ns -b $CTRL list -j
	run -0 jq -rs '.[] | select(.service == "rpmsg-raw") | "\(.holder) \(.holder_name) \(.state)"' <<<"$output"
	assert_output 'client rpmsg-listen bound'
	run -1 guest rpmsg-listen -b $CTRL -n rpmsg-raw
	assert_output --regexp "'rpmsg-raw' is held by pid [0-9]+ \(rpmsg-listen\)"
	# who finds it taken uses an endpoint of its own
	run -0 guest rpmsg-send -b $CTRL -n rpmsg-raw --reply mine
	assert_output mine
	run -0 guest rpmsg-send -b $CTRL -n rpmsg-tty tty
	guest_stop l || :
}

@test "what comes has no sender, but the name of whom it is for" {
	guest_start l rpmsg-listen -b $CTRL -n other --time n --banner
	wait_for grep -q ready "$guest_err"
	run -0 rpmsg-send -b rpmsg0 -d 0x401 hi
	wait_for test -s "$guest_out"
	run cat "$guest_out"
	assert_output 'rpmsg_ctrl0 r>h other ?>0x401 [2] hi'
	guest_stop l || :
}

@test "each thing that the kernel cannot do is refused in its own words" {
	run -2 guest rpmsg-send -b $CTRL -R -d 77 x
	assert_output --partial 'Linux is the host of its buses'
	run -2 guest rpmsg-send -b /dev/rpmsg_ctrl1 -d 77 x
	assert_output --partial "no such control device; there is $CTRL"
	run -64 guest rpmsg-send -b /dev/rpmsg0 -d 77 x
	assert_output --partial 'no control device'
	run -2 guest rpmsg-send -b rproc:m4 -d 77 x
	assert_output --partial 'no such remote processor; there is none'
	run -1 guest rpmsg-send -b $CTRL -d 77 -s 0x80000000 x
	assert_output --partial 'Linux binds none from 0x80000000 on'
	run -1 guest rpmsg-send -b $CTRL -d 77 -s 1024 x
	assert_output --partial 'address 0x400 is bound already'
	run -1 guest rpmsg-send -b $CTRL -d 77 --spoof 9 x
	assert_output --partial "from the endpoint's own address only"
	run -1 guest rpmsg-send -b $CTRL -d 77 "$(printf %0497d 1)"
	assert_output --partial 'carries at most 496'
	run -1 guest rpmsg-listen -b $CTRL
	assert_output --partial 'has no recorder to watch'
	run -0 guest rpmsg-ns -b $CTRL announce mine
	run -1 guest rpmsg-send -b $CTRL -n mine x
	assert_output --partial 'a service that announced itself cannot send first on Linux'
	count 0
}

@test "the library: every request of the kernel, every errno" {
	run guest "$BUILD/programs/kernel_bus" $CTRL
	assert_success
	assert_line 'all of it'
	assert_equal "$(nodes)" ''
	guest_halt
	# what is bound twice on purpose is all that the kernel complains of
	guest_log_clean
}

@test "the library: the ring is full" {
	kill -STOP "$server"
	run guest "$BUILD/programs/kernel_bus" $CTRL full
	kill -CONT "$server"
	assert_success
	assert_line 'all of it'
	wait_for count 256
}

@test "the library: the firmware stops and starts" {
	guest_start r "$BUILD/programs/kernel_bus" $CTRL restart
	wait_for grep -qx stop "$guest_out"
	guest sh -c 'echo virtio0 >/sys/bus/virtio/drivers/virtio_rpmsg_bus/unbind'
	wait_for grep -qx start "$guest_out"
	guest sh -c 'echo virtio0 >/sys/bus/virtio/drivers/virtio_rpmsg_bus/bind'
	run guest_waited r
	assert_success
	grep -qx 'all of it' "$guest_out"
	assert_equal "$(nodes)" ''
}

@test "services: of any name, announced, heard, withdrawn" {
	run -0 guest rpmsg-ns -b $CTRL announce led
	assert_output --partial "'led' is announced at 0x401"
	run -0 rpmsg-ns -b rpmsg0 wait led
	guest_start l rpmsg-listen -b $CTRL -n led -o log --banner
	wait_for grep -q ready "$guest_err"
	run -0 rpmsg-send -b rpmsg0 -n led on
	run -0 rpmsg-send -b rpmsg0 -n led ''
	wait_for grep -q '#$' "$guest_out"
	run cat "$guest_out"
	assert_line --index 0 --regexp ' r>h \?>0x401#6F6E$'
	assert_line --index 1 --regexp ' r>h \?>0x401#$'
	guest_stop l || :
	# what came in between waited for nobody: it is the kernel's queue of an open device
	run -0 guest rpmsg-ns -b $CTRL withdraw led
	run -0 rpmsg-ns -b rpmsg0 wait --gone led
	run -2 guest rpmsg-ns -b $CTRL withdraw led
	run -0 devices
	refute_output --partial led

	guest_start h rpmsg-ns -b $CTRL announce --hold held --banner
	wait_for grep -q ready "$guest_err"
	run -0 rpmsg-ns -b rpmsg0 wait held
	guest_stop h || :
	run -0 rpmsg-ns -b rpmsg0 wait --gone held
	guest_halt
	guest_log_clean
}

@test "an announcement that no driver would carry is refused, and leaves nothing" {
	run -0 guest rmmod rpmsg_ctrl rpmsg_char
	run -0 guest modprobe -d "$guest_kernel" rpmsg_ctrl
	run -0 guest modprobe -d "$guest_kernel" rpmsg_char
	run -0 guest sh -c 'chmod 666 /dev/rpmsg_ctrl0; mkdir -m 700 /tmp/nobody; chown 65534 /tmp/nobody'
	run -1 guest env RPMSG_DIR=/tmp/nobody setpriv --reuid=65534 --regid=65534 --clear-groups \
		rpmsg-ns -b $CTRL announce led
	assert_output --partial "'rpmsg-raw' is a name that needs no root"
	run -0 devices
	refute_output --partial led
	run -0 guest env RPMSG_DIR=/tmp/nobody setpriv --reuid=65534 --regid=65534 --clear-groups \
		rpmsg-ns -b $CTRL announce rpmsg-raw
	run -0 rpmsg-ns -b rpmsg0 wait rpmsg-raw
}

@test "without rights: who may, and one device at most that nobody can remove" {
	local nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
	run -1 guest $nobody rpmsg-send -b $CTRL -d 77 x
	assert_output --partial "no permission for $CTRL (uid 0, gid 0, mode 0600)"
	run -0 guest sh -c 'chmod 666 /dev/rpmsg_ctrl0; mkdir -m 700 /tmp/nobody; chown 65534 /tmp/nobody'
	for _ in 1 2 3; do
		run -1 guest env RPMSG_DIR=/tmp/nobody $nobody rpmsg-send -b $CTRL -d 77 x
		assert_output --regexp 'no permission for /dev/rpmsg[0-9]+ '
	done
	run nodes
	assert_equal "${#lines[@]}" 1
	run -0 guest chmod 666 "/dev/${output##*/}"
	run -0 guest env RPMSG_DIR=/tmp/nobody $nobody rpmsg-ns gc
	assert_output --partial '1 removed'
	assert_equal "$(nodes)" ''
	count 0
}

@test "the firmware restarts: listeners, services and addresses are there again" {
	guest_start w rpmsg-ns -b $CTRL watch --banner
	watch_out=$guest_out
	wait_for grep -q ready "$guest_err"
	guest_start n rpmsg-listen -b $CTRL -n other -o log --echo --banner
	name_err=$guest_err
	wait_for grep -q ready "$guest_err"
	guest_start s rpmsg-listen -b $CTRL -s 9 -d 77 -o log --banner
	addr_out=$guest_out addr_err=$guest_err
	wait_for grep -q ready "$guest_err"
	guest_start h rpmsg-ns -b $CTRL announce --hold held --banner
	wait_for grep -q ready "$guest_err"
	for n in 1 2 3 4 5; do
		run -0 restart_firmware
		run -0 rpmsg-ns -b rpmsg0 wait -t 20 held
		# its endpoint is there before that is said
		wait_for up "$addr_err" "$n"
		wait_for bound "$name_err" $((n + 1))
		run -0 rpmsg-send -b rpmsg0 -d 9 "round $n"
		wait_for grep -q "#$(printf 'round %d' "$n" | od -An -tx1 | tr -d ' \n' | tr a-f A-F)\$" "$addr_out"
	done
	[[ $(grep -c ' down$' "$watch_out") -eq 5 ]]
	[[ $(grep -c ' up$' "$watch_out") -eq 5 ]]
	for job in w n s h; do guest_stop $job || :; done
	assert_equal "$(nodes)" ''
	run -0 devices
	refute_output --partial held
	guest_halt
	guest_log_clean
}

# up FILE N: the link came up again so many times.
up()
{
	[[ $(grep -c 'link up$' "$1") -ge $2 ]]
}

bound()
{
	[[ $(grep -c '^taking part' "$1") -ge $2 ]]
}

@test "200 tools are killed in the midst: what they leave is cleared away" {
	cat >kill.sh <<-'END'
		ctrl=$1
		for i in {1..200}; do
			case $((i % 4)) in
			0) rpmsg-listen -b $ctrl -s 99 -d 77 & ;;
			1) rpmsg-send -b $ctrl -n other -c 100 hi & ;;
			2) rpmsg-listen -b $ctrl -n other & ;;
			3) rpmsg-ns -b $ctrl announce svc$i --hold & ;;
			esac
			for ((spin = RANDOM % 3000; spin; spin--)); do :; done
			kill -9 $!
		done >/dev/null 2>&1
		wait
	END
	run -0 guest bash kill.sh $CTRL
	run -0 guest rpmsg-ns gc
	assert_equal "$(nodes)" ''
	run -0 devices
	refute_output --partial svc
	run -0 guest sh -c 'ls "$RPMSG_DIR"'
	assert_output kernel.lock
	run -0 guest rpmsg-send -b $CTRL -n other --reply alive
	assert_output alive
	guest_halt
	guest_log_clean
}

@test "what others left is cleared away with --all, unless somebody has it open" {
	run -0 guest perl -e '
		open my $c, "+<", "/dev/rpmsg_ctrl0" or die $!;
		ioctl $c, 0x4028b501, pack("a32LL", $_, 0xffffffff, 77) or die $! for "one", "two"'
	guest_start cat sh -c 'exec cat /dev/rpmsg1'
	wait_for guest sh -c 'ls -l /proc/[0-9]*/fd/* 2>/dev/null | grep -q rpmsg1'
	run -0 guest rpmsg-ns gc
	run nodes
	assert_equal "${#lines[@]}" 2
	run -0 guest rpmsg-ns gc --all --dry-run
	assert_output --partial /dev/rpmsg2
	refute_output --partial /dev/rpmsg1
	run -0 guest rpmsg-ns gc --all
	run nodes
	assert_output /sys/class/rpmsg/rpmsg_ctrl0/rpmsg1
	guest_stop cat || :
	run -0 guest rpmsg-ns gc --all
	assert_equal "$(nodes)" ''
}

# ---- shared by rpmsgd ----

@test "rpmsgd shares it: many clients, all answers, own endpoints recorded" {
	guest_start d rpmsgd --banner $CTRL
	wait_for grep -q ready "$guest_err"
	guest_start view rpmsg-listen -b rpmsg0 --banner -o log
	view_out=$guest_out
	wait_for grep -q ready "$guest_err"
	grep -q 'rpmsg0: own endpoints only' "$guest_err"
	run -0 guest bash -c 'for i in {1..8}; do rpmsg-send -b rpmsg0 -n other --reply=200 -c 200 "m$i" >"/tmp/o$i" & p+=($!); done
		for q in "${p[@]}"; do wait "$q" || exit; done
		for i in {1..8}; do [[ $(grep -cx "m$i" "/tmp/o$i") == 200 ]] || exit; done'
	run -0 guest rpmsg-ns -b rpmsg0 list
	assert_line --regexp '^other .* 1600 +1600 '
	wait_for seen "$view_out" 3200
	run -1 guest rpmsg-send -b rpmsg0 -d 77 --spoof 5 x
	assert_output --partial "is the Linux kernel's"
	run -0 guest rpmsg-ns -b rpmsg0 announce led
	run -0 rpmsg-ns -b rpmsg0 wait led
	run -0 guest rpmsg-ns -b rpmsg0 withdraw led
	run -0 rpmsg-ns -b rpmsg0 wait --gone led
	run -0 restart_firmware
	run -0 guest rpmsg-ns -b rpmsg0 wait rpmsg-raw
	run -0 guest rpmsg-send -b rpmsg0 -n rpmsg-raw --reply again
	assert_output again
	guest_stop view || :
	run -0 guest rpmsgd --stop rpmsg0
	assert_equal "$(nodes)" ''
	guest_halt
	guest_log_clean
}

seen()
{
	[[ $(wc -l <"$1") -eq $2 ]]
}

@test "the ring is full: try says so, who waits is served, what was taken arrives" {
	kill -STOP "$server"
	run -5 guest rpmsg-send -b $CTRL -d 77 --try -c 300 x
	assert_output --partial 'no transmit buffer after 256 messages'
	run -5 guest rpmsg-send -b $CTRL -d 77 -t 1 x
	guest_start s rpmsg-send -b $CTRL -d 77 -t 60 -c 300 x
	kill -CONT "$server"
	run guest_waited s
	assert_success
	wait_for count 556

	guest_start d rpmsgd --banner $CTRL
	wait_for grep -q ready "$guest_err"
	kill -STOP "$server"
	run -5 guest rpmsg-send -b rpmsg0 -d 77 -t 3 -c 400 x
	sent=${output##*after }
	sent=${sent%% *}
	((sent >= 256))
	guest_start t rpmsg-send -b rpmsg0 -d 77 -t 60 -c 300 x
	run -5 guest rpmsg-send -b rpmsg0 -d 77 -t 1 x
	kill -CONT "$server"
	run guest_waited t
	assert_success
	wait_for count $((556 + sent + 300))
	run -0 guest rpmsgd --stop rpmsg0
	assert_equal "$(nodes)" ''
}

@test "it is the default when it is the only bus" {
	run -0 guest env -u RPMSG_BUS rpmsg-send -n other --reply hi
	assert_line hi
	assert_line --partial "bus: $CTRL"
}
