#!/bin/sh
# sweep_time.sh [RUNS [JOBS [HIDDEN [STEPS]]]] - what a sweep of toy runs costs beyond its steps. A measurement, not a
# test: it wants the machine to itself. SLICESCORE names the program (build/release/slicescore).
#
# The toy is two moons, an energy net and ssm_vr, all else as by default: checkpoints and evaluations every 500 steps,
# metrics at the end. Two figures stand for "its steps alone":
#   within   the seconds that the runs themselves count as training, over the number of jobs
#   alone    as many steps, one run after the other on all cores, without evaluations and checkpoints between them
set -eu
runs=${1:-100} jobs=${2:-2} hidden=${3:-"[64, 64]"} steps=${4:-5000}
program=${SLICESCORE:-build/release/slicescore}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/toy.yaml" <<YAML
name: toy
data: {source: two_moons}
model: {kind: energy, hidden: $hidden}
objective: {kind: ssm_vr}
train: {steps: $steps}
YAML
{
    cat "$folder/toy.yaml"
    printf 'sweep: {random: {count: %d, train.learning_rate: {log_uniform: [1e-4, 1e-2]}}, repeat: 2}\n' $(((runs + 1) / 2))
} >"$folder/sweep.yaml"

# Sum of "seconds" in the run.json of all runs below a folder.
training_seconds()
{
    cat "$1"/*/run.json | grep -o '"seconds": [0-9.e-]*' | awk '{ sum += $2 } END { print sum }'
}
now()
{
    date +%s.%N
}

"$program" sweep "$folder/sweep.yaml" train.steps=10 -o "$folder/warm" --jobs "$jobs" >/dev/null 2>&1
from=$(now)
"$program" sweep "$folder/sweep.yaml" -o "$folder/sweep" --jobs "$jobs" >/dev/null 2>&1
to=$(now)
within=$(training_seconds "$folder/sweep/runs")
"$program" sweep "$folder/toy.yaml" seed=1,2 train.steps=$((steps * 2)) evaluate.every=0 train.checkpoint.every=0 \
    -o "$folder/alone" --jobs 1 >/dev/null 2>&1
alone=$(training_seconds "$folder/alone/runs")
awk -v runs=$((runs + runs % 2)) -v jobs="$jobs" -v wall="$from $to" -v within="$within" -v alone="$alone" -v hidden="$hidden" -v steps="$steps" 'BEGIN {
    split(wall, t, " ")
    wall = t[2] - t[1]
    within /= jobs
    alone *= runs / 4
    printf "%d runs of %d steps, hidden %s, %d jobs: %.2f s; steps within them %.2f s (%.2fx), steps alone %.2f s (%.2fx)\n",
        runs, steps, hidden, jobs, wall, within, wall / within, alone, wall / alone
}'
