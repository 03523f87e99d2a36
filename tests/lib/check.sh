#!/bin/sh
# What `make check` runs, stage after stage, with a line each and closing totals. A stage that
# fails shows the end of its log and does not stop the ones that do not need it. Exit 1 if any failed.
#
# Logs stay in build/check/. `STAGES="unit interop" make check` runs only those.
set -u
cd "$(dirname "$0")/../.." || exit

logs=build/check
asan=build/asan
make=${MAKE:-make}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
stages=${STAGES:-format build clang unit threads interop chaos fuzz}
# A make above us must not hand its job slots and flags down: each stage has its own.
unset MAKEFLAGS MFLAGS MAKELEVEL

mkdir -p "$logs"
begin=$(date +%s)
passed=0
failed=
totals=

# From a log: what a stage counted.
count_unit() {
    awk '/Checks: / { programs++; sub(/.*Checks: /, ""); checks += $0 + 0 }
        END { if (programs) printf "%d checks in %d programs", checks, programs }' "$1"
}
count_node() {
    awk '/^# tests / { tests = $3 } /^# fail / { bad = $3 + bad } /^# cancelled / { bad = $3 + bad } /^# skipped / { skipped = $3 }
        END { if (tests != "") { printf "%d tests", tests; if (bad) printf ", %d failed", bad; if (skipped) printf ", %d skipped", skipped } }' "$1"
}
count_fuzz() {
    awk '/^fuzz_.*: / { n++; runs += $2 } END { if (n) printf "%d inputs in %d targets", runs, n }' "$1"
}

count_both() {
    printf '%s, %s' "$(count_unit "$1")" "$(count_node "$1")"
}

show_failure() {
    case $2 in
    interop | chaos | threads)
        # The names of all that failed, then each one's own lines, not the long list of those that passed.
        grep '^ *not ok ' "$1" | head -n 50
        awk '/^[ ]*not ok / { show = 60 } /^[ ]*ok / { show = 0 } show-- > 0' "$1" | head -n 200
        tail -n 12 "$1"
        ;;
    *) tail -n 60 "$1" ;;
    esac | sed 's/^/      | /'
}

# run NAME TITLE COUNTER COMMAND...
run() {
    name=$1 title=$2 counter=$3
    shift 3
    case " $stages " in
    *" $name "*) ;;
    *) return 0 ;;
    esac
    case "$name:$failed " in
    unit:*" build "* | interop:*" build "* | chaos:*" build "*)
        printf '  --    %-44s needs the build\n' "$title"
        failed="$failed $name"
        return 0
        ;;
    esac
    log=$logs/$name.log
    [ ! -t 1 ] || printf '  ...   %s' "$title"
    stage_begin=$(date +%s)
    if "$@" >"$log" 2>&1; then
        word='ok  '
        passed=$((passed + 1))
    else
        word=FAIL
        failed="$failed $name"
    fi
    took=$(($(date +%s) - stage_begin))
    counted=
    [ "$counter" = none ] || counted=$($counter "$log")
    [ ! -t 1 ] || printf '\r'
    printf '  %s  %-44s %4d s  %s\n' "$word" "$title" "$took" "$counted"
    [ -z "$counted" ] || totals="$totals; $name: $counted"
    [ "$word" = 'ok  ' ] || { show_failure "$log" "$name"; echo "      | whole log: $log"; }
}

echo "Cartrita: make check ($jobs cores)"
run format "format (clang-format)" none "$make" -s fmt-check
run build "build (gcc, -Werror, ASan and UBSan)" none "$make" -s -j"$jobs" BUILD=$asan SAN=1 all check-tools
run clang "build (clang, -Werror)" none "$make" -s -j"$jobs" BUILD=build/clang CC=clang WERROR=-Werror all
run unit "unit tests and simulation" count_unit "$make" -s -j"$jobs" BUILD=$asan SAN=1 unit
run threads "job threads (ThreadSanitizer)" count_both "$make" -s -j"$jobs" BUILD=build/tsan SAN=thread threads
run interop "interop (real Redis, real Bull and BullMQ)" count_node "$make" -s BUILD=$asan SAN=1 interop
run chaos "chaos (kill -9, cut links)" count_node "$make" -s BUILD=$asan SAN=1 chaos
run fuzz "fuzz in brief" count_fuzz "$make" -s -j"$jobs" fuzz

took=$(($(date +%s) - begin))
echo
printf '%d stages passed, %d failed in %d min %d s%s\n' "$passed" "$(echo "$failed" | wc -w)" $((took / 60)) \
    $((took % 60)) "$totals"
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
