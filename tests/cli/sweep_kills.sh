# A sweep that is killed with -9 at random moments, and one whose disk is full, lose nothing and do nothing twice.
# KILLS: how often it is killed (default 3; 20 for a thorough look). The moments follow from KILLS_SEED (default 20).
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
# shellcheck source=tests/support/sweep_processes.sh
. "$SOURCE/tests/support/sweep_processes.sh"
need_command sweep
need_python

KILLS=${KILLS:-3}
seed=${KILLS_SEED:-20} # of the moments
# Enough points for the kills to find some at work: each takes less than half a second.
seeds=$((2 * KILLS))
cat >plain.yaml <<YAML
data: {source: gaussian, dimension: 3, rows: 300} # no log Z to integrate
model: {kind: energy, hidden: [6]}
objective: {kind: ssm}
train: {steps: 1500, batch: 32, checkpoint: {every: 250, keep: 2}}
evaluate: {every: 250, rows: 30}
sweep:
  grid: {train.learning_rate: [1e-2, 1e-3]}
  repeat: $seeds
YAML
sed -e 's/\[1e-2, 1e-3\]/[1e-2, 1e-3, 3e-3, 1e-4]/; s/repeat: .*/repeat: 2\n  halving: {first: 250}/' plain.yaml >halving.yaml

# Moves on a sequence that the seed begins; prints a number from 0 up to, not including, $1.
random()
{
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    number=$((seed / 65536 % $1))
}

# What the ledger knows at the end, one line a point: point, status, how often an attempt ended as done.
cat >ledger.py <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1] + "/sweep.db")
print(db.execute("PRAGMA integrity_check").fetchone()[0])
for row in db.execute("SELECT p.id, p.status, p.rung, p.objective, (SELECT count(*) FROM attempts a WHERE a.point = p.id"
                      " AND a.outcome = 'done') FROM points p ORDER BY p.id"):
    print(*row)
for row in db.execute("SELECT rung, grouping, objective, kept FROM decisions ORDER BY rung, grouping"):
    print(*row)
PY

# $1: file, $2: folder. Kills $KILLS times: a worker, the coordinator, or both.
sweep_and_kill()
{
    pid='' killed=0
    while [ $killed -lt "$KILLS" ]; do
        if [ -z "$pid" ] || ! kill -0 "$pid" 2>/dev/null; then
            "$SLICESCORE" sweep "$1" -o "$2" --jobs 2 >>log 2>&1 </dev/null &
            pid=$!
        fi
        random 1500
        sleep "$(printf '%d.%03d' $((number / 1000)) $((number % 1000)))"
        random 3
        case $number in
        0) # one worker; the coordinator goes on
            one=$(workers "$2" | head -n 1)
            [ -z "$one" ] || kill -KILL "$one" 2>/dev/null
            ;;
        1) kill -KILL "$pid" 2>/dev/null ;;
        2)
            kill -KILL "$pid" 2>/dev/null
            for one in $(workers "$2"); do kill -KILL "$one" 2>/dev/null; done
            ;;
        esac
        [ "$number" = 0 ] || wait "$pid" 2>/dev/null
        killed=$((killed + 1))
    done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    nobody_is_left "$2"
}

for kind in plain halving; do
    begin "killed $KILLS times at random moments, a $kind sweep comes to the bits of one that was left alone"
    run sweep $kind.yaml -o $kind
    exits 0
    folder=$kind-$$
    sweep_and_kill $kind.yaml "$folder"
    # Two coordinators at once end it.
    "$SLICESCORE" sweep $kind.yaml -o "$folder" --jobs 2 >>log 2>&1 </dev/null &
    pid=$!
    run sweep $kind.yaml -o "$folder" --jobs 2
    exits 0
    wait $pid || wrong "the other coordinator failed"
    nobody_is_left "$folder"
    "$PYTHON" ledger.py $kind >want
    "$PYTHON" ledger.py "$folder" >got
    same want got
    is "$(head -n 1 got)" ok
    # A checkpoint saved on the way out takes the place of one of those that are kept, but never of the last or the best.
    for file in "$kind"/runs/*/ckpt/*.safetensors; do
        other=$folder/${file#"$kind"/}
        case $file in
        */best.safetensors | */step-00001500.safetensors) same "$file" "$other" ;;
        *) [ ! -e "$other" ] || same "$file" "$other" ;;
        esac
    done
    is "$(find "$folder" -name '*.tmp.*' | head -n 1)" ""
    [ $cli_bad = 0 ] || tail -n 30 log
    KILLS=$(((KILLS + 1) / 2)) # the second kind, half as often
done

begin "a full disk stops the sweep, and with room again the same command does what is missing"
mkdir disk
if ! mount -t tmpfs -o size=3m tmpfs disk 2>/dev/null; then
    skip "wants root, to mount a small disk"
else
    sed 's/hidden: \[6\]/hidden: [128, 128]/; s/steps: 1500/steps: 100/; s/every: 250/every: 50/g; s/repeat: .*/repeat: 8/' \
        plain.yaml >large.yaml
    run sweep large.yaml -o disk/sweep
    exits 9
    err_has "No space left on device"
    cp err first
    run sweep status disk/sweep --json
    json '0 < it["done"] < 16 and it["failed"] == 0 and it["done"] + it["waiting"] == 16'
    done=$(json_get 'it["done"]')
    cksum disk/sweep/runs/0000[1-$((done < 9 ? done : 9))]/run.json >before
    mount -o remount,size=64m disk
    run sweep large.yaml -o disk/sweep --json
    exits 0
    out_has '"points": 16, "done": 16'
    cksum disk/sweep/runs/0000[1-$((done < 9 ? done : 9))]/run.json >after
    same before after
    "$PYTHON" ledger.py disk/sweep >got
    is "$(awk 'NR > 1 && $NF != 1' got)" ""
    umount disk
fi

finish
