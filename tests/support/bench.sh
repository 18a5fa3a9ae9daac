#!/bin/sh
# bench.sh PROGRAM [OPTION ...] - the program's own benchmark where it has one, else what there is to compare with.
set -u

program=$1
shift
if "$program" bench --help >/dev/null 2>&1; then
    exec "$program" bench "$@"
fi
echo "this version of the program has no 'bench'; comparing its values with PyTorch's instead"
exec "${PYTHON:-python3}" tests/peers/check_loss.py --program "$program" --time
