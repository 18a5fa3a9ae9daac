#!/bin/sh
# drivers.sh SUITE ... - run the device suites on every OpenCL driver that this machine has.
#
# Always wanted: PoCL, and Intel's runtime for CPUs, wherever intel.sh finds it. Other drivers of the system are added where
# they have a device. A driver that is not there is a printed skip. From the Makefile: BUILD, PROGRAM, PYTHON. From
# whoever runs it: TESTED=pocl where `make test` has just run all suites on PoCL.
set -u

support=tests/support
here=$PWD
BUILD=${BUILD:-build/release}
PYTHON=${PYTHON:-python3}
totals=$BUILD/tests/totals.$$
icds=$here/build/icd
mkdir -p "$BUILD/tests" "$icds"
: >"$totals"
trap 'rm -f "$totals"' EXIT
export TOTALS="$totals"

suites=$(sh "$support/devices.sh" "$@")
if [ -z "$suites" ]; then
    echo "no device suites are built"
    echo "0 passed, 0 failed, 0 skipped"
    exit 0
fi

bad=0
on()
{
    echo "$1"
    # shellcheck disable=SC2086 # one word a suite
    sh "$support/run.sh" $suites || bad=1
}
absent()
{
    echo "$1"
    echo "  skip    $2"
    echo "0 0 1" >>"$totals"
}

pocl=
for file in /etc/OpenCL/vendors/pocl*.icd; do
    if [ -e "$file" ]; then
        pocl=${file##*/}
    fi
done
if [ -n "$pocl" ] && [ "${TESTED:-}" = pocl ]; then
    absent "PoCL" "make test has just run all suites on it"
elif [ -n "$pocl" ]; then
    OCL_ICD_VENDORS=$pocl on "PoCL"
else
    absent "PoCL" "no pocl.icd in /etc/OpenCL/vendors"
fi

intel=$(PYTHON=$PYTHON sh "$support/intel.sh")
if [ -n "$intel" ]; then
    mkdir -p "$icds/intel"
    echo "$intel/libintelocl.so" >"$icds/intel/intel-cpu.icd"
    LD_LIBRARY_PATH="$intel${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" OCL_ICD_VENDORS="$icds/intel" \
        on "Intel's CPU runtime ($intel)"
else
    absent "Intel's CPU runtime" \
        "libintelocl.so not found: pip install intel-opencl-rt intel-cmplr-lib-rt into build/intel, or set INTEL_OPENCL_LIB"
fi

for file in /etc/OpenCL/vendors/*.icd; do
    name=${file##*/}
    case $name in
    pocl*.icd | '*.icd') continue ;;
    mesa.icd | rusticl.icd)
        # Known to be unfinished: wrong numbers from large kernels. The program ranks them last, warns, and tests
        # itself on them before use; the suites ask for right numbers from every kernel.
        absent "$name" "unfinished driver"
        continue
        ;;
    esac
    if [ -x "${PROGRAM:-}" ] && ! OCL_ICD_VENDORS=$name "$PROGRAM" devices >/dev/null 2>&1; then
        absent "$name" "it has no device here"
        continue
    fi
    OCL_ICD_VENDORS=$name on "$name"
done

awk '{ p += $1; f += $2; s += $3 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$totals"
exit $bad
