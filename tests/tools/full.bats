# SPDX-License-Identifier: BSD-2-Clause
# A blocking send against a side that consumes nothing, and one that does again.

load ../lib/common
load ../lib/process

# The other side, which a sender stops; $listener is its pid.
listen()
{
	start rpmsg-listen -b shm:x -R -s 50 -q -o raw
	listener=$started heard=$started_out
}

# returned: when the send returned, in ms; and its value must be $1
returned()
{
	[[ $(tail -n 1 "$started_out") =~ ^returned\ (-?[0-9]+)\ after\ ([0-9]+)\ ms$ ]] ||
		fail "$(cat "$started_out" "$started_err")"
	assert_equal "${BASH_REMATCH[1]}" "$1"
	elapsed=${BASH_REMATCH[2]}
}

@test "nothing is consumed: -ERESTARTSYS after the limit and not before" {
	local limit elapsed listener
	listen
	for limit in 50 900; do
		start "$BUILD/programs/blocked_sender" shm:x,num=8 "$limit" "$listener"
		exits 0 waited "$started"
		assert_equal "$(head -n 1 "$started_out")" 'full after 8 messages'
		returned -512
		echo "limit $limit ms, returned after $elapsed ms"
		((elapsed >= limit && elapsed < limit + 1000 * DEADLINE))
		kill -CONT "$listener"
	done
}

@test "the same through rpmsgd" {
	local elapsed listener heard
	listen
	serve b=shm:x,num=8
	start "$BUILD/programs/blocked_sender" b 400 "$listener"
	exits 0 waited "$started"
	assert_equal "$(head -n 1 "$started_out")" 'full after 8 messages'
	returned -512
	((elapsed >= 400 && elapsed < 400 + 1000 * DEADLINE))
	kill -CONT "$listener"
	wait_for has_heard $((8 * 8))

	start "$BUILD/programs/blocked_sender" b 30000 "$listener"
	wait_for grep -q blocking "$started_out"
	kill -CONT "$listener"
	exits 0 waited "$started"
	returned 0
	((elapsed < 15000))
	wait_for has_heard $((17 * 8))
}

# The system calls between "blocking" and "returned", a line each.
calls()
{
	sed -e '1,/write(1, "blocking/d' -e '/write(1, "returned/,$d' trace |
		sed -e 's/^[0-9]* *//'
}

has_heard()
{
	[[ $(wc -c <"$heard") -eq $1 ]]
}

asleep()
{
	calls | grep -q '^ppoll(\|^poll('
}

@test "consumed again within the limit: success at once, woken by the event fd and no timer" {
	local elapsed listener heard
	[[ -z $SAN ]] || skip 'sanitizer: it makes system calls of its own'
	listen
	start strace -f -o trace "$BUILD/programs/blocked_sender" shm:x,num=8 30000 "$listener"
	wait_for asleep
	kill -CONT "$listener"
	exits 0 waited "$started"
	returned 0
	echo "$elapsed ms"
	((elapsed < 15000))
	wait_for has_heard $((9 * 8))

	run calls
	echo "$output"
	# one sleep, with all the time there is, ended by the ring's event fd
	assert_line --index 0 --regexp '^poll\(\[\{fd=[0-9]+, events=POLLIN\}.*, 3000[01]\) = 1 \(\[\{fd=[0-9]+, revents=POLLIN\}\]\)$'
	[[ ${lines[0]} =~ fd=([0-9]+),\ events.*fd=([0-9]+),\ revents ]]
	assert_equal "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
	assert_line --index 1 --regexp "^(read|preadv2)\(${BASH_REMATCH[1]}, .*\) += 8\$"
	refute_line --regexp '^(p?select6?|epoll_p?wait2?|(clock_)?nanosleep|timer.*|setitimer|sched_yield)\('
	assert_equal "$(grep -c '^p\?poll(' <<<"$output")" 1
}
