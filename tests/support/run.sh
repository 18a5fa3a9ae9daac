#!/bin/sh
# run.sh FILE ... - run test programs and test scripts, some at a time, and end with the total.
#
# A FILE ending in .sh is a script of tests/cli/, everything else a Check program. All of them run whatever fails; the
# last line is `N passed, N failed, N skipped`, and the exit status is 0 only if nothing failed. What they say appears
# in the order in which they begin: the longest first (`long`), last and by themselves those that a neighbour would
# disturb (`alone`).
#
# From the Makefile: BUILD (the variant's folder), PROGRAM, PYTHON, MAKE, CC, V, WERROR and the flags of compiler and
# linker. From whoever runs it: OCL_ICD_VENDORS (pocl.icd unless set), DEVICE (as --device), TEST_TIMEOUT in seconds,
# TEST_JOBS (how many at a time; unless set, one a core, at most 4). TOTALS=FILE: add the numbers to FILE instead of
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
mkdir -p "$scratch" "$BUILD/tests/logs" || exit 1
trap 'rm -rf "$scratch"' EXIT
trap stop INT TERM

# What measures seconds, or installs out of the folder of the build.
alone="cli/bench cli/tune cli/install cli/library"
# The longest begin, so that no core has to wait for one of them at the end.
long="check_fused cli/gallery check_gemm cli/results check_jet cli/sweep check_products cli/runs check_library
    check_tuning_loss cli/report cli/sweep_kills"

most=${TEST_JOBS:-}
if [ -z "$most" ]; then
    most=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    if [ "$most" -gt 4 ]; then
        most=4
    fi
fi

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
pocl=${POCL_CACHE_DIR:-$cache/pocl}

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

# $1: log; the rest: a command. It runs in the background, where the trap of job() can end it: `timeout` passes a signal
# on to all that it started.
watched()
{
    log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null 3>&- &
    child=$!
    wait "$child"
    code=$?
}

# Check's own summary: "95%: Checks: 20, Failures: 1, Errors: 0", once per runner.
suite()
{
    name=${1##*/}
    from=$(now)
    mkdir -p "$mine/tmp"
    # shellcheck disable=SC2086 # limit is several words, or none
    watched "$BUILD/tests/logs/$name.log" env XDG_CACHE_HOME="$kept" TMPDIR="$mine/tmp" $limit "$1"
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
    home=$mine/home
    mkdir -p "$home/tmp" "$home/work"
    path=$SOURCE/$1
    from=$(now)
    # shellcheck disable=SC2086,SC2016 # limit is several words, or none; expanded inside
    watched "$BUILD/tests/logs/cli-${1##*/}.log" \
        sh -c 'cd "$1" && shift && exec "$@"' sh "$home/work" \
        env -i PATH="$PATH" HOME="$home" XDG_CACHE_HOME="$home/.cache" TMPDIR="$home/tmp" LC_ALL=C \
        OCL_ICD_VENDORS="$OCL_ICD_VENDORS" POCL_CACHE_DIR="$POCL_CACHE_DIR" ${POCL_AFFINITY:+POCL_AFFINITY="$POCL_AFFINITY"} \
        ${LD_LIBRARY_PATH:+LD_LIBRARY_PATH="$LD_LIBRARY_PATH"} \
        ${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} ${LSAN_OPTIONS:+LSAN_OPTIONS="$LSAN_OPTIONS"} \
        ${UBSAN_OPTIONS:+UBSAN_OPTIONS="$UBSAN_OPTIONS"} ${KILLS:+KILLS="$KILLS"} ${KILLS_SEED:+KILLS_SEED="$KILLS_SEED"} ${SLICESCORE_DEVICE:+SLICESCORE_DEVICE="$SLICESCORE_DEVICE"} \
        SOURCE="$SOURCE" BUILD="$BUILD" SLICESCORE="${PROGRAM:+$SOURCE/$PROGRAM}" PYTHON="${PYTHON:-python3}" \
        MAKE="${MAKE:-make}" CC="${CC:-cc}" WERROR="${WERROR:-}" \
        CPPFLAGS="${CPPFLAGS:-}" CFLAGS="${CFLAGS:-}" LDFLAGS="${LDFLAGS:-}" \
        $limit sh "$path"
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

# $1: folder; the rest: what it shall have too, of files that never change: as links, no copies.
share()
{
    folder=$1
    shift
    mkdir -p "$folder"
    cp -Rln "$@" "$folder" 2>/dev/null
}

# One FILE. What it says and counts goes to files of its own. A slot is a token that comes back at the end; with it go
# caches of kernels that no other process has in use: PoCL's own does not bear two that compile the same. It begins with
# all kernels that FILEs before it have left.
# $1: number, $2: slot, $3: file
job()
{
    mine=$scratch/$1 child=
    trap 'kill $child 2>/dev/null; wait; exit 143' TERM
    kept=$cache/xdg.$2
    export POCL_CACHE_DIR="$pocl.$2"
    share "$POCL_CACHE_DIR" "$pocl/."
    share "$kept/slicescore/kernels" "$cache"/kernels/*.bin
    passed=0 failed=0 skipped=0
    case $3 in
    *.sh) script "$3" ;;
    *) suite "$3" ;;
    esac >"$mine/said"
    echo "$passed $failed $skipped" >"$mine/counts"
    share "$pocl" "$POCL_CACHE_DIR/."
    share "$cache/kernels" "$kept"/slicescore/kernels/*.bin
    rm -rf "${mine:?}/home" "${mine:?}/tmp"
    : >"$mine/done"
    echo "$2" >&3
}

# $1: file
start()
{
    read -r slot <&3
    show
    begun=$((begun + 1))
    mkdir "$scratch/$begun"
    job "$begun" "$slot" "$1" &
    echo $! >"$scratch/$begun/pid"
}

# Whatever has ended, in the order in which it began.
show()
{
    while [ -e "$scratch/$((shown + 1))/done" ]; do
        shown=$((shown + 1))
        cat "$scratch/$shown/said"
        read -r p f s <"$scratch/$shown/counts"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    done
}

# Background processes of a script do not hear ^C themselves.
stop()
{
    trap '' INT TERM
    for folder in "$scratch"/*/; do
        if [ -e "$folder/pid" ] && [ ! -e "$folder/done" ]; then
            kill "$(cat "$folder/pid")" 2>/dev/null
        fi
    done
    wait
    exit 130
}

# $1: file, $2: names
is_among()
{
    name=${1%.sh}
    case $1 in
    *.sh) name=cli/${name##*/} ;;
    *) name=${name##*/} ;;
    esac
    # shellcheck disable=SC2086 # list of words
    for other in $2; do
        [ "$other" != "$name" ] || return 0
    done
    return 1
}

started=$(now)
passed=0 failed=0 skipped=0 begun=0 shown=0
mkfifo "$scratch/slots" || exit 1
exec 3<>"$scratch/slots"
for slot in $(seq "$most"); do
    echo "$slot" >&3
done
# PoCL's threads would stay on a core each (src/device/discovery.c): those of two processes that compile, one in each,
# on the same.
[ "$most" = 1 ] || export POCL_AFFINITY=0
for file in "$@"; do
    is_among "$file" "$long" && start "$file"
done
for file in "$@"; do
    is_among "$file" "$long $alone" || start "$file"
done
wait
unset POCL_AFFINITY
for file in "$@"; do
    if is_among "$file" "$alone"; then
        start "$file"
        wait
    fi
done
show

if [ -n "${TOTALS:-}" ]; then
    echo "$passed $failed $skipped" >>"$TOTALS"
else
    echo "  all in $(since "$started")"
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ] && [ "$shown" = "$begun" ]
