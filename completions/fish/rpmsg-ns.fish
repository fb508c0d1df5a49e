# SPDX-License-Identifier: BSD-2-Clause
__rpmsg_complete_common rpmsg-ns
set -l commands list watch wait announce withdraw doctor gc stats
complete -c rpmsg-ns -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c rpmsg-ns -n '__fish_seen_subcommand_from wait withdraw stats' -a '(__rpmsg_services)'
complete -c rpmsg-ns -s s -l src -x -d "announce: the service's address"
complete -c rpmsg-ns -l hold -d 'announce: the service belongs to this process'
complete -c rpmsg-ns -l new -d 'wait: for an announcement after now'
complete -c rpmsg-ns -l gone -d 'wait: until it is withdrawn'
complete -c rpmsg-ns -l bound -d 'wait: until somebody uses it'
complete -c rpmsg-ns -l banner -d 'Say on stderr when ready'
complete -c rpmsg-ns -l ready-fd -x -d 'Write a newline to a descriptor when ready'
complete -c rpmsg-ns -l sysroot -x -a '(__fish_complete_directories)' -d "doctor: another machine's files"
complete -c rpmsg-ns -l table -r -F -d 'doctor: only the resource table in a file'
complete -c rpmsg-ns -l dmesg -r -F -d "doctor: a kernel's log in a file"
complete -c rpmsg-ns -l all -d 'gc: also what others made and nobody has open'
complete -c rpmsg-ns -l dry-run -d 'gc: only say what would be removed'
complete -c rpmsg-ns -s i -l interval -x -d 'stats: again and again'
complete -c rpmsg-ns -s c -l count -x -d 'stats: so many times'
complete -c rpmsg-ns -l openmetrics -d "stats: text for node_exporter's textfile collector"
