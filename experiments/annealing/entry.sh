# Annealing: the share of samples that end at the light component, of Langevin chains at one level of noise and of chains
# that come down a ladder of levels, each level a run of its own that starts from the samples of the one above.
# shellcheck shell=sh
if [ "$FORM" = short ]; then
    ladder='8 3 1'
    chains=1000
    changed='train.steps=600 data.rows=8000 evaluate.every=0 evaluate.rows=200'
else
    ladder='8 4 2 1 0.5'
    chains=4000
    changed=''
fi

# Rows of a table of x0,x1 whose sum is below 0: the light component's half of the plane.
share()
{
    awk -F , 'NR > 1 { n++; light += $1 + $2 < 0 } END { printf "%.4f\n", light / n }' "$1"
}

last=''
for sigma in $ladder; do
    # steps of a size that suits the level: in proportion to the variance that it shows
    size=$(awk "BEGIN { print 0.05 * ($sigma ^ 2 + 1) }")
    # shellcheck disable=SC2086 # words of their own
    "$SLICESCORE" run "$HERE/mixture.yaml" "objective.sigma=$sigma" $changed "sample.step_size=$size" -o "level-$sigma" --quiet
    "$SLICESCORE" sample "level-$sigma" -n $chains ${last:+--start "$last"} -o "annealed-$sigma.csv" --quiet
    last=annealed-$sigma.csv
done
"$SLICESCORE" sample "level-$sigma" -n $chains -o plain.csv --quiet
# few enough that the eye can tell how many are where
head -n 301 plain.csv >plain-few.csv
head -n 301 "$last" >annealed-few.csv
"$SLICESCORE" plot plain=plain-few.csv annealed=annealed-few.csv -x x0 -y x1 --style points -o samples --quiet

echo "light_share_plain $(share plain.csv)"
echo "light_share_annealed $(share "$last")"
