# What is got out of a run: evaluate, score, sample, in the data's own units.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command score
need_python

# Two columns of very different units: normal, mean (100, -3), deviation (20, 0.1), correlation 0.5.
"$PYTHON" - <<'PYTHON'
import random
random.seed(1)
with open("table.csv", "w") as f:
    f.write("height,width,label\n")
    for _ in range(4000):
        a, b = random.gauss(0, 1), random.gauss(0, 1)
        f.write("%.6f,%.6f,%d\n" % (100 + 20 * a, -3 + 0.1 * (0.5 * a + 0.75 ** 0.5 * b), random.randrange(3)))
PYTHON
cat >table.yaml <<'YAML'
data: {file: table.csv, columns: {drop: [label]}, transform: [standardize]}
model: {kind: gaussian}
objective: {kind: esm}
train: {steps: 700, batch: 256, learning_rate: 3e-2, schedule: cosine}
sample: {count: 500, steps: 200, step_size: 0.05, sampler: mala}
YAML

begin "a gaussian learns a gaussian: its log-likelihood is the entropy of what the rows were drawn from"
run run table.yaml -o run --json
exits 0
# -(log(2 pi e) + log(20 * 0.1 * sqrt(0.75))): 1/2 |.|^2 has mean D/2
json 'abs(it["metrics"]["log_likelihood"]["mean"] + 2.8379 + 0.5493) < 0.12'
json 'it["status"] == "done" and set(it["metrics"]) == {"esm", "log_likelihood"}'
cp out run-out

begin "evaluate says what run said of the same rows"
run evaluate run --json
exits 0
json 'it == {k: it[k] for k in ("rows", "metrics")} and it["rows"] == 400'
json 'all(abs(m["mean"] - json.load(open("run-out"))["metrics"][k]["mean"]) < 1e-6 for k, m in it["metrics"].items())'
run evaluate run --rows 10 --weights last --json
exits 0
json 'it["rows"] == 10 and it["metrics"]["esm"]["standard_error"] > 0'
run evaluate run --rows all --json
json 'it["rows"] == 400'
run evaluate run --data table.csv --json
exits 0
json 'it["rows"] == 2000 and abs(it["metrics"]["log_likelihood"]["mean"] + 3.387) < 0.12'
run evaluate run
exits 0
out_has "log_likelihood"

begin "score is the gradient of log_density, and the density is normalized, in the table's own units"
"$PYTHON" - <<'PYTHON'
n = 60
with open("grid.csv", "w") as f:
    f.write("height,width,label\n")
    for i in range(n):
        for j in range(n):
            f.write("%.9g,%.9g,0\n" % (100 + 20 * 10 * (i / (n - 1) - 0.5), -3 + 0.1 * 10 * (j / (n - 1) - 0.5)))
PYTHON
run score run grid.csv -o score.csv
exits 0
err_has "normalized"
is "$(head -n 1 score.csv)" "log_density,score_height,score_width"
"$PYTHON" - 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
import csv, math
n = 60
rows = [[float(x) for x in r] for r in list(csv.reader(open("score.csv")))[1:]]
assert len(rows) == n * n, len(rows)
h, w = 200 / (n - 1), 1 / (n - 1)
total = sum(math.exp(r[0]) for r in rows) * h * w
assert abs(total - 1) < 1e-2, total
at = lambda i, j: rows[i * n + j]
for i in range(1, n - 1, 7):
    for j in range(1, n - 1, 7):
        # of a quadratic: central differences are exact but for float32
        a = (at(i + 1, j)[0] - at(i - 1, j)[0]) / (2 * h)
        b = (at(i, j + 1)[0] - at(i, j - 1)[0]) / (2 * w)
        assert abs(a - at(i, j)[1]) < 1e-3 * (1 + abs(a)) and abs(b - at(i, j)[2]) < 1e-3 * (1 + abs(b)), (i, j, a, b, at(i, j))
PYTHON

begin "score on stdout, as NPY and as JSON is the same"
head -n 4 grid.csv >few.csv
run score run few.csv
exits 0
cp out few-out
head -n 4 score.csv | cmp -s - few-out || wrong "stdout is $(cat few-out)"
run score run few.csv -o few.npy
exits 0
out_empty
is "$(tail -c 36 few.npy | wc -c | awk '{ print $1 }')" 36
run score run few.csv --json
exits 0
json 'it["normalized"] and len(it["values"]) == 3 and len(it["values"][0]) == 3'
run score run few.csv -o few.txt
exits 2
err_has ".npy or .csv"

begin "a file of other columns is refused"
cut -d, -f1,2 few.csv >narrow.csv
run score run narrow.csv
exits 2
err_has "2 columns"
run score run nowhere.csv
exits 9

begin "samples are in the table's own units, and their acceptance is told"
exists run/samples/samples.npy run/plots/samples.png run/plots/plane.svg
run sample run -n 300 -o s.csv
exits 0
err_has "acceptance"
is "$(head -n 1 s.csv)" "height,width"
is "$(wc -l <s.csv | awk '{ print $1 }')" 301
"$PYTHON" - 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
import csv, statistics as st
rows = [[float(x) for x in r] for r in list(csv.reader(open("s.csv")))[1:]]
for k, (mean, deviation) in enumerate(((100, 20), (-3, 0.1))):
    x = [r[k] for r in rows]
    # 300 samples: five standard errors
    assert abs(st.mean(x) - mean) < 0.3 * deviation, st.mean(x)
    assert 0.75 < st.stdev(x) / deviation < 1.25, st.stdev(x)
PYTHON
run sample run -n 0
exits 2
run sample run -n many
exits 2
run sample run -n 5 -o s.png
exits 2
run sample run --weights worst
exits 2
err_has "best or last"

begin "a score net has scores, no density, and no mala"
cat >net.yaml <<'YAML'
data: {file: table.csv, columns: {drop: [label]}}
model: {kind: score, hidden: [16]}
objective: {kind: dsm, sigma: 0.3}
train: {steps: 30}
sample: {count: 20, steps: 10}
YAML
run run net.yaml -o net --json
exits 0
json 'set(it["metrics"]) == {"esm", "dsm"}'
absent net/plots/density.png
exists net/plots/score.png
run score net few.csv
exits 0
is "$(head -n 1 out)" "score_height,score_width"
run check net.yaml sample.sampler=mala
exits 2

begin "images come back as images"
"$PYTHON" - <<'PYTHON'
import random, struct
random.seed(2)
with open("tiny.idx", "wb") as f:
    f.write(struct.pack(">IIII", 0x803, 200, 6, 5))
    f.write(bytes(min(255, max(0, int(random.gauss(20 + 30 * (i % 6), 20)))) for i in range(200 * 30)))
PYTHON
printf 'data: {file: tiny.idx}\nmodel: {kind: energy, hidden: [8]}\nobjective: {kind: ssm_vr}\ntrain: {steps: 20}\nsample: {count: 9, steps: 5}\n' \
    >tiny.yaml
run run tiny.yaml -o tiny
exits 0
exists tiny/plots/data.png tiny/plots/samples.png tiny/samples/samples.npy
head -c 128 tiny/samples/samples.npy | grep -qaF '(9, 30)' || wrong "samples are $(head -c 128 tiny/samples/samples.npy)"

begin "one column: a histogram, and the density over it"
printf 'data: {source: gaussian, dimension: 1, rows: 1000}\nmodel: {kind: gaussian}\nobjective: {kind: ssm}\ntrain: {steps: 300, learning_rate: 1e-2}\nsample: {count: 50, steps: 20, step_size: 0.1}\n' \
    >line.yaml
run run line.yaml -o line --json
exits 0
exists line/plots/density.png line/plots/score.svg line/plots/samples.png
# normal of variance 1: -log(2 pi e)/2
json 'abs(it["metrics"]["log_likelihood"]["mean"] + 1.4189) < 0.2 and "fisher_divergence" in it["metrics"]'

finish
