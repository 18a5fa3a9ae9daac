# Every synthetic set in the plane: what the learned density lacks of the true one's log-likelihood on held-out rows,
# an estimate of the Kullback-Leibler divergence in nats; and both densities beside each other.
# shellcheck shell=sh
sets='gaussian gmm 8gaussians two_moons swiss_roll checkerboard pinwheel rings two_spirals funnel'
changed=''
if [ "$FORM" = short ]; then
    sets='gaussian 8gaussians'
    changed='train.steps=300 model.hidden=[64,64] data.rows=4000 evaluate.rows=400'
fi

for set in $sets; do
    # the squares have sharp edges, and so no score: a little noise gives them one
    noise=''
    [ "$set" != checkerboard ] || noise=data.noise=0.1
    # shellcheck disable=SC2086 # words of their own
    "$SLICESCORE" run "$HERE/plane.yaml" "data.source=$set" $noise $changed -o "$set" 2>"$set.log"
    cp "$set/plots/density.png" "$set.png"
    awk -v set="$set" '
        /the true density gives these rows/ { truth = $7 }
        $1 == "log_likelihood" { learned = $2 }
        END { printf "kl_%s %.4f\n", set, truth - learned }' "$set.log"
done
