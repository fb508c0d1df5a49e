# SPDX-License-Identifier: BSD-2-Clause
function __rpmsg_command -d 'What the command after -- would be completed with if it stood alone'
    set -l words (commandline -opc)
    set -l dashes (contains -i -- -- $words)
    complete -C (string join ' ' -- (string escape -- $words[(math $dashes + 1)..]) (commandline -ct))
end
