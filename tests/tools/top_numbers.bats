# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top --batch -j: the numbers of known loads are exactly those, whatever comes and goes.

load ../lib/common
load ../lib/process
load ../lib/traffic

# What jq makes of the first round there is now
now()
{
	rpmsg-top --batch -j -q -b rpmsg0 -c 1 | jq -c "$@" | sort
}

# is WANT FILTER...
is()
{
	local got
	got=$(now "${@:2}") && [[ -n $1 && $got == "$1" ]] || {
		echo "${*:2}: ${got:-nothing}, not $1"
		return 1
	}
}

# until_is WANT FILTER...: the other side may still be reading
until_is()
{
	poll_until "$DEADLINE" is "$@" || is "$@"
}

# service SIDE NAME: one that takes and does not answer
service()
{
	local -a side=() other=(-R)
	[[ $1 == host ]] || side=(-R) other=()
	rpmsg-ns -q -b rpmsg0 "${side[@]}" announce "$2"
	rpmsg-ns -q -b rpmsg0 "${other[@]}" wait "$2"
	start rpmsg-listen -q -o raw -b rpmsg0 "${side[@]}" -n "$2"
	until_is "\"$1\"" 'select(.what == "endpoint" and .service == "'"$2"'") | .side'
}

# of LENGTH: a payload
of()
{
	printf "%$1s" ''
}

rounds()
{
	jq -c 'select(.what == "bus" and .side == "host") | .ts' "$1" 2>/dev/null | wc -l
}

has_rounds()
{
	(($(rounds "$1") >= $2))
}

@test "both directions, several services, each size: counts, bytes and histograms, side by side" {
	serve
	service remote alpha
	service remote beta
	service host gamma
	rpmsg-send -q -n alpha -c 100 "$(of 16)"
	rpmsg-send -q -n alpha -c 7 "$(of 496)" ''
	rpmsg-send -q -n beta -c 33 x yz
	rpmsg-send -q -R -n gamma -c 50 "$(of 100)"
	rpmsg-send -q -R -n gamma "$(of 300)"
	local flow='{m: .messages, b: .bytes, s: .sizes}'
	local alpha='{"m":114,"b":5072,"s":{"0":7,"16-31":100,"256-511":7}}'
	local beta='{"m":66,"b":99,"s":{"1":33,"2-3":33}}'
	local gamma='{"m":51,"b":5300,"s":{"64-127":50,"256-511":1}}'
	local none='{"m":0,"b":0,"s":{}}'
	until_is '["host","gamma",'"$gamma"']
["remote","alpha",'"$alpha"']
["remote","beta",'"$beta"']' 'select(.what == "endpoint") | [.side, .service, (.rx | '"$flow"')]'
	is "$none"$'\n'"$none"$'\n'"$none" 'select(.what == "endpoint") | .tx | '"$flow"
	is '["host","alpha",'"$alpha,$none"']
["host","beta",'"$beta,$none"']
["host","gamma",'"$none,$gamma"']
["remote","alpha",'"$none,$alpha"']
["remote","beta",'"$none,$beta"']
["remote","gamma",'"$gamma,$none"']' \
		'select(.what == "channel") | [.side, .service, (.tx, .rx | '"$flow"')]'
	# and announcements of 40 bytes: two from the remote side, one from the host
	is '["host",181,5211,53,5380]
["remote",53,5380,181,5211]' \
		'select(.what == "bus") | [.side, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes]'
}

@test "failed sends, strays and what nobody read: each is counted, and nothing else" {
	serve --stall=0.3 rpmsg0=loop:num=8
	local failed=0 i listener out
	rpmsg-send -q -s 1999 -d 77 -c 12 abc
	rpmsg-send -q -R -s 1998 -d 78 -c 3 ''
	until_is '["host",3,[[1998,78,3,0]]]
["remote",12,[[1999,77,12,36]]]' \
		'select(.what == "bus") | [.side, .no_recipient, [.strays[] | [.src, .dst, .messages, .bytes]]]'
	start rpmsg-listen -q -b rpmsg0 -R -n sink -s 0x410 -o json
	listener=$started out=$started_out
	rpmsg-ns -q wait sink
	kill -STOP "$listener"
	# what goes, goes; what does not is told by the sender
	for ((i = 0; i < 40; i++)); do
		head -c 400 /dev/zero | rpmsg-send -q -n sink --try -f - -c 100 2>/dev/null || {
			assert_equal "$?" 5
			((++failed))
		}
	done
	sent()
	{
		now 'select(.what == "bus" and .side == "host") | .tx.messages - 12'
	}
	until_is "$failed" 'select(.what == "bus" and .side == "host") | .errors.no_buffer'
	is "$failed" 'select(.what == "bus" and .side == "host") | .errors | add'
	is 0 'select(.what == "bus" and .side == "remote") | .errors | add'
	assert [ "$failed" -gt 0 ]
	# what was sent is printed, or dropped
	local all dropped
	drops()
	{
		(($(now 'select(.what == "endpoint" and .service == "sink") | .dropped') > 0))
	}
	wait_for drops
	kill -CONT "$listener"
	all=$(sent)
	accounted()
	{
		dropped=$(now 'select(.what == "endpoint" and .service == "sink") | .dropped')
		((all > 100 && $(grep -c '"type":"msg"' "$out") + dropped == all))
	}
	wait_for accounted
	is "$all" 'select(.what == "endpoint" and .service == "sink") | .rx.messages'
	is "$dropped" 'select(.what == "bus" and .side == "remote") | .dropped'
}

# Each line but the first of each row, with the one before it
PAIRS='def rows: [.[] | select(.type == "stats")]
	| group_by([.what, .side, .id, .service, .src, .dst, .bus]);
def pairs: . as $a | [range(1; length) | [$a[. - 1], $a[.]]];
def seconds: (.[1].ts | tonumber) - (.[0].ts | tonumber);
def near($a; $b): ($a - $b) | fabs <= 0.02 * $b + 0.005;'

@test "a steady load: each rate times the time of its round is what came in it" {
	serve
	echo_service echo
	start rpmsg-top --batch -j -i 0.3 -b rpmsg0
	local top=$started out=$started_out
	wait_for has_rounds "$out" 2
	start rpmsg-send -q -n echo -c 600 -i 0.003 --reply=600 -t 60 "$(of 32)"
	exits 0 waited "$started"
	wait_for has_rounds "$out" $(($(rounds "$out") + 2))
	exits 130 stop "$top" INT
	run -0 jq -s -e "$PAIRS"'
		[rows[] | pairs[] | . as [$a, $b] | seconds as $s
			| ("tx", "rx") as $way | ("messages", "bytes") as $what
			| {got: ($b[$way].rate[$what] * $s), want: ($b[$way][$what] - $a[$way][$what])}]
		| length > 40 and all(.[]; near(.got; .want)) and (map(select(.want > 0)) | length > 10)' "$out"
	# all of it, each way: 600 of 32 bytes
	run -0 jq -s -e "$PAIRS"'
		[.[] | select(.what == "bus" and .side == "host")] | pairs
		| (map(seconds * .[1].tx.rate.messages) | add) as $sent
		| (map(seconds * .[1].rx.rate.bytes) | add) as $received
		| near($sent; 600) and near($received; 19200)' "$out"
}

# The last round of FILE has so many messages on the channel of "sink", and on both sides
ends_with()
{
	jq -s -e --argjson n "$2" '[.[] | select(.what == "channel" and .service == "sink")][-2:]
		| length == 2 and all(.[]; .tx.messages + .rx.messages == $n)' "$1"
}

@test "clients that come and go, three rpmsg-tops, one of them attached in the middle" {
	serve
	service remote sink
	local i client tops=() outs=() clients
	watch_it()
	{
		start rpmsg-top --batch -j -i 0.1 -b rpmsg0
		tops+=("$started") outs+=("$started_out")
		wait_for has_rounds "$started_out" 1
	}
	watch_it
	watch_it
	for ((i = 1; i <= 24; i++)); do
		[[ $i != 12 ]] || watch_it
		clients=()
		for client in 1 2; do
			start rpmsg-send -q -n sink -c "$i" "$(of "$client")"
			clients+=("$started")
		done
		for client in "${clients[@]}"; do exits 0 waited "$client"; done
	done
	# 2 * (1 + ... + 24)
	for i in 0 1 2; do
		wait_for ends_with "${outs[i]}" 600
		wait_for has_rounds "${outs[i]}" 8
		exits 130 stop "${tops[i]}" INT
		jq -s -e "$PAIRS"'
			# nothing ever goes back, on any row, and a number is one endpoint
			([rows[] | pairs[] | . as [$a, $b] | ("tx", "rx") as $way
				| $b[$way].messages >= $a[$way].messages and $b[$way].bytes >= $a[$way].bytes]
				| length > 50 and all)
			and ([.[] | select(.what == "endpoint" and .side == "host") | [.id, .holder_pid]]
				| unique | length == (map(.[0]) | unique | length))' "${outs[i]}"
	done
	is '["host",600,900]
["remote",600,900]' 'select(.what == "channel") | [.side, .tx.messages + .rx.messages, .tx.bytes + .rx.bytes]'
}

@test "3,000 endpoints are 3,000 rows, on the sides where they are" {
	serve
	start "$BUILD/programs/many_endpoints" rpmsg0 host 1000
	wait_for grep -q ready "$started_out"
	start "$BUILD/programs/many_endpoints" rpmsg0 remote 2000
	wait_for grep -q ready "$started_out"
	rpmsg-top --batch -j -q -b rpmsg0 -c 1 >out
	assert_equal "$(jq -r 'select(.what == "endpoint") | .side' out | sort | uniq -c | xargs)" \
		'1000 host 2000 remote'
	assert_equal "$(jq -c 'select(.what == "endpoint") | [.side, .src]' out | sort -u | wc -l)" 3000
	assert_equal "$(jq -c 'select(.what == "endpoint") | [.side, .id]' out | sort -u | wc -l)" 3000
	assert_equal "$(jq -c 'select(.what == "bus") | [.side, .endpoints]' out | xargs)" \
		'[host,1000] [remote,2000]'
}
