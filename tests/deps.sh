#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deps.sh KIND...: sees to it that what KIND (build, test, ci, linux, fuzz, screens) needs is there.
# With apt-get it installs what is missing; elsewhere it says what to install.
set -eu

# KIND  Debian package  how to see that it is there: a command, pc:NAME or a file (a pattern)
# Of packages with a | between them it is the first that the archive has.
needs()
{
	cat <<-'EOF'
	build gcc             gcc
	build libc6-dev       /usr/include/argp.h
	build pkg-config      pkg-config
	build libpcap-dev     pc:libpcap
	build libjson-c-dev   pc:json-c
	build libncurses-dev  pc:ncursesw
	test  g++             g++
	test  libcmocka-dev   pc:cmocka
	test  bats            bats
	test  bats-assert     /usr/lib/bats/bats-assert/load.bash
	test  bats-support    /usr/lib/bats/bats-support/load.bash
	test  bats-file       /usr/lib/bats/bats-file/load.bash
	test  tshark          tshark
	test  jq              jq
	test  mandoc          mandoc
	test  zsh             zsh
	test  fish            fish
	test  procps          pgrep
	test  strace          strace
	test  valgrind        valgrind
	test  bsdutils        script
	test  tmux            tmux
	test  prometheus-node-exporter prometheus-node-exporter
	test  openssh-client  ssh
	test  openssh-server  /usr/sbin/sshd
	ci    clang           clang
	ci    cppcheck        cppcheck
	ci    shellcheck      shellcheck
	linux linux-source-6.12|linux-source /usr/src/linux-source-[0-9]*.tar.xz
	linux xz-utils        xz
	linux flex            flex
	linux bison           bison
	linux bc              bc
	linux kmod            modprobe
	linux perl-base       perl
	screens wireshark     wireshark
	screens xvfb          Xvfb
	screens xdotool       xdotool
	screens xterm         xterm
	screens imagemagick   import
	screens optipng       optipng
	screens fonts-dejavu-core /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf
	fuzz  clang           clang
	fuzz  libclang-rt-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
	EOF
}

there()
{
	case $1 in
	pc:*) ${PKG_CONFIG:-pkg-config} --exists "${1#pc:}" 2>/dev/null ;;
	/*)
		# shellcheck disable=SC2086 # a pattern
		set -- $1
		[ -e "$1" ]
		;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

missing()
{
	needs | while read -r kind package probe; do
		case " $* " in *" $kind "*) there "$probe" || echo "$package" ;; esac
	done
}

# The first of A|B|C that apt knows, else the last.
chosen()
{
	while read -r alternatives; do
		rest=$alternatives
		while [ "$rest" != "${rest#*|}" ] && ! apt-cache show "${rest%%|*}" >/dev/null 2>&1; do
			rest=${rest#*|}
		done
		echo "${rest%%|*}"
	done
}

packages=$(missing "$@" | tr '\n' ' ')
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing: $packages" >&2
	echo "These are Debian's names; install what your system calls them, then run make again." >&2
	exit 1
fi

packages=$(missing "$@" | chosen | tr '\n' ' ')
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "missing: $packages" >&2
		echo "As root: apt-get install $packages" >&2
		exit 1
	fi
	as_root=sudo
fi

echo "installing: $packages" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update </dev/null >&2
packages=$(missing "$@" | chosen | tr '\n' ' ')
# Only their programs are wanted: tests must not open this machine to the network.
units=
case " $packages " in *' openssh-server '*) units="ssh.service ssh.socket" ;; esac
case " $packages " in
*' prometheus-node-exporter '*) units="$units prometheus-node-exporter.service" ;;
esac
# shellcheck disable=SC2086 # a list of words
[ -z "$units" ] || [ ! -d /run/systemd/system ] || $as_root systemctl mask $units >&2
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get -q -y --no-install-recommends install $packages </dev/null >&2

packages=$(missing "$@" | tr '\n' ' ')
[ -z "$packages" ] || { echo "still missing after installing: $packages" >&2; exit 1; }
