# Integration by parts for a gaussian and two laws with heavy tails.
# shellcheck shell=sh
"$SLICESCORE" study "$HERE/parts.yaml" -o heavy --quiet >heavy.txt
"$SLICESCORE" study "$HERE/parts.yaml" data.degrees=4 --quiet >lighter.txt
"$SLICESCORE" study "$HERE/parts.yaml" data.source=gaussian data.degrees=null study.high=10 -o light --quiet >light.txt
cp heavy/parts.svg heavy.svg
cp light/parts.svg gaussian.svg

awk '
    FNR > 1 {
        left[FILENAME] = $3; right[FILENAME] = $4; boundary[FILENAME] = $5
        r = $6 < 0 ? -$6 : $6
        if (r > most) most = r
    }
    END {
        printf "gaussian_left %.9f\ngaussian_right %.9f\n", left["light.txt"], right["light.txt"]
        printf "student4_left %.4f\nstudent4_right %.4f\n", left["lighter.txt"], right["lighter.txt"]
        printf "student2_boundary %.6f\n", boundary["heavy.txt"]
        printf "student2_left_minus_right %.6f\n", left["heavy.txt"] - right["heavy.txt"]
        printf "largest_residual %.2e\n", most
    }' light.txt lighter.txt heavy.txt
