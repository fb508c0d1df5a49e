# SPDX-License-Identifier: BSD-2-Clause
__rpmsg_complete_common rpmsg-listen
complete -c rpmsg-listen -n 'not __rpmsg_in_command' -a 'name bus src dst addr h2r r2h len data contains ns event and or not'
complete -c rpmsg-listen -n __rpmsg_in_command -a '(__rpmsg_command)'
complete -c rpmsg-listen -s n -l name -x -a '(__rpmsg_services)' -d 'Take part in a service'
complete -c rpmsg-listen -s s -l src -x -d 'Our address'
complete -c rpmsg-listen -s d -l dst -x -d "The other side's address"
complete -c rpmsg-listen -l echo -d 'Send each message back'
complete -c rpmsg-listen -l hello -d 'Send first'
complete -c rpmsg-listen -s c -l count -x -d 'Stop after so many messages'
complete -c rpmsg-listen -l exit-on-down -d 'End with 6 when the link goes down'
complete -c rpmsg-listen -l strict -d 'End with 1 if any message was lost'
complete -c rpmsg-listen -s w -l write -r -F -d 'Write a capture'
complete -c rpmsg-listen -s C -l rotate-size -x -d 'Begin the next file at this size'
complete -c rpmsg-listen -s G -l rotate-time -x -d 'Begin the next file after so many seconds'
complete -c rpmsg-listen -l rotate-count -x -d 'Begin the next file after so many packets'
complete -c rpmsg-listen -s W -l files -x -d 'Keep so many of these files'
complete -c rpmsg-listen -l snaplen -x -d 'Keep so many bytes of a payload'
complete -c rpmsg-listen -l events -d 'Show and write events too'
complete -c rpmsg-listen -s r -l read -r -F -d "Read a capture, a recorder's file or a log"
complete -c rpmsg-listen -l kernel -d "Watch the kernel's own traffic"
complete -c rpmsg-listen -l follow -d 'With -r: wait for more'
complete -c rpmsg-listen -l history -d 'Begin with the oldest message recorded'
complete -c rpmsg-listen -l no-follow -d 'Show what is recorded now, no more'
complete -c rpmsg-listen -l since -x -d 'Begin with the last seconds'
complete -c rpmsg-listen -l last -x -d 'Begin with the last so many messages'
complete -c rpmsg-listen -l bpf -x -d "Choose by libpcap's language"
complete -c rpmsg-listen -l time -x -a 'a d z A n' -d 'Time of messages'
complete -c rpmsg-listen -l banner -d 'Say on stderr when ready'
complete -c rpmsg-listen -l ready-fd -x -d 'Write a newline to a descriptor when ready'
