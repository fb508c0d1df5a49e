# SPDX-License-Identifier: BSD-2-Clause
__rpmsg_complete_common rpmsg-top
complete -c rpmsg-top -s n -l name -x -a '(__rpmsg_services)' -d 'Rows of this service alone'
complete -c rpmsg-top -l filter -x -d 'Rows that contain this text alone'
complete -c rpmsg-top -l sort -x -a 'bus side service src dst owner tx-rate rx-rate tx-bytes rx-bytes share last errors waiting queued tx rx' -d 'Order of rows'
complete -c rpmsg-top -s r -l read -r -F -d "Show a capture, a recorder's file or a log"
complete -c rpmsg-top -s w -l write -r -F -d 'The capture that the key w writes'
complete -c rpmsg-top -s i -l interval -x -d 'Time between two pictures'
complete -c rpmsg-top -s c -l count -x -d 'End after so many pictures'
complete -c rpmsg-top -l exit-on-down -d 'End with 6 when a link goes down'
complete -c rpmsg-top -l batch -d 'Print pictures one after the other'
complete -c rpmsg-top -l ascii -d 'No line and block characters'
complete -c rpmsg-top -l no-mouse -d 'Leave the mouse to the terminal'
