# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bats
# rpmsg-send --replay: what a recording has of our side, sent again.

load ../lib/common
load ../lib/process

# listen ARG...: a rpmsg-listen in the background, ready.
listen()
{
	start rpmsg-listen --banner -b rpmsg0 "$@"
	wait_for grep -q ready "$started_err"
}

# held FILE: what has passed on the bus so far
held()
{
	rpmsg-listen -q -b rpmsg0 --history --no-follow -w "$1"
}

# given FILE: a capture from lines on standard input, see tests/programs/gen_capture.c
given()
{
	"$BUILD/programs/gen_capture" "$1"
}

replay()
{
	rpmsg-send -b rpmsg0 --replay "$@"
}

# messages FILE [DIR]: direction, service and payload of each message but name service, in order
messages()
{
	rpmsg-listen -r "$1" -j | jq -r --arg dir "${2:-}" 'select(.type == "msg" and .dst != 53) |
		select($dir == "" or .dir == $dir) | [.dir, .service // "-", .data] | @tsv'
}

# passed [DIR]: the same of what has passed on the bus
passed()
{
	held passed.pcap
	messages passed.pcap "$@"
}

# of_service FILE NAME: the messages of one service
of_service()
{
	messages "$1" | awk -F'\t' -v name="$2" '$2 == name'
}

# addresses FILE: of the services in it
addresses()
{
	rpmsg-listen -r "$1" -j | jq -r 'select(.dst == 53) | .src' | sort -u
}

# span FILE: nanoseconds from the first to the last message that the host sent
span()
{
	rpmsg-listen -r "$1" -j | jq -r 'select(.type == "msg" and .dst != 53 and .dir == "h>r") | .ts' |
		tr -d . | sed -n '1p;$p' | paste -sd' ' | { read -r first last; echo "$((last - first))"; }
}

# echoed FILE: three messages to echo (0x401) from 0x400, and its answers
echoed()
{
	given "$1" <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 6f6e65
		r>h 0x401 0x400 6f6e65
		h>r 0x400 0x401 74776f
		r>h 0x401 0x400 74776f
		h>r 0x400 0x401 7468726565
		r>h 0x401 0x400 7468726565
	END
}

ended()
{
	exits 143 stop "$1"
}

@test "record, replay into a bus with other addresses, record again: the same" {
	serve
	local server=$started other
	listen -q -R -n echo --echo
	listen -q -R -n sensor --echo
	start rpmsg-send -b rpmsg0 -n sensor --reply -i 0.09 a bb ccc
	other=$started
	rpmsg-send -b rpmsg0 -n echo --reply -i 0.05 one '' three four five
	exits 0 waited "$other"
	rpmsg-send -b rpmsg0 -s 50 -n echo --reply last
	held one.pcap
	stop "$server" || true

	RPMSG_DIR=$PWD/other
	mkdir -m 700 "$RPMSG_DIR"
	serve
	listen -q -R -s 1024
	listen -q -s 1024
	listen -q -R -n sensor --echo
	listen -q -R -n echo --echo
	local before after
	before=$EPOCHREALTIME
	run -0 replay one.pcap --expect-replies
	after=$EPOCHREALTIME
	held two.pcap

	assert_equal "$(messages one.pcap | wc -l)" 18
	messages one.pcap 'h>r' >one
	messages two.pcap 'h>r' >two
	diff one two
	local name
	for name in echo sensor; do
		of_service one.pcap "$name" >one
		of_service two.pcap "$name" >two
		assert [ -s one ]
		diff one two
	done
	addresses one.pcap >one
	addresses two.pcap >two
	run -1 diff one two
	echo "recorded in $(span one.pcap) ns, replayed in $(span two.pcap) ns"
	[[ $((${after/./} - ${before/./})) -ge $(($(span one.pcap) / 1000)) ]]
}

@test "only what our side sent is sent, without name service and events; -R: the other" {
	given all.pcap <<-'END'
		event announce r>h 0x401 any 0 0 0 echo
		announce r 0x401 echo
		announce h 0x402 ours
		h>r 0x400 0x401 01
		event no-recipient h>r 0x400 0x77 0 1 0
		r>h 0x401 50 02
		h>r 0x400 0x35 0a0b
		h>r 0x400 50 03
		destroy r 0x401 echo
	END
	serve
	listen -R -n echo
	run -0 replay all.pcap --speed max
	refute_output
	assert_equal "$(passed)" $'h>r\techo\t01\nh>r\t-\t03'
}

@test "-R: services of the recorded remote are offered, and it sends" {
	given all.pcap <<-'END'
		announce r 0x401 echo
		announce r 60 fixed
		h>r 0x400 0x401 01
		r>h 0x401 50 02
		r>h 60 50 03
	END
	serve
	run -0 replay all.pcap -R --speed max
	# two endpoints send without a pause: which comes first is rpmsgd's affair
	assert_equal "$(passed | sort)" $'r>h\techo\t02\nr>h\tfixed\t03'
	assert_equal "$(rpmsg-listen -r passed.pcap -j | jq -r 'select(.service == "fixed" and .dst == 50) | .src')" 60
	# they end with the replay
	run -0 rpmsg-ns -b rpmsg0 -R -j
	refute_output
}

@test "-R: whoever writes first to a service stands for who did then" {
	given talk.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 6f6e65
		r>h 0x401 0x400 4f4e45
		h>r 0x777 0x401 74776f
		r>h 0x401 0x777 54574f
		r>h 0x401 0x400 454e44
	END
	serve
	listen -s 1024
	start replay talk.pcap -R --speed max
	local replayer=$started
	run -0 --separate-stderr rpmsg-send -b rpmsg0 -s 0x900 -n echo --reply one
	assert_output ONE
	run -0 --separate-stderr rpmsg-send -b rpmsg0 -s 0x800 -n echo --reply two
	assert_output TWO
	exits 0 waited "$replayer"
	held passed.pcap
	run rpmsg-listen -r passed.pcap -o hex --time n h2r or r2h and not ns
	assert_line --partial '>0x900 [3] 454e44'
}

@test "-R with --expect-replies answers each question as the recorded remote did" {
	echoed talk.pcap
	serve
	start replay talk.pcap -R --expect-replies --speed max
	local replayer=$started
	run -0 --separate-stderr rpmsg-send -b rpmsg0 -n echo --reply -i 0.01 one two three
	assert_output $'one\ntwo\nthree'
	exits 0 waited "$replayer"

	given once.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 6f6e65
		r>h 0x401 0x400 6f6e65
	END
	start replay once.pcap -R --expect-replies --speed max
	replayer=$started
	run -0 --separate-stderr rpmsg-send -b rpmsg0 -n echo --reply ONE
	assert_output one
	exits 3 waited "$replayer"
	assert_file_contains "$started_err" 'message 2 of once.pcap, from 0x400 to echo (0x401), differs'
}

@test "a service is found by its name, before it was announced and where it moved to" {
	given moves.pcap <<-'END'
		h>r 0x400 0x401 01
		announce r 0x401 a
		h>r 0x400 0x401 02
		destroy r 0x401 a
		h>r 0x400 0x401 03
		announce r 0x401 b
		h>r 0x400 0x401 04
		announce r 0x402 a
		h>r 0x400 0x402 05
	END
	serve
	listen -R -n b -o hex --time=n
	local b=$started_out
	listen -R -n a -o hex --time=n
	run -0 replay moves.pcap --speed max
	assert_equal "$(passed)" $'h>r\ta\t01\nh>r\ta\t02\nh>r\ta\t03\nh>r\tb\t04\nh>r\ta\t05'
}

@test "services with one name are told apart by their order" {
	given two.pcap <<-'END'
		announce r 0x401 raw
		announce r 0x402 raw
		h>r 0x400 0x402 02
		h>r 0x400 0x401 01
	END
	serve
	rpmsg-ns -b rpmsg0 -R announce raw -s 700
	run -2 replay two.pcap --speed max -t 0.1
	assert_output --partial 'service raw#2 (0x402) was not announced: 1 message'
	assert_equal "$(passed)" ''
	rpmsg-ns -b rpmsg0 -R announce raw -s 600
	run -0 replay two.pcap --speed max
	held passed.pcap
	run -0 rpmsg-listen -r passed.pcap -o hex --time n h2r
	assert_line --regexp '>0x258 \[1\] 02$'
	assert_line --regexp '>0x2bc \[1\] 01$'
}

@test "services that are not there are listed, with a hint, and nothing is sent" {
	given some.pcap <<-'END'
		announce r 0x401 echo
		announce r 0x402 sensor
		announce r 0x403 there
		h>r 0x400 0x403 01
		h>r 0x400 0x401 02
		h>r 0x400 0x401 03
		h>r 0x400 0x402 04
	END
	serve
	listen -R -n there
	listen -R -n ecco
	run -2 replay some.pcap -t 0.1
	assert_line 'rpmsg-send: bus rpmsg0: service echo (0x401) was not announced: 2 messages to it (did you mean '"'ecco'?)"
	assert_line 'rpmsg-send: bus rpmsg0: service sensor (0x402) was not announced: 1 message to it'
	refute_line --partial there
	assert_line 'nothing was sent'
	assert_equal "$(passed)" ''
}

@test "a service that is announced later is waited for" {
	echoed talk.pcap
	serve
	start replay talk.pcap --speed max -t 60 -v
	local replayer=$started
	wait_for rpmsg-ns -b rpmsg0
	listen -R -n echo --echo
	exits 0 waited "$replayer"
	assert_equal "$(passed 'h>r' | wc -l)" 3
}

# sent HEX: whether such a message has passed
sent()
{
	passed 'h>r' | grep -q "	$1\$"
}

# answer HEX: from 50 to who sent it there
answer()
{
	wait_for sent "$1"
	held passed.pcap
	rpmsg-send -b rpmsg0 -R -s 50 -x "$1" -d "$(rpmsg-listen -r passed.pcap -j |
		jq -r --arg data "$1" 'select(.data == $data) | .src')"
}

@test "a service that goes and comes back elsewhere gets the rest; gone for good is 2" {
	given talk.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 01
		r>h 0x401 0x400 01
		h>r 0x400 50 02
		r>h 50 0x400 02
		h>r 0x400 0x401 03
		r>h 0x401 0x400 03
	END
	serve
	listen -R -n echo --echo
	local echo=$started
	start replay talk.pcap --expect-replies --speed max -t 60
	local replayer=$started
	wait_for sent 02
	stop "$echo" || true
	listen -R -s 0x400
	listen -R -s 0x401
	listen -R -n echo --echo
	echo=$started
	answer 02
	exits 0 waited "$replayer"
	assert_equal "$(passed 'h>r' | cut -f 2,3)" $'echo\t01\n-\t02\necho\t03'

	given again.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 50 04
		r>h 50 0x400 04
		h>r 0x400 0x401 05
	END
	start replay again.pcap --expect-replies --speed max -t 5
	replayer=$started
	wait_for sent 04
	stop "$echo" || true
	rpmsg-ns -b rpmsg0 wait --gone echo
	answer 04
	exits 2 waited "$replayer"
	assert_file_contains "$started_err" 'service echo (0x401) was withdrawn after 1 message'
}

@test "a service that goes while messages are sent without a pause is waited for" {
	given fast.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 01
		h>r 0x400 0x401 02
	END
	serve
	listen -R -n echo -o raw
	local echo=$started out=$started_out
	start rpmsg-send -b rpmsg0 --replay fast.pcap --speed max --loop -t 60
	local replayer=$started
	wait_for test -s "$out"
	stop "$echo" || true
	rpmsg-ns -b rpmsg0 wait --gone echo
	listen -R -n echo -o raw
	wait_for test -s "$started_out"
	exits 130 stop "$replayer" INT
}

@test "what was sent after an answer follows it as closely again, however late it is" {
	cat >talk.log <<-'END'
		(5.000) - h>r 0x400>50#01
		(5.001) - r>h 50>0x400#01
		(5.301) - h>r 0x400>50#02
	END
	serve
	start replay talk.log --expect-replies -t 60
	local replayer=$started
	answer 01
	exits 0 waited "$replayer"
	held passed.pcap
	assert [ "$(rpmsg-listen -r passed.pcap -j | jq -r .ts | tr -d . | tail -n 2 | paste -sd' ' |
		{ read -r first last; echo "$((last - first))"; })" -ge 299000000 ]
}

# takes MS CMD...: CMD succeeds, after MS milliseconds at the earliest
takes()
{
	local before=$EPOCHREALTIME after
	run -0 "${@:2}"
	after=$EPOCHREALTIME
	[[ $((${after/./} - ${before/./})) -ge $(($1 * 1000)) ]]
}

@test "--speed, -i and -c; --loop is once more without a pause" {
	local i
	for i in 1 2 3 4; do
		echo "(100.$((i * 2))00000000) board h>r 0x400>50#0$i"
	done >talk.log
	serve
	takes 600 replay talk.log
	takes 300 replay talk.log --speed 2
	takes 750 replay talk.log --speed .8
	takes 150 replay talk.log -i 0.05
	assert_equal "$(passed | wc -l)" 16
	takes 250 replay talk.log --loop=2 -i 0.05 -c 6
	assert_equal "$(passed | cut -f 3 | tail -6 | tr '\n' ' ')" '01 02 03 04 01 02 '
	takes 1200 replay talk.log --loop=2
	assert_equal "$(passed | wc -l)" 30
	# years, unless as fast as possible
	sed 's/^(100/(999999999/;1s/^(9*/(1/' talk.log >long.log
	local speed
	for speed in max 0 inf; do
		run -0 replay long.log --loop=3 --speed "$speed"
	done
	run -0 replay long.log -i 0
	assert_equal "$(passed | wc -l)" 70
}

@test "--expect-replies: what differs, is missing or too much is told, and the end is 3" {
	echoed talk.pcap
	serve
	listen -R -n echo --echo
	local echo=$started
	run -0 replay talk.pcap --expect-replies --speed max
	refute_output
	run -0 replay talk.pcap --expect-replies --speed max --loop=3
	# each answer before the next question
	assert_equal "$(passed | cut -f 1 | uniq | wc -l)" 24
	assert_equal "$(passed | wc -l)" 24

	given differs.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 6f6e65
		r>h 0x401 0x400 6f6e65
		h>r 0x400 0x401 7468726565
		r>h 0x401 0x400 746872656520
		h>r 0x400 0x401 666f7572
		r>h 0x401 0x400 666f7572
	END
	run -3 replay differs.pcap --expect-replies --speed max
	assert_line --index 0 'rpmsg-send: message 5 of differs.pcap, from echo (0x401) to 0x400, differs at byte 5 (shown from byte 0 on)'
	assert_line --index 1 --regexp '^ +expected +6 bytes: 74 68 72 65 65 20 +three $'
	assert_line --index 2 --regexp '^ +got +5 bytes: 74 68 72 65 65 +three$'
	assert_equal "${#lines[@]}" 3

	given missing.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 6f6e65
		r>h 0x401 0x400 6f6e65
		r>h 50 0x400 6f6e6521
		h>r 0x400 0x401 74776f
	END
	run -3 replay missing.pcap --expect-replies --speed max -t 0.2
	assert_output 'rpmsg-send: message 4 of missing.pcap, from 0x32 to 0x400, did not come: 4 bytes: one!'
	assert_equal "$(passed 'h>r' | tail -n 1 | cut -f 3)" 6f6e65 # and nothing after it

	given lost.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 01
		h>r 0x400 0x401 02
		r>h 0x401 0x400 01
		r>h 0x401 0x400 0a
		r>h 0x401 0x400 02
		h>r 0x400 0x401 03
		r>h 0x401 0x400 03
	END
	run -3 replay lost.pcap --expect-replies --speed max
	assert_output 'rpmsg-send: message 5 of lost.pcap, from echo (0x401) to 0x400, did not come: 1 bytes: .'
	assert_equal "$(passed 'h>r' | tail -n 1 | cut -f 3)" 03

	given extra.pcap <<-'END'
		announce r 0x401 echo
		h>r 0x400 0x401 77
		h>r 0x400 50 78
		r>h 50 0x400 78
	END
	start replay extra.pcap --expect-replies --speed max -t 60
	local replayer=$started
	wait_for answered 77
	answer 78
	exits 3 waited "$replayer"
	assert_equal "$(cat "$started_err")" \
		'rpmsg-send: a message from 0x400 to 0x400 that extra.pcap has not: 1 bytes: w'
}

answered()
{
	passed 'r>h' | grep -q "	$1\$"
}

@test "--expect-replies: many differences are counted" {
	{
		echo 'announce r 0x401 echo'
		for i in {10..30}; do
			echo "h>r 0x400 0x401 $i"
			echo "r>h 0x401 0x400 ff$i"
		done
	} | given wrong.pcap
	serve
	listen -R -n echo --echo
	run -3 replay wrong.pcap --expect-replies --speed max
	assert_equal "$(grep -c 'differs at byte 0' <<<"$output")" 10
	assert_line 'rpmsg-send: 11 more differences'
	assert_equal "$(passed 'h>r' | wc -l)" 21
}

@test "what cannot be sent is refused before anything is" {
	local i
	{
		echo 'h>r 0x400 50 00'
		for i in {2..14}; do
			echo 'h>r 0x400 50 x497'
		done
		echo 'r>h 50 0x400 x600'
	} | given long.pcap
	given short.pcap <<-'END'
		h>r 0x400 50 x20
		h>r 0x400 50 x21
		r>h 50 0x400 x30
	END
	rpmsg-listen -q -r short.pcap --snaplen 20 -w cut.pcap
	given nowhere.pcap <<<'h>r 0x400 any 00'
	serve
	run -1 replay long.pcap
	assert_line 'rpmsg-send: message 2 of long.pcap, of 497 bytes, is longer than bus rpmsg0 carries: 496 bytes'
	assert_line 'rpmsg-send: and 3 more'
	assert_equal "${#lines[@]}" 11
	run -1 replay cut.pcap
	assert_output 'rpmsg-send: message 2 of cut.pcap, of 21 bytes, was cut when it was captured'
	run -1 replay cut.pcap --expect-replies
	assert_line --partial 'message 3 of cut.pcap, of 30 bytes, is expected, but was cut'
	run -2 replay nowhere.pcap
	assert_output 'rpmsg-send: message 1 of nowhere.pcap, of 1 bytes, has no known destination'
	assert_equal "$(passed)" ''
}

@test "addresses below 1024 are bound as they are, others are free ones" {
	given talk.pcap <<-'END'
		h>r 70 50 01
		h>r 0x7000 50 02
		h>r 0x7001 50 03
		h>r 0x7000 50 04
	END
	serve
	run -0 replay talk.pcap --speed max
	held passed.pcap
	assert_equal "$(rpmsg-listen -r passed.pcap -j | jq .src | tr '\n' ' ')" '70 1024 1025 1024 '
	listen -s 70
	run -1 replay talk.pcap --speed max
	assert_line --partial 'cannot bind 0x46: '
}

@test "-n takes one service of the recording" {
	given both.pcap <<-'END'
		announce r 0x401 echo
		announce r 0x402 sensor
		h>r 0x400 0x401 01
		h>r 0x400 0x402 02
		r>h 0x402 0x400 03
	END
	serve
	listen -R -n echo --echo
	run -0 replay both.pcap -n echo --speed max
	assert_equal "$(passed 'h>r')" $'h>r\techo\t01'
	run -1 replay both.pcap -n nothing
	assert_output "rpmsg-send: both.pcap: nothing that the host sent belongs to service 'nothing'"
}

@test "captures, recorder's files and log lines; pipes are read twice all the same" {
	echoed talk.pcap
	serve
	local server=$started name
	listen -R -n echo --echo
	run -0 replay talk.pcap --speed max --expect-replies
	rpmsg-listen -q -b rpmsg0 --history --no-follow -o log >talk.log
	cp "$RPMSG_DIR/rpmsg0.rec" talk.rec
	for name in talk.log talk.rec; do
		run -0 replay "$name" --speed max --expect-replies
		refute_output
	done
	run -0 replay - --speed max --expect-replies --loop=2 <talk.log
	mkfifo pipe
	cat talk.pcap >pipe &
	run -0 replay pipe --speed max --expect-replies
	assert_equal "$(passed 'h>r' | wc -l)" 18
	# the recorder of the bus that it is replayed into
	run -0 replay "$RPMSG_DIR/rpmsg0.rec" --speed max --expect-replies --loop=2
	assert_equal "$(passed 'h>r' | wc -l)" 54
	run -1 replay - <<<x
	assert_output --partial 'standard input'
	refute_output --partial /proc
}

@test "of several buses in a file the one with the live bus's name counts" {
	cat >buses.log <<-'END'
		(1.0) a h>r 0x400>50#0A
		(1.1) b h>r 0x400>50#0B
		(1.2) rpmsg0 h>r 0x400>50#0C
	END
	serve
	run -0 replay buses.log
	assert_equal "$(passed)" $'h>r\t-\t0c'
	head -n 2 buses.log >others.log
	run -1 replay others.log
	assert_output 'rpmsg-send: others.log has traffic of several buses, a and b, and of none that is called rpmsg0'
	head -n 1 buses.log >one.log
	run -0 replay one.log
	assert_equal "$(passed | tail -n 1)" $'h>r\t-\t0a'
}

@test "--dry-run prints what would be sent, and binds nothing" {
	echoed talk.pcap
	serve
	listen -R -s 1024
	listen -R -n echo
	run -0 --separate-stderr replay talk.pcap --dry-run -o hex
	assert_equal "${#lines[@]}" 3
	assert_line --index 0 --regexp ' rpmsg0 h>r echo 0x400>0x401 \[3\] 6f6e65$'
	assert_equal "$stderr" '0x400 > echo (0x401), now 0x401: 3 messages'
	run -0 --separate-stderr replay talk.pcap --dry-run -o log -q -c 2
	assert_equal "${#lines[@]}" 2
	assert_output --regexp '#6F6E65'
	run -0 --separate-stderr replay talk.pcap --dry-run -R -j -q
	assert_line --index 0 --partial '"dir":"r>h","service":"echo","src":1025,"dst":null'
	assert_equal "$(passed)" ''
}

@test "files that cannot be replayed: 1, and no bus is started for one that is not there" {
	run -1 rpmsg-send --replay nowhere.pcap
	assert_output --partial 'nowhere.pcap: No such file'
	run ls "$RPMSG_DIR"
	refute_output
	serve
	: >empty
	run -1 replay empty
	assert_output 'rpmsg-send: empty is empty'
	echoed talk.pcap
	head -c -1 talk.pcap >short.pcap
	run -1 replay short.pcap --speed max -t 0.1
	assert_output --partial 'short.pcap: packet 7'
	given other.pcap <<<'r>h 0x400 50 01'
	run -1 replay other.pcap
	assert_output 'rpmsg-send: other.pcap: no message that the host sent (-R sends what the remote did)'
	given nothing.pcap <<<'announce r 0x401 echo'
	run -1 replay nothing.pcap
	assert_output 'rpmsg-send: nothing.pcap: no message that the host sent'
	run -1 replay .
	assert_output --partial 'Is a directory'
	assert_equal "$(passed)" ''
}

@test "Ctrl-C ends it with a summary, the link's end with 6" {
	given slow.pcap <<-'END'
		h>r 0x400 50 01
		h>r 0x400 50 02
	END
	serve
	local server=$started
	start rpmsg-send -b rpmsg0 --replay slow.pcap --speed 0.001
	local replayer=$started
	wait_for sent 01
	exits 130 stop "$replayer" INT
	assert_file_contains "$started_err" '^1 message sent in [0-9.]* s$'
	start replay slow.pcap --speed max --loop
	replayer=$started
	wait_for sent 02
	stop "$server" || true
	exits 6 waited "$replayer"
	assert_file_contains "$started_err" 'the link is down'
}

@test "a large file is not held in memory" {
	for ((i = 0; i < 2000; i++)); do
		echo "h>r $((0x400 + i % 3)) $((50 + i % 2)) x400"
	done | given part.pcap
	local i
	# headers only once
	{
		cat part.pcap
		for ((i = 0; i < 40; i++)); do
			tail -c +25 part.pcap
		done
	} >large.pcap
	assert [ "$(stat -c %s large.pcap)" -gt 30000000 ]
	serve
	listen -R -s 50 -q -o raw -c 10000
	local listener=$started
	start rpmsg-send -b rpmsg0 --replay large.pcap --expect-replies --speed max --loop
	local replayer=$started
	exits 0 waited "$listener"
	below "$(memory VmHWM "$replayer")" 16000
	exits 143 stop "$replayer"
	assert_file_contains "$started_err" 'messages sent in'
}

@test "misuse is told on stderr with 64" {
	local -a misuse=(
		"x" "-d 30" "-s 30" "--spoof 3" "-x" "-e" "-f b" "-l" "--split" "--reply" "--expect b"
		"--ping" "--speed x" "--speed -1" "--speed=" "--speed 1 -i 1" "--loop=0" "--loop=x"
		"--dry-run --loop" "--dry-run --expect-replies" "--replay b" "--from any" "--max-rtt 1"
		"-b a -b b" "-c 0"
	)
	local words
	for words in "${misuse[@]}"; do
		# shellcheck disable=SC2086 # they are words
		run --separate-stderr rpmsg-send --replay a $words
		assert_equal "$words: $status" "$words: 64"
		refute_output
		assert [ -n "$stderr" ]
	done
	for words in "--speed 2" --loop --expect-replies --dry-run; do
		# shellcheck disable=SC2086 # they are words
		run -64 rpmsg-send -d 50 $words x
		assert_output --partial 'needs --replay'
	done
}
