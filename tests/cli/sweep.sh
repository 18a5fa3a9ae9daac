# Sweeps: points, stops, kills, several at once, results.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
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

killed=killed-$$
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

# $1: folder, whose name no other process has among its words. Prints the workers of its sweep.
workers()
{
    grep -laF "$1" /proc/[0-9]*/cmdline 2>/dev/null | while read -r cmdline; do
        # shellcheck disable=SC2002 # a process may be gone by now, and a redirection would say so
        case $(cat "$cmdline" 2>/dev/null | tr '\0' ' ') in
        *" sweep worker $1 "*) cmdline=${cmdline%/*} && echo "${cmdline##*/}" ;;
        esac
    done
}

# $1: folder. All of them end by themselves.
nobody_is_left()
{
    tries=0
    while [ -n "$(workers "$1")" ] && [ $tries -lt 200 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    [ -z "$(workers "$1")" ] || wrong "processes of $1 are left behind"
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
run check best.yaml
exits 0

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

begin "killed outright, workers, coordinators or both, no point is lost or done twice, and no process is left"
for victim in worker coordinator both; do
    "$SLICESCORE" sweep long.yaml -o "$killed" >out 2>err </dev/null &
    pid=$!
    until_it_trains "$killed"
    case $victim in
    worker) for worker in $(workers "$killed"); do kill -KILL "$worker"; done ;;
    coordinator) kill -KILL $pid ;;
    both)
        kill -KILL $pid
        for worker in $(workers "$killed"); do kill -KILL "$worker"; done
        ;;
    esac
    [ $victim != worker ] || sleep 0.3
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    nobody_is_left "$killed"
done
# Two coordinators at once end it.
"$SLICESCORE" sweep long.yaml -o "$killed" >/dev/null 2>&1 </dev/null &
pid=$!
run sweep long.yaml -o "$killed" --json
exits 0
out_has '"points": 3, "done": 3'
wait $pid || wrong "the other coordinator failed"
for point in 00001 00002 00003; do
    same "$killed/runs/$point/ckpt/step-00001000.safetensors" \
        "$stopped/runs/$point/ckpt/step-00001000.safetensors"
done
nobody_is_left "$killed"

begin "two coordinators on one folder do each point once"
"$SLICESCORE" sweep toy.yaml -o both >/dev/null 2>&1 </dev/null &
pid=$!
run sweep toy.yaml -o both
exits 0
wait $pid || wrong "the other coordinator failed"
run sweep table both --csv --metric loss
is "$(grep -c ',done,1,' out)" 4

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
