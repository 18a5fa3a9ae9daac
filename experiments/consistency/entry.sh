# Spread of estimates by rows, slices and their law. The slopes by 1/M are least squares.
# shellcheck shell=sh
if [ "$FORM" = short ]; then
    "$SLICESCORE" study "$HERE/consistency.yaml" 'study.rows=[1000]' 'study.counts=[1, 4]' study.repeats=16 --quiet >table
else
    "$SLICESCORE" study "$HERE/consistency.yaml" -o study --quiet >table
    cp study/estimates.svg .
fi

awk '
    NR > 1 {
        if ($3 > most) most = $3
        if ($3 < least || !least) least = $3
        key = $1 SUBSEP $2 SUBSEP $3
        variance[key] = $4; sandwich[key] = $5; cover[key] = $6
        law[NR] = $1; count[NR] = $2; rows[NR] = $3
    }
    # slope of y by 1/M, and its value at 1/M = 0, at the most rows
    function slope(y, name, i, n, sx, sy, sxx, sxy, x) {
        n = sx = sy = sxx = sxy = 0
        for (i = 2; i <= NR; i++)
            if (law[i] == name && rows[i] == most) {
                x = 1 / count[i]
                n++; sx += x; sxx += x * x
                sy += y[name, count[i], most]; sxy += x * y[name, count[i], most]
            }
        return (n * sxy - sx * sy) / (n * sxx - sx * sx)
    }
    END {
        printf "esm_variance %.4f\nesm_sandwich %.4f\n", variance["esm", 0, most], sandwich["esm", 0, most]
        printf "rademacher_slope %.3f\nsphere_slope %.3f\ngaussian_slope %.3f\n", \
               slope(variance, "rademacher"), slope(variance, "sphere"), slope(variance, "gaussian")
        printf "rademacher_sandwich_slope %.4f\nsphere_sandwich_slope %.4f\ngaussian_sandwich_slope %.4f\n", \
               slope(sandwich, "rademacher"), slope(sandwich, "sphere"), slope(sandwich, "gaussian")
        printf "gaussian_less_rademacher %.4f\n", slope(sandwich, "gaussian") - slope(sandwich, "rademacher")
        printf "coverage %.4f\n", (cover["rademacher", 1, most] + cover["sphere", 1, most] + cover["gaussian", 1, most]) / 3
        if (least < most)
            printf "rate %.4f\n", 0.5 * log((variance["rademacher", 1, most] / most) / (variance["rademacher", 1, least] / least)) \
                   / log(most / least)
    }' table
