# SPDX-License-Identifier: BSD-2-Clause
# Very many messages of random sizes and content: all there, in order, bit for
# bit, also when the reader is stopped in between.

load ../lib/common
load ../lib/process

DEADLINE=60

SEED=20240229
MAX=496

# listen N ARG...: rpmsg-listen, whose messages go to a checker as they come, which stops
# it when it has checked N of them
listen()
{
	mkfifo log
	start listening "${@:2}"
	listener=$started said=$started_err
	start checking "$1" "$listener"
	checker=$started checked=$started_out complaint=$started_err
	wait_for grep -q 'rpmsg-listen: ready' "$said"
}

listening()
{
	exec rpmsg-listen --banner -o log "$@" >log
}

checking()
{
	exec "$BUILD/programs/messages" check "$SEED" "$MAX" "$@" <log
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

stopped()
{
	grep -q '^State:	T' "/proc/$1/status" || ! alive "$checker"
}

# Lets the listener go on when it has been stopped for so long, in which the sender cannot end.
resume_after()
{
	wait_for stopped "$listener"
	sleep "$1"
	alive "$sender" || fail "sent everything to one who does not read: $(cat "$sent")"
	kill -CONT "$listener"
}

checked()
{
	grep -qx "$1" "$checked" || ! alive "$checker"
}

# All COUNT messages were sent, and the listener, told to end, has shown them as they were sent.
whole()
{
	exits 0 waited "$sender"
	assert_file_contains "$sent" "^$1 messages sent"
	wait_for checked "$1"
	exits 130 stop "$listener" INT
	assert_file_contains "$said" "^$1 messages seen, 0 lost\$"
	exits 0 waited "$checker" || fail "$(cat "$complaint")"
	assert_equal "$(tail -n 1 "$checked")" "$1 messages, all as they should be"
}

@test "1,000,000 messages of 0 to 496 bytes to a service, the listener stopped for 3 s in between" {
	serve
	listen 300000 -b rpmsg0 -R -n sink
	send 1000000 -b rpmsg0 -n sink
	resume_after 3
	whole 1000000
}

@test "200,000 messages the other way" {
	serve
	listen 50000 -b rpmsg0 -s 77
	send 200000 -b rpmsg0 -R -d 77
	resume_after 1
	whole 200000
}

@test "200,000 messages on a link between two processes, both ways" {
	listen 50000 -b shm:x,num=32 -R -s 77
	send 200000 -b shm:x,num=32 -d 77
	resume_after 1
	whole 200000
	rm log
	listen 50000 -b shm:x -s 77
	send 200000 -b shm:x -R -d 77
	resume_after 1
	whole 200000
}
