#!/bin/sh
# bench.sh PROGRAM [OPTION ...] - the program's own benchmark, then the same work done by others where they are installed.
#
# Options go to `slicescore bench`; curves and bench.json go to build/bench unless they say otherwise. With options nothing
# else is measured. From the Makefile: PYTHON. From whoever runs it: REMARK, a line for the table of peers.
set -u

program=$1
shift
if [ $# -gt 0 ]; then
    exec "$program" bench "$@"
fi
"$program" bench -o build/bench || exit
echo "curves and numbers: build/bench"
"${PYTHON:-python3}" tests/peers/bench_torch.py --program "$program" --output tests/peers/RESULTS.md ${REMARK:+--remark "$REMARK"}
status=$?
[ $status = 77 ] || exit $status # none installed: said, and no failure
