# SPDX-License-Identifier: BSD-2-Clause
# --help, the man page and the completions of bash, zsh and fish name the same
# options, and the examples of the man pages work as they stand there.

load ../lib/common
load ../lib/completion

TOOLS="rpmsg-send rpmsg-listen rpmsg-ns rpmsgd rpmsg-extcap"

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

# run_examples PAGE: each block of commands by itself, in a folder and RPMSG_DIR of its own
run_examples()
{
	local block n=0 top=$PWD
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
			start bash script
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
