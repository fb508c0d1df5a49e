# SPDX-License-Identifier: BSD-2-Clause
# Very many clients at once, one of which never reads.

load ../lib/common

PAIRS=200
ROUNDS=500
# What 400 clients and a full queue for one that does not read may cost rpmsgd: kB.
LIMIT=49152
# What may be kept when they have gone (the allocator's, not ours): kB.
KEPT=2048

# memory FIELD PID: in kB
memory()
{
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$2/status"
}

descriptors()
{
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# Watches the server's memory until the file contains the line.
watch_memory()
{
	local now
	while ! grep -qx "$2" "$1" && alive "$crowd"; do
		now=$(memory VmRSS "$server")
		((now <= most)) || most=$now
		sleep 0.1
	done
}

# ends STATUS CMD...: CMD, which stops or awaits a process, returns STATUS
ends()
{
	local got=0
	"${@:2}" || got=$?
	assert_equal "$got" "$1"
}

same_descriptors()
{
	[[ $(descriptors "$server") -eq $1 ]]
}

@test "200 services at once, echo both ways, none lost, while one client never reads" {
	serve rpmsg0=loop
	local server=$started log=$started_err most=0 crowd out err anon fds sleeper flood
	fds=$(descriptors "$server")
	anon=$(memory RssAnon "$server")

	start rpmsg-listen -b rpmsg0 -R -s 7 --banner -q
	sleeper=$started
	wait_for grep -q ready "$started_err"
	kill -STOP "$sleeper"
	head -c 400 /dev/zero >zeros
	start rpmsg-send -b rpmsg0 -d 7 -c 1000000000 -t inf -f zeros
	flood=$started

	start "$BUILD/programs/crowd" rpmsg0 "$PAIRS" "$ROUNDS"
	crowd=$started out=$started_out err=$started_err
	watch_memory "$out" connected
	watch_memory "$out" done
	grep -qx done "$out" || fail "$(cat "$err")"
	echo "rpmsgd: $most kB at most, $(descriptors "$server") descriptors"
	((most < LIMIT))
	(($(descriptors "$server") > 4 * PAIRS))
	alive "$flood"
	wait_for grep -q "pid $sleeper .* does not read: [0-9]* messages dropped" "$log"

	ends 0 stop "$crowd"
	ends 143 stop "$flood"
	kill -KILL "$sleeper"
	wait_for same_descriptors "$fds"
	echo "afterwards: $(memory RssAnon "$server") kB anonymous, before: $anon kB"
	(($(memory RssAnon "$server") < anon + KEPT))
	run -0 rpmsg-ns -b rpmsg0 -j
	assert_output ''
	run -0 rpmsg-ns -b rpmsg0 -R announce again
	run -0 rpmsg-ns -b rpmsg0 wait again
}
