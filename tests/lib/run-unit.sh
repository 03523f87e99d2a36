#!/bin/sh
# Runs each Check program; prints a failing one's output and a closing line. Exit 1 if any failed.
passed=0
failed=0
for program in "$@"; do
    if output=$("$program" 2>&1); then
        passed=$((passed + 1))
        printf '%s: %s\n' "${program##*/}" "$(printf '%s\n' "$output" | grep -E '^[0-9]+%: ' | tail -n 1)"
    else
        failed=$((failed + 1))
        printf '%s FAILED\n%s\n' "$program" "$output"
    fi
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
