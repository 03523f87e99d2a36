#!/bin/sh
# Runs each libFuzzer program for FUZZ_SECONDS (default 5), starting from its corpus in tests/fuzz/corpus/NAME.
# What it finds stays beside the program: new inputs in corpus-NAME/, crashes as NAME-crash-*.
set -u
seconds=${FUZZ_SECONDS:-5}
bad=0
for program in "$@"; do
    name=${program##*/}
    folder=${program%/*}
    seeds=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$seeds" ] || seeds=
    mkdir -p "$folder/corpus-$name"
    # shellcheck disable=SC2086 # no seeds, no argument
    if output=$("$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$folder/$name-" "$folder/corpus-$name" $seeds 2>&1); then
        printf '%s: %s inputs\n' "$name" "$(printf '%s\n' "$output" | sed -n 's/^stat::number_of_executed_units: *//p')"
    else
        bad=$((bad + 1))
        printf '%s FAILED\n%s\n' "$name" "$(printf '%s\n' "$output" | tail -n 60)"
    fi
done
[ "$bad" -eq 0 ]
