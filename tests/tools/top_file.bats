# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-top -r: what files tell, and how their time goes.

load ../lib/common

P=$BUILD/programs

# shown FILE [ARG...]: the JSON lines of the last round
shown()
{
	rpmsg-top --batch -j -r "$@" >rounds.json || return
	last_round <rounds.json
}

last_round()
{
	jq -cs '(map(select(.what == "bus").ts) | last) as $ts | .[] | select(.ts == $ts)'
}

# totals: side, and messages and bytes each way, of each bus
totals()
{
	jq -r 'select(.what == "bus") | [.side, .tx.messages, .tx.bytes, .rx.messages, .rx.bytes] | @tsv'
}

# rows: of each endpoint side, service, address, and messages and bytes each way
rows()
{
	jq -r 'select(.what == "endpoint") | [.side, .service // "-", .src, .tx.messages, .tx.bytes,
		.rx.messages, .rx.bytes] | @tsv' | sort
}

tabs()
{
	tr ' ' '\t'
}

held()
{
	[[ $(rpmsg-listen -q -r "$1" -o json | wc -l) -ge $2 ]]
}

# a_run: 30 messages to an echo and its answers, 5 to another service, 3 to nobody, as
# run.pcap, run.log and run.rec
a_run()
{
	serve
	start rpmsg-listen -q -b rpmsg0 -R -n echo --echo --banner
	wait_for grep -q . "$started_err"
	start rpmsg-listen -q -b rpmsg0 -R -n sink --banner
	wait_for grep -q . "$started_err"
	start rpmsg-listen -q -b rpmsg0 -w run.pcap --events --history
	local capture=$started
	rpmsg-send -q -b rpmsg0 -n echo -s 2000 -c 30 --reply 0123456789 >/dev/null
	rpmsg-send -q -b rpmsg0 -n sink -s 2001 a bb ccc dddd ''
	rpmsg-send -q -b rpmsg0 -s 2002 -d 999 xx yy zz
	wait_for eval '[[ $(rpmsg-listen -q -r "$RPMSG_DIR/rpmsg0.rec" --events -j | grep -c no-recipient) -eq 3 ]]'
	rpmsg-listen -q -r "$RPMSG_DIR/rpmsg0.rec" -o log >run.log
	cp "$RPMSG_DIR/rpmsg0.rec" run.rec
	wait_for eval '[[ $(rpmsg-listen -q -r run.pcap --events -j 2>/dev/null | grep -c no-recipient) -eq 3 ]]'
	rpmsg-top -b rpmsg0 --batch -j -c 1 >live.json
	kill -INT "$capture"
	waited "$capture" || true
}

@test "a run that was captured shows exactly what was sent, as the live bus did" {
	a_run
	run -0 eval 'shown run.pcap | rows'
	assert_output "$(tabs <<-'END'
		host - 2002 3 6 0 0
		host echo 2000 30 300 30 300
		host sink 2001 5 10 0 0
		remote echo 1024 30 300 30 300
		remote sink 1025 0 0 5 10
	END
	)"
	run -0 eval 'shown run.pcap | totals'
	# two announcements of 40 bytes are in the totals, and what nobody got
	assert_output "$(tabs <<-'END'
		host 38 316 32 380
		remote 32 380 38 316
	END
	)"
	assert_equal "$(shown run.pcap | totals)" "$(totals <live.json)"
	assert_equal "$(shown run.pcap | jq -c 'select(.what == "bus") | .tx.sizes, .rx.sizes')" \
		"$(jq -c 'select(.what == "bus") | .tx.sizes, .rx.sizes' live.json)"
	run -0 eval 'shown run.pcap | jq -c "select(.side == \"remote\" and .what == \"bus\") | [.no_recipient, [.strays[] | del(.last)]]"'
	assert_output '[3,[{"src":2002,"dst":999,"messages":3,"bytes":6}]]'
	run -0 eval 'shown run.pcap | jq -r "select(.kind == \"no-recipient\").text"'
	assert_output --regexp '^- remote: 3 messages \(6 bytes\) from 0x7d2 to 0x3e7 lost, .*: nobody has 0x3e7 here$'
	run -0 eval 'shown run.pcap | jq -r "select(.kind == \"partial\").text"'
	assert_output --partial 'not who owns an address'
}

@test "a recorder's file, lines of --out log and a pipe show the same" {
	a_run
	assert_equal "$(shown run.rec | totals)" "$(totals <live.json)"
	assert_equal "$(shown run.rec | rows)" "$(shown run.pcap | rows)"
	run -0 eval 'shown run.rec | jq -r "select(.what == \"bus\") | .bus"'
	assert_line --index 0 rpmsg0
	assert_equal "$(cat run.pcap | shown - | rows)" "$(shown run.pcap | rows)"
	assert_equal "$(shown - <run.pcap | rows)" "$(shown run.pcap | rows)"
	# without events nobody knows that 999 was nobody's
	run -0 eval 'shown run.log | rows'
	assert_line "$(tabs <<<'remote - 999 0 0 3 6')"
	assert_line "$(tabs <<<'host echo 2000 30 300 30 300')"
}

@test "services, links and features: each as of its time" {
	# each is some nanoseconds after its second: the next round has it
	"$P/gen_capture" f.pcap <<-'END'
		event up h>r any any 1 0 0 VERSION_1 NS, 496 bytes
		announce r 0x401 echo
		h>r 0x400 0x401 x10
		destroy r 0x401 echo
		event down h>r any any 1 0 0
		event up h>r any any 2 0 0 VERSION_1 NS EVENT_IDX, 240 bytes
		event malformed r>h any any 0 0 0 used id 77777 is not below 256
		event refused r>h 8 any 0 0 0 is malformed
	END
	rpmsg-top --batch -j -r f.pcap >all.json
	run -0 jq -c 'select(.what == "bus" and .side == "host") | [.up, .generation, .channels, .mtu_tx, .malformed, .ns_refused]' all.json
	assert_output - <<-'END'
		[true,1,0,496,0,0]
		[true,1,0,496,0,0]
		[true,1,1,496,0,0]
		[true,1,1,496,0,0]
		[true,1,0,496,0,0]
		[false,1,0,496,0,0]
		[true,2,0,240,0,0]
		[true,2,0,240,1,0]
		[true,2,0,240,1,1]
	END
	run -0 jq -c 'select(.what == "channel" and .side == "host") | [.service, .state]' all.json
	assert_output - <<-'END'
		["echo","announced, never bound"]
		["echo","bound"]
	END
	run -0 jq -r 'select(.kind == "malformed").text' all.json
	assert_line --index 0 --partial 'used id 77777 is not below 256'
	run -0 jq -c 'select(.what == "bus" and .side == "remote") | .features' all.json
	assert_line --index 0 '["VERSION_1","NS"]'
	# the service has gone, its endpoint's counts have not
	run -0 eval 'last_round <all.json | rows'
	assert_line "$(tabs <<<'remote echo 1025 0 0 1 10')"
}

@test "a round is an interval of the file's time, and rates are by that" {
	# a message a second, nanoseconds apart
	for i in {1..21}; do echo 'h>r 0x400 50 x100'; done | "$P/gen_capture" f.pcap
	rpmsg-top --batch -j -i 5 -r f.pcap >all.json
	run -0 jq -r 'select(.what == "bus" and .side == "host") | [.ts, .tx.messages] | @tsv' all.json
	assert_output "$(tabs <<-'END'
		1000000000.000000000 1
		1000000005.000000000 5
		1000000010.000000000 10
		1000000015.000000000 15
		1000000020.000000000 20
		1000000020.000000020 21
	END
	)"
	run -0 jq -c 'select(.what == "endpoint" and .side == "host").tx.rate' all.json
	assert_line --index 0 null
	assert_line --index 2 '{"messages":1,"bytes":100}'
	run -0 rpmsg-top --batch -j -i 5 -c 2 -r f.pcap
	assert_equal "$(grep -c '"what":"bus"' <<<"$output")" 4
}

@test "a file that is cut: what is before shows, and the error is rpmsg-listen's" {
	for i in {1..10}; do echo 'h>r 0x400 50 x10'; done | "$P/gen_capture" f.pcap
	head -c 400 f.pcap >cut.pcap
	run -1 rpmsg-listen -q -r cut.pcap
	local said=${lines[-1]#rpmsg-listen: }
	assert_regex "$said" 'cut.pcap: packet [0-9]+: '
	run -1 --separate-stderr rpmsg-top --batch -j -r cut.pcap
	assert_equal "$stderr" "rpmsg-top: $said"
	assert_equal "$(last_round <<<"$output" | rows)" "$(tabs <<-'END'
		host - 1024 5 50 0 0
		remote - 50 0 0 5 50
	END
	)"
	assert_equal "$(last_round <<<"$output" | jq -r 'select(.level == "warning").text')" "-: $said"
}

@test "what is no file of traffic, or not there" {
	: >empty
	echo 'nothing of that kind' >text
	"$P/gen_capture" none.pcap </dev/null
	echo 'h>r 1 2 x10' | "$P/gen_capture" one.pcap
	head -c 50 one.pcap >first.pcap
	for f in empty text missing first.pcap /; do
		run -1 --separate-stderr rpmsg-listen -q -r "$f"
		local said=$stderr
		run -1 --separate-stderr rpmsg-top --batch -r "$f"
		assert_equal "$stderr" "${said/rpmsg-listen: /rpmsg-top: }"
		assert_equal "$output" ''
	done
	run -0 rpmsg-top --batch -r none.pcap
	assert_output --partial 'nothing is recorded in it'
}

@test "several buses in one file" {
	cat >f.log <<-'END'
		(1.000000000) a h>r 0x400>0x32#00
		(2.000000000) b r>h 0x33>0x401#0000
		(3.000000000) a h>r 0x400>0x32#00
	END
	run -0 shown f.log
	run -0 jq -r 'select(.what == "bus") | [.bus, .side, .tx.messages, .rx.messages] | @tsv' <<<"$output"
	assert_output "$(tabs <<-'END'
		a host 2 0
		a remote 0 2
		b host 0 1
		b remote 1 0
	END
	)"
}

@test "10,000 addresses are 10,000 rows" {
	seq 10000 19999 | sed 's/.*/h>r & 50 x10/' | "$P/gen_capture" f.pcap
	run -0 eval 'shown f.pcap -i 3600 | rows | wc -l'
	assert_output 10001
	run -0 eval 'last_round <rounds.json | rows'
	assert_line "$(tabs <<<'host - 10000 1 10 0 0')"
	assert_line "$(tabs <<<'host - 19999 1 10 0 0')"
	assert_line "$(tabs <<<'remote - 50 0 0 10000 100000')"
}
