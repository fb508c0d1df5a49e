# SPDX-License-Identifier: BSD-2-Clause
# The Wireshark dissector on messages, in captures written by the tools' own writer.

load ../lib/common
load ../lib/tshark

setup()
{
	common_setup
	tshark_setup
}

@test "the file is a pcap with nanoseconds and link type 252" {
	capture <<<'h>r 0x400 0x401 6869'
	run capinfos -t -E a.pcap
	assert_output --partial 'nanosecond pcap'
	assert_output --partial 'Wireshark Upper PDU export'
}

@test "the bytes that rpmsg-pcap(5) shows are a capture" {
	sed -n '/^4d 3c/,/^\./p' "$TOP/man/rpmsg-pcap.5" | grep -v '^\.' | tr -d ' \n' >hex
	: >a.pcap
	poke 0 "$(cat hex)"
	assert_equal "$(stat -c %s a.pcap)" $((FIRST + 16 + 5))
	fields _ws.col.Info
	assert_output 'h>r 0x400 > 0x1e, 5 bytes: hello'
	run -0 --separate-stderr rpmsg-listen -r a.pcap -o raw
	assert_output hello
}

@test "rpmsg-pcap(5) names every field, expert info and preference" {
	local name kinds='up|down|reset|no_recipient|no_buffer|buffer|stall|drop|refused|malformed|lost'
	tshark -G fields "${LUA[@]}" 2>tshark.err | awk -F'\t' '$5 ~ /^rpmsg/ { print $3 }' >names
	tshark -G defaultprefs "${LUA[@]}" 2>>tshark.err | sed -n 's/^#\(rpmsg[^:]*\):.*/\1/p' >>names
	assert [ "$(grep -c . names)" -ge 50 ]
	sed -E "/^rpmsgev\\.($kinds)\$/d" names >others
	assert_equal "$(($(grep -c . names) - $(grep -c . others)))" 11
	while read -r name; do
		grep -Eq "(^|[ :])${name//./\\.}([ :]|\$)" "$TOP/man/rpmsg-pcap.5" || fail "not in the manual: $name"
	done <others
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
	poke $((FIRST + 8)) 01020304
	poke $((FIRST + 14)) 0506
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
	# of the flags only the first bit means something
	poke $((FIRST + 16 + 36)) 03
	fields rpmsg.ns.flags _ws.col.Info
	assert_line --index 0 '0x00000003|r>h destroy rpmsg-echo addr 0x401'
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

@test "a service is withdrawn by its own name alone" {
	capture <<-END
		announce r 0x401 one
		destroy r 0x401 other
		h>r 0x400 0x401 aa
		destroy r 0x401 one
		h>r 0x400 0x401 aa
	END
	decode -Y 'rpmsg.service == "one"' -T fields -e frame.number
	assert_output 3
	decode -Y rpmsg.withdrawn -T fields -e frame.number
	assert_output 5
}

@test "another service at the same address has its own name both ways" {
	capture <<-'EOF'
		announce r 0x401 one
		h>r 0x400 0x401 00
		r>h 0x401 0x400 00
		destroy r 0x401 one
		announce r 0x401 two
		h>r 0x400 0x401 00
		r>h 0x401 0x400 00
	EOF
	decode -Y rpmsg.service -T fields -e rpmsg.service
	assert_output "$(printf '%s\n' one one two two)"
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

@test "empty messages and the longest are decoded whole" {
	capture <<-'EOF'
		h>r 0x400 0x401
		h>r 0x400 0x401 x65519
		h>r 0x400 0x401 x65535
	EOF
	fields rpmsg.len data.len
	assert_output "$(printf '%s\n' '0|' '65519|65519' '65535|65535')"
	decode -T fields -e data.data
	assert_equal "$(sed -n 2p tshark.out)" \
		"$(for ((i = 0; i < 65519; i++)); do printf '%02x' $((i % 256)); done)"
}

@test "Info and the address columns say who, how much and what" {
	capture <<-'EOF'
		h>r 0x400 0x1e 68656c6c6f
		announce r 0x401 echo
		h>r 0x400 0x401 68656c6c6f0a
		r>h 0x401 0x400 00616263
		h>r 0x400 0x401
		h>r 0x400 0x401 x17
	EOF
	fields _ws.col.Source _ws.col.Destination _ws.col.Protocol _ws.col.Info
	diff - tshark.out <<-'EOF'
		0x400|0x1e|rpmsg|h>r 0x400 > 0x1e, 5 bytes: hello
		0x401|0x35|rpmsg|r>h announce echo addr 0x401
		0x400|0x401 (echo)|rpmsg|h>r 0x400 > 0x401 (echo), 6 bytes: hello
		0x401 (echo)|0x400|rpmsg|r>h 0x401 (echo) > 0x400, 4 bytes: 00616263
		0x400|0x401 (echo)|rpmsg|h>r 0x400 > 0x401 (echo), 0 bytes
		0x400|0x401 (echo)|rpmsg|h>r 0x400 > 0x401 (echo), 17 bytes: 000102030405060708090a0b0c0d0e0f...
	EOF
	fields rpmsg.src.service rpmsg.dst.service
	assert_output "$(printf '%s\n' '|' '|' '|echo' 'echo|' '|echo' '|echo')"
}

# Two conversations at once, one of them with two requests under way; an answer to nobody.
conversation()
{
	cat <<-'EOF'
		r>h 0x1e 0x400 00
		h>r 0x400 0x1e 01
		h>r 0x400 0x1e 02
		h>r 0x401 0x1e 03
		r>h 0x1e 0x400 01
		r>h 0x1e 0x401 03
		r>h 0x1e 0x400 02
		r>h 0x1e 0x400 04
	EOF
}

@test "a response is linked with its request, and says how long it took" {
	conversation | capture
	decode -2 -T fields -E 'separator=|' -e frame.number -e rpmsg.request_in -e rpmsg.response_in \
		-e rpmsg.response_time
	diff - tshark.out <<-'EOF'
		1|||
		2||5|
		3||7|
		4||6|
		5|2||3.000000003
		6|4||2.000000002
		7|3||4.000000004
		8|||
	EOF
	# in one pass nobody knows the future, but the past
	fields rpmsg.request_in rpmsg.response_in
	assert_line --index 4 '2|'
	decode -Y 'rpmsg.response_time > 2.5' -T fields -e frame.number
	assert_output "$(printf '5\n7')"
}

@test "of requests that nobody answers the newest 1024 wait" {
	{
		yes 'h>r 0x400 0x1e 00' | head -n 1100
		echo 'r>h 0x1e 0x400 00'
	} | capture
	decode -Y rpmsg.request_in -T fields -e frame.number -e rpmsg.request_in
	assert_output "$(printf '1101\t77')"
}

@test "who asks is whoever talks to the service, else to the fixed address, else the first" {
	capture <<-'EOF'
		r>h 0x401 0x400 00
		announce r 0x401 echo
		r>h 0x401 0x400 01
		h>r 0x400 0x401 02
		r>h 0x401 0x400 03
		r>h 0x500 0x1e 04
		h>r 0x1e 0x500 05
		h>r 0x600 0x700 06
		r>h 0x700 0x600 07
	EOF
	decode -T fields -E 'separator=|' -e frame.number -e rpmsg.request_in
	run grep '|.' tshark.out
	assert_output "$(printf '%s\n' '5|4' '7|6' '9|8')"
}

@test "expert infos of messages: who is announced twice, withdrawn, too long" {
	capture <<-'EOF'
		announce r 0x401 one
		announce r 0x401 one
		announce r 0x401 two
		announce h 0x401 two
		h>r 0x400 0x401 00
		destroy r 0x401 two
		h>r 0x400 0x401 00
		r>h 0x401 0x400 00
		h>r 0x400 0x401 00
		h>r 0x400 0x401 x496
		h>r 0x400 0x401 x497
		destroy h 0x401 two
		announce h 0x401 two
		r>h 0x500 0x401 00
	EOF
	experts
	diff - <(printf '%s\n' "$output") <<-'EOF'
		2|Announced again, and not withdrawn before
		3|Address is announced for another service
		7|Message to service two, withdrawn in frame 6
		11|Payload is longer than 496 bytes
	EOF
	decode -o rpmsg.max_payload:0 -Y rpmsg.oversize -T fields -e frame.number
	assert_output ''
	decode -o rpmsg.max_payload:495 -Y rpmsg.oversize -T fields -e frame.number
	assert_output "$(printf '10\n11')"
}

@test "what is malformed is said, and nothing of it is learned" {
	capture <<-'EOF'
		h>r 0x400 30 68656c6c6f
		h>r 0x400 0x35 0102
		h>r 0x400 0x35
		announce r 0xffffffff any
		h>r 0x400 0xffffffff 00
		h>r 0x400 0x35 x41
		h>r 0x400 0x35 x39
	EOF
	poke $((FIRST + 12)) 04
	experts
	diff - <(printf '%s\n' "$output") <<-'EOF'
		1|Payload length is not what was captured
		2|Name service message is not 40 bytes long
		3|Name service message is not 40 bytes long
		4|Service at an address that nobody can have
		6|Name service message is not 40 bytes long|Service name is empty or has no end
		7|Name service message is not 40 bytes long
	EOF
	decode -Y rpmsg.service -T fields -e frame.number
	assert_output ''
}

@test "a name without end or text is shown safely" {
	capture <<<'announce r 0x401 0123456789012345678901234567890'
	# the last byte of the name, and an escape within it
	poke $((FIRST + 16 + 31)) ff
	poke $((FIRST + 16 + 1)) 1b
	fields rpmsg.ns.name _ws.expert.message
	assert_output '0.23456789012345678901234567890.|Service name is empty or has no end'
}

@test "a direction that is none is shown as such" {
	conversation | capture
	poke $((FIRST - 5)) 07
	fields rpmsg.src rpmsg.dst _ws.col.Info
	assert_line --index 0 '0x0000001e|0x00000400|?>? 0x1e > 0x400, 1 bytes: 00'
	decode -q -X lua_script1:stats
	numbers
	assert_line 'no direction 1 1 0 0'
}

@test "the preference names dissectors by service, pattern and address" {
	capture <<-'EOF'
		announce r 0x401 json-rpc
		h>r 0x400 0x401 7b2261223a317d
		r>h 0x401 0x400 5b5d
		h>r 0x400 0x1e 5b5d
		r>h 0x1e 0x400 5b5d
		h>r 0x400 0x1f 5b5d
	EOF
	decode -o 'rpmsg.payloads:js?n*=json, 0x1e = json' -T fields -e frame.protocols -e _ws.col.Info
	assert_line --index 1 --regexp \
		'^exported_pdu:rpmsg:json.*h>r 0x400 > 0x401 \(json-rpc\), 7 bytes: JavaScript Object Notation'
	assert_line --index 2 --regexp '^exported_pdu:rpmsg:json'
	assert_line --index 3 --regexp '^exported_pdu:rpmsg:json'
	assert_line --index 4 --regexp '^exported_pdu:rpmsg:json'
	assert_line --index 5 --regexp '^exported_pdu:rpmsg:data'
	# a pattern is no regular expression and matches whole names
	decode -o 'rpmsg.payloads:json=json,rpc=json,js.n*=json,json+rpc=json' -Y json
	assert_output ''
}

@test "what is wrong in the preference is said once, and the rest of it holds" {
	conversation | capture
	decode -o 'rpmsg.payloads:foo, 30=json, x=nonesuch' -T fields -e frame.number -e frame.protocols \
		-e rpmsg.payloads.wrong -e _ws.expert.message
	assert_line --index 0 --partial '"foo" is not NAME=DISSECTOR or ADDRESS=DISSECTOR'
	assert_line --index 0 --partial 'no dissector has the name "nonesuch"'
	assert_equal "$(grep -c 'rpmsg.payloads' tshark.out)" 1
	assert_equal "$(grep -c 'exported_pdu:rpmsg:json' tshark.out)" 8
	assert_equal "$(grep -c 'rpmsg.payloads: "foo"' tshark.err)" 1
}

# numbers: the table of statistics, its words joined by one blank
numbers()
{
	run awk '{ $1 = $1; print }' tshark.out
}

@test "statistics by service: messages and bytes of both directions, response times" {
	{
		echo 'announce r 0x401 echo'
		echo 'h>r 0x400 0x401 0102'
		echo 'r>h 0x401 0x400 010203'
		conversation
		echo 'h>r 0x400 0x1e 05'
		echo 'event stall r>h 0x401 0x400 7 1 0'
		echo 'event stall r>h 0x401 0x400 7 1 0'
		echo 'r>h 0x1e 0x400 06'
	} | capture
	decode -q -X lua_script1:stats
	numbers
	diff - <(printf '%s\n' "${lines[@]}") <<-'EOF'
		rpmsg by service, times in seconds
		messages h>r bytes r>h bytes
		echo 1 2 1 3
		name service 0 0 1 40
		remote 0x1e 4 4 6 6
		responses after count min avg max
		echo 1 1.000000 1.000000 1.000000
		remote 0x1e 4 2.000000 3.000000 4.000000
		events count
		stall 2
	EOF
	mv tshark.out expected
	decode -q -o rpmsg.statistics:TRUE
	run diff expected tshark.out
	assert_success
	# a read filter chooses, and the capture's own end is not repeated
	decode -2 -R 'rpmsg.service == "echo"' -q -X lua_script1:stats
	numbers
	assert_line 'echo 1 2 1 3'
	refute_line --partial 0x1e
	decode -q
	assert_output ''
}

@test "tshark's own statistics work with the fields" {
	conversation | capture
	decode -q -z 'io,stat,0,AVG(rpmsg.response_time)rpmsg.response_time,rpmsg.dst == 0x1e'
	assert_output --regexp '3\.000000 \| +3 \|'
}
