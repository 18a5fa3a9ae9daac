#!/bin/sh
# quality.sh [OUT] - how good samples are: of two_moons, 8gaussians and a mixture of three in ten dimensions, by chains of
# Hamiltonian Monte Carlo that begin at noise. Prints for each
#
#   log_likelihood   of held-out rows under the model, and under the true density
#   energy distance  2 E|X - Y| - E|X - X'| - E|Y - Y'| of 1000 samples to 1000 rows, and of 1000 other rows to these
#   modes            where there are some: the share of samples nearest to each, and that of 2000 rows
#
# SLICESCORE names the program; about four minutes on two cores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${SLICESCORE:-slicescore}
out=${1:-$(mktemp -d)}

# $1, $2: CSV with a line of names; rows $3 to $4 of the second.
energy_distance()
{
    awk -F, -v first="$3" -v last="$4" '
        FNR == 1 { file++; next }
        file == 1 && FNR - 1 <= 1000 { n++; for (d = 1; d <= NF; d++) x[n, d] = $d }
        file == 2 && FNR - 1 >= first && FNR - 1 <= last { m++; for (d = 1; d <= NF; d++) y[m, d] = $d; D = NF }
        function gap(i, j, kind,    d, s, t) {
            for (d = 1; d <= D; d++) {
                t = (kind == 2 ? y[i, d] : x[i, d]) - (kind == 0 ? x[j, d] : y[j, d])
                s += t * t
            }
            return sqrt(s)
        }
        END { for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) xy += gap(i, j, 1)
              for (i = 1; i <= n; i++) for (j = 1; j < i; j++) xx += 2 * gap(i, j, 0)
              for (i = 1; i <= m; i++) for (j = 1; j < i; j++) yy += 2 * gap(i, j, 2)
              printf "%.4f", 2 * xy / (n * m) - xx / (n * (n - 1)) - yy / (m * (m - 1)) }' "$1" "$2"
}

# $1: CSV; $2: the means of the modes, as "x y; x y; ...", in the first columns.
modes()
{
    awk -F, -v means="$2" '
        BEGIN { k = split(means, mean, ";") }
        FNR > 1 {
            for (i = 1; i <= k; i++) {
                split(mean[i], c, " ")
                at = ($1 - c[1]) ^ 2 + ($2 - c[2]) ^ 2
                if (i == 1 || at < least) { least = at; nearest = i }
            }
            count[nearest]++; n++
        }
        END { for (i = 1; i <= k; i++) printf " %.3f", count[i] / n }' "$1"
}

# $1: name, $2: experiment, $3: means of its modes.
judge()
{
    "$program" run "$2" -o "$out/$1" --quiet
    echo "$1"
    "$program" evaluate "$out/$1" 2>"$out/said" | grep log_likelihood
    sed -n 's/^the true density gives these rows \(.* +- [^ ]*\).*/true density       \1/p' "$out/said"
    "$program" sample "$out/$1" sample.sampler=hmc sample.start=noise sample.steps=500 sample.warmup=200 -n 2000 \
        -o "$out/$1-samples.csv" --quiet
    # rows of the data set, as chains that have not moved
    "$program" sample "$out/$1" sample.sampler=langevin sample.start=data sample.steps=1 sample.step_size=1e-12 -n 2000 \
        -o "$out/$1-rows.csv" --quiet
    echo "energy distance    $(energy_distance "$out/$1-samples.csv" "$out/$1-rows.csv" 1 1000)," \
        "of rows to rows $(energy_distance "$out/$1-rows.csv" "$out/$1-rows.csv" 1001 2000)"
    if [ -n "$3" ]; then
        echo "modes of samples  $(modes "$out/$1-samples.csv" "$3")"
        echo "modes of rows     $(modes "$out/$1-rows.csv" "$3")"
    fi
}

ring=$(awk 'BEGIN { for (i = 0; i < 8; i++) printf "%s%.6f %.6f", i ? ";" : "", 1.5 * cos(i * atan2(1, 1)), 1.5 * sin(i * atan2(1, 1)) }')
judge two_moons "$here/../two_moons.yaml" ''
judge 8gaussians "$here/8gaussians.yaml" "$ring"
judge mixture10 "$here/mixture10.yaml" '2 2;-2 2;-2 -2'
