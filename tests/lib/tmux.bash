# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A terminal with nobody before it: tmux. For those who load it after common and process.
#
#     terminal WxH [NAME=VALUE...]  opens it; what runs in it has this in its environment
#     order CMD                     has its shell run CMD; the next waits for the one before
#     ordered STATUS                waits until CMD has ended or stopped, with this status
#     top ARG...                    rpmsg-top in it, until it has its screen; its pid is $top_pid
#     quit_by STATUS KEY...         it ends with STATUS after these keys, and the terminal is sane
#     sane [STATUS]                 waits for rpmsg-top's end; then the terminal is as it was
#     keys KEY...                   as tmux calls them
#     text TEXT                     typed as it is; escape sequences too
#     paste FILE                    as a terminal pastes, told from keys if the program asked for that
#     mouse BUTTON X Y [TIMES]      pressed and released there, from 1 on; 64 and 65 are the wheel
#     resize WxH
#     screen, colored               what is seen; with colours and other attributes
#     see REGEX..., unsee REGEX...  until the screen has all of these lines, none of them
#     seen REGEX                    whether it has one now
#     count_seen REGEX              how many lines of it
#     tmux_says FORMAT              what tmux knows of the terminal

tmux_()
{
	LC_ALL=C.UTF-8 tmux -u -S "$BATS_TEST_TMPDIR/tmux" "$@" 3>&- 4>&-
}

tmux_says()
{
	tmux_ display-message -p -t top: "$1"
}

# Its shell has job control, and is not interactive: that would put right what rpmsg-top leaves
# behind. bash gives up what it does when a job is stopped or interrupted.
pane_script()
{
	cat <<-'END'
		ulimit -c 0
		set -m
		trap : INT
		stty sane
		stty -a >before
		while :; do
			stty -a >now
			mv now after
			read -r order <&8
			eval "$order" 8<&-
			echo "$?" >ended
			mv ended status
		done
	END
}

terminal()
{
	local size=$1
	shift
	cat >tmux.conf <<-'END'
		set -g default-terminal tmux-256color
		set -g history-limit 0
		set -g status off
		set -g mouse off
		set -g remain-on-exit on
		set -s escape-time 0
		set -s exit-empty off
	END
	mkfifo orders
	pane_script >pane.sh
	: >output
	tmux_ -f tmux.conf new-session -d -s top -x "${size%x*}" -y "${size#*x}" \
		"$(printf '%q ' env "$@" dash pane.sh)8<>orders"
	tmux_ pipe-pane -O -t top: 'cat >>output'
	wait_for test -s after
}

order()
{
	rm -f status
	echo "$*" >orders
}

ordered()
{
	wait_for test -s status
	assert_equal "$(<status)" "$1"
}

# What is started by the terminal's shell is found as what has its terminal.
find_top()
{
	top_pid=$(pgrep -x rpmsg-top -t "$(tmux_says '#{s|/dev/||:pane_tty}')") && [[ -n $top_pid ]]
}

has_screen()
{
	seen 'h help|^too small' && find_top
}

# Not every terminal has a screen besides the one that is there.
top()
{
	order "clear; rpmsg-top ${*@Q}"
	poll_until "$DEADLINE" has_screen || fail "no screen: rpmsg-top $*"
}

keys()
{
	tmux_ send-keys -t top: "$@"
}

text()
{
	tmux_ send-keys -t top: -l -- "$1"
}

paste()
{
	tmux_ load-buffer -b pasted "$1"
	tmux_ paste-buffer -p -r -b pasted -t top:
}

# A wheel is not let go.
mouse()
{
	local i event all=
	if [[ $(tmux_says '#{mouse_sgr_flag}') == 1 ]]; then
		printf -v event '\e[<%d;%d;%dM' "$1" "$2" "$3"
		[[ $1 -ge 64 ]] || event+=${event/%M/m}
	else
		printf -v event '\\e[M\\x%x\\x%x\\x%x' $((32 + $1)) $((32 + $2)) $((32 + $3))
		[[ $1 -ge 64 ]] || event+=${event/\[M\\x20/[M\\x23}
		printf -v event %b "$event"
	fi
	for ((i = 0; i < ${4:-1}; i++)); do all+=$event; done
	text "$all"
}

resize()
{
	tmux_ resize-window -t top: -x "${1%x*}" -y "${1#*x}"
}

screen()
{
	tmux_ capture-pane -p -t top:
}

colored()
{
	tmux_ capture-pane -e -p -t top:
}

seen()
{
	screen >seen.now
	grep -qE -e "$1" seen.now
}

count_seen()
{
	screen >seen.now
	grep -cE -e "$1" seen.now
}

all_seen()
{
	local regex
	screen >seen.now
	for regex in "$@"; do
		grep -qE -e "$regex" seen.now || return
	done
}

# An empty screen has none of anything.
none_seen()
{
	local regex
	screen >seen.now
	grep -q . seen.now || return
	for regex in "$@"; do
		! grep -qE -e "$regex" seen.now || return
	done
}

see()
{
	poll_until "$DEADLINE" all_seen "$@" || fail "is not seen: ${*@Q}"
}

unsee()
{
	poll_until "$DEADLINE" none_seen "$@" || fail "is still seen: ${*@Q}"
}

modes_are_off()
{
	[[ $(tmux_says '#{cursor_flag}#{alternate_on}#{mouse_any_flag}#{keypad_flag}#{keypad_cursor_flag}') == 10000 ]]
}

paste_is_off()
{
	[[ $(grep -ao $'\e\[?2004[hl]' output | tail -n 1) != *h ]]
}

plain_text_seen()
{
	[[ $(colored | grep -c "^$1\$") == 1 ]]
}

sane()
{
	local word
	wait_for test -s status
	[[ $# -eq 0 ]] || assert_equal "$(<status)" "$1"
	word=sane-$RANDOM
	order "echo $word"
	ordered 0
	assert_equal "$(sed 's/rows [0-9]*; columns [0-9]*;//' after)" \
		"$(sed 's/rows [0-9]*; columns [0-9]*;//' before)"
	wait_for modes_are_off
	wait_for paste_is_off
	wait_for plain_text_seen "$word"
}

quit_by()
{
	keys "${@:2}"
	sane "$1"
}

terminal_teardown()
{
	[[ ${BATS_TEST_COMPLETED:-} == 1 ]] || screen 2>/dev/null
	tmux_ kill-server 2>/dev/null
	return 0
}

teardown()
{
	terminal_teardown
	common_teardown
}
