# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A Linux kernel as the peer, in User-Mode Linux: no root, no KVM. For those who load it after
# common; tests/linux/kernel.sh has made the kernel.
#
#     guest_boot [SOCKET...]     boots; each SOCKET is served by a vhost-user backend and becomes
#                                an rpmsg device (virtio0, virtio1, ...). Returns when it is ready
#     guest CMD...               runs CMD in the guest: its stdout, stderr, exit status
#     guest_start NAME CMD...    in the background; $guest_out and $guest_err are its output
#     guest_alive NAME           whether it still runs
#     guest_waited NAME          waits for its end; returns its exit status
#     guest_stop NAME [SIG]      ends it with SIG (TERM) and waits; returns its exit status
#     guest_halt                 powers off; fails unless the kernel ended as it should
#     guest_kill                 kill -9 of all that the guest is
#     guest_running              whether it is there
#     remote ARG...              rpmsg-listen as the remote processor on rpmsg0, ready
#     guest_log                  what the kernel printed
#     guest_log_clean [killed]   fails if that has a complaint; "killed" excuses those of
#                                virtio_uml about a backend that was killed
#
# The guest's root is the host's, read-only; the case's folder is writable, and the working
# directory, at the same path in both. /tmp and /run, with RPMSG_DIR in it, are the guest's own. A
# file that one of the two has open shows what the other wrote only once it is opened anew.
# stdin of a command is /dev/null.
#
# All of it acts on the guest $GUEST, which is the last that was booted; a case may have several and
# set GUEST to what it was after the boot that is meant.
#
#     guest_modules=(...)        what is loaded at boot
#     guest_room=DIR             the folder that it may write, else the case's
#     guest_as=(CMD...)          boots with CMD in front, as setpriv
#     guest_options=(...)        more kernel parameters

# Before a case has a HOME of its own.
guest_kernel=${RPMSG_LINUX:-$("$TOP/tests/linux/kernel.sh" --folder)}

guest_modules=(rpmsg_char rpmsg_ctrl rpmsg_tty rpmsg_ns virtio_rpmsg_bus)
guest_room=
guest_as=()
guest_options=()
guests_all=()

# The guest's memory is a file: fast and executable it must be, and big enough.
guest_memory_folder()
{
	local dir probe
	for dir in /dev/shm "${TMPDIR:-/tmp}" /tmp; do
		[[ $(df --output=avail -k "$dir" 2>/dev/null | tail -n 1) -ge 200000 ]] || continue
		probe=$(mktemp "$dir/rpmsg-guest.XXXXXX") || continue
		printf '#!/bin/sh\n' >"$probe"
		chmod 700 "$probe"
		if "$probe" 2>/dev/null; then
			rm -f "$probe"
			echo "$dir"
			return
		fi
		rm -f "$probe"
	done
	echo "no folder for the guest's memory: /dev/shm and /tmp are full or noexec" >&2
	return 1
}

guest_process()
{
	local memory=$1 socket
	local -a devices=()
	shift
	for socket in "$@"; do devices+=("virtio_uml.device=$socket:7"); done
	ulimit -c 0
	exec env -u LD_PRELOAD GLIBC_TUNABLES=glibc.pthread.rseq=0 TMPDIR="$memory" HOME="$GUEST" \
		"${guest_as[@]}" "$guest_kernel/linux" mem=128M \
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$TOP/tests/linux/guest/init" \
		rpmsg_guest="$GUEST" uml_dir="$GUEST/uml/" umid=guest \
		con=null con0=null,fd:1 con1=fd:7,null console=tty0 loglevel=7 \
		panic=-1 oops=panic "${devices[@]}" "${guest_options[@]}"
}

guest_boot()
{
	local memory room
	if [[ ! -x $guest_kernel/linux ]]; then
		echo "no kernel in $guest_kernel: run tests/linux/kernel.sh" >&2
		return 1
	fi
	memory=$(guest_memory_folder) || return
	room=$(realpath "${guest_room:-$BATS_TEST_TMPDIR}") || return
	GUEST=$(mktemp -d "$room/guest.XXXXXX") || return
	mkdir "$GUEST/jobs" "$GUEST/uml" && mkfifo "$GUEST/bell" || return
	: >"$GUEST/console"
	printf '%s=%q\n' room "$room" top "$TOP" build "$(realpath "$BUILD")" kernel "$guest_kernel" \
		>"$GUEST/settings"
	printf 'modules=(%s)\n' "${guest_modules[*]}" >>"$GUEST/settings"
	[[ ${#guest_as[@]} -eq 0 ]] || chown -R --reference="$room" "$GUEST"
	guest_process "$memory" "$@" </dev/null >"$GUEST/console" 2>&1 3>&- 4>&- 7<>"$GUEST/bell" &
	echo $! >"$GUEST/pid"
	guests_all+=("$GUEST")
	guest_until guest_is_ready && grep -q '^guest: ready' "$GUEST/console" && return
	echo "the guest did not boot:" >&2
	tail -n 40 "$GUEST/console" >&2
	return 1
}

guest_is_ready()
{
	grep -q '^guest: ' "$GUEST/console" || ! guest_running
}

# More than DEADLINE, for all of a machine comes up or goes down.
guest_until()
{
	local end=$((SECONDS + 3 * DEADLINE))
	until "$@"; do
		[[ $SECONDS -lt $end ]] || return 1
		sleep 0.01
	done
}

guest_running()
{
	local pid state
	pid=$(<"$GUEST/pid") && state=$(sed -n 's/^State:\t//p' "/proc/$pid/status" 2>/dev/null) || return
	[[ -n $state && $state != [ZX]* ]]
}

# Opened for both ways, it never blocks.
guest_ring()
{
	echo 1<>"$GUEST/bell"
}

# guest_job FOLDER CMD...: leaves it for the guest.
guest_job()
{
	local dir=$1
	shift
	printf 'cd %q && exec %s\n' "$PWD" "${*@Q}" >"$dir/command"
	: >"$dir/out"
	: >"$dir/err"
	[[ ${#guest_as[@]} -eq 0 ]] || chown -R --reference="$GUEST" "$dir"
	: >"$dir/go"
	guest_ring
}

# A status without its newline is still being written.
guest_job_status()
{
	read -r status 2>/dev/null <"$1/status"
}

guest_job_over()
{
	guest_job_status "$1" || ! guest_running
}

# guest_job_wait FOLDER: returns the job's exit status.
guest_job_wait()
{
	local status=
	until guest_job_over "$1"; do sleep 0.01; done
	if ! guest_job_status "$1"; then
		echo "the guest ended before the command did" >&2
		return 125
	fi
	return "$status"
}

guest()
{
	local dir status=0
	guest_running || { echo "no guest is running" >&2; return 125; }
	dir=$(mktemp -d "$GUEST/jobs/XXXXXXXX") && guest_job "$dir" "$@" || return 125
	guest_job_wait "$dir" || status=$?
	cat "$dir/out"
	cat "$dir/err" >&2
	rm -rf "$dir"
	return "$status"
}

guest_start()
{
	local dir=$GUEST/jobs/job-$1
	guest_running || { echo "no guest is running" >&2; return 1; }
	mkdir "$dir" || return
	guest_out=$dir/out guest_err=$dir/err
	guest_job "$dir" "${@:2}" && guest_until guest_job_begun "$dir"
}

guest_job_begun()
{
	local pid
	read -r pid 2>/dev/null <"$1/pid" || guest_job_over "$1"
}

guest_alive()
{
	! guest_job_over "$GUEST/jobs/job-$1"
}

guest_waited()
{
	guest_job_wait "$GUEST/jobs/job-$1"
}

guest_stop()
{
	local dir=$GUEST/jobs/job-$1
	guest_job_over "$dir" || guest kill -s "${2:-TERM}" "$(<"$dir/pid")" 2>/dev/null
	guest_job_wait "$dir"
}

# The kernel, its helpers and its processes' shadows are one session.
guest_processes()
{
	local leader line
	leader=$(<"$GUEST/pid") || return
	for line in /proc/[0-9]*/stat; do
		line=$(cat "$line" 2>/dev/null) || continue
		set -- ${line##*) }
		[[ $4 != "$leader" || $1 == [ZX] ]] || echo "${line%% *}"
	done
}

guest_gone()
{
	local -a pids
	mapfile -t pids < <(guest_processes)
	[[ ${#pids[@]} -eq 0 ]]
}

# Without what the shell says of a process that was killed.
guest_kill()
{
	local -a pids
	{
		mapfile -t pids < <(guest_processes)
		while [[ ${#pids[@]} -ne 0 ]]; do
			kill -KILL "${pids[@]}" || : # one may have ended with another
			mapfile -t pids < <(guest_processes)
		done
		wait "$(<"$GUEST/pid")" || :
	} 2>/dev/null
}

guest_halt()
{
	local status=0
	guest_running || { echo "no guest is running" >&2; return 1; }
	: >"$GUEST/halt"
	guest_ring
	guest_until guest_gone || { echo "the guest does not power off" >&2; return 1; }
	wait "$(<"$GUEST/pid")" || status=$?
	guest_ended_well "$status" && return
	echo "the guest's kernel ended with status $status" >&2
	return 1
}

# Once in hundreds of times UML aborts on its way out, with nothing left to do or said: on a busy
# machine, between "Power down" and its last line.
guest_ended_well()
{
	[[ $1 -eq 0 ]] && return
	[[ $1 -eq 134 ]] && grep -q 'reboot: Power down' "$GUEST/console" &&
		! grep -qE 'Kernel panic|BUG:|WARNING:|Oops:' "$GUEST/console"
}

guest_log()
{
	cat "$GUEST/console"
}

# Takes out what virtio_uml warns of when its backend has gone, from "cut here" to "end trace",
# unless there is more in that than the one warning.
guest_log_excuse()
{
	awk '
	function finish() { if (block != "" && !(excused && warnings == 1)) print block; block = "" }
	/\[ cut here \]/ { finish(); block = $0; excused = warnings = 0; next }
	block == "" { print; next }
	{ block = block "\n" $0 }
	/WARNING:|BUG|Oops|panic/ { warnings++ }
	/WARNING: .* at arch\/um\/drivers\/virtio_uml\.c:[0-9]+ (vu_interrupt|vu_notify|vu_del_vqs)\+/ {
		excused = 1
	}
	/\[ end trace / { finish() }
	END { finish() }'
}

# A log in which nothing booted is not clean either.
guest_log_clean()
{
	local bad filter=cat
	local complaints='BUG|WARNING|Oops|Call Trace|cut here|scheduling while atomic|lockdep'
	complaints+='|possible recursive|INFO: (task|rcu)|Kernel panic|segfault|corrupt|refcount'
	complaints+='|list_(add|del)|blocked for more than|general protection|Unable to handle'
	complaints+='|stack-?protector|out of memory|Out of memory|inbound msg too big'
	complaints+='|failed to add a virtqueue buffer|no used buffer|is not a head|id [0-9]+ out of range'
	[[ ${1:-} != killed ]] || filter=guest_log_excuse
	if ! guest_log | grep -q '^guest: ready'; then
		echo "the guest never said that it was ready" >&2
		return 1
	fi
	bad=$(guest_log | "$filter" | grep -aE -A 25 "$complaints") || return 0
	echo "the guest's kernel complains:" >&2
	echo "$bad" >&2
	return 1
}

# To be called by a teardown of a file's own.
guest_teardown()
{
	for GUEST in "${guests_all[@]}"; do guest_kill; done
	[[ $BATS_TEST_COMPLETED != 1 && -n ${GUEST:-} ]] || return 0
	echo "---- ${GUEST##*/}: end of the kernel log"
	sed '1,/ as init process$/d' "$GUEST/console" | tail -n 60
}

teardown()
{
	guest_teardown
	common_teardown
}

remote()
{
	start rpmsg-listen -b rpmsg0 --ready-fd=9 "$@" 9>ready
	wait_for test -s ready
	rm ready
}
