# SPDX-License-Identifier: BSD-2-Clause
function __rpmsg_buses -d 'The rpmsg buses that are served now, by the names of their sockets'
    set -l dirs $XDG_RUNTIME_DIR/rpmsg /run/rpmsg /tmp/rpmsg-(id -u)
    set -q RPMSG_DIR; and set dirs $RPMSG_DIR
    for dir in $dirs
        for socket in $dir/*.sock
            set -l name (string replace -r '.*/(.*)\.sock$' '$1' -- $socket)
            string match -q 'shm-*' -- $name; or echo $name
        end
    end
end
