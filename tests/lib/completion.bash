# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the completions offer. For those who load it after common.

# offers TOOL WORD... CUR: what bash completes there
offers()
{
	bash -c '
		source "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_rpmsg_tool "$1" "${!#}" "${@: -2:1}"
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$TOP/completions/bash/rpmsg-tools" "$@"
}

# fish_offers LINE: what fish completes at its end
fish_offers()
{
	XDG_CONFIG_HOME=$PWD XDG_DATA_HOME=$PWD HOME=$PWD TERM=dumb fish --no-config -c '
		set fish_function_path $argv[1]/functions $fish_function_path
		for f in $argv[1]/*.fish; source $f; end
		complete -C $argv[2]
	' "$TOP/completions/fish" "$1"
}
