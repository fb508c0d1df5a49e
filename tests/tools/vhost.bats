# SPDX-License-Identifier: BSD-2-Clause
# vhost-user:SOCKET as a user meets it: errors, files, a guest that is not there, one that
# comes and goes (programs/vhost_guest, which needs no kernel).

bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/process

guest()
{
	start "$BUILD/programs/vhost_guest" "$1"
	wait_for grep -qx up "$started_out"
}

has_channel()
{
	rpmsg-ns -b "$1" list 2>/dev/null | grep -q "^$2 "
}

said()
{
	grep -q -- "$2" "$1"
}

# ---- errors ----

@test "a path that is too long, a directory that is missing, a file in the way" {
	local long
	long=/tmp/$(printf 'x%.0s' {1..110})
	run -1 rpmsgd "g=vhost-user:$long"
	assert_output "rpmsgd: g=vhost-user:$long: vhost-user:$long: too long for a socket"
	run -1 rpmsgd g=vhost-user:missing/s
	assert_output --partial "$PWD/missing/s"
	assert_output --partial "No such file or directory"
	echo mine >file
	run -1 rpmsgd g=vhost-user:file
	assert_output "rpmsgd: g=vhost-user:file: $PWD/file is there and is not a socket"
	assert_equal "$(cat file)" mine
	assert_equal "$(ls -A)" "$(printf 'file\nrpmsg')"
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "options that it does not have, and sizes that cannot be" {
	run -1 rpmsgd g=vhost-user:s,num=4
	assert_output --partial "unknown option 'num' (size=N, inband)"
	run -1 rpmsgd g=vhost-user:s,inband=1
	assert_output --partial "unknown option 'inband'"
	run -1 rpmsgd g=vhost-user:s,nonsense
	assert_output --partial "unknown option 'nonsense'"
	run -1 rpmsgd g=vhost-user:s,size=7
	assert_output --partial "size=7 is not a multiple of 8 from 32 to 65536"
	run -1 rpmsgd g=vhost-user:s,size=x
	assert_output --partial "size='x' is not a number"
	run -1 rpmsgd g=vhost-user:,inband
	assert_output --partial "no socket is named"
	run -64 rpmsgd g=vhost-user:
	assert_output --partial "is not a LINK"
	assert_equal "$(ls -A)" rpmsg
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "one who comes second is told who has it" {
	serve g=vhost-user:s
	local first=$started
	run -1 rpmsgd h=vhost-user:s
	assert_output "rpmsgd: h=vhost-user:s: vhost-user:s is held by pid $first (rpmsgd)"
	run -1 rpmsg-listen -b vhost-user:./s -n x -t 1
	assert_output --partial "is held by pid $first (rpmsgd)"
	assert_socket_exists s
	guest s
	wait_for has_channel g in-guest
}

# ---- files ----

@test "the socket is its owner's alone, and goes with who made it" {
	serve g=vhost-user:s
	local daemon=$started
	assert_equal "$(stat -c '%a %F' s)" "600 socket"
	exits 0 stop "$daemon"
	run -0 find . -name 's*' ! -name 'start.*'
	refute_output
}

@test "what a killed one left is taken over" {
	serve g=vhost-user:s
	exits 137 stop "$started" KILL
	assert_socket_exists s
	serve g=vhost-user:s
	guest s
	wait_for has_channel g in-guest
}

@test "in the background a relative path stays where it was meant" {
	mkdir sub
	run -0 rpmsgd -D g=vhost-user:sub/s
	refute_output
	assert_socket_exists sub/s
	guest "$PWD/sub/s"
	wait_for has_channel g in-guest
	rpmsgd --stop g
	assert_equal "$(ls -A sub)" ''
}

@test "-R says what is so anyhow" {
	serve -R g=vhost-user:s
	guest s
	wait_for has_channel g in-guest
	run -0 rpmsg-send -b g -R -n in-guest --reply hello
	assert_output hello
}

# ---- no guest ----

@test "while no guest is there the link is down, and the tools say so" {
	serve g=vhost-user:s
	run -0 --separate-stderr rpmsg-ns -b g list
	refute_output
	assert_equal "$stderr" "g: no channels, the link is down"
	run -2 rpmsg-ns -b g -t 0.2 wait in-guest
	assert_output --partial "in-guest"
	run -2 rpmsg-send -b g -t 0.2 -n in-guest x
	run -2 rpmsg-send -b g -t 0.2 -d 1024 x
	assert_output --partial "nobody is on the other side of the link"
	run -0 rpmsg-listen -b g -t 0.2
	run -0 rpmsg-ns -b vhost-user:other list
	assert_output --partial "the link is down"
	assert_not_exists other
}

# ---- a guest ----

@test "a guest's service is found, written to, and gone with it" {
	serve g=vhost-user:s
	guest s
	local pid=$started
	wait_for has_channel g in-guest
	run -0 rpmsg-send -b g -n in-guest --reply hello
	assert_output hello
	assert_equal "$(tail -n 1 "$started_out")" hello
	exits 143 stop "$pid"
	has_no_channel()
	{
		! has_channel g in-guest
	}
	wait_for has_no_channel
	guest s
	wait_for has_channel g in-guest
	run -0 rpmsg-send -b g -n in-guest --reply again
	assert_output again
}

@test "the guest of the bus that serves ends with it" {
	serve g=vhost-user:s
	local daemon=$started
	guest s
	wait_for has_channel g in-guest
	local pid=$started
	exits 0 stop "$daemon"
	exits 0 waited "$pid"
}

@test "--exit-on-down: the end of the guest is exit 6" {
	serve g=vhost-user:s
	guest s
	local pid=$started
	wait_for has_channel g in-guest
	start rpmsg-listen -b g -n in-guest --exit-on-down --banner
	local listener=$started
	wait_for said "$started_err" ready
	start rpmsg-listen -b g --exit-on-down --banner
	local watcher=$started
	wait_for said "$started_err" ready
	exits 143 stop "$pid"
	exits 6 waited "$listener"
	exits 6 waited "$watcher"
}

@test "a tool by itself is the guest's remote processor" {
	start rpmsg-send -b vhost-user:s -t 20 -n in-guest --reply hello
	local sender=$started out=$started_out
	wait_for test -S s
	guest s
	exits 0 waited "$sender"
	assert_equal "$(cat "$out")" hello
	assert_not_exists s

	start rpmsg-listen -b vhost-user:s -n in-guest --exit-on-down --banner
	local listener=$started err=$started_err
	wait_for test -S s
	assert_equal "$(stat -c %a s)" 600
	guest s
	wait_for said "$err" ready
	exits 143 stop "$started"
	exits 6 waited "$listener"
	assert_not_exists s
}

@test "a second guest waits until the first has gone, and is told of once" {
	start rpmsgd -v g=vhost-user:s
	local err=$started_err
	wait_for test -S s
	guest s
	local first=$started
	wait_for has_channel g in-guest
	start "$BUILD/programs/vhost_guest" s
	local out=$started_out
	wait_for said "$err" "another guest waits"
	run -0 rpmsg-send -b g -n in-guest --ping -c 50 -i 0
	refute said "$out" up
	exits 143 stop "$first"
	wait_for said "$out" up
	wait_for has_channel g in-guest
	assert_equal "$(grep -c 'another guest waits' "$err")" 1
}
