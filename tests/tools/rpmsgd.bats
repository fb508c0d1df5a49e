# SPDX-License-Identifier: BSD-2-Clause
# rpmsgd: serving, sharing, and those who misbehave.

bats_require_minimum_version 1.5.0
load ../lib/common

P=$BUILD/programs

# info_of NAME: the pid that serves it
pid_of()
{
	rpmsgd --list | awk -v name="$1" '$1 == name { print $2 }'
}

fds_of()
{
	find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}

stderr_has()
{
	grep -q -- "$1" "$2"
}

# has_channel SIDE_OPTION... NAME
has_channel()
{
	rpmsg-ns -b rpmsg0 "${@:1:$#-1}" list 2>/dev/null | awk '{ print $1 }' | grep -qx -- "${!#}"
}

# exits CODE CMD...: whether CMD, in this shell, ends with CODE
exits()
{
	local want=$1 got=0
	shift
	"$@" || got=$?
	assert_equal "$got" "$want"
}

# ---- start, list, stop ----

@test "serves a software bus until SIGTERM, and leaves nothing" {
	serve rpmsg0=loop
	local daemon=$started
	run rpmsgd --list
	assert_success
	assert_output --regexp "^rpmsg0 +$daemon +loop +$RPMSG_DIR/rpmsg0.sock$"
	run rpmsg-ns -b rpmsg0 list
	assert_success
	assert_equal "$(stat -c %a "$RPMSG_DIR/rpmsg0.sock")" 600
	exits 0 stop "$daemon"
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
	run rpmsgd --list
	assert_success
	refute_output
}

@test "SIGTERM with clients under way is as clean" {
	serve
	local daemon=$started
	start rpmsg-listen -b rpmsg0 -R -n echo --echo --exit-on-down
	local listener=$started
	wait_for has_channel echo
	start rpmsg-send -b rpmsg0 -n echo --ping -c 1000000 -i 0
	local sender=$started
	wait_for test -s "$started_out"
	exits 0 stop "$daemon"
	exits 6 waited "$listener"
	exits 6 waited "$sender"
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "--stop ends it and waits; who is not there is exit 2" {
	serve a=loop b=loop
	local daemon=$started
	run rpmsgd --stop b
	assert_success
	refute_output
	run rpmsgd --list
	refute_output
	exits 0 waited "$daemon"
	run rpmsgd --stop b
	assert_failure 2
	assert_output "rpmsgd: nobody serves bus b"
}

@test "-D returns when the bus is served, keeps nothing open, and ends in --stop" {
	exec 9>nine
	run rpmsgd -D rpmsg0=loop
	exec 9>&-
	assert_success
	refute_output
	assert_socket_exists "$RPMSG_DIR/rpmsg0.sock"
	local pid
	pid=$(pid_of rpmsg0)
	assert_equal "$(readlink "/proc/$pid/cwd")" /
	local n
	for n in 0 1 2; do
		assert_equal "$(readlink "/proc/$pid/fd/$n")" /dev/null
	done
	run bash -c "readlink /proc/$pid/fd/* | grep -E 'nine|pipe:'"
	refute_output
	# a session of its own
	assert_equal "$(awk '{ print $6 }' "/proc/$pid/stat")" "$pid"
	run rpmsgd --stop rpmsg0
	assert_success
}

@test "-D that cannot serve says why and has the exit code" {
	serve
	run rpmsgd -D rpmsg0=loop
	assert_failure 1
	assert_output "rpmsgd: bus rpmsg0 is already served by pid $started"
	run rpmsgd -D x=nonsense
	assert_failure 64
}

@test "a command substitution around -D does not hang" {
	local x
	x=$(timeout 10 rpmsgd -D rpmsg0=loop)
	assert_equal "$x" ''
	rpmsgd --stop rpmsg0
}

@test "a second one is told who serves, and harms nothing" {
	serve
	run rpmsgd rpmsg0=loop
	assert_failure 1
	assert_output "rpmsgd: bus rpmsg0 is already served by pid $started"
	run rpmsg-ns -b rpmsg0 list
	assert_success
}

@test "of many started at once exactly one serves" {
	local i n=0
	local -a pids=()
	for i in {1..20}; do
		start rpmsgd rpmsg0=loop
		pids+=("$started")
	done
	all_but_one_gone()
	{
		local p gone=0
		for p in "${pids[@]}"; do
			alive "$p" || gone=$((gone + 1))
		done
		[[ $gone -eq 19 ]]
	}
	wait_for all_but_one_gone
	wait_for test -S "$RPMSG_DIR/rpmsg0.sock"
	for i in "${pids[@]}"; do
		! alive "$i" || n=$((n + 1))
	done
	assert_equal "$n" 1
	rpmsg-ns -b rpmsg0 list
}

@test "what a killed one left is taken over" {
	serve
	kill -KILL "$started"
	exits 137 waited "$started"
	assert_socket_exists "$RPMSG_DIR/rpmsg0.sock"
	run rpmsg-ns -b rpmsg0 list
	assert_failure 2
	run rpmsgd --list
	refute_output
	run rpmsgd --stop rpmsg0
	assert_failure 2
	run rpmsgd -D rpmsg0=loop
	assert_success
	run rpmsg-ns -b rpmsg0 list
	assert_success
	run rpmsgd --stop rpmsg0
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "an unsafe directory is refused" {
	chmod 755 "$RPMSG_DIR"
	run rpmsgd rpmsg0=loop
	assert_failure 1
	assert_output --partial "$RPMSG_DIR"
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "--banner and --ready-fd come when the bus can be used" {
	mkfifo ready
	start bash -c 'exec rpmsgd --banner --ready-fd 8 rpmsg0=loop 8>ready'
	run timeout 10 cat ready
	assert_success
	run rpmsg-ns -b rpmsg0 list
	assert_success
	assert stderr_has "rpmsgd: ready: rpmsg0 is served: loop at $RPMSG_DIR/rpmsg0.sock" "$started_err"
}

@test "--idle-exit ends it some time after its last client" {
	serve --idle-exit 0.5 rpmsg0=loop
	local daemon=$started
	start rpmsg-listen -b rpmsg0 -s 50
	local listener=$started
	wait_for stderr_has 0x32 "$started_err"
	sleep 0.8 # longer than it would stay without a client
	assert alive "$daemon"
	exits 130 stop "$listener" INT
	exits 0 waited "$daemon"
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

# ---- links and names ----

@test "names: before the first =, else rpmsg0, rpmsg1 in order" {
	start rpmsgd loop a.b-c=loop:num=4 loop:size=64,num=8
	wait_for test -S "$RPMSG_DIR/rpmsg1.sock"
	run rpmsgd --list
	assert_line --regexp '^a.b-c .* loop:num=4 '
	assert_line --regexp '^rpmsg0 .* loop '
	assert_line --regexp '^rpmsg1 .* loop:size=64,num=8 '
	run rpmsg-send -b rpmsg1 -d 50 "$(printf '%049d' 0)"
	assert_failure
	assert_output --partial 48
}

@test "what is no LINK is a usage error" {
	local link
	for link in '' nonsense loop: loop:num loop:num= loop:num=3x loop:x=3 'loop:num=4,' loopy a= \
		a=b=loop -x=loop shm:; do
		run rpmsgd -- "$link"
		assert_failure 64
		assert_output --partial rpmsgd:
	done
	run rpmsgd
	assert_failure 64
	run rpmsgd a=loop a=loop
	assert_failure 64
	assert_output --partial 'two buses are called a'
	run rpmsgd --list rpmsg0=loop
	assert_failure 64
	run rpmsgd --socket-mode 999 loop
	assert_failure 64
	run rpmsgd --stall 1x loop
	assert_failure 64
	run rpmsgd --record-size 1X loop
	assert_failure 64
	run rpmsgd --stop ../x
	assert_failure 64
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "numbers that no link has, and kernel's buses that are not there, are said" {
	run rpmsgd rpmsg0=loop:num=3
	assert_failure 1
	assert_output --partial 'num=3'
	run rpmsgd rpmsg0=loop:size=33
	assert_failure 1
	assert_output --partial 'size=33'
	run rpmsgd /dev/rpmsg_ctrl99
	assert_failure 1
	assert_output --regexp '^rpmsgd: rpmsg0=/dev/rpmsg_ctrl99: no such control device; there is '
	run rpmsgd rproc:nothere
	assert_failure 1
	assert_output --regexp '^rpmsgd: rpmsg0=rproc:nothere: no such remote processor; there is '
	run rpmsgd -R /dev/rpmsg_ctrl99
	assert_failure 1
	assert_output --partial 'never the remote side'
	assert_equal "$(ls -A "$RPMSG_DIR")" ''
}

@test "one side of a shm link: the other is refused, and a second holder too" {
	serve rpmsg0=shm:x,num=8
	run rpmsg-ns -b rpmsg0 -R list
	assert_failure 2
	assert_output --partial 'host side only'
	run rpmsgd other=shm:x
	assert_failure 1
	assert_output --partial "$started"
	start rpmsgd -R far=shm:x
	wait_for test -S "$RPMSG_DIR/far.sock"
	start rpmsg-listen -b far -n echo --echo
	wait_for has_channel echo
	run rpmsg-send -b rpmsg0 -n echo --expect hello hello
	assert_success
}

@test "the directory and socket open for others as far as is asked, and close behind the last" {
	# bats' own folder is closed to others
	export RPMSG_DIR
	RPMSG_DIR=$(mktemp -d /tmp/rpmsg-others.XXXXXX)
	start rpmsgd --socket-mode 666 rpmsg0=loop
	wait_for test -S "$RPMSG_DIR/rpmsg0.sock"
	assert_equal "$(stat -c %a "$RPMSG_DIR/rpmsg0.sock")" 666
	assert_equal "$(stat -c %a "$RPMSG_DIR")" 711
	start rpmsgd --socket-mode 660 rpmsg1=loop
	wait_for test -S "$RPMSG_DIR/rpmsg1.sock"
	if [[ $(id -u) -eq 0 ]]; then
		cp "$BUILD/bin/rpmsg-ns" "$BUILD/lib/librpmsg.so.0" "$RPMSG_DIR"
		local -a nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups
			env LD_LIBRARY_PATH="$RPMSG_DIR" "$RPMSG_DIR/rpmsg-ns")
		run "${nobody[@]}" -b "$RPMSG_DIR/rpmsg0.sock" list
		assert_success
		run "${nobody[@]}" -b "$RPMSG_DIR/rpmsg1.sock" list
		assert_failure 1
		assert_output --partial 'Permission denied'
		rm "$RPMSG_DIR/rpmsg-ns" "$RPMSG_DIR/librpmsg.so.0"
	fi
	rpmsgd --stop rpmsg1
	assert_equal "$(stat -c %a "$RPMSG_DIR")" 711
	rpmsgd --stop rpmsg0
	assert_equal "$(stat -c %a "$RPMSG_DIR")" 700
	run rpmsgd --socket-group no-such-group rpmsg0=loop
	assert_failure 1
	assert_output --partial no-such-group
	rmdir "$RPMSG_DIR"
}

# ---- sharing ----

@test "the first holder has the channel, later ones are told who and get addresses of their own" {
	serve
	start rpmsg-listen -b rpmsg0 -R -n echo --echo
	wait_for has_channel echo
	start rpmsg-listen -b rpmsg0 -n echo
	local holder=$started
	wait_for stderr_has 'taking part' "$started_err"
	run rpmsg-listen -b rpmsg0 -n echo
	assert_failure 1
	assert_output --partial "pid $holder (rpmsg-listen)"
	run rpmsg-send -b rpmsg0 -n echo --expect hello hello
	assert_success
	start rpmsg-listen -b rpmsg0 -s 77
	wait_for stderr_has 0x4d "$started_err"
	run rpmsg-send -b rpmsg0 -s 77 -d 1024 hello
	assert_failure 1
	assert_output --partial "pid $started (rpmsg-listen)"
}

@test "a killed holder is gone at once" {
	serve
	start rpmsg-listen -b rpmsg0 -R -n echo --echo
	wait_for has_channel echo
	local i
	for i in {1..15}; do
		start rpmsg-listen -b rpmsg0 -n echo
		wait_for stderr_has 'taking part' "$started_err"
		exits 137 stop "$started" KILL
	done
	start rpmsg-listen -b rpmsg0 -n echo
	wait_for stderr_has 'taking part' "$started_err"
}

@test "a client's services go with it, announced ones stay until withdrawn" {
	serve
	rpmsg-ns -b rpmsg0 -R announce stays
	start rpmsg-listen -b rpmsg0 -R -n goes
	wait_for has_channel goes
	has_channel stays
	kill -KILL "$started"
	wait_for eval '! has_channel goes'
	has_channel stays
	has_channel -R stays
	run rpmsg-ns -b rpmsg0 -R withdraw stays
	assert_success
	run has_channel stays
	assert_failure
}

@test "many clients at once echo, while one more never reads" {
	serve
	local daemon=$started before
	before=$(fds_of "$daemon")
	start rpmsg-listen -b rpmsg0 -R -s 9
	local deaf=$started
	wait_for stderr_has 0x9 "$started_err"
	kill -STOP "$deaf"
	rpmsg-send -b rpmsg0 -s 8 -d 9 -c 400 "$(printf '%0400d' 0)"
	start "$P/crowd" rpmsg0 20 100
	wait_for grep -qx "done" "$started_out"
	exits 0 stop "$started"
	kill -CONT "$deaf"
	exits 130 stop "$deaf" INT
	wait_for eval "[[ \$(fds_of $daemon) -eq $before ]]"
	run rpmsg-ns -b rpmsg0 list
	assert_output --partial 'no channels'
}

# ---- what was accepted arrives ----

@test "all arrives, in order, bit for bit, though the reader is stopped for 3 s" {
	serve rpmsg0=loop:num=64
	start "$P/flow" receive rpmsg0 100000 42
	local receiver=$started
	wait_for has_channel flow
	start "$P/flow" send rpmsg0 100000 42
	kill -STOP "$receiver"
	sleep 3 # longer than anything that could be taken for a delay
	kill -CONT "$receiver"
	exits 0 waited "$started"
	exits 0 waited "$receiver"
}

@test "a sender that ends after its last message loses none of them" {
	serve rpmsg0=loop:num=4
	start "$P/flow" slow rpmsg0 300 3 1
	local receiver=$started
	wait_for has_channel flow
	run "$P/flow" send rpmsg0 300 3
	assert_success
	exits 0 waited "$receiver"
}

@test "a reader that is slow, not dead, loses nothing" {
	serve --stall 2 rpmsg0=loop:num=4
	local daemon_err=$started_err
	# One message outlasts the daemon's looks, and one record the whole stall time.
	start "$P/flow" slow rpmsg0 30 7 400
	local receiver=$started
	wait_for has_channel flow
	"$P/flow" send rpmsg0 30 7
	export DEADLINE=60
	exits 0 waited "$receiver"
	refute stderr_has dropped "$daemon_err"
}

@test "who does not read is dropped, reported, and heard again" {
	serve --stall 1 rpmsg0=loop:num=16
	local daemon_err=$started_err
	start "$P/flow" receive rpmsg0 20000 6
	local receiver=$started receiver_err=$started_err
	wait_for has_channel flow
	kill -STOP "$receiver"
	# the sender waits for the ring, until the reader is given up
	run timeout 30 "$P/flow" send rpmsg0 20000 6
	assert_success
	assert stderr_has "pid $receiver (flow) endpoint 0x400 does not read" "$daemon_err"
	kill -CONT "$receiver"
	wait_for stderr_has '^dropped [1-9]' "$receiver_err"
	wait_for stderr_has "reads again: $(awk '{ print $2 }' "$receiver_err") messages" "$daemon_err"
	stop "$receiver" || true
}

@test "--try: exit 5 on the first message too many, and exactly those before it are there" {
	serve rpmsg0=shm:x,num=8
	start rpmsg-listen -b shm:x -R -n sink -o raw
	local listener=$started listener_out=$started_out
	wait_for has_channel sink
	kill -STOP "$listener"
	run rpmsg-send -b rpmsg0 -n sink --try -c 8 x
	assert_success
	run rpmsg-send -b rpmsg0 -n sink --try x
	assert_failure 5
	assert_output --partial '0/8'
	run rpmsg-send -b rpmsg0 -n sink -t 0.5 x
	assert_failure 5
	kill -CONT "$listener"
	wait_for eval "[[ \$(stat -c %s '$listener_out') -eq 8 ]]"
	run rpmsg-send -b rpmsg0 -n sink --try x
	assert_success
	wait_for eval "[[ \$(stat -c %s '$listener_out') -eq 9 ]]"
}

@test "kill -9 of senders and receivers under traffic harms nobody else" {
	serve rpmsg0=loop:num=32
	local daemon=$started before i
	start "$P/flow" receive rpmsg0 300000 11
	local receiver=$started
	wait_for has_channel flow
	start "$P/flow" send rpmsg0 300000 11
	local sender=$started
	before=$(fds_of "$daemon")
	for i in {1..25}; do
		start rpmsg-listen -b rpmsg0 -R -n "victim$i" --echo
		local listener=$started
		wait_for has_channel "victim$i"
		start rpmsg-send -b rpmsg0 -n "victim$i" --ping -i 0 -c 1000000
		wait_for test -s "$started_out"
		kill -KILL "$started" "$listener"
	done
	export DEADLINE=100
	exits 0 waited "$sender"
	exits 0 waited "$receiver"
	wait_for eval "[[ \$(fds_of $daemon) -lt $before ]]"
	run rpmsg-ns -b rpmsg0 list
	assert_output --partial 'no channels'
}

# ---- the hostile ----

@test "a hostile client is closed, and nobody else notices" {
	serve rpmsg0=loop:num=16
	local daemon=$started before
	start "$P/flow" receive rpmsg0 50000 5
	local receiver=$started
	wait_for has_channel flow
	before=$(fds_of "$daemon")
	start "$P/flow" send rpmsg0 50000 5
	local sender=$started
	run timeout 60 "$P/hostile_client" "$RPMSG_DIR/rpmsg0.sock" 1000 "$RANDOM"
	assert_success
	assert_output --partial alive
	exits 0 waited "$sender"
	exits 0 waited "$receiver"
	wait_for eval "[[ \$(fds_of $daemon) -lt $before ]]"
	exits 0 stop "$daemon"
}

@test "without descriptors clients are refused, the rest goes on, and nothing spins" {
	start bash -c 'ulimit -n 48; exec rpmsgd rpmsg0=loop'
	local daemon=$started i
	wait_for test -S "$RPMSG_DIR/rpmsg0.sock"
	start rpmsg-listen -b rpmsg0 -R -n echo --echo
	wait_for has_channel echo
	local -a many=() errs=()
	for i in {1..30}; do
		start rpmsg-listen -b rpmsg0 -s $((2000 + i))
		many+=("$started")
		errs+=("$started_err")
	done
	settled()
	{
		local k
		for k in "${!many[@]}"; do
			! alive "${many[k]}" || stderr_has 'taking part' "${errs[k]}" || return 1
		done
	}
	wait_for settled
	grep -q 'Too many open files' "${errs[@]}"
	local ticks
	ticks=$(awk '{ print $14 + $15 }' "/proc/$daemon/stat")
	sleep 1 # of idleness
	assert [ $(($(awk '{ print $14 + $15 }' "/proc/$daemon/stat") - ticks)) -lt 20 ]
	for i in "${many[@]}"; do
		stop "$i" INT || true
	done
	# rpmsgd has yet to hear that they are gone
	wait_for rpmsg-send -b rpmsg0 -n echo --expect hello hello
}

# ---- the recorder ----

@test "each message is recorded once, by whichever side it was sent" {
	serve
	start rpmsg-listen -b rpmsg0
	local watcher=$started watcher_out=$started_out
	wait_for test -e "$RPMSG_DIR/rpmsg0.rec"
	start rpmsg-listen -b rpmsg0 -R -n echo --echo
	wait_for has_channel echo
	rpmsg-send -b rpmsg0 -n echo --expect hello hello
	wait_for eval "[[ \$(grep -c hello '$watcher_out') -eq 2 ]]"
	exits 130 stop "$watcher" INT
	assert_equal "$(grep -c 'h>r.*hello' "$watcher_out")" 1
	assert_equal "$(grep -c 'r>h.*hello' "$watcher_out")" 1
}

@test "RPMSG_RECORD in the environment is a client's affair" {
	RPMSG_RECORD=$PWD/daemon.rec serve
	assert_not_exist daemon.rec
	start rpmsg-listen -b rpmsg0 -R -n echo --echo
	wait_for has_channel echo
	RPMSG_RECORD=$PWD/own.rec rpmsg-send -b rpmsg0 -n echo --expect hello hello
	run rpmsg-listen -r own.rec -o log
	assert_success
	assert_line --partial 'h>r'
	assert_line --partial 'r>h'
}

@test "--no-record makes no file, and watching says why not" {
	serve --no-record rpmsg0=loop
	assert_not_exist "$RPMSG_DIR/rpmsg0.rec"
	run rpmsg-listen -b rpmsg0 -t 1
	assert_failure 1
	assert_output --partial 'no recorder'
}
