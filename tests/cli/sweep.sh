# Sweeps: points, stops, several at once, results. Kills and full disks: sweep_kills.sh.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
# shellcheck source=tests/support/sweep_processes.sh
. "$SOURCE/tests/support/sweep_processes.sh"
need_command sweep

cat >toy.yaml <<'YAML'
name: toy
seed: 3
data: {source: two_moons, rows: 300}
model: {kind: energy, hidden: [6]}
objective: {kind: ssm}
train: {steps: 20, batch: 16, checkpoint: {every: 10, keep: 1}}
evaluate: {every: 0, rows: 30}
sample: {count: 4, steps: 2}
sweep:
  grid: {train.learning_rate: [1e-2, 1e-3]}
  repeat: 2
YAML
# So long that a signal comes in time: 3 points of a second or more.
sed -e 's/steps: 20, batch: 16/steps: 1000, batch: 64/; s/every: 10,/every: 250,/; s/\[1e-2, 1e-3\]/[1e-2, 1e-3, 1e-4]/; s/repeat: 2/repeat: 1/' \
    toy.yaml >long.yaml

stopped=stopped-$$
last=ckpt/step-00000020.safetensors

# $1: folder. Waits until one of its points trains.
until_it_trains()
{
    tries=0
    while ! cat "$1"/runs/*/metrics.jsonl 2>/dev/null | grep -q loss && [ $tries -lt 1200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
}

begin "--dry-run lists the points and writes nothing"
run sweep toy.yaml --dry-run
exits 0
is "$(wc -l <out)" 4
out_has '1 {"train.learning_rate": "1e-2", "seed": "3"}'
absent sweeps
run sweep toy.yaml 'model.hidden=[4],[5,5]' --dry-run
is "$(wc -l <out)" 8

begin "a sweep runs each point once and says how it went"
run sweep toy.yaml -o one --json
exits 0
out_has '"points": 4, "done": 4, "failed": 0, "running": 0, "waiting": 0'
exists one/sweep.db one/runs/00001/$last one/runs/00004/$last
run sweep status one
out_has "4 points: 4 done"

begin "kernels are built for the first point and kept for the others"
first=$(sed -n 's/.*built by this worker so far: //p' one/runs/00001/log.txt)
built=$(sed -n 's/.*built by this worker so far: //p' one/runs/00004/log.txt)
[ "${first:-0}" -gt 0 ] || wrong "point 1 built nothing"
is "$built" "$first"

begin "run again, nothing is left to do"
cksum one/runs/*/run.json >before
run sweep toy.yaml -o one
exits 0
cksum one/runs/*/run.json >after
same before after

begin "the number of jobs makes no difference to any bit"
run sweep toy.yaml -o two --jobs 2
exits 0
for point in 00001 00002 00003 00004; do
    same one/runs/$point/$last two/runs/$point/$last
done

begin "a point is the run of its configuration"
sed '/^sweep:/,$d' toy.yaml >alone.yaml
run run alone.yaml train.learning_rate=1e-3 seed=4 -o alone
exits 0
same alone/$last one/runs/00004/$last

begin "points have metrics alone, pictures where they are asked for"
is "$(find one/runs -name '*.png' | head -n 1)" ""
exists one/runs/00001/samples/samples.npy # the file has a `sample` block
run sweep toy.yaml train.learning_rate=1e-2,1e-3 -o drawn --pictures
exits 0
exists drawn/runs/00001/plots/density.png
same drawn/runs/00001/$last one/runs/00001/$last

begin "table and best tell what came out, and the best file runs"
run sweep table one --csv --metric esm
exits 0
is "$(head -n 1 out)" "point,train.learning_rate,seed,status,attempts,finished_at,seconds,esm,esm_standard_error"
is "$(wc -l <out)" 5
run sweep table one --mean --csv --metric loss
is "$(wc -l <out)" 3
run sweep best one --metric esm
exits 0
cp out best.yaml
run run best.yaml -o again
exits 0
for point in 00001 00002 00003 00004; do ! cmp -s again/$last one/runs/$point/$last || touch found; done
exists found

begin "a changed file is refused and the difference shown"
sed 's/hidden: \[6\]/hidden: [7]/' toy.yaml >changed.yaml
run sweep changed.yaml -o one
exits 2
err_has "was: model.hidden: [6]"
err_has "now: model.hidden: [7]"

begin "values may be added"
sed 's/\[1e-2, 1e-3\]/[1e-2, 1e-3, 1e-4]/' toy.yaml >more.yaml
run sweep more.yaml -o one --json
exits 0
out_has '"points": 6, "done": 6'
cksum one/runs/0000[1-4]/run.json >after
same before after

begin "shards cover the points once and are joined"
run sweep toy.yaml -o parts --shard 1/2
exits 0
run sweep toy.yaml -o parts --shard 2/2
exits 0
run sweep merge parts --json
exits 0
out_has '"points": 4, "done": 4'
same one/runs/00003/$last parts/shard-1-of-2/runs/00003/$last
run sweep toy.yaml -o parts
exits 0
absent parts/runs
run sweep toy.yaml --shard 3/2
exits 2

begin "a batch script for Slurm computes the shards"
for time in 4 03:60 00:04:00 0-1 1-00:00 2-12:30:15; do
    run sweep slurm parts --shards 2 --time $time
    exits 0
    file_has parts/sweep.sbatch "#SBATCH --time=$time"
done
for time in 3 3:59 00:03:59 0-0:3; do
    run sweep slurm parts --shards 2 --time $time
    exits 2
    err_has "--time $time: too short"
done
for time in x 1: 1:2:3:4 -5 1-2-3 4h ''; do
    run sweep slurm parts --shards 2 "--time=$time"
    exits 2
done
run sweep slurm parts --shards 2
exits 0
exists parts/sweep.sbatch
if command -v bash >/dev/null 2>&1; then
    SLURM_ARRAY_TASK_ID=1 bash parts/sweep.sbatch >out 2>err </dev/null
    is $? 0
    err_has "shard-1-of-2: 2 of 2 points done"
fi

begin "points that fail do not stop the others, and are tried again at the next call"
cat >bad.yaml <<'YAML'
data: {source: gaussian, rows: 100}
model: {kind: energy, hidden: [4], quadratic: none}
objective: {kind: ssm}
train: {steps: 40, batch: 16, optimizer: sgd, nonfinite: stop}
evaluate: {every: 0, rows: 10}
sample: {count: 4, steps: 2}
sweep: {grid: {train.learning_rate: [1e30, 1e-3]}}
YAML
run sweep bad.yaml -o bad --retry 1
exits 8
err_has "1 of 2 points done, 1 failed"
run sweep table bad --csv --metric loss
is "$(sed -n 's/^1,[^,]*,failed,\([0-9]*\),.*/\1/p' out)" 2
is "$(sed -n 's/^2,[^,]*,done,\([0-9]*\),.*/\1/p' out)" 1
run sweep bad.yaml -o bad
exits 8
run sweep table bad --csv --metric loss
is "$(sed -n 's/^1,[^,]*,failed,\([0-9]*\),.*/\1/p' out)" 3
is "$(sed -n 's/^2,[^,]*,done,\([0-9]*\),.*/\1/p' out)" 1
run sweep bad.yaml -o fast --fail-fast
exits 8
err_has "0 of 2 points done, 1 failed"

begin "TERM saves checkpoints, exits 75 and leaves no process; the same command goes on"
"$SLICESCORE" sweep long.yaml -o "$stopped" >out 2>err </dev/null &
pid=$!
until_it_trains "$stopped"
kill -TERM $pid
wait $pid
status=$?
exits 75
nobody_is_left "$stopped"
run sweep long.yaml -o "$stopped" --json
exits 0
out_has '"points": 3, "done": 3'

begin "two coordinators on one folder do each point once"
"$SLICESCORE" sweep toy.yaml -o both >/dev/null 2>&1 </dev/null &
pid=$!
run sweep toy.yaml -o both
exits 0
wait $pid || wrong "the other coordinator failed"
run sweep table both --csv --metric loss
is "$(grep -c ',done,1,' out)" 4

begin "halving trains the best on, whatever the number of jobs"
sed 's/{every: 0, rows: 30}/{every: 5, rows: 30}/; s/\[1e-2, 1e-3\]/[1e-1, 1e-2, 1e-3, 1e30]/; s/repeat: 2/repeat: 2\n  halving: {first: 5}/' \
    toy.yaml >halving.yaml
run sweep halving.yaml -o half --json
exits 0
out_has '"points": 8, "done": 2, "failed": 0, "running": 0, "waiting": 0, "stopped": 6'
out_has '"decisions": [{"step": 5, "settings": 4, "kept": 2, '
err_has 'after 10 steps 1 of 2 settings go on'
run sweep halving.yaml -o half2 --jobs 2
exits 0
run sweep status half
cp out status1
run sweep status half2
same status1 out
run sweep halving.yaml -o half
exits 0
run sweep halving.yaml -o half3 --shard 1/2
exits 2
err_has 'leave out --shard'

begin "on a network file system a sweep offers shards, and a shard is computed"
cat >nfs.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/vfs.h>
int statfs(const char *path, struct statfs *s)
{
    int (*const real)(const char *, struct statfs *) = dlsym(RTLD_NEXT, "statfs");
    const int code = real(path, s);
    s->f_type = 0x6969;
    return code;
}
C
if [ -n "${ASAN_OPTIONS:-}" ] || ! $CC -shared -fPIC nfs.c -o nfs.so -ldl 2>/dev/null; then
    skip "no library of ours can stand before the system's here"
else
    LD_PRELOAD=$PWD/nfs.so "$SLICESCORE" sweep toy.yaml -o remote >out 2>err </dev/null
    status=$?
    exits 9
    err_has "is on a network file system (NFS), where the locks of the sweep's database do not hold"
    err_has "--shard 1/4"
    absent remote
    LD_PRELOAD=$PWD/nfs.so "$SLICESCORE" sweep toy.yaml -o remote --shard 1/4 >out 2>err </dev/null
    status=$?
    exits 0
    err_has "let one process at a time compute this shard"
    exists remote/shard-1-of-4/runs/00001/$last
fi

begin "what is no sweep is told so"
run sweep status nowhere
exits 9
run sweep alone.yaml
exits 2
err_has "nothing is swept"
run run toy.yaml
exits 2
err_has "slicescore sweep FILE"

finish
