#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# screenshot.sh [NAME...]: makes the pictures of README.md, all of them or those that are named,
# each by tests/screens/NAME.sh.
set -euo pipefail

cd "$(dirname "$0")/screens"
[[ $# -gt 0 ]] || set -- ./*.sh
for name in "$@"; do
	name=$(basename "$name" .sh)
	"./$name.sh"
done
