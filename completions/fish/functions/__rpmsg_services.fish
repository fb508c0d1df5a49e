# SPDX-License-Identifier: BSD-2-Clause
function __rpmsg_services -d 'Services of the bus that the line names, or of the default if it is served'
    set -l words (commandline -opc)
    set -l bus $RPMSG_BUS
    set -l side
    for i in (seq (count $words))
        switch $words[$i]
            case -b --bus
                set bus $words[(math $i + 1)]
            case '--bus=*'
                set bus (string replace -- --bus= '' $words[$i])
            case -R --remote
                set side -R
        end
    end
    # nothing is started for a completion
    if test -z "$bus"
        contains -- rpmsg0 (__rpmsg_buses); or return
        set bus rpmsg0
    end
    timeout 1 rpmsg-ns $side -b $bus -j list 2>/dev/null </dev/null |
        string match -rg '"service": *"([^"]*)"' | sort -u
end
