#!/usr/bin/env python3
"""Compare the program's losses and gradients with PyTorch's nested autograd in double precision.

For each objective, both kinds of net and several shapes: draw weights, rows, slices and noise; give them to
`slicescore import` and `slicescore loss`; compute the same value and every gradient the textbook way, one autograd call
inside another; compare. The two share nothing but the files they read.

    python3 tests/peers/check_loss.py --program build/release/slicescore [--device NAME] [--only WORD] [--time]

Exit 0: all agree; 1: some do not; 77: PyTorch is not installed.
"""

import argparse
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import time

try:
    import torch
except ImportError:
    print("skip: PyTorch is not installed")
    sys.exit(77)

# The program computes in float32, the reference in float64 from the same float32 numbers. A net of a few hundred units
# sums some thousand products with random signs: errors of a few times 6e-8 each grow to some 1e-6 of the result. 1e-4
# leaves room for cancellation between the trace and the norm, and is far below what any wrong term would give.
TOLERANCE = 1e-4


# ---- files: NPY and safetensors are simple enough to need no package ----


def write_npy(path, tensor):
    kind = {torch.float32: ("<f4", "f"), torch.float64: ("<f8", "d")}[tensor.dtype]
    shape = "(" + "".join(f"{n}, " for n in tensor.shape).rstrip() + ")"
    header = f"{{'descr': '{kind[0]}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    values = tensor.contiguous().flatten().tolist()
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1"))
        f.write(struct.pack(f"<{len(values)}{kind[1]}", *values))


def write_safetensors(path, tensors):
    header, body, offset = {}, [], 0
    for name in sorted(tensors):
        values = tensors[name].contiguous().flatten().tolist()
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        body.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(body))


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    kinds = {"F32": ("f", 4), "F64": ("d", 8)}
    out = {}
    for name, entry in header.items():
        letter, width = kinds[entry["dtype"]]
        begin, end = entry["data_offsets"]
        count = (end - begin) // width
        values = struct.unpack_from(f"<{count}{letter}", data, 8 + size + begin)
        out[name] = torch.tensor(values, dtype=torch.float64).reshape(entry["shape"])
    return out


# ---- the reference ----

ACTIVATIONS = {
    "softplus": torch.nn.functional.softplus,
    "tanh": torch.tanh,
    "silu": torch.nn.functional.silu,
    "sigmoid": torch.sigmoid,
    "gelu": torch.nn.functional.gelu,
    "sin": torch.sin,
}


def network(case, weights, x):
    layers = len(case["hidden"]) + 1
    for k in range(layers):
        x = x @ weights[f"layers.{k}.weight"].T + weights[f"layers.{k}.bias"]
        if k + 1 < layers:
            x = ACTIVATIONS[case["activation"]](x)
    return x


def score(case, weights, x):
    """s(x), differentiable in x and in the weights."""
    if case["kind"] == "score":
        return network(case, weights, x)
    energy = network(case, weights, x).sum()
    return -torch.autograd.grad(energy, x, create_graph=True)[0]


def directional(s, x, v):
    """v' (Ds) v for each row: the gradient of v's, dotted with v."""
    return (torch.autograd.grad((s * v).sum(), x, create_graph=True)[0] * v).sum(1)


def reference(case, weights, x, slices, noise):
    objective = case["objective"]
    if objective == "dsm":
        moved = (x + case["sigma"] * noise).requires_grad_(True)
        s = score(case, weights, moved)
        return (0.5 * (s + (moved - x) / case["sigma"] ** 2) ** 2).sum(1).mean()
    x = x.clone().requires_grad_(True)
    s = score(case, weights, x)
    if objective == "esm":
        trace = sum(directional(s, x, e.expand_as(x)) for e in torch.eye(x.shape[1], dtype=x.dtype))
        return (trace + 0.5 * (s**2).sum(1)).mean()
    total = 0
    for v in slices:
        norm = (s * v).sum(1) ** 2 if objective == "ssm" else (s**2).sum(1)
        total = total + (directional(s, x, v) + 0.5 * norm).mean()
    return total / len(slices)


# ---- one comparison ----


def draw(case, generator):
    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float32)

    d, widths = case["dimension"], case["hidden"]
    sizes = [d] + widths + [d if case["kind"] == "score" else 1]
    weights = {}
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weights[f"layers.{k}.weight"] = normal(outputs, inputs) / math.sqrt(inputs)
        weights[f"layers.{k}.bias"] = 0.1 * normal(outputs)
    x = normal(case["rows"], d)
    slices = noise = None
    if case["objective"] in ("ssm", "ssm_vr"):
        slices = normal(case["count"], case["rows"], d)
        if case["slices"] == "rademacher":
            slices = torch.where(slices < 0, -1.0, 1.0)
    if case["objective"] == "dsm":
        noise = normal(case["rows"], d)
    return weights, x, slices, noise


def experiment(case):
    model = [f"kind: {case['kind']}", f"hidden: {case['hidden']}", f"activation: {case['activation']}"]
    if case["kind"] == "energy":
        model.append("quadratic: none")
    objective = [f"kind: {case['objective']}"]
    if case["objective"] in ("ssm", "ssm_vr"):
        objective += [f"slices: {case['slices']}", f"count: {case['count']}"]
    if case["objective"] == "dsm":
        objective.append(f"sigma: {case['sigma']}")
    lines = ["seed: 1", f"model: {{{', '.join(model)}}}", f"objective: {{{', '.join(objective)}}}"]
    if case.get("plan"):
        lines.append(f"engine: {{plan: {case['plan']}}}")
    return "\n".join(lines) + "\n"


def call(arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def ours(options, case, folder, weights, x, slices, noise):
    def at(name):
        return os.path.join(folder, name)

    with open(at("experiment.yaml"), "w") as f:
        f.write(experiment(case))
    write_safetensors(at("weights.safetensors"), weights)
    write_npy(at("x.npy"), x.double() if case.get("double") else x)
    device = ["--device", options.device] if options.device else []
    call([options.program, "import", at("weights.safetensors"), at("experiment.yaml"), "-o", at("run"), *device])
    command = [options.program, "loss", at("run"), "--data", at("x.npy"), "--gradient", at("g.safetensors"), "--json"]
    if slices is not None:
        write_npy(at("v.npy"), slices)
        command += ["--slices", at("v.npy")]
    if noise is not None:
        write_npy(at("z.npy"), noise)
        command += ["--noise", at("z.npy")]
    answer = json.loads(call(command + device))
    return answer, read_safetensors(at("g.safetensors"))


def compare(options, case, generator):
    """The worst relative error, or a RuntimeError that says what is wrong."""
    weights, x, slices, noise = draw(case, generator)
    with tempfile.TemporaryDirectory() as folder:
        answer, gradient = ours(options, case, folder, weights, x, slices, noise)
    leaves = {name: w.double().requires_grad_(True) for name, w in weights.items()}
    began = time.perf_counter()
    loss = reference(
        case, leaves, x.double(), None if slices is None else slices.double(), None if noise is None else noise.double()
    )
    wanted = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    seconds = time.perf_counter() - began
    wanted = {n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(leaves, wanted)}

    for key, value in (("objective", case["objective"]), ("rows", case["rows"]), ("dimension", case["dimension"])):
        if answer.get(key) != value:
            raise RuntimeError(f"loss --json says {key} is {answer.get(key)!r}, not {value!r}")
    if set(gradient) != set(wanted):
        raise RuntimeError(f"gradients for {sorted(gradient)}, wanted {sorted(wanted)}")
    # The loss is a difference of two terms: its error is measured against their size, not against what is left.
    scale = max(abs(loss.item()), 1e-2)
    worst = (abs(answer["loss"] - loss.item()) / scale, "loss")
    # A tensor that contributes nothing (an energy's last bias) has only rounding of the others to show.
    floor = 1e-3 * max(g.abs().max().item() for g in wanted.values())
    for name, want in wanted.items():
        got = gradient[name]
        if got.shape != want.shape:
            raise RuntimeError(f"gradient of {name} has shape {tuple(got.shape)}, wanted {tuple(want.shape)}")
        error = (got - want).abs().max().item() / max(want.abs().max().item(), floor)
        if not error <= worst[0]:
            worst = (error, name)
    return worst[0], worst[1], seconds


def cases():
    shapes = [  # rows, dimension, hidden, M, activation, slices
        (7, 1, [5], 1, "softplus", "rademacher"),
        (1, 3, [8, 8], 1, "tanh", "gaussian"),
        (33, 2, [17, 13], 3, "silu", "rademacher"),
        (64, 11, [32, 32], 1, "softplus", "rademacher"),
        (20, 6, [31, 9, 21], 6, "gelu", "gaussian"),
        (16, 40, [64, 64], 2, "sigmoid", "rademacher"),
        (50, 5, [24], 4, "sin", "gaussian"),
        (130, 10, [128, 128], 2, "silu", "rademacher"),
    ]
    for kind in ("energy", "score"):
        for objective in ("esm", "ssm", "ssm_vr", "dsm"):
            for rows, dimension, hidden, count, activation, slices in shapes:
                yield {
                    "kind": kind,
                    "objective": objective,
                    "rows": rows,
                    "dimension": dimension,
                    "hidden": hidden,
                    "count": count,
                    "activation": activation,
                    "slices": slices,
                    "sigma": 0.3,
                    "double": rows % 2 == 0,
                }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/release/slicescore")
    parser.add_argument("--device", help="as the program's --device")
    parser.add_argument("--plan", help="auto, fused or layered")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--time", action="store_true", help="print how long the nested autograd took, too")
    options = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: threads cost more than they give
    generator = torch.Generator().manual_seed(20)
    passed = failed = 0
    for case in cases():
        name = (
            f"{case['kind']} {case['objective']} rows {case['rows']} D {case['dimension']} hidden {case['hidden']} "
            f"{case['activation']}"
        )
        if case["objective"] in ("ssm", "ssm_vr"):
            name += f" M {case['count']}"
        if options.only not in name:
            continue
        case["plan"] = options.plan
        try:
            error, where, seconds = compare(options, case, generator)
            good = error <= TOLERANCE
            text = f"error {error:.1e} ({where})"
            if options.time:
                text += f", nested autograd {1e3 * seconds:.1f} ms"
        except (RuntimeError, OSError, ValueError, KeyError) as problem:
            good, text = False, str(problem)
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok' if good else 'FAILED'}: {name}: {text}")
    print(f"cli: {passed} passed, {failed} failed, 0 skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
