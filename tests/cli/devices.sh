# What the program says about devices, and when there is none.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command devices

begin "devices lists what there is and marks the default"
run devices
exits 0
out_has "0:0"

need_python
begin "devices --json is one object with every property"
run devices --json
exits 0
json 'len(it["devices"]) >= 1'
err_empty

# Something that computes; how long does not matter.
cat >small.yaml <<'YAML'
data: {source: two_moons, rows: 100}
model: {kind: energy, hidden: [3]}
objective: {kind: ssm}
YAML

begin "no driver at all: exit 3 and the packages that bring one"
mkdir nothing
OCL_ICD_VENDORS=$PWD/nothing "$SLICESCORE" gradcheck small.yaml >out 2>err </dev/null
status=$?
exits 3
err_has "pocl-opencl-icd"
out_empty

begin "a device that is not there: exit 3 and the list of those that are"
run gradcheck small.yaml --device no-such-device
exits 3
err_has "no-such-device"
err_has "0:0"
run gradcheck small.yaml --device 7:7
exits 3

begin "--device comes before SLICESCORE_DEVICE, that before the file"
SLICESCORE_DEVICE=no-such-device "$SLICESCORE" gradcheck small.yaml >out 2>err </dev/null
status=$?
exits 3
SLICESCORE_DEVICE=no-such-device "$SLICESCORE" gradcheck small.yaml --device 0:0 >out 2>err </dev/null
status=$?
exits 0
echo "device: no-such-device" >>small.yaml
run gradcheck small.yaml
exits 3
SLICESCORE_DEVICE=0:0 "$SLICESCORE" gradcheck small.yaml >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
exits 0

begin "selftest passes"
if "$SLICESCORE" selftest --help >/dev/null 2>&1; then
    run selftest
    exits 0
else
    skip "the program has no 'selftest'"
fi

begin "kernels that there are not are refused by name"
SLICESCORE_KERNELS=gpus
export SLICESCORE_KERNELS
run selftest
unset SLICESCORE_KERNELS
exits 2
err_has "SLICESCORE_KERNELS: gpus: expected gpu"
SLICESCORE_CL_DIR=$PWD/nowhere
export SLICESCORE_CL_DIR
run selftest
unset SLICESCORE_CL_DIR
exits 2
err_has "SLICESCORE_CL_DIR: $PWD/nowhere: no such folder"
err_lacks "does not run"

# Mesa's translator ends the process at what it does not know, and llvmpipe gets large kernels wrong.
begin "on an unfinished driver it says so, and gradients come out right"
on_llvmpipe()
{
    RUSTICL_ENABLE=llvmpipe OCL_ICD_VENDORS=/etc/OpenCL/vendors/rusticl.icd "$SLICESCORE" "$@" >out 2>err </dev/null
    # shellcheck disable=SC2034 # read by exits
    status=$?
}
sed -i '/^device:/d' small.yaml
on_llvmpipe devices
if grep -q llvmpipe out; then
    on_llvmpipe gradcheck small.yaml
    exits 0
    err_has "llvmpipe"
else
    skip "Mesa's rusticl is not installed"
fi

begin "a cache that cannot be written is named where PoCL has no device for it"
if [ -e /etc/OpenCL/vendors/pocl.icd ]; then
    (
        unset POCL_CACHE_DIR
        OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd XDG_CACHE_HOME=/dev/null/x "$SLICESCORE" devices >out 2>err
        echo $? >code
    )
    is "$(cat code)" 3
    err_has "XDG_CACHE_HOME is '/dev/null/x', which cannot be written to"
else
    skip "PoCL is not installed"
fi

finish
