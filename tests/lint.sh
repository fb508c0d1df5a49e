#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Static checks of everything that is not seen by the compiler's warnings.
# Ends with "N passed, N failed, N skipped", one for each check.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0
check()
{
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then
		((passed++))
		echo "ok   $what"
	else
		((failed++))
		echo "FAIL $what"
		echo "$out"
	fi
}

mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' .ci tests --include='*' | sort)
mapfile -t bats < <(find tests -name '*.bats' -o -name '*.bash' | sort)

# cppcheck reads no system header by itself, so it is shown the one whose macros
# are the language of our lists. What is suppressed is memory that it takes for
# lost because the caller gets a pointer into it, not to its beginning.
queue=$(echo '#include <sys/queue.h>' | "${CC:-cc}" -E -x c - | sed -n 's|^# 1 "\(.*/sys/queue.h\)".*|\1|p')
check cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 -j2 -Ilib -Icmd -I. \
	-D_GNU_SOURCE -D__x86_64__ -D__GNUC__ '-DRPMSG_VERSION="0"' --include="$queue" --inline-suppr \
	--enable=warning,performance,portability --suppress=missingIncludeSystem \
	--suppress=memleak:lib/backend/client_send.c lib cmd

check shellcheck shellcheck -x "${scripts[@]}"
# 2030, 2031: each case is a subshell, and that is what is wanted. 2154: bats' own variables.
# 2016: text for another shell. 2317: functions that bats or wait_for call. 2034: common.bash
# sets for those that load it. 1010: a word called done.
check 'shellcheck bats' shellcheck -x -S warning -s bats -e SC1010,SC2030,SC2031,SC2034,SC2154,SC2016,SC2317 "${bats[@]}"
check 'shellcheck bash completions' shellcheck -s bash completions/bash/*
for f in completions/zsh/*; do check "zsh $f" zsh -n "$f"; done
for f in completions/fish/*.fish completions/fish/functions/*.fish; do check "fish $f" fish --no-execute "$f"; done
for f in man/*.[1-8]; do check "mandoc $f" mandoc -Tlint -W warning "$f"; done

echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
