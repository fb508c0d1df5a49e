#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The guest itself, without a device: it boots, runs commands, halts, and can be killed.

load ../lib/common
load ../lib/guest

room=

guest_ended()
{
	assert_equal "$(guest_processes)" ''
}

@test "boots, says what it is, and powers off with a clean log" {
	guest_boot
	run -0 guest uname -s
	assert_output Linux
	run -0 guest id -u
	assert_output 0
	guest_halt
	guest_ended
	guest_log_clean
	run -0 guest_log
	assert_output --partial 'Power down'
}

@test "the rpmsg modules are loaded, ours in place of the kernel's virtio_rpmsg_bus" {
	guest_boot
	run -0 guest lsmod
	for module in rpmsg_core rpmsg_char rpmsg_ctrl rpmsg_ns rpmsg_tty virtio_rpmsg_bus; do
		assert_line --regexp "^$module "
	done
	refute_line --regexp '^rpmsg_client_sample '
	run -0 guest modinfo -b "$guest_kernel" -F filename virtio_rpmsg_bus
	assert_output --partial /updates/
	run -0 guest modprobe rpmsg_client_sample
	run -0 guest modprobe -r rpmsg_client_sample
	run -0 guest modprobe -r virtio_rpmsg_bus
	run -1 guest modprobe no_such_module
	assert_output --partial no_such_module
	guest_log_clean
}

@test "dynamic debug knows the driver by its file" {
	guest_boot
	run -0 guest grep -c '^drivers/rpmsg/virtio_rpmsg_bus.c:' /sys/kernel/debug/dynamic_debug/control
	[[ $output -ge 5 ]]
}

@test "a command's output, errors and exit status come back whole" {
	guest_boot
	run -7 --separate-stderr guest bash -c 'echo out; echo err >&2; exit 7'
	assert_equal "$output" out
	assert_equal "$stderr" err
	run -127 guest no-such-command
	assert_output --partial 'no-such-command: not found'
	run -143 guest bash -c 'kill $$'
	run -0 guest printf '%s\n' 'two words' "quo'te" '$HOME' '' $'tab\tnewline\nend'
	assert_output "$(printf '%s\n' 'two words' "quo'te" '$HOME' '' $'tab\tnewline\nend')"
	head -c 300000 /dev/urandom >bytes
	guest cat bytes >back
	cmp bytes back
	guest bash -c 'cat bytes bytes >written'
	cat bytes bytes | cmp - written
}

@test "many commands at once, none lost" {
	local n pids=()
	guest_boot
	for n in {1..40}; do
		guest bash -c "echo $n; exit $n" >"many.$n" 3>&- &
		pids+=($!)
	done
	for n in {1..40}; do
		local status=0
		wait "${pids[n - 1]}" || status=$?
		assert_equal "$status" "$n"
		assert_equal "$(<"many.$n")" "$n"
	done
}

@test "a job whose call was lost is found all the same, and so is the end" {
	guest_boot
	guest_ring() { :; }
	run -0 guest echo found
	assert_output found
	guest_halt
}

@test "jobs in the background: output as it comes, signals, exit status" {
	guest_boot
	guest_start talker bash -c 'trap "echo bye; exit 3" INT; echo hello; while :; do sleep 0.05; done'
	wait_for grep -qx hello "$guest_out"
	guest_alive talker
	run -3 guest_stop talker INT
	run -0 cat "$guest_out"
	assert_line bye
	run -1 guest_alive talker
	guest_start sleeper sleep inf
	run -143 guest_stop sleeper
	guest_start sleeper2 sleep inf
	run -130 guest_stop sleeper2 INT
	guest_start short false
	run -1 guest_waited short
}

@test "the host's files can be read, and only the case's folder written" {
	guest_boot
	run -0 guest rpmsg-send --version
	run -0 guest test -r "$TOP/README.md"
	run ! guest touch "$TOP/README.md"
	assert_output --partial 'Read-only file system'
	run ! guest touch /etc/rpmsg-guest
	assert_output --partial 'Read-only file system'
	run -0 guest touch touched
	assert_file_exists touched
	run -0 guest bash -c 'touch /tmp/rpmsg-guest-only && stat -c "%a %u" "$RPMSG_DIR"'
	assert_output '700 0'
	assert_file_not_exists /tmp/rpmsg-guest-only
}

@test "the software bus works in it" {
	guest_boot
	run -0 guest rpmsgd -D rpmsg0=loop
	guest_start remote rpmsg-listen -b rpmsg0 -R -n echo --echo --banner
	wait_for test -s "$guest_err"
	run -0 guest rpmsg-send -b rpmsg0 -n echo --reply hello
	assert_output hello
	guest_log_clean
}

@test "kill -9: nothing of it is left, and commands say so" {
	guest_boot
	guest_start sleeper sleep inf
	[[ $(guest_processes | wc -l) -gt 2 ]]
	guest_kill
	guest_ended
	run -125 guest true
	assert_output 'no guest is running'
	run -125 guest_waited sleeper
	assert_output 'the guest ended before the command did'
	run -1 guest_halt
}

@test "a panic ends it at once, and the log tells" {
	guest_options=(init=/bin/true)
	run -1 guest_boot
	assert_output --partial 'Attempted to kill init!'
}

@test "an abort is a good end only after all was done" {
	guest_boot
	run -1 guest_ended_well 134
	guest_halt
	guest_ended_well 134
	run -1 guest_ended_well 1
	run -1 guest_ended_well 137
	echo 'Kernel panic - not syncing: later' >>"$GUEST/console"
	run -1 guest_ended_well 134
}

@test "what cannot be set up ends it, with the reason" {
	guest_modules=(rpmsg_char no_such_module)
	run -1 guest_boot
	assert_output --partial 'gives up: no module no_such_module'
}

# kernel_prints LINE...: as the kernel would, at level 4
kernel_prints()
{
	printf '<4>%s\n' "$@" >lines
	guest bash -c 'while read -r line; do echo "$line" >/dev/kmsg; done <lines'
	wait_for grep -qF -e "${*: -1}" "$GUEST/console"
}

@test "a complaint of the kernel is seen, in whatever place" {
	guest_boot
	guest_log_clean
	kernel_prints 'WARNING: CPU: 0 PID: 1 at drivers/rpmsg/virtio_rpmsg_bus.c:1'
	run -1 guest_log_clean
	run -1 guest_log_clean killed
	assert_output --partial 'virtio_rpmsg_bus.c:1'
}

@test "only warnings of virtio_uml are excused, and only where a backend was killed" {
	local cut='------------[ cut here ]------------' at='WARNING: CPU: 0 PID: 9 at'
	guest_boot
	kernel_prints "$cut" 'write returned -32' "$at arch/um/drivers/virtio_uml.c:403 vu_notify+0x1/0x2" \
		'Call Trace:' '---[ end trace 1 ]---'
	run -1 guest_log_clean
	run -0 guest_log_clean killed
	cp "$GUEST/console" excused
	for complaint in "$at kernel/workqueue.c:1 x+0x1/0x2" "$at arch/um/drivers/virtio_uml.c:9 vu_probe+0x1/0x2" \
		'BUG: unable to handle'; do
		cp excused "$GUEST/console"
		printf '%s\n' "$cut" "$complaint" 'Call Trace:' '---[ end trace 2 ]---' >>"$GUEST/console"
		run -1 guest_log_clean killed
		assert_output --partial "$complaint"
	done
	cp excused "$GUEST/console"
	printf '%s\n' "$cut" "$at arch/um/drivers/virtio_uml.c:403 vu_notify+0x1/0x2" 'BUG: within' \
		'---[ end trace 3 ]---' >>"$GUEST/console"
	run -1 guest_log_clean killed
	assert_output --partial 'BUG: within'
}

@test "an ordinary user can run it" {
	if [[ $(id -u) -eq 0 ]]; then
		# All that it needs, where that user can reach it.
		room=$(mktemp -d /tmp/rpmsg-user.XXXXXX)
		chmod 755 "$room"
		mkdir -p "$room/top/tests/linux" "$room/room"
		cp -r "$guest_kernel" "$room/kernel"
		cp -r "$TOP/tests/linux/guest" "$room/top/tests/linux"
		chown 65534:65534 "$room/room"
		guest_kernel=$room/kernel TOP=$room/top BUILD=$room guest_room=$room/room
		guest_as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		cd "$guest_room"
	fi
	guest_boot
	run -0 stat -c %u "/proc/$(<"$GUEST/pid")"
	refute_output 0
	run -0 guest id -u
	assert_output 0
	run -0 guest bash -c 'echo written >by-user; cat by-user'
	assert_output written
	guest_halt
	guest_log_clean
	guest_ended
}

teardown()
{
	guest_teardown
	[[ -z $room ]] || rm -rf "$room"
	common_teardown
}
