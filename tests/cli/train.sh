# Training from a file: what a run leaves behind, what it never touches, how it ends.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command run
need_python

cat >moons.yaml <<'YAML'
seed: 3
data: {source: two_moons, rows: 2000}
model: {kind: energy, hidden: [16, 16]}
objective: {kind: ssm_vr}
train: {steps: 60, batch: 64, checkpoint: {every: 20, keep: 2}}
evaluate: {every: 30, rows: 200}
sample: {count: 100, steps: 20}
YAML

begin "a run trains and leaves everything that belongs to a run"
run run moons.yaml -o first
exits 0
exists first/config.yaml first/resolved.yaml first/run.json first/metrics.jsonl first/metrics.csv first/log.txt \
    first/ckpt/step-00000060.safetensors
same first/config.yaml moons.yaml

begin "it draws the data, the density, the score field, the samples and the loss"
for picture in data density score samples loss plane; do
    exists first/plots/$picture.png first/plots/$picture.svg
    is "$(head -c 4 first/plots/$picture.png | tail -c 3)" PNG
    file_has first/plots/$picture.svg '</svg>'
done

begin "run.json tells how it ended"
cp first/run.json out
json 'it["status"] == "finished" or it["status"] == "done" or it["status"] == "ok"'
json 'it["steps"] == 60'

begin "checkpoints are kept as asked"
absent first/ckpt/step-00000020.safetensors
exists first/ckpt/step-00000040.safetensors

begin "an existing folder is refused, and left as it was"
cksum first/metrics.jsonl >before
run run moons.yaml -o first
exits_any 2 9
err_has first
cksum first/metrics.jsonl >after
same before after

begin "--force replaces it"
run run moons.yaml -o first --force train.steps=20
exits 0
exists first/ckpt/step-00000020.safetensors
absent first/ckpt/step-00000060.safetensors

begin "without -o a run gets a folder of its own, each time another"
run run moons.yaml train.steps=20
exits 0
run run moons.yaml train.steps=20
exits 0
exists runs/moons/run.json runs/moons-2/run.json

begin "the same file and seed give the same weights, bit for bit"
same runs/moons/ckpt/step-00000020.safetensors runs/moons-2/ckpt/step-00000020.safetensors

begin "another seed gives others"
run run moons.yaml train.steps=20 seed=4 -o seed4
exits 0
! cmp -s runs/moons/ckpt/step-00000020.safetensors seed4/ckpt/step-00000020.safetensors || wrong "the same weights"

begin "--json is one object on stdout"
run run moons.yaml train.steps=20 -o j --json
exits 0
json 'it["steps"] == 20 and isinstance(it["loss"], float) and "metrics" in it and it["run"].endswith("j")'

begin "--quiet says nothing but warnings"
run run moons.yaml train.steps=20 -o q --quiet
exits 0
if grep -qv 'slicescore: warning:' err; then
    wrong "stderr has more than warnings"
fi

begin "a folder that cannot be made is exit 9"
: >file
run run moons.yaml -o file/run
exits 9
err_has "file"

begin "a learning rate that explodes is exit 6, says where, and leaves no weights that are not finite"
run run moons.yaml -o explodes train.learning_rate=1e30 train.optimizer=sgd
exits 6
err_has "step"
cp explodes/run.json out
json 'it["status"] == "diverged"'

begin "rows of a table are trained on"
awk 'BEGIN { srand(1); print "a;b;c"; for (i = 0; i < 300; i++) print rand() ";" rand() ";" 3 * rand() }' >table.csv
printf 'data: {file: table.csv}\nmodel: {kind: score, hidden: [8]}\nobjective: {kind: dsm, sigma: 0.3}\ntrain: {steps: 20}\n' \
    >table.yaml
run run table.yaml -o table
exits 0

begin "a relative path is relative to the file that says it, from wherever the program is called"
mkdir -p there/data here
cp table.csv there/data/t.csv
sed 's,table.csv,data/t.csv,' table.yaml >there/t.yaml
(
    cd here && "$SLICESCORE" check ../there/t.yaml
) >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
exits 0

begin "a bad cell is named by row and column"
sed '5s/.*/0.1;oops;2/' table.csv >bad.csv
sed 's/table.csv/bad.csv/' table.yaml >bad.yaml
run run bad.yaml -o bad
exits_any 7 2
err_has "oops"
absent bad/ckpt/step-00000020.safetensors

begin "a table that is cut off, or no table, is refused without a crash"
head -c 1000 /dev/zero >bad.csv
run run bad.yaml -o bad2
exits_any 7 2 9
: >bad.csv
run run bad.yaml -o bad3
exits_any 7 2 9

finish
