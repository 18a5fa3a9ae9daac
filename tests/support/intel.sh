#!/bin/sh
# intel.sh - print the folder of libintelocl.so, Intel's OpenCL runtime for CPUs; nothing where there is none.
#
# It comes as Python packages (intel-opencl-rt and intel-cmplr-lib-rt) and registers itself nowhere. It is looked for in
# $INTEL_OPENCL_LIB, build/intel/lib, below /opt and in Python's own prefixes, in this order. From the Makefile: PYTHON.
set -u

folders()
{
    echo "${INTEL_OPENCL_LIB:-}"
    echo "$PWD/build/intel/lib"
    for folder in /opt/intel*/lib /opt/intel*/lib64 /opt/intel/oneapi/compiler/*/lib; do
        echo "$folder"
    done
    "${PYTHON:-python3}" - 2>/dev/null <<'PYTHON'
import os, site, sys
print(os.path.join(sys.prefix, "lib"))
for folder in site.getsitepackages() + [site.getusersitepackages()]:
    print(os.path.normpath(os.path.join(folder, "..", "..")))
    print(folder)
PYTHON
}

folders | while read -r folder; do
    if [ -n "$folder" ] && [ -e "$folder/libintelocl.so" ]; then
        echo "$folder"
        break
    fi
done
