#!/bin/sh
# likelihood.sh [OUT] - the log-likelihood of the test rows under the energy net of red_wine.yaml, normalized by
# annealed importance sampling, beside that of a gaussian under the same transform. Test rows carry the same noise of
# 0.05 as the training rows. SLICESCORE and SLICESCORE_DATA as in compare.sh; about two minutes on two cores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${SLICESCORE:-slicescore}
out=${1:-$(mktemp -d)}

"$program" run "$here/red_wine.yaml" -o "$out/net" --quiet
"$program" run "$here/red_wine.yaml" model.kind=gaussian objective.kind=esm train.steps=4000 train.learning_rate=3e-2 \
    -o "$out/gaussian" --quiet
for model in net gaussian; do
    echo "$model"
    "$program" evaluate "$out/$model" --quiet
done
echo "log Z of the net"
cat "$out/net/log_z.json"
