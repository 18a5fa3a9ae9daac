# The script that `sweep slurm` writes, in a real Slurm: one node, localhost, with two cores, its daemons our own. An
# array job computes the sweep; one of its jobs is told that its time is up (USR1), saves, and is put back into the queue.
# shellcheck shell=sh disable=SC2317 # functions are called by name
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command sweep
PATH=$PATH:/usr/sbin
for command in slurmctld slurmd munged sbatch; do
    command -v $command >/dev/null 2>&1 || {
        echo "skip: no Slurm here (slurmctld, slurmd, munge): $command is missing"
        exit 77
    }
done
if [ "$(id -u)" != 0 ]; then
    echo "skip: slurmd wants root"
    exit 77
fi

here=$(mktemp -d /tmp/slurm-test-XXXXXX) # sockets have short names
chmod 755 "$here"
daemons=''
clean_up()
{
    scancel --state=PENDING --state=RUNNING --user=root 2>/dev/null
    # shellcheck disable=SC2086 # several numbers
    [ -z "$daemons" ] || { kill $daemons; wait $daemons; } 2>/dev/null
    rm -rf "$here"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

mkdir "$here/state" "$here/spool"
dd if=/dev/urandom of="$here/key" bs=128 count=1 2>/dev/null
chmod 600 "$here/key"
port=$((20000 + $$ % 20000))
export SLURM_CONF="$here/slurm.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthInfo=socket=$here/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
SchedulerParameters=sched_interval=1,sched_min_interval=100000
NodeName=localhost NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 CPUs=2 CoresPerSocket=2 RealMemory=512 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF

munged -F -f --socket="$here/munge.socket" --key-file="$here/key" --pid-file="$here/munged.pid" \
    --log-file="$here/munged.log" --seed-file="$here/munged.seed" >/dev/null 2>&1 &
daemons=$!
# $1: seconds, the rest: a command that is tried until it succeeds
until_so()
{
    tries=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1 && [ $tries -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
    [ $tries -gt 0 ]
}
is_idle()
{
    sinfo -h -o %t | grep -q '^\(idle\|mix\)$'
}
until_so 10 test -S "$here/munge.socket"
slurmctld -D >/dev/null 2>&1 &
daemons="$daemons $!"
slurmd -D >/dev/null 2>&1 &
daemons="$daemons $!"
if ! until_so 60 is_idle; then # what a machine lacks, a name or a permission, is no fault of ours
    tail -n 20 "$here"/*.log
    echo "skip: Slurm is installed and does not come up: $(grep -h 'error\|fatal' "$here"/slurm*.log | tail -n 1)"
    exit 77
fi

cat >toy.yaml <<'YAML'
data: {source: gaussian, dimension: 3, rows: 300}
model: {kind: energy, hidden: [6]}
objective: {kind: ssm}
train: {steps: 4000, batch: 32, checkpoint: {every: 1000, keep: 2}}
evaluate: {every: 0, rows: 30}
sweep: {grid: {train.learning_rate: [1e-2, 1e-3]}, repeat: 2}
YAML
last=ckpt/step-00004000.safetensors

trains()
{
    [ -s "$PWD/dir/shard-1-of-2/runs/00001/metrics.jsonl" ]
}
is_pending()
{
    squeue -h -r -o '%i %t' | grep -q "^${job}_1 PD"
}
is_over()
{
    [ -z "$(squeue -h)" ]
}

begin "an array job computes the shards on two cores, and one that is stopped is put back and goes on"
run sweep toy.yaml -o whole
exits 0
run sweep toy.yaml -o dir --prepare
exits 0
run sweep slurm dir --shards 2 --time 00:05:00
exits 0
run_folder=$PWD
sbatch --parsable dir/sweep.sbatch >out 2>err || wrong "sbatch refuses it"
job=$(cat out)
until_so 60 trains || wrong "it never trained"
scancel --batch --signal=USR1 "${job}_1"
until_so 60 is_pending || wrong "the job that was stopped is not in the queue again"
file_has dir/slurm-1.log "stopped"
file_has "$here/slurmctld.log" "Requeuing JobId=${job}_1"
sleep 2 # a job that starts within the second of its end is refused by the node
scontrol release "${job}_1" 2>/dev/null
scontrol update "JobId=${job}_1" StartTime=now # else Slurm waits two minutes
until_so 120 is_over || wrong "the jobs do not end"
cd "$run_folder" || exit 1
run sweep merge dir --json
exits 0
out_has '"points": 4, "done": 4'
for point in 00001 00002 00003 00004; do
    shard=$(((${point#0000} - 1) % 2 + 1))
    same whole/runs/$point/$last dir/shard-$shard-of-2/runs/$point/$last
done
[ $cli_bad = 0 ] || { cat dir/slurm-*.log; tail -n 20 "$here"/slurm*.log; }

begin "submitted again, nothing is left to do"
cksum dir/shard-*/runs/*/run.json >before
sbatch --parsable --wait dir/sweep.sbatch >out 2>err || wrong "the jobs failed"
cksum dir/shard-*/runs/*/run.json >after
same before after
finish
