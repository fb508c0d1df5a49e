# SPDX-License-Identifier: BSD-2-Clause
__rpmsg_complete_common rpmsg-listen
complete -c rpmsg-listen -a 'name addr and'
complete -c rpmsg-listen -s n -l name -x -a '(__rpmsg_services)' -d 'Take part in a service'
complete -c rpmsg-listen -s s -l src -x -d 'Our address'
complete -c rpmsg-listen -s d -l dst -x -d "The other side's address"
complete -c rpmsg-listen -l echo -d 'Send each message back'
complete -c rpmsg-listen -l hello -d 'Send first'
complete -c rpmsg-listen -s c -l count -x -d 'Stop after so many messages'
complete -c rpmsg-listen -l exit-on-down -d 'End with 6 when the link goes down'
complete -c rpmsg-listen -l strict -d 'End with 1 if any message was lost'
complete -c rpmsg-listen -s w -l write -r -F -d 'Write a capture'
complete -c rpmsg-listen -s r -l read -r -F -d "Read a capture or a recorder's file"
complete -c rpmsg-listen -l kernel -d "Watch the kernel's own traffic"
complete -c rpmsg-listen -l follow -d 'With -r: wait for more'
complete -c rpmsg-listen -l time -x -a 'a d z A n' -d 'Time of messages'
complete -c rpmsg-listen -l banner -d 'Say on stderr when ready'
complete -c rpmsg-listen -l ready-fd -x -d 'Write a newline to a descriptor when ready'
