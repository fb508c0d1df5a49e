#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A Linux kernel in User-Mode Linux talks to us as to its remote processor, with its own
# virtio_rpmsg_bus, sample driver and /dev/rpmsg0; what passes is recorded and decoded.
set -euo pipefail

# shellcheck source=tests/lib/demo.bash
source "$(dirname "$0")/../lib/demo.bash"
TOP=$top BUILD=$build DEADLINE=20
# shellcheck source=tests/lib/guest.bash
source "$top/tests/lib/guest.bash"
capture=$build/demo-linux.pcap
guest_room=$room
cd "$room"

at_end()
{
	[[ -z ${GUEST:-} ]] || guest_kill
}

in_guest()
{
	echo "guest#$(shown "$@")"
	guest "$@"
}

# The kernel's lines with TEXT, once there are N.
kernel_says()
{
	guest_until enough "$@" || { guest_log; exit 1; }
	grep "$1" "$GUEST/console"
}

enough()
{
	[[ $(grep -c "$1" "$GUEST/console") -ge $2 ]]
}

first_and_last()
{
	sed -n "1,$1p" "$2"
	echo '  ...'
	tail -n "$1" "$2"
}

say 'We are the remote processor of a kernel to come, and record all that passes.'
background rpmsgd rpmsg0=vhost-user:vhost.sock
background rpmsg-listen -b rpmsg0 -w "$capture"
recorder=${pids[-1]}

say 'Boot the kernel, with a device that is ours:'
echo '$ linux virtio_uml.device=vhost.sock:7 ... &'
guest_boot vhost.sock
in_guest uname -sr
kernel_says 'rpmsg host is online' 1

say "A service for the kernel's sample driver, and one for its /dev/rpmsg0; both send back what they get."
background rpmsg-listen -b rpmsg0 -n rpmsg-client-sample --echo -q
background rpmsg-listen -b rpmsg0 -n rpmsg-raw --echo -q

kernel_says 'creating channel' 2

say 'Our services are channels of that kernel now. Seen from it, and from here:'
in_guest ls /sys/bus/rpmsg/devices
run rpmsg-ns -b rpmsg0

say 'Its sample driver says hello 100 times, and is answered:'
in_guest modprobe rpmsg_client_sample
kernel_says 'rpmsg_client_sample' 102 >said
first_and_last 2 said
grep -q 'goodbye!' said

say 'The other channel is bound by rpmsg_char, so programs in the guest may use it:'
in_guest bash -c 'exec 3<>/dev/rpmsg0; echo "hello through /dev/rpmsg0" >&3; head -n 1 <&3' | tee answer
grep -qx 'hello through /dev/rpmsg0' answer

say 'Both sides again, with counters:'
run rpmsg-ns -b rpmsg0

stop_recording "$recorder"
say "What was recorded in ${capture#"$top"/}, as Wireshark sees it:"
decode "$capture" >packets
first_and_last 4 packets
[[ $(grep -c '(rpmsg-client-sample).*, 12 bytes' packets) -eq 200 ]]
[[ $(grep -c '(rpmsg-raw).*, 26 bytes' packets) -eq 2 ]]

say 'Power off; the kernel had nothing to complain of.'
guest_halt
# shellcheck disable=SC2119 # its argument is optional
guest_log_clean
