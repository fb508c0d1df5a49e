#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen: watching, taking part, files, filters, and how it ends.

load ../lib/common
bats_require_minimum_version 1.5.0

# exits STATUS CMD...: not in a subshell, as run would, because only its own shell can wait for a process.
exits()
{
	local want=$1 got=0
	shift
	"$@" || got=$?
	assert_equal "$got" "$want"
}

# Starts rpmsg-listen and returns when it misses nothing any more; sets $started, $out, $err.
listen()
{
	start rpmsg-listen --banner "$@"
	out=$started_out err=$started_err
	wait_for grep -q 'rpmsg-listen: ready' "$err"
}

# A remote service that echoes.
echoing()
{
	listen -b rpmsg0 -R -n "$1" -s "$2" --echo
	run -0 rpmsg-ns -b rpmsg0 wait "$1"
}

lines()
{
	[[ $(wc -l <"$2") -eq $1 ]]
}

# The lines of a file without their times.
timeless()
{
	sed -E 's/^\([0-9. :-]+\) //' "$1"
}

@test "watching shows all messages in both directions, with service and addresses" {
	serve
	echoing clock 0x32
	listen -b rpmsg0
	run -0 rpmsg-send -b rpmsg0 -n clock --reply 'wh\at'
	run -0 rpmsg-send -b rpmsg0 -n clock --reply $'\x07 \xc3\xa4'
	wait_for lines 4 "$out"
	run timeless "$out"
	assert_output "rpmsg0 h>r clock 0x400>0x32 [5] wh\\at
rpmsg0 r>h clock 0x32>0x400 [5] wh\\at
rpmsg0 h>r clock 0x400>0x32 [4] . ..
rpmsg0 r>h clock 0x32>0x400 [4] . .."
}

@test "watching sees announcements, and learns names from them" {
	serve
	listen -b rpmsg0 --time n
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	run -0 rpmsg-send -b rpmsg0 -n clock hi
	run -0 rpmsg-ns -b rpmsg0 -R withdraw clock
	run -0 rpmsg-send -b rpmsg0 -d 50 hi
	wait_for lines 4 "$out"
	run cat "$out"
	assert_line -n 2 --regexp '^rpmsg0 r>h clock 0x32>0x35 \[40\]'
	assert_line -n 3 --regexp '^rpmsg0 h>r - 0x40[01]>0x32 \[2\] hi'
	assert_line -n 0 --regexp '^rpmsg0 r>h clock 0x32>0x35 \[40\] clock\.+2\.+$'
	assert_line -n 1 'rpmsg0 h>r clock 0x400>0x32 [2] hi'
}

@test "output: hex, raw, json, log" {
	serve
	local -A got
	for form in hex raw json log; do
		listen -b rpmsg0 -o "$form"
		got[$form]=$out
	done
	run -0 rpmsg-send -b rpmsg0 -s 1024 -d 50 -e 'a\n\xff'
	run -0 rpmsg-send -b rpmsg0 -s 1024 -d 50 ok
	wait_for grep -q 6F6B "${got[log]}"
	run timeless "${got[hex]}"
	assert_line -n 0 'rpmsg0 h>r - 0x400>0x32 [3] 610aff'
	wait_for grep -q ok "${got[raw]}"
	assert_equal "$(od -An -tx1 "${got[raw]}")" ' 61 0a ff 6f 6b'
	wait_for lines 2 "${got[json]}"
	run cat "${got[json]}"
	assert_line -n 0 --regexp '^\{"type":"msg","ts":"[0-9]+\.[0-9]{9}","bus":"rpmsg0","dir":"h>r","service":null,"src":1024,"dst":50,"len":3,"data":"610aff"\}$'
	assert_line -n 1 --regexp '"data":"6f6b","text":"ok"\}$'
	run cat "${got[log]}"
	assert_line -n 1 --regexp '^\([0-9]+\.[0-9]{9}\) rpmsg0 h>r 0x400>0x32#6F6B$'
}

@test "--time: seconds, delta, from zero, date, none" {
	serve
	run -0 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -w some.pcap -t 0.1 -q
	listen -b rpmsg0 -w some.pcap
	run -0 rpmsg-send -b rpmsg0 -d 50 one two
	exits 130 stop "$started" INT
	run -0 rpmsg-listen -r some.pcap --time a
	assert_line -n 0 --regexp '^\([0-9]{10}\.[0-9]{6}\) - h>r '
	run -0 rpmsg-listen -r some.pcap --time d
	assert_line -n 0 --regexp '^\(0\.000000\) '
	assert_line -n 1 --regexp '^\([0-9]\.[0-9]{6}\) '
	run -0 rpmsg-listen -r some.pcap --time z
	assert_line -n 0 --regexp '^\(0\.000000\) '
	run -0 rpmsg-listen -r some.pcap --time A
	assert_line -n 0 --regexp '^\([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{6}\) '
	run -0 rpmsg-listen -r some.pcap --time n
	assert_line -n 0 --regexp '^- h>r '
}

@test "-c ends with 0 after so many, with 4 if they do not come in time; -t alone ends with 0" {
	serve
	listen -b rpmsg0 -c 2
	run -0 rpmsg-send -b rpmsg0 -d 50 one two three
	waited "$started"
	lines 2 "$out"
	run -4 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -c 1 -t 0.1
	run -0 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -t 0.1
	assert_line '0 messages seen, 0 lost'
}

@test "-n: binds what is there, and tells what it does on stderr" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	listen -b rpmsg0 -n clock
	assert_file_contains "$err" '^taking part on rpmsg0 as host: clock, address 0x400, other side 0x32$'
	run -0 rpmsg-send -b rpmsg0 -R --spoof 50 -d 0x400 tick
	wait_for lines 1 "$out"
	run timeless "$out"
	assert_output 'rpmsg0 r>h clock 0x32>0x400 [4] tick'
}

@test "-n: waits until it is announced, and binds again what was announced again" {
	serve
	start rpmsg-listen -b rpmsg0 -n clock --time n
	local listener=$started out=$started_out err=$started_err
	wait_for grep -q "waiting for 'clock'" "$err"
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	run -0 rpmsg-ns -b rpmsg0 wait --bound clock
	run -0 rpmsg-ns -b rpmsg0 -R withdraw clock
	wait_for test "$(grep -c "waiting for 'clock'" "$err")" -ge 1
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 51
	run -0 rpmsg-ns -b rpmsg0 wait --bound clock
	run -0 rpmsg-send -b rpmsg0 -R --spoof 51 -d 0x400 tick
	wait_for grep -q 'r>h clock 0x33>0x400 \[4\] tick' "$out"
	exits 143 stop "$listener"
}

@test "-n: never announced is 2, with the near name" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce rpmsg-tty
	run -2 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -n rpmsg-tyt -t 0.1
	assert_output --partial "'rpmsg-tyt' was not announced"
	assert_output --partial "did you mean 'rpmsg-tty'?"
}

@test "-n: a held service is refused, with its holder and how to watch it" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock
	listen -b rpmsg0 -n clock
	run -1 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -n clock
	assert_output --partial "'clock' is held by pid $started (rpmsg-listen)"
	assert_output --partial 'rpmsg-listen -b rpmsg0 name clock'
	exits 143 stop "$started"
	run -0 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -n clock -t 0.1
}

@test "-R -n: a held service is refused too, an announcement of the bus is taken" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	listen -b rpmsg0 -R -n clock
	assert_file_contains "$err" 'as remote: clock, address 0x32$'
	run -1 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -R -n clock
	assert_output --partial "'clock' is held by pid $started (rpmsg-listen)"
	exits 143 stop "$started"
	run -0 rpmsg-ns -b rpmsg0 wait clock -t 0
}

@test "-n: each side also binds what its own or the other side announced" {
	serve
	run -0 rpmsg-ns -b rpmsg0 announce host-svc -s 60
	listen -b rpmsg0 -R -n host-svc --hello
	assert_file_contains "$err" 'as remote: host-svc, address 0x400, other side 0x3c$'
	listen -b rpmsg0 -n host-svc
	assert_file_contains "$err" 'as host: host-svc, address 0x3c$'
}

@test "-R -n: offers the service when ready, withdraws it at the end" {
	serve
	listen -b rpmsg0 -R -n clock -s 50
	run -0 rpmsg-ns -b rpmsg0 wait clock -t 0
	exits 130 stop "$started" INT
	run -0 rpmsg-ns -b rpmsg0 wait --gone clock
}

@test "-s: binds an address, once" {
	serve
	listen -b rpmsg0 -R -s 77 --time n
	run -1 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -R -s 0x4d
	assert_output --partial '0x4d'
	run -0 rpmsg-send -b rpmsg0 -d 77 ping
	wait_for grep -qxF 'rpmsg0 h>r - 0x400>0x4d [4] ping' "$out"
}

@test "--hello is sent first, so that the other side knows our address" {
	serve
	listen -b rpmsg0 -R -n clock -s 50
	local remote=$out
	listen -b rpmsg0 -n clock --hello
	listen -b rpmsg0 -s 99 -d 50 --hello=moin
	wait_for lines 2 "$remote"
	run timeless "$remote"
	assert_output 'rpmsg0 h>r clock 0x400>0x32 [6] hello!
rpmsg0 h>r clock 0x63>0x32 [4] moin'
}

@test "--hello to nobody is misuse" {
	serve
	run -64 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -R -n clock --hello
	assert_output --partial 'nobody'
	run -0 rpmsg-ns -b rpmsg0 wait --gone clock
}

@test "--echo sends every message back in order, also when nobody takes them for a while" {
	serve rpmsg0=loop:num=2
	listen -b rpmsg0 -s 0x999 --time n -o log
	local back=$out reader=$started
	listen -b rpmsg0 -R -n clock -s 50 --echo -q -o raw
	local echoed=$out
	seq -f '%0400.0f' 1 4000 >numbers
	kill -STOP "$reader"
	start rpmsg-send -b rpmsg0 --spoof 0x999 -d 50 -l -f numbers -t 50
	# Then so many have come that some wait to be sent back, and no more are taken.
	stalled()
	{
		local before
		before=$(stat -c %s "$echoed")
		sleep 0.3
		[[ $before -gt 0 && $(stat -c %s "$echoed") -eq $before ]]
	}
	wait_for stalled
	(($(stat -c %s "$echoed") < 1600000))
	kill -CONT "$reader"
	exits 0 waited "$started"
	wait_for lines 4000 "$back"
	sed 's/.*#//' "$back" | tr -d '\n' | tr A-F a-f >got
	tr -d '\n' <numbers | od -An -v -tx1 | tr -d ' \n' | cmp - got
}

@test "-w: nothing is printed but the end, and all messages are in the capture in order" {
	serve
	listen -b rpmsg0 -w all.pcap
	seq 1 500 | run -0 rpmsg-send -b rpmsg0 -d 50 -l -f -
	exits 130 stop "$started" INT
	assert_file_empty "$out"
	assert_file_contains "$err" '^500 messages written to all.pcap, 0 lost$'
	run -0 --separate-stderr rpmsg-listen -r all.pcap -o raw
	assert_output "$(seq 1 500 | tr -d '\n')"
	run -0 --separate-stderr tshark -r all.pcap -T fields -e frame.time_epoch
	assert_equal "$(printf '%s\n' "${lines[@]}" | sort -c 2>&1)" ''
	assert_equal "${#lines[@]}" 500
}

@test "-w - is a pipe that another rpmsg-listen reads as it comes" {
	serve
	start bash -c 'rpmsg-listen -b rpmsg0 -w - --banner | rpmsg-listen -r - --time n -c 1'
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-send -b rpmsg0 -s 5 -d 50 ok
	exits 0 waited "$started"
	assert_file_contains "$started_out" '^- h>r - 0x5>0x32 \[2\] ok$'
}

@test "-w with -o does both; taking part writes what is received and what is sent" {
	serve
	listen -b rpmsg0 -R -n clock -s 50 --echo -w part.pcap -o text --time n
	run -0 rpmsg-send -b rpmsg0 -n clock --reply hi
	exits 130 stop "$started" INT
	run cat "$out"
	assert_output 'rpmsg0 h>r clock 0x400>0x32 [2] hi'
	run -0 --separate-stderr rpmsg-listen -r part.pcap --time n
	assert_output '- h>r - 0x400>0x32 [2] hi
- r>h - 0x32>0x400 [2] hi'
}

@test "-r: a recorder's file, what is no longer in it counted as lost" {
	start env RPMSG_RECORD=own.rec,262144 rpmsg-listen -b shm:x -R -s 50 -q -o raw
	wait_for test -s own.rec
	run -0 rpmsg-send -b shm:x -d 50 one two
	wait_for grep -q onetwo "$started_out"
	run -0 rpmsg-listen -r own.rec --time n
	assert_line -n 0 'x h>r - 0x400>0x32 [3] one'
	assert_line -n 1 'x h>r - 0x400>0x32 [3] two'
	assert_line -n 2 '2 messages seen, 0 lost'
	seq 1 8000 >numbers
	run -0 rpmsg-send -b shm:x -d 50 -l -f numbers
	wait_for grep -q 79998000 "$started_out"
	run -0 --separate-stderr rpmsg-listen -r own.rec -o raw
	[[ $output == *799879998000 ]]
	[[ $stderr =~ ^([0-9]+)\ messages\ seen,\ ([0-9]+)\ lost$ ]]
	assert_equal $((BASH_REMATCH[1] + BASH_REMATCH[2])) 8002
	((BASH_REMATCH[2] > 0))
	run -1 --separate-stderr rpmsg-listen -r own.rec -w all.pcap --strict
}

@test "-r --follow goes on until the recorder ends" {
	start env RPMSG_RECORD=own.rec rpmsg-listen -b shm:x -R -s 50 -q -o raw
	local writer=$started
	wait_for test -s own.rec
	start rpmsg-listen -r own.rec --follow -o raw
	run -0 rpmsg-send -b shm:x -d 50 one
	wait_for grep -q one "$started_out"
	run -0 rpmsg-send -b shm:x -d 50 two
	wait_for grep -q onetwo "$started_out"
	exits 143 stop "$writer"
	waited "$started"
}

@test "-r: what is neither, is damaged or absent is 1 and named" {
	echo 'not a capture at all' >text
	run -1 rpmsg-listen -r text
	assert_output --partial text
	run -1 rpmsg-listen -r absent
	assert_output --partial absent
	serve
	listen -b rpmsg0 -w all.pcap
	run -0 rpmsg-send -b rpmsg0 -d 50 one two
	exits 130 stop "$started" INT
	head -c -2 all.pcap >cut.pcap
	run -1 --separate-stderr rpmsg-listen -r cut.pcap -o raw
	assert_output one
	[[ $stderr == *'cut.pcap: packet 2'* ]]
}

@test "EXPR: name GLOB, addr ADDR, and" {
	serve
	listen -b rpmsg0 -w all.pcap
	run -0 rpmsg-ns -b rpmsg0 -R announce clock-1 -s 50
	run -0 rpmsg-ns -b rpmsg0 -R announce other -s 51
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 50 a b
	run -0 rpmsg-send -b rpmsg0 -s 8 -d 50 c
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 51 d
	exits 130 stop "$started" INT
	shown()
	{
		run -0 --separate-stderr rpmsg-listen -r all.pcap --time n "$@"
		output=$(sed 's/.*\] //; s/^clock.*/C/; s/^other.*/O/' <<<"$output" | tr -d '\n')
	}
	shown
	assert_output COabcd
	shown name 'clock-*'
	assert_output Cabc
	shown 'name clock-? and addr 8'
	assert_output c
	shown addr 0x7 -c 2
	assert_output ab
	shown name nothing
	assert_output ''
}

@test "EXPR: watching shows only what it chooses, and -c counts that" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	listen -b rpmsg0 -c 1 --time n name clock
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 51 no
	run -0 rpmsg-send -b rpmsg0 -s 7 -d 50 yes
	waited "$started"
	run cat "$out"
	assert_output 'rpmsg0 h>r clock 0x7>0x32 [3] yes'
}

@test "messages of several buses come in the order of their times" {
	serve a=loop
	serve b=loop
	listen -b a -b b -o raw
	kill -STOP "$started"
	for word in 1b 2a 3b 4b 5a; do
		run -0 rpmsg-send -b "${word:1}" -d 5 "$word"
	done
	kill -CONT "$started"
	wait_for grep -q 1b2a3b4b5a "$out"
}

@test "several buses, and all of them" {
	serve a=loop
	serve b=loop
	listen -b a -b b --time n
	local two=$out
	listen -b all --time n
	run -0 rpmsg-send -b a -s 7 -d 5 one
	run -0 rpmsg-send -b b -s 7 -d 5 two
	for f in "$two" "$out"; do
		wait_for lines 2 "$f"
		run cat "$f"
		assert_output 'a h>r - 0x7>0x5 [3] one
b h>r - 0x7>0x5 [3] two'
	done
}

@test "a signal: all that was there is still written, whole, then it ends by the signal" {
	serve
	listen -b rpmsg0 -o raw
	kill -STOP "$started"
	seq 1 5000 | run -0 rpmsg-send -b rpmsg0 -d 50 -l -f -
	kill -INT "$started"
	kill -CONT "$started"
	exits 130 waited "$started"
	assert_equal "$(md5sum <"$out")" "$(seq 1 5000 | tr -d '\n' | md5sum)"
	assert_file_contains "$err" '^5000 messages seen, 0 lost$'
}

@test "what a stopped listener lost is counted exactly; --strict makes it 1" {
	serve
	listen -b rpmsg0 -o raw --strict
	kill -STOP "$started"
	head -c 24800000 /dev/zero | tr '\0' x | fold -w 496 |
		run -0 timeout 60 rpmsg-send -b rpmsg0 -d 50 -l -f - -t 50
	kill -INT "$started"
	kill -CONT "$started"
	exits 1 waited "$started"
	run grep -E '^[0-9]+ messages seen, [0-9]+ lost$' "$err"
	[[ $output =~ ^([0-9]+)\ messages\ seen,\ ([0-9]+)\ lost$ ]]
	assert_equal $((BASH_REMATCH[1] + BASH_REMATCH[2])) 50000
	((BASH_REMATCH[2] > 0 && BASH_REMATCH[1] > 0))
	assert_equal "$(wc -c <"$out")" $((BASH_REMATCH[1] * 496))
}

@test "json tells of losses and of the link" {
	serve
	local server=$started
	listen -b rpmsg0 -j
	exits 0 stop "$server"
	wait_for grep -q '^{"type":"down",.*"bus":"rpmsg0"}$' "$out"
	serve
	wait_for grep -q '^{"type":"up",.*"bus":"rpmsg0"}$' "$out"
	run -0 rpmsg-send -b rpmsg0 -d 50 again
	wait_for grep -q '"text":"again"' "$out"
}

@test "what a link took with it is no service of the next" {
	local server
	serve
	server=$started
	listen -b rpmsg0 --time n
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	run -0 rpmsg-send -b rpmsg0 -s 5 -d 50 before
	wait_for grep -q before "$out"
	exits 0 stop "$server"
	wait_for grep -q 'nobody serves it' "$err"
	serve
	wait_for grep -q 'link up' "$err"
	run -0 rpmsg-send -b rpmsg0 -s 5 -d 50 after
	wait_for grep -q after "$out"
	assert_file_contains "$out" '^rpmsg0 h>r clock 0x5>0x32 .6. before$'
	assert_file_contains "$out" '^rpmsg0 h>r - 0x5>0x32 .5. after$'
}

@test "taking part: the service is offered and bound again after its server came again" {
	serve
	local server=$started
	listen -b rpmsg0 -R -n clock -s 50
	local remote=$out
	listen -b rpmsg0 -n clock --hello
	wait_for lines 1 "$remote"
	kill -KILL "$server"
	wait_for grep -q 'link down' "$err"
	serve
	wait_for lines 2 "$remote"
	run timeless "$remote"
	assert_output 'rpmsg0 h>r clock 0x400>0x32 [6] hello!
rpmsg0 h>r clock 0x400>0x32 [6] hello!'
}

@test "--exit-on-down ends with 6" {
	serve
	local server=$started
	listen -b rpmsg0 --exit-on-down
	local watching=$started
	listen -b rpmsg0 -s 5 --exit-on-down
	exits 0 stop "$server"
	exits 6 waited "$watching"
	exits 6 waited "$started"
}

@test "a link between two processes: down when the other ends, up again with the next" {
	start rpmsg-listen -b shm:x -n clock --hello --time n
	local host_out=$started_out host_err=$started_err
	listen -b shm:x -R -n clock -s 50 --echo
	wait_for lines 1 "$host_out"
	exits 137 stop "$started" KILL
	wait_for grep -q 'x: link down' "$host_err"
	listen -b shm:x -R -n clock -s 51 --echo
	wait_for lines 2 "$host_out"
	run cat "$host_out"
	assert_output 'x r>h clock 0x32>0x400 [6] hello!
x r>h clock 0x33>0x400 [6] hello!'
}

@test "a bus without a recorder cannot be watched" {
	run -1 timeout "$DEADLINE" rpmsg-listen -b shm:x
	assert_output --partial 'no recorder'
}

@test "a reader that goes away ends it within a second on a silent bus" {
	serve
	run -0 bash -c 'timeout $DEADLINE rpmsg-listen -b rpmsg0 | true; echo "${PIPESTATUS[0]}"'
	assert_line 141
	run -0 bash -c 'timeout $DEADLINE rpmsg-listen -b rpmsg0 -s 5 | true; echo "${PIPESTATUS[0]}"'
	assert_line 141
	run -0 bash -c 'timeout $DEADLINE rpmsg-listen -b rpmsg0 -w - | true; echo "${PIPESTATUS[0]}"'
	assert_line 141
}

@test "a full disk is 1 and says so" {
	serve
	listen -b rpmsg0 -w /dev/full || true
	exits 1 waited "$started"
	assert_file_contains "$err" '/dev/full: No space left on device'
}

@test "--ready-fd: a newline when nothing is missed any more" {
	local fd
	serve
	mkfifo ready
	exec {fd}<>ready
	start rpmsg-listen -b rpmsg0 --ready-fd "$fd" -q
	read -r -t "$DEADLINE" -u "$fd"
	run -0 rpmsg-send -b rpmsg0 -d 5 now
	wait_for grep -q now "$started_out"
	exec {fd}>&-
}

@test "-q says nothing but errors" {
	serve
	run -0 timeout "$DEADLINE" rpmsg-listen -b rpmsg0 -q -s 5 -t 0.1
	assert_output ''
}

@test "no such bus is 2" {
	run -2 rpmsg-listen -b nowhere
	assert_output --partial nowhere
	run -2 rpmsg-listen -b all
}

@test "misuse is 64, on stderr" {
	local -a bad=('-n' '-n ' '-s any' '-s 0xffffffff' '-c 0' '-c 1x' '-t -1' '-o xml' '--time q'
		'--echo' '--hello' '--hello -s 5' '--follow' '-r x -s 5' '-r x -b y' '-w - -o text'
		'names x' 'name' 'addr' 'addr x' 'name a b' 'name a and' '--ready-fd 99' '--no-such'
		'-n aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' '-s 5 -b a -b b'
		'--kernel -n x' '--kernel -s 5' '--kernel -R' '--kernel -r x' '--kernel --follow'
		'--kernel --echo' '--kernel --exit-on-down' '--kernel names')
	local args
	for args in "${bad[@]}"; do
		echo "rpmsg-listen $args"
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr rpmsg-listen $args
		assert_output ''
		[[ -n $stderr ]]
	done
}

@test "help and version are on stdout with 0" {
	run -0 --separate-stderr rpmsg-listen --help
	assert_output --partial '--exit-on-down'
	run -0 --separate-stderr rpmsg-listen -V
	assert_output --regexp '^rpmsg-listen [0-9.]+$'
}

@test "a signal ends it after what rpmsgd had kept for it" {
	serve
	listen -b rpmsg0 -R -s 0x1e -o raw
	kill -STOP "$started"
	# more than the socket takes: the rest waits in rpmsgd
	yes "$(printf '%399s' x)" | head -n 700 | rpmsg-send -b rpmsg0 -d 0x1e -l
	kill -INT "$started"
	kill -CONT "$started"
	exits 130 waited "$started"
	assert_equal "$(wc -c <"$out")" $((700 * 399))
}
