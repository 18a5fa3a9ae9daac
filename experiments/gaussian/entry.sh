# A gaussian by score matching, against the closed form that awk computes from the rows.
# shellcheck shell=sh
steps=2000
[ "$FORM" = full ] || steps=600
"$SLICESCORE" run "$HERE/gaussian.yaml" train.steps=$steps -o run --quiet --json >run.json
"$SLICESCORE" evaluate run --parameters --quiet >parameters
"$SLICESCORE" study "$HERE/gaussian.yaml" -o study --quiet >terms
cp study/terms.svg study/frames.svg .

awk '
    FILENAME ~ /data.csv/ { if (FNR > 1) { x[++n] = $1; sum += $1; square += $1 * $1 } next }
    FILENAME ~ /parameters/ { estimate[$1] = $2; error[$1] = $4; next }
    FNR > 1 { v[++m] = $2; total[m] = $5; if (total[m] < total[best] || best == 0) best = m }
    END {
        mean = sum / n
        for (i = 1; i <= n; i++) { d = (x[i] - mean) ^ 2; second += d / n; fourth += d * d / n }
        printf "mean_off %.6f\n", estimate["mean[0]"] - mean
        printf "variance_off %.6f\n", estimate["covariance[0][0]"] - second
        printf "variance_error_ratio %.3f\n", error["covariance[0][0]"] / sqrt((fourth - second ^ 2) / n)
        # the least sum, between the points, by a parabola
        a = total[best - 1]; b = total[best]; c = total[best + 1]
        printf "least_sum_off %.5f\n", v[best] + (v[2] - v[1]) * (a - c) / (2 * (a - 2 * b + c)) - square / n
    }' "$HERE/data.csv" parameters terms
