# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bats
# rpmsg-send against a software bus, and a shm link where the ring itself matters.

load ../lib/common

# listen ARG...: a rpmsg-listen in the background, ready.
listen()
{
	start rpmsg-listen --banner "$@"
	# shellcheck disable=SC2154 # start sets it
	wait_for grep -q 'ready' "$started_err"
}

# exits CODE CMD...: whether CMD ends with CODE.
exits()
{
	local want=$1 got=0
	shift
	"$@" || got=$?
	assert_equal "$got" "$want"
}

echo_service()
{
	serve
	listen -R -n echo --echo
}

@test "each payload is a message, each answer a line" {
	echo_service
	run --separate-stderr rpmsg-send -b rpmsg0 -n echo --reply one '' 'three 3'
	assert_success
	assert_output $'one\n\nthree 3'
}

@test "-c sends all messages again, --reply=N waits for N" {
	serve
	listen -R -n echo --echo -o raw
	run --separate-stderr rpmsg-send -b rpmsg0 -n echo -c 3 --reply=2 a b
	assert_success
	assert_output $'a\nb'
	wait_for test "$(cat "$started_out")" = ababab
}

@test "-i keeps the pace" {
	serve
	local before=$EPOCHREALTIME after
	run rpmsg-send -b rpmsg0 -d 30 -c 4 -i 0.1 x
	after=$EPOCHREALTIME
	assert_success
	[[ $((${after/./} - ${before/./})) -ge 300000 ]]
}

@test "payload forms" {
	echo_service
	local -a send=(rpmsg-send -b rpmsg0 -n echo --reply)
	run --separate-stderr "${send[@]}" -o hex -x 00 'ff 0a' 7E
	assert_output 00ff0a7e
	run --separate-stderr "${send[@]}" -o hex -e 'a\n\0\x7f\\.'
	assert_output 610a007f5c2e
	printf 'line\n\0' >file
	run --separate-stderr "${send[@]}" -o hex -f file
	assert_output 6c696e650a00
	run --separate-stderr "${send[@]}" -o hex - <file
	assert_output 6c696e650a00
	run --separate-stderr "${send[@]}" -o hex ''
	assert_success
	assert_output ''
	run --separate-stderr "${send[@]}" -- -5
	assert_output -5
}

@test "output forms" {
	echo_service
	local -a send=(rpmsg-send -b rpmsg0 -n echo --reply -e 'h\xff')
	run --separate-stderr "${send[@]}"
	assert_output 'h.'
	run --separate-stderr "${send[@]}" -o log
	assert_output --regexp '^\([0-9]+\.[0-9]{9}\) rpmsg0 r>h 0x[0-9a-f]+>0x[0-9a-f]+#68FF$'
	run --separate-stderr "${send[@]}" -j
	assert_output --regexp '^\{"type":"msg","ts":"[0-9]+\.[0-9]{9}","bus":"rpmsg0","dir":"r>h","service":"echo","src":[0-9]+,"dst":[0-9]+,"len":2,"data":"68ff"\}$'
	"${send[@]}" -o raw >bytes
	printf 'h\xff' | cmp - bytes
}

@test "a message that is too long is refused before any is sent" {
	serve
	listen -R -s 30
	head -c 497 /dev/zero | tr '\0' x >long
	run rpmsg-send -b rpmsg0 -d 30 short "$(cat long)"
	assert_failure 1
	assert_output --partial 'message 2 has 497 bytes, bus rpmsg0 carries at most 496'
	run rpmsg-send -b rpmsg0 -d 30 last
	assert_success
	wait_for grep -q last "$started_out"
	run ! grep short "$started_out"
}

@test "misuse is told on stderr with 64" {
	local -a misuse=(
		"" "x" "-d 30" "-n echo" "-n echo -d 30 x" "-d x y" "-d -1 y" "-d 0xffffffff y" "-d 1x y"
		"-d 30 -c 0 x" "-d 30 -c -1 x" "-d 30 -c 1x x" "-d 30 -i abc x" "-d 30 -t 5s x"
		"-d 30 -x 0" "-d 30 -x zz" "-d 30 -e \\q" "-d 30 -x -e 00" "-d 30 --reply=0 x"
		"-d 30 --reply=x x" "-d 30 --from any x" "-d 30 --reply --from all x" "-d 30 -f a b"
		"-d 30 -l b" "-d 30 -l -c 2" "-d 30 - -" "-d 30 --ping --reply x" "-d 30 --max-rtt 1 x"
		"-d 30 --ping -o raw x" "-d 30 --spoof 1 --reply x" "-d 30 --spoof 1 -s 2 x"
		"-d 30 --nonsense x" "-b" "-b a -b b -d 30 x" "-n 12345678901234567890123456789012 x"
		"-d 30 -o xml x" "-d 30 --count"
	)
	local words
	for words in "${misuse[@]}"; do
		# shellcheck disable=SC2086 # they are words
		run --separate-stderr rpmsg-send $words </dev/null
		assert_equal "$words: $status" "$words: 64"
		assert_output ''
		# shellcheck disable=SC2154 # stderr is set by run
		[[ $stderr == *rpmsg-send:* ]] || fail "no message for '$words': $stderr"
	done
}

@test "help and version go to stdout with 0" {
	local option
	for option in -h '-?' --help --usage -V --version; do
		run --separate-stderr rpmsg-send "$option"
		assert_success
		assert_output --partial rpmsg-send
		assert_equal "$stderr" ''
	done
}

@test "answers from somebody else count only with --from any" {
	serve
	listen -R -s 30
	start rpmsg-send -b rpmsg0 -d 30 -s 0x500 --reply knock
	local asker=$started out=$started_out err=$started_err
	wait_for rpmsg_knocked
	run rpmsg-send -b rpmsg0 -R -s 31 -d 0x500 stranger
	run rpmsg-send -b rpmsg0 -R --spoof 30 -d 0x500 friend
	exits 0 waited "$asker"
	assert_equal "$(cat "$out")" friend
	grep -q '1 message from somebody else ignored' "$err"

	start rpmsg-send -b rpmsg0 -d 30 -s 0x500 --reply --from any knock
	asker=$started out=$started_out
	wait_for rpmsg_knocked 2
	run rpmsg-send -b rpmsg0 -R -s 31 -d 0x500 stranger
	exits 0 waited "$asker"
	assert_equal "$(cat "$out")" stranger
}

rpmsg_knocked()
{
	[[ $(grep -c knock start.1.out) -ge ${1:-1} ]]
}

@test "--expect compares, and shows where they differ" {
	echo_service
	run rpmsg-send -b rpmsg0 -n echo --expect same same
	assert_success
	run rpmsg-send -b rpmsg0 -n echo -x --expect 00ff 00 ff
	assert_success
	run rpmsg-send -b rpmsg0 -n echo --expect 'hello world' 'hello there'
	assert_failure 3
	assert_output --partial 'differs at byte 6'
	assert_output --partial 'hello world'
	assert_output --partial 'hello there'
	run rpmsg-send -b rpmsg0 -n echo --expect ab abc
	assert_failure 3
	assert_output --partial 'differs at byte 2'
}

@test "an unmet expectation counts more than a missing answer" {
	echo_service
	run rpmsg-send -b rpmsg0 -n echo -t 0.3 --reply=2 --expect y x
	assert_failure 3
	assert_output --partial '1 of 2 answers'
}

@test "no answer in time is 4" {
	serve
	run rpmsg-send -b rpmsg0 -d 30 -t 0.2 --reply x
	assert_failure 4
	assert_output --partial '0 of 1 answers came in time'
}

@test "--try on a full ring ends with 5 at the first message too many" {
	listen -b shm:x,num=4 -R -s 30 -o raw
	mkfifo feed
	start_fed rpmsg-send -b shm:x,num=4 -d 30 --try -t inf -l
	local sender=$started err=$started_err
	echo up >&7
	wait_for grep -q up start.0.out
	kill -STOP "${started_all[0]}"
	wait_for stopped "${started_all[0]}"
	seq 10 >&7
	exec 7>&-
	exits 5 waited "$sender"
	kill -CONT "${started_all[0]}"
	grep -q 'no transmit buffer after 5 messages: ring 0/4 free on bus x, oldest held by' "$err"
	# what was accepted arrives, and no more
	wait_for grep -qx up1234 start.0.out
}

# Starts with the pipe "feed" as standard input, whose writing end is 7.
start_fed()
{
	local n=${#started_all[@]}
	started_out=$PWD/start.$n.out
	started_err=$PWD/start.$n.err
	"$@" <feed >"$started_out" 2>"$started_err" 3>&- 4>&- &
	started=$!
	started_all+=("$started")
	exec 7>feed
}

stopped()
{
	grep -q '^State:	T' "/proc/$1/status"
}

@test "a send without a buffer waits as long as -t, then ends with 5" {
	listen -b shm:x,num=4 -R -s 30 -o raw
	mkfifo feed
	start_fed rpmsg-send -b shm:x,num=4 -d 30 -t 2 -l
	local sender=$started err=$started_err before=$SECONDS
	echo up >&7
	wait_for grep -q up start.0.out
	kill -STOP "${started_all[0]}"
	wait_for stopped "${started_all[0]}"
	seq 10 >&7
	exits 5 waited "$sender"
	exec 7>&-
	kill -CONT "${started_all[0]}"
	[[ $((SECONDS - before)) -ge 1 ]]
	grep -q 'no transmit buffer after 5 messages: ring 0/4' "$err"
}

@test "a send without a buffer goes on when one comes back" {
	listen -b shm:x,num=4 -R -s 30 -o raw
	mkfifo feed
	start_fed rpmsg-send -b shm:x,num=4 -d 30 -l
	local sender=$started
	echo up >&7
	wait_for grep -q up start.0.out
	kill -STOP "${started_all[0]}"
	wait_for stopped "${started_all[0]}"
	seq 1000 >&7
	exec 7>&-
	kill -CONT "${started_all[0]}"
	exits 0 waited "$sender"
	wait_for grep -qx "up$(seq 1000 | tr -d '\n')" start.0.out
}

@test "--spoof sends from an address that is not bound" {
	serve
	listen -R -s 30
	run rpmsg-send -b rpmsg0 -d 30 --spoof 0x77 boo
	assert_success
	wait_for grep -q '0x77>0x1e \[3\] boo' "$started_out"
}

@test "-s binds the address; one that is taken is refused" {
	serve
	listen -R -s 30
	run rpmsg-send -b rpmsg0 -d 30 -s 0x1234 from
	assert_success
	wait_for grep -q '0x1234>0x1e \[4\] from' "$started_out"
	listen -s 0x1234
	run rpmsg-send -b rpmsg0 -d 30 -s 0x1234 from
	assert_failure 1
	assert_output --partial 0x1234
}

@test "--ping prints each round trip and a summary" {
	echo_service
	run --separate-stderr rpmsg-send -b rpmsg0 -n echo --ping -c 5 hello
	assert_success
	assert_line --index 4 --regexp '^5 bytes from 0x[0-9a-f]+: seq=5 time=[0-9.]+ ms$'
	assert_line '--- echo ping statistics ---'
	assert_line --regexp '^5 sent, 5 answered, 0 unanswered, time [0-9]+ ms$'
	assert_line --regexp '^rtt min/avg/p50/p90/p99/max/mdev = ([0-9.]+/){6}[0-9.]+ ms$'
	run --separate-stderr rpmsg-send -b rpmsg0 -n echo --ping -j -c 1
	assert_line --index 0 --regexp '^\{"type":"ping",.*"seq":1,"len":4,"rtt_ns":[0-9]+\}$'
	assert_line --index 1 --regexp '^\{"type":"stats",.*"sent":1,"answered":1,"min_ns":.*"p99_ns":.*\}$'
}

@test "--max-rtt ends with 3" {
	echo_service
	run rpmsg-send -b rpmsg0 -n echo --ping -c 3 --max-rtt 0.000001
	assert_failure 3
	assert_output --partial 'more than 1e-06 ms'
	run rpmsg-send -b rpmsg0 -n echo --ping -c 3 --max-rtt 100000
	assert_success
}

@test "--ping of somebody silent is 4, with a summary" {
	serve
	run rpmsg-send -b rpmsg0 -d 30 --ping -t 0.2 -c 3
	assert_failure 4
	assert_line --regexp '^1 sent, 0 answered, 1 unanswered, time [12][0-9]* ms$'
}

@test "--ping until a signal: the summary is printed, the signal is seen" {
	echo_service
	start rpmsg-send -b rpmsg0 -n echo --ping -i 0.01
	local out=$started_out
	wait_for grep -q seq=3 "$out"
	exits 130 stop "$started" INT
	grep -q '^--- echo ping statistics ---' "$out"
	grep -q ', [01] unanswered' "$out"
}

@test "--ping for the time of -t ends with 0" {
	echo_service
	run rpmsg-send -b rpmsg0 -n echo --ping -i 0.05 -t 0.3
	assert_success
	assert_line --regexp '^[2-7] sent'
}

@test "-n waits for the service to be announced" {
	serve
	start rpmsg-send -b rpmsg0 -n late --reply hello
	local sender=$started out=$started_out
	wait_for has_clients
	listen -R -n late --echo
	exits 0 waited "$sender"
	assert_equal "$(cat "$out")" hello
}

# Somebody is connected to the bus besides its server.
has_clients()
{
	[[ $(grep -c "$RPMSG_DIR/rpmsg0.sock" /proc/net/unix) -ge 2 ]]
}

@test "a service that is never announced is 2, with a near name" {
	serve
	listen -R -n rpmsg-tty-channel
	run rpmsg-send -b rpmsg0 -n rpmsg-tty -t 0.2 hello
	assert_failure 2
	assert_output --partial "service 'rpmsg-tty' was not announced (did you mean 'rpmsg-tty-channel'?)"
	run rpmsg-send -b rpmsg0 -n different -t 0.2 hello
	assert_failure 2
	refute_output --partial 'did you mean'
}

@test "a service of our own side has nobody to send to: announced, never bound" {
	serve
	rpmsg-ns -b rpmsg0 -R announce quiet
	run rpmsg-send -b rpmsg0 -R -n quiet -t 0.2 hello
	assert_failure 4
	assert_output --partial 'announced, never bound'
	listen -R -n held
	run rpmsg-send -b rpmsg0 -R -n held -t 0.2 hello
	assert_failure 4
	assert_output --partial 'announced, never bound'
	assert_output --partial rpmsg-listen
}

@test "a service of our own side learns whom to send to; what came before is dropped and told" {
	serve
	rpmsg-ns -b rpmsg0 -R announce ours
	start rpmsg-send -b rpmsg0 -R -n ours --expect thanks answer
	local sender=$started err=$started_err
	wait_for bound_remote ours
	start rpmsg-send -b rpmsg0 -n ours --reply knock
	local knocker=$started out=$started_out
	exits 0 waited "$knocker"
	assert_equal "$(cat "$out")" answer
	grep -q '1 message queued before dropped' "$err"
	run rpmsg-send -b rpmsg0 -n ours thanks
	exits 0 waited "$sender"
}

bound_remote()
{
	rpmsg-ns -b rpmsg0 -R -j | grep "\"$1\"" | grep -q rpmsg-send
}

@test "the channel's own endpoint goes to the first, others get their own" {
	echo_service
	listen -n echo
	run --separate-stderr rpmsg-send -b rpmsg0 -n echo --reply -j hello
	assert_success
	refute_output --partial '"dst":1024,'
	exits 143 stop "$started"
	run --separate-stderr rpmsg-send -b rpmsg0 -n echo --reply -j hello
	assert_output --partial '"dst":1024,'
}

@test "a service that goes while its answer is awaited is 4, at once" {
	serve
	listen -R -n silent
	local holder=$started
	start rpmsg-send -b rpmsg0 -n silent -t inf --reply hello
	local sender=$started err=$started_err
	wait_for grep -q hello start.1.out
	stop "$holder" || true
	exits 4 waited "$sender"
	grep -q 'withdrawn' "$err"
}

@test "a link that goes down while an answer is awaited is 6, at once" {
	listen -b shm:x -R -s 30
	local holder=$started
	start rpmsg-send -b shm:x -d 30 -t inf --reply hello
	local sender=$started err=$started_err
	wait_for grep -q hello start.0.out
	kill -KILL "$holder"
	exits 6 waited "$sender"
	grep -q 'link is down' "$err"
}

@test "rpmsgd that dies while an answer is awaited is 6, at once" {
	serve
	listen -R -s 30
	start rpmsg-send -b rpmsg0 -d 30 -t inf --reply hello
	local sender=$started
	wait_for grep -q hello start.1.out
	kill -KILL "${started_all[0]}"
	exits 6 waited "$sender"
}

@test "a link that nobody else holds is 2 when -t is over" {
	run rpmsg-send -b shm:lonely -d 30 -t 0.2 x
	assert_failure 2
	assert_output --partial 'nobody is on the other side'
}

@test "what was sent on a link of our own is taken before we go" {
	listen -b shm:x,num=2 -R -s 30 -o raw
	run rpmsg-send -b shm:x,num=2 -d 30 a b c d e f g
	assert_success
	wait_for grep -qx abcdefg "$started_out"
}

@test "lines of a pipe are sent as they come" {
	serve
	listen -R -s 30
	local out=$started_out
	mkfifo feed
	start_fed rpmsg-send -b rpmsg0 -d 30 -l
	echo first >&7
	wait_for grep -q first "$out"
	printf 'half' >&7
	echo ' and half' >&7
	wait_for grep -q '\[13\] half and half' "$out"
	printf 'no newline' >&7
	exec 7>&-
	exits 0 waited "$started"
	wait_for grep -q 'no newline' "$out"
}

@test "-t is how long lines are read" {
	serve
	mkfifo feed
	start_fed rpmsg-send -b rpmsg0 -d 30 -t 0.3 -l
	exits 0 waited "$started"
	exec 7>&-
}

@test "a line that is too long is named, and those before it were sent" {
	serve
	listen -R -s 30
	head -c 497 /dev/zero | tr '\0' x >long
	{
		echo good
		cat long
	} >lines
	run rpmsg-send -b rpmsg0 -d 30 -l -f lines
	assert_failure 1
	assert_output --partial 'line 2 has 497 bytes, bus rpmsg0 carries at most 496'
	wait_for grep -q good "$started_out"
}

@test "100,000 lines arrive in order" {
	serve
	seq 100000 >numbers
	start rpmsg-listen -b rpmsg0 --banner -R -s 30 -o raw -c 100000
	local listener=$started out=$started_out
	wait_for grep -q ready "$started_err"
	run rpmsg-send -b rpmsg0 -d 30 -l <numbers
	assert_success
	exits 0 waited "$listener"
	tr -d '\n' <numbers | cmp - "$out"
}

@test "--split sends a stream as it comes, and in messages that fit" {
	serve
	head -c 1000000 /dev/urandom >stream
	start rpmsg-listen -b rpmsg0 --banner -R -s 30 -o raw
	local out=$started_out
	wait_for grep -q ready "$started_err"
	mkfifo feed
	start_fed rpmsg-send -b rpmsg0 -d 30 --split
	printf 'no newline' >&7
	wait_for grep -qx 'no newline' "$out"
	cat stream >&7
	exec 7>&-
	exits 0 waited "$started"
	{ printf 'no newline' && cat stream; } >all
	wait_for cmp -s all "$out"
	run rpmsg-send -b rpmsg0 -d 30 --split=10 -f stream -t inf
	assert_success
	cat stream >>all
	wait_for cmp -s all "$out"
}

@test "--split wants a size that fits, and bytes that nobody decodes" {
	serve
	run rpmsg-send -b rpmsg0 -d 30 --split=497 </dev/null
	assert_failure 1
	assert_output --partial '497 bytes, bus rpmsg0 carries at most 496'
	run rpmsg-send -b rpmsg0 -d 30 --split=0 </dev/null
	assert_failure 64
	run rpmsg-send -b rpmsg0 -d 30 --split -x </dev/null
	assert_failure 64
	assert_output --partial '--split sends bytes as they are'
	run rpmsg-send -b rpmsg0 -d 30 --split -l </dev/null
	assert_failure 64
	run rpmsg-send -b rpmsg0 -d 30 --split payload </dev/null
	assert_failure 64
}

@test "a reader of stdout that goes away ends it, also on a silent bus" {
	serve
	start bash -c 'rpmsg-send -b rpmsg0 -d 30 -t inf --reply x | true; echo "${PIPESTATUS[0]}"'
	exits 0 waited "$started"
	assert_equal "$(cat "$started_out")" 141
}

@test "output that cannot be written is an error" {
	echo_service
	run bash -c 'rpmsg-send -b rpmsg0 -n echo --reply x >/dev/full'
	assert_failure 1
}

@test "the default bus is told once; RPMSG_BUS names it or forbids it" {
	serve
	run --separate-stderr rpmsg-send -d 30 x
	assert_success
	assert_equal "$stderr" 'bus: rpmsg0'
	run rpmsg-send -q -d 30 x
	assert_output ''
	RPMSG_BUS=rpmsg0 run rpmsg-send -d 30 x
	assert_success
	assert_output ''
	RPMSG_BUS=none run rpmsg-send -d 30 x
	assert_failure 2
	assert_output --partial RPMSG_BUS=none
	RPMSG_BUS=none run rpmsg-send -b rpmsg0 -d 30 x
	assert_success
}

@test "a bus that nobody serves is 2 and says where it was looked for" {
	run rpmsg-send -b nothere -d 30 x
	assert_failure 2
	assert_output --partial "$RPMSG_DIR/nothere.sock"
	run rpmsg-send -b 'not a bus' -d 30 x
	assert_failure 64
	run rpmsg-send -b /dev/rpmsg_ctrl99 -d 30 x
	assert_failure 2
	assert_output --partial 'no such control device'
	run rpmsg-send -b rproc:nothere -d 30 x
	assert_failure 2
	assert_output --partial 'no such remote processor'
}

@test "50 at once on a bus that nobody serves start one rpmsgd" {
	local i
	for i in {1..50}; do
		start rpmsg-send -d 30 x
	done
	for i in "${started_all[@]}"; do
		waited "$i" || fail "pid $i: $?"
	done
	cat start.*.err >told
	assert_equal "$(grep -c 'software bus' told)" 1
	assert_equal "$(grep -c '^bus: rpmsg0$' told)" 49
	assert_equal "$(daemons | wc -l)" 1
}

# The rpmsgd of this case.
daemons()
{
	local pid
	for pid in $(case_processes); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != rpmsgd ]] || echo "$pid"
	done
}

@test "the rpmsgd that was started holds nothing of ours, and ends by itself" {
	local out pid
	exec 8>held
	out=$(rpmsg-send -d 30 x 2>&1)
	assert_equal "$out" 'bus: rpmsg0, a software bus (started rpmsgd rpmsg0=loop)'
	pid=$(daemons)
	assert_equal "$(readlink "/proc/$pid/cwd")" /
	assert_equal "$(readlink "/proc/$pid/fd/"[012] | sort -u)" /dev/null
	run readlink "/proc/$pid/fd/"*
	refute_output --partial "$PWD/held"
	refute_output --partial pipe:
	exec 8>&-
	assert_equal "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
	wait_for test ! -e "$RPMSG_DIR/rpmsg0.sock"
	wait_for all_gone "$pid"
}

@test "an rpmsgd that cannot start is told" {
	mkdir tools
	cp -L "$(command -v rpmsg-send)" tools/
	printf '#!/bin/sh\nexit 3\n' >tools/rpmsgd
	chmod +x tools/rpmsgd
	LD_LIBRARY_PATH=$BUILD/lib run tools/rpmsg-send -d 30 x
	assert_failure 1
	assert_output --partial 'tools/rpmsgd did not start (exit status 3)'
}
