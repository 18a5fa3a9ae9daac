# Training by esm, ssm and ssm_vr from the same weights; the exact loss by step and by time.
# shellcheck shell=sh
if [ "$FORM" = short ]; then
    "$SLICESCORE" study "$HERE/race.yaml" train.steps=400 evaluate.every=100 evaluate.rows=500 -o study --quiet >table
else
    "$SLICESCORE" study "$HERE/race.yaml" -o study --quiet >table
    cp study/race.svg .
fi

awk '
    FNR > 1 {
        loss[$1, $2] = $4
        if ($2 > last) last = $2
        if (!($1 in first)) { first[$1] = $2; from[$1] = $3 }
        to[$1] = $3
    }
    END {
        printf "ssm_less_esm %.4f\nssm_vr_less_esm %.4f\n", loss["ssm", last] - loss["esm", last], loss["ssm_vr", last] - loss["esm", last]
        printf "esm_learned %.3f\n", loss["esm", first["esm"]] - loss["esm", last]
        if (last > 400) {
            printf "ssm_less_esm_at_500 %.3f\n", loss["ssm", 500] - loss["esm", 500]
            printf "esm_time_over_ssm %.2f\n", (to["esm"] - from["esm"]) / (to["ssm"] - from["ssm"])
        }
    }' table
