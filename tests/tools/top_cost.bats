# SPDX-License-Identifier: BSD-2-Clause
# What watching costs, in system calls and instructions, which are the same on every run; and that
# a watcher that stands still is nobody's trouble.

load ../lib/common
load ../lib/process
load ../lib/tmux

no_sanitizer()
{
	[[ -z $SAN ]] || skip "sanitizer: its own $1 would be counted"
}

# endpoints SIDE N [ROUNDS]
endpoints()
{
	start "$BUILD/programs/many_endpoints" rpmsg0 "$@"
	wait_for grep -q ready "$started_out"
}

at_most()
{
	echo "$1, at most $2 $3"
	(($1 > 0 && $1 <= $2))
}

# ---- system calls ----

# pictures FILE: how many were taken, which may be more than were printed. PROTO_STATS is 9, which
# a trace shows as a tab, and is asked of both sides.
pictures()
{
	local n
	n=$(grep -cE '(sendto|recvfrom)\([0-9]+, "\\t\\0\\0\\0' "$1")
	((n > 0 && n % 2 == 0)) || fail "$n times PROTO_STATS in $1"
	echo $((n / 2))
}

# In so many rounds of rpmsg-top
traced()
{
	strace -qq -f -o "trace.$1" rpmsg-top --batch -j -b rpmsg0 -i 0.1 -c "$1" >"rounds.$1"
	assert_equal "$(jq -s 'map(select(.what == "bus" and .side == "host")) | length' "rounds.$1")" "$1"
	assert_equal "$(jq -s 'map(select(.what == "endpoint")) | length' "rounds.$1")" $((1000 * $1))
}

# What the second trace has more than the first of lines with REGEX, a picture
more()
{
	local from to
	from=$(grep -cE -e "$1" trace.2)
	to=$(grep -cE -e "$1" trace.12)
	echo $(((to - from) / ($(pictures trace.12) - $(pictures trace.2))))
}

@test "a picture of 1,000 endpoints: at most 32 questions, and 5 system calls for each" {
	no_sanitizer 'system calls'
	serve
	endpoints host 1000
	traced 2
	traced 12
	at_most "$(more 'sendto\(')" 32 questions
	# but for the lines that are printed
	at_most $(($(more '[0-9]+ +[a-z]') - $(more 'write\(1,'))) 160 'system calls a picture'
}

# Those that wait, read and write
calls()
{
	grep -cE '^(epoll|poll|recv|send|read|write)' "$1"
}

@test "rpmsgd: at most 4 system calls for each question" {
	no_sanitizer 'system calls'
	start strace -qq -o rpmsgd.trace rpmsgd rpmsg0=loop
	wait_for test -S "$RPMSG_DIR/rpmsg0.sock"
	endpoints host 200
	local before after n
	rpmsg-top --batch -j -b rpmsg0 -i 0.1 -c 1 >/dev/null
	before=$(calls rpmsgd.trace) n=$(pictures rpmsgd.trace)
	rpmsg-top --batch -j -b rpmsg0 -i 0.1 -c 21 >/dev/null
	after=$(calls rpmsgd.trace)
	# 6 questions for both sides, and 5 pages of endpoints and one that is empty
	at_most $(((after - before) / ($(pictures rpmsgd.trace) - n))) $((4 * 12)) \
		'system calls a picture'
}

# ---- instructions ----

# instructions CMD...
instructions()
{
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
		sed -n 's/.*Collected : //p'
}

# A recording of N messages of 16 bytes
recorded()
{
	RPMSG_RECORD=$PWD/$1.rec,8M "$BUILD/programs/instructions" h2r 64 "$1"
	run -0 "$BUILD/programs/read_records" "$1.rec" read
	assert_output --regexp "^$1 messages, [1-9][0-9]* events, 0 lost\$"
	run -0 "$BUILD/programs/read_records" "$1.rec" skip
	assert_output --regexp "^$1 messages, [1-9][0-9]* events, 0 lost\$"
	run -0 "$BUILD/programs/read_records" "$1.rec" jump
	assert_output "$1 messages, 0 events, 0 lost"
}

reading()
{
	instructions "$BUILD/programs/read_records" "$2" "$1"
}

showing()
{
	instructions rpmsg-top --batch -j -c 2 -r "$1"
}

# each_costs CEILING COUNT...: COUNT is told of which recording
each_costs()
{
	local few many
	few=$("${@:2}" 6400.rec)
	many=$("${@:2}" 32000.rec)
	[[ -n $few && -n $many ]] || fail "callgrind counted nothing"
	at_most $(((many - few) / 25600)) "$1" 'instructions a message'
}

@test "a record that is read: at most 300 instructions; on the way to an event 90, else none" {
	no_sanitizer instructions
	recorded 6400
	recorded 32000
	each_costs 300 reading read
	each_costs 90 reading skip
	local few many
	few=$(instructions "$BUILD/programs/read_records" 6400.rec jump)
	many=$(instructions "$BUILD/programs/read_records" 32000.rec jump)
	echo "$few for 6400, $many for 32000"
	((few > 0 && many - few < 25600))
}

@test "a record in a file that is shown: at most 1,000 instructions" {
	no_sanitizer instructions
	recorded 6400
	recorded 32000
	each_costs 1000 showing
}

# ---- a watcher that stands still, or has much to watch ----

@test "stopped rpmsg-tops: all 50,000 messages arrive, rpmsgd stays small, and they go on" {
	serve
	local server=$started batch batch_out receiver out
	terminal 100x30
	top -b rpmsg0 -i 0.2
	see 'rpmsg0'
	start rpmsg-top --batch -j -b rpmsg0 -i 0.1
	batch=$started batch_out=$started_out
	wait_for grep -q '"what":"bus"' "$batch_out"
	kill -STOP "$top_pid" "$batch"
	start "$BUILD/programs/flow" receive rpmsg0 50000 7
	receiver=$started out=$started_out
	wait_for grep -q ready "$out"
	start "$BUILD/programs/flow" send rpmsg0 50000 7
	exits 0 waited "$started"
	exits 0 waited "$receiver"
	grep -qx '50000 good' "$out"
	below "$(memory VmHWM "$server")" 40000
	kill -CONT "$batch"
	# 50,000, and an announcement the other way
	arrived()
	{
		jq -s -e 'map(select(.what == "bus" and .side == "remote")) | last | .rx.messages == 50000' \
			"$batch_out"
	}
	wait_for arrived
	exits 130 stop "$batch" INT
	# as a shell does with the terminal of one that was stopped
	ordered 147
	order 'stty sane'
	ordered 0
	order fg
	see '[0-9]{4,} records missed'
	quit_by 0 q
}

@test "endpoints that come and go leave nothing behind: memory is bounded" {
	serve
	start rpmsg-top --batch -j -q -b rpmsg0 -i 0.1 -n nothing-like-it
	local top=$started first last
	endpoints host 500 2
	stop "$started"
	first=$(memory VmHWM "$top")
	endpoints host 500 30
	stop "$started"
	last=$(memory VmHWM "$top")
	alive "$top"
	echo "$first kB after 1,500 endpoints, $last kB after 17,000"
	below "$last" $((first + 6000))
	exits 130 stop "$top" INT
}
