# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen -r: text that holds traffic, kernels' logs and lines of its own.

load ../lib/common
load ../lib/process

setup()
{
	common_setup
	export TZ=UTC
}

# What a kernel prints when a service is announced, it sends "hello world!" and is sent nothing.
kernel_lines()
{
	cat <<-'END'
		Linux version 6.12.0
		virtio_rpmsg_bus virtio0: From: 0x401, To: 0x35, Len: 40, Flags: 0, Reserved: 0
		rpmsg_virtio RX: 01 04 00 00 35 00 00 00 00 00 00 00 28 00 00 00  ....5.......(...
		rpmsg_virtio RX: 72 70 6d 73 67 2d 63 6c 69 65 6e 74 2d 73 61 6d  rpmsg-client-sam
		rpmsg_virtio RX: 70 6c 65 00 00 00 00 00 00 00 00 00 00 00 00 00  ple.............
		rpmsg_virtio RX: 01 04 00 00 00 00 00 00                          ........
		virtio_rpmsg_bus virtio0: creating channel rpmsg-client-sample addr 0x401
		rpmsg_client_sample virtio0.rpmsg-client-sample.-1.1025: new channel: 0x400 -> 0x401!
		rpmsg_client_sample virtio0.rpmsg-client-sample.-1.1025: TX From 0x400, To 0x401, Len 12, Flags 0, Reserved 0
		rpmsg_virtio TX: 00 04 00 00 01 04 00 00 00 00 00 00 0c 00 00 00  ................
		rpmsg_virtio TX: 68 65 6c 6c 6f 20 77 6f 72 6c 64 21              hello world!
		virtio_rpmsg_bus virtio0: From: 0x401, To: 0x400, Len: 0, Flags: 0, Reserved: 0
		rpmsg_virtio RX: 01 04 00 00 00 04 00 00 00 00 00 00 00 00 00 00  ................
	END
}

# styled PREFIX: the same with something before each line
styled()
{
	kernel_lines | sed "s/^/$1/"
}

# expect_messages TIME [BUS]: what rpmsg-listen -o log made of them is in $output
expect_messages()
{
	local bus=${2:-virtio0} name
	name=$(printf rpmsg-client-sample | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F)
	assert_output "($1) $bus r>h 0x401>0x35#${name}000000000000000000000000000104000000000000
($1) $bus h>r 0x400>0x401#68656C6C6F20776F726C6421
($1) $bus r>h 0x401>0x400#"
}

# imported FILE: its messages as lines of a log
imported()
{
	rpmsg-listen -q -r "$1" -o log
}

@test "a kernel's log in each style" {
	local year
	styled '[    7.250001] ' >board.txt
	run -0 imported board.txt
	expect_messages 7.250001000
	styled '[    7.250001][   T42] ' >board.txt
	run -0 imported board.txt
	expect_messages 7.250001000
	styled '[Mon Nov 23 12:00:00 2026] ' >board.txt
	run -0 imported board.txt
	expect_messages 1795435200.000000000
	styled 'kern  :debug : 2026-11-23T12:00:00,250001+00:00 ' >board.txt
	run -0 imported board.txt
	expect_messages 1795435200.250001000
	styled '2026-11-23T12:00:00,250001+00:00 ' >board.txt
	run -0 imported board.txt
	expect_messages 1795435200.250001000
	styled '[    7.250001] board kernel: ' >board.txt
	run -0 imported board.txt
	expect_messages 7.250001000
	styled 'Jan 01 00:00:00 board kernel: ' >board.txt
	run -0 imported board.txt
	year=$(date -d "$(date +%Y)-01-01" +%s)
	expect_messages "$year.000000000"
	styled 'Jan  1 00:00:00 board kernel: [    7.250001] ' >board.txt
	run -0 imported board.txt
	expect_messages "$year.000000000"
}

@test "a kernel's log becomes a capture, its services known" {
	styled '[    7.250001] ' >board.txt
	run -0 rpmsg-listen -r board.txt -w board.pcap
	assert_output "3 messages written to board.pcap, 0 lines of the kernel's log lost"
	run -0 imported board.pcap
	expect_messages 7.250001000 -
	run -0 rpmsg-listen -r board.txt --time n name rpmsg-client-sample and len 12
	assert_line --index 0 'virtio0 h>r rpmsg-client-sample 0x400>0x401 [12] hello world!'
	assert_line --index 1 "1 message seen, 0 lines of the kernel's log lost"
	editcap -F pcapng board.pcap board.pcapng
	run -0 imported board.pcapng
	expect_messages 7.250001000 -
}

@test "a kernel's log through a pipe, as it comes" {
	local reader
	mkfifo log
	# kept open, so that it has no end
	start bash -c 'exec rpmsg-listen -q -r log -o log 4<>log'
	reader=$started
	styled '[    7.250001] ' >log
	wait_for grep -q '0x401>0x400' "$started_out"
	exits 130 stop "$reader" INT
	run -0 cat "$started_out"
	expect_messages 7.250001000
	run -0 imported - < <(styled '[    7.250001] ')
	expect_messages 7.250001000
}

@test "lines that are missing are told, and their messages not shown" {
	styled '[    7.250001] ' | sed 5d >board.txt
	run -0 --separate-stderr rpmsg-listen -r board.txt -j
	assert_equal "${#lines[@]}" 3
	assert_line --index 0 --partial '"src":1024,"dst":1025,"len":12'
	assert_line --index 1 --partial '"src":1025,"dst":1024,"len":0'
	assert_line --index 2 --partial '"type":"lost"'
	assert_line --index 2 --partial '"count":3'
	assert_line --index 2 --partial "lines of the kernel's log"
	assert_equal "$stderr" "2 messages seen, 3 lines of the kernel's log lost"
	run -1 rpmsg-listen -q -r board.txt --strict
	# as the kernel's console says it
	styled '[    7.250001] ' | sed '2i ** 30 printk messages dropped **' >board.txt
	run -0 --separate-stderr rpmsg-listen -r board.txt -o hex
	assert_equal "$stderr" "3 messages seen, 30 lines of the kernel's log lost"
	# the end is missing
	styled '[    7.250001] ' | head -n 10 >board.txt
	run -0 --separate-stderr rpmsg-listen -r board.txt -o hex
	assert_equal "$stderr" "1 message seen, 2 lines of the kernel's log lost"
}

@test "two senders at once are told apart by their callers" {
	local n
	{
		for n in 1 2; do
			echo "[    7.0][    T$n] rpmsg virtio0.a.102$n.50: TX From 0x$n, To 0x32, Len 1, Flags 0, Reserved 0"
		done
		for n in 1 2; do
			echo "[    7.0][    T$n] rpmsg_virtio TX: 0$n 00 00 00 32 00 00 00 00 00 00 00 01 00 00 00  ."
		done
		for n in 2 1; do
			echo "[    7.0][    T$n] rpmsg_virtio TX: 3$n                                               $n"
		done
	} | sed 's/7\.0/7.000000/' >board.txt
	run -0 imported board.txt
	assert_output '(7.000000000) virtio0 h>r 0x2>0x32#32
(7.000000000) virtio0 h>r 0x1>0x32#31'
}

@test "a log with nothing but the dumps" {
	styled '[    7.250001] ' | grep rpmsg_virtio >board.txt
	run -0 imported board.txt
	expect_messages 7.250001000 -
}

@test "lines of --out log, from a file and a pipe, with comments" {
	styled '[    7.250001] ' >board.txt
	{
		echo '# a board that says hello'
		echo
		imported board.txt
	} >some.log
	run -0 imported some.log
	expect_messages 7.250001000
	run -0 imported - <some.log
	expect_messages 7.250001000
	echo '(8.0) virtio0 h>r 1025>400#5' >>some.log
	run -1 imported some.log
	assert_line 'rpmsg-listen: some.log: line 6 has data that is not hex, two digits a byte'
	assert_line --partial '0x400>0x401#68656C6C6F20776F726C6421'
}

@test "what is something else is 1, and said" {
	echo 'Dear reader,' >letter
	run -1 rpmsg-listen -r letter
	assert_output --partial "letter: neither a capture, a recorder's file, lines of --out log nor a kernel's log: it begins with 'Dear reader,'"
	echo '[    0.000000] Linux version' >board.txt
	run -1 rpmsg-listen -r board.txt
	assert_output --partial 'board.txt: a kernel'"'"'s log with no message of rpmsg in it'
	styled '[    7.250001] ' | gzip >board.txt.gz
	run -1 rpmsg-listen -r board.txt.gz
	assert_output --partial "board.txt.gz is compressed: give what 'zcat' makes of it to standard input"
	run -1 rpmsg-listen -r /dev/null
	assert_output --partial '/dev/null is empty'
	run -1 rpmsg-listen -r - <"$BUILD/bin/rpmsgd"
	assert_output --partial 'standard input: neither a capture'
	run -1 rpmsg-listen -r .
	assert_output --partial '.: Is a directory'
}
