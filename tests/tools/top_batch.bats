# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top --batch: rounds of text and JSON, their numbers, and buses that go.

load ../lib/common
load ../lib/process

# echo NAME [BUS]: a service of the remote side that answers all it gets
echo_service()
{
	start rpmsg-listen -q -b "${2:-rpmsg0}" -R -n "$1" --echo
	rpmsg-ns -q -b "${2:-rpmsg0}" wait "$1"
}

# speak NAME COUNT PAYLOAD [BUS]: so many messages, and their answers
speak()
{
	rpmsg-send -q -b "${4:-rpmsg0}" -n "$1" -c "$2" --reply="$2" "$3" >/dev/null
}

# top ARG...: rounds of JSON in the file "out"
top()
{
	run -0 --separate-stderr rpmsg-top --batch -j -i 0.2 "$@"
	printf '%s\n' "${lines[@]}" >out
}

# picked FILTER: what jq makes of all rounds, one a line
picked()
{
	jq -c "$1" out
}

# How many rounds FILE has: each begins with the lines of the host's side.
rounds()
{
	jq -c 'select(.what == "bus" and .side == "host") | .ts' "$1" 2>/dev/null | sort -u | wc -l
}

has_rounds()
{
	(($(rounds "$1") >= $2))
}

@test "every number of a known load, by endpoint, channel and bus" {
	serve
	echo_service one
	echo_service two
	speak one 30 hello
	speak two 10 "$(printf '%200s' '')"
	speak two 5 ''
	top -c 1
	picked 'select(.what == "endpoint") | [.side, .service, .rx.messages, .rx.bytes, .rx.sizes, .tx.messages, .tx.bytes, .tx.sizes]' >got
	sort -o got got
	assert_equal "$(<got)" \
'["remote","one",30,150,{"4-7":30},30,150,{"4-7":30}]
["remote","two",15,2000,{"0":5,"128-255":10},15,2000,{"0":5,"128-255":10}]'
	# the senders have gone: their messages are the channels' and the bus's
	picked 'select(.what == "channel" and .side == "host") | [.service, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes]' >got
	sort -o got got
	assert_equal "$(<got)" '["one",30,150,30,150]
["two",15,2000,15,2000]'
	# two announcements more
	run picked 'select(.what == "bus") | [.side, .tx.messages, .rx.messages]'
	assert_output '["host",45,47]
["remote",47,45]'
	# nothing to compare with yet
	run picked 'select(.type == "stats") | .tx.rate, .rx.rate'
	assert_output "$(yes null | head -n "$(picked 'select(.type == "stats") | 1, 1' | wc -l)")"
}

@test "a rate is the difference of counts by that of times, and all rates together are the load" {
	serve
	echo_service one
	start rpmsg-top --batch -j -i 0.2
	local top_pid=$started out=$started_out
	wait_for has_rounds "$out" 1
	rpmsg-send -q -n one -c 400 -i 0.002 -t 60 hello
	wait_for has_rounds "$out" $(($(rounds "$out") + 2))
	exits 130 stop "$top_pid" INT
	# of the bus, and of the endpoint
	jq -s -e '
		def pairs: . as $a | [range(1; length) | [$a[. - 1], $a[.]]];
		def near($a; $b): ($a - $b) | fabs <= 0.02 * $b + 0.01;
		def good:
			(pairs | map(near(.[1].tx.rate.messages;
				(.[1].tx.messages - .[0].tx.messages) / ((.[1].ts | tonumber) - (.[0].ts | tonumber)))) | all)
			and (map(.tx.rate.messages // 0) | min >= 0)
			and (pairs | length >= 3);
		([.[] | select(.what == "bus" and .side == "host")] | good)
		and ([.[] | select(.what == "bus" and .side == "host")] | pairs
			| map(.[1].tx.rate.messages * ((.[1].ts | tonumber) - (.[0].ts | tonumber)))
			| add | near(.; 400))
		and ([.[] | select(.what == "endpoint" and .side == "remote")] | pairs
			| map(.[1].rx.rate.bytes * ((.[1].ts | tonumber) - (.[0].ts | tonumber)))
			| add | near(.; 2000))' "$out"
}

@test "an endpoint that is new has the rate of what it has sent since the round before" {
	serve
	echo_service one
	start rpmsg-top --batch -j -i 0.2 -n one
	local top_pid=$started out=$started_out
	wait_for has_rounds "$out" 2
	start rpmsg-listen -q -n one --hello=first
	wait_for eval 'jq -c "select(.what == \"endpoint\" and .side == \"host\")" "$out" 2>/dev/null | grep -q .'
	wait_for has_rounds "$out" $(($(rounds "$out") + 2))
	exits 130 stop "$top_pid" INT
	jq -s -e '
		([.[] | select(.what == "bus" and .side == "host") | .ts] | unique) as $times
		| [.[] | select(.what == "endpoint" and .side == "host")
			| .ts as $ts
			| .tx.rate.messages * (($ts | tonumber) - ($times[($times | index($ts)) - 1] | tonumber))]
		| add | (. - 1) | fabs < 0.02' "$out"
}

@test "-c rounds, -t, and the same as text" {
	serve
	echo_service one
	speak one 3 hello
	top -c 3
	assert_equal "$(rounds out)" 3
	top -t 1
	assert [ "$(rounds out)" -ge 1 ]
	run -0 --separate-stderr rpmsg-top --batch -i 0.1 -c 2
	assert_equal "$(grep -c '^rpmsg-top 2' <<<"$output")" 2
	assert_equal "$(grep -c '^rpmsg0 host: up, generation 1' <<<"$output")" 2
	assert_line --regexp '^rpmsg0 +remote +one +0x400 +0x400 +pid [0-9]+ \(rpmsg-listen\) +- +- +- +- +0% .* 3 +3$'
	assert_line --regexp '^rpmsg0 +remote +one .* 0 +0 +0 +0 +0% .* 3 +3$'
	assert_line --partial 'ring of 256: 256 free, 0 in flight, 0 held'
}

@test "-R is the remote side alone" {
	serve
	echo_service one
	top -c 1 -R
	assert_equal "$(picked 'select(.type == "stats") | .side' | sort -u)" '"remote"'
}

@test "-n, --filter and --sort" {
	serve
	local i
	for i in 1 2 3; do
		echo_service "svc$i"
		speak "svc$i" $((i * 2)) "$(printf "%$((40 / i))s" '')"
	done
	top -c 1 -n svc2
	assert_equal "$(picked 'select(.what != "bus" and .type == "stats") | .service' | sort -u)" '"svc2"'
	top -c 1 --filter SVC3
	assert_equal "$(picked 'select(.what == "endpoint") | .service')" '"svc3"'
	top -c 1 --filter 0x401
	assert_equal "$(picked 'select(.what == "endpoint" and .side == "remote") | .service')" '"svc2"'
	top -c 1 --filter nothing-like-it
	assert_equal "$(picked 'select(.what != "bus" and .type == "stats")')" ''

	top -c 1 --sort rx
	assert_equal "$(picked 'select(.what == "endpoint") | .service' | tr '\n' ' ')" '"svc3" "svc2" "svc1" '
	top -c 1 --sort -rx
	assert_equal "$(picked 'select(.what == "endpoint") | .service' | tr '\n' ' ')" '"svc1" "svc2" "svc3" '
	top -c 1 --sort=-service
	assert_equal "$(picked 'select(.what == "endpoint") | .service' | tr '\n' ' ')" '"svc3" "svc2" "svc1" '
	top -c 1 --sort last
	assert_equal "$(picked 'select(.what == "endpoint") | .service' | head -1)" '"svc3"'
	for i in bus side service src dst owner tx-rate rx-rate tx-bytes rx-bytes share last errors \
		waiting queued tx rx; do
		top -c 1 --sort "$i"
		assert_equal "$(picked 'select(.what == "endpoint")' | wc -l)" 3
	done
	run -64 rpmsg-top --batch --sort speed
	assert_output --partial "--sort: 'speed' is none of bus, side, service, src, dst, owner, tx-rate, rx-rate, tx-bytes, rx-bytes, share, last, errors, waiting, queued, tx, rx"
}

@test "two buses, and -b all" {
	serve rpmsg0=loop
	serve rpmsg1=loop
	echo_service zero rpmsg0
	echo_service one rpmsg1
	speak zero 2 x rpmsg0
	speak one 7 x rpmsg1
	top -c 1 -b rpmsg0 -b rpmsg1
	run picked 'select(.what == "bus" and .side == "host") | [.bus, .tx.messages]'
	assert_output '["rpmsg0",2]
["rpmsg1",7]'
	top -c 1 -b all
	run picked 'select(.what == "endpoint") | [.bus, .rx.messages]'
	assert_line '["rpmsg0",2]'
	assert_line '["rpmsg1",7]'
	# one that is named besides is not watched twice
	top -c 1 -b all -b rpmsg0
	assert_equal "$(picked 'select(.what == "bus" and .side == "host") | .bus' | sort)" $'"rpmsg0"\n"rpmsg1"'
}

@test "-b all: a bus that is served later is watched too, a socket left over is none" {
	serve rpmsg0=loop
	serve gone=loop
	local gone=$started
	kill -KILL "$gone"
	wait_for test ! -e "/proc/$gone/fd/0"
	assert_exist "$RPMSG_DIR/gone.sock"
	start rpmsg-top --batch -j -i 0.2 -b all
	local top_pid=$started out=$started_out
	wait_for has_rounds "$out" 1
	# one that takes connections and then says nothing holds up nobody
	serve stuck=loop
	local stuck=$started
	kill -STOP "$stuck"
	wait_for grep -q '"bus":"stuck"' "$out"
	serve later=loop
	echo_service one later
	speak one 7 x later
	wait_for grep -q '"bus":"later","what":"endpoint".*"rx":{"messages":7,' "$out"
	kill -CONT "$stuck"
	wait_for grep -q '"bus":"stuck","what":"bus"' "$out"
	exits 130 stop "$top_pid" INT
	run -0 jq -rs '[.[].bus | strings] | unique | join(" ")' "$out"
	assert_output 'later rpmsg0 stuck'
}

@test "rpmsgd starts again between two rounds: told, and nothing is counted against the time before" {
	serve
	local server=$started
	echo_service one
	speak one 50 hello
	start rpmsg-top --batch -j -i 0.2 -b rpmsg0
	local top_pid=$started out=$started_out
	wait_for has_rounds "$out" 2
	exits 0 stop "$server"
	wait_for grep -q '"type":"down"' "$out"
	serve
	wait_for grep -q '"type":"up"' "$out"
	echo_service two
	speak two 4 hello
	wait_for has_rounds "$out" $(($(rounds "$out") + 3))
	assert alive "$top_pid"
	exits 130 stop "$top_pid" INT
	jq -s -e '[.[] | select(.type == "stats") | .tx.rate, .rx.rate | select(. != null) | .messages]
		| min >= 0' "$out"
	jq -s -e '[.[] | select(.what == "bus" and .side == "host")] | last | .tx.messages == 4' "$out"
	# the first round of the new one has no rates again
	jq -s -e '[.[] | select(.type == "up" or (.what == "bus" and .side == "host"))]
		| .[(map(.type) | index("up")) + 1] | .tx.rate == null' "$out"
}

@test "rpmsgd starts again within one interval: down and up are told all the same" {
	serve
	local server=$started
	start rpmsg-top --batch -j -i 3 -b rpmsg0
	local top_pid=$started out=$started_out
	wait_for has_rounds "$out" 1
	exits 0 stop "$server"
	serve
	wait_for has_rounds "$out" 2
	exits 130 stop "$top_pid" INT
	run -0 jq -r 'select(.type == "down" or .type == "up").type' "$out"
	assert_output $'down\nup'
}

@test "--exit-on-down ends with 6" {
	serve
	local server=$started
	start rpmsg-top --batch -j -i 0.2 --exit-on-down
	local top_pid=$started
	wait_for has_rounds "$started_out" 1
	exits 0 stop "$server"
	exits 6 waited "$top_pid"
	grep -q '"type":"down"' "$started_out"
}

@test "a rpmsgd that is stopped holds up nobody" {
	serve rpmsg0=loop
	local server=$started
	serve rpmsg1=loop
	start rpmsg-top --batch -i 0.2 -b rpmsg0 -b rpmsg1
	local top_pid=$started out=$started_out
	wait_for grep -q '^rpmsg0 host: up' "$out"
	kill -STOP "$server"
	wait_for grep -q '^rpmsg0: no answer for' "$out"
	# the other goes on, and its line is told without the rows of the first
	local n
	n=$(grep -c '^rpmsg1 host: up' "$out")
	wait_for eval '(($(grep -c "^rpmsg1 host: up" "$out") > n + 2))'
	# and answers again
	kill -CONT "$server"
	n=$(grep -c '^rpmsg0 host: up' "$out")
	wait_for eval '(($(grep -c "^rpmsg0 host: up" "$out") > n))'
	kill -STOP "$server"
	wait_for eval '[[ $(tail -n 20 "$out") == *"rpmsg0: no answer for"* ]]'
	exits 130 stop "$top_pid" INT
	kill -CONT "$server"
}

@test "a bus that this process alone is a side of" {
	start rpmsg-top --batch -j -i 0.2 -b shm:own
	local out=$started_out
	wait_for has_rounds "$out" 1
	start rpmsg-ns watch -b shm:own -R
	wait_for eval 'jq -s -e "any(.what == \"bus\" and .up)" "$out"'
}

@test "nobody reads any more, or nothing can be written" {
	serve
	run bash -c 'rpmsg-top --batch -q -i 0.1 | head -n 1; echo "${PIPESTATUS[0]}"'
	assert_line 141
	run -1 bash -c 'rpmsg-top --batch -i 0.1 -c 1 >/dev/full'
	assert_output --partial 'standard output: No space left on device'
}

@test "what cannot be meant" {
	run -64 rpmsg-top
	assert_output --partial 'standard output is no terminal: use --batch'
	run -64 rpmsg-top -b nobody
	assert_output --partial 'standard output is no terminal: use --batch'
	run -64 rpmsg-top --batch -i 0.05
	assert_output --partial "--interval: '0.05' is not from 0.1 to 3600"
	run -64 rpmsg-top --batch -i inf
	run -64 rpmsg-top --batch -o hex
	assert_output --partial 'there is text and json here'
	run -64 rpmsg-top --batch -c 0
	run -64 rpmsg-top --batch -w x.pcap
	run -64 rpmsg-top --batch -r x.pcap -b rpmsg0
	run -64 rpmsg-top --batch more
	run -2 rpmsg-top --batch -b nobody
	assert_output --partial 'nobody serves bus nobody'
}

@test "what was wrong with a ring entry that was refused is said" {
	serve rpmsg0=shm:x
	start "$BUILD/programs/hostile_ring" shm:x 3
	refused()
	{
		rpmsg-top --batch -j -c 1 | jq -e 'select(.kind == "malformed").text | contains("id 77777")' | grep -q true
	}
	wait_for refused
}
