# Efficiency of score matching: a gaussian, then a double well whose barrier grows.
# shellcheck shell=sh
"$SLICESCORE" study "$HERE/efficiency.yaml" model.degree=2 'study.parameters=[0, 0.5]' study.low=0.25 study.points=4 --quiet >gaussian
points=17
[ "$FORM" = full ] || points=3
"$SLICESCORE" study "$HERE/efficiency.yaml" study.points=$points -o study --quiet >wells
cp study/efficiency.svg .

awk '
    FNR == 1 { next }
    FILENAME == "gaussian" { off = $5 > 1 ? $5 - 1 : 1 - $5; if (off > most) most = off; next }
    $1 == "parameter[0]" { tilt[$2] = $5 }
    $1 == "parameter[1]" { width[$2] = $5 }
    END {
        printf "gaussian_off %.1e\n", most
        printf "tilt_one_mode %.5f\ntilt_barrier_1 %.5f\ntilt_barrier_9 %.6f\nwidth_barrier_9 %.5f\n", tilt[1], tilt[-1], tilt[-3], width[-3]
    }' gaussian wells
