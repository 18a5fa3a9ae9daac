# A run's folder: moved, locked, damaged, of another version; what a resume may change; signals; the terminal.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command resume
need_python

cat >moons.yaml <<'YAML'
data: {source: two_moons, rows: 1000}
model: {kind: energy, hidden: [12]}
objective: {kind: ssm}
train: {steps: 40, batch: 32, checkpoint: {every: 10}}
evaluate: {every: 20, rows: 50}
sample: {count: 10, steps: 5}
YAML
run run moons.yaml -o whole

begin "a run can be moved"
mkdir -p elsewhere
mv whole elsewhere/moved
run evaluate elsewhere/moved
exits 0
run resume elsewhere/moved train.steps=50
exits 0
exists elsewhere/moved/ckpt/step-00000050.safetensors
absent whole
cp -R elsewhere/moved whole

begin "metrics of a run that was carried further hold each step once"
is "$(grep -c '"loss"' whole/metrics.jsonl)" "$(grep '"loss"' whole/metrics.jsonl | sed 's/,.*//' | sort -u | wc -l | awk '{ print $1 }')"
is "$(wc -l <whole/metrics.csv | awk '{ print $1 - 1 }')" "$(wc -l <whole/metrics.jsonl | awk '{ print $1 }')"

begin "a key that would make another run of it is refused"
run resume whole model.hidden=[3]
exits 2
err_has "model.hidden"
run resume whole train.learning_rate=1
exits 2
run resume whole nonsense
exits 2

if command -v flock >/dev/null 2>&1; then
    begin "a run that another process writes is refused"
    flock whole/lock "$SLICESCORE" resume whole train.steps=60 >out 2>err </dev/null
    # shellcheck disable=SC2034 # read by exits
    status=$?
    exits 9
    err_has "another process"
fi

begin "a run of a newer version is refused, and both versions named"
cp -R whole newer
sed 's/"format": 1/"format": 99/; s/"version": "[^"]*"/"version": "77.0"/' whole/run.json >newer/run.json
run evaluate newer
exits 2
err_has "77.0"

begin "a damaged record, transform or set of weights is refused and named"
cp -R whole bad
head -c 30 whole/run.json >bad/run.json
run evaluate bad
exits 7
err_has "run.json"
cp whole/run.json bad/run.json
head -c 50 whole/transform.safetensors >bad/transform.safetensors
run evaluate bad
exits 7
err_has "transform.safetensors"
cp whole/transform.safetensors bad/transform.safetensors
for file in bad/ckpt/*; do
    head -c 60 "$file" >short && mv short "$file"
done
run evaluate bad
exits_any 7 9
rm bad/ckpt/*
run evaluate bad
exits_any 7 9
err_has "ckpt"

begin "data that changed since are not trained on as if they were the same"
awk 'BEGIN { srand(1); print "a,b"; for (i = 0; i < 200; i++) print rand() "," rand() }' >t.csv
printf 'data: {file: t.csv}\nmodel: {kind: energy, hidden: [4]}\nobjective: {kind: ssm}\ntrain: {steps: 10}\n' >t.yaml
run run t.yaml -o t
exits 0
awk 'BEGIN { srand(2); print "a,b"; for (i = 0; i < 200; i++) print rand() "," rand() }' >t.csv
run resume t train.steps=20
exits 7
err_has "data"
rm t.csv
run resume t train.steps=20
exits 9
err_has "t.csv"

begin "an experiment that does not fit is exit 5 before anything is written, with what to change"
# Forty layers of 2000: more than any machine has, and no single buffer that is too large to count.
wide=2000
# shellcheck disable=SC2034 # only counted
for layer in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39; do
    wide=$wide,2000
done
run run moons.yaml -o huge "model.hidden=[$wide]" train.batch=200000
exits 5
err_has "train.batch"
absent huge
run check moons.yaml "model.hidden=[$wide]" train.batch=200000
exits 5
out_has "# memory"
run check moons.yaml "model.hidden=[20000,20000]" train.batch=1000000
exits 5
err_has "batch"

begin "an experiment without data, model or objective cannot be trained, and says what is missing"
printf 'model: {kind: energy}\nobjective: {kind: ssm}\n' >part.yaml
run run part.yaml
exits 2
err_has "data:"
absent runs

begin "Ctrl-C saves, says how to go on and exits 75; twice is honoured at once"
"$PYTHON" - "$SLICESCORE" 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
import os, signal, subprocess, sys, time
def start(folder):
    p = subprocess.Popen([sys.argv[1], "run", "moons.yaml", "-o", folder, "train.steps=100000000"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(1200):
        if p.poll() is not None:
            raise SystemExit(p.stderr.read())
        if os.path.exists(folder + "/metrics.jsonl") and os.path.getsize(folder + "/metrics.jsonl"):
            return p
        time.sleep(0.05)
p = start("interrupted")
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=60)
assert p.returncode == 75 and out == b"", (p.returncode, out)
assert b"slicescore resume interrupted" in err and b"Ctrl-C" in err, err
assert b"interrupted" in open("interrupted/run.json", "rb").read()
p = start("twice")
p.send_signal(signal.SIGSTOP)       # both are there when it wakes: whatever it does, it ends
p.send_signal(signal.SIGINT)
p.send_signal(signal.SIGCONT)
p.send_signal(signal.SIGINT)
p.communicate(timeout=60)
assert p.returncode in (75, -signal.SIGINT), p.returncode
PYTHON

begin "on a terminal there is one live line and colour, unless NO_COLOR; elsewhere neither"
"$PYTHON" - "$SLICESCORE" 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
import os, pty, sys
def on_terminal(folder, **more):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.argv[1], [sys.argv[1], "run", "moons.yaml", "-o", folder, "train.steps=3000", "data.split.test=0",
                                "data.split.validation=0"], {**os.environ, "TERM": "xterm", **more})
    seen = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    assert os.waitpid(pid, 0)[1] == 0, seen[-2000:]
    return seen
seen = on_terminal("colour")
assert b"\r\x1b[Kstep " in seen and b"left" in seen, seen[-2000:]
assert b"\x1b[1;33mslicescore: warning: " in seen, seen[-2000:]
seen = on_terminal("plain", NO_COLOR="1")
assert b"\x1b[1;33m" not in seen and b"warning: " in seen, seen[-2000:]
seen = on_terminal("dumb", TERM="dumb")
assert b"\x1b" not in seen and b"\r\x1b[K" not in seen, seen[-2000:]
PYTHON
run run moons.yaml -o file
exits 0
! grep -q "$(printf '\033')" err || wrong "escape codes in a file"
! grep -q "$(printf '\033')" file/log.txt || wrong "escape codes in log.txt"

begin "a driver that computes wrong is found before it does harm"
cp -R "$SOURCE/cl" cl
# both tables of activations: one number at a time, and in vectors
sed 's/t\.d2 = ds \* (SS_R(2\.0)/t.d2 = ds * (SS_R(2.5)/' "$SOURCE/cl/jet/activation.clh" >cl/jet/activation.clh
sed 's/d2 = ds \* fma(z, u, (vector)(2\.0f/d2 = ds * fma(z, u, (vector)(2.5f/' "$SOURCE/cl/jet/activation_wide.clh" >cl/jet/activation_wide.clh
for file in activation.clh activation_wide.clh; do
    ! cmp -s "cl/jet/$file" "$SOURCE/cl/jet/$file" || wrong "the derivative to be spoilt is not where it was in $file"
done
SLICESCORE_CL_DIR=$PWD/cl "$SLICESCORE" selftest >out 2>err </dev/null
status=$?
exits 4
out_has FAILED
SLICESCORE_CL_DIR=$PWD/cl "$SLICESCORE" run moons.yaml -o spoilt >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
exits 4
absent spoilt

begin "what a self-test said is remembered: of sound kernels, not of those above, and not where it cannot be read"
run run moons.yaml -o again -v
exits 0
err_has "self-test: passed here on 20"
err_lacks "self-test: random"
find "$HOME/.cache/slicescore/tuning" -type f -exec sh -c 'grep -q self-test "$1" && printf x >>"$1"' - {} \;
run run moons.yaml -o tested -v
exits 0
err_has "self-test: random, philox"
run run moons.yaml -o remembered -v
exits 0
err_has "self-test: passed here on 20"
run selftest
exits 0
out_has "random"

finish
