#!/bin/sh
# run.sh FILE ... - run test programs and test scripts one after another and end with the total.
#
# A FILE ending in .sh is a script of tests/cli/, everything else a Check program. All of them run whatever fails; the
# last line is `N passed, N failed, N skipped`, and the exit status is 0 only if nothing failed.
#
# From the Makefile: BUILD (the variant's folder), PROGRAM, PYTHON, MAKE, CC, V. From whoever runs it: OCL_ICD_VENDORS
# (pocl.icd unless set), DEVICE (as --device), TEST_TIMEOUT in seconds. TOTALS=FILE: add the numbers to FILE instead of
# printing the last line (drivers.sh). KILLS=N: how often sweep_kills.sh kills, KILLS_SEED: when.
set -u

BUILD=${BUILD:-build/release}
case $BUILD in
/*) ;;
*) BUILD=$PWD/$BUILD ;;
esac
SOURCE=$PWD
scratch=$BUILD/tests/run.$$
cache=$SOURCE/build/cache
mkdir -p "$scratch" "$cache/pocl" "$BUILD/tests/logs" || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

limit=
if command -v timeout >/dev/null 2>&1; then
    limit="timeout ${TEST_TIMEOUT:-900}"
fi

# What the caller's shell happens to hold must not decide a test; the caches stay inside build/.
unset SLICESCORE_CL_DIR SLICESCORE_DATA SLICESCORE_DEVICE
if [ -n "${DEVICE:-}" ]; then
    export SLICESCORE_DEVICE="$DEVICE"
fi
export OCL_ICD_VENDORS="${OCL_ICD_VENDORS:-pocl.icd}"
export POCL_CACHE_DIR="${POCL_CACHE_DIR:-$cache/pocl}"

passed=0 failed=0 skipped=0
now()
{
    date +%s.%N | sed 's/N$//' # no nanoseconds on some systems
}
since()
{
    awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f s", to - from }'
}

# $1: verdict, $2: name, $3: what happened, $4: seconds
line()
{
    printf '  %-7s %-26s %-34s %8s\n' "$1" "$2" "$3" "$4"
}

# Check's own summary: "95%: Checks: 20, Failures: 1, Errors: 0", once per runner.
suite()
{
    name=${1##*/}
    log=$BUILD/tests/logs/$name.log
    from=$(now)
    mkdir -p "$scratch/tmp"
    (
        export XDG_CACHE_HOME="$cache/xdg" TMPDIR="$scratch/tmp"
        $limit "$1"
    ) >"$log" 2>&1
    code=$?
    took=$(since "$from")
    # checks, bad
    # shellcheck disable=SC2046 # several numbers
    set -- $(awk '/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
                      gsub(/,/, ""); checks += $3; bad += $5 + $7 }
                  /^skip: / { skips++ }
                  END { print checks + 0, bad + 0, skips + 0 }' "$log")
    passed=$((passed + $1 - $2))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    skips=
    if [ "$3" -gt 0 ]; then
        skips=", $3 skipped"
    fi
    if [ $code = 77 ] && [ "$1" = 0 ]; then
        skipped=$((skipped + 1))
        line skip "$name" "$(tail -n 1 "$log")" "$took"
        return
    fi
    if [ $code = 0 ] && [ "$2" = 0 ] && [ "$(($1 + $3))" -gt 0 ]; then
        line ok "$name" "$1 checks$skips" "$took"
        grep '^skip: ' "$log" | sed 's/^/            /'
        return
    fi
    if [ "$2" = 0 ]; then # it died, or said nothing: the summary does not know of that
        failed=$((failed + 1))
    fi
    case $code in
    0) what="$2 of $1 failed" ;;
    124) what="stopped after ${TEST_TIMEOUT:-900} s" ;;
    *) what="$2 of $1 failed, exit $code" ;;
    esac
    if [ "$1" = 0 ] && [ $code = 0 ]; then
        what="ran no check"
    fi
    line FAILED "$name" "$what" "$took"
    sed 's/^/    | /' "$log" | tail -n 200
}

# A script says at its end how many of its tests passed, failed and were skipped (cli.sh). It sees a clean home.
script()
{
    name=cli/${1##*/}
    name=${name%.sh}
    log=$BUILD/tests/logs/cli-${1##*/}.log
    home=$scratch/home
    rm -rf "$home"
    mkdir -p "$home/tmp" "$home/work"
    path=$SOURCE/$1
    from=$(now)
    (
        cd "$home/work" || exit 1
        # shellcheck disable=SC2086 # limit is several words, or none
        exec env -i PATH="$PATH" HOME="$home" XDG_CACHE_HOME="$home/.cache" TMPDIR="$home/tmp" LC_ALL=C \
            OCL_ICD_VENDORS="$OCL_ICD_VENDORS" POCL_CACHE_DIR="$POCL_CACHE_DIR" ${LD_LIBRARY_PATH:+LD_LIBRARY_PATH="$LD_LIBRARY_PATH"} \
            ${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} ${LSAN_OPTIONS:+LSAN_OPTIONS="$LSAN_OPTIONS"} \
            ${UBSAN_OPTIONS:+UBSAN_OPTIONS="$UBSAN_OPTIONS"} ${KILLS:+KILLS="$KILLS"} ${KILLS_SEED:+KILLS_SEED="$KILLS_SEED"} ${SLICESCORE_DEVICE:+SLICESCORE_DEVICE="$SLICESCORE_DEVICE"} \
            SOURCE="$SOURCE" BUILD="$BUILD" SLICESCORE="${PROGRAM:+$SOURCE/$PROGRAM}" PYTHON="${PYTHON:-python3}" \
            MAKE="${MAKE:-make}" CC="${CC:-cc}" \
            $limit sh "$path"
    ) >"$log" 2>&1 </dev/null
    code=$?
    took=$(since "$from")
    if [ $code = 77 ]; then
        skipped=$((skipped + 1))
        line skip "$name" "$(tail -n 1 "$log" | sed 's/^skip: //')" "$took"
        return
    fi
    # passed, failed, skipped, and whether the script reached its end
    # shellcheck disable=SC2046 # several numbers
    set -- $(awk '/^cli: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p = $2; f = $4; s = $6; done = 1 }
                  END { print p + 0, f + 0, s + 0, done + 0 }' "$log")
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    if [ "$4" = 1 ] && [ "$2" = 0 ] && [ $code = 0 ]; then
        skips=
        if [ "$3" -gt 0 ]; then
            skips=", $3 skipped"
        fi
        line ok "$name" "$1 tests$skips" "$took"
        grep '^skip: ' "$log" | sed 's/^/            /'
        return
    fi
    if [ "$2" = 0 ]; then
        failed=$((failed + 1))
    fi
    what="$2 failed"
    if [ "$4" = 0 ]; then
        what="ended early with exit $code"
    fi
    line FAILED "$name" "$what" "$took"
    sed 's/^/    | /' "$log" | tail -n 200
}

started=$(now)
for file in "$@"; do
    case $file in
    *.sh) script "$file" ;;
    *) suite "$file" ;;
    esac
done

if [ -n "${TOTALS:-}" ]; then
    echo "$passed $failed $skipped" >>"$TOTALS"
else
    echo "  all in $(since "$started")"
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ]
