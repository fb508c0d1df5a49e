# SPDX-License-Identifier: BSD-2-Clause
# The flight recorder: readers that do not read, and what a crash leaves.

load ../lib/common
load ../lib/process

# What fits into the recorder is more than one of the five parts of what is sent.
PART=10000 LEN=490

# Starts rpmsg-listen and returns when it misses nothing any more; sets $listener and $err.
listen()
{
	start rpmsg-listen -b rpmsg0 --banner "$@"
	listener=$started err=$started_err
	wait_for grep -q 'rpmsg-listen: ready' "$err"
}

# A capture into a pipe that nobody empties.
listen_to_pipe()
{
	exec rpmsg-listen -b rpmsg0 --banner -w - >pipe 5>&-
}

empty_pipe()
{
	exec cat pipe 5>&-
}

as_long_as()
{
	[[ $(stat -c %s "$1") -eq $2 ]]
}

ends_with()
{
	tail -c "$LEN" "$1" | grep -qxF "$2"
}

# numbers FROM TO: payloads, one a line
numbers()
{
	seq -f "%0$LEN.0f" "$1" "$2"
}

# ended WHAT ERR: what it says that it saw and lost is all that was sent; sets $seen
ended()
{
	[[ $(tail -n 1 "$2") =~ ^([0-9]+)\ messages\ written\ to\ (.*),\ ([0-9]+)\ lost$ ]] || fail "$(cat "$2")"
	assert_equal "${BASH_REMATCH[2]}" "$1"
	seen=${BASH_REMATCH[1]}
	echo "$1: $seen seen, ${BASH_REMATCH[3]} lost"
	assert_equal $((seen + BASH_REMATCH[3])) $((5 * PART))
	((seen > 0 && BASH_REMATCH[3] > 0))
}

@test "readers that are stopped or full cost nobody else anything, and know what they lost" {
	local stopped stopped_err full full_err reader heard listener err seen part
	serve
	listen -w stopped.pcap
	stopped=$listener stopped_err=$err
	listen -o raw
	reader=$listener heard=$started_out
	mkfifo pipe
	exec 5<>pipe
	start listen_to_pipe
	full=$started full_err=$started_err
	wait_for grep -q 'rpmsg-listen: ready' "$full_err"
	kill -STOP "$stopped"

	for part in 0 1 2 3 4; do
		numbers $((part * PART + 1)) $(((part + 1) * PART)) |
			run -0 timeout 60 rpmsg-send -b rpmsg0 -d 50 -l -f -
		wait_for as_long_as "$heard" $(((part + 1) * PART * LEN))
	done
	numbers 1 $((5 * PART)) | tr -d '\n' | cmp - "$heard"

	kill -CONT "$stopped"
	exits 130 stop "$stopped" INT
	ended stopped.pcap "$stopped_err"
	rpmsg-listen -q -r stopped.pcap -o raw >got
	# it had begun with the last that were still held
	numbers $((5 * PART - seen + 1)) $((5 * PART)) | tr -d '\n' | cmp - got

	start empty_pipe
	wait_for ends_with "$started_out" "$(numbers $((5 * PART)) $((5 * PART)))"
	exec 5>&-
	exits 130 stop "$full" INT
	ended 'standard output' "$full_err"
	exits 0 waited "$started"
	run -0 rpmsg-listen -r "$started_out" -c 1 -o raw
	assert_line --partial "$(numbers 1 1)"
	run -0 rpmsg-listen -r "$started_out" -w copy.pcap
	assert_output "$seen messages written to copy.pcap, 0 lost"
	exits 130 stop "$reader" INT
}

# crash TEXT: a rpmsgd that is killed after it carried TEXT; sets $pid
crash()
{
	serve
	pid=$started
	rpmsg-send -b rpmsg0 -d 50 "$1"
	exits 137 stop "$pid" KILL
}

@test "what a killed rpmsgd recorded is there, and is kept when the next one starts" {
	local pid first rec=$RPMSG_DIR/rpmsg0.rec
	crash hello
	first=$pid
	run -0 --separate-stderr rpmsg-listen -r "$rec" --time n
	assert_output 'rpmsg0 h>r - 0x400>0x32 [5] hello'
	assert_equal "${stderr_lines[0]}" "$rec: pid $pid did not end this recording: it died, or this is a copy from before"
	assert_not_exist "$rec.crashed"

	serve
	assert_file_contains "$started_err" "^rpmsg0: the recording of pid $first, which died, is kept in $rec.crashed\$"
	run -0 rpmsg-send -b rpmsg0 -d 50 other
	run -0 rpmsg-listen -q -r "$rec.crashed" -o raw
	assert_output hello
	# no end that is wanted takes it away or replaces it
	run -0 rpmsgd --stop rpmsg0
	exits 0 waited "$started"
	assert_equal "$(ls -A "$RPMSG_DIR")" rpmsg0.rec.crashed
	crash ''
	crash second
	serve
	run -0 rpmsg-listen -q -r "$rec.crashed" -o raw
	assert_output second
	run -0 rpmsg-ns -b all list
}

@test "an rpmsgd that does not start, or does not record, leaves the recording of the last one" {
	local pid rec=$RPMSG_DIR/rpmsg0.rec
	crash hello
	run -1 rpmsgd rpmsg0=vhost-user:nowhere/socket
	assert_output --partial nowhere
	run -0 rpmsg-listen -q -r "$rec" -o raw
	assert_output hello
	serve --no-record rpmsg0=loop
	run -0 rpmsgd --stop rpmsg0
	exits 0 waited "$started"
	run -0 rpmsg-listen -q -r "$rec" -o raw
	assert_output hello
	echo 'a letter' >"$rec"
	run -1 rpmsgd rpmsg0=loop
	assert_output --partial 'is not a recording'
	assert_equal "$(<"$rec")" 'a letter'
}

@test "the same for a program that records itself" {
	serve
	RPMSG_RECORD=own.rec start rpmsg-listen -b rpmsg0 -R -s 50 -o raw
	local pid=$started heard=$started_out
	wait_for rpmsg-ns -b rpmsg0 -R -j list
	wait_for test -e own.rec
	heard_it()
	{
		rpmsg-send -b rpmsg0 -d 50 hello && [[ -s $heard ]]
	}
	wait_for heard_it
	exits 137 stop "$pid" KILL
	RPMSG_RECORD=own.rec run -0 rpmsg-send -b rpmsg0 -d 50 x
	assert_line "warning: the recording of pid $pid, which died, is kept in $PWD/own.rec.crashed"
	run -0 rpmsg-listen -q -r own.rec.crashed -o raw
	assert_output --partial hello
	# this one had ended
	RPMSG_RECORD=own.rec run -0 rpmsg-send -b rpmsg0 -d 50 x
	refute_output
	# and one that is told to end does not crash
	RPMSG_RECORD=own.rec start rpmsg-listen -b rpmsg0 -R -s 50 -o raw --banner
	wait_for grep -q 'rpmsg-listen: ready' "$started_err"
	rpmsg-send -b rpmsg0 -d 50 hello
	wait_for test -s "$started_out"
	exits 130 stop "$started" INT
	run -0 rpmsg-listen -r own.rec
	refute_output --partial 'did not end'
	assert_output --partial '1 message seen, 0 lost'
	RPMSG_RECORD=own.rec run -0 rpmsg-send -b rpmsg0 -d 50 x
	refute_output
}
