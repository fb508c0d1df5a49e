# SPDX-License-Identifier: BSD-2-Clause
# Very many clients at once, one of which never reads.

load ../lib/common
load ../lib/process

DEADLINE=60

PAIRS=200
# What 400 clients, the recorder and a full queue for one that does not read may cost: kB.
LIMIT=24576
# What the allocator may keep when they have gone, and what may come to that the next time: kB.
KEPT=2048
MORE=256

same_descriptors()
{
	[[ $(descriptors "$server") -eq $1 ]]
}

no_buffer()
{
	local status=0
	rpmsg-send -b rpmsg0 -d 8 --try x || status=$?
	((status == 5))
}

# Until the crowd says so, with a look at the server's memory now and then.
until_crowd_says()
{
	local now
	while ! grep -qx "$1" "$said"; do
		alive "$crowd" || fail "$(cat "$complaint")"
		now=$(memory VmRSS "$server")
		((now <= most)) || most=$now
		sleep 0.1
	done
}

# crowd ROUNDS: all pairs at once, and then none any more
crowd()
{
	start "$BUILD/programs/crowd" rpmsg0 "$PAIRS" "$1"
	crowd=$started said=$started_out complaint=$started_err
	until_crowd_says connected
	until_crowd_says done
	(($(descriptors "$server") > 4 * PAIRS))
	exits 0 stop "$crowd"
}

@test "200 services at once, echo both ways, none lost, while one client never reads" {
	local server log most=0 crowd said complaint sleeper flood fds before after
	serve
	server=$started log=$started_err
	fds=$(descriptors "$server")
	before=$(memory RssAnon "$server")

	start rpmsg-listen -b rpmsg0 -R -s 7 --banner -q
	sleeper=$started
	wait_for grep -q ready "$started_err"
	kill -STOP "$sleeper"
	head -c 400 /dev/zero >zeros
	start rpmsg-send -b rpmsg0 -d 7 -c 1000000000 -t inf -f zeros
	flood=$started
	wait_for no_buffer
	crowd 500
	below "$most" "$LIMIT"
	alive "$flood"
	wait_for grep -q "pid $sleeper .* does not read: [0-9]* messages dropped" "$log"

	exits 143 stop "$flood"
	exits 137 stop "$sleeper" KILL
	wait_for same_descriptors "$fds"
	after=$(memory RssAnon "$server")
	below "$after" $((before + KEPT))

	crowd 50
	wait_for same_descriptors "$fds"
	below "$(memory RssAnon "$server")" $((after + MORE))
	run -0 rpmsg-ns -b rpmsg0 -j
	assert_output ''
	run -0 rpmsg-ns -b rpmsg0 -R announce again
	run -0 rpmsg-ns -b rpmsg0 wait again
}
