#!/bin/sh
# oclgrind.sh SUITE ... - run the device suites in Oclgrind, which sees what sanitizers cannot: stray reads and writes
# of kernels, races, uninitialized values, wrong API use.
#
# It interprets, and so is some thousand times slower than a driver: SLICESCORE_TEST_SMALL=1 asks the suites for their
# smallest sizes. It exits 0 whatever it finds: an empty log is the pass.
#
# check_fused and check_gemm have both forms of their kernels, for CPU devices and for GPUs; the other suites whose
# kernels have two forms run once more as on a GPU. Suites run side by side, one a core (JOBS=N).
set -u

BUILD=${BUILD:-build/release}
logs=$BUILD/tests/oclgrind
mkdir -p "$logs"
export SLICESCORE_TEST_SMALL=1 XDG_CACHE_HOME="$PWD/$logs/cache"
unset SLICESCORE_DEVICE SLICESCORE_CL_DIR SLICESCORE_DATA
all=$(mktemp -d) || exit 1
trap 'rm -rf "$all"' EXIT
# shellcheck source=tests/support/together.sh
. tests/support/together.sh
started=$(date +%s) passed=0 failed=0 skipped=0

# $1: suite; $2: gpu, or nothing
simulated()
{
    suite=$1 name=${1##*/}${2:+ as on a $2}
    log=$logs/${1##*/}${2:+.$2}.log
    said=${log%.log}.txt
    rm -f "$log"
    from=$(date +%s)
    # Unoptimized, because the optimizer writes `freeze`, which Oclgrind 21.10 stops at, and because it folds away
    # reads of what was never written. It preloads itself: the shim
    # (oclgrind/shim.c) has to come before it. Killed if it only takes note of the signal, as runs do.
    trap 'kill $! 2>/dev/null; exit 143' TERM
    # shellcheck disable=SC2016 # expanded inside
    SLICESCORE_KERNELS=${2:-} timeout -k 10 "${TEST_TIMEOUT:-1800}" \
        oclgrind --check-api --uninitialized --data-races --build-options "-O0" --log "$log" \
        sh -c 'LD_PRELOAD="$1:$LD_PRELOAD" exec "$2"' sh "$PWD/$BUILD/tests/oclgrind-shim.so" "$suite" >"$said" 2>&1 &
    wait $!
    code=$?
    took=$(($(date +%s) - from))
    if [ $code = 0 ] && [ ! -s "$log" ] && grep -q '^[0-9]*%: Checks: ' "$said"; then
        printf '  %-7s %-32s %6s s\n' ok "$name" "$took"
        sed -n 's/^skip\(ped\)*: /            skip: /p' "$said"
    elif [ $code = 0 ] && [ ! -s "$log" ]; then
        printf '  %-7s %-32s %s\n' skip "$name" "$(sed -n 's/^skip\(ped\)*: //p' "$said")"
        return 77
    else
        printf '  %-7s %-32s %6s s  exit %s\n' FAILED "$name" "$took" "$code"
        tail -n 40 "$said" | sed 's/^/    | /'
        [ -s "$log" ] && head -n 60 "$log" | sed 's/^/    log | /'
        return 1
    fi
}

# $1: suite, $2: status
ended()
{
    case $2 in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)) ;;
    esac
}

for file in $(sh tests/support/devices.sh "$@"); do
    together "${file##*/}" simulated "$file" ""
    case ${file##*/} in
    check_batches | check_jet | check_jet_along | check_optimizer | check_sampler)
        together "${file##*/}.gpu" simulated "$file" gpu
        ;;
    esac
done
in_order
echo "  all in $(($(date +%s) - started)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
