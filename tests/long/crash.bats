# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of anybody at any moment, under traffic: the others go on, and nothing is left behind.

load ../lib/common
load ../lib/process

DEADLINE=60

# What a process may grow by when the same happens again and again: kB.
MORE=256

# later: some time within 30 ms
later()
{
	sleep "$(printf '0.%03d' $((RANDOM % 30)))"
}

listing()
{
	find "$RPMSG_DIR" -mindepth 1 | sort
}

same_descriptors()
{
	[[ $(descriptors "$1") -eq $2 ]]
}

# grown FILE SIZE: the file is longer than that
grown()
{
	(($(stat -c %s "$1") > $2))
}

# goes_on FILE: there is more in the file than there is now, soon
goes_on()
{
	wait_for grown "$1" "$(stat -c %s "$1")"
}

# counted N PATTERN FILE: the pattern is in N lines
counted()
{
	[[ $(grep -c "$2" "$3") -eq $1 ]]
}

generating()
{
	"$BUILD/programs/messages" generate 7 496 | rpmsg-send -b rpmsg0 -n steady -x -l -f - -v -t inf
}

steady()
{
	exec rpmsg-listen -b rpmsg0 -R -n steady --banner -o log > >(
		exec "$BUILD/programs/messages" check 7 496 >checked 2>complaint 3>&-
	)
}

# Client number $1: one of seven kinds. A flood goes to the listener before it.
client()
{
	case $(($1 % 7)) in
	0) exec rpmsg-listen -b rpmsg0 -R -n "victim-$1" -s $((100 + $1)) ;;
	1) exec rpmsg-send -b rpmsg0 -d $((99 + $1)) -c 1000000000 flood ;;
	2) exec rpmsg-listen -b rpmsg0 -o hex ;;
	3) exec rpmsg-ns -b rpmsg0 watch ;;
	4) exec rpmsg-listen -b rpmsg0 -s $((100 + $1)) ;;
	5) exec rpmsg-send -b rpmsg0 -R -d $((99 + $1)) -c 1000000000 flood ;;
	6) exec rpmsg-ns -b rpmsg0 -R announce --hold "held-$1" ;;
	esac
}

# Starts a client and kills it later; some do not take what is sent to them, and die all the same.
murder()
{
	local status=0
	client "$1" >/dev/null &
	later
	((RANDOM % 3)) || kill -STOP "$!"
	later
	kill -KILL "$!"
	wait "$!" || status=$?
	# a flood may have given up for want of a buffer
	[[ $status -eq 137 || $status -eq 5 ]]
} 2>/dev/null

@test "203 clients of all kinds, seven at a time, each killed at a moment of its own" {
	local server log listener sender before fds files i pid
	serve
	server=$started log=$started_err
	start steady
	listener=$started
	wait_for grep -q ready "$started_err"
	local said=$started_err
	start generating
	sender=$started
	local sent=$started_err
	wait_for test -s checked
	fds=$(descriptors "$server")
	files=$(listing)

	for ((i = 0; i < 203; i++)); do
		start murder "$i"
		((i % 7 < 6)) && continue
		for pid in "${started_all[@]: -7}"; do
			exits 0 waited "$pid"
		done
		((i != 69)) || before=$(memory RssAnon "$server")
	done

	goes_on checked
	wait_for same_descriptors "$server" "$fds"
	below "$(memory RssAnon "$server")" $((before + MORE))
	assert_equal "$(listing)" "$files"
	# who dies is not to blame for anything
	run -1 grep closed "$log"
	run -0 rpmsg-ns -b rpmsg0 -R -j
	assert_equal "${#lines[@]}" 1
	assert_output --partial '"steady"'

	# after the last message the generator and the sender end, then the listener
	pkill -TERM -P "$sender" -x messages
	exits 0 waited "$sender"
	[[ $(cat "$sent") =~ ([0-9]+)\ messages\ sent ]]
	wait_for grep -qx "${BASH_REMATCH[1]}" checked
	exits 130 stop "$listener" INT
	assert_file_contains "$said" "^${BASH_REMATCH[1]} messages seen, 0 lost\$"
	wait_for grep -qx "${BASH_REMATCH[1]} messages, all as they should be" checked
}

@test "400 times a side of a link between two processes, or both" {
	run -0 timeout 120 "$BUILD/programs/shm_crash" x 400
	assert_line '400 rounds'
	assert_equal "$(listing)" ''
}

# Both ends of a link answer all they get: one message goes round and round.
ping_pong()
{
	start rpmsg-listen -b shm:x -R -n echo --echo -o hex
	remote=$started remote_err=$started_err
}

@test "50 times the other end of rpmsgd's link" {
	local server remote remote_err client out err i fds before
	serve b=shm:x
	server=$started
	start rpmsg-listen -b b -n echo --echo --hello -o hex
	client=$started out=$started_out err=$started_err
	wait_for grep -q "waiting for 'echo'" "$err"
	ping_pong
	goes_on "$out"
	for ((i = 1; i <= 50; i++)); do
		later
		exits 137 stop "$remote" KILL
		((i % 2)) || wait_for counted "$i" 'link down' "$err"
		ping_pong
		wait_for counted "$i" 'link down' "$err"
		wait_for counted "$((i + 1))" 'link up' "$err"
		goes_on "$out"
		if ((i == 5)); then
			fds=$(descriptors "$server")
			before=$(memory RssAnon "$server")
		fi
	done
	wait_for same_descriptors "$server" "$fds"
	below "$(memory RssAnon "$server")" $((before + MORE))
	alive "$client"
	run -0 rpmsg-ns -b b -j
	assert_equal "${#lines[@]}" 1
}

@test "50 times rpmsgd: its clients and the other end of its link come back" {
	local server remote remote_err client out err i fds
	serve b=shm:x
	server=$started
	start rpmsg-listen -b b -n echo --echo --hello -o hex
	client=$started out=$started_out err=$started_err
	wait_for grep -q "waiting for 'echo'" "$err"
	ping_pong
	goes_on "$out"
	for ((i = 1; i <= 50; i++)); do
		later
		exits 137 stop "$server" KILL
		serve b=shm:x
		server=$started
		wait_for counted "$i" 'link down' "$remote_err"
		wait_for counted "$((i + 1))" 'link up' "$remote_err"
		goes_on "$out"
		((i != 5)) || fds="$(descriptors "$client") $(descriptors "$remote")"
	done
	assert_equal "$(descriptors "$client") $(descriptors "$remote")" "$fds"
	exits 0 stop "$server"
	wait_for counted 51 'link down' "$remote_err"
	assert_equal "$(listing)" "$RPMSG_DIR/b.rec.crashed
$RPMSG_DIR/shm-x.remote.lock"
}

@test "20 times rpmsgd with a sender: it ends with 6, the listener stays" {
	local server listener out sender i
	serve
	server=$started
	start rpmsg-listen -b rpmsg0 -R -n sink -o hex
	listener=$started out=$started_out
	for ((i = 0; i < 20; i++)); do
		start rpmsg-send -b rpmsg0 -n sink -c 1000000000 message
		sender=$started
		goes_on "$out"
		later
		exits 137 stop "$server" KILL
		exits 6 waited "$sender"
		serve
		server=$started
	done
	run -0 rpmsg-send -b rpmsg0 -n sink 'the last one'
	wait_for grep -q "$(printf 'the last one' | od -An -tx1 | tr -d ' \n')" "$out"
	alive "$listener"
}
