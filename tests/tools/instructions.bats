# SPDX-License-Identifier: BSD-2-Clause
# What a message of 16 bytes costs over the loop, counted by callgrind: send, receive and
# callback, and the loop of the program that does it. Unlike time it is the same on every run.
# tests/run says when it is on the list.

load ../lib/common

instructions()
{
	"$BUILD/programs/instructions" "$@"
}

# collected WAY BATCH N: instructions of a whole run
collected()
{
	valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		"$BUILD/programs/instructions" "$@" 2>&1 | sed -n 's/.*Collected : //p'
}

# costs_at_most CEILING WAY BATCH
costs_at_most()
{
	local few many each
	few=$(collected "$2" "$3" 6400)
	many=$(collected "$2" "$3" 32000)
	[[ -n $few && -n $many ]] || fail "callgrind counted nothing"
	each=$(((many - few) / 25600))
	echo "$each instructions a message"
	((each > 0 && each <= $1)) || fail "$each instructions a message are more than $1"
}

@test "what is counted arrives" {
	for way in h2r r2h; do
		for batch in 1 64; do
			run -0 instructions "$way" "$batch" 6400
		done
	done
}

@test "host to remote in batches: at most 220 instructions a message" {
	costs_at_most 220 h2r 64
}

@test "remote to host in batches: at most 220 instructions a message" {
	costs_at_most 220 r2h 64
}

@test "host to remote one at a time: at most 320 instructions a message" {
	costs_at_most 320 h2r 1
}

@test "remote to host one at a time: at most 320 instructions a message" {
	costs_at_most 320 r2h 1
}

@test "recorded, host to remote in batches: at most 580 instructions a message" {
	export RPMSG_RECORD=$PWD/a.rec,1M
	costs_at_most 580 h2r 64
}

@test "recorded, remote to host in batches: at most 580 instructions a message" {
	export RPMSG_RECORD=$PWD/a.rec,1M
	costs_at_most 580 r2h 64
}
