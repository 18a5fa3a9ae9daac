# One value of an objective, against numbers that can be worked out by hand.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command loss
need_python

# Files are written and read by hand: no package beyond Python is needed.
cat >tools.py <<'PYTHON'
import json, struct, sys

def npy(path, shape, values, kind="f"):
    header = "{'descr': '<%s', 'fortran_order': False, 'shape': (%s), }" % (
        "f4" if kind == "f" else "f8", "".join("%d, " % n for n in shape))
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        f.write(struct.pack("<%d%s" % (len(values), kind), *values))

def tensors(path, items):
    head, body, at = {}, b"", 0
    for name, (shape, values) in items.items():
        data = struct.pack("<%df" % len(values), *values)
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
        body += data
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)

def read(path):
    with open(path, "rb") as f:
        data = f.read()
    size = struct.unpack_from("<Q", data)[0]
    head = json.loads(data[8:8 + size])
    out = {}
    for name, e in head.items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            out[name] = struct.unpack_from("<%df" % ((b - a) // 4), data, 8 + size + a)
    return out
PYTHON

# A linear score net s(x) = W x + b with W = [[2, 1], [0, -1]], b = (1, 0). At x = (1, 2), v = (1, -1):
#   s = (5, -2), v'Wv = 2 - 1 + 0 - 1 = 0, trace = 1, v's = 7
#   ssm = 0 + 49/2, ssm_vr = 0 + 29/2, esm = 1 + 29/2
"$PYTHON" - <<'PYTHON'
from tools import *
tensors("w.safetensors", {"layers.0.weight": ([2, 2], [2, 1, 0, -1]), "layers.0.bias": ([2], [1, 0])})
npy("x.npy", [1, 2], [1, 2])
npy("x8.npy", [1, 2], [1, 2], "d")
npy("v.npy", [1, 1, 2], [1, -1])
npy("z.npy", [1, 2], [1, 2])
npy("x3.npy", [1, 3], [1, 2, 3])
npy("v2.npy", [1, 2, 2], [1, -1, 1, 1])
PYTHON

# $1: objective, $2: more keys of it
made()
{
    printf 'model: {kind: score, hidden: []}\nobjective: {kind: %s%s}\n' "$1" "${2:-}" >"$1.yaml"
    run import w.safetensors "$1.yaml" -o "$1"
    exits 0
}

begin "ssm of a linear score net"
made ssm
run loss ssm --data x.npy --slices v.npy --gradient g.safetensors --json
exits 0
json 'abs(it["loss"] - 24.5) < 1e-5 and it["objective"] == "ssm" and it["rows"] == 1 and it["dimension"] == 2'
# d/db of (v's)^2 / 2 = (v's) v = (7, -7)
"$PYTHON" -c '
from tools import read
g = read("g.safetensors")
assert max(abs(a - b) for a, b in zip(g["layers.0.bias"], (7, -7))) < 1e-4, g
# d/dW of v'"'"'Wv + (v'"'"'s)^2 / 2 = v v'"'"' + 7 v x'"'"'
assert max(abs(a - b) for a, b in zip(g["layers.0.weight"], (1 + 7, -1 + 14, -1 - 7, 1 - 14))) < 1e-4, g
' 2>assertion || wrong "$(tail -n 1 assertion)"

begin "ssm_vr of the same"
made ssm_vr
run loss ssm_vr --data x.npy --slices v.npy --json
exits 0
json 'abs(it["loss"] - 14.5) < 1e-5'

begin "esm of the same, with rows in double precision"
made esm
run loss esm --data x8.npy --json
exits 0
json 'abs(it["loss"] - 15.5) < 1e-5'

begin "dsm of the same"
# x~ = x + z/2 = (1.5, 3): s = (7, -3); s + (x~ - x)/sigma^2 = (7 + 2, -3 + 4); 1/2 (81 + 1)
made dsm ', sigma: 0.5'
run loss dsm --data x.npy --noise z.npy --json
exits 0
json 'abs(it["loss"] - 41) < 1e-4'

begin "rows of another dimension are refused"
run loss ssm --data x3.npy --slices v.npy
exits_any 2 7
err_has "3"

begin "slices of another shape are refused"
run loss ssm --data x.npy --slices v2.npy
exits_any 2 7

begin "weights of another net are refused and named"
printf 'model: {kind: score, hidden: [4]}\nobjective: {kind: ssm}\n' >other.yaml
run import w.safetensors other.yaml -o other
exits_any 2 7
err_has "layers."

begin "a damaged NPY is refused without a crash"
for bytes in 0 5 9 40 100; do
    head -c $bytes x.npy >cut.npy
    run loss ssm --data cut.npy --slices v.npy
    exits_any 7 2
done
"$PYTHON" -c '
open("huge.npy", "wb").write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") +
    b"{\x27descr\x27: \x27<f4\x27, \x27fortran_order\x27: False, \x27shape\x27: (4611686018427387904, 4), }".ljust(117) + b"\n")'
run loss ssm --data huge.npy --slices v.npy
exits_any 7 2 5

begin "gradcheck agrees with finite differences"
printf 'model: {kind: energy, hidden: [7, 5]}\nobjective: {kind: ssm}\ndata: {source: two_moons}\n' >check.yaml
run gradcheck check.yaml
exits 0

finish
