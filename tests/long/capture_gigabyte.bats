# SPDX-License-Identifier: BSD-2-Clause
# A capture of a gigabyte, ten million messages: read in bounded memory. How long that takes
# is told beside how long tshark takes for a hundredth of it.

load ../lib/common

MESSAGES=100000 # of the hundredth
LIMIT_KB=49152  # of address space

# milliseconds CMD...: how long it takes; its output is in out
milliseconds()
{
	local begin=${EPOCHREALTIME/./}
	"$@" >/dev/null 2>out || fail "$1: $(cat out)"
	echo $(((${EPOCHREALTIME/./} - begin) / 1000))
}

@test "a gigabyte is read in bounded memory, and how fast" {
	local ours tsharks i
	export HOME=$PWD WIRESHARK_CONFIG_DIR=$PWD/wireshark
	[[ -z $SAN ]] || skip 'sanitizer: takes address space without end'
	{
		echo 'announce r 50 clock'
		awk -v n="$MESSAGES" 'BEGIN { for (i = 1; i < n; i++)
			print i % 2 ? "h>r 0x400 50 x51" : "r>h 50 0x400 x51" }'
	} | "$BUILD/programs/gen_capture" part.pcap
	tail -c +25 part.pcap >body
	head -c 24 part.pcap >big.pcap
	for ((i = 0; i < 100; i++)); do
		cat body
	done >>big.pcap
	assert [ "$(stat -c %s big.pcap)" -gt 1000000000 ]

	ours=$(milliseconds bash -c "ulimit -v $LIMIT_KB; exec rpmsg-listen -r big.pcap")
	run cat out
	assert_output "$((100 * MESSAGES)) messages seen, 0 lost"
	tsharks=$(milliseconds tshark -X "lua_script:$TOP/lib/record/rpmsg.lua" -r part.pcap)
	echo "# $((100 * MESSAGES)) messages: rpmsg-listen $ours ms, tshark $((100 * tsharks)) ms" \
		"(100 times $tsharks ms), $((100 * tsharks / ours)) times as long" >&3

	ours=$(milliseconds bash -c "ulimit -v $LIMIT_KB
		exec rpmsg-listen -r big.pcap name 'cl*' and len 51 -w copy.pcap")
	run cat out
	assert_output "$((100 * (MESSAGES - 1))) messages written to copy.pcap, 0 lost"
	echo "# filtered and written: $ours ms" >&3
	assert [ "$(stat -c %s copy.pcap)" -gt 1000000000 ]
}
