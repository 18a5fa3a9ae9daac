#!/bin/sh
# compare.sh [PROGRAM [FOLDER]] - exact score-matching loss on test rows of energies trained by esm, ssm and ssm_vr and of
# a fitted gaussian, over five splits: the seed sets split, weights and slices. Ends with paired differences.
set -eu

program=${1:-build/release/slicescore}
folder=${2:-runs/red-wine-compare}
here=$(dirname "$0")
mkdir -p "$folder"

esm_of() { # exact loss of the last run, from its JSON
    sed 's/.*"esm": {"mean": \([-0-9.e+]*\).*/\1/'
}
for seed in 1 2 3 4 5; do
    line=$seed
    for kind in esm ssm ssm_vr gaussian; do
        out=$folder/$kind-$seed
        model=energy objective=$kind rate=1e-3
        [ $kind = gaussian ] && model=gaussian objective=esm rate=1e-2
        [ -d "$out" ] || "$program" run "$here/red_wine.yaml" "seed=$seed" "model.kind=$model" "objective.kind=$objective" \
            "train.learning_rate=$rate" -o "$out" --json --quiet >"$out.json"
        line="$line $(esm_of <"$out.json")"
    done
    echo "$line"
done >"$folder/table"
awk '
    BEGIN { print "split      esm      ssm   ssm_vr gaussian" }
    { printf "%5d %8.2f %8.2f %8.2f %8.2f\n", $1, $2, $3, $4, $5
      n++
      for (k = 3; k <= 5; k++) { d = $k - $2; sum[k] += d; square[k] += d * d } }
    END { name[3] = "ssm"; name[4] = "ssm_vr"; name[5] = "gaussian"
          for (k = 3; k <= 5; k++) {
              mean = sum[k] / n
              error = sqrt((square[k] / n - mean * mean) / (n - 1))
              printf "%s - esm: %+.2f +- %.2f (%.1f standard errors)\n", name[k], mean, error, mean / error } }' "$folder/table"
