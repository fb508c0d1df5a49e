# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For tests of the dissector, after lib/common:
#
#     tshark_setup           in setup: tshark without preferences or plugins of whoever runs this
#     capture                makes a.pcap from the description on stdin (see gen_capture.c)
#     poke OFFSET HEX        changes bytes of a.pcap; the first packet's header is at FIRST
#     decode ARG...          $output is what tshark prints of a.pcap; an error of the script fails
#     fields FIELD...        $output is their values, a packet a line, joined by "|"
#     experts                $output is "FRAME|expert info|..." of the packets that have any
#     LUA                    the options that load the dissector

FIRST=$((24 + 16 + 24)) # the file's header, the packet's, the tags
export FIRST

tshark_setup()
{
	LUA=(-X "lua_script:$TOP/lib/record/rpmsg.lua")
	export HOME=$PWD XDG_CONFIG_HOME=$PWD/config WIRESHARK_CONFIG_DIR=$PWD/wireshark
}

capture()
{
	"$BUILD/programs/gen_capture" a.pcap
}

poke()
{
	printf '%b' "$(sed 's/../\\x&/g' <<<"$2")" |
		dd of=a.pcap bs=1 seek="$1" conv=notrunc status=none
}

decode()
{
	timeout 60 tshark "${LUA[@]}" -r a.pcap "$@" 2>tshark.err >tshark.out ||
		fail "tshark: $(cat tshark.err)"
	run grep -h 'Lua' tshark.out tshark.err
	refute_output
	run cat tshark.out
}

fields()
{
	local -a args=()
	local field
	for field in "$@"; do
		args+=(-e "$field")
	done
	decode -T fields -E 'separator=|' -E 'aggregator=;' "${args[@]}"
}

experts()
{
	decode -2 -T fields -E 'separator=|' -E 'aggregator=|' -e frame.number -e _ws.expert.message
	run grep '|.' tshark.out
}
