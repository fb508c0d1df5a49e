#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-ns: what it lists, awaits, announces, and how it ends.

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

# A remote service that a client holds; sets $service.
offer()
{
	start rpmsg-listen -b rpmsg0 -R -n "$@"
	service=$started
	run -0 rpmsg-ns -b rpmsg0 wait "$1"
}

listed()
{
	rpmsg-ns -b rpmsg0 | grep -q "^$1 "
}

@test "an empty bus lists nothing on stdout and says so on stderr" {
	serve
	run -0 --separate-stderr rpmsg-ns -b rpmsg0
	assert_output ''
	[[ $stderr == 'rpmsg0: no channels' ]]
}

@test "list: the host sees what the remote announced, with addresses, holder and state" {
	serve
	offer rpmsg-tty -s 0x410
	run -0 rpmsg-ns -b rpmsg0 list
	assert_line -n 0 --regexp '^NAME +SRC +DST +MTU +TX +RX +STATE +HOLDER$'
	assert_line -n 1 --regexp '^rpmsg-tty +\? +0x410 +496 +0 +0 +announced, never bound +nobody$'
	run -0 rpmsg-ns -b rpmsg0 -R
	assert_line -n 1 --regexp "^rpmsg-tty +0x410 +\\? +496 +0 +0 +announced, never bound +pid $service \\(rpmsg-listen\\)$"
}

@test "list: a channel in use is bound, counts its messages, and stays unbound after that" {
	serve
	offer rpmsg-tty -s 0x410
	start rpmsg-listen -b rpmsg0 -n rpmsg-tty --hello=moin
	local user=$started
	wait_for grep -q moin "$BATS_TEST_TMPDIR/start.1.out"
	run -0 rpmsg-ns -b rpmsg0
	assert_line -n 1 --regexp "^rpmsg-tty +0x400 +0x410 +496 +1 +0 +bound +pid $user \\(rpmsg-listen\\)$"
	run -0 rpmsg-ns -b rpmsg0 -R
	assert_line -n 1 --regexp '^rpmsg-tty +0x410 +\? +496 +0 +1 +bound '
	exits 143 stop "$user"
	run -0 rpmsg-ns -b rpmsg0
	assert_line -n 1 --regexp '^rpmsg-tty +0x400 +0x410 +496 +1 +0 +unbound +nobody$'
}

@test "list --json: one object a channel, unknown addresses null" {
	serve
	offer 'odd "name"' -s 1040
	run -0 rpmsg-ns -b rpmsg0 -j
	assert_line --regexp '^\{"type":"channel","ts":"[0-9]+\.[0-9]{9}","bus":"rpmsg0","service":"odd \\"name\\"","src":null,"dst":1040,"origin":"learned","state":"announced, never bound","holder":null,"holder_name":null,"tx":0,"rx":0,"mtu":496\}$'
	run -0 rpmsg-ns -b rpmsg0 -R -j
	assert_output --partial "\"holder\":\"client\",\"holder_name\":\"rpmsg-listen\",\"holder_pid\":$service,"
}

@test "list of several buses names the bus" {
	serve a=loop
	serve b=loop
	run -0 rpmsg-ns -b b announce x
	run -0 rpmsg-ns -b a -b b
	assert_line -n 0 --regexp '^BUS +NAME '
	assert_line -n 1 --regexp '^b +x +0x400 '
	run -0 rpmsg-ns -b all
	assert_line -n 1 --regexp '^b +x '
}

@test "announce belongs to the bus and is there when it returns; withdraw ends it" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 99
	assert_output "rpmsg0: 'clock' is announced at 0x63 by the remote side"
	run -0 rpmsg-ns -b rpmsg0
	assert_line -n 1 --regexp '^clock +\? +0x63 +496 .* nobody$'
	run -0 rpmsg-ns -b rpmsg0 -R
	assert_line -n 1 --regexp '^clock +0x63 +\? .* bus$'
	run -0 rpmsg-ns -b rpmsg0 -R withdraw clock
	run -0 --separate-stderr rpmsg-ns -b rpmsg0
	assert_output ''
	run -0 --separate-stderr rpmsg-ns -b rpmsg0 -R
	assert_output ''
}

@test "announce: what is there already, or an address in use, is refused" {
	serve
	run -0 rpmsg-ns -b rpmsg0 announce clock -s 99
	run -1 rpmsg-ns -b rpmsg0 announce clock -s 99
	assert_output --partial "cannot announce 'clock'"
	run -1 rpmsg-ns -b rpmsg0 announce other -s 99
	assert_output --partial "0x63"
}

@test "withdraw: what is not there is 2, with the near name or the other side named" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce rpmsg-tty
	run -2 rpmsg-ns -b rpmsg0 -R withdraw rpmsg-tyt
	assert_output --partial "did you mean 'rpmsg-tty'?"
	run -2 rpmsg-ns -b rpmsg0 withdraw rpmsg-tty
	assert_output --partial "rpmsg-ns -R withdraw rpmsg-tty"
}

@test "withdraw refuses what a client offers" {
	serve
	offer clock
	run -1 rpmsg-ns -b rpmsg0 -R withdraw clock
	assert_output --partial "pid $service"
	listed clock
}

@test "announce --hold ends with the process, which says when it is ready" {
	local fd
	serve
	mkfifo ready
	exec {fd}<>ready
	start rpmsg-ns -b rpmsg0 -R announce --hold --banner --ready-fd "$fd" clock
	read -r -t "$DEADLINE" -u "$fd"
	exec {fd}>&-
	assert_file_contains "$started_err" '^rpmsg-ns: ready: clock$'
	listed clock
	exits 130 stop "$started" INT
	run -0 rpmsg-ns -b rpmsg0 wait --gone clock
}

@test "announce --hold -t ends after that time with 0" {
	serve
	run -0 timeout "$DEADLINE" rpmsg-ns -b rpmsg0 -R announce --hold -t 0.1 clock
	run -0 rpmsg-ns -b rpmsg0 wait --gone clock
}

@test "announce without rpmsgd: refused unless held" {
	start rpmsg-listen -b shm:x -R -s 5
	run -1 timeout "$DEADLINE" rpmsg-ns -b shm:x announce clock
	assert_output --partial 'use --hold'
	start rpmsg-ns -b shm:x announce --hold clock
	wait_for grep -q "'clock' is announced" "$started_err"
}

@test "announce on a link that is down: 4, and nothing is left behind" {
	serve x=shm:x
	run -4 rpmsg-ns -b x announce -t 0.1 clock
	assert_output --partial 'the link is not up'
	run -0 --separate-stderr rpmsg-ns -b x
	assert_output ''
}

@test "wait: at once, and when all come later, on a bus that comes later" {
	start rpmsg-ns -b rpmsg0 wait one two -t 20
	local waiting=$started
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce one
	alive "$waiting"
	run -0 rpmsg-ns -b rpmsg0 -R announce two
	waited "$waiting"
	run -0 rpmsg-ns -b rpmsg0 wait one two -t 0
}

@test "wait: never announced is 2, with the near name; a bus that never comes too" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce rpmsg-tty
	run -2 rpmsg-ns -b rpmsg0 wait rpmsg-tty rpmsg-tty-channel -t 0.1
	assert_output --partial "'rpmsg-tty-channel' was not announced"
	assert_output --partial "did you mean 'rpmsg-tty'?"
	refute_output --partial "'rpmsg-tty' was not"
	run -2 rpmsg-ns -b nowhere wait rpmsg-tty -t 0.1
	assert_output --partial nowhere
}

@test "wait --new: what is there does not count, what comes again does" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock
	run -4 rpmsg-ns -b rpmsg0 wait --new clock -t 0.1
	assert_output --partial 'not announced anew'
	start rpmsg-ns -b rpmsg0 wait --new clock -t 20
	local waiting=$started
	again()
	{
		rpmsg-ns -b rpmsg0 -R withdraw clock && rpmsg-ns -b rpmsg0 -R announce clock
		! alive "$waiting"
	}
	wait_for again
	waited "$waiting"
}

@test "wait --gone" {
	serve
	run -0 rpmsg-ns -b rpmsg0 wait --gone clock
	run -0 rpmsg-ns -b rpmsg0 -R announce clock
	run -4 rpmsg-ns -b rpmsg0 wait --gone clock -t 0.1
	assert_output --partial "'clock' is still there"
	start rpmsg-ns -b rpmsg0 wait --gone clock -t 20
	run -0 rpmsg-ns -b rpmsg0 -R withdraw clock
	waited "$started"
}

@test "wait --bound: on both sides, when somebody uses it" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce clock
	run -4 rpmsg-ns -b rpmsg0 wait --bound clock -t 0.1
	assert_output --partial 'was not bound'
	start rpmsg-ns -b rpmsg0 wait --bound clock -t 20
	local host=$started
	start rpmsg-listen -b rpmsg0 -R -n clock
	run -4 rpmsg-ns -b rpmsg0 -R wait --bound clock -t 0.1
	start rpmsg-ns -b rpmsg0 -R wait --bound clock -t 20
	local remote=$started
	start rpmsg-listen -b rpmsg0 -n clock --hello
	waited "$host"
	waited "$remote"
}

@test "watch: what is there, then what happens, with times" {
	serve
	run -0 rpmsg-ns -b rpmsg0 -R announce old -s 50
	start rpmsg-ns -b rpmsg0 watch --banner
	local out=$started_out watching=$started
	wait_for grep -q ready "$started_err"
	run -0 rpmsg-ns -b rpmsg0 -R announce new -s 51
	run -0 rpmsg-ns -b rpmsg0 -R withdraw old
	wait_for grep -q 'withdraw old' "$out"
	exits 143 stop "$watching"
	run sed -E 's/^\([0-9]+\.[0-9]{6}\) //' "$out"
	assert_output "rpmsg0 announce old ?>0x32 announced, never bound
rpmsg0 announce new ?>0x33
rpmsg0 withdraw old ?>0x32"
}

@test "watch --json: binding, and a bus that goes and comes again" {
	serve
	local server=$started
	run -0 rpmsg-ns -b rpmsg0 -R announce clock -s 50
	start rpmsg-ns -b rpmsg0 watch -j --banner
	local out=$started_out err=$started_err
	wait_for grep -q ready "$err"
	start rpmsg-listen -b rpmsg0 -n clock
	wait_for grep -q '"type":"bound",.*"service":"clock","src":1024,"dst":50' "$out"
	exits 0 stop "$server"
	wait_for grep -q '"type":"down"' "$out"
	wait_for grep -q 'nobody serves it' "$err"
	serve
	wait_for grep -q '"type":"up"' "$out"
	run -0 rpmsg-ns -b rpmsg0 -R announce again -s 51
	wait_for grep -q '"type":"announce",.*"service":"again"' "$out"
}

@test "watch -t is a duration; a reader that goes away ends it on a silent bus" {
	serve
	run -0 timeout "$DEADLINE" rpmsg-ns -b rpmsg0 watch -t 0.1
	run -0 rpmsg-ns -b rpmsg0 -R announce clock
	run -0 bash -c 'timeout $DEADLINE rpmsg-ns -b rpmsg0 watch | head -n 1; echo "${PIPESTATUS[0]}"'
	assert_line -n 1 141
}

@test "a command substitution on a bus that nobody serves starts one, and does not hang" {
	run -0 timeout "$DEADLINE" bash -c 'x=$(rpmsg-ns); echo "got $x"'
	assert_line 'got '
	assert_output --partial 'started rpmsgd'
}

@test "RPMSG_BUS=none forbids the default" {
	RPMSG_BUS=none run -2 rpmsg-ns
}

@test "misuse is 64, on stderr" {
	local -a bad=('lst' 'wait' 'announce' 'announce a b' 'withdraw' 'list x' 'watch x'
		'--new' 'wait --gone --bound x' 'list --hold' '-s 5' 'announce x -s 0xffffffff'
		'announce x -s -1' 'wait x -t soon' '-o raw' '--no-such' 'wait x --banner'
		'announce aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 'watch --ready-fd 77')
	local args
	for args in "${bad[@]}"; do
		echo "rpmsg-ns $args"
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr rpmsg-ns -b rpmsg0 $args
		assert_output ''
		[[ -n $stderr ]]
	done
	run -64 rpmsg-ns lst
	assert_output --partial "did you mean 'list'?"
}

@test "help and version are on stdout with 0" {
	run -0 --separate-stderr rpmsg-ns --help
	assert_output --partial '--ready-fd'
	run -0 --separate-stderr rpmsg-ns -V
	assert_output --regexp '^rpmsg-ns [0-9.]+$'
}
