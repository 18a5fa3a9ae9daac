# tune: what is measured is kept and used; which way is the fastest does not matter here.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command tune
need_python

cat >small.yaml <<'YAML'
data: {source: two_moons, rows: 200}
model: {kind: energy, hidden: [6], quadratic: none}
objective: {kind: ssm}
train: {batch: 20}
engine: {gemm: own}
YAML

begin "before anything is measured, check says that rules decide"
run check small.yaml
exits 0
out_has '# chosen: by rule'

begin "an experiment is tuned: one JSON object, a winner among its candidates, a default of gain 1"
run tune small.yaml --seconds 8 --json
exits 0
json 'len(it["results"]) == 1 and it["device"] and it["driver"]'
json '(lambda r: r["name"] == "small" and r["kept"] and "20 rows" in r["what"])(it["results"][0])'
json '(lambda r: sum(c["winner"] for c in r["candidates"]) == 1 and r["winner"] in [c["name"] for c in r["candidates"]])(it["results"][0])'
json '(lambda c: c["numbers"] == [0, 0, 0, 0, 0, 0] and c["ms"] > 0 and c["outcome"] == "measured")(it["results"][0]["candidates"][0])'
json 'all(c["outcome"] != "left out: wrong numbers" for c in it["results"][0]["candidates"])'
json 'sum(c["outcome"] == "measured" for c in it["results"][0]["candidates"]) > 1'
is "$(find .. -path '*slicescore/tuning/*' -type f -exec grep -l '"loss ' {} + | wc -l)" 1

begin "check shows what was measured, and when"
run check small.yaml --json
exits 0
json '"measured here on 20" in it["plan_chosen"] and it["plan"]'

begin "another batch is another question, and what is asked for by name is no question"
run check small.yaml train.batch=21
out_has '# chosen: by rule'
run check small.yaml engine.plan=layered
out_has '# plan: layered'

begin "a damaged answer is as good as none"
find .. -path '*slicescore/tuning/*' -type f -exec sh -c 'printf x >>"$1"' - {} \;
run check small.yaml
exits 0
out_has '# chosen: by rule'
err_lacks error

begin "neither is a pipe in its place, and nobody waits for one who writes"
find .. -path '*slicescore/tuning/*' -type f -exec sh -c 'rm "$1" && mkfifo "$1"' - {} \;
run check small.yaml
exits 0
out_has '# chosen: by rule'
find .. -path '*slicescore/tuning/*' -type p -exec rm {} +

begin "a table is printed for people, with the winner marked"
run tune small.yaml train.batch=22 --seconds 4
exits 0
out_has 'small: loss and gradient of 22 rows'
out_has 'x default'
grep -q '^\*' out || wrong "no winner is marked"

begin "layer by layer the largest products are measured too, and check shows what was found"
run tune small.yaml engine.plan=layered "model.hidden=[40,40]" train.batch=40 --seconds 6 --json
exits 0
json 'len(it["results"]) == 1 and len(it["results"][0]["products"]) > 1'
json 'all("own product" in p["what"] and p["winner"] and p["kept"] for p in it["results"][0]["products"])'
json 'all(c["outcome"] == "measured" for p in it["results"][0]["products"] for c in p["candidates"])'
run check small.yaml engine.plan=layered "model.hidden=[40,40]" train.batch=40
exits 0
grep -Eq '^# product [0-9]+ x [0-9]+ x [0-9]+, [nt][nt]: .*measured here on 20' out || wrong "no product is said to be measured"
run check small.yaml engine.plan=layered "model.hidden=[40,40]" train.batch=40 --json
json 'any("measured here on 20" in p["chosen"] for p in it["products"])'

begin "where the answer cannot be kept, that is said"
rm -rf ../.cache/slicescore
mkdir -p ../.cache
: >../.cache/slicescore
run tune small.yaml --seconds 10
exits 0
err_has 'cannot be written'
rm ../.cache/slicescore

begin "what cannot be is refused by name"
run tune larg
exits 2
err_has "did you mean 'large'"
run tune esm-D
exits 2
err_has 'esm-2'
run tune matmul
exits 2
err_has 'matmul is no training'
run tune toy --dimension 5
exits 2
err_has 'unknown option --dimension'
run tune small.yaml --columns 5
exits 2
err_has '--columns is for --try and --apart'
run tune train.batch=3
exits 2
err_has 'train.batch=3'
run tune small.yaml --seconds 0
exits 2
err_has '--seconds'
run tune nowhere.yaml
exits 9
printf 'model: {kind: energy}\nobjective: {kind: ssm}\n' >nodata.yaml
run tune nodata.yaml
exits 2
err_has 'data:'

begin "what changes an experiment changes no workload, and is refused where there is none"
run tune toy engine.plan=nonsense
exits 2
err_has "engine.plan=nonsense changes an experiment, and none is given"
run tune lrage
exits 2
err_has "tune: no workload 'lrage'"

begin "what is measured with other kernels is not taken for these"
cp -r "$SOURCE/cl" kernels
echo "/* other */" >>kernels/jet/fused.clh
SLICESCORE_CL_DIR=$PWD/kernels
export SLICESCORE_CL_DIR
run tune small.yaml train.batch=23 --seconds 6
exits 0
run check small.yaml train.batch=23
out_has 'measured here'
echo "/* changed */" >>kernels/jet/fused.clh
run check small.yaml train.batch=23
out_has '# chosen: by rule'
unset SLICESCORE_CL_DIR
run check small.yaml train.batch=23
out_has '# chosen: by rule'

begin "where nothing else is allowed, more time is not what is missing"
run tune small.yaml engine.plan=layered engine.gemm=own train.batch=25 --seconds 4
exits 0
out_has "no other way to compute it is allowed"

finish
