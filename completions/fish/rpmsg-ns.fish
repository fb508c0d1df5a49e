# SPDX-License-Identifier: BSD-2-Clause
__rpmsg_complete_common rpmsg-ns
set -l commands list watch wait announce withdraw
complete -c rpmsg-ns -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c rpmsg-ns -n '__fish_seen_subcommand_from wait withdraw' -a '(__rpmsg_services)'
complete -c rpmsg-ns -s s -l src -x -d "announce: the service's address"
complete -c rpmsg-ns -l hold -d 'announce: the service belongs to this process'
complete -c rpmsg-ns -l new -d 'wait: for an announcement after now'
complete -c rpmsg-ns -l gone -d 'wait: until it is withdrawn'
complete -c rpmsg-ns -l bound -d 'wait: until somebody uses it'
complete -c rpmsg-ns -l banner -d 'Say on stderr when ready'
complete -c rpmsg-ns -l ready-fd -x -d 'Write a newline to a descriptor when ready'
