# SPDX-License-Identifier: BSD-2-Clause
# The Wireshark dissector on what is cut, torn and made up: it decodes what there is, says what
# is wrong, and never fails itself.

load ../lib/common
load ../lib/tshark

setup()
{
	common_setup
	tshark_setup
}

# One of each: a message, name service, an event.
each()
{
	cat <<-'EOF'
		h>r 0x400 0x1e x24
		announce r 0x401 echo
		event stall r>h 0x401 0x400 77 4 0 slow
	EOF
}

# snap N: a.pcap with N bytes of each packet
snap()
{
	each | capture
	editcap -s "$1" a.pcap cut.pcap
	mv cut.pcap a.pcap
}

@test "packets that a snap length cut are decoded as far as they go" {
	snap $((24 + 16 + 4))
	fields frame.cap_len rpmsg.len rpmsg.ns.name rpmsgev.kind rpmsgev.value data.data
	assert_line --index 0 '44|24||||00010203'
	assert_line --index 1 '44|40||||'
	assert_line --index 2 '44|||9||'
	fields _ws.expert.message _ws.col.Info
	assert_line --index 0 'Packet was cut when it was captured|h>r 0x400 > 0x1e, 24 bytes: 00010203'
	assert_line --index 1 'Packet was cut when it was captured|r>h name service, cut'
	assert_line --index 2 'Event was cut when it was captured|r>h event, cut'
}

@test "a cut within the header, at its end and before it" {
	snap $((24 + 15))
	fields rpmsg.src rpmsgev.src _ws.expert.message
	assert_line --index 0 '||Packet was cut when it was captured'
	assert_line --index 1 '||Packet was cut when it was captured'
	assert_line --index 2 '||Event was cut when it was captured'
	snap $((24 + 16))
	fields rpmsg.src rpmsgev.src _ws.expert.message
	assert_line --index 0 '0x00000400||Packet was cut when it was captured'
	assert_line --index 1 '0x00000401||Packet was cut when it was captured'
	assert_line --index 2 '|0x00000401|Event was cut when it was captured'
	snap 24
	fields _ws.expert.message
	assert_line --index 0 'Packet was cut when it was captured'
	assert_line --index 2 'Event was cut when it was captured'
}

@test "an event of which the text alone is cut has all else" {
	snap $((24 + 16 + 24 + 2))
	fields rpmsgev.value rpmsgev.count rpmsgev.text _ws.expert.message
	assert_line --index 2 --regexp '^77\|4\|sl\|Event was cut when it was captured'
}

# shorten N: the packets of a.pcap end after N bytes, on the wire too
shorten()
{
	each | capture
	editcap -L -s "$1" a.pcap short.pcap
	mv short.pcap a.pcap
}

@test "packets that are too short on the wire are malformed" {
	shorten $((24 + 15))
	fields rpmsg.src _ws.expert.message
	assert_line --index 0 '|Shorter than an rpmsg header'
	assert_line --index 1 '|Shorter than an rpmsg header'
	assert_line --index 2 '|Shorter than an event'
	shorten $((24 + 16 + 23))
	fields _ws.expert.message
	assert_line --index 0 'Payload length is not what was captured'
	assert_line --index 1 'Payload length is not what was captured;Name service message is not 40 bytes long'
	assert_line --index 2 'Length is not what was captured;Shorter than an event'
	assert_equal "${#lines[@]}" 3
}

@test "a file that ends within a packet: all whole packets, and tshark's own word for it" {
	local size
	each | capture
	size=$(stat -c %s a.pcap)
	truncate -s $((size - 1)) a.pcap
	run timeout 60 tshark "${LUA[@]}" -r a.pcap -T fields -e rpmsg.src
	assert_failure 2
	assert_line 0x00000400
	assert_line 0x00000401
	assert_output --partial 'cut short in the middle of a packet'
	refute_output --partial 'Lua'
	truncate -s 24 a.pcap
	decode
	assert_output ''
}

@test "payloads of noise are decoded as bytes, through a sub-dissector too" {
	local i
	for ((i = 0; i < 40; i++)); do
		echo "h>r 0x400 0x1e $(seq "$((i * 7))" "$((i * 7 + i))" | sha256sum | cut -c "1-$((2 + i % 32 * 2))")"
	done | capture
	decode -T fields -e data.len
	assert_equal "$(grep -c . tshark.out)" 40
	# each of these meets bytes that it cannot make sense of
	for i in json ip sctp modbus dns; do
		decode -o "rpmsg.payloads:0x1e=$i" -V
		assert_equal "$(grep -c '^Remote Processor Messaging' tshark.out)" 40
	done
	assert [ "$(grep -c 'Malformed Packet: DNS' tshark.out)" -gt 0 ]
}

# What a session looks like, with all that a packet can be.
session()
{
	cat <<-'EOF'
		event up h>r any any 1 0 0 NS, 496 bytes
		announce r 0x401 echo
		event announce r>h 0x401 any 0 0 0 echo
		h>r 0x400 0x401 68656c6c6f
		r>h 0x401 0x400 7b2261223a317d
		h>r 0x400 0x1e x700
		event no-recipient h>r 0x400 0x1e 0 700 0
		event buffer h>r 0x400 0x401 0 3 1500000000
		event drop r>h 0x401 0x400 77 10 15000000001 slow
		event malformed r>h any any 0 0 0 used id 999 of 256
		h>r 0x400 0x401
		destroy r 0x401 echo
		event withdraw r>h 0x401 any 0 0 0 echo
		event down h>r any any 1 0 0
	EOF
}

@test "10,000 damaged packets: no error of the script, and each decoded or said to be malformed" {
	local i
	session | capture
	"$BUILD/programs/mutate_capture" a.pcap b.pcap 10000 1
	mv b.pcap a.pcap
	decode -2 -V -o 'rpmsg.payloads:echo=json' -X lua_script1:stats
	assert_equal "$(grep -c '^Frame ' tshark.out)" 10000
	local seen=(rpmsg.src rpmsgev.src rpmsg.short rpmsg.cut rpmsgev.short rpmsgev.cut)
	local more=(rpmsg.len.wrong rpmsg.ns.len rpmsg.ns.name.wrong rpmsgev.len.wrong rpmsgev.unknown)
	fields "${seen[@]}" "${more[@]}"
	assert_equal "$(cut -d'|' -f "1-${#seen[@]}" tshark.out | grep -c '[^|]')" 10000
	# the damage is of every sort
	for ((i = 1; i <= ${#seen[@]} + ${#more[@]}; i++)); do
		assert [ -n "$(cut -d'|' -f "$i" tshark.out | tr -d '\n')" ]
	done
}
