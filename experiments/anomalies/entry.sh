# Anomalies: how well a density of white wines alone tells red ones apart, by the area under the ROC curve.
# shellcheck shell=sh
for file in winequality-white.csv winequality-red.csv; do
    [ -e "${SLICESCORE_DATA:-.}/$file" ] || {
        echo "$file is not here: set SLICESCORE_DATA" >&2
        exit 77
    }
done
export SLICESCORE_DATA="${SLICESCORE_DATA:-.}"
if [ "$FORM" = short ]; then
    sh "$HERE/rank.sh" "$PWD" train.steps=400 evaluate.every=0 >areas
else
    sh "$HERE/rank.sh" "$PWD" >areas
    "$SLICESCORE" plot net=roc-net.csv gaussian=roc-gaussian.csv -y red_found --x-label 'white wines taken for red' \
        --y-label 'red wines found' -o roc --quiet
fi
awk '{ print $1 "_area", $2 }' areas
