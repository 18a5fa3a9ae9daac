# Variance by law of slices and variant of the objective; figures are of one slice a row.
# shellcheck shell=sh
if [ "$FORM" = short ]; then
    "$SLICESCORE" study "$HERE/slices.yaml" 'study.counts=[1, 8]' study.repeats=24 --quiet >table
else
    "$SLICESCORE" study "$HERE/slices.yaml" -o study --quiet >table
    cp study/slices.svg .
fi

awk '
    { loss[$1, $2] = $3; gradient[$1, $2] = $4; share[$1, $2] = $5; ms[$1, $2] = $6 }
    END {
        printf "rademacher_ssm %.3f\nsphere_ssm %.3f\ngaussian_ssm %.3f\n", \
               loss["rademacher/ssm", 1], loss["sphere/ssm", 1], loss["gaussian/ssm", 1]
        printf "rademacher_ssm_vr %.6f\ngaussian_ssm_vr %.3f\n", loss["rademacher/ssm_vr", 1], loss["gaussian/ssm_vr", 1]
        printf "gaussian_estimated %.3f\nshare %.4f\n", loss["gaussian/estimated", 1], share["gaussian/estimated", 1]
        printf "full_frame %.6f\n", loss["orthogonal/ssm", 8]
        printf "estimated_gradient_over_ssm_vr %.3f\n", gradient["gaussian/estimated", 1] / gradient["gaussian/ssm_vr", 1]
        printf "ssm_vr_gradient_over_ssm %.3f\n", gradient["rademacher/ssm_vr", 1] / gradient["rademacher/ssm", 1]
        if (loss["rademacher/ssm", 16] > 0)
            printf "ssm_vr_cost_over_ssm %.2f\n", ms["rademacher/ssm_vr", 1] / ms["rademacher/ssm", 1]
    }' table
