# Cost against dimension: how the time of loss and gradient grows with D, from `slicescore bench`. The short form counts
# multiply-adds instead: a busy machine must not fail a test.
# shellcheck shell=sh
if [ "$FORM" = short ]; then
    "$SLICESCORE" bench esm-50 esm-200 ssm-2 ssm-200 --plan layered --hidden 64,64 --no-build --seconds 5 --json --quiet >json
    measure=gflop
else
    "$SLICESCORE" bench esm-D ssm-D --no-build --seconds 40 -o bench --force --json --quiet >json
    cp bench/bench-esm.svg cost.svg
    measure='loss_gradient_ms": {"median'
fi

# The exponents: slopes of the logarithm by log D between the ends of what was measured.
sed 's/{"name"/\n&/g' json | awk -v measure="\"$measure\": " '
    /^{"name": "[es]sm-[0-9]+"/ {
        name = $2
        gsub(/[",]/, "", name)
        split(name, part, "-")
        value[part[1], part[2]] = substr($0, index($0, measure) + length(measure)) + 0
        if (part[2] > most[part[1]] + 0) most[part[1]] = part[2]
    }
    function slope(kind, from, to) { return log(value[kind, to] / value[kind, from]) / log(to / from) }
    END {
        printf "esm_exponent %.3f\n", slope("esm", 50, most["esm"])
        printf "ssm_exponent %.3f\n", slope("ssm", 2, 200)
        printf "esm_over_ssm_at_200 %.1f\n", value["esm", 200] / value["ssm", 200]
    }'
