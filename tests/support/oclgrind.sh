#!/bin/sh
# oclgrind.sh SUITE ... - run the device suites in Oclgrind, which sees what sanitizers cannot: stray reads and writes
# of kernels, races, uninitialized values, wrong API use.
#
# It interprets, and so is some thousand times slower than a driver: SLICESCORE_TEST_SMALL=1 asks the suites for their
# smallest sizes. It exits 0 whatever it finds: an empty log is the pass.
set -u

BUILD=${BUILD:-build/release}
logs=$BUILD/tests/oclgrind
mkdir -p "$logs"
export SLICESCORE_TEST_SMALL=1 XDG_CACHE_HOME="$PWD/$logs/cache"
unset SLICESCORE_DEVICE SLICESCORE_CL_DIR SLICESCORE_DATA
passed=0 failed=0
for suite in $(sh tests/support/devices.sh "$@"); do
    name=${suite##*/}
    log=$logs/$name.log
    said=$logs/$name.txt
    rm -f "$log"
    from=$(date +%s)
    # Unoptimized, because the optimizer writes `freeze`, which Oclgrind 21.10 stops at, and because it folds away
    # reads of what was never written. Oclgrind preloads itself: the shim (oclgrind/shim.c) has to come before it.
    # shellcheck disable=SC2016 # expanded inside
    timeout "${TEST_TIMEOUT:-1800}" oclgrind --check-api --uninitialized --data-races --build-options -O0 --log "$log" \
        sh -c 'LD_PRELOAD="$1:$LD_PRELOAD" exec "$2"' sh "$PWD/$BUILD/tests/oclgrind-shim.so" "$suite" >"$said" 2>&1
    code=$?
    took=$(($(date +%s) - from))
    if [ $code = 0 ] && [ ! -s "$log" ]; then
        passed=$((passed + 1))
        printf '  %-7s %-26s %6s s\n' ok "$name" "$took"
    else
        failed=$((failed + 1))
        printf '  %-7s %-26s %6s s  exit %s\n' FAILED "$name" "$took" "$code"
        tail -n 40 "$said" | sed 's/^/    | /'
        [ -s "$log" ] && head -n 60 "$log" | sed 's/^/    log | /'
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
