# SPDX-License-Identifier: BSD-2-Clause
# Very many messages of random sizes and content: all there, in order, bit for
# bit, also when the reader is stopped in between.

load ../lib/common
load ../lib/process

DEADLINE=60

SEED=20240229
MAX=496

# listen ARG...: rpmsg-listen, whose messages go to a checker as they come
listen()
{
	mkfifo log
	start checking
	checker=$started checked=$started_out complaint=$started_err
	start listening "$@"
	listener=$started said=$started_err
	wait_for grep -q 'rpmsg-listen: ready' "$said"
}

checking()
{
	exec "$BUILD/programs/messages" check "$SEED" "$MAX" <log
}

listening()
{
	exec rpmsg-listen --banner -o log "$@" >log
}

# send COUNT ARG...: rpmsg-send with the messages that the checker expects
send()
{
	start sending "$@"
	sender=$started sent=$started_err
}

sending()
{
	"$BUILD/programs/messages" generate "$SEED" "$MAX" "$1" | rpmsg-send -v -x -l -f - "${@:2}"
}

# Whether more than so many were checked, or the checker found something and ended.
checked_beyond()
{
	local n
	alive "$checker" || return 0
	n=$(tail -n 1 "$checked")
	((${n:-0} > $1))
}

# Stops the listener for so long, in which the sender cannot end.
pause_listener()
{
	kill -STOP "$listener"
	sleep "$1"
	alive "$sender" || fail "sent everything to one who does not read: $(cat "$sent")"
	kill -CONT "$listener"
}

# All COUNT messages were sent, and the listener, told to end, has shown them as they were sent.
whole()
{
	exits 0 waited "$sender"
	assert_file_contains "$sent" "^$1 messages sent"
	exits 130 stop "$listener" INT
	assert_file_contains "$said" "^$1 messages seen, 0 lost\$"
	exits 0 waited "$checker" || fail "$(cat "$complaint")"
	assert_equal "$(tail -n 1 "$checked")" "$1 messages, all as they should be"
}

@test "1,000,000 messages of 0 to 496 bytes to a service, the listener stopped for 3 s in between" {
	serve
	listen -b rpmsg0 -R -n sink
	send 1000000 -b rpmsg0 -n sink
	wait_for checked_beyond 300000
	pause_listener 3
	whole 1000000
}

@test "400,000 messages the other way" {
	serve
	listen -b rpmsg0 -s 77
	send 400000 -b rpmsg0 -R -d 77
	wait_for checked_beyond 10000
	pause_listener 1
	whole 400000
}

@test "400,000 messages on a link between two processes, both ways" {
	listen -b shm:x,num=32 -R -s 77
	send 400000 -b shm:x,num=32 -d 77
	wait_for checked_beyond 10000
	pause_listener 1
	whole 400000
	rm log
	listen -b shm:x -s 77
	send 400000 -b shm:x -R -d 77
	wait_for checked_beyond 10000
	pause_listener 1
	whole 400000
}
