#!/bin/sh
# Runs Node test files against the programs in $BUILD; the report is TAP, whatever Node's version and terminal.
# Without a file there is nothing to show, and that is a failure: a pattern that matches nothing must not pass.
set -eu
if [ $# -eq 0 ] || [ ! -e "$1" ]; then
    echo "no test files${1:+: $1}" >&2
    exit 1
fi
exec node --test --test-reporter=tap "$@"
