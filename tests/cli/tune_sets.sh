# tune: sets of CLBlast's parameters. They take long to build, and which of them is the fastest does not matter here.
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
engine: {plan: layered, gemm: clblast}
YAML

begin "sets of CLBlast's parameters are built and timed in processes of their own, and dropped if that takes long"
run tune small.yaml --seconds 90 --json
exits 0
json 'it["results"][0]["candidates"][0]["name"] == "layered, clblast"'
json 'all("set" in c["name"] for c in it["results"][0]["candidates"][1:]) and len(it["results"][0]["candidates"]) > 1'
json 'it["results"][0]["candidates"][1]["outcome"] in ("measured", "left out: too long to build")'

finish
