#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The toolkit's main job, for real, in a folder of its own: a software bus, a
# simulated remote processor, messages both ways, and a capture that is decoded.
set -euo pipefail

# shellcheck source=tests/lib/demo.bash
source "$(dirname "$0")/lib/demo.bash"
capture=$build/demo.pcap

say 'A software bus, both sides of it: what a board and its firmware would be.'
background rpmsgd rpmsg0=loop

say 'Record all that passes.'
background rpmsg-listen -b rpmsg0 -w "$capture"
recorder=${pids[-1]}

say 'The simulated remote processor announces a service and sends back what it gets.'
background rpmsg-listen -b rpmsg0 -R -n demo-echo --echo -q

say 'The host side sees the announcement ...'
run rpmsg-ns -b rpmsg0 wait demo-echo

say '... talks to the service and prints the answers ...'
run rpmsg-send -b rpmsg0 -n demo-echo --reply 'hello, remote processor'
run rpmsg-send -b rpmsg0 -n demo-echo --reply -o hex -x 'de ad be ef'

say '... measures round trips ...'
run rpmsg-send -b rpmsg0 -n demo-echo --ping -c 3 -i 0.1

say '... and lists who is there.'
run rpmsg-ns -b rpmsg0

stop_recording "$recorder"

say "What was recorded in ${capture#"$top"/}, as Wireshark sees it:"
decode "$capture" | tee "$room/packets"
say 'The announcement, decoded:'
decode "$capture" -O rpmsg -c 1 | tee "$room/detail"
grep -q demo-echo "$room/detail"
[[ $(grep -c . "$room/packets") -ge 11 ]]

cat <<EOF

Try next: PATH=${build#"$top"/}/bin:\$PATH; rpmsg-listen -R -n demo-echo --echo -q & rpmsg-send -n demo-echo --ping & rpmsg-top
EOF
