# SPDX-License-Identifier: BSD-2-Clause
# rpmsg-listen -w FILE -- CMD ARG...: what passes while CMD runs, and the end that CMD has.

load ../lib/common
load ../lib/completion
load ../lib/process

# recorded: the payloads in all.pcap, a line each, as they were sent by rpmsg-send -l
recorded()
{
	rpmsg-listen -r all.pcap -o log 2>/dev/null | sed 's/.*#//'
}

# in_hex: lines as recorded shows them
in_hex()
{
	local line
	while read -r line; do
		printf '%s' "$line" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
		echo
	done
}

# as_cmd SCRIPT: a shell script as CMD
as_cmd()
{
	rpmsg-listen -b rpmsg0 -w all.pcap "${@:2}" -- sh -c "$1"
}

@test "all that CMD sends is recorded, and its input and output are its own" {
	serve
	seq 1 2000 >sent
	run -0 --separate-stderr rpmsg-listen -w all.pcap -- \
		sh -c 'tee copy | rpmsg-send -d 50 -l -f -; echo out; echo err >&2' <sent
	assert_output out
	assert_equal "${stderr_lines[-2]}" err
	assert_equal "${stderr_lines[-1]}" '2000 messages written to all.pcap, 0 lost'
	cmp sent copy
	in_hex <sent | diff - <(recorded)
}

@test "nothing is missed: 30 times one message" {
	local word
	serve
	for word in {1..30}; do
		run -0 rpmsg-listen -q -b rpmsg0 -w all.pcap -- rpmsg-send -d 50 "$word"
		refute_output
		assert_equal "$(recorded)" "$(in_hex <<<"$word")"
	done
}

@test "no bus is there: one is started, and CMD's tools find it" {
	run -0 --separate-stderr rpmsg-listen -w all.pcap -- rpmsg-send -d 50 x
	assert_equal "${stderr_lines[0]}" 'bus: rpmsg0, a software bus (started rpmsgd rpmsg0=loop)'
	assert_equal "$(recorded)" 78
}

@test "the exit status is CMD's, whatever it is" {
	serve
	run -7 as_cmd 'rpmsg-send -d 50 x; exit 7'
	assert_equal "$(recorded)" 78
	run -255 as_cmd 'exit 255'
	run -127 rpmsg-listen -b rpmsg0 -w all.pcap -- no-such-command
	assert_line 'rpmsg-listen: no-such-command: No such file or directory'
	touch plain
	run -126 rpmsg-listen -b rpmsg0 -w all.pcap -- ./plain
	assert_line 'rpmsg-listen: ./plain: Permission denied'
	run -0 recorded
}

@test "a signal that ends CMD ends us" {
	local sig
	serve
	for sig in TERM KILL SEGV PIPE; do
		start rpmsg-listen -b rpmsg0 -w all.pcap -- sh -c "rpmsg-send -d 50 x; kill -$sig \$\$"
		exits $((128 + $(kill -l "$sig"))) waited "$started"
		assert_equal "$(recorded)" 78
	done
	# by the signal itself, not by its number
	run -0 script -qec "rpmsg-listen -b rpmsg0 -q -w all.pcap -- sh -c 'kill -TERM \$\$'; kill -l \$?" /dev/null
	assert_output --partial TERM
	run strace -f -qq -e trace=none -o trace rpmsg-listen -b rpmsg0 -w all.pcap -- sh -c 'kill -TERM $$'
	assert_equal "$(grep -c 'killed by SIGTERM' trace)" 2
}

@test "before -- stands EXPR, after it all is CMD's" {
	serve
	run -0 rpmsg-listen -b rpmsg0 -w all.pcap addr 51 -- rpmsg-send -d 50 -c 2 x
	run -0 recorded
	refute_output
	run -0 --separate-stderr rpmsg-listen -b rpmsg0 -w all.pcap addr 50 -- echo -w -- --help
	assert_output '-w -- --help'
	run -0 rpmsg-listen -b rpmsg0 -w all.pcap addr 50 -- rpmsg-send -d 50 -c 2 x
	run -0 recorded
	assert_output $'78\n78'
}

@test "CMD gets the bus by RPMSG_BUS, unless it has one" {
	serve a=loop b=loop
	run -0 --separate-stderr rpmsg-listen -q -b a -w all.pcap -- sh -c 'echo "$RPMSG_BUS"; rpmsg-send -d 50 x'
	assert_output a
	assert_equal "$(recorded)" 78
	RPMSG_BUS=b run -0 rpmsg-listen -q -b a -w all.pcap -- sh -c 'echo "$RPMSG_BUS"'
	assert_output b
	RPMSG_BUS='' run -0 rpmsg-listen -q -b a -w all.pcap -- sh -c 'echo "$RPMSG_BUS"'
	assert_output a
	run -0 rpmsg-listen -q -b all -w all.pcap -- sh -c 'echo "$RPMSG_BUS"'
	assert_output ''
	run -0 rpmsg-listen -q -b a -b b -w all.pcap -- sh -c 'echo "$RPMSG_BUS"'
	assert_output ''
}

# surroundings: what a program finds when it begins
surroundings()
{
	ls /proc/self/fd
	grep '^Sig[BIC]' /proc/self/status
}

@test "CMD finds descriptors and signals as we found them" {
	local how
	serve
	export -f surroundings
	for how in '' "trap '' PIPE INT;" "trap '' HUP CHLD TERM;"; do
		bash -c "$how exec bash -c surroundings" >alone
		assert [ "$(wc -l <alone)" -gt 5 ]
		bash -c "$how exec rpmsg-listen -b rpmsg0 -q -w all.pcap -- bash -c surroundings" >with
		diff alone with
	done
	run -9 bash -c "trap '' CHLD; exec rpmsg-listen -b rpmsg0 -q -w all.pcap -- sh -c 'exit 9'"
}

@test "a signal that we get is CMD's, and CMD decides" {
	local sig
	serve
	for sig in TERM INT HUP QUIT; do
		# a shell of bats' ignores SIGINT and SIGQUIT in what it starts in the background
		start default_signals rpmsg-listen -b rpmsg0 -w all.pcap -- \
			bash -c "trap 'rpmsg-send -d 50 x; exit 5' $sig; : >ready; while sleep 0.05; do :; done"
		wait_for test -e ready
		rm ready
		exits 5 stop "$started" "$sig"
		assert_equal "$(recorded)" 78
	done
}

# With the signals that an interactive shell would leave to a program.
default_signals()
{
	exec env --default-signal=INT,QUIT "$@"
}

# terminal CMD: on a terminal where keys are what is written to the pipe
terminal()
{
	default_signals script -qefc "exec $1" /dev/null <keys 5>&- # no shell between, whatever $SHELL is
}

@test "the terminal's ^C is for both: CMD cleans up, and that is recorded" {
	serve
	cat >cmd <<-'END'
		# in wait: a shell that awaits what the ^C ends as well may end by it
		sleep inf &
		trap 'kill $!; rpmsg-send -d 50 cleanup; exit 3' INT
		: >ready
		wait
	END
	mkfifo keys
	exec 5<>keys
	# the tracer of what CMD gets is CMD's grandchild, so that CMD is our child
	start terminal 'rpmsg-listen -b rpmsg0 -w all.pcap -- strace -D -o trace -e trace=none bash cmd'
	local terminal=$started
	wait_for test -e ready
	printf '\003' >&5
	exits 3 waited "$terminal"
	exec 5>&-
	assert_equal "$(grep -o 'SIGINT.*si_code=[A-Z_]*' trace)" 'SIGINT {si_signo=SIGINT, si_code=SI_KERNEL'
	assert_equal "$(recorded)" "$(in_hex <<<cleanup)"
}

@test "what CMD leaves running holds nobody up" {
	serve
	start rpmsg-listen -b rpmsg0 -w all.pcap -- sh -c 'sleep 300 & echo $! >pid; rpmsg-send -d 50 x'
	exits 0 waited "$started"
	alive "$(cat pid)"
	kill "$(cat pid)"
	assert_equal "$(recorded)" 78
}

@test "CMD's end is seen while others go on sending" {
	serve
	start rpmsg-send -b rpmsg0 -d 50 -c 1000000000 flood
	local flood=$started
	run -0 timeout 60 rpmsg-listen -b rpmsg0 -w all.pcap -- true
	alive "$flood"
	run -0 recorded
}

@test "-c and -t end the recording, not CMD" {
	serve
	run -6 as_cmd 'rpmsg-send -d 50 x y z; while ! rpmsg-listen -r all.pcap -c 1 -q; do sleep 0.1; done; exit 6' -c 2
	assert_equal "$(recorded)" $'78\n79'
	run -0 as_cmd 'sleep 0.3; rpmsg-send -d 50 x; : >done' -t 0.1
	assert_exist done
	run -0 recorded
	refute_output
	run -4 as_cmd 'sleep 0.3' -t 0.1 -c 1
	assert_line 'sh: exit status 0'
	run -8 as_cmd 'sleep 0.3; exit 8' -t 0.1 -c 1
}

@test "--exit-on-down ends the recording, not CMD" {
	serve
	run -6 --separate-stderr bash -c 'rpmsg-listen -b rpmsg0 --exit-on-down -w all.pcap -- sh -c "
		rpmsg-send -d 50 x && rpmsgd --stop rpmsg0
		until grep -q 1.message.written said; do sleep 0.05; done
		echo end" 2>said'
	assert_output end
	assert_equal "$(recorded)" 78
}

# limited: rpmsg-listen may write no file above 4 KiB
limited()
{
	bash -c 'trap "" XFSZ; ulimit -f 4; exec rpmsg-listen "$@"' bash "$@"
}

@test "a capture that cannot be written: CMD runs on, and success becomes 1" {
	serve
	run -1 limited -b rpmsg0 -w all.pcap -- sh -c 'rpmsg-send -d 50 -c 500 x; : >done'
	assert_line 'rpmsg-listen: all.pcap: File too large'
	assert_line 'sh: exit status 0'
	assert_exist done
	run -7 limited -b rpmsg0 -w all.pcap -- sh -c 'rpmsg-send -d 50 -c 500 x; exit 7'
	assert_line 'rpmsg-listen: all.pcap: File too large'
}

@test "--strict: success becomes 1 if messages were lost" {
	serve --record-size=256K rpmsg0=loop
	run -1 as_cmd 'kill -STOP $PPID; rpmsg-send -d 50 -c 20000 x; kill -CONT $PPID' --strict
	assert_line --regexp '^rpmsg-listen: [1-9][0-9]* messages were lost$'
	assert_line 'sh: exit status 0'
	[[ $output =~ ([0-9]+)\ messages\ written\ to\ all.pcap,\ ([0-9]+)\ lost ]]
	assert_equal $((BASH_REMATCH[1] + BASH_REMATCH[2])) 20000
}

@test "without -w messages and CMD's output are shown" {
	serve
	run -0 --separate-stderr rpmsg-listen -b rpmsg0 --time n -- sh -c 'echo begin; rpmsg-send -s 9 -d 50 x'
	assert_output $'begin\nrpmsg0 h>r - 0x9>0x32 [1] x'
}

@test "taking part: CMD runs once we are bound" {
	serve
	run -0 --separate-stderr rpmsg-listen -b rpmsg0 -R -n demo --echo -q -w all.pcap -- \
		rpmsg-send -n demo --expect hello -t 5 hello
	# what came, and what was sent back
	assert_equal "$(recorded | sort | uniq -c | awk '{ print $1, $2 }')" '2 68656C6C6F'
	run -2 rpmsg-listen -b rpmsg0 -n nobody -t 0.1 -- touch ran
	assert_line 'rpmsg-listen: touch was not run'
	assert_not_exist ran
	run -1 rpmsg-listen -b rpmsg0 -w /nonexistent/x -- touch ran
	assert_not_exist ran
}

@test "misuse is told before anything is done" {
	run -64 rpmsg-listen -w all.pcap --
	assert_line 'rpmsg-listen: a command follows --'
	run -64 rpmsg-listen -w - -- true
	assert_line --partial 'standard output'
	run -64 rpmsg-listen -r some.pcap -- true
	assert_line --partial 'no command goes with it'
	assert_not_exist all.pcap
	run ls "$RPMSG_DIR"
	refute_output
}

# zsh_offers WORD... CUR: the words that are left when a command is completed
zsh_offers()
{
	zsh -f -c '
		_normal() { print -r -- "$CURRENT: $words" }
		_arguments() { print options }
		source=$1 service=$2
		shift
		words=("$@") CURRENT=$#
		source $source
	' zsh "$TOP/completions/zsh/_rpmsg" "$@"
}

@test "what follows -- is completed as a command" {
	touch somefile
	run -0 offers rpmsg-listen -w x -- rpmsg-n
	assert_line rpmsg-ns
	run -0 offers rpmsg-listen -w x -- rpmsg-ns somef
	assert_output somefile
	run -0 offers rpmsg-listen -w x --stric
	assert_output --strict
	run -0 fish_offers 'rpmsg-listen -w x -- rpmsg-n'
	assert_line --partial rpmsg-ns
	run -0 fish_offers 'rpmsg-listen -w x -- rpmsg-ns '
	assert_line --partial announce
	run -0 fish_offers 'rpmsg-listen -w x '
	assert_line --partial addr
	run -0 zsh_offers rpmsg-listen -w x -- make te
	assert_output '2: make te'
	run -0 zsh_offers rpmsg-listen -w x --
	assert_output options
}
