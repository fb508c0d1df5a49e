#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-ns stats: that each number is what was sent, for people, as JSON and as metrics.

load ../lib/common
load ../lib/process

# counted FILTER [ARG...]: what jq makes of the statistics of rpmsg0, or as ARG says
counted()
{
	local filter=$1
	shift
	[[ $# -gt 0 ]] || set -- -b rpmsg0
	rpmsg-ns stats -j "$@" | jq -c "$filter"
}

# is WANT FILTER [ARG...]
is()
{
	local got
	got=$(counted "${@:2}") && [[ $got == "$1" ]] || {
		echo "$2: ${got:-nothing}, not $1"
		return 1
	}
}

# The remote processor, which answers; $service is its pid.
offer()
{
	start rpmsg-listen -b rpmsg0 -R -n "$1" -s 0x410 --echo -q
	service=$started
	run -0 rpmsg-ns -b rpmsg0 wait "$1"
}

# Messages of these sizes and their answers, and one more that is not answered.
exchange()
{
	local n
	for n in 0 1 2 3 3 255 256 496; do
		head -c "$n" /dev/zero | rpmsg-send -b rpmsg0 -n demo-echo --reply -q -f - >/dev/null || return
	done
	kill -STOP "$service"
	rpmsg-send -b rpmsg0 -n demo-echo 1234
	wait_for is 9 'select(.what == "endpoint") | .rx.messages'
}

FLOW='"messages":8,"bytes":1016,"sizes":{"0":1,"1":1,"2-3":3,"128-255":1,"256-511":2}'
FLOW_1='"messages":9,"bytes":1020,"sizes":{"0":1,"1":1,"2-3":3,"4-7":1,"128-255":1,"256-511":2}'

@test "JSON: messages, bytes and sizes each way are what was sent, on both sides" {
	serve
	offer demo-echo
	exchange
	local flow='{messages, bytes, sizes}'
	is "[{$FLOW_1},{$FLOW}]" 'select(.what == "channel" and .side == "host") | [.tx, .rx | '"$flow"']'
	is "[{$FLOW},{$FLOW_1}]" 'select(.what == "channel" and .side == "remote") | [.tx, .rx | '"$flow"']'
	is "[{$FLOW},{$FLOW_1}]" 'select(.what == "endpoint") | [.tx, .rx | '"$flow"']'
	# with the announcement, of 40 bytes
	is '[9,1020,9,1056,1]' \
		'select(.what == "bus" and .side == "host") | [.tx.messages, .tx.bytes, .rx.messages, .rx.bytes, .rx.sizes."32-63"]'
	is '[9,1056,9,1020,1]' \
		'select(.what == "bus" and .side == "remote") | [.tx.messages, .tx.bytes, .rx.messages, .rx.bytes, .tx.sizes."32-63"]'
	is "[\"demo-echo\",1040,1024,true,\"client\",\"rpmsg-listen\",$service]" \
		'select(.what == "endpoint") | [.service, .src, .dst, .own, .holder, .holder_name, .holder_pid]'
}

@test "JSON: sizes sum up to messages, nothing failed, and each line is complete" {
	serve
	offer demo-echo
	exchange
	rpmsg-ns stats -b rpmsg0 -j >out
	assert_equal "$(jq -c '.type + " " + .what + " " + .side' out | paste -sd,)" \
		'"stats bus host","stats channel host","stats bus remote","stats channel remote","stats endpoint remote"'
	run -0 jq -e -s 'all(.[]; [.tx, .rx] | all(.[]; ([.sizes[]] | add) == .messages and .messages > 0))' out
	run -0 jq -e -s 'all(.[]; .errors == {no_buffer: 0, timeout: 0, too_long: 0, no_dst: 0, down: 0,
		lost: 0, other: 0} and .dropped == 0)' out
	run -0 jq -e -s 'all(.[] | .ts, .tx.last, .rx.last; test("^[0-9]+[.][0-9]{9}$"))' out
	# each side has the time at which it counted
	run -0 jq -e -s '[group_by(.side)[] | map(.ts) | unique] | map(length) == [1, 1] and .[0] != .[1]' out
	# the last one passed since the bus is served, before it was asked
	run -0 jq -e -s --argjson from "$(stat -c %Y "$BATS_TEST_TMPDIR")" \
		'all(.[]; (.tx.last | tonumber) >= $from - 1 and (.tx.last | tonumber) <= (.ts | tonumber))' out
	run -0 jq -e -s 'all(.[] | select(.what == "bus"); .up and .generation == 1 and
		(.features | index("VERSION_1") != null) and (.features | index("NS") != null) and
		.num == 256 and .buffer_size == 512 and .mtu_tx == 496 and .mtu_rx == 496 and
		.channels == 1 and .strays == [] and
		([.tx_ring, .rx_ring] | all(.[]; .size == 256 and .size == .free + .in_flight + .held)))' out
	assert_equal "$(jq -c 'select(.what == "bus") | .endpoints' out | paste -sd,)" 0,1
	run -0 jq -e -s 'all(.[] | select(.what == "bus"); .tx_ring.kicks >= 1 and .rx_ring.wakeups >= 1)' out
}

@test "text: the same numbers, and what holds what" {
	serve
	offer demo-echo
	exchange
	run -0 --separate-stderr rpmsg-ns stats -b rpmsg0
	assert_output --regexp '(^|'$'\n'')rpmsg0 host: up, generation 1, VERSION_1 NS '
	assert_line --regexp '^  counted +for [0-9.]+ s, 1 channel, 0 endpoints$'
	assert_line --regexp '^  longest +496 bytes sent, 496 received$'
	assert_line --regexp '^  sent +9 messages, 1020 bytes, the last [0-9.]+ s ago$'
	assert_line --regexp '^  received +9 messages, 1056 bytes, the last [0-9.]+ s ago$'
	assert_line --regexp '^  SERVICE +SRC +DST +TX +TX-BYTES +RX +RX-BYTES +LAST +ERRORS +DROPPED +WAITS +WAITING +QUEUED +HOLDER$'
	assert_line --regexp '^  demo-echo +0x400 +0x410 +9 +1020 +8 +1016 +[0-9.]+ s +0 +0 +[0-9]+ +- +- +nobody$'
	assert_line --regexp "^  demo-echo +0x410 +0x400 +8 +1016 +9 +1020 +[0-9.]+ s +0 +0 +[0-9]+ +0 +0 +pid $service \\(rpmsg-listen\\)$"
	[[ -z $stderr ]]
}

@test "-R: the remote side alone; a bus with one side has one" {
	serve
	serve b=shm:x
	is '"host"
"remote"' 'select(.what == "bus") | .side'
	is '"remote"' 'select(.what == "bus") | .side' -b rpmsg0 -R
	is '"host"' 'select(.what == "bus") | .side' -b b
	run -2 --separate-stderr rpmsg-ns stats -b b -R
	refute_output
}

@test "NAME: only its rows, its sizes; an unknown one is 2 and near ones are named" {
	serve
	offer demo-echo
	exchange
	run -0 rpmsg-ns -b rpmsg0 -R announce other
	run -0 rpmsg-ns -b rpmsg0 wait other
	is '"demo-echo"
"other"' 'select(.what == "channel" and .side == "host") | .service'
	is '"demo-echo"
"demo-echo"
"demo-echo"' 'select(.what != "bus") | .service' -b rpmsg0 demo-echo
	run -0 rpmsg-ns stats -b rpmsg0 -R demo-echo
	assert_line --regexp '^demo-echo 0x410>\?: service, bound$'
	assert_line --regexp '^  sent +1 of 0, 1 of 1, 3 of 2-3, 1 of 128-255, 2 of 256-511 bytes$'
	assert_line --regexp '^  received +1 of 0, 1 of 1, 3 of 2-3, 1 of 4-7, 1 of 128-255, 2 of 256-511 bytes$'
	refute_output --partial other
	run -2 --separate-stderr rpmsg-ns stats -b rpmsg0 demo-ehco
	refute_output
	[[ $stderr == "rpmsg-ns: there is no service 'demo-ehco'; did you mean 'demo-echo'?" ]]
	run -2 --separate-stderr rpmsg-ns stats -b rpmsg0 -j demo-echo nonsense
	refute_output
	[[ $stderr == "rpmsg-ns: there is no service 'nonsense'" ]]
}

@test "no bus is 2, and none is started; several are told one after the other" {
	run -2 --separate-stderr rpmsg-ns stats -b nobody
	refute_output
	[[ $stderr == *nobody* ]]
	# not on a machine that has a bus of the kernel's
	if [[ ! -e /dev/rpmsg_ctrl0 && ! -e /sys/class/remoteproc/remoteproc0 ]]; then
		run -2 --separate-stderr rpmsg-ns stats
		refute_output
		assert_equal "$(ls -A "$RPMSG_DIR")" ''
	fi
	serve a=loop
	serve b=loop
	for buses in '-b a -b b' '-b all'; do
		# shellcheck disable=SC2086 # two words
		is '"a host"
"a remote"
"b host"
"b remote"' '.bus + " " + .side' $buses
	done
}

@test "messages for nobody are told by sender and address, the latest first" {
	serve
	rpmsg-send -b rpmsg0 -s 1999 -d 77 abc -c 2
	rpmsg-send -b rpmsg0 -s 1998 -d 78 ''
	strays_are()
	{
		is '[3,[[1998,78,1,0],[1999,77,2,6]]]' 'select(.what == "bus") |
			[.no_recipient, [.strays[] | [.src, .dst, .messages, .bytes]]]' -b rpmsg0 -R
	}
	wait_for strays_are
	is '[0,[]]' 'select(.what == "bus" and .side == "host") | [.no_recipient, .strays]'
	run -0 rpmsg-ns stats -b rpmsg0 -R
	assert_line --regexp '^  thrown away +0 not read, 3 for nobody, 0 malformed, 0 name service$'
	assert_line --regexp '^  received for addresses that nobody has:$'
	assert_line --regexp '^  0x7cf +0x4d +2 +6 +[0-9.]+ s$'
	run -0 rpmsg-ns stats -b rpmsg0
	assert_equal "$(grep -c 'nobody has' <<<"$output")" 1
}

# Fills the 8 buffers of bus b, whose remote processor, $listener, stands still.
fill()
{
	start rpmsg-listen -b shm:x -R -s 50 -q -o raw
	listener=$started
	serve b=shm:x,num=8
	rpmsg-send -b b -s 60 -d 50 up
	kill -STOP "$listener"
	local n
	for ((n = 0; n < 20; n++)); do
		rpmsg-send -b b -s 60 -d 50 --try abc 2>/dev/null || return 0
	done
	fail 'the ring is never full'
}

waits_now()
{
	[[ $(counted 'select(.what == "endpoint") | .waiting' -b b) == 1 ]]
}

@test "a full ring: nothing free, since when, the failed send, and who waits" {
	local listener
	fill
	is '[8,0,8,0]' 'select(.what == "bus") | .tx_ring | [.size, .free, .in_flight, .held]' -b b
	is 'true' 'select(.what == "bus") | .tx_ring | .full >= 1 and (.full_seconds | tonumber) > 0 and
		(.oldest_seconds | tonumber) > 0 and (.holder | length) > 0' -b b
	is '1' 'select(.what == "bus") | .errors.no_buffer' -b b
	run -0 rpmsg-ns stats -b b
	assert_line --regexp '^  tx ring +8 buffers: 0 free, 8 in flight, 0 held, the oldest for [0-9.]+ s by .+$'
	assert_line --regexp '^  failed sends +1 no_buffer$'

	local waits
	waits=$(counted 'select(.what == "bus") | .waits' -b b)
	start rpmsg-send -b b -s 61 -d 50 waited
	local sender=$started
	wait_for waits_now
	run -0 rpmsg-ns stats -b b
	assert_line --regexp "^  - +0x3d +0x32 .* 1 for [0-9.]+ s +0 +pid $sender \\(rpmsg-send\\)$"
	is 'true' 'select(.what == "endpoint") | [.service, .src, .dst, .holder_pid] == [null, 61, 50, '"$sender"'] and
		(.waiting_seconds | tonumber) > 0' -b b
	kill -CONT "$listener"
	exits 0 waited "$sender"
	is "$((waits + 1))" 'select(.what == "bus") | .waits' -b b
	is 'true' 'select(.what == "bus") | (.wait_seconds | tonumber) > 0' -b b
}

queued()
{
	[[ $(counted "select(.what == \"endpoint\" and .side == \"remote\") | .queued $1") == true ]]
}

@test "what a program does not read is queued" {
	serve
	start rpmsg-listen -b rpmsg0 -R -n demo-echo -s 0x410 -q -o json
	local service=$started
	run -0 rpmsg-ns -b rpmsg0 wait demo-echo
	kill -STOP "$service"
	# more than a socket takes
	head -c 496 /dev/zero >large
	start rpmsg-send -b rpmsg0 -n demo-echo -c 3000 -f large
	local sender=$started
	wait_for queued '> 0'
	run -0 rpmsg-ns stats -b rpmsg0 -R
	assert_line --regexp "^  demo-echo +0x410 .* 0 +[1-9][0-9]*( for [0-9.]+ s)? +pid $service "
	kill -CONT "$service"
	exits 0 waited "$sender"
	wait_for queued '== 0'
	is 3000 'select(.what == "endpoint") | .rx.messages'
}

dropped()
{
	is "$1" 'select(.what == "endpoint" and .side == "remote") | .dropped > 0'
}

@test "what is thrown away because a program does not read is counted, for it and for the side" {
	serve --stall=0.2 rpmsg0=loop
	start rpmsg-listen -b rpmsg0 -R -n demo-echo -s 0x410 -q -o json
	local service=$started n
	run -0 rpmsg-ns -b rpmsg0 wait demo-echo
	kill -STOP "$service"
	head -c 496 /dev/zero >large
	rpmsg-send -b rpmsg0 -n demo-echo -c 3000 -f large
	wait_for dropped true
	n=$(counted 'select(.what == "endpoint") | .dropped')
	is "$n" 'select(.what == "bus" and .side == "remote") | .dropped'
	run -0 rpmsg-ns stats -b rpmsg0 -R
	assert_line --regexp "^  thrown away +$n not read, 0 for nobody, "
	assert_line --regexp "^  demo-echo +0x410 .* s +0 +$n +0 +0 +[0-9]+.* +pid $service "
}

# The first round's number of messages sent by the host, and the sum of all later rounds'.
rounds()
{
	sed -nE 's/^  sent +([0-9]+) messages?,.*/\1/p' "$1" | awk 'NR == 1 { first = $1 } NR > 1 { sum += $1 }
		END { print first "+" sum + 0 }'
}

rounds_are()
{
	[[ $(rounds "$1") == "$2" ]]
}

@test "rounds: the first tells of all, the others of what has come since; JSON of all" {
	serve b=shm:x
	start rpmsg-listen -b shm:x -R -s 50 -q -o raw
	rpmsg-send -b b -s 60 -d 50 1 2 3 4
	start rpmsg-ns stats -b b -i 0.05
	local stats=$started out=$started_out
	wait_for rounds_are "$out" 4+0
	rpmsg-send -b b -s 60 -d 50 5 6 7
	wait_for rounds_are "$out" 4+3
	exits 143 stop "$stats"
	run -0 rpmsg-ns stats -b b -i 0.01 -c 3 -j
	assert_equal "$(jq -c 'select(.what == "bus") | .tx.messages' <<<"$output" | paste -sd,)" 7,7,7
	run -0 rpmsg-ns stats -b b -i 10 -c 99 -t 0.1
	assert_equal "$(grep -c '^b host' <<<"$output")" 1
}

@test "rounds end with 6 when nobody serves the bus any more" {
	serve
	local server=$started
	start rpmsg-ns stats -b rpmsg0 -i 0.05 -j
	local stats=$started
	wait_for test -s "$started_out"
	stop "$server"
	exits 6 waited "$stats"
	assert [ -s "$started_err" ]
}

@test "a link that is down is told, and is no failure" {
	serve b=shm:x
	run -0 rpmsg-ns stats -b b
	assert_line -n 0 'b host: down, generation 0'
	is '[false,null]' 'select(.what == "bus") | [.up, .mtu_tx]' -b b
	run -0 rpmsg-ns stats -b b --openmetrics
	assert_line 'rpmsg_served{bus="b"} 1'
	assert_line 'rpmsg_up{bus="b"} 0'
}

@test "options that mean nothing are misuse" {
	local args
	for args in 'list -i 1' 'list -c 1' 'watch --openmetrics' 'stats -i 0' 'stats -i inf' 'stats -c 0' 'stats -i x' \
		'stats --openmetrics -i 1' 'stats --openmetrics -c 1' 'stats --openmetrics -j' 'stats -o hex'; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr rpmsg-ns -b nobody $args
		refute_output
		assert [ -n "$stderr" ]
	done
	run -64 --separate-stderr rpmsg-ns stats --openmetrics -b 'shm:x,num=3'
	refute_output
}

# ---- metrics ----

# strict: whether standard input is OpenMetrics text as we write it; says what is wrong
strict()
{
	awk '
		function bad(why) { print "line " NR ": " why ": " $0; failed = 1; exit 1 }
		ended { bad("behind the end") }
		/^# EOF$/ { ended = 1; next }
		/^# HELP / {
			if (help != type) bad("HELP without TYPE before this one")
			help = $3
			if (help !~ /^rpmsg_[a-z_]+$/ || NF < 4) bad("HELP")
			if (seen[help]++) bad("family is not in one piece")
			samples = 1
			next
		}
		/^# TYPE / {
			type = $3; kind = $4
			if (type != help || NF != 4 || !samples) bad("TYPE")
			if (kind !~ /^(counter|gauge|histogram)$/) bad("unknown type")
			next
		}
		/^#/ { bad("comment") }
		{
			if (!match($0, /^[a-z_]+\{([a-z]+="([^"\\]|\\["\\n])*",?)+\} /)) bad("no sample")
			series = substr($0, 1, RLENGTH - 1); value = substr($0, RLENGTH + 1)
			if (value !~ /^[0-9]+(\.[0-9]+)?$/) bad("no number")
			name = series; sub(/\{.*/, "", name)
			want = type
			if (kind == "counter") want = type "_total"
			if (kind == "histogram") {
				suffix = substr(name, length(type) + 1)
				if (suffix !~ /^_(bucket|sum|count)$/) bad("not of this family")
				want = type suffix
			}
			if (type != help || name != want) bad("not of this family")
			if (there[series]++) bad("twice")
			if (kind == "histogram" && suffix == "_bucket") {
				if (series !~ /,le="(\+Inf|[0-9]+\.0)"\}$/) bad("no le")
				if (value + 0 < last + 0) bad("buckets do not grow")
				last = series ~ /\+Inf/ ? 0 : value
				if (series ~ /\+Inf/) all = value
			}
			if (kind == "histogram" && suffix == "_count" && value != all) bad("_count")
			samples++
		}
		END {
			if (failed) exit 1
			if (!ended) { print "no # EOF"; exit 1 }
		}'
}

# spoiled PROGRAM: strict must refuse what awk makes of a good text
spoiled()
{
	awk "$1" good >spoiled
	run -1 strict <spoiled
	assert [ -n "$output" ]
}

odd_name=$'odd "x" \\n\n\xff'

# A bus with all that has metrics, and its metrics in the file good.
measure()
{
	serve
	offer demo-echo
	run -0 rpmsg-ns -b rpmsg0 -R announce "$odd_name"
	run -0 rpmsg-ns -b rpmsg0 wait "$odd_name"
	exchange
	rpmsg-ns stats -b rpmsg0 --openmetrics >good
	assert [ "$(wc -l <good)" -gt 100 ]
}

@test "--openmetrics: the text is strictly right, and the check can tell" {
	measure
	run -0 strict <good
	refute_output
	spoiled '{ print } /^rpmsg_up/ { print }'
	spoiled '!/^# TYPE rpmsg_up/'
	spoiled '!/^# EOF/'
	spoiled '{ sub(/_total\{/, "{"); print }'
	spoiled '/^# EOF/ { print "# HELP rpmsg_up x\n# TYPE rpmsg_up gauge\nrpmsg_up{bus=\"q\"} 1" } { print }'
	spoiled '{ sub(/demo-echo/, "demo\"echo"); print }'
	spoiled '/le="3.0"/ { sub(/ [0-9]+$/, " 0") } { print }'
	spoiled '/_size_bytes_count/ { sub(/ [0-9]+$/, " 99") } { print }'
	spoiled '/^rpmsg_up/ { $0 = $0 " 1700000000" } { print }'
}

@test "--openmetrics: each number is what was sent" {
	measure
	local channel='bus="rpmsg0",side="host",service="demo-echo",src="0x400",dst="0x410",origin="learned"'
	local endpoint='bus="rpmsg0",side="remote",service="demo-echo",src="0x410",dst="0x400"' line
	while read -r line; do
		grep -qxF "$line" good || fail "not there: $line"
	done <<-END
		rpmsg_served{bus="rpmsg0"} 1
		rpmsg_up{bus="rpmsg0"} 1
		rpmsg_bus_mtu_bytes{bus="rpmsg0",side="host",direction="tx"} 496
		rpmsg_bus_channels{bus="rpmsg0",side="remote"} 2
		rpmsg_bus_endpoints{bus="rpmsg0",side="remote"} 1
		rpmsg_bus_messages_total{bus="rpmsg0",side="host",direction="rx"} 10
		rpmsg_bus_payload_bytes_total{bus="rpmsg0",side="host",direction="rx"} 1096
		rpmsg_bus_send_errors_total{bus="rpmsg0",side="host",error="no_buffer"} 0
		rpmsg_ring_buffers{bus="rpmsg0",side="host",queue="tx",state="held"} 0
		rpmsg_channel_messages_total{$channel,direction="tx"} 9
		rpmsg_channel_payload_bytes_total{$channel,direction="rx"} 1016
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="0.0"} 1
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="1.0"} 2
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="3.0"} 5
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="127.0"} 6
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="255.0"} 7
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="511.0"} 9
		rpmsg_channel_message_size_bytes_bucket{$channel,direction="tx",le="+Inf"} 9
		rpmsg_channel_message_size_bytes_sum{$channel,direction="tx"} 1020
		rpmsg_channel_message_size_bytes_count{$channel,direction="tx"} 9
		rpmsg_endpoint_messages_total{$endpoint,direction="rx"} 9
		rpmsg_endpoint_info{$endpoint,kind="client",holder="rpmsg-listen"} 1
		rpmsg_endpoint_queued_messages{$endpoint} 0
	END
	# what differs stays different: bytes that are not printable, and the backslash
	grep -F 'rpmsg_channel_bound{' good | grep -qF 'service="odd \"x\" \\x5cn\\x0a\\xff"'
	run ! grep -q 'pid' good
}

# The metrics of a server on a port of this machine.
scrape()
{
	local line
	exec 7<>"/dev/tcp/127.0.0.1/$1" || return
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&7
	cat <&7 >metrics
	exec 7>&-
	grep -q '^HTTP/1.0 200' metrics
}

# Samples with their labels in order and numbers in one form.
sorted_samples()
{
	awk '/^rpmsg_/ {
		match($0, /.*\} /)
		value = substr($0, RLENGTH + 1)
		at = index($0, "{")
		n = split(substr($0, at + 1, RLENGTH - at - 3), label, "\",")
		for (i = 1; i <= n; i++) {
			if (label[i] ~ /^le="[0-9]/)
				label[i] = "le=\"" substr(label[i], 5) + 0
			for (k = i; k > 1 && label[k] < label[k - 1]; k--) {
				swap = label[k]; label[k] = label[k - 1]; label[k - 1] = swap
			}
		}
		line = substr($0, 1, at - 1)
		for (i = 1; i <= n; i++)
			line = line " " label[i]
		printf "%s %.13g\n", line, value
	}' "$1" | LC_ALL=C sort
}

listening()
{
	port=$(sed -nE 's/.*msg="?Listening on"? address=127\.0\.0\.1:([0-9]+).*/\1/p' "$1")
	[[ -n $port ]]
}

@test "node_exporter's textfile collector takes all of it" {
	local port
	measure
	mkdir text
	cp good text/rpmsg.prom
	start prometheus-node-exporter --collector.disable-defaults --collector.textfile \
		--collector.textfile.directory="$PWD/text" --web.listen-address=127.0.0.1:0
	wait_for listening "$started_err"
	listening "$started_err"
	scrape "$port"
	assert grep -qx 'node_textfile_scrape_error 0' metrics
	sorted_samples good >ours
	sorted_samples metrics >theirs
	assert [ "$(wc -l <ours)" -gt 100 ]
	diff ours theirs
	# and it would tell
	sed 's/^rpmsg_up{bus="/&"/' good >text/rpmsg.prom
	scrape "$port"
	assert grep -qx 'node_textfile_scrape_error 1' metrics
}

@test "--openmetrics: a bus that is not there is down, not missing, and that is no failure" {
	serve
	local server=$started
	serve other=loop
	run -0 rpmsg-ns stats --openmetrics
	assert_line 'rpmsg_up{bus="rpmsg0"} 1'
	assert_line 'rpmsg_up{bus="other"} 1'
	exits 137 stop "$server" KILL
	local args
	for args in '' '-b all' '-b rpmsg0 -b other'; do
		# shellcheck disable=SC2086 # words
		run -0 --separate-stderr rpmsg-ns stats --openmetrics $args
		assert_line 'rpmsg_served{bus="rpmsg0"} 0'
		assert_line 'rpmsg_up{bus="rpmsg0"} 0'
		assert_line 'rpmsg_up{bus="other"} 1'
		assert_line -n -1 '# EOF'
		[[ $stderr == *rpmsg0* ]]
		refute_line --regexp '^rpmsg_bus_.*bus="rpmsg0"'
		strict <<<"$output"
	done
	run -0 --separate-stderr rpmsg-ns stats -q --openmetrics -b rpmsg0 -b rpmsg0 -b "$RPMSG_DIR/rpmsg0.sock"
	assert_equal "$(grep -c '^rpmsg_up{bus="rpmsg0"} 0$' <<<"$output")" 1
	[[ -z $stderr ]]
	RPMSG_BUS=nowhere run -0 rpmsg-ns stats -q --openmetrics
	assert_line 'rpmsg_up{bus="nowhere"} 0'
}

@test "--openmetrics NAME: only its channels and endpoints; none is no failure" {
	serve
	offer demo-echo
	run -0 rpmsg-ns -b rpmsg0 -R announce other
	run -0 rpmsg-ns stats -b rpmsg0 --openmetrics other
	assert_line --regexp '^rpmsg_channel_bound\{.*service="other"'
	refute_output --partial demo-echo
	run -0 rpmsg-ns stats -b rpmsg0 --openmetrics gone
	assert_line 'rpmsg_up{bus="rpmsg0"} 1'
	refute_output --partial rpmsg_channel_
}
