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
json 'set(it) == {"rows", "metrics", "log_z"} and it["rows"] == 400 and it["log_z"]["method"] == "formula"'
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

begin "a file of many pieces is scored row by row, in its order, as a small one is"
"$PYTHON" - <<'PYTHON'
few = open("grid.csv").read().split("\n")[1:3601]
with open("many.csv", "w") as f:
    f.write("height,width,label\n")
    for i in range(40000):
        f.write(few[i * 7 % 3600] + "\n")
PYTHON
run score run many.csv -o many-out.csv
exits 0
"$PYTHON" - 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
few = open("score.csv").read().split("\n")[1:3601]
many = open("many-out.csv").read().split("\n")[1:-1]
assert len(many) == 40000, len(many)
for i, row in enumerate(many):
    a, b = [float(x) for x in row.split(",")], [float(x) for x in few[i * 7 % 3600].split(",")]
    assert all(abs(p - q) <= 1e-5 * (1 + abs(q)) for p, q in zip(a, b)), (i, a, b)
PYTHON
run score run many.csv -o many-out.npy
exits 0
"$PYTHON" - 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
import struct
b = open("many-out.npy", "rb").read()
n = struct.unpack("<H", b[8:10])[0] + 10
assert b"'shape': (40000, 3)" in b[:n] and len(b) == n + 4 * 3 * 40000, (b[:n], len(b))
last = [float(x) for x in open("many-out.csv").read().split("\n")[-2].split(",")]
assert all(abs(p - q) <= 1e-6 * (1 + abs(q)) for p, q in zip(struct.unpack("<3f", b[-12:]), last))
PYTHON
sed '30001s/.*/1,,0/' many.csv >hole.csv
run score run hole.csv -o hole-out.csv
exits 7
err_has "line 30001"
! [ -e hole-out.csv ] || wrong "a part of it was written"
sed '2,$s/^[^,]*,/tall,/' grid.csv >words.csv
run score run words.csv
exits 7
err_has "text"

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

begin "chains run as the command line says, and start from the rows of a file"
run sample run sample.sampler=hmc sample.steps=40 sample.warmup=60 sample.leapfrog=6 -n 1000 -o hmc.npy --json
exits 0
json 'it["samples"] == 1000 and abs(it["acceptance"] - 0.8) < 0.1 and it["rhat"] < 1.05 and it["effective_sample_size"] > 1000'
err_has "R-hat"
run sample run sample.sampler=langevin sample.steps=1 sample.step_size=1e-12 --start few.csv -n 3 -o start.csv
exits 0
"$PYTHON" - 2>assertion <<'PYTHON' || wrong "$(tail -n 1 assertion)"
a, b = [[[float(x) for x in l.split(",")[:2]] for l in open(f).read().split("\n")[1:4]] for f in ("start.csv", "few.csv")]
assert all(abs(p - q) < 1e-3 for r, s in zip(a, b) for p, q in zip(r, s)), (a, b)
PYTHON
run sample run model.kind=score
exits 2
err_has "sample block"
run sample run sample.sampler=nuts
exits 2
run sample run sample.sampler=langevin sample.step_size=1e4 -n 20 -o gone.npy
exits 6
err_has "ran away"
! [ -e gone.npy ] || wrong "chains that diverged were written"

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
run sample run sample.sampler=hmc sample.steps=20 -n 300 -o s.csv --plots drawn
exits 0
exists drawn/samples.png drawn/samples.svg drawn/plane.png
grep -q 'samples (HMC)' drawn/samples.svg || wrong "the picture does not say whose samples they are"
[ "$(grep -c '<path' drawn/samples.svg)" -gt 3 ] || wrong "no contours of the density under the samples"
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

# Energies whose log Z takes work: 3 columns, for annealing, and 2, which quadrature judges.
for d in 2 3; do
    cat >net$d.yaml <<YAML
data: {source: gaussian, dimension: $d, rows: 2000}
model: {kind: energy, hidden: [16]}
objective: {kind: esm}
train: {steps: 300, batch: 200, learning_rate: 1e-2, schedule: cosine}
evaluate: {annealing: {chains: 200, temperatures: 60, leapfrog: 3}}
sample: {count: 10, steps: 10}
YAML
done

begin "in two columns annealing finds the log Z that quadrature finds"
run run net2.yaml -o net2 --quiet
run evaluate net2 --json
exits 0
quadrature=$(json_get 'it["log_z"]["value"]')
likelihood=$(json_get 'it["metrics"]["log_likelihood"]["mean"]')
json 'it["log_z"]["method"] == "quadrature"'
run evaluate net2 evaluate.log_z=annealing --json
exits 0
json 'it["log_z"]["method"] == "annealing" and it["log_z"]["known"]'
json "abs(it['log_z']['value'] - $quadrature) < 4 * it['log_z']['forward']['standard_error'] < 0.2"
json "all(abs(it['log_z'][k]['value'] - $quadrature) < 4 * it['log_z'][k]['standard_error'] for k in ('backward', 'from_rows'))"
json "abs(it['metrics']['log_likelihood']['mean'] - $likelihood) < 4 * it['log_z']['error'] + 1e-3"

begin "in three columns evaluate normalizes by annealing, and score says so from then on"
run run net3.yaml -o net3 --json
exits 0
json '"log_likelihood" not in it["metrics"]'
printf '0,0,0\n1,0.5,-1\n' >three.csv
run score net3 three.csv --json
exits 0
json 'it["normalized"] is False'
raw=$(json_get 'it["values"][0][0]')
err_has "slicescore evaluate"
run evaluate net3 --json
exits 0
err_has "log Z by annealing"
# a standard normal of three columns: -3/2 log 2 pi e, and 200 rows have a spread
json 'abs(it["metrics"]["log_likelihood"]["mean"] + 4.2568) < 0.3 and it["log_z"]["error"] < 0.2'
json 'it["metrics"]["log_likelihood"]["standard_error"] > it["log_z"]["error"]'
log_z=$(json_get 'it["log_z"]["value"]')
cp out first
run evaluate net3 --json # kept: not done again
json 'it == json.load(open("first"))'
run score net3 three.csv --json
exits 0
json "it['normalized'] and it['log_z']['value'] == $log_z and abs(it['values'][0][0] - ($raw - $log_z)) < 1e-4"
sed 's/"weights": "../"weights": "zz/' net3/log_z.json >other && mv other net3/log_z.json
run score net3 three.csv --json # of other weights than these
exits 0
json 'it["normalized"] is False'
echo '{' >net3/log_z.json
run score net3 three.csv
exits 7
err_has "log_z.json"
rm net3/log_z.json
run evaluate net3 evaluate.log_z=none --json
json 'it["log_z"] is None and "log_likelihood" not in it["metrics"]'
run evaluate net3 sample.steps=3
exits 2
err_has "evaluate block"
run evaluate net3 evaluate.annealing.temperatures=1 evaluate.annealing.chains=2 --json
exits 0
json '"log_likelihood" not in it["metrics"] and it["log_z"]["known"] is False'
err_has "more evaluate.annealing.temperatures"
absent net3/log_z.json

begin "an energy that has no density gets no log-likelihood, and is told why"
run run net3.yaml "model.hidden=[]" model.quadratic=none evaluate.log_z=annealing train.steps=20 -o flat --json
exits 0
json '"log_likelihood" not in it["metrics"]'
err_has "does not grow fast enough"
run check net3.yaml model.kind=score evaluate.log_z=annealing
exits 2

finish
