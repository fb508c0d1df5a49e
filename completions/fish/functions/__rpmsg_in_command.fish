# SPDX-License-Identifier: BSD-2-Clause
function __rpmsg_in_command -d 'Whether -- stands before the cursor, and a command follows it'
    contains -- -- (commandline -opc)
end
