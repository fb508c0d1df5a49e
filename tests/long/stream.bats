# SPDX-License-Identifier: BSD-2-Clause
# A million messages across rpmsgd: all there, in order, bit for bit, whatever the reader does.

load ../lib/common

SEED=20240229



# listen ARG...: rpmsg-listen with its output into the fifo log; $listener is its pid
listen()
{
	mkfifo log
	start checking "$SEED"
	checker=$started checked=$started_out checked_err=$started_err
	start listening "$@"
	listener=$started said=$started_err
	wait_for grep -q 'rpmsg-listen: ready' "$said"
}

listening()
{
	exec rpmsg-listen -b rpmsg0 --banner -o log "$@" >log
}

checking()
{
	exec "$BUILD/programs/messages" check "$1" 496 <log
}

# So many were checked already; fails at once when the checker has found something.
checked_beyond()
{
	local n
	alive "$checker" || return 0
	n=$(tail -n 1 "$checked")
	((${n:-0} > $1))
}


# whole COUNT: the listener, told to end, has shown COUNT messages, which are as they were sent
whole()
{
	run stop "$listener" INT
	assert_equal "$status" 130
	run waited "$checker"
	cat "$checked_err"
	assert_equal "$status" 0
	assert_equal "$(tail -n 1 "$checked")" "$1 messages, all as they should be"
	assert_file_contains "$said" "^$1 messages seen, 0 lost\$"
}

@test "1,000,000 messages of 0 to 496 random bytes, the listener stopped for 3 s in between" {
	serve
	listen -R -n sink
	start bash -c '"$BUILD/programs/messages" generate "$0" 496 1000000 |
		rpmsg-send -b rpmsg0 -n sink -x -l -f - -v' "$SEED"
	local sender=$started said_sender=$started_err
	DEADLINE=120 wait_for checked_beyond 300000
	kill -STOP "$listener"
	sleep 3
	run cat "$said_sender"
	refute_output --partial 'messages sent'
	kill -CONT "$listener"
	DEADLINE=240 run waited "$sender"
	cat "$said_sender"
	assert_equal "$status" 0
	assert_file_contains "$said_sender" '^rpmsg-send: 1000000 messages sent'
	whole 1000000
}
