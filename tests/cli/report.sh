# Reports: what is in them, what is missing from them, hostile names, following a run, TensorBoard, a real browser.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command report
need_python

cat >moons.yaml <<'YAML'
data: {source: two_moons, rows: 1000}
model: {kind: energy, hidden: [12]}
objective: {kind: ssm}
train: {steps: 40, batch: 32, tensorboard: true}
evaluate: {every: 20, rows: 50}
sample: {count: 10, steps: 5}
YAML

begin "a run ends with a report, and the command makes it again"
run run moons.yaml -o whole
exits 0
exists whole/report.html
err_has "report: whole/report.html"
grep -v 'Z report: ' whole/log.txt >log # said after it was written
cp log whole/log.txt
cp whole/report.html first.html
run report whole
exits 0
is "$(cat out)" whole/report.html
same first.html whole/report.html
for part in log_likelihood 'two_moons' 'id="pictures"' 'id="training"' 'id="timing"' 'id="device"' 'aria-label="Objective"' \
    'moons.yaml:3' 'resolved.yaml' 'prefers-color-scheme: dark' 'class="skip"'; do
    file_has whole/report.html "$part"
done
run report whole --json
json 'it["report"] == "whole/report.html"'

begin "the page asks for nothing from elsewhere"
is "$(grep -cE '(src|href|content)="[a-z]*:?//|@import|url\(' whole/report.html)" 0

begin "a run can be moved, and its report is the same"
mkdir elsewhere
mv whole elsewhere/
run report elsewhere/whole
same first.html elsewhere/whole/report.html
mv elsewhere/whole .

begin "what is not a run is refused"
run report elsewhere
exits 9
err_has "is not the folder of a run"
run report no/such
exits 9

begin "a run of which little is left has a report"
cp -R whole little
rm -r little/plots little/samples little/ckpt little/metrics.* little/log.txt little/config.yaml
run report little
exits 0
is "$(grep -c 'id="training"' little/report.html)" 0
: >little/resolved.yaml
run report little
exits 0

begin "a run whose process is gone is told from one that goes on"
cp -R whole gone
sed 's/"status": "done"/"status": "running"/' whole/run.json >gone/run.json
run report gone
file_has gone/report.html "ended unfinished"
file_has gone/report.html "slicescore resume gone"
if command -v flock >/dev/null 2>&1; then
    flock gone/lock "$SLICESCORE" report gone >out 2>err
    file_has gone/report.html '>running<'
fi

begin "an interrupted, a failed and a diverged run say so"
sed 's/"status": "done"/"status": "interrupted"/' whole/run.json >gone/run.json
run report gone
file_has gone/report.html "Interrupted after step 40"
run run moons.yaml train.learning_rate=1e20 -o bad
exits 6
file_has bad/report.html "diverged after step"
file_has bad/report.html "is not finite"

begin "a report that cannot be written does not fail the run"
cp -R whole blocked
rm blocked/report.html
mkdir blocked/report.html
run resume blocked train.steps=50
exits 0
err_has "no report"
run report blocked
exits 9

begin "names from files are text in the report, nothing else"
cp -R whole hostile
"$PYTHON" - <<'PY'
import json
bad = "<img src=x onerror=alert(1)>'\"&amp;</script><script>alert(2)</script>"
it = json.load(open("hostile/run.json"))
it["name"] = it["device"] = it["plan"] = it["argv"][1] = bad
json.dump(it, open("hostile/run.json", "w"))
with open("hostile/resolved.yaml", "a") as f:
    f.write(f"{bad}: {bad}  # {bad}\nobjective:\n  kind: {bad}\n")
with open("hostile/log.txt", "a") as f:
    f.write(f"2026-01-01T00:00:00Z warning: {bad}\n")
PY
run report hostile
exits 0
is "$(grep -cE '<img src=x|<script>alert|&amp;' hostile/report.html)" 0
is "$(grep -o '&#60;img src=x onerror=alert(1)&#62;' hostile/report.html | wc -l | awk '{ print ($1 >= 9) }')" 1

begin "a picture that is not ours is not put in as it stands"
cp -R whole swapped
printf '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>alert(4)</script></svg>' >swapped/plots/density.svg
run report swapped
exits 0
is "$(grep -c 'alert(4)' swapped/report.html)" 0
file_has swapped/report.html 'src="data:image/png;base64,' # its PNG instead

begin "a sweep ends with a report that compares its settings"
run sweep moons.yaml "train.learning_rate=1e-2,1e20" objective.kind=ssm,ssm_vr "seed=1,2" train.steps=10 evaluate.every=0 -o sweep
exits 8
for part in 'id="comparison"' 'id="effects"' 'id="points"' 'id="failures"' 'href="runs/00001/report.html"' '4 failed' \
    'class="sortable filterable"' 'train.learning_rate'; do
    file_has sweep/report.html "$part"
done
cp sweep/report.html first.html
run report sweep
same first.html sweep/report.html
run report sweep --metric esm
exits 0
file_has sweep/report.html '<code>esm</code>: '
run report sweep --metric esn
exits 2
run sweep moons.yaml train.batch=16,32 -o empty --prepare
run report empty
exits 0
file_has empty/report.html '0 of 2 points'

begin "following a run keeps its report up to date and ends with it"
"$SLICESCORE" run moons.yaml train.steps=1000000 evaluate.every=0 --quiet -o long >/dev/null 2>&1 &
runner=$!
tries=0
while [ ! -s long/metrics.jsonl ] && [ $tries -lt 200 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
"$SLICESCORE" report --follow long >out 2>err &
follower=$!
tries=0
while ! grep -q 'data-refresh="3"' long/report.html 2>/dev/null && [ $tries -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
file_has long/report.html 'data-refresh="3"'
file_has long/report.html 'of 1000000'
kill -INT $runner
wait $runner
is $? 75
wait $follower
is $? 0
is "$(grep -c 'data-refresh="' long/report.html)" 0
file_has long/report.html '>interrupted<'

begin "Ctrl-C ends the following and leaves a page that rests"
if command -v flock >/dev/null 2>&1; then
    sed 's/"status": "done"/"status": "running"/' whole/run.json >gone/run.json
    flock gone/lock sleep 30 &
    holder=$!
    sleep 0.3
    "$SLICESCORE" report --follow gone >out 2>err &
    follower=$!
    tries=0
    while ! grep -q 'data-refresh="3"' gone/report.html && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -TERM $follower
    wait $follower
    is $? 0
    is "$(grep -c 'data-refresh="' gone/report.html)" 0
    kill $holder
    wait $holder 2>/dev/null
else
    skip "no flock"
fi

begin "TensorBoard's own reader finds each step once, before and after a resume"
if "$PYTHON" -c 'import tensorboard' >/dev/null 2>&1; then
    run resume whole train.steps=60
    exits 0
    "$PYTHON" - >"read" 2>read-err <<'PY'
import json, time
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator("whole")
a.Reload()
rows = [json.loads(line) for line in open("whole/metrics.jsonl")]
for tag in ("loss", "gradient_norm", "validation"):
    mine = [(r["step"], r[tag]) for r in rows if tag in r]
    theirs = a.Scalars(tag)
    assert [e.step for e in theirs] == [s for s, _ in mine], tag
    assert all(abs(e.value - v) <= 1e-6 * abs(v) for e, (_, v) in zip(theirs, mine)), tag # float32
    assert all(0 <= time.time() - e.wall_time < 3600 for e in theirs), tag
assert [e.step for e in a.Scalars("evaluation/esm")] == [40, 60]
PY
    is $? 0
    [ ! -s read-err ] || grep -i error read-err
else
    skip "TensorBoard is not installed for $PYTHON"
fi

begin "in a browser: all is drawn, nothing complains, nothing is fetched, and the page does what it should"
cat >sweep.js <<'JS'
// page: sweep/report.html
const table = document.querySelector("table.sortable");
const column = (name) => [...table.tHead.rows[0].cells].findIndex((c) => c.dataset.key === name);
const values = (name) => [...table.tBodies[0].rows].filter((r) => !r.hidden).map((r) => r.cells[column(name)].dataset.value ?? r.cells[column(name)].textContent);
const head = table.tHead.rows[0].cells[column("esm")];
const found = {before: values("point")};
head.querySelector("button").click();
found.up = values("esm"), found.sortUp = head.ariaSort;
head.querySelector("button").click();
found.down = values("esm"), found.sortDown = head.ariaSort;
const filter = document.querySelector("input[type=search]");
filter.value = "learning_rate<1 kind=ssm_vr done";
filter.dispatchEvent(new Event("input"));
found.filtered = values("objective.kind"), found.count = document.querySelector(".tools output").textContent;
const plot = document.querySelector(".chart .plot");
plot.focus();
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "Home"}));
found.reading = plot.querySelector(".reading").textContent;
const shade = () => getComputedStyle(document.body).color;
const colours = [shade()];
document.getElementById("theme").click();
colours.push(shade());
found.themes = colours, found.svgs = document.querySelectorAll(".plot > svg").length;
return found;
JS
cat >run.js <<'JS'
// page: swapped/report.html, width: 390, dark
const images = [...document.images];
await Promise.all(images.map((i) => i.decode()));
return {widths: images.map((i) => i.naturalWidth), svgs: [...document.querySelectorAll(".plot > svg")].map((s) => s.getBoundingClientRect().height),
        across: document.documentElement.scrollWidth, unnamed: document.querySelectorAll("img:not([alt]), svg[role]:not([aria-label]), table:not(:has(caption))").length,
        dark: getComputedStyle(document.documentElement).backgroundColor};
JS
cat >hostile.js <<'JS'
// page: hostile/report.html
return {title: document.querySelector("h1 bdi").textContent, injected: document.querySelectorAll("[onerror], b, img[src=x]").length,
        scripts: document.querySelectorAll("script:not([type])").length};
JS
cat >plain.js <<'JS'
// page: sweep/report.html, no-script
return {rows: document.querySelectorAll("table.sortable tbody tr").length, tools: document.querySelectorAll(".tools").length,
        svgs: document.querySelectorAll(".plot > svg").length, theme: document.getElementById("theme").hidden};
JS
sed 's/<body>/<body data-refresh="1">/' whole/report.html >live.html
cat >live.js <<'JS'
// page: live.html
press("Tab");
const skip = document.activeElement.className;
document.querySelector("details").open = true;
scrollTo(0, 500);
return {skip, began: performance.timeOrigin};
// ---- 1.6
return {...before, again: performance.timeOrigin, open: document.querySelector("details").open, top: scrollY};
JS
"$PYTHON" "$SOURCE/tests/support/browser.py" sweep.js run.js hostile.js plain.js live.js >out 2>err
status=$?
if [ $status = 77 ]; then
    skip "no Chromium"
    finish
fi
exits 0
json 'all(not p["console"] and not p["requests"] for p in it.values())'
json 'it["sweep.js"]["result"]["up"][:4] == sorted(it["sweep.js"]["result"]["up"][:4], key=float)'
json 'it["sweep.js"]["result"]["up"][4:] == [""] * 4 == it["sweep.js"]["result"]["down"][4:]'
json 'it["sweep.js"]["result"]["down"][:4] == it["sweep.js"]["result"]["up"][3::-1]'
json '(it["sweep.js"]["result"]["sortUp"], it["sweep.js"]["result"]["sortDown"]) == ("ascending", "descending")'
json 'it["sweep.js"]["result"]["filtered"] == ["ssm_vr"] * 2 and it["sweep.js"]["result"]["count"] == "2 of 8 rows"'
json '"objective.kind ssm\n" in it["sweep.js"]["result"]["reading"] and "mean of settings" in it["sweep.js"]["result"]["reading"]'
json 'len(set(it["sweep.js"]["result"]["themes"])) == 2 and it["sweep.js"]["result"]["svgs"] == 2'
json 'it["run.js"]["result"]["widths"] and min(it["run.js"]["result"]["widths"]) > 0'
json 'len(it["run.js"]["result"]["svgs"]) == 6 and min(it["run.js"]["result"]["svgs"]) > 50'
json 'it["run.js"]["result"]["across"] == 390 and it["run.js"]["result"]["unnamed"] == 0'
json 'it["run.js"]["result"]["dark"] == "rgb(18, 19, 22)"'
json 'it["hostile.js"]["result"]["title"].startswith("<img src=x") and (it["hostile.js"]["result"]["injected"], it["hostile.js"]["result"]["scripts"]) == (0, 1)'
json 'it["plain.js"]["result"] == {"rows": 8, "tools": 0, "svgs": 2, "theme": True}'
json 'it["live.js"]["result"]["skip"] == "skip" and it["live.js"]["result"]["again"] > it["live.js"]["result"]["began"]'
json 'it["live.js"]["result"]["open"] and it["live.js"]["result"]["top"] == 500'
finish
