# SPDX-License-Identifier: BSD-2-Clause
# --help, the man page and the completions of bash, zsh and fish name the same
# options, and the examples of the man pages work as they stand there.

load ../lib/common
load ../lib/completion

TOOLS="rpmsg-send rpmsg-listen rpmsg-ns rpmsg-top rpmsgd rpmsg-extcap"

# Each of these prints the long options of a tool, one a line, sorted.

in_help()
{
	"$1" --help | sed -nE 's/^ +(-.(, -.)*, )?--([a-z][a-z-]*).*/--\3/p' | sort
}

in_man()
{
	grep -h '^\.It Fl' "$TOP"/man/"$1".[1-8] | grep -oE 'Fl -[a-z][a-z-]*' | sed 's/^Fl -/--/' | sort
}

in_bash()
{
	bash -c '
		source "$1"
		COMP_WORDS=("$2" --) COMP_CWORD=1
		'"$(sed -nE 's/^complete -F ([a-z_]+) .*/\1/p' "$TOP"/completions/bash/*)"' "$2" -- "$2"
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$TOP"/completions/bash/rpmsg-tools "$1" | sed 's/[= ]*$//' | sort
}

# What the zsh function hands to _arguments.
in_zsh()
{
	zsh -f -c '
		_arguments() { print -rl -- "$@" }
		service=$2
		source $1
	' zsh "$TOP/completions/zsh/_rpmsg" "$1" | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

in_fish()
{
	XDG_CONFIG_HOME=$PWD XDG_DATA_HOME=$PWD HOME=$PWD TERM=dumb fish --no-config -c '
		set fish_function_path $argv[1]/functions $fish_function_path
		source $argv[1]/$argv[2].fish
		complete -C "$argv[2] --"
	' "$TOP/completions/fish" "$1" | cut -f1 | sed 's/=$//' | sort -u
}

# compare PLACE: each tool's options there against those of its --help
compare()
{
	local tool
	for tool in $TOOLS; do
		in_help "$tool" >"$tool.help"
		assert [ "$(wc -l <"$tool.help")" -ge 4 ]
		"$1" "$tool" >"$tool.there"
		diff --label "$tool --help" --label "$tool $1" "$tool.help" "$tool.there"
	done
}

@test "man pages have the options of --help" {
	compare in_man
}

@test "bash completions have the options of --help" {
	compare in_bash
}

@test "zsh completions have the options of --help" {
	compare in_zsh
}

@test "fish completions have the options of --help" {
	compare in_fish
}

@test "short options in --help and man page belong to the same long ones" {
	local tool
	for tool in $TOOLS; do
		"$tool" --help | sed -nE 's/^ +-([^,]), (-\?, )?--([a-z-]+).*/\1 \3/p' | sort >help
		sed -nE 's/^\.It Fl (\\&)?([^- ]) , Fl -([a-z-]+).*/\2 \3/p' "$TOP/man/$tool".[1-8] | sort >page
		diff --label "$tool --help" --label "$tool man page" help page
	done
}

@test "an option takes an argument in the man page if it does in --help" {
	local tool
	for tool in $TOOLS; do
		"$tool" --help | sed -nE 's/^ +(-.(, -.)*, )?(--[a-z][a-z-]*(=|\[=)?).*/\3/p' | sort >help
		sed -nE '/^\.It Fl/{s/^.*Fl -([a-z-]+)( Ns Op = Ns Ar.*)$/--\1[=/;s/^.*Fl -([a-z-]+)( Ns = Ns Ar.*)$/--\1=/;s/^.*Fl -([a-z-]+)$/--\1/;p}' \
			"$TOP/man/$tool".[1-8] | sort >page
		diff --label "$tool --help" --label "$tool man page" help page
	done
}

@test "help goes to stdout with 0, misuse to stderr with 64" {
	local tool option
	for tool in $TOOLS; do
		for option in -h '-?' --help --usage -V --version; do
			"$tool" "$option" >out 2>err
			assert [ -s out ]
			assert [ ! -s err ]
		done
		run -64 --separate-stderr "$tool" --no-such-option
		refute_output
		assert [ -n "$stderr" ]
	done
}

@test "each tool's page says exit status and has examples" {
	local tool
	for tool in $TOOLS; do
		grep -q '^\.Sh EXIT STATUS' "$TOP/man/$tool".[1-8]
		grep -q '^\.Sh EXAMPLES' "$TOP/man/$tool".[1-8]
	done
}

# blocks FILE: the displays of a page's EXAMPLES as block.N, as a reader sees them
blocks()
{
	# A display is what is indented by more than its paragraph.
	mandoc -Tascii -O width=100 "$1" | sed 's/.\x08//g' | awk '
		/^[A-Z]/ { on = /^EXAMPLES/; next }
		!on { next }
		/^      +[^ ]/ { if (!in_block) { n++; in_block = 1 }; sub(/^           /, ""); print > ("block." n); next }
		/^     [^ ]/ { in_block = 0; next }
		in_block { print > ("block." n) }'
}

# run_examples PAGE [CMD...]: each block of commands by itself, in a folder and RPMSG_DIR of its
# own, by bash or what CMD says
run_examples()
{
	local block n=0 top=$PWD shell=("${@:2}")
	[[ $# -gt 1 ]] || shell=(bash)
	blocks "$TOP/man/$1"
	for block in block.*; do
		grep -q '^\$ ' "$block" || continue
		((++n))
		mkdir -p "room.$n/rpmsg"
		chmod 700 "room.$n/rpmsg"
		{
			echo 'set -e'
			sed -n 's/^\$ //p' "$block"
		} >"room.$n/script"
		echo "---- $1:"
		cat "room.$n/script"
		(
			cd "room.$n" || exit
			export RPMSG_DIR=$PWD/rpmsg
			# a bus that is served, unless the page is about serving
			[[ $1 == rpmsgd.8 ]] || rpmsgd -D rpmsg0=loop
			start "${shell[@]}" script
			code=0
			waited "$started" || code=$?
			cat "$started_err"
			for pid in $(case_processes); do
				[[ $(readlink "/proc/$pid/cwd") == "$PWD" || $(cat "/proc/$pid/comm") == rpmsgd ]] &&
					kill "$pid" 2>/dev/null
			done
			exit "$code"
		) || fail "the example above failed with status $?"
		cd "$top" || return
	done
	assert [ "$n" -gt 0 ]
}

@test "the examples of rpmsg-send(1) work" {
	run_examples rpmsg-send.1
}

@test "the examples of rpmsg-listen(1) work" {
	run_examples rpmsg-listen.1
}

@test "the examples of rpmsg-ns(1) work" {
	run_examples rpmsg-ns.1
}

# on_terminal SCRIPT: as if it were typed
on_terminal()
{
	env TERM=xterm LC_ALL=C.UTF-8 script -qec "bash $1" /dev/null
}

@test "the examples of rpmsg-top(1) work, on a terminal" {
	run_examples rpmsg-top.1 on_terminal
}

@test "the page of rpmsg-top(1) and completion have its columns" {
	run -64 rpmsg-top --batch --sort=none
	sed -nE 's/.* is none of (.*)/\1/p' <<<"$output" | tr -d ' ' | tr , '\n' | sort >columns
	assert [ "$(wc -l <columns)" -ge 10 ]
	sed -n '/^\.Ss The table/,/^\.Ss /s/^\.Pq Cm //p' "$TOP/man/rpmsg-top.1" | tr -d ' ' | tr , '\n' | sort >page
	diff --label --sort --label page columns page
	run offers rpmsg-top --sort = ''
	diff --label --sort --label completion columns <(sort <<<"$output")
}

@test "the page of rpmsg-top(1) has its findings" {
	sed -nE 's/^\tADVICE_([A-Z_]+),.*/\1/p' "$TOP/cmd/rpmsg-top/advice.h" | tr A-Z_ a-z- | sort >findings
	assert [ "$(wc -l <findings)" -ge 10 ]
	sed -nE '/^\.Sh FINDINGS/,/^\.El/s/^\.It Cm //p' "$TOP/man/rpmsg-top.1" | sort >page
	diff --label program --label page findings page
}

@test "the page of rpmsg-top(1) has the fields of its JSON" {
	local key
	serve
	start rpmsg-listen -R -n demo-echo
	wait_for rpmsg-ns wait demo-echo
	rpmsg-send -d 0x99 lost
	start rpmsg-listen -n demo-echo
	wait_for rpmsg-ns wait --bound demo-echo
	rpmsg-top --batch -j -c 2 -i 0.1 >rounds
	jq -r '.. | objects | keys[]' rounds | grep -v '^[0-9]' | sort -u >keys
	assert [ "$(wc -l <keys)" -ge 60 ]
	while read -r key; do
		[[ $key == type ]] || grep -qwFe "$key" "$TOP/man/rpmsg-top.1" || fail "the page has no $key"
	done <keys
}

on_screen() { tmux -S screen capture-pane -p | grep -qF "$1"; }

@test "the page of rpmsg-top(1) has the keys of its help" {
	local key
	serve
	LC_ALL=C.UTF-8 tmux -S screen -f /dev/null new-session -d -x 100 -y 50 rpmsg-top
	wait_for on_screen rpmsg0
	tmux -S screen send-keys h
	wait_for on_screen Reading
	tmux -S screen capture-pane -p >help
	tmux -S screen kill-server
	sed -nE '/^Moving/,/^Reading/s/^  (.{16}).*/\1/p' help | tr -s ' ' '\n' | grep -v -e '^$' -e mouse >keys
	assert [ "$(wc -l <keys)" -ge 30 ]
	sed -nE 's/^\.(It )?Ic //p' "$TOP/man/rpmsg-top.1" | sed 's/\\e/\\/g; s/\\&//g' | tr -s ' ' '\n' >page
	while read -r key; do
		grep -qxFe "$key" page || fail "the page has no key $key"
	done <keys
}

@test "the examples of rpmsg-extcap(1) work" {
	run_examples rpmsg-extcap.1
}

@test "the examples of rpmsgd(8) work" {
	run_examples rpmsgd.8
}

@test "the examples of rpmsg-pcap(5) work" {
	run_examples rpmsg-pcap.5
}

@test "the example of librpmsg(3) compiles and serves" {
	blocks "$TOP/man/librpmsg.3"
	mv block.1 greeter.c
	"${CC:-cc}" -Wall -Wextra -Werror ${SAN:+-fsanitize=$SAN} -o greeter greeter.c -I"$TOP/lib" \
		-L"$BUILD/lib" -Wl,-rpath,"$BUILD/lib" -lrpmsg
	start ./greeter
	run timeout 30 rpmsg-send -b shm:board -n greeter --reply hi
	assert_success
	assert_line --partial 'hello!'
}

@test "the examples of README.md work, in an empty folder" {
	sed -n '/^In an empty folder/,/^[A-Z]/s/^    //p' "$TOP/README.md" >script
	assert [ "$(wc -l <script)" -ge 5 ]
	mkdir room
	cd room
	start bash -ec "$(cat ../script)"
	waited "$started"
	for pid in $(case_processes); do kill "$pid" 2>/dev/null || true; done
}

@test "completion knows the buses and services there are, and starts none" {
	run offers rpmsg-send -n ''
	refute_output
	run ls "$RPMSG_DIR"
	refute_output

	serve
	start rpmsg-listen -R -n demo-echo
	wait_for rpmsg-ns wait demo-echo
	run offers rpmsg-send -n de
	assert_output demo-echo
	run offers rpmsg-ns -b rpmsg0 wait ''
	assert_output demo-echo
	run offers rpmsg-listen --bus = rp
	assert_output rpmsg0
	run fish_offers 'rpmsg-send -n '
	assert_line --regexp '^demo-echo'
	run fish_offers 'rpmsg-send -b '
	assert_line --regexp '^rpmsg0'
}
