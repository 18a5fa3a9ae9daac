# bench: what it measures is well formed; how fast anything is does not matter here.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command bench
need_python

begin "a shape of one's own is measured: one JSON object with all its keys"
run bench --batch 9 --dimension 3 --hidden 5,4 --slices 2 --plan layered --seconds 0.1 --json --no-build --quiet
exits 0
err_lacks slicescore:
json 'it["peak_gflops"] > 0 and it["matmul_gflops"] > 0 and it["device"] and it["driver"] and it["matmul"] == []'
json 'len(it["workloads"]) == 1 and it["remark"] is None'
json '(lambda w: (w["name"], w["batch"], w["dimension"], w["slices"], w["hidden"], w["model"], w["objective"]) ==
      ("custom", 9, 3, 2, [5, 4], "energy", "ssm"))(it["workloads"][0])'
json 'all(0 < t["min"] <= t["median"] <= t["max"] for w in it["workloads"] for t in (w["loss_gradient_ms"], w["step_ms"]))'
json '(lambda w: w["plan"] == "layered" and w["gflops"] > 0 and 0 < w["fraction_of_peak"] < 1.5 and
      w["memory_mib"] > 0 and w["repetitions"] >= 3 and w["build_cold_s"] is None)(it["workloads"][0])'
# 9 rows: 15 weights times 2 (2 + 1), 24 times 3 (2 + 2); two operations each
json 'abs(it["workloads"][0]["gflop"] - 2e-9 * 9 * (15 * 6 + 24 * 12)) < 1e-15'
json 'abs(it["workloads"][0]["gflops"] - 1e3 * it["workloads"][0]["gflop"] / it["workloads"][0]["loss_gradient_ms"]["median"]) < 1e-6'

begin "builds are timed in processes of their own, and nothing of them is left"
mkdir temporary
TMPDIR=$PWD/temporary "$SLICESCORE" bench --batch 4 --dimension 2 --hidden 3 --slices 1 --plan layered --seconds 0.1 --json >out 2>err </dev/null
status=$?
exits_any 0
json 'it["workloads"][0]["build_cold_s"] is None or 0 < it["workloads"][0]["build_cold_s"] < it["workloads"][0]["first_step_cold_s"]'
json 'it["workloads"][0]["resident_mib"] is None or 0 < it["workloads"][0]["resident_mib"] < 256'
[ -z "$(ls temporary)" ] || wrong "left behind: $(ls temporary)"

begin "a new process tells its own memory, whatever the one that starts it has"
python3 -c '
import subprocess, sys
filling = bytearray(1 << 29)
for i in range(0, len(filling), 4096):
    filling[i] = 1
print(subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True).stdout)
' "$SLICESCORE" bench --probe --quiet --batch 4096 --dimension 128 --hidden 128,128 --slices 5 --plan layered >out 2>err
awk '$1 == "probe" && $4 > 20 && $4 < 2000 { found = 1 } END { exit !found }' out || wrong "answered: $(cat out)"

begin "options change a named workload, plans can be forced, other objectives and models are taken"
run bench toy --batch 3 --plan layered --gemm own --seconds 0.1 --json --no-build
exits 0
json '(lambda w: (w["name"], w["batch"], w["dimension"], w["plan"]) == ("toy", 3, 2, "layered"))(it["workloads"][0])'
for objective in esm dsm; do
    run bench --model score --objective $objective --batch 3 --dimension 4 --hidden 4 --plan layered --seconds 0.1 --no-build
    exits 0
    out_has custom
done
run bench --objective dsm --batch 3 --dimension 4 --hidden 4 --plan layered --seconds 0.1 --no-build --json
json 'it["workloads"][0]["slices"] is None'

begin "a folder of results has the numbers and the curves"
run bench esm-2 esm-10 --batch 2 --hidden 4 --plan layered --seconds 10 --no-build -o results
exits 0
exists results/bench.json results/bench-esm.png results/bench-esm.svg
absent results/bench-batch.png

begin "a measurement is replaced only when asked for, and then its pictures go, too; a line has two points"
run bench esm-2 --batch 2 --hidden 4 --plan layered --seconds 0.3 --no-build -o results
exits 2
err_has "results/bench.json: exists already; choose another folder with -o, or replace it with --force"
exists results/bench-esm.png
run bench esm-2 --batch 2 --hidden 4 --plan layered --seconds 0.3 --no-build -o results --force
exits 0
err_has "written: results/bench.json"
exists results/bench.json
absent results/bench-esm.png
absent results/bench-esm.svg

begin "titles say what was measured"
run bench scale-M-1 scale-M-2 --batch 3 --dimension 5 --hidden 4 --plan layered --seconds 10 --no-build -o titled
exits 0
grep -q ">energy, hidden 4, D = 5, batch 3<" titled/bench-slices.svg || wrong "the title is another"
grep -q "ssm: loss + gradient (ms)" titled/bench-slices.svg || wrong "the objective is not told"

begin "a signal ends the measuring, and what there is by then is told and written"
python3 - "$SLICESCORE" >out 2>err <<'PY'
import signal, subprocess, sys, tempfile, os
folder = tempfile.mkdtemp(dir=".")
def started(words, line, environment=None):
    """Ends it when it has printed a line that begins so; its status and all that it printed."""
    p = subprocess.Popen([sys.argv[1], "bench", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, env=environment)
    said = ""
    for got in p.stdout:
        said += got
        if got.startswith(line):
            p.send_signal(signal.SIGINT)
            break
    said += p.stdout.read()
    return p.wait(), said
status, said = started(["scale-B", "--plan", "layered", "--hidden", "4", "--seconds", "30", "--no-build", "-o", "stopped"], "scale-B-1")
print("families", status, "interrupted, left out: workloads" in said, os.path.exists("stopped/bench.json"))
status, said = started(["--batch", "2", "--hidden", "4", "--plan", "layered", "--seconds", "20"], "building", dict(os.environ, TMPDIR=folder))
print("builds", status, "interrupted, left out: builds anew 1" in said, os.listdir(folder))
slow = ["--objective", "esm", "--dimension", "512", "--hidden", "512,512", "--batch", "512", "--plan", "layered"]
status, said = started([*slow, "--seconds", "30", "--no-build"], "custom")
print("within", status, "interrupted, left out: workloads 1" in said)
PY
out_has "families 75 True True"
out_has "builds 75 True []"
out_has "within 75 True"

begin "matrix products that the time did not suffice for are told"
run bench matmul --seconds 0.1 --json
exits 0
json 'it["workloads"] == [] and len(it["matmul"]) < 63 and "matrix products" in it["remark"]'
json '"workloads" not in it["remark"]'
err_has "matrix products"
for backend in own clblast; do
    run bench matmul --gemm $backend --seconds 10 --json
    exits 0
    json "it['matmul'] and {p['backend'] for p in it['matmul']} - {'openblas'} == {'$backend'}"
done
run bench matmul --batch 7
exits 2
err_has "matmul has its own sizes; --batch changes workloads"

begin "OpenBLAS beside them uses vectors as wide as the processor's, whether it knows the processor or not"
unset OPENBLAS_CORETYPE
run bench matmul --seconds 0.1 --json
exits 0
if grep -q "libopenblas.so.0 is not installed" err; then
    skip "OpenBLAS is not installed"
elif ! grep -q -w avx2 /proc/cpuinfo 2>/dev/null; then
    skip "the processor has no AVX2"
else
    json 'it["openblas_core"] not in ("Prescott", "Core2", "Nehalem", "Generic")'
fi

begin "what cannot be is refused by name"
run bench larg
exits 2
err_has "did you mean 'large'"
run bench scale
exits 2
err_has "there are scale-M, scale-B, scale-D"
run bench matmul --probe
exits 2
err_has "matmul has no step"
run bench toy --prob
exits 2
err_has "unknown option --prob;"
run bench toy -o ''
exits 2
err_has "--output wants a value: --output DIR"
run bench esm-51
exits 2
err_has "of esm-D there are esm-2, esm-10, esm-50, esm-200, esm-784"
run bench scale-M --slices 4
exits 2
err_has "goes through values of --slices"
run bench esm-50 --dimension 7
exits 2
err_has "goes through values of --dimension"
run bench scale-M --objective esm
exits 2
err_has "esm has no slices"
run bench toy --objective dsm --slices 3
exits 2
err_has "dsm has no slices"
run bench --hidden 8,x
exits 2
err_has "'8,x'"
run bench --hidden 8,
exits 2
run bench --hidden 0
exits 2
run bench --batch 0
exits 2
err_has "--batch"
run bench --slices 70000
exits 2
err_has "at most 65536"
run bench --objective sm
exits 2
err_has "esm, ssm, ssm_vr, dsm"
run bench --plan fast
exits 2
run bench --seconds 0
exits 2
err_has "--seconds"
run bench --seconds nan
exits 2
run bench --json -o out/below --batch 2 --dimension 2 --hidden 2 --plan layered --seconds 0.1 --no-build
exits 9
err_has "out/below"

finish
