#!/bin/sh
# devices.sh SUITE ... - print those test programs that reach OpenCL: their dependency file names device/device.h.
set -u
for suite in "$@"; do
    if grep -q 'src/device/device\.h' "$suite.d" 2>/dev/null; then
        echo "$suite"
    fi
done
