# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Services of the remote side, and known numbers of messages. For those who load it after common.
#
#     echo_service NAME [BUS]                answers all that it gets; announced
#     speak NAME COUNT PAYLOAD [BUS]         so many messages, and their answers

echo_service()
{
	start rpmsg-listen -q -b "${2:-rpmsg0}" -R -n "$1" --echo
	rpmsg-ns -q -b "${2:-rpmsg0}" wait "$1"
}

speak()
{
	rpmsg-send -q -b "${4:-rpmsg0}" -n "$1" -c "$2" --reply="$2" "$3" >/dev/null
}
