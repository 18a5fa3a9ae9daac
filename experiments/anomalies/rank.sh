#!/bin/sh
# rank.sh [OUT [KEY=VALUE ...]] - train on nine tenths of the white wines, then rank the other tenth and all red wines by their
# log-density: the area under the ROC curve of "red" against "white" by -log_density, for the energy net of
# white_wine.yaml and for a gaussian. `slicescore score` does the work. No log Z is needed: ranks do not see constants. OUT/roc-*.csv are the curves.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${SLICESCORE:-slicescore}
out=${1:-$(mktemp -d)}
[ $# = 0 ] || shift
data=${SLICESCORE_DATA:?is to be the folder of winequality-red.csv and winequality-white.csv}

# Rows that occur more than once are kept once, and so on one side only.
awk 'NR == 1 || !seen[$0]++' "$data/winequality-white.csv" >"$out/white.csv"
awk 'NR == 1 || NR % 10' "$out/white.csv" >"$out/train.csv"
awk 'NR == 1 || NR % 10 == 0' "$out/white.csv" >"$out/test.csv"
whites=$(($(wc -l <"$out/test.csv") - 1))
awk 'NR > 1 && !seen[$0]++' "$data/winequality-red.csv" >>"$out/test.csv"

# $1: scores with a line of names, log-density first; the first $2 rows are whites. Mann and Whitney's statistic, ties
# count half; rows without a density (nan) are the least likely of all.
area()
{
    awk -F, -v whites="$2" 'NR > 1 { print ($1 == "nan" ? -1e300 : $1), (NR - 1 > whites) }' "$1" | sort -g |
        awk '{ if (NR > 1 && $1 != last) flush()
               last = $1; n[$2]++ }
             function flush() { sum += n[1] * (white_left() - n[0] / 2); seen += n[0]; reds += n[1]; n[0] = n[1] = 0 }
             function white_left() { return '"$2"' - seen }
             END { flush(); printf "%.4f of %d red and %d white wines\n", sum / reds / seen, reds, seen }'
}

# The curve itself: a point after each wine, the least likely first.
curve()
{
    echo white_taken_for_red,red_found
    awk -F, -v whites="$2" 'NR > 1 { print ($1 == "nan" ? -1e300 : $1), (NR - 1 > whites) }' "$1" | sort -g |
        awk -v whites="$2" '{ kind[NR] = $2; reds += $2 }
             END { print "0,0"; for (i = 1; i <= NR; i++) { n[kind[i]]++; print n[0] / whites "," n[1] / reds } }'
}

"$program" run "$here/white_wine.yaml" data.file="$out/train.csv" "$@" -o "$out/net" --quiet
"$program" run "$here/white_wine.yaml" data.file="$out/train.csv" model.kind=gaussian objective.kind=esm \
    train.learning_rate=1e-2 "$@" -o "$out/gaussian" --quiet
for model in net gaussian; do
    "$program" score "$out/$model" "$out/test.csv" -o "$out/$model.csv" --quiet
    printf '%-8s ' $model
    area "$out/$model.csv" "$whites"
    curve "$out/$model.csv" "$whites" >"$out/roc-$model.csv"
done
