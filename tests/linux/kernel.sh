#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kernel.sh            builds the guest kernel and its modules, unless that was done before
# kernel.sh --folder   where they are: linux, config, log, lib/modules
# kernel.sh --clean    removes them
#
# The source is Debian's package. What is built is kept outside of the tree, in
# ${RPMSG_LINUX_CACHE:-~/.cache/rpmsg-linux}, under the version and a hash of all that goes in.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${RPMSG_LINUX_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/rpmsg-linux}
module_sources=("$here"/module/*.c "$here"/module/Kbuild)

# 6.12 is what the tests were written against; else the newest.
find_source()
{
	local newest
	[[ $(uname -m) == x86_64 ]] || { echo "User-Mode Linux is for x86-64 alone" >&2; exit 1; }
	source=/usr/src/linux-source-6.12.tar.xz
	if [[ ! -e $source ]]; then
		newest=$(find /usr/src -maxdepth 1 -name 'linux-source-[0-9]*.tar.xz' | sort -V | tail -n 1)
		source=${newest:?no /usr/src/linux-source-*.tar.xz: run tests/deps.sh linux}
	fi
	name=$(basename "$source" .tar.xz)
	if [[ $(printf '%s\n' "$name" linux-source-6.11 | sort -V | head -n 1) != linux-source-6.11 ]]; then
		echo "$name is too old: install linux-source-6.12" >&2
		exit 1
	fi
	version=$(dpkg-query -W -f '${Version}' "$name" 2>/dev/null) || version=${name#linux-source-}
}

folder()
{
	local hash
	hash=$(cat "$here/kernel.sh" "$here/kernel.config" "${module_sources[@]}" | sha256sum)
	echo "$cache/$version-${hash:0:12}"
}

# A kernel's make, free of what our own make and the caller's shell are set to.
kernel_make()
{
	env -i PATH="$PATH" HOME="$work" TMPDIR="${TMPDIR:-/tmp}" LC_ALL=C \
		KBUILD_BUILD_USER=rpmsg KBUILD_BUILD_HOST=rpmsg \
		nice make -C "$work/src" ARCH=um -j"$(nproc)" "$@"
}

# Other machines' code is most of the source. Kconfig files stay: kconfig reads them all.
unpack()
{
	mkdir "$work/src"
	tar -xJf "$source" -C "$work/src" --strip-components=1 \
		--exclude='linux-source-*/Documentation/*/*' --exclude='linux-source-*/tools/testing/*' \
		--exclude='linux-source-*/drivers/gpu/*.[ch]' --exclude='linux-source-*/drivers/net/*/*.[ch]' \
		--exclude='linux-source-*/drivers/media/*.[ch]' --exclude='linux-source-*/sound/*.[ch]' \
		--exclude='*.dts' --exclude='*.dtsi'
}

# kconfig drops without a word what has a dependency that is not met.
check_config()
{
	local line bad=0
	while read -r line; do
		grep -qxF "$line" "$work/src/.config" && continue
		echo "kernel.config: not possible with this source: $line"
		bad=1
	done < <(grep '^CONFIG_' "$here/kernel.config")
	return "$bad"
}

build()
{
	local out=$work/out
	unpack
	kernel_make KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
	check_config
	kernel_make linux modules
	mkdir "$work/module"
	cp "${module_sources[@]}" "$work/module"
	kernel_make M="$work/module" modules
	mkdir "$out"
	kernel_make INSTALL_MOD_PATH="$out" INSTALL_MOD_STRIP=1 modules_install
	kernel_make M="$work/module" INSTALL_MOD_PATH="$out" INSTALL_MOD_STRIP=1 modules_install
	rm -f "$out"/lib/modules/*/build "$out"/lib/modules/*/source
	strip -o "$out/linux" "$work/src/linux"
	cp "$work/src/.config" "$out/config"
	cp "$cache/log" "$out/log"
	mv "$out" "$goal"
	rm -rf "$work"
}

# One at a time; what a build that was killed left goes.
lock()
{
	mkdir -p "$cache"
	exec 9<"$cache"
	flock --nonblock 9 && rm -rf "$cache"/building.*
}

# The compilers end with us. Should we be killed, the build goes on and keeps the lock.
stop_build()
{
	while kill -- -"$builder" 2>/dev/null; do sleep 0.1; done
	rm -rf "$work"
}

make_kernel()
{
	local began=$SECONDS
	if [[ ! -e $goal/linux ]] && ! lock; then
		echo "waiting for the kernel that is being built in $cache" >&2
		flock 9
	fi
	if [[ -e $goal/linux ]]; then
		echo "guest kernel: $name $version, built before: $goal" >&2
		return
	fi
	echo "building the guest kernel from $name $version (minutes; log: $cache/log)" >&2
	work=$(mktemp -d "$cache/building.XXXXXX")
	set -m
	# Not in an "if": that would switch -e off inside.
	(set -e && build) >"$cache/log" 2>&1 </dev/null &
	builder=$!
	set +m
	trap stop_build EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if ! wait "$builder"; then
		tail -n 60 "$cache/log" >&2
		echo "the guest kernel did not build; all of the log: $cache/log" >&2
		return 1
	fi
	echo "guest kernel: $name $version, built in $((SECONDS - began)) s: $goal" >&2
}

clean()
{
	[[ -d $cache ]] || return 0
	lock || { echo "a kernel is being built in $cache" >&2; return 1; }
	local old
	for old in "$cache"/*-????????????/linux; do
		[[ ! -e $old ]] || rm -rf "${old%/linux}"
	done
	rm -f "$cache/log"
	rmdir --ignore-fail-on-non-empty "$cache"
}

case ${1:-} in
--clean) clean ;;
--folder)
	find_source
	folder
	;;
'')
	find_source
	goal=$(folder)
	make_kernel
	;;
*)
	echo "usage: kernel.sh [--folder | --clean]" >&2
	exit 64
	;;
esac
