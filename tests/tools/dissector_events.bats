# SPDX-License-Identifier: BSD-2-Clause
# The Wireshark dissector on events, in captures written by the tools' own writer.

load ../lib/common
load ../lib/tshark

setup()
{
	common_setup
	tshark_setup
}

# Every kind there is, in the order of their numbers, then two that no one knows.
all_kinds()
{
	cat <<-'EOF'
		event up h>r any any 2 0 0 VERSION_1 NS, 496 bytes
		event down r>h any any 2 0 0
		event reset r>h any any 0 0 0 used index jumps by 1000
		event announce r>h 0x401 any 0 0 0 rpmsg-tty
		event withdraw r>h 0x401 any 0 0 0 rpmsg-tty
		event no-recipient h>r 0x400 0x1e 0 12 0
		event no-buffer h>r 0x400 0x401 0 0 0 rpmsg-send (pid 12)
		event buffer h>r 0x400 0x401 0 3 1500000001
		event stall r>h 0x401 0x400 77 4 0 slow
		event drop r>h 0x401 0x400 77 18446744073709551615 15000000000 slow
		event refused r>h 0x9 any 0 0 0 name is empty
		event malformed h>r any any 0 0 0 used id 999 of 256
		event lost r>h any any 0 123 0
		event 14 h>r 1 2 4294967295 4 5 what
		event 65535 r>h any any 0 0 0
	EOF
}

@test "each kind of event: the fields that all have" {
	all_kinds | capture
	fields rpmsgev.kind exported_pdu.p2p_dir rpmsgev.src rpmsgev.dst rpmsgev.len rpmsgev.reserved
	diff - tshark.out <<-'EOF'
		1|0|0xffffffff|0xffffffff|47|0x00000000;0x00000000
		2|1|0xffffffff|0xffffffff|24|0x00000000;0x00000000
		3|1|0xffffffff|0xffffffff|48|0x00000000;0x00000000
		4|1|0x00000401|0xffffffff|33|0x00000000;0x00000000
		5|1|0x00000401|0xffffffff|33|0x00000000;0x00000000
		6|0|0x00000400|0x0000001e|24|0x00000000;0x00000000
		7|0|0x00000400|0x00000401|43|0x00000000;0x00000000
		8|0|0x00000400|0x00000401|24|0x00000000;0x00000000
		9|1|0x00000401|0x00000400|28|0x00000000;0x00000000
		10|1|0x00000401|0x00000400|28|0x00000000;0x00000000
		11|1|0x00000009|0xffffffff|37|0x00000000;0x00000000
		12|0|0xffffffff|0xffffffff|42|0x00000000;0x00000000
		13|1|0xffffffff|0xffffffff|24|0x00000000;0x00000000
		14|0|0x00000001|0x00000002|28|0x00000000;0x00000000
		65535|1|0xffffffff|0xffffffff|24|0x00000000;0x00000000
	EOF
}

@test "each kind of event: what it carries" {
	all_kinds | capture
	fields rpmsgev.value rpmsgev.count rpmsgev.duration rpmsgev.text rpmsgev.service
	diff - tshark.out <<-'EOF'
		2|0|0.000000000|VERSION_1 NS, 496 bytes|
		2|0|0.000000000||
		0|0|0.000000000|used index jumps by 1000|
		0|0|0.000000000|rpmsg-tty|rpmsg-tty
		0|0|0.000000000|rpmsg-tty|rpmsg-tty
		0|12|0.000000000||
		0|0|0.000000000|rpmsg-send (pid 12)|
		0|3|1.500000001||
		77|4|0.000000000|slow|
		77|18446744073709551615|15.000000000|slow|
		0|0|0.000000000|name is empty|
		0|0|0.000000000|used id 999 of 256|
		0|123|0.000000000||
		4294967295|4|0.000000005|what|
		0|0|0.000000000||
	EOF
}

@test "each kind of event: a sentence in Info" {
	all_kinds | sed 's/18446744073709551615/10/' | capture
	fields _ws.col.Source _ws.col.Destination _ws.col.Protocol _ws.col.Info
	diff - tshark.out <<-'EOF'
		||rpmsgev|h>r link up at the host, generation 2: VERSION_1 NS, 496 bytes
		||rpmsgev|r>h link down at the remote, generation 2
		||rpmsgev|r>h reset: used index jumps by 1000
		0x401||rpmsgev|r>h announce rpmsg-tty at 0x401
		0x401||rpmsgev|r>h withdraw rpmsg-tty at 0x401
		0x400|0x1e|rpmsgev|h>r no recipient: 0x400 > 0x1e, 12 bytes
		0x400|0x401|rpmsgev|h>r no transmit buffer: 0x400 > 0x401, held by rpmsg-send (pid 12)
		0x400|0x401|rpmsgev|h>r transmit buffer again after 1.500000001 s: 0x400 > 0x401, 3 sends found none
		0x401|0x400|rpmsgev|r>h stall: 0x400 [slow, pid 77] takes nothing, 4 messages wait
		0x401|0x400|rpmsgev|r>h drop: 10 messages to 0x400 [slow, pid 77] after 15.000000000 s
		0x9||rpmsgev|r>h name service message from 0x9 refused: name is empty
		||rpmsgev|h>r malformed: used id 999 of 256
		||rpmsgev|r>h lost: 123 records are missing here
		0x1|0x2|rpmsgev|h>r unknown event 14: 0x1 > 0x2, what
		||rpmsgev|r>h unknown event 65535
	EOF
}

@test "the words of the kinds are the ones that all tools use" {
	all_kinds | capture
	decode -V
	assert_equal "$(sed -n 's/^    Kind: \(.*\) ([0-9]*)$/\1/p' tshark.out | tr '\n' ' ')" \
		'up down reset announce withdraw no-recipient no-buffer buffer stall drop refused malformed lost Unknown Unknown '
}

@test "each kind of event: how bad it is" {
	all_kinds | capture
	decode -T fields -E 'separator=|' -e rpmsgev.kind -e _ws.expert.severity
	diff - <(sed 's/8388608/error/; s/6291456/warn/; s/4194304/note/; s/2097152/chat/' tshark.out) <<-'EOF'
		1|chat
		2|note
		3|error
		4|
		5|
		6|warn
		7|warn
		8|chat
		9|warn
		10|error
		11|warn
		12|error
		13|warn
		14|note
		65535|note
	EOF
	decode -Y 'rpmsgev.no_recipient || rpmsgev.stall' -T fields -e frame.number
	assert_output "$(printf '6\n9')"
	# and in the words of the event, where a person looks for it
	decode -Y 'rpmsgev.malformed' -T fields -e _ws.expert.message
	assert_output 'malformed: used id 999 of 256'
}

@test "what a storm of events was summed up to" {
	capture <<-'EOF'
		event no-recipient r>h any any 0 40 0 and 40 more
		event refused r>h any any 0 40 0 and 40 more
		event buffer r>h any any 0 7 2000000000 and 5 more
		event no-buffer h>r any any 0 0 0 x
	EOF
	fields _ws.col.Info
	diff - tshark.out <<-'EOF'
		r>h no recipient: and 40 more
		r>h name service message refused: and 40 more
		r>h transmit buffer again after 2.000000000 s, 7 sends found none; and 5 more
		h>r no transmit buffer, held by x
	EOF
}

@test "services are learned from events, be they told by a message too or not" {
	capture <<-'EOF'
		event announce r>h 0x401 any 0 0 0 one
		h>r 0x400 0x401 00
		event stall h>r 0x400 0x401 7 1 0
		event withdraw r>h 0x401 any 0 0 0 one
		h>r 0x400 0x401 00
		announce r 0x402 two
		event announce r>h 0x402 any 0 0 0 two
		h>r 0x400 0x402 00
		destroy r 0x402 two
		event withdraw r>h 0x402 any 0 0 0 two
		event announce h>r any 0x1e 0 0 0 static
		r>h 0x1e 0x400 00
	EOF
	decode -T fields -E 'separator=|' -e frame.number -e rpmsg.service -e rpmsgev.service
	run grep -v '||$' tshark.out
	diff - <(printf '%s\n' "$output") <<-'EOF'
		1||one
		2|one|
		3||one
		4||one
		7||two
		8|two|
		10||two
		11||static
		12|static|
	EOF
	fields _ws.col.Info
	assert_line --index 2 'h>r stall: 0x401 (one) [pid 7] takes nothing, 1 messages wait'
	assert_line --index 10 'h>r announce static at any > 0x1e'
	# told twice is once too often only from the same source
	experts
	refute_output --partial again
	assert_line '5|Message to service one, withdrawn in frame 4'
}

@test "an event that comes late does not undo a newer announcement" {
	capture <<-'EOF'
		announce r 0x401 one
		event announce r>h 0x401 any 0 0 0 one
		destroy r 0x401 one
		announce r 0x401 two
		event withdraw r>h 0x401 any 0 0 0 one
		h>r 0x400 0x401 00
	EOF
	fields rpmsg.service
	assert_line two
}

@test "an announcement that comes twice as an event, or for two services" {
	capture <<-'EOF'
		event announce r>h 0x401 any 0 0 0 one
		event announce r>h 0x401 any 0 0 0 one
		event announce r>h 0x401 any 0 0 0 two
		event announce h>r 0x500 any 0 0 0 static
		event announce h>r 0x500 0x1e 0 0 0 static
	EOF
	experts
	diff - <(printf '%s\n' "$output") <<-'EOF'
		2|Announced again, and not withdrawn before
		3|Address is announced for another service
		5|Announced again, and not withdrawn before
	EOF
}

@test "a link that goes takes its services and its open requests along" {
	capture <<-'EOF'
		event up h>r any any 1 0 0 NS, 496 bytes
		event up r>h any any 1 0 0 NS, 496 bytes
		announce r 0x401 one
		h>r 0x400 0x401 00
		event down h>r any any 1 0 0
		event down r>h any any 1 0 0
		event up h>r any any 2 0 0 NS, 1000 bytes
		announce r 0x401 one
		event up r>h any any 2 0 0 NS, 1000 bytes
		r>h 0x401 0x400 00
		h>r 0x400 0x401 x1000
		h>r 0x400 0x401 x1001
	EOF
	decode -2 -Y rpmsg.service -T fields -E 'separator=|' -e frame.number -e rpmsg.service \
		-e rpmsg.response_in
	assert_output "$(printf '%s\n' '4|one|' '10|one|' '11|one|' '12|one|')"
	experts
	refute_output --partial again
	assert_line '12|Payload is longer than 1000 bytes'
	refute_line --regexp '^11'
}

@test "a link that went or is new has no services, though the other event is missing" {
	capture <<-'EOF'
		event up h>r any any 1 0 0 NS
		announce r 0x401 one
		event up h>r any any 2 0 0 NS
		h>r 0x400 0x401 00
	EOF
	fields rpmsg.service
	refute_output --partial one

	capture <<-'EOF'
		event up h>r any any 1 0 0 NS
		announce r 0x401 one
		event down h>r any any 1 0 0
		h>r 0x400 0x401 00
	EOF
	fields rpmsg.service
	refute_output --partial one
}

@test "a message that nobody received and the event that says so name each other" {
	capture <<-'EOF'
		h>r 0x400 0x1e x12
		h>r 0x400 0x1e x13
		event no-recipient h>r 0x400 0x1e 0 13 0
		event no-recipient h>r 0x400 0x1e 0 12 0
		event no-recipient h>r 0x400 0x1e 0 13 0
		h>r 0x400 0x1e x14
		r>h 0x1e 0x400 00
		event no-recipient r>h 0x1e 0x400 0 1 0
	EOF
	decode -2 -T fields -E 'separator=|' -e frame.number -e rpmsg.event_in -e rpmsgev.message_in \
		-e rpmsg.response_in
	run grep '|[0-9]' tshark.out
	diff - <(printf '%s\n' "$output") <<-'EOF'
		1|4||
		2|3||
		3||2|
		4||1|
		6|||7
		7|8||
		8||7|
	EOF
	decode -2 -Y 'rpmsg.no_recipient' -T fields -e rpmsg.len
	assert_output "$(printf '12\n13\n1')"
}

@test "text of an event is shown safely, however long" {
	capture <<<'event reset r>h any any 0 0 0 abcdefgh'
	poke $((FIRST + 16 + 24 + 2)) 1bff
	fields rpmsgev.text _ws.col.Info
	assert_output 'ab..efgh|r>h reset: ab..efgh'
	echo "event reset r>h any any 0 0 0 $(printf '%0255d' 7)" | capture
	fields rpmsgev.text rpmsgev.len
	assert_output "$(printf '%0255d' 7)|279"
}
