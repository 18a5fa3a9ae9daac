# Exact and sliced score matching of one net on one mixture, by step and by wall-clock.
# shellcheck shell=sh
changed=''
[ "$FORM" = full ] || changed='train.steps=400 data.rows=6000'

for kind in esm ssm ssm_vr; do
    # shellcheck disable=SC2086 # words of their own
    "$SLICESCORE" run "$HERE/mixture.yaml" "objective.kind=$kind" $changed -o "$kind" --json --quiet >"$kind.json"
    sed "s/.*\"fisher_divergence\": {\"mean\": \([^,]*\),.*/\1/" "$kind.json" |
        awk -v kind="$kind" '{ printf "fisher_divergence_%s %.4f\n", kind, $1 }'
done
"$SLICESCORE" plot esm ssm ssm_vr -x step -y loss --y-label 'training loss' --title 'by step' -o steps --quiet
"$SLICESCORE" plot esm ssm ssm_vr -x seconds -y loss --y-label 'training loss' --title 'by wall-clock' -o seconds --quiet
