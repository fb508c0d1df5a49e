# SPDX-License-Identifier: BSD-2-Clause
# The test runner itself: what must count as a failure does, and nothing is lost.

load ../lib/common

setup()
{
	common_setup
	RUN=$TOP/tests/run
	unset CMOCKA_MESSAGE_OUTPUT
}

# program NAME: makes an executable from stdin
program()
{
	{ echo '#!/bin/bash'; cat; } >"$1"
	chmod +x "$1"
}

runner()
{
	run env RPMSG_TEST_LIMIT="${LIMIT:-60}" "$RUN" "$@"
}

@test "passes are counted over all files" {
	program one <<<'printf "1..2\nok 1 - a\nok 2 - b\n"'
	printf '@test "x" { true; }\n' >two.bats
	runner "$PWD/one" "$PWD/two.bats"
	assert_success
	assert_line --index -1 '3 passed, 0 failed, 0 skipped'
}

@test "a failed case fails the run and its output is printed whole" {
	program one <<<'printf "1..2\nok 1 - a\nnot ok 2 - b\n# because\n"; exit 1'
	runner "$PWD/one"
	assert_failure
	assert_line '# because'
	assert_line --index -1 '1 passed, 1 failed, 0 skipped'
}

@test "a failed case counts though the program exits with 0" {
	program one <<<'printf "1..1\nnot ok 1 - b\n"'
	runner "$PWD/one"
	assert_failure
	assert_line --index -1 '0 passed, 1 failed, 0 skipped'
}

@test "an exit status that no case explains is a failure" {
	program one <<<'printf "1..1\nok 1 - a\n"; exit 3'
	runner "$PWD/one"
	assert_failure
	assert_line --partial 'exit status 3'
	assert_line --index -1 '1 passed, 1 failed, 0 skipped'
}

@test "a crash counts the cases that did not run" {
	program one <<<'printf "1..3\nok 1 - a\n"; kill -SEGV $$'
	runner "$PWD/one"
	assert_failure
	assert_line --partial '2 planned and not run'
	assert_line --index -1 '1 passed, 2 failed, 0 skipped'
}

@test "an early exit with 0 is a failure" {
	program one <<<'printf "1..2\nok 1 - a\n"'
	runner "$PWD/one"
	assert_failure
	assert_line --index -1 '1 passed, 1 failed, 0 skipped'
}

@test "a program that runs no test is a failure" {
	program one <<<'exit 0'
	program two <<<'echo 1..0'
	runner "$PWD/one" "$PWD/two"
	assert_failure
	assert_line --partial 'ran no tests'
	assert_line --index -1 '0 passed, 2 failed, 0 skipped'
}

@test "a file that does not exist, or is empty, is a failure" {
	: >empty.bats
	runner "$PWD/nowhere" "$PWD/empty.bats"
	assert_failure
	assert_line --index -1 '0 passed, 2 failed, 0 skipped'
}

@test "two groups of cases in one program add up" {
	program one <<<'printf "1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n"'
	runner "$PWD/one"
	assert_success
	assert_line --index -1 '3 passed, 0 failed, 0 skipped'
}

@test "a skip with a good reason is a skip, any other is a failure" {
	program one <<<'printf "1..3\nno hardware: no second CPU\nnot ok 1 # SKIP a\nok 2 # skip no strace\nok 3 - c\n"'
	runner "$PWD/one"
	assert_failure
	assert_line --partial 'skipped without a good reason'
	assert_line --index -1 '1 passed, 1 failed, 1 skipped'

	printf '@test "x" { skip "sanitizer: counts instructions"; }\n' >two.bats
	runner "$PWD/two.bats"
	assert_success
	assert_line --index -1 '0 passed, 0 failed, 1 skipped'
}

@test "a program that hangs is ended and is a failure" {
	program one <<<'printf "1..2\nok 1 - a\n"; exec sleep 60'
	LIMIT=1 runner "$PWD/one"
	assert_failure
	assert_line --partial 'timed out'
	assert_line --index -1 '1 passed, 1 failed, 0 skipped'
}

@test "a process left behind is ended and is a failure" {
	# a process has no environment for a moment, while it becomes another program
	program one <<-'END'
		printf "1..1\nok 1 - a\n"
		setsid sleep 61.5 >/dev/null 2>&1 &
		until grep -qx sleep "/proc/$!/comm"; do sleep 0.01; done
	END
	runner "$PWD/one"
	assert_failure
	assert_line --partial 'left running'
	assert_line --index -1 '1 passed, 1 failed, 0 skipped'
	run pgrep -x -f 'sleep 61.5'
	assert_failure
}

@test "each file has a room of its own" {
	program one <<<'[ -d "$RPMSG_DIR" ] && [ -z "${RPMSG_BUS+x}" ] && printf "1..1\nok 1\n"'
	RPMSG_BUS=none runner "$PWD/one"
	assert_success
}

# ---- tests/lib/common.bash ----

# bats_file NAME: runs a bats file made from stdin, in which %test stands for @test,
# that bats would take for a case of this file.
bats_file()
{
	{ echo "load $TOP/tests/lib/common"; sed 's/%test/@test/'; } >"$1"
	runner "$PWD/$1"
}

@test "what start started is ended with its case" {
	bats_file a.bats <<<'%test "x" { start sleep 62.5; alive "$started"; }'
	assert_success
	run pgrep -x -f 'sleep 62.5'
	assert_failure
}

@test "a process that was not started by start fails its case" {
	bats_file a.bats <<<'%test "x" { setsid sleep 63.5 3>&- & }'
	assert_failure
	assert_line --partial 'left running'
	run pgrep -x -f 'sleep 63.5'
	assert_failure
}

@test "a process that ignores SIGTERM fails its case" {
	bats_file a.bats <<-'EOF'
		DEADLINE=1
		%test "x" { start bash -c 'trap "" TERM; echo on; while :; do read -rt 9 <> <(:); done'; wait_for grep on "$started_out"; }
	EOF
	assert_failure
	assert_line --partial 'did not end at SIGTERM'
}

@test "wait_for waits, and fails at its deadline" {
	bats_file a.bats <<-'EOF'
		DEADLINE=1
		%test "in time" { (sleep 0.3; touch there) 3>&- & wait_for test -e there; }
		%test "never" { wait_for test -e nowhere; }
	EOF
	assert_failure
	assert_line --partial 'still not so after 1 s: test -e nowhere'
	assert_line --index -1 '1 passed, 1 failed, 0 skipped'
}

@test "stop and waited return the exit status" {
	bats_file a.bats <<-'EOF'
		%test "x" {
			start bash -c 'trap "exit 7" TERM; echo on; while :; do sleep 0.05; done'
			wait_for grep on "$started_out"
			run stop "$started"
			stop "$started" && fail || [ $? -eq 7 ]
			start bash -c 'exit 5'
			waited "$started" && fail || [ $? -eq 5 ]
		}
	EOF
	assert_success
}
