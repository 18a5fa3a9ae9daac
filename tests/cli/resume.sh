# Interrupting and continuing a run.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command resume

cat >moons.yaml <<'YAML'
seed: 5
data: {source: two_moons, rows: 1000}
model: {kind: energy, hidden: [12, 12]}
objective: {kind: ssm}
train: {steps: 4000, batch: 32, checkpoint: {every: 500, keep: 3}, average: 0.99}
evaluate: {every: 1000, rows: 100}
sample: {count: 20, steps: 5}
YAML

# $1: signal, $2: folder. Starts a run, waits until it trains, sends the signal, leaves its exit status.
interrupt()
{
    # In an interactive shell's absence background jobs ignore INT: the program must take it all the same.
    "$SLICESCORE" run moons.yaml -o "$2" >out 2>err </dev/null &
    pid=$!
    tries=0
    while [ ! -s "$2/metrics.jsonl" ] && [ $tries -lt 1200 ] && kill -0 $pid 2>/dev/null; do
        tries=$((tries + 1))
        sleep 0.05
    done
    kill -"$1" $pid 2>/dev/null
    wait $pid
    status=$?
}

begin "a run to compare with"
run run moons.yaml -o whole
exits 0
exists whole/ckpt/step-00004000.safetensors

for signal in TERM USR1; do
    begin "$signal saves a checkpoint and exits 75; resumed, the run ends with the same bits"
    interrupt $signal part-$signal
    if [ $status = 0 ]; then
        skip "it was over before the signal came"
        continue
    fi
    exits 75
    err_has "resume"
    is "$(find part-$signal/ckpt -name 'step-*.safetensors' | head -n 1 | wc -l | awk '{ print $1 }')" 1
    absent part-$signal/ckpt/step-00004000.safetensors
    run resume part-$signal
    exits 0
    same part-$signal/ckpt/step-00004000.safetensors whole/ckpt/step-00004000.safetensors
done

begin "killed outright, it continues from the last checkpoint to the same bits"
interrupt KILL killed
if [ -e killed/ckpt/step-00004000.safetensors ]; then
    skip "it was over before the signal came"
else
    run resume killed
    exits 0
    same killed/ckpt/step-00004000.safetensors whole/ckpt/step-00004000.safetensors
fi

begin "a finished run is left alone"
cksum whole/metrics.jsonl whole/ckpt/*.safetensors >before
run resume whole
exits 0
cksum whole/metrics.jsonl whole/ckpt/*.safetensors >after
same before after

begin "a run can be carried further"
run resume whole train.steps=4500
exits 0
exists whole/ckpt/step-00004500.safetensors

begin "a run whose fused kernel builds no more ends, and goes on layer by layer only if told to"
cp -r "$SOURCE/cl" cl
echo '#error broken' >>cl/objective/fused.cl
cp -r whole unbuilt
export SLICESCORE_CL_DIR="$PWD/cl"
run resume unbuilt train.steps=4550
exits 4
err_has "this run began with it; engine.plan=layered goes on"
absent unbuilt/ckpt/step-00004550.safetensors
run resume unbuilt train.steps=4550 engine.plan=layered
exits 0
exists unbuilt/ckpt/step-00004550.safetensors
unset SLICESCORE_CL_DIR

begin "a damaged checkpoint is named, and the one before it used"
# 64 bytes from the end: within the tensors
size=$(wc -c <whole/ckpt/step-00004500.safetensors)
printf '\125\252\125\252' | dd of=whole/ckpt/step-00004500.safetensors bs=1 seek=$((size - 64)) conv=notrunc 2>/dev/null
run resume whole train.steps=4600
exits 0
err_has "step-00004500.safetensors"
exists whole/ckpt/step-00004600.safetensors

begin "a cut-off checkpoint, too"
head -c 100 whole/ckpt/step-00004600.safetensors >"cut" && mv "cut" whole/ckpt/step-00004600.safetensors
run resume whole train.steps=4700
exits 0
err_has "step-00004600.safetensors"

begin "something that is no run is refused"
mkdir empty
run resume empty
exits_any 9 2
run resume nowhere
exits 9

finish
