# SPDX-License-Identifier: BSD-2-Clause
function __rpmsg_complete_common -a tool -d 'The options that rpmsg-send, rpmsg-listen, rpmsg-ns and rpmsg-top share'
    complete -c $tool -f
    complete -c $tool -s b -l bus -x -a '(__rpmsg_buses)' -d 'The bus'
    complete -c $tool -s R -l remote -d 'Act on the remote side'
    complete -c $tool -s t -l timeout -x -a inf -d 'Total time in seconds'
    complete -c $tool -s o -l out -x -a 'text hex raw json log' -d 'How to print'
    complete -c $tool -s j -l json -d 'The same as --out=json'
    complete -c $tool -s q -l quiet -d 'Say less on stderr'
    complete -c $tool -s v -l verbose -d 'Say more on stderr'
    complete -c $tool -s h -l help -d 'Print help'
    complete -c $tool -l usage -d 'Print the options in short'
    complete -c $tool -s V -l version -d 'Print the version'
end
