#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What kernel.sh does besides building: its cache, its locks, its failures.

load ../lib/common

BATS_TEST_TIMEOUT=600

setup()
{
	common_setup
	export RPMSG_LINUX_CACHE=$PWD/cache
	mkdir copy
	cp -r "$TOP"/tests/linux/{kernel.sh,kernel.config,module} copy
	kernel=copy/kernel.sh
}

# No build, and nothing of one.
nothing_left()
{
	run -0 find cache -mindepth 1 ! -name log
	assert_output ''
}

being_built()
{
	compgen -G 'cache/building.*' >/dev/null
}

@test "the folder changes with all that goes in, and with nothing else" {
	run -0 "$kernel" --folder
	first=$output
	assert_output --regexp "^$PWD/cache/[0-9].*-[0-9a-f]{12}\$"
	run -0 "$kernel" --folder
	assert_output "$first"
	for file in kernel.sh kernel.config module/Kbuild module/virtio_rpmsg_bus.c; do
		cp "copy/$file" saved
		echo '# more' >>"copy/$file"
		run -0 "$kernel" --folder
		refute_output "$first"
		cp saved "copy/$file"
	done
	run -0 "$kernel" --folder
	assert_output "$first"
	run -64 "$kernel" --no-such
}

@test "what was built before is not built again" {
	folder=$("$kernel" --folder)
	mkdir -p "$folder"
	touch "$folder/linux"
	run -0 "$kernel"
	assert_output --partial "built before: $folder"
	assert_file_not_exists cache/log
}

@test "an option that the source does not have fails, names it, and leaves nothing" {
	echo 'CONFIG_NO_SUCH_THING=y' >>copy/kernel.config
	run -1 "$kernel"
	assert_line 'kernel.config: not possible with this source: CONFIG_NO_SUCH_THING=y'
	assert_line --partial 'did not build'
	nothing_left
}

@test "a build that is ended leaves nothing, and one at a time is enough" {
	start "$kernel"
	wait_for being_built
	run -1 "$kernel" --clean
	assert_output "a kernel is being built in $PWD/cache"
	being_built
	stop "$started" || assert_equal "$?" 143
	nothing_left
	run -0 "$kernel" --clean
	assert_dir_not_exists cache
}

@test "--clean removes kernels and nothing else" {
	run -0 "$kernel" --clean
	mkdir -p cache/6.12-1-0123456789ab cache/precious-stone cache/building.abc
	touch cache/6.12-1-0123456789ab/linux cache/precious-stone/linux
	run -0 "$kernel" --clean
	run -0 ls cache
	assert_output precious-stone
}
