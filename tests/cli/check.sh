# Experiment files: what is accepted, what is refused and how.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command check

cat >small.yaml <<'YAML'
data: {source: two_moons}
model: {kind: energy}
objective: {kind: ssm_vr}
YAML

begin "three lines are a complete experiment"
run check small.yaml
exits 0
out_has two_moons
absent runs

begin "overrides on the command line are taken"
run check small.yaml train.steps=77 model.hidden=[3,5]
exits 0
out_has 77

begin "an unknown key is refused at its place, with the nearest"
printf 'data: {source: two_moons}\nmodel: {kind: energy, hiden: [8]}\nobjective: {kind: ssm}\n' >bad.yaml
run check bad.yaml
exits 2
err_has "bad.yaml:2:23"
err_has "hidden"
out_empty

begin "all errors of a file are shown at once"
printf 'data: {source: two_moons}\nmodel: {kind: enrgy}\nobjective: {kind: ssm, count: 0.1abc}\ntrain: {batch: -3}\n' >bad.yaml
run check bad.yaml
exits 2
err_has "bad.yaml:2:"
err_has "bad.yaml:3:"
err_has "bad.yaml:4:"

begin "a key that the chosen kind does not use is an error"
printf 'data: {source: two_moons}\nmodel: {kind: score, quadratic: full}\nobjective: {kind: ssm}\n' >bad.yaml
run check bad.yaml
exits 2
err_has "quadratic"

begin "an unknown override is refused"
run check small.yaml train.stepz=3
exits 2
err_has "stepz"
run check small.yaml train.steps
exits 2

begin "a file that is not there is exit 9 and named"
run check nowhere.yaml
exits 9
err_has "nowhere.yaml"

begin "data that is not there is exit 9 and named"
printf 'data: {file: nowhere.csv}\nmodel: {kind: energy}\nobjective: {kind: ssm}\n' >bad.yaml
run check bad.yaml
exits 9
err_has "nowhere.csv"

# Each must be refused, quickly and without a crash.
hostile()
{
    begin "hostile: $1"
    run check hostile.yaml
    exits_any "${2:-2}" 2
}
: >hostile.yaml
hostile "an empty file"
printf 'data: &a [1, 1]\nb: *a\n' >hostile.yaml
hostile "an alias"
printf 'data: !!python/object:os.system x\n' >hostile.yaml
hostile "a tag"
printf 'seed: 1\nseed: 2\ndata: {source: two_moons}\nmodel: {kind: energy}\nobjective: {kind: ssm}\n' >hostile.yaml
hostile "a key given twice"
{
    cat small.yaml
    printf -- '---\n'
    cat small.yaml
} >hostile.yaml
hostile "a second document"
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "["; print "" }' >hostile.yaml
hostile "nested too deep"
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "# %s\n", i; print "seed: 1" }' >hostile.yaml
hostile "larger than a megabyte" 9
printf 'data: {source: two_moons\n' >hostile.yaml
hostile "a brace left open"
printf '\377\376\000d\000a' >hostile.yaml
hostile "bytes that are no text"
printf 'data: {source: two_moons}\nmodel: {kind: energy, hidden: [1 -DX=1]}\nobjective: {kind: ssm}\n' >hostile.yaml
hostile "an option of the compiler for a number"

begin "a plan that cannot be is refused where the file asks for it"
printf 'data: {source: two_moons, rows: 200}\nmodel: {kind: energy, hidden: []}\nobjective: {kind: ssm}\n' >thin.yaml
printf 'engine: {plan: fused}\ntrain: {steps: 3}\n' >>thin.yaml
run check thin.yaml
exits 2
err_has "thin.yaml:4: engine.plan: fused cannot be used here: no hidden layer; use auto or layered"
run check thin.yaml engine.plan=fused
exits 2
err_has "error: engine.plan: fused cannot be used here"

finish
