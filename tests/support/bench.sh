#!/bin/sh
# bench.sh PROGRAM [OPTION ...] - the program's own benchmark, then the same work beside other frameworks, on every driver.
#
# Takes about 3 minutes for the program and, with PyTorch and JAX, about 10 for the rest: a minute a workload, half of
# it compiling. Options go to `slicescore bench`; curves and bench.json go to build/bench unless they say otherwise. With options
# nothing else is measured. From the Makefile: PYTHON. From whoever runs it: REMARK, a line for the table of peers.
set -u

program=$1
shift
if [ $# -gt 0 ]; then
    exec "$program" bench "$@"
fi
"$program" bench -o build/bench --force || exit
echo "curves and numbers: build/bench"

# Each driver by itself, unless whoever runs this has chosen. Intel's registers itself nowhere. Mesa's are unfinished.
if [ -z "${OCL_ICD_VENDORS:-}" ]; then
    for file in /etc/OpenCL/vendors/*.icd; do
        case $file in
        */mesa.icd | */rusticl.icd | *'/*.icd') continue ;;
        esac
        set -- "$@" --icd "$file"
    done
    intel=$(sh tests/support/intel.sh)
    if [ -n "$intel" ] && ! grep -qs libintelocl /etc/OpenCL/vendors/*.icd; then
        mkdir -p build/icd/intel
        echo "$intel/libintelocl.so" >build/icd/intel/intel-cpu.icd
        set -- "$@" --icd "$PWD/build/icd/intel/intel-cpu.icd"
    fi
fi
"${PYTHON:-python3}" tests/peers/bench.py --program "$program" --output tests/peers/RESULTS.md \
    ${REMARK:+--remark "$REMARK"} "$@"
status=$?
[ $status = 77 ] || exit $status # none installed: said, and no failure
