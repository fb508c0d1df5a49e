# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-ns doctor on machines that are made of files, and gc.

load ../lib/common
load ../lib/process

# put FILE TEXT: a file of the board with a line
put()
{
	mkdir -p "board${1%/*}"
	printf '%s\n' "$2" >"board$1"
}

# point LINK TARGET: a link of the board
point()
{
	mkdir -p "board${1%/*}"
	ln -sfn "$2" "board$1"
}

# table [ID [FEATURES [NVRINGS [ALIGN [NUM0 [NUM1 [NOTIFY1 [DA1 [STATUS]]]]]]]]]: as debugfs prints it
table()
{
	cat <<-END
		Entry 0 is of type carveout
		  Device Address 0x10000000
		  Physical Address 0x0
		  Length 0x40000 Bytes
		  Flags 0x0
		  Reserved (should be zero) [0]
		  Name vdev0buffer

		Entry 1 is of type vdev
		  ID ${1:-7}
		  Notify ID 0
		  Device features ${2:-0x1}
		  Guest features 0x1
		  Config length 0x0
		  Status ${9:-0x7}
		  Number of vrings ${3:-2}
		  Reserved (should be zero) [0][0]

		  Vring 0
		    Device Address 0x10040000
		    Alignment ${4:-4096}
		    Number of buffers ${5:-256}
		    Notify ID 0
		    Physical Address 0x0

		  Vring 1
		    Device Address ${8:-0x10050000}
		    Alignment ${4:-4096}
		    Number of buffers ${6:-256}
		    Notify ID ${7:-1}
		    Physical Address 0x0

	END
}

TABLE=/sys/kernel/debug/remoteproc/remoteproc0/resource_table

put_table()
{
	mkdir -p "board${TABLE%/*}"
	table "$@" >"board$TABLE"
}

# channel NAME SRC DST [DRIVER]
channel()
{
	local dir="/sys/bus/rpmsg/devices/virtio0.$1.$(($2)).$(($3))"
	put "$dir/name" "$1"
	put "$dir/src" "$2"
	put "$dir/dst" "$3"
	[[ -z ${4:-} ]] || point "$dir/driver" "../../drivers/$4"
}

# A board on which all is well, in the folder board.
healthy()
{
	local driver
	put /sys/class/remoteproc/remoteproc0/name m4
	put /sys/class/remoteproc/remoteproc0/state running
	put /sys/class/remoteproc/remoteproc0/firmware m4.elf
	put /sys/class/remoteproc/remoteproc0/recovery enabled
	put /sys/class/remoteproc/remoteproc0/coredump disabled
	put /lib/firmware/m4.elf firmware
	put_table
	for driver in rpmsg_chrdev rpmsg_ctrl rpmsg_ns rpmsg_tty; do
		mkdir -p "board/sys/bus/rpmsg/drivers/$driver"
	done
	mkdir -p board/sys/bus/virtio/drivers/virtio_rpmsg_bus
	put /sys/bus/virtio/devices/virtio0/device 0x0007
	put /sys/bus/virtio/devices/virtio0/features 1000000000000000000000000000000010000000000000000000000000000000
	point /sys/bus/virtio/devices/virtio0/driver ../../drivers/virtio_rpmsg_bus
	channel rpmsg_ctrl 0x0 0x0 rpmsg_ctrl
	channel rpmsg_ns 0x35 0x35 rpmsg_ns
	channel rpmsg-raw 0x400 0x401 rpmsg_chrdev
	put /sys/class/rpmsg/rpmsg_ctrl0/dev 240:0
	point /sys/class/rpmsg/rpmsg_ctrl0/device ../../../virtio0.rpmsg_ctrl.0.0
	put /sys/class/rpmsg/rpmsg0/dev 240:1
	put /sys/class/rpmsg/rpmsg0/name rpmsg-raw
	put /sys/class/rpmsg/rpmsg0/src 1024
	put /sys/class/rpmsg/rpmsg0/dst 1025
	put /dev/rpmsg_ctrl0 ''
	put /dev/rpmsg0 ''
	put /proc/sys/kernel/osrelease 6.12.0
	put /lib/modules/6.12.0/modules.builtin kernel/drivers/base/firmware.ko
	put /lib/modules/6.12.0/modules.dep kernel/drivers/net/dummy.ko.xz:
	echo '[    1.000000] remoteproc remoteproc0: remote processor m4 is now up' >good.log
}

# examine [ARG...]: the doctor's word on the board
# shellcheck disable=SC2120 # through run
examine()
{
	rpmsg-ns doctor --sysroot board --dmesg good.log "$@"
}

# bad REGEX: the board has this one trouble and no other
bad()
{
	run -1 --separate-stderr examine
	assert_equal "$stderr" ''
	assert_line --regexp "^BAD  $1\$"
	assert_equal "$(grep -c '^BAD' <<<"$output")" 1
	run -1 examine -j
	jq -es 'map(select(.status == "bad")) | length == 1' <<<"$output" >/dev/null
}

# ---- a board on which all is well ----

@test "a healthy board: a line a check, in the order of a bring-up, exit 0" {
	local owner
	healthy
	run -0 --separate-stderr examine
	assert_equal "$stderr" ''
	owner=$(stat -c '%u:%g, mode %04a' board/dev/rpmsg0)
	assert_output - <<-END
		OK   remoteproc0: m4 is running
		OK   remoteproc0: firmware /lib/firmware/m4.elf
		OK   remoteproc0: resource table: rpmsg device (id 7) with name service, 2 vrings of 256, alignment 0x1000, buffers of 512 bytes
		OK   rpmsg_core: there
		OK   virtio_rpmsg_bus: there
		OK   rpmsg_ns: there
		OK   rpmsg_char: there
		OK   rpmsg_ctrl: there
		OK   rpmsg_tty: there
		OK   virtio0: rpmsg device, driver virtio_rpmsg_bus
		OK   rpmsg-raw: 0x400>0x401, driver rpmsg_chrdev
		OK   /dev/rpmsg_ctrl0: usable ($owner)
		OK   /dev/rpmsg0: usable ($owner)
		OK   kernel log: no complaints about rpmsg, remoteproc or virtio
	END
}

@test "json: an object a check, with status, topic, subject, text and next" {
	healthy
	put /sys/class/remoteproc/remoteproc0/state offline
	run -1 --separate-stderr examine -j
	jq -es 'all(.type == "check" and (.ts | test("^[0-9]+[.][0-9]{9}$")) and
		(.status | IN("ok", "bad", "unseen")) and (.topic | length > 0) and
		(.subject | length > 0) and (.text | length > 0))' <<<"$output"
	jq -es 'map(select(.status == "bad")) ==
		[.[0]] and (.[0] | .topic == "processor" and .subject == "remoteproc0" and
		.next == "echo start >/sys/class/remoteproc/remoteproc0/state")' <<<"$output"
	jq -es '.[-1] | .next == null and .topic == "log"' <<<"$output"
}

@test "-v tells settings too" {
	healthy
	run -0 examine
	refute_output --partial recovery
	run -0 examine -v
	assert_line 'OK   remoteproc0: recovery is enabled, coredump disabled'
}

# ---- each trouble ----

@test "a processor that does not run: what to write where" {
	local state
	healthy
	rm -r board/sys/bus/virtio/devices board/sys/bus/rpmsg/devices
	rm -r board/sys/class/rpmsg board/dev
	printf firmware >board/lib/firmware/m4.elf
	for state in offline suspended detached; do
		put /sys/class/remoteproc/remoteproc0/state "$state"
		bad "remoteproc0: m4 is $state -> echo start >/sys/class/remoteproc/remoteproc0/state"
	done
	put /sys/class/remoteproc/remoteproc0/state crashed
	bad 'remoteproc0: m4 is crashed -> echo recover >/sys/class/remoteproc/remoteproc0/recovery'
	put /sys/class/remoteproc/remoteproc0/state invalid
	bad "remoteproc0: m4 is invalid -> dmesg \| grep remoteproc"
}

@test "an attached processor is at work, and has no firmware of ours" {
	healthy
	put /sys/class/remoteproc/remoteproc0/state attached
	put /sys/class/remoteproc/remoteproc0/firmware unknown
	run -0 examine
	assert_line 'OK   remoteproc0: m4 is attached'
	refute_line --partial firmware
}

@test "firmware that is not there keeps a processor from starting, not from running" {
	healthy
	rm board/lib/firmware/m4.elf
	run -0 examine
	assert_line -- '--   remoteproc0: firmware m4.elf is not in /lib/firmware (any more) -> cp m4.elf /lib/firmware/'
	put /sys/class/remoteproc/remoteproc0/state offline
	run -1 examine
	assert_line 'BAD  remoteproc0: firmware m4.elf is not in /lib/firmware -> cp m4.elf /lib/firmware/'
	put /lib/firmware/updates/m4.elf.xz x
	run -1 examine
	assert_line 'OK   remoteproc0: firmware /lib/firmware/updates/m4.elf.xz'
	assert_line --regexp '^--   remoteproc0: resource table: .*m4.elf.xz is compressed -> xz -dc /lib/firmware/updates/m4.elf.xz >firmware.elf; rpmsg-ns doctor --table=firmware.elf$'
	put /sys/module/firmware_class/parameters/path /opt/fw
	put /opt/fw/m4.elf x
	run -1 examine
	assert_line 'OK   remoteproc0: firmware /opt/fw/m4.elf'
}

@test "resource table: each field that Linux will not have" {
	healthy
	put_table 3
	bad 'remoteproc0: resource table: virtio device id is 3: rpmsg.s is 7'
	put_table 7 0x0
	bad 'remoteproc0: resource table: features 0x0 lack bit 0, the name service.*'
	put_table 7 0x3
	bad 'remoteproc0: resource table: features 0x3: bits 0x2 mean nothing .* 512 bytes.*'
	put_table 7 0x1 2 0
	run -1 examine
	assert_line 'BAD  remoteproc0: resource table: vring 0: alignment is 0'
	assert_line 'BAD  remoteproc0: resource table: vring 1: alignment is 0'
	put_table 7 0x1 2 4096 256 128
	bad 'remoteproc0: resource table: vring 0 has 256 buffers and vring 1 128.*'
	put_table 7 0x1 2 4096 256 100
	run -1 examine
	assert_line 'BAD  remoteproc0: resource table: vring 1: number of buffers is 100, no power of two'
	put_table 7 0x1 2 4096 256 256 -1
	run -0 examine
	put_table 7 0x1 2 4096 256 256 1 0x10041000
	bad 'remoteproc0: resource table: vring 1 at 0x10041000 overlaps vring 0 at 0x10040000, which has 10246 bytes'
	put_table 7 0x1 2 4096 256 256 1 0x10050010
	bad 'remoteproc0: resource table: vring 1: device address 0x10050010 is not aligned to 0x1000'
	put_table 7 0x1 2 4096 256 256 1 0x10050000 0x3
	bad 'remoteproc0: resource table: status 0x3: no driver is ready'
	put_table
	sed -i 's/0x40000 Bytes/0x20000 Bytes/' board$TABLE
	bad 'remoteproc0: resource table: carveout vdev0buffer has 0x20000 bytes, 0x40000 are needed'
	echo 'No resource table found' >board$TABLE
	bad 'remoteproc0: resource table: the firmware has none'
}

@test "resource table: what is cut off, of another kind or too much is told by line" {
	healthy
	table | head -n 21 >board$TABLE
	bad "remoteproc0: resource table: line [0-9]+: a vring ends without 'Number of buffers'"
	table | sed '/Vring 1/,$d' >board$TABLE
	bad 'remoteproc0: resource table: line [0-9]+: 1 of 2 vrings are there'
	table | sed 's/Alignment 4096/Alignment lots/' >board$TABLE
	bad 'remoteproc0: resource table: line 21: not a number of this field: lots'
	echo nonsense >board$TABLE
	bad 'remoteproc0: resource table: line 1: this is no resource table'
	head -c 2000000 /dev/zero >board$TABLE
	run -0 examine
	assert_line --regexp '^--   remoteproc0: resource table: .* File too large -> '
}

@test "debugfs that is not mounted: the command that mounts it" {
	healthy
	rm -r board/sys/kernel/debug
	run -0 examine
	assert_line --regexp '^--   remoteproc0: resource table: .* -> mount -t debugfs debugfs /sys/kernel/debug$'
}

# le32 N...: little-endian words
le32()
{
	local n
	for n; do
		printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((n & 255)) $((n >> 8 & 255)) \
			$((n >> 16 & 255)) $((n >> 24 & 255)))"
	done
}

# A table with one rpmsg device, NUM buffers a vring.
binary_table()
{
	le32 1 1 0 0 20 3 7 0 1 0 0 0x0200 0x4000 0x1000 "$1" 1 0 0x8000 0x1000 "$1" 2 0
}

@test "--table reads a table alone, out of a file, a firmware or a pipe" {
	binary_table 256 >table.bin
	run -0 --separate-stderr rpmsg-ns doctor --table table.bin
	assert_output 'OK   table.bin: resource table: rpmsg device (id 7) with name service, 2 vrings of 256, alignment 0x1000, buffers of 512 bytes'
	run -1 rpmsg-ns doctor --table <(binary_table 300)
	assert_output --regexp '^BAD  .*: vring 0: number of buffers is 300, no power of two'
	table >table.txt
	run -0 rpmsg-ns doctor --table table.txt
	echo 'int x;' >empty.c
	"${CC:-cc}" -c -o firmware.o empty.c
	run -1 rpmsg-ns doctor --table firmware.o
	assert_output 'BAD  firmware.o: resource table: the firmware has no section .resource_table'
	objcopy --add-section .resource_table=table.bin firmware.o firmware.elf
	run -0 rpmsg-ns doctor --table firmware.elf
	assert_output --regexp '^OK   firmware.elf: '
	head -c 200 firmware.elf >cut.elf
	run -1 rpmsg-ns doctor --table cut.elf
	assert_output --regexp '^BAD  cut.elf: resource table: damaged ELF file: its section headers are outside of it'
	head -c 60 table.bin >cut.bin
	run -1 rpmsg-ns doctor --table cut.bin
	assert_output 'BAD  cut.bin: resource table: entry 0, a virtio device, is cut off: it has 36 bytes and needs 64'
	run -1 --separate-stderr rpmsg-ns doctor --table nowhere
	refute_output
	[[ $stderr == 'rpmsg-ns: --table: nowhere: No such file or directory' ]]
}

@test "a processor that is to be started: the table of its firmware" {
	healthy
	put /sys/class/remoteproc/remoteproc0/state offline
	binary_table 300 >table.bin
	echo 'int x;' >empty.c
	"${CC:-cc}" -c -o firmware.o empty.c
	objcopy --add-section .resource_table=table.bin firmware.o board/lib/firmware/m4.elf
	run -1 examine
	assert_line 'BAD  remoteproc0: resource table: vring 0: number of buffers is 300, no power of two'
}

@test "a processor that runs, by the table of its firmware, which says nothing of how it runs" {
	healthy
	rm -r board/sys/kernel
	binary_table 256 >table.bin
	echo 'int x;' >empty.c
	"${CC:-cc}" -c -o firmware.o empty.c
	objcopy --add-section .resource_table=table.bin firmware.o board/lib/firmware/m4.elf
	run -0 examine
	assert_line --regexp '^OK   remoteproc0: resource table: rpmsg device'
}

@test "modules: loaded, built in, to be loaded, not configured, not to be seen, older kernels" {
	healthy
	rmdir board/sys/bus/rpmsg/drivers/rpmsg_chrdev
	bad 'rpmsg_char: not part of this kernel: build one with CONFIG_RPMSG_CHAR=m'
	put /lib/modules/6.12.0/modules.dep 'kernel/drivers/rpmsg/rpmsg_char.ko.zst: kernel/drivers/rpmsg/rpmsg_core.ko.zst'
	bad 'rpmsg_char: not loaded -> modprobe rpmsg_char'
	put /lib/modules/6.12.0/modules.builtin kernel/drivers/rpmsg/rpmsg-char.ko
	run -0 examine
	assert_line 'OK   rpmsg_char: built in'
	put /lib/modules/6.12.0/modules.builtin ''
	put /sys/module/rpmsg_char/initstate live
	run -0 examine
	assert_line 'OK   rpmsg_char: there'
	rmdir board/sys/bus/rpmsg/drivers/rpmsg_ctrl
	put /proc/sys/kernel/osrelease 5.15.7
	run -0 examine
	assert_line 'OK   rpmsg_ctrl: part of rpmsg_char in Linux 5.15.7'
	put /proc/sys/kernel/osrelease 6.1.0
	bad 'rpmsg_ctrl: not there; without /lib/modules/6.1.0 nothing tells if it can be \(CONFIG_RPMSG_CTRL\) -> modprobe rpmsg_ctrl'
	mkdir board/sys/bus/rpmsg/drivers/rpmsg_ctrl
	rmdir board/sys/bus/rpmsg/drivers/rpmsg_tty
	rm board/proc/sys/kernel/osrelease
	run -0 examine
	assert_line -- '--   rpmsg_tty: not part of this kernel: build one with CONFIG_RPMSG_TTY=m'
}

@test "virtio: a device without a driver, and none at all" {
	healthy
	rm board/sys/bus/virtio/devices/virtio0/driver
	bad 'virtio0: rpmsg device without a driver: no bus -> echo virtio0 >/sys/bus/virtio/drivers/virtio_rpmsg_bus/bind'
	point /sys/bus/virtio/devices/virtio0/driver ../../drivers/virtio_rpmsg_bus
	put /sys/bus/virtio/devices/virtio0/features 0000000000000000000000000000000010000000000000000000000000000000
	bad 'virtio0: rpmsg device, driver virtio_rpmsg_bus, but no name service.*'
	put /sys/bus/virtio/devices/virtio0/device 0x0001
	run -0 examine
	refute_output --partial virtio0
	rm -r board/sys/bus/rpmsg/devices
	bad 'virtio: a processor runs, and no rpmsg device came of it.* -> rpmsg-ns doctor --table=FIRMWARE'
}

@test "channels: why one has no node, and what to type" {
	local dir=/sys/bus/rpmsg/devices
	healthy
	channel rpmsg-tty 0x402 0x403
	bad "rpmsg-tty: no driver, so no /dev node: rpmsg_tty does not have it -> echo virtio0.rpmsg-tty.1026.1027 >/sys/bus/rpmsg/drivers/rpmsg_tty/bind"
	rmdir board/sys/bus/rpmsg/drivers/rpmsg_tty
	bad "rpmsg-tty: no driver, so no /dev node: rpmsg_tty is not there -> modprobe rpmsg_tty"
	mkdir board/sys/bus/rpmsg/drivers/rpmsg_tty
	rm -r "board$dir/virtio0.rpmsg-tty.1026.1027"

	channel rpmsg-tty-channel 0xffffffff 0x403
	bad "rpmsg-tty-channel: no driver takes that name, so no /dev node: rpmsg_tty takes 'rpmsg-tty', .* -> echo rpmsg_tty >$dir/virtio0.rpmsg-tty-channel.4294967295.1027/driver_override; echo virtio0.rpmsg-tty-channel.4294967295.1027 >/sys/bus/rpmsg/drivers_probe"
	rm -r board$dir/virtio0.rpmsg-tty-channel.*

	channel rpmsg-foo 0xffffffff 0x404
	bad "rpmsg-foo: no driver takes that name, so no /dev node, and nobody .* -> rpmsg-send .*"
	rm -r board$dir/virtio0.rpmsg-foo.*

	channel demo-echo 0xffffffff 0x404
	bad "demo-echo: no driver takes that name, .* -> rpmsg-send -b /dev/rpmsg_ctrl0 -n demo-echo hello"
	put /sys/class/rpmsg/rpmsg0/name demo-echo
	bad "demo-echo: no driver takes that name, .*"
	put /sys/class/rpmsg/rpmsg0/dst 1028
	run -0 examine
	assert_line 'OK   demo-echo: no driver, used through /dev/rpmsg0'
	rm -r board$dir/virtio0.demo-echo.* board$dir/virtio0.rpmsg-raw.*
	run -0 examine
	assert_line -- '--   channels: none: the other side has announced nothing (yet) -> rpmsg-ns wait NAME -t inf'
}

@test "channels: the control device of the bus they are on" {
	healthy
	put /sys/class/rpmsg/rpmsg_ctrl3/dev 240:3
	put /dev/rpmsg_ctrl3 ''
	point /sys/class/rpmsg/rpmsg_ctrl0/device ../../../virtio1.rpmsg_ctrl.0.0
	point /sys/class/rpmsg/rpmsg_ctrl3/device ../../../virtio0.rpmsg_ctrl.0.0
	channel demo-echo 0xffffffff 0x404
	bad "demo-echo: .* -> rpmsg-send -b /dev/rpmsg_ctrl3 -n demo-echo hello"
}

@test "nodes: missing, stale, in use" {
	healthy
	rm board/dev/rpmsg0
	bad '/dev/rpmsg0: the kernel has the device, .* -> mknod /dev/rpmsg0 c 240 1'
	put /sys/class/rpmsg/rpmsg0/dev nonsense
	bad '/dev/rpmsg0: the kernel has the device, .* -> udevadm trigger'
	put /dev/rpmsg0 ''
	put /dev/rpmsg7 ''
	bad '/dev/rpmsg7: the kernel has no such device \(any more\) -> rm /dev/rpmsg7'
	rm board/dev/rpmsg7
	put /sys/class/tty/ttyRPMSG0/dev 241:0
	bad '/dev/ttyRPMSG0: .* -> mknod /dev/ttyRPMSG0 c 241 0'
	put /dev/ttyRPMSG0 ''
	put /proc/17/comm minicom
	point /proc/17/fd/3 /dev/ttyRPMSG0
	run -0 examine
	assert_line --regexp '^OK   /dev/ttyRPMSG0: usable \(.*\), open in pid 17 \(minicom\)$'
	assert_line --regexp '^OK   /dev/rpmsg0: usable \([^)]*\)$'
	rm -r board/sys/class/rpmsg/rpmsg_ctrl0 board/dev/rpmsg_ctrl0
	bad '/dev/rpmsg_ctrlN: the kernel has none.*'
}

# as_user CMD...: as somebody who is not root
as_user()
{
	if [[ $(id -u) -eq 0 ]]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
	else
		"$@"
	fi
}

# The working directory is reached by a relative path, whatever is above it; the tool is not.
may_come()
{
	chmod 755 .
	as_user test -r good.log -a -x "$BUILD/bin/rpmsg-ns" ||
		skip 'not root: other users cannot come to the tools that were built'
}

@test "nodes: rights of an ordinary user" {
	healthy
	may_come
	chmod 0 board/dev/rpmsg0
	run -1 as_user "$BUILD/bin/rpmsg-ns" doctor --sysroot board --dmesg good.log
	assert_line --regexp "^BAD  /dev/rpmsg0: this user may not read and write it \\([0-9]+:[0-9]+, mode 0000\\) -> echo 'SUBSYSTEM==\"rpmsg\", GROUP=\"dialout\", MODE=\"0660\"' >/etc/udev/rules.d/60-rpmsg.rules\$"
}

@test "debugfs that this user may not read: the doctor as root" {
	healthy
	may_come
	chmod 0 board/sys/kernel/debug
	chmod 666 board/dev/*
	run -0 as_user "$BUILD/bin/rpmsg-ns" doctor --sysroot board --dmesg good.log
	chmod 755 board/sys/kernel/debug
	assert_line --regexp '^--   remoteproc0: resource table: .* Permission denied -> rpmsg-ns doctor$'
}

@test "kernel log: complaints, worst and last, until what they were about works" {
	local n
	healthy
	echo '<6>[    1.0] remoteproc remoteproc0: failed to be interesting' >good.log
	run -0 examine
	echo '[    1.000000] remoteproc remoteproc0: Boot failed: -22' >good.log
	bad 'kernel log: remoteproc remoteproc0: Boot failed: -22'
	echo '[    2.000000] remoteproc remoteproc1: remote processor dsp is now up' >>good.log
	bad 'kernel log: remoteproc remoteproc0: Boot failed: -22'
	echo '[    3.000000] remoteproc remoteproc0: remote processor m4 is now up' >>good.log
	run -0 examine
	echo '<4>[    4.000000] virtio_rpmsg_bus virtio0: msg received with no recipient' >>good.log
	bad 'kernel log: virtio_rpmsg_bus virtio0: msg received with no recipient'
	echo '4,33,5000000,-;virtio_rpmsg_bus virtio1: odd' >>good.log
	echo 'Nov 20 10:00:00 board kernel: remoteproc remoteproc0: timed out' >>good.log
	echo '<3>[    5.000000] usb 1-1: device descriptor read error' >>good.log
	run -1 examine
	assert_line 'BAD  kernel log: virtio_rpmsg_bus virtio1: odd'
	assert_line 'BAD  kernel log: remoteproc remoteproc0: timed out'
	refute_output --partial usb
	for n in 1 2 3 4 5 6; do echo "<3>[   $n.000000] rpmsg_chrdev a$n: error" >>good.log; done
	run -1 examine
	assert_equal "$(grep -c '^BAD' <<<"$output")" 5
	refute_output --partial a1:
	assert_equal "$(tail -n 2 <<<"$output")" $'BAD  kernel log: rpmsg_chrdev a5: error\nBAD  kernel log: rpmsg_chrdev a6: error'
	run -1 --separate-stderr rpmsg-ns doctor --sysroot board --dmesg nowhere
	assert_equal "$stderr" 'rpmsg-ns: --dmesg: nowhere: No such file or directory'
	run -0 rpmsg-ns doctor --sysroot board
	assert_line --regexp '^--   kernel log: not in a copied tree -> '
}

# ---- files that are not what they should be ----

@test "hostile files: nothing unprintable comes out, nothing hangs, commands are quoted" {
	local esc=$'\e[31m\a' dir=/sys/bus/rpmsg/devices f
	healthy
	printf 'm4%s\n' "$esc" >board/sys/class/remoteproc/remoteproc0/name
	printf 'off%s\0line' "$esc" >board/sys/class/remoteproc/remoteproc0/state
	printf '%s' "$esc; rm -rf \$HOME 'x" >board/sys/class/remoteproc/remoteproc0/firmware
	channel "x'\$(reboot)" 0xffffffff 0x404
	: >board$dir/virtio0.rpmsg-raw.1024.1025/name
	head -c 100000 /dev/urandom >board/sys/bus/virtio/devices/virtio0/features
	put "/dev/rpmsg8${esc}x" ''
	mkdir "board$dir/${esc}dir" board/sys/class/rpmsg/rpmsg9
	mkfifo board/sys/class/rpmsg/rpmsg9/name board/sys/class/rpmsg/rpmsg9/dev
	head -c 3000000 /dev/urandom >good.log
	put /lib/modules/6.12.0/modules.dep ''
	head -c 1000000 /dev/urandom >board/lib/modules/6.12.0/modules.dep
	run timeout -k 1 60 rpmsg-ns doctor --sysroot board --dmesg good.log
	assert_equal "$status" 1
	printf '%s\n' "$output" >out
	LC_ALL=C run grep -nP '[^\x20-\x7e]' out
	assert_failure 1
	run cat out
	assert_line --partial 'm4.[31m. is off.[31m.'
	assert_line --partial "-> cp '.[31m.; rm -rf \$HOME '\\''x' /lib/firmware/"
	assert_line --partial "-n 'x'\\''\$(reboot)' hello"
	assert_line --partial "-> rm '/dev/rpmsg8.[31m.x'"
	run timeout -k 1 60 rpmsg-ns doctor --sysroot board --dmesg good.log -j
	for f in "${lines[@]}"; do jq -e . <<<"$f" >/dev/null; done
}

@test "a copied tree's links do not lead out of it" {
	healthy
	echo secret >"$PWD/outside"
	rm board/sys/class/remoteproc/remoteproc0/name
	ln -s "$PWD/outside" board/sys/class/remoteproc/remoteproc0/name
	mkdir -p "board$PWD"
	run -0 examine
	assert_line 'OK   remoteproc0: ? is running'
	ln -sf ../../../../../../../../../../../../outside board/sys/class/remoteproc/remoteproc0/name
	echo inside >board/outside
	run -0 examine
	assert_line 'OK   remoteproc0: inside is running'
	refute_output --partial secret
}

@test "attributes that vanish or cannot be read are told, not guessed" {
	healthy
	rm board/sys/class/remoteproc/remoteproc0/state
	mkdir board/sys/bus/rpmsg/devices/virtio0.gone.1.2
	run examine
	assert_line -- '--   remoteproc0: its state cannot be read: No such file or directory'
	assert_line -- '--   virtio0.gone.1.2: its name and addresses cannot be read: No such file or directory'
}

# ---- this machine, and the command ----

@test "a machine with nothing: the software bus is what to use, unless it is in use" {
	mkdir board
	run -1 rpmsg-ns doctor --sysroot board
	assert_line --regexp '^BAD  rpmsg: this machine has neither .*: use the software bus -> rpmsg-listen .* rpmsg-send '
	[[ ! -e /sys/class/remoteproc && ! -e /sys/bus/rpmsg ]] || skip 'no hardware: this machine has some, which the rest is not about'
	serve
	run rpmsg-ns doctor
	assert_line --regexp "^OK   rpmsg0: served by pid $started, link up, both sides \\(a software bus\\)\$"
	assert_line --regexp '^--   rpmsg: this machine has neither '
}

@test "rpmsgd: a socket that is left over, a link that is down, a directory that others may use" {
	serve b=shm:b
	run rpmsg-ns doctor
	assert_line --regexp "^BAD  b: served by pid $started, link down"
	kill -KILL "$started"
	wait_for all_gone "$started"
	run rpmsg-ns doctor
	assert_line --regexp "^--   b: $RPMSG_DIR/b.sock is left over, nobody serves it\$"
	refute_output --partial "BAD  $RPMSG_DIR"
	chmod 755 "$RPMSG_DIR"
	run -1 rpmsg-ns doctor
	assert_line "BAD  $RPMSG_DIR: is open to others (mode 0755): rpmsgd refuses it -> chmod 700 $RPMSG_DIR"
	chmod 700 "$RPMSG_DIR"
	ln -s "$RPMSG_DIR" linked
	RPMSG_DIR=$PWD/linked run -1 rpmsg-ns doctor
	assert_line "BAD  $PWD/linked: is no directory but a symbolic link"
}

@test "a reader that goes away ends it" {
	local code=0 both gone
	healthy
	run bash -c 'rpmsg-ns doctor --sysroot board --dmesg good.log | head -n 1'
	assert_output 'OK   remoteproc0: m4 is running'
	mkfifo pipe
	exec {both}<>pipe {gone}>pipe
	exec {both}>&-
	examine 1>&"$gone" 2>err || code=$?
	exec {gone}>&-
	assert_equal "$code" 141
	assert [ ! -s err ]
	code=0
	examine >/dev/full 2>err || code=$?
	assert_equal "$code" 1
	grep -q 'standard output: No space left on device' err
}

@test "doctor's and gc's options are theirs alone" {
	local bad
	for bad in 'list --sysroot .' 'watch --table x' 'wait x --dmesg y' 'list --all' 'list -n' 'doctor x' \
		'gc x' 'doctor --all' 'gc --sysroot .' 'doctor -b x' 'gc -b x -b y' 'gc -R' 'doctor -t 1' \
		'doctor --table x --sysroot y' 'doctor --out hex' 'doctr'; do
		echo "$bad"
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr rpmsg-ns $bad
		refute_output
		[[ $stderr == rpmsg-ns:* ]]
	done
	run -1 --separate-stderr rpmsg-ns doctor --sysroot nowhere
	[[ $stderr == 'rpmsg-ns: nowhere: No such file or directory' ]]
}

@test "gc: nothing to remove is 0 and says so; what is no control device is refused" {
	[[ ! -e /dev/rpmsg_ctrl0 ]] || skip 'no hardware: this machine has some, which this is not about'
	run -0 --separate-stderr rpmsg-ns gc
	refute_output
	assert_equal "$stderr" '0 removed'
	run -0 --separate-stderr rpmsg-ns gc --all --dry-run -j
	refute_output
	assert_equal "$stderr" '0 to be removed'
	run -2 rpmsg-ns gc -b /dev/rpmsg_ctrl0
	run -64 rpmsg-ns gc -b rpmsg0
}
