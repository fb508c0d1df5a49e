# SPDX-License-Identifier: BSD-2-Clause
# Buses in Wireshark's list of interfaces, with tshark: installed for one user, who is nobody's
# guest, by the rule that everybody uses.

load ../lib/common
load ../lib/process

setup_file()
{
	export HOME=$BATS_FILE_TMPDIR/home
	unset XDG_CONFIG_HOME
	mkdir "$HOME" "$BATS_FILE_TMPDIR/build"
	# its own copy of the build, whose rpmsg.pc is for another PREFIX
	cp -a "$BUILD"/{bin,lib,obj,flags,places} "$BATS_FILE_TMPDIR/build"
	make_here install-user
}

make_here()
{
	make -s -C "$TOP" BUILD="$BATS_FILE_TMPDIR/build" SAN="$SAN" CC="${CC:-cc}" WERROR="${WERROR:-}" "$@"
}

setup()
{
	common_setup
	unset XDG_CONFIG_HOME WIRESHARK_CONFIG_DIR RPMSG_EXTCAP_REMOTES
	EXTCAP=$HOME/.local/bin/rpmsg-extcap
	# where Wireshark's pipes stay if it is killed
	export TMPDIR=$PWD/tmp
	mkdir "$TMPDIR"
	AS_NOBODY=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
}

# capture ARG...: tshark on rpmsg0, in the background, from the oldest record on
capture()
{
	start tshark -l -i rpmsg-rpmsg0 -o extcap.rpmsg_rpmsg0.history:true "$@"
}

# What a capture of this case runs.
capturing()
{
	local pid
	for pid in $(case_processes); do
		[[ " ${started_all[*]} " == *" $pid "* ]] ||
			grep -xE 'rpmsg-listen|rpmsg-extcap|dumpcap' "/proc/$pid/comm" 2>/dev/null || true
	done
}

nobody_captures()
{
	[[ -z $(capturing) ]]
}

listens()
{
	capturing | grep -qx rpmsg-listen
}

# has N FILE: at least N lines
has()
{
	[[ $(wc -l <"$2") -ge $1 ]]
}

# send DST TEXT...: a message each
send()
{
	printf '%s\n' "${@:2}" | rpmsg-send -b rpmsg0 -s 2001 -d "$1" -l -f -
}

hex()
{
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

@test "tshark lists what is served and the remotes, and knows the protocol" {
	mkdir -p "$PWD/config/rpmsg"
	serve board.one=loop rpmsg0=loop
	touch "$RPMSG_DIR/dead.sock"
	run -0 tshark -D
	assert_line --regexp '^[0-9]+\. rpmsg-board\.one \(rpmsg bus board\.one\)$'
	assert_line --regexp '^[0-9]+\. rpmsg-rpmsg0 \(rpmsg bus rpmsg0\)$'
	assert_line --regexp '^[0-9]+\. rpmsg-ssh \('
	refute_line --partial dead
	refute_line --partial 'ssh:'
	tshark -G protocols >protocols
	assert_file_contains protocols '	rpmsg$'

	printf '%s\n' '# mine' 'pi@[fe80::1%eth0]/rpmsg1 # here' -oProxyCommand=x/rpmsg0 >config/rpmsg/remotes
	export XDG_CONFIG_HOME=$PWD/config RPMSG_EXTCAP_REMOTES=' a-board/rpmsg0	b/b '
	run -0 --separate-stderr "$EXTCAP" --extcap-interfaces
	assert_line 'interface {value=ssh:a-board/rpmsg0}{display=rpmsg bus rpmsg0 on a-board}'
	assert_line 'interface {value=ssh:b/b}{display=rpmsg bus b on b}'
	assert_line 'interface {value=ssh:pi@[fe80::1%eth0]/rpmsg1}{display=rpmsg bus rpmsg1 on pi@[fe80::1%eth0]}'
	refute_line --partial ProxyCommand
	assert_regex "$stderr" "remote '-oProxyCommand=x/rpmsg0' is not a HOST"
}

@test "a bus that the user may not open is not listed" {
	[[ $EUID -eq 0 ]] || skip 'not root: it takes another user'
	serve --socket-mode=0666 open=loop closed=loop
	chmod 600 "$RPMSG_DIR/closed.sock"
	chmod a+rx "$RPMSG_DIR"
	let_in "$BATS_FILE_TMPDIR" "$RPMSG_DIR"
	run -0 "${AS_NOBODY[@]}" "$EXTCAP" --extcap-interfaces
	assert_line --partial '{value=rpmsg-open}'
	refute_line --partial closed
}

@test "a daemon that is stuck is listed and not waited for" {
	serve
	kill -STOP "$started"
	start "$EXTCAP" --extcap-interfaces
	wait_for grep rpmsg-ssh "$started_out"
	exits 0 waited "$started"
	assert_file_contains "$started_out" '{value=rpmsg-rpmsg0}'
}

# let_in DIR...: others may pass through them and what is above them
let_in()
{
	local dir
	for dir in "$@"; do
		while [[ $dir != / ]]; do
			[[ -z $(find "$dir" -maxdepth 0 -not -perm -1) ]] || chmod a+x "$dir"
			dir=${dir%/*}
			dir=${dir:-/}
		done
	done
}

# The grammar of extcap(4), a sentence a line; a call is an option of --help.
check_sentence()
{
	local line=$1 value='\{[a-z]+=[^{}]*\}' call
	case $line in
	arg\ *)
		[[ $line =~ ^arg\ \{number=[0-9]+\}\{call=(--[a-z-]+)\}\{display=[^{}]+\}\{type=(string|unsigned|boolflag|selector)\}($value)*$ ]] || return
		call=${BASH_REMATCH[1]}
		"$EXTCAP" --help | grep -qE -- "^ +$call(=[A-Z]+)?( |\$)"
		;;
	value\ *) [[ $line =~ ^value\ \{arg=[0-9]+\}\{value=[^{}]+\}\{display=[^{}]+\}\{default=(true|false)\}$ ]] ;;
	dlt\ *) [[ $line =~ ^dlt\ \{number=252\}\{name=[^{}]+\}\{display=[^{}]+\}$ ]] ;;
	extcap\ *) [[ $line =~ ^extcap\ \{version=[0-9.]+\}\{display=[^{}]+\}$ ]] ;;
	interface\ *) [[ $line =~ ^interface\ \{value=[^{}\ ]+\}\{display=[^{}]+\}$ ]] ;;
	*) false ;;
	esac
}

@test "all that it says has the grammar of extcap(4)" {
	local iface what line n=0
	serve
	export RPMSG_EXTCAP_REMOTES=board/rpmsg0
	for iface in rpmsg-rpmsg0 rpmsg-ssh ssh:board/rpmsg0; do
		for what in --extcap-interfaces --extcap-dlts --extcap-config; do
			run -0 --separate-stderr "$EXTCAP" $what --extcap-interface "$iface" --extcap-version=4.0
			assert_equal "$stderr" ''
			for line in "${lines[@]}"; do
				check_sentence "$line" || fail "not a sentence: $line"
				((++n))
			done
		done
		assert_line --partial '{call=--history}'
	done
	# numbers of arguments are their order, and a value belongs to the selector before it
	"$EXTCAP" --extcap-config --extcap-interface rpmsg-ssh | awk -F '[{}=]' '
		/^arg/ && $3 != n++ { exit 1 }
		/^arg/ { last = $3; type = $0 ~ /type=selector/ }
		/^value/ && ($3 != last || !type) { exit 1 }'
	assert [ "$n" -gt 30 ]
	# the largest number is one that rpmsg-listen takes: it is the bus that it does not find
	n=$("$EXTCAP" --extcap-config --extcap-interface rpmsg-rpmsg0 |
		sed -n '/--snaplen/s/.*{range=0,\([0-9]*\)}.*/\1/p')
	: >fifo
	run -2 "$EXTCAP" --extcap-interface rpmsg-nowhere --capture --fifo fifo --snaplen "$n"
}

@test "what is wrong is said, with 64, and nothing is written" {
	: >fifo
	wrong()
	{
		run -64 --separate-stderr "$EXTCAP" "${@:2}"
		refute_output
		assert_regex "$stderr" "$1"
		assert [ ! -s fifo ]
	}
	wrong 'asks for one of'
	wrong 'asks for one of' --extcap-interfaces --extcap-dlts
	wrong 'interface is missing' --extcap-dlts
	wrong "'eth0' is none of" --extcap-interface eth0 --extcap-dlts
	wrong "'rpmsg-a/b' is not a bus NAME" --extcap-interface rpmsg-a/b --extcap-dlts
	wrong "'ssh:board' is not ssh:HOST/BUS" --extcap-interface ssh:board --extcap-dlts
	local host
	for host in '' -l a@-l a@ 'a b' 'a;b' 'a$(b)' $'a\nb' '`a`' "a'" 'ä'; do
		wrong 'is not a HOST' --extcap-interface "ssh:$host/rpmsg0" --extcap-dlts
		wrong 'is not a HOST' --extcap-interface rpmsg-ssh --remote-host "$host" --capture --fifo fifo
	done
	wrong 'needs --remote-host' --extcap-interface rpmsg-ssh --capture --fifo fifo
	wrong 'rpmsg-ssh alone' --extcap-interface rpmsg-a --remote-host b --capture --fifo fifo
	wrong 'needs --fifo' --extcap-interface rpmsg-a --capture
	wrong "--direction: 'up'" --extcap-interface rpmsg-a --capture --fifo fifo --direction up
	wrong '--snaplen' --extcap-interface rpmsg-a --capture --fifo fifo --snaplen -1
	wrong 'control character at byte 1' --extcap-interface rpmsg-a --capture --fifo fifo --filter $'a\nb'
}

@test "a bus that nobody serves, and a place that cannot be written, are errors that say so" {
	printf '%100s' old >fifo
	run -2 --separate-stderr "$EXTCAP" --extcap-interface rpmsg-nowhere --capture --fifo fifo
	assert_regex "$stderr" 'rpmsg-listen: nowhere: '
	refute grep -q old fifo
	run -1 --separate-stderr "$EXTCAP" --extcap-interface rpmsg-nowhere --capture --fifo no/fifo
	assert_regex "$stderr" 'no/fifo: No such file'
}

@test "100,000 messages, half of them from before the capture: all there, in order" {
	local n=100000
	serve
	start rpmsg-listen -b rpmsg0 -R -n sink -s 50 -q -o raw
	run -0 rpmsg-ns -b rpmsg0 wait sink
	seq -f '%06.0f' "$n" >lines
	head -n $((n / 2)) lines >first
	tail -n $((n / 2)) lines >second
	run -0 rpmsg-send -b rpmsg0 -n sink -l -f first
	capture -c $((n + 1)) -w all.pcapng
	wait_for test -s all.pcapng
	run -0 rpmsg-send -b rpmsg0 -n sink -l -f second
	poll_until 90 all_gone "$started" || fail "only this: $(capinfos -c all.pcapng)"
	exits 0 waited "$started"
	wait_for nobody_captures
	tshark -r all.pcapng -T fields -e rpmsg.ns.name -e data.data >got
	{
		printf 'sink\t\n'
		sed 's/./3&/g; s/^/\t/' lines
	} >want
	cmp want got
}

@test "a display filter on a live bus prints while it lives, and SIGINT ends all of it" {
	serve
	capture -Y 'rpmsg.dst == 0x33' -T fields -e rpmsg.dst -e data.data
	send 50 no
	send 51 yes no
	wait_for has 2 "$started_out"
	send 50 no
	send 51 last
	wait_for has 3 "$started_out"
	run -0 cat "$started_out"
	assert_output "0x00000033	$(hex yes)
0x00000033	$(hex no)
0x00000033	$(hex last)"
	assert [ -n "$(capturing)" ]
	exits 0 stop "$started" INT
	refute grep -i error "$started_err"
	nobody_captures
}

@test "on a silent bus nobody is left when tshark is stopped, and when the reader is killed" {
	serve
	start tshark -i rpmsg-rpmsg0 -w stopped.pcapng
	wait_for listens
	wait_for test -s stopped.pcapng
	exits 0 stop "$started" INT
	nobody_captures

	start tshark -i rpmsg-rpmsg0 -w killed.pcapng
	wait_for listens
	wait_for test -s killed.pcapng
	# dumpcap, which outlives tshark, is what reads
	kill -KILL "$(pgrep -P "$started" dumpcap)"
	stop "$started" KILL || true
	wait_for nobody_captures
}

@test "what the dialog lets one choose is done" {
	serve
	send 50 host-side
	rpmsg-send -b rpmsg0 -R -s 50 -d 2001 remote-side
	send 51 host-again
	one()
	{
		local -a args=(-T fields -e rpmsg.dst -e data.data)
		local option
		for option in "$@"; do
			args+=(-o "extcap.rpmsg_rpmsg0.$option")
		done
		capture "${args[@]}"
	}
	one direction:r2h
	wait_for has 1 "$started_out"
	exits 0 stop "$started" INT
	assert_equal "$(cat "$started_out")" "0x000007d1	$(hex remote-side)"

	one 'filter:dst 51 or len == 9'
	wait_for has 2 "$started_out"
	exits 0 stop "$started" INT
	assert_equal "$(cut -f1 "$started_out")" $'0x00000032\n0x00000033'

	one 'filter:dst 51 or len == 11' direction:h2r
	wait_for has 1 "$started_out"
	exits 0 stop "$started" INT
	assert_equal "$(cut -f1 "$started_out")" 0x00000033

	one snaplen:4
	wait_for has 3 "$started_out"
	exits 0 stop "$started" INT
	assert_equal "$(cut -f2 "$started_out")" "$(printf '%s\n' "$(hex host)" "$(hex remo)" "$(hex host)")"
}

@test "a capture filter of libpcap's is used, and a wrong one refused" {
	serve
	send 50 no
	send 51 yes
	capture -f 'link[28:4] = 0x33000000' -T fields -e data.data
	wait_for has 1 "$started_out"
	exits 0 stop "$started" INT
	assert_equal "$(cat "$started_out")" "$(hex yes)"

	run -0 "$EXTCAP" --extcap-interface rpmsg-rpmsg0 --extcap-capture-filter 'len > 16'
	refute_output
	run -0 "$EXTCAP" --extcap-interface rpmsg-rpmsg0 --extcap-capture-filter 'len >'
	assert_output --partial 'syntax error'
}

@test "events are captured if wanted" {
	serve
	send 50 lost
	capture -o extcap.rpmsg_rpmsg0.events:true -Y rpmsgev -T fields -e frame.protocols
	wait_for has 1 "$started_out"
	exits 0 stop "$started" INT
	assert_regex "$(head -n 1 "$started_out")" 'rpmsgev$'
}

@test "a bus that dies is captured again when it is back" {
	serve
	send 50 before
	capture -T fields -e data.data
	wait_for has 1 "$started_out"
	local tshark=$started out=$started_out
	stop "${started_all[0]}" KILL || true
	serve
	send 50 after
	wait_for has 2 "$out"
	exits 0 stop "$tshark" INT
	assert_equal "$(cat "$out")" "$(hex before)
$(hex after)"
	nobody_captures
}

@test "messages that were lost are told, and without loss nothing is said" {
	mkfifo fifo
	serve --record-size=64K rpmsg0=loop
	captured()
	{
		start "$EXTCAP" --extcap-interface rpmsg-rpmsg0 --capture --fifo fifo
		exec 8<fifo
		wait_for header_there
	}
	captured
	exits 143 stop "$started"
	assert [ ! -s "$started_err" ]
	exec 8<&-

	captured
	seq 20000 >lines
	run -0 rpmsg-send -b rpmsg0 -s 2001 -d 50 -l -f lines
	cat <&8 >captured 3>&- 4>&- &
	exec 8<&-
	exits 1 stop "$started"
	run -0 cat "$started_err"
	assert_output --regexp '^rpmsg-listen: [1-9][0-9]* messages were lost$'
}

# Something is in the pipe that descriptor 8 reads, without taking it.
header_there()
{
	read -t 0 -u 8
}

@test "another user than root captures too" {
	[[ $EUID -eq 0 ]] || skip 'not root: the other cases are another user'
	HOME=$PWD/home
	make_here install-user
	export RPMSG_DIR=$PWD/nobody
	mkdir -m 700 "$RPMSG_DIR"
	chown -R nobody "$HOME" "$RPMSG_DIR" "$TMPDIR"
	let_in "$PWD"
	start "${AS_NOBODY[@]}" "$HOME/.local/bin/rpmsgd" rpmsg0=loop
	wait_for test -S "$RPMSG_DIR/rpmsg0.sock"
	start "${AS_NOBODY[@]}" tshark -l -i rpmsg-rpmsg0 -T fields -e data.data \
		-o extcap.rpmsg_rpmsg0.history:true
	"${AS_NOBODY[@]}" "$HOME/.local/bin/rpmsg-send" -b rpmsg0 -s 2001 -d 50 hello
	wait_for has 1 "$started_out"
	assert_equal "$(cat "$started_out")" "$(hex hello)"
	exits 0 stop "$started" INT
	wait_for nobody_captures
}

@test "installed for all users it is where Wireshark looks, and uninstalling takes it away" {
	local folder lua
	folder=$(env -u HOME tshark -G folders 2>/dev/null | sed -nE 's/^(Global )?Extcap path:\s*//p')
	lua=$(env -u HOME tshark -G folders 2>/dev/null | sed -nE 's/^Global Lua Plugins:\s*//p')
	assert [ -n "$folder" -a -n "$lua" ]
	make_here DESTDIR="$PWD/root" install
	assert_equal "$(realpath "root$folder/rpmsg-extcap")" "$PWD/root/usr/local/bin/rpmsg-extcap"
	assert_equal "$(realpath "root$lua/rpmsg.lua")" "$PWD/root/usr/local/share/rpmsg/rpmsg.lua"
	run -0 "root$folder/rpmsg-extcap" --extcap-interfaces
	make_here DESTDIR="$PWD/root" uninstall
	run -0 find root -not -type d
	refute_output

	HOME=$PWD/home
	mkdir "$HOME"
	make_here install-user
	run -0 env HOME="$HOME" tshark -D
	assert_output --partial rpmsg-ssh
	make_here uninstall-user
	run -0 find "$HOME" -not -type d
	refute_output
}
