# denoise: a trained score takes noise off rows.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command denoise
need_python

cat >gaussian.yaml <<'YAML'
data: {source: gaussian, rows: 8000, covariance: [4, 0.25]}
model: {kind: score, hidden: []}
objective: {kind: dsm, sigma: 0.5}
train: {steps: 400, batch: 512, learning_rate: 3e-2, schedule: cosine}
sample: {count: 1}
YAML

begin "what is left of the noise on a gaussian is what the best denoiser leaves, and 2 sigma^4 dsm"
run run gaussian.yaml -o run --json
exits 0
cp out run-out
run denoise run --json
exits 0
# sum of v sigma^2 / (v + sigma^2) = 0.3603, and of sigma^2 = 0.5; 800 rows, four standard errors
json 'it["rows"] == 800 and it["sigma"] == 0.5'
json 'abs(it["denoised_error"]["mean"] - 0.3603) < 4 * it["denoised_error"]["standard_error"] + 0.005'
json 'abs(it["noisy_error"]["mean"] - 0.5) < 4 * it["noisy_error"]["standard_error"]'
json 'abs(it["denoised_error"]["mean"] / (2 * 0.5 ** 4 * json.load(open("run-out"))["metrics"]["dsm"]["mean"]) - 1) < 1e-4'
exists run/samples/denoised.npy run/plots/denoised.png run/plots/denoised.svg

begin "rows of a file are noisy as they stand: x + sigma^2 score(x), in their own units"
printf 'x0,x1\n3,0.5\n-1,0.25\n0,0\n' >noisy.csv
run denoise run noisy.csv -o clean.csv
exits 0
out_empty
"$PYTHON" - <<'PYTHON' || wrong "not the best denoiser's rows"
import csv
# v x / (v + sigma^2), the learned score within a few percent of it
want = [(3 * 4 / 4.25, 0.25), (-4 / 4.25, 0.125), (0, 0)]
got = [(float(r["x0"]), float(r["x1"])) for r in csv.DictReader(open("clean.csv"))]
assert len(got) == 3 and all(abs(a - b) < 0.06 for g, w in zip(got, want) for a, b in zip(g, w)), got
PYTHON

begin "with --noise a file's rows are clean ones"
run denoise run noisy.csv --noise --json
exits 0
json 'it["rows"] == 3 and it["noisy_error"]["mean"] > 0'

begin "a run that was trained otherwise asks for the noise, and is warned of"
sed 's/kind: dsm, sigma: 0.5/kind: ssm/' gaussian.yaml >other.yaml
run run other.yaml train.steps=20 -o other
exits 0
run denoise other
exits 2
err_has '--sigma'
run denoise other --sigma 0.5
exits 0
err_has 'another density'
run denoise other --sigma none
exits 2
err_has "'none' is no number above 0"
run denoise run noisy.csv -o clean.txt
exits 2
err_has '.npy or .csv'

finish
