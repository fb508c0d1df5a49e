# SPDX-License-Identifier: BSD-2-Clause
complete -c rpmsg-extcap -f
complete -c rpmsg-extcap -l extcap-interfaces -d 'List the interfaces'
complete -c rpmsg-extcap -l extcap-version -d "Wireshark's own version"
complete -c rpmsg-extcap -l extcap-interface -x -a "(rpmsg-extcap --extcap-interfaces 2>/dev/null | string replace -fr '^interface \{value=([^}]*)\}\{display=([^}]*).*' '\$1\t\$2')" -d 'What the others are about'
complete -c rpmsg-extcap -l extcap-dlts -d 'List its link types'
complete -c rpmsg-extcap -l extcap-config -d 'List what can be chosen about it'
complete -c rpmsg-extcap -l capture -d 'Capture from it'
complete -c rpmsg-extcap -l extcap-capture-filter -x -d "What to capture, in libpcap's language"
complete -c rpmsg-extcap -l fifo -r -F -d 'Where the capture goes'
complete -c rpmsg-extcap -l history -d 'Start at the oldest record held'
complete -c rpmsg-extcap -l direction -x -a 'both h2r r2h' -d 'Direction of messages'
complete -c rpmsg-extcap -l snaplen -x -d 'Bytes of a message to keep'
complete -c rpmsg-extcap -l events -d 'Capture events too'
complete -c rpmsg-extcap -l filter -x -d 'What to capture'
complete -c rpmsg-extcap -l remote-host -x -a '(__fish_print_hostnames)' -d 'The other machine'
complete -c rpmsg-extcap -l remote-bus -x -d 'The bus there'
complete -c rpmsg-extcap -l remote-port -x -d 'Its port for ssh'
complete -c rpmsg-extcap -l remote-command -x -d 'rpmsg-listen as its shell finds it'
complete -c rpmsg-extcap -s q -l quiet -d 'Say less on stderr'
complete -c rpmsg-extcap -s v -l verbose -d 'Say more on stderr'
complete -c rpmsg-extcap -s h -l help -d 'Print help'
complete -c rpmsg-extcap -l usage -d 'Print the options in short'
complete -c rpmsg-extcap -s V -l version -d 'Print the version'
