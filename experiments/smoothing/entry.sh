# Both sides of d/dt KL = -Fisher: mixtures by quadrature, and single gaussians against the closed form that awk knows.
# shellcheck shell=sh
"$SLICESCORE" study "$HERE/smoothing.yaml" -o study --quiet >mixtures
"$SLICESCORE" study "$HERE/smoothing.yaml" data.source=gaussian data.components=null 'data.mean=[0.5]' 'data.covariance=[0.7]' \
    'study.weights=[1]' 'study.means=[-0.25]' 'study.deviations=[1.5]' --quiet >gaussians
cp study/smoothing.svg .

awk '
    function away(a, b) { return a > b ? a - b : b - a }
    FNR == 1 { next }
    FILENAME == "mixtures" {
        off = away($6, 0) / $5
        if ($2 == 0) at_zero = off
        else if (off > most) most = off
        next
    }
    {
        a = 0.7 + $2; b = 2.25 + $2; m = 0.75
        kl = 0.5 * (log(b / a) + (a + m * m) / b - 1)
        fisher = 0.5 * ((1 / b - 1 / a) ^ 2 * a + m * m / (b * b))
        if (away($3, kl) / kl > off_kl) off_kl = away($3, kl) / kl
        if (away($5, fisher) / fisher > off_fisher) off_fisher = away($5, fisher) / fisher
        if (away($4, fisher) / fisher > off_slope) off_slope = away($4, fisher) / fisher
    }
    END {
        printf "mixtures_off %.1e\nmixtures_off_at_0 %.1e\n", most, at_zero
        printf "gaussians_kl_off %.1e\ngaussians_fisher_off %.1e\ngaussians_slope_off %.1e\n", off_kl, off_fisher, off_slope
    }' mixtures gaussians
