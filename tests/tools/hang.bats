# SPDX-License-Identifier: BSD-2-Clause
# A tool may start a rpmsgd, and whoever waits for the tool does not wait for that:
# in each case the daemon is still there when the tool's surroundings are done.

load ../lib/common
load ../lib/process

# The rpmsgd of this case.
daemons()
{
	local pid
	for pid in $(case_processes); do
		[[ $(cat "/proc/$pid/comm" 2>/dev/null) != rpmsgd ]] || echo "$pid"
	done
}

# Exactly one rpmsgd is there, and it ends.
one_daemon()
{
	local pid
	pid=$(daemons)
	assert_regex "$pid" '^[0-9]+$'
	kill "$pid"
	wait_for all_gone "$pid"
}

@test "a command substitution, its standard error included" {
	local x
	x=$(timeout 30 rpmsg-ns -j 2>&1)
	assert_equal "$x" 'bus: rpmsg0, a software bus (started rpmsgd rpmsg0=loop)'
	one_daemon
}

@test "a pipe to cat" {
	run -0 timeout 30 bash -c 'rpmsg-ns 2>&1 | cat'
	assert_line --partial 'started rpmsgd'
	one_daemon
}

@test "standard descriptors that are closed" {
	timeout 30 rpmsg-ns <&- >&- 2>&- || true
	one_daemon
}

@test "bats with its descriptor 3 open" {
	printf '%s\n' '@''test "inner" {' rpmsg-ns '[ -e /dev/fd/3 ]' 'rpmsg-send -d 30 x >&3' '}' >inner.bats
	run -0 timeout 30 bats --tap inner.bats
	assert_line 'ok 1 inner'
	one_daemon
}

@test "make with its job server" {
	printf 'all: a b c\na b c:\n\t+rpmsg-ns\n' >Makefile
	run -0 timeout 30 make -j 2
	one_daemon
}

@test "a terminal that is gone, and a process group that is killed" {
	run timeout 30 script -qec 'rpmsg-ns; kill -HUP -$$; sleep 30' /dev/null
	assert_equal "$status" 129
	one_daemon
}

# Number $1 of many different tools.
any_tool()
{
	case $(($1 % 5)) in
	0) rpmsg-ns ;;
	1) rpmsg-send -d 30 "from $1" ;;
	2) rpmsg-listen -t 0.2 ;;
	3) rpmsg-ns -R announce "number-$1" ;;
	4) rpmsg-listen -s "$1" -t 0.2 -o json ;;
	esac
}

@test "50 tools at once on a bus that nobody serves: one daemon, which goes away by itself" {
	local i pid
	for i in {1..50}; do
		start any_tool "$i"
	done
	for pid in "${started_all[@]}"; do
		DEADLINE=60 exits 0 waited "$pid"
	done
	cat start.*.err >told
	assert_equal "$(grep -c '^bus: rpmsg0, a software bus (started rpmsgd' told)" 1
	assert_equal "$(grep -c '^bus: rpmsg0$' told)" 49
	run -0 rpmsg-ns -j
	assert_equal "$(grep -c number- <<<"$output")" 10
	pid=$(daemons)
	assert_regex "$pid" '^[0-9]+$'
	DEADLINE=30 wait_for all_gone "$pid"
	assert_equal "$(find "$RPMSG_DIR" -mindepth 1 ! -name .start.lock)" ''
}
