# SPDX-License-Identifier: BSD-2-Clause
# A capture of all traffic holds what was sent, all of it and nothing else.

load ../lib/common
load ../lib/process

N=2000

setup()
{
	common_setup
	# no preferences, plugins or recent files of whoever runs this
	export HOME=$PWD XDG_CONFIG_HOME=$PWD/config WIRESHARK_CONFIG_DIR=$PWD/wireshark
}

# fields FIELD...: of all packets, a packet a line, joined by blanks
fields()
{
	local field
	local -a args=()
	for field in "$@"; do
		args+=(-e "$field")
	done
	timeout 60 tshark -X "lua_script:$TOP/lib/record/rpmsg.lua" -r all.pcap -T fields \
		-E 'separator= ' "${args[@]}" 2>tshark.err || fail "tshark: $(cat tshark.err)"
}

# sender ADDR: sends its own N messages from ADDR to the service, and awaits the answers
sender()
{
	"$BUILD/programs/messages" generate "$1" 496 "$N" | tr A-F a-f >"sent.$1"
	start rpmsg-send -b rpmsg0 -n echo -s "$1" -x -l -f "sent.$1" --reply -o hex
}

# The packets of one direction between the service and ADDR, as they should be.
expected()
{
	awk -v d="$1" -v s="$2" -v t="$3" '{ print d, s, t, length($0) / 2, $0 }' "sent.$4"
}

@test "several senders and their answers: every message, in its order, in its direction" {
	local i addr capture service
	serve
	start rpmsg-listen -b rpmsg0 -w all.pcap --banner
	capture=$started
	wait_for grep -q ready "$started_err"
	start rpmsg-listen -b rpmsg0 -R -n echo -s 50 --echo -q
	service=$started
	run -0 rpmsg-ns -b rpmsg0 wait echo
	for addr in 2001 2002 2003; do
		sender "$addr"
	done
	for ((i = 1; i <= 3; i++)); do
		exits 0 waited "${started_all[-i]}"
	done
	exits 130 stop "$service" INT
	run -0 rpmsg-ns -b rpmsg0 wait --gone echo
	exits 130 stop "$capture" INT
	assert_file_contains start.1.err "^$((6 * N + 2)) messages written to all.pcap, 0 lost\$"

	fields exported_pdu.p2p_dir rpmsg.src rpmsg.dst rpmsg.len data.data >all
	for addr in 2001 2002 2003; do
		local hex
		printf -v hex '0x%08x' "$addr"
		expected 0 "$hex" 0x00000032 "$addr" >want
		grep "^0 $hex" all | diff want -
		expected 1 0x00000032 "$hex" "$addr" >want
		grep "^1 0x00000032 $hex" all | diff want -
	done
	assert_equal "$(wc -l <all)" $((6 * N + 2))

	# name service is the rest, and is decoded
	fields exported_pdu.p2p_dir rpmsg.src rpmsg.dst rpmsg.ns.name rpmsg.ns.addr rpmsg.ns.flags |
		grep echo >ns
	run -0 cat ns
	assert_line --index 0 '1 0x00000032 0x00000035 echo 0x00000032 0x00000000'
	assert_line --index 1 '1 0x00000032 0x00000035 echo 0x00000032 0x00000001'
	assert_equal "${#lines[@]}" 2
	assert_equal "$(head -n 1 all | cut -d ' ' -f 1-3)" '1 0x00000032 0x00000035'
	assert_equal "$(tail -n 1 all | cut -d ' ' -f 1-3)" '1 0x00000032 0x00000035'

	# time never goes back, and is now
	fields frame.time_epoch >times.txt
	sort -c -n times.txt
	(($(date +%s) - $(head -c 10 times.txt) < 600))
}

@test "the service of a message is known from the name service before it" {
	local capture
	serve
	start rpmsg-listen -b rpmsg0 -w all.pcap --banner
	capture=$started
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 hello
	run -0 rpmsg-send -b rpmsg0 -R --spoof 50 -d 2001 world
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 51 other
	exits 130 stop "$capture" INT
	run -0 fields exported_pdu.p2p_dir rpmsg.service rpmsg.src
	assert_output '1  0x00000032
0 clock 0x000007d1
1 clock 0x00000032
0  0x000007d1'
}
