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

begin "no driver at all: exit 3 and the packages that bring one"
mkdir nothing
OCL_ICD_VENDORS=$PWD/nothing "$SLICESCORE" selftest >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
exits 3
err_has "pocl-opencl-icd"
out_empty

begin "a device that is not there: exit 3 and the list of those that are"
run selftest --device no-such-device
exits 3
err_has "no-such-device"
err_has "0:0"
run selftest --device 7:7
exits 3

begin "SLICESCORE_DEVICE chooses, --device overrules it"
SLICESCORE_DEVICE=no-such-device "$SLICESCORE" selftest >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
exits 3
SLICESCORE_DEVICE=no-such-device "$SLICESCORE" selftest --device 0:0 >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
exits 0

begin "selftest passes"
run selftest
exits 0

finish
