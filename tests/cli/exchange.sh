# Trained models to PyTorch and back: the same energies and scores (tests/peers/check_model.py).
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"

need_command score
if ! "$PYTHON" -c 'import torch' >/dev/null 2>&1; then
    echo "skip: PyTorch is not installed for $PYTHON (make test PYTHON=... names another)"
    exit 77
fi
"$PYTHON" "$SOURCE/tests/peers/check_model.py" --program "$SLICESCORE"
