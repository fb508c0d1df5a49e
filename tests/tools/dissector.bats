# SPDX-License-Identifier: BSD-2-Clause
# The Wireshark dissector, on captures written by the tools' own writer.

load ../lib/common

setup()
{
	common_setup
	LUA=(-X "lua_script:$TOP/lib/record/rpmsg.lua")
	# no preferences, plugins or recent files of whoever runs this
	export HOME=$PWD XDG_CONFIG_HOME=$PWD/config WIRESHARK_CONFIG_DIR=$PWD/wireshark
}

# capture: makes a.pcap from the description on stdin
capture()
{
	"$BUILD/programs/gen_capture" a.pcap
}

# decode ARG...: tshark over a.pcap; any error of the script is a failure
decode()
{
	timeout 60 tshark "${LUA[@]}" -r a.pcap "$@" 2>tshark.err >tshark.out ||
		fail "tshark: $(cat tshark.err)"
	run cat tshark.out
	refute_output --partial 'Lua Error'
	run cat tshark.err
	refute_output --partial 'Lua'
	run cat tshark.out
}

# fields FIELD...: their values, a packet a line, joined by "|"
fields()
{
	local -a args=()
	local field
	for field in "$@"; do
		args+=(-e "$field")
	done
	decode -T fields -E 'separator=|' "${args[@]}"
}

@test "the file is a pcap with nanoseconds and link type 252" {
	capture <<<'h>r 0x400 0x401 6869'
	run capinfos -t -E a.pcap
	assert_output --partial 'nanosecond pcap'
	assert_output --partial 'Wireshark Upper PDU export'
}

@test "header fields, direction and time" {
	capture <<-'EOF'
		h>r 0x400 30 68656c6c6f
		r>h 30 0x400
		r>h 0xfffffffe 0x80000000 00
	EOF
	fields frame.protocols frame.time_epoch exported_pdu.p2p_dir rpmsg.src rpmsg.dst rpmsg.len
	assert_line --index 0 'exported_pdu:rpmsg:data|1000000000.000000000|0|0x00000400|0x0000001e|5'
	assert_line --index 1 'exported_pdu:rpmsg|1000000001.000000001|1|0x0000001e|0x00000400|0'
	assert_line --index 2 'exported_pdu:rpmsg:data|1000000002.000000002|1|0xfffffffe|0x80000000|1'
	fields rpmsg.flags rpmsg.reserved
	assert_line --index 0 '0x0000|0x00000000'
}

@test "any bytes in the header are shown as they are" {
	capture <<<'h>r 0x400 30 68656c6c6f'
	# reserved and flags of the only packet
	printf '\1\2\3\4' | dd of=a.pcap bs=1 seek=72 conv=notrunc status=none
	printf '\5\6' | dd of=a.pcap bs=1 seek=78 conv=notrunc status=none
	fields rpmsg.reserved rpmsg.flags rpmsg.len
	assert_output '0x04030201|0x0605|5'
}

@test "name service" {
	capture <<-'EOF'
		announce r 0x401 rpmsg-echo
		destroy h 53 b
	EOF
	fields exported_pdu.p2p_dir rpmsg.ns.name rpmsg.ns.addr rpmsg.ns.flags _ws.col.Info
	assert_line --index 0 '1|rpmsg-echo|0x00000401|0x00000000|r>h announce rpmsg-echo addr 0x401'
	assert_line --index 1 '0|b|0x00000035|0x00000001|h>r destroy b addr 0x35'
	fields _ws.expert.message
	refute_output --regexp '[a-z]'
}

# A service is known from its announcement to its withdrawal, by the side that it is on.
services_described()
{
	cat <<-'EOF'
		h>r 0x400 0x401 00
		announce r 0x401 one
		h>r 0x400 0x401 00
		r>h 0x401 0x400 00
		h>r 0x401 0x400 00
		announce h 0x401 two
		r>h 0x500 0x401 00
		h>r 0x500 0x401 00
		destroy r 0x401 one
		h>r 0x500 0x401 00
		r>h 0x500 0x401 00
		announce r 0x401 three
		h>r 0x500 0x401 00
	EOF
}

services_expected()
{
	printf '%s\n' 1: 2: 3:one 4:one 5: 6: 7:two 8:one 9: 10: 11:two 12: 13:three
}

@test "services are learned by side and address, and forgotten" {
	local pass
	services_described | capture
	services_expected >expected
	for pass in '' -2; do
		# shellcheck disable=SC2086 # no word if empty
		decode $pass -T fields -E separator=: -e frame.number -e rpmsg.service
		run diff expected tshark.out
		assert_success
	done
	decode -2 -R 'rpmsg.service == "one"' -T fields -e rpmsg.service
	assert_output "$(printf 'one\none\none')"
	decode -Y 'rpmsg.service == "two"' -T fields -e frame.number
	assert_output "$(printf '7\n11')"
}

@test "payloads go to the dissector of the service, else of the address" {
	cat >sub.lua <<-'EOF'
		local function make(name, table, key)
			local p = Proto(name, name .. " test")
			local v = ProtoField.uint8(name .. ".v", "V")
			p.fields = { v }
			function p.dissector(tvb, pinfo, tree)
				tree:add(v, tvb(0, 1))
				return tvb:len()
			end
			DissectorTable.get(table):add(key, p)
		end
		make("bysvc", "rpmsg.service", "echo")
		make("byaddr", "rpmsg.dst_addr", 0x500)
	EOF
	capture <<-'EOF'
		announce r 0x401 echo
		h>r 0x500 0x401 07
		r>h 0x401 0x500 08
		r>h 0x402 0x500 09
		r>h 0x402 0x501 0a
	EOF
	LUA+=(-X lua_script:sub.lua)
	fields bysvc.v byaddr.v data.data
	assert_line --index 1 '7||'
	assert_line --index 2 '8||'
	assert_line --index 3 '|9|'
	assert_line --index 4 '||0a'
}

@test "what is malformed is said, and nothing of it is learned" {
	capture <<-'EOF'
		h>r 0x400 30 68656c6c6f
		h>r 0x400 0x35 0102
		h>r 0x400 0x35
		announce r 0xffffffff any
	EOF
	printf '\4' | dd of=a.pcap bs=1 seek=76 conv=notrunc status=none
	fields _ws.expert.message
	assert_line --index 0 'Payload length is not what was captured'
	assert_line --index 1 'Name service message is not 40 bytes long'
	assert_line --index 2 'Name service message is not 40 bytes long'
	assert_line --index 3 'Service at an address that nobody can have'

	editcap -s 30 a.pcap cut.pcap
	mv cut.pcap a.pcap
	fields _ws.expert.message
	assert_line --index 0 'Shorter than an rpmsg header'
}

@test "a name without end or text is shown safely" {
	capture <<<'announce r 0x401 0123456789012345678901234567890'
	# the last byte of the name, and an escape within it
	printf '\377' | dd of=a.pcap bs=1 seek=111 conv=notrunc status=none
	printf '\33' | dd of=a.pcap bs=1 seek=81 conv=notrunc status=none
	fields rpmsg.ns.name _ws.expert.message
	assert_output '0.23456789012345678901234567890.|Service name is empty or has no end'
}

@test "random damage raises no error of the script" {
	local n seed
	for _ in {1..20}; do services_described; done | capture
	n=$(capinfos -T -r -c -m a.pcap | cut -d, -f2)
	assert_equal "$n" 260
	for seed in 1 2 3; do
		editcap --seed "$seed" -E 0.1 a.pcap damaged.pcap
		timeout 60 tshark "${LUA[@]}" -r damaged.pcap -V >tshark.out 2>tshark.err
		assert_equal "$(grep -c '^Frame ' tshark.out)" 260
		run grep -h 'Lua Error' tshark.out tshark.err
		refute_output
	done
}
