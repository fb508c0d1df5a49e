# SPDX-License-Identifier: BSD-2-Clause
# Captures as tcpdump has them: several files by size, number and time, a ring of them, one
# for each bus, cut payloads; and what is left of a capture that could not be finished.

load ../lib/common
load ../lib/process

setup()
{
	common_setup
	export HOME=$PWD TZ=UTC
}

# given [LINE...]: in.pcap, from lines as tests/programs/gen_capture.c has them, or from standard input
given()
{
	if [[ $# -gt 0 ]]; then
		printf '%s\n' "$@"
	else
		cat
	fi | "$BUILD/programs/gen_capture" in.pcap
}

# twenty messages of ten bytes, a second apart: 66 bytes each in a capture, behind 24
given_twenty()
{
	local i
	for ((i = 0; i < 20; i++)); do
		printf 'h>r 0x400 50 %020x\n' "$i"
	done | given
}

# sound FILE...: others find nothing to complain of
sound()
{
	local file
	for file in "$@"; do
		run -0 --separate-stderr capinfos -c "$file"
		assert_equal "$stderr" ''
		assert_output --partial 'Number of packets'
	done
}

# messages FILE...: what they hold, one after the other, without what differs between files
messages()
{
	local file
	for file in "$@"; do
		rpmsg-listen -q -r "$file" -o log || fail "$file: $?"
	done
}

# recorded FILE TEXT: whether a message of that text is in a file that may still be growing
recorded()
{
	grep -qF "$2" "$1"
}

# those of FILE... are those of in.pcap, in their order
complete()
{
	messages in.pcap >want
	messages "$@" >got
	assert [ -s want ]
	diff want got
}

@test "by size: no file is larger, no packet is split, all of it is there" {
	given_twenty
	run -0 rpmsg-listen -r in.pcap -w out.pcap -C 1k
	assert_output '20 messages written to 2 files, 0 lost'
	assert_equal "$(echo out*)" 'out_00001.pcap out_00002.pcap'
	sound out_*
	complete out_*
	# 15 fit: 24 + 15 * 66 = 1014
	assert_equal "$(stat -c %s out_00001.pcap)" 1014

	# each packet alone is larger than that
	run -0 rpmsg-listen -v -r in.pcap -w small.pcap --rotate-size 0x1k
	assert_line 'writing small_00001.pcap'
	rm small_*
	rpmsg-listen -q -r in.pcap -w small.pcap -C 1 # million bytes: as tcpdump
	assert_equal "$(echo small*)" small_00001.pcap
	complete small_*
}

@test "by number of packets: each has so many, the last the rest" {
	given_twenty
	run -0 rpmsg-listen -r in.pcap -w out.d.pcap --rotate-count 6
	assert_output '20 messages written to 4 files, 0 lost'
	assert_equal "$(echo out*)" 'out.d_00001.pcap out.d_00002.pcap out.d_00003.pcap out.d_00004.pcap'
	assert_equal "$(messages out.d_00002.pcap | wc -l)" 6
	assert_equal "$(messages out.d_00004.pcap | wc -l)" 2
	sound out*
	complete out*
}

@test "by time: names tell when, and what a file is about begins with the first packet" {
	given_twenty # from 01:46:40
	run -0 rpmsg-listen -r in.pcap -w 'at-%H%M%S-100%%.pcap' -G 8
	assert_equal "$(echo at*)" 'at-014640-100%.pcap at-014648-100%.pcap at-014656-100%.pcap'
	assert_equal "$(messages at-014656* | wc -l)" 4
	sound at*
	complete at*

	# nothing came for a while: the next begins where it would have begun
	given 'h>r 1 50' 'h>r 1 51' 'h>r 1 52' 'h>r 1 53' 'h>r 1 54' 'h>r 1 55' 'h>r 1 56'
	run -0 rpmsg-listen -q -r in.pcap -w 'gap-%S.pcap' -G 2 'dst 50 or dst 55'
	assert_equal "$(echo gap*)" 'gap-40.pcap gap-44.pcap'

	# without a time in the name they are numbered; a fraction of a second is a time, too
	run -0 rpmsg-listen -q -r in.pcap -w 'n.pcap' -G 3.5
	assert_equal "$(echo n*)" 'n_00001.pcap n_00002.pcap'
	assert_equal "$(messages n_00001.pcap | wc -l)" 4
	complete n*

	# by time and by number at once
	run -0 rpmsg-listen -q -r in.pcap -w 'both-%M.pcap' -G 4 --rotate-count 3
	assert_equal "$(echo both*)" 'both-46_00001.pcap both-46_00002.pcap both-46_00003.pcap'
	assert_equal "$(messages both-46_00002.pcap | wc -l)" 1
	complete both*
}

@test "a ring keeps the newest files, and nothing that was there before is touched" {
	given_twenty
	echo mine >r_00001.pcap
	echo mine too >r_00007.pcap
	mkdir r_00009.pcap
	run -0 rpmsg-listen -r in.pcap -w r.pcap --rotate-count 3 -W 2
	assert_equal "$(echo r_*)" 'r_00001.pcap r_00007.pcap r_00009.pcap r_00015.pcap r_00016.pcap'
	assert_equal "$(cat r_00001.pcap r_00007.pcap)" $'mine\nmine too'
	assert_equal "$(messages r_00015.pcap r_00016.pcap)" "$(messages in.pcap | tail -n 5)"

	run -0 rpmsg-listen -q -r in.pcap -w r.pcap --rotate-count 30 -W 1
	assert [ -e r_00017.pcap ]
	assert [ -e r_00016.pcap ]

	# a name with the time in it that somebody has
	echo mine >t-46.pcap
	run -0 rpmsg-listen -q -r in.pcap -w 't-%M.pcap' -G 10
	assert_equal "$(cat t-46.pcap)" mine
	assert_equal "$(echo t*)" 't-46.pcap t-46_00001.pcap t-46_00002.pcap'
	complete t-46_*
}

@test "without an end in sight the file is there and readable at once" {
	serve
	start rpmsg-listen -b rpmsg0 -w live.pcap --rotate-count 2 --banner
	wait_for grep -q ready "$started_err"
	sound live_00001.pcap
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 1
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 2
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 3
	wait_for [ -e live_00002.pcap ]
	exits 130 stop "$started" INT
	assert_file_contains "$started_err" '^3 messages written to 2 files, 0 lost$'
	sound live_*
	assert_equal "$(messages live_* | grep -o '#.*')" $'#31\n#32\n#33'
}

@test "one capture for each bus, from the start; one name for all does not tell them apart" {
	serve a=loop b=loop
	start rpmsg-listen -b a -b b -w 'bus-%b.pcap' --banner
	wait_for grep -q ready "$started_err"
	sound bus-a.pcap bus-b.pcap
	run -0 rpmsg-send -b a -s 2001 -d 50 1
	run -0 rpmsg-send -b b -s 2001 -d 50 2
	run -0 rpmsg-send -b a -s 2001 -d 50 3
	exits 130 stop "$started" INT
	assert_file_contains "$started_err" '^3 messages written to 2 files, 0 lost$'
	assert_equal "$(messages bus-a.pcap | grep -o '#.*')" $'#31\n#33'
	assert_equal "$(messages bus-b.pcap | grep -o '#.*')" '#32'
	assert_equal "$(echo bus*)" 'bus-a.pcap bus-b.pcap'

	run -0 rpmsg-listen -v -b a -b b -t 0 -w one.pcap
	assert_output --partial 'one.pcap does not tell buses apart'

	# and one after the other, each in its own series
	start rpmsg-listen -b all -w 'ring-%b.pcap' --rotate-count 1 -W 1 --banner
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-send -b a -s 2001 -d 50 1
	run -0 rpmsg-send -b a -s 2001 -d 50 2
	run -0 rpmsg-send -b b -s 2001 -d 50 3
	exits 130 stop "$started" INT
	assert_equal "$(echo ring*)" 'ring-a_00002.pcap ring-b_00001.pcap'
}

@test "names of buses that stand in a file lead nowhere else" {
	printf '(1.0) %s h>r 0x1>0x2#61\n' ../x . .. - 'a/b' good >in.log
	mkdir sub
	run -0 rpmsg-listen -q -r in.log -w 'sub/%b'
	assert_equal "$(cd sub && ls -A)" $'_\n_.\n_._x\na_b\ngood'
	assert_equal "$(ls)" $'in.log\nrpmsg\nsub'
	assert_equal "$(messages sub/_ | wc -l)" 2
	# a name of its own is no standard output
	run -0 rpmsg-listen -q -r in.log -w '%b' bus -
	assert_output ''
	assert [ -e _ ]
}

@test "with --events each file begins with the services that are known" {
	local file
	given 'announce r 50 clock' 'event announce r>h 51 any 0 0 0 echo' 'h>r 0x400 50 61' \
		'h>r 0x400 50 62' 'event withdraw r>h 51 any 0 0 0 echo' 'h>r 0x400 50 63' \
		'h>r 0x400 50 64'
	run -0 rpmsg-listen -q -r in.pcap -w e.pcap --events --rotate-count 3
	sound e_*
	run -0 rpmsg-listen -q -r e_00001.pcap --events --time n
	refute_output --partial already
	run -0 rpmsg-listen -q -r e_00002.pcap --events --time n
	assert_output '- r>h clock 0x32>? announce (known already)
- r>h echo 0x33>? announce (known already)
- h>r clock 0x400>0x32 [1] b
- r>h echo 0x33>? withdraw
- h>r clock 0x400>0x32 [1] c'
	run -0 rpmsg-listen -q -r e_00003.pcap --events --time n
	assert_output '- r>h clock 0x32>? announce (known already)
- h>r clock 0x400>0x32 [1] d'

	# they tell names without --events, too; and are chosen as others are
	run -0 rpmsg-listen -q -r e_00003.pcap --time n
	assert_output '- h>r clock 0x400>0x32 [1] d'
	run -0 rpmsg-listen -q -r in.pcap -w f.pcap --events --rotate-count 3 name clock
	run -0 rpmsg-listen -q -r f_00002.pcap --events --time n
	assert_output '- r>h clock 0x32>? announce (known already)
- h>r clock 0x400>0x32 [1] c
- h>r clock 0x400>0x32 [1] d'

	# without --events nothing but the traffic
	run -0 rpmsg-listen -q -r in.pcap -w g.pcap --rotate-count 3
	for file in g_*; do
		run -0 rpmsg-listen -q -r "$file" --events
		refute_output --partial announce
	done
	complete g_*
}

@test "events of a live bus are shown and written, and nothing of them without --events" {
	serve
	start rpmsg-listen -b rpmsg0 -w plain.pcap --banner
	local plain=$started
	wait_for grep -q ready "$started_err"
	start rpmsg-listen -b rpmsg0 -w events.pcap --events -j --banner
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	wait_for grep -q '"type":"announce"' "$started_out"
	run rpmsg-send -b rpmsg0 -s 2001 -d 77 lonely
	wait_for grep -q '"event":"no-recipient".*"dst":77' "$started_out"
	exits 130 stop "$started" INT
	exits 130 stop "$plain" INT
	sound plain.pcap events.pcap
	run -0 rpmsg-listen -q -r plain.pcap --events -j
	refute_output --partial '"event"'
	assert_output --partial lonely
	run -0 rpmsg-listen -q -r events.pcap --events -j event
	assert_line --partial '"type":"announce"'
	assert_line --partial '"event":"no-recipient"'
	run -0 rpmsg-listen -q -r events.pcap -j
	assert_equal "$output" "$(rpmsg-listen -q -r plain.pcap -j)"
}

@test "what was lost is told in its place, and how much" {
	local lost
	serve rpmsg0=loop --record-size 256k
	start rpmsg-listen -b rpmsg0 -w lost.pcap --events --banner
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 first
	wait_for recorded lost.pcap first
	kill -STOP "$started"
	"$BUILD/programs/messages" generate 1 496 3000 | rpmsg-send -b rpmsg0 -s 2001 -d 50 -x -l -f - -q
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 last
	kill -CONT "$started"
	wait_for recorded lost.pcap last
	exits 130 stop "$started" INT
	lost=$(sed -nE 's/^.* written to lost.pcap, ([0-9]+) lost$/\1/p' "$started_err")
	assert [ "$lost" -gt 0 ]
	sound lost.pcap
	run -0 rpmsg-listen -q -r lost.pcap --events -j event lost
	assert_output --regexp "^.\"type\":\"lost\",.*\"count\":$lost\}\$"
	assert_equal "$(messages lost.pcap | wc -l)" $((3002 - lost))
	run -0 rpmsg-listen -q -r lost.pcap --events --time n event lost or 'data 6669727374' or 'data 6c617374'
	assert_line --index 0 --partial first
	assert_line --index 1 --regexp ' lost [0-9]+ messages$'
	assert_line --index 2 --partial last
	run -0 capinfos -o lost.pcap
	assert_output --regexp 'Strict time order: +True'
}

@test "a snap length cuts payloads, names stay, and no byte is invented" {
	given 'announce r 50 clock' 'h>r 0x400 50 68656c6c6f' 'r>h 50 0x400 6869'
	run -0 rpmsg-listen -q -r in.pcap -w cut.pcap --snaplen 2
	sound cut.pcap
	run -0 capinfos -l cut.pcap
	assert_output --partial 'inferred: 42 bytes'
	run -0 --separate-stderr tshark -r cut.pcap -T fields -e frame.cap_len -e frame.len
	assert_output $'80\t80\n42\t45\n42\t42'
	run -0 rpmsg-listen -q -r cut.pcap --time n
	assert_line --index 1 '- h>r clock 0x400>0x32 [5 cut to 2] he'
	assert_line --index 2 '- r>h clock 0x32>0x400 [2] hi'
	run -0 rpmsg-listen -q -r cut.pcap -o raw h2r
	assert_output he
	run -0 rpmsg-listen -q -r cut.pcap -j 'len = 5'
	assert_output --partial '"len":5,"captured":2,"data":"6865","text":"he"}'
	# no line that could be sent again
	run -0 rpmsg-listen -q -r cut.pcap -o log h2r
	assert_output '# (1000000001.000000001) - h>r 0x400>0x32 [5 cut to 2] #6865'
	# read and written again it stays as it is; 0 is no limit
	run -0 rpmsg-listen -q -r cut.pcap -w again.pcap --snaplen 3
	cmp cut.pcap again.pcap
	run -0 rpmsg-listen -q -r in.pcap -w whole.pcap --snaplen 0
	cmp in.pcap whole.pcap
}

@test "a full disk ends it with 1, a reason, and a capture that is whole up to there" {
	given_twenty
	run bash -c 'ulimit -f 1; exec rpmsg-listen -r in.pcap -w out.pcap'
	assert_failure 1
	assert_line 'rpmsg-listen: out.pcap: File too large'
	sound out.pcap
	assert_equal "$(messages out.pcap)" "$(messages in.pcap | head -n 15)"

	# the same in a file of a series, whose others are not touched
	run bash -c 'ulimit -f 1; exec rpmsg-listen -r in.pcap -w s.pcap -C 1200'
	assert_failure 1
	assert_line 'rpmsg-listen: s_00001.pcap: File too large'
	sound s_00001.pcap

	# and on a device that is always full
	run rpmsg-listen -r in.pcap -w /dev/full
	assert_failure 1
	assert_output --partial '/dev/full: No space left on device'
	run bash -c 'rpmsg-listen -r in.pcap -w - >/dev/full'
	assert_failure 1
	assert_output --partial 'standard output: No space left on device'
}

@test "a small file system that is full while a live bus is recorded" {
	mkdir small
	[[ $(id -u) == 0 ]] && mount -t tmpfs -o size=64k none small 2>/dev/null ||
		skip 'not root: mounting a small file system takes it'
	serve
	start rpmsg-listen -b rpmsg0 -w small/full.pcap --banner
	wait_for grep -q ready "$started_err"
	"$BUILD/programs/messages" generate 1 496 400 | rpmsg-send -b rpmsg0 -s 2001 -d 50 -x -l -f - -q
	exits 1 waited "$started"
	assert_file_contains "$started_err" '^rpmsg-listen: small/full.pcap: No space left on device$'
	cp small/full.pcap .
	umount small
	sound full.pcap
	run -0 rpmsg-listen -r full.pcap
	assert_output --regexp '(^|
)[1-9][0-9]* messages seen, 0 lost'
}

@test "whoever is killed leaves whole packets" {
	serve
	start rpmsg-listen -b rpmsg0 -w killed.pcap --rotate-count 100 --banner
	wait_for grep -q ready "$started_err"
	"$BUILD/programs/messages" generate 1 496 150 | rpmsg-send -b rpmsg0 -s 2001 -d 50 -x -l -f - -q
	wait_for [ -e killed_00002.pcap ]
	exits 137 stop "$started" KILL
	sound killed_*
	assert_equal "$(messages killed_00001.pcap | wc -l)" 100
}

@test "what makes no sense is refused before anything is written" {
	local args
	for args in '-C 1M' '-G 1' '--rotate-count 1' '--snaplen 1' '-w - -C 1M' '-w x -W 2' '-w x -C 0' \
		'-w x -C 1T' '-w x -G 0' '-w x -G inf' '-w x -G -1' '-w x -C 1M -W 0' '-w x --snaplen 65536'; do
		# shellcheck disable=SC2086 # words
		run rpmsg-listen -b none $args
		assert_failure 64
		assert_output --regexp '^rpmsg-listen: '
	done
	assert_equal "$(ls)" rpmsg
	serve
	run rpmsg-listen -b rpmsg0 -w 'nowhere/%H.pcap' -G 60
	assert_failure 1
	assert_output --regexp '^rpmsg-listen: nowhere/[0-9]{2}.pcap: No such file or directory'
	run rpmsg-listen -b rpmsg0 -w 'nowhere/x.pcap' -C 1M
	assert_failure 1
	assert_output --partial 'nowhere/x_00001.pcap: No such file or directory'
}

@test "two do not write one capture, and the first one's is whole" {
	serve rpmsg0=loop
	start rpmsg-listen -b rpmsg0 -w one.pcap --banner
	wait_for grep -q watching "$started_err"
	run -1 rpmsg-listen -b rpmsg0 -w one.pcap -t 0
	assert_output 'rpmsg-listen: one.pcap: it is being written or read already'
	rpmsg-send -b rpmsg0 -q -d 50 hello
	kill -INT "$started"
	waited "$started" || :
	sound one.pcap
	run rpmsg-listen -q -r one.pcap -o raw
	assert_output hello
}

@test "a FIFO that nobody reads: a signal ends the wait for somebody" {
	mkfifo fifo
	given_twenty
	start rpmsg-listen -r in.pcap -w fifo
	# it sleeps, and SIGTERM is caught
	wait_for grep -qPz '(?s)State:\tS.*SigCgt:\t[0-9a-f]*[4-7c-f][0-9a-f]{3}\n' \
		"/proc/$started/status"
	kill -TERM "$started"
	exits 143 waited "$started"
	assert_file_empty "$started_err"
}
