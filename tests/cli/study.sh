# `slicescore study` and `evaluate --parameters`: what is printed, written and refused. Their numbers are the gallery's to check.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command study
need_python

cat >terms.yaml <<'YAML'
data: {source: gaussian, dimension: 1, rows: 50, split: {validation: 0, test: 0}}
model: {kind: gaussian}
objective: {kind: esm}
train: {steps: 600, batch: 50, learning_rate: 0.05, schedule: cosine, average: 0}
sample: {count: 4, steps: 2}
study: {kind: terms, low: 0.5, high: 2, points: 4}
YAML

begin "a study prints its table, and nothing else on stdout"
run study terms.yaml
exits 0
is "$(head -n 1 out | tr -s ' ')" "model variance hessian norm sum"
is "$(wc -l <out | tr -d ' ')" 5

begin "with -o it writes the table as CSV, and pictures"
run study terms.yaml -o folder --quiet
exits 0
exists folder/terms.svg folder/terms.png folder/frames.svg
is "$(head -n 1 folder/study.csv)" model,variance,hessian,norm,sum

begin "with --json it prints one object"
run study terms.yaml --json
exits 0
json 'it["study"] == "terms" and it["columns"][4] == "sum" and len(it["rows"]) == 4'
json 'all(abs(r[2] + r[3] - r[4]) < 1e-12 and abs(r[2] + 1 / r[1]) < 1e-9 for r in it["rows"])'

begin "an experiment without a study is refused"
cat >none.yaml <<'YAML'
data: {source: gaussian}
model: {kind: gaussian}
objective: {kind: esm}
YAML
run study none.yaml
exits 2
err_has 'block'
err_has 'none.yaml'

begin "a study that does not suit the data or the model is refused with what it takes"
run study terms.yaml model.kind=energy
exits 2
err_has 'model.kind: gaussian'
run study terms.yaml study.kind=estimates study.low=null study.high=null study.points=null data.source=gmm
exits 2
err_has 'data.source: gaussian'
run study terms.yaml study.kind=parts 'study.parameters=[1, 2, 3]'
exits 2
err_has 'the model has 2 parameters, found 3'
run study terms.yaml study.kind=parts 'study.parameters=[0, 1]' data.dimension=2
exits 2
run study terms.yaml study.low=3
exits 2
err_has 'is not below'

begin "a study that trains needs a folder"
run study terms.yaml study.kind=race study.low=null study.high=null study.points=null
exits 2
err_has '-o DIR'

begin "a density that does not fall off has no likelihood"
run study terms.yaml study.kind=efficiency model.kind=polynomial model.degree=4 'study.parameters=[0, 0, 0, -1]'
exits 2
err_has 'it is no density'

begin "a number of rows or slices is a whole number"
run study terms.yaml study.kind=estimates study.low=null study.high=null study.points=null 'study.rows=[10.5]'
exits 2
err_has 'study.rows: whole numbers'

begin "evaluate --parameters tells mean and covariance with their standard errors"
run run terms.yaml -o fit --quiet
exits 0
run evaluate fit --parameters --json --quiet
exits 0
json 'sorted(it["parameters"]) == ["covariance[0][0]", "mean[0]"] and "esm" in it["metrics"]'
json 'abs(it["parameters"]["mean[0]"]["standard_error"] / (it["parameters"]["covariance[0][0]"]["estimate"] / 50) ** 0.5 - 1) < 0.02'

begin "it warns of weights that are not at a minimum"
run run terms.yaml train.steps=3 -o early --quiet
run evaluate early --parameters --quiet
exits 0
err_has 'a Newton step would move'

begin "and refuses a net"
run run terms.yaml model.kind=energy 'model.hidden=[32, 32]' train.steps=2 -o net --quiet
run evaluate net --parameters --quiet
exits 2
err_has 'standard errors are for models of at most'

finish
