# SPDX-License-Identifier: BSD-2-Clause
# A capture that is larger than the memory that may be used: read, converted, cut, split.

load ../lib/common

SIZE_KB=65536  # what the capture has at least
LIMIT_KB=49152 # of the address space of whoever reads it

setup()
{
	common_setup
	[[ -z $SAN ]] || skip 'sanitizer: takes address space without end'
	# messages of 16000 bytes: the time goes where the bytes are
	awk 'BEGIN { for (i = 0; i < 4200; i++) print "h>r 0x400 50 x16000" }' |
		"$BUILD/programs/gen_capture" big.pcap
	assert [ "$(stat -c %s big.pcap)" -gt $((SIZE_KB * 1024)) ]
}

# little CMD...: with so little memory
little()
{
	bash -c "ulimit -v $LIMIT_KB; exec \"\$@\"" bash "$@"
}

@test "it is read in every form in bounded memory" {
	local form
	# the limit limits
	run little head -c 70m /dev/zero
	assert_success
	run little bash -c 'x=$(head -c 60m /dev/zero | tr "\0" x)'
	assert_failure
	for form in text hex raw json log; do
		little rpmsg-listen -q -r big.pcap -o "$form" | wc -c >"$form.size"
	done
	assert_equal "$(cat raw.size)" $((4200 * 16000))
	assert [ "$(cat hex.size)" -gt $((4200 * 32000)) ]
	assert [ "$(cat log.size)" -gt $((4200 * 32000)) ]
	assert [ "$(cat json.size)" -gt $((4200 * 32000)) ]
	assert [ "$(cat text.size)" -gt $((4200 * 16000)) ]
	run -0 little rpmsg-listen -r big.pcap len 16000 and not data ff -w /dev/null
	assert_output '4200 messages written to /dev/null, 0 lost'
}

@test "it is written, split and cut in bounded memory, also through a pipe" {
	local file
	little rpmsg-listen -q -r big.pcap -w - | little rpmsg-listen -q -r - -w copy.pcap
	cmp big.pcap copy.pcap
	rm copy.pcap
	run -0 little rpmsg-listen -r big.pcap -w part.pcap -C 10M
	assert_output '4200 messages written to 7 files, 0 lost'
	for file in part_*; do
		assert [ "$(stat -c %s "$file")" -le $((10 << 20)) ]
		tail -c +25 "$file"
	done | cmp - <(tail -c +25 big.pcap)
	run -0 little rpmsg-listen -q -r big.pcap -w cut.pcap --snaplen 16
	assert_equal "$(stat -c %s cut.pcap)" $((24 + 4200 * (16 + 40 + 16)))
}
