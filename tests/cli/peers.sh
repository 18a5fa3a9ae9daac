# Losses and gradients against PyTorch's nested autograd, and those of every framework that bench.py times (tests/peers/).
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"

need_command loss
for module in numpy torch; do
    if ! "$PYTHON" -c "import $module" >/dev/null 2>&1; then
        echo "skip: $module is not installed for $PYTHON (make test PYTHON=... names another)"
        exit 77
    fi
done

code=0
check() # script, options
{
    script=$SOURCE/tests/peers/$1
    shift
    "$PYTHON" "$script" --program "$SLICESCORE" "$@" >out 2>err || code=1
    grep '^cli: ' out >>totals || cat err # it died
    grep -v '^cli: ' out
}
check check_bench.py
check check_loss.py --quick
check check_model.py
awk '{ p += $2; f += $4; s += $6 } END { printf "cli: %d passed, %d failed, %d skipped\n", p, f, s }' totals
exit $code
