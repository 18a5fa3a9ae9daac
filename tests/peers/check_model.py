#!/usr/bin/env python3
"""Carry trained models between the program and PyTorch, both ways, and compare energies and scores.

There: `slicescore run` trains; its checkpoint is read here (safetensors, no package) and evaluated by autograd in
double precision, at the rows that `slicescore score` is given. Back: a net is trained here, by nested autograd and Adam,
written as safetensors, taken in by `slicescore import`, and scored again.

    python3 tests/peers/check_model.py --program build/release/slicescore [--device NAME]

Exit 0: all agree; 1: some do not; 77: PyTorch or numpy is not installed.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    import torch
except ImportError as problem:
    print(f"skip: {problem.name} is not installed")
    sys.exit(77)

import common
from check_loss import ACTIVATIONS

# The program computes in float32, the reference in float64 of the same weights: relative to the largest number of its
# kind, so that an energy near 0 is not asked for digits that float32 does not have.
TOLERANCE = 1e-5

D = 3
CASES = [
    {"kind": "energy", "hidden": [32, 32], "activation": "silu", "quadratic": "diagonal"},
    {"kind": "energy", "hidden": [24, 24, 24], "activation": "softplus", "quadratic": "full", "residual": True},
    {"kind": "gaussian"},
    {"kind": "score", "hidden": [40], "activation": "tanh"},
]


def experiment(case, objective):
    lines = [f"model: {{{', '.join(f'{k}: {str(v).lower()}' for k, v in case.items())}}}", f"objective: {{kind: {objective}}}"]
    return "\n".join(lines) + "\n"


def output(case, weights, x):
    """Energies, one a row, or the scores of a score net."""
    y, energy = x, 0
    layers = len(case.get("hidden", [])) + 1
    for k in range(layers if "hidden" in case else 0):
        a = y @ weights[f"layers.{k}.weight"].T + weights[f"layers.{k}.bias"]
        if k + 1 < layers:
            a = ACTIVATIONS[case["activation"]](a)
            skip = case.get("residual") and k > 0 and a.shape == y.shape
            a = y + a if skip else a
        y = a
    if case["kind"] == "score":
        return y
    if "hidden" in case:
        energy = y[:, 0]
    if case["kind"] == "gaussian" or case["quadratic"] == "full":
        z = (x - weights["quadratic.mean"]) @ weights["quadratic.factor.weight"].T
    else:
        z = (x - weights["quadratic.mean"]) * weights["quadratic.scale"]
    return energy + 0.5 * (z**2).sum(1)


def score(case, weights, x, graph=False):
    if case["kind"] == "score":
        return output(case, weights, x)
    return -torch.autograd.grad(output(case, weights, x).sum(), x, create_graph=graph)[0]


def compare(what, got, want):
    error = float((got - want).abs().max() / want.abs().max())
    print(f"{'ok' if error < TOLERANCE else 'FAILED'}: {what}: {error:.1e}")
    return error < TOLERANCE


class Program:
    def __init__(self, path, device, folder):
        self.path, self.device, self.folder = os.path.abspath(path), device, folder

    def __call__(self, *words):
        words = [self.path, *words, "--quiet"] + (["--device", self.device] if self.device else [])
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"FAILED: {' '.join(words)}: exit {done.returncode}\n{done.stderr}")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)

    def scores(self, run, rows):
        """Log-densities (None for a score net) and scores, by the command."""
        numpy.save(os.path.join(self.folder, "rows.npy"), rows.numpy())
        self("score", run, "rows.npy", "-o", "scores.csv")
        with open(os.path.join(self.folder, "scores.csv"), newline="") as f:
            lines = list(csv.reader(f))
        values = torch.tensor([[float(x) for x in line] for line in lines[1:]], dtype=torch.float64)
        density = values[:, 0] if lines[0][0] == "log_density" else None
        return density, values[:, density is not None :]


def check(program, name, case, weights, rows, run):
    x = rows.double().requires_grad_(True)
    density, scores = program.scores(run, rows)
    good = compare(f"{name}, scores", scores, score(case, weights, x).detach())
    if density is not None:
        # Log-densities of a gaussian come normalized: only what they say of the rows beside each other is asked for.
        got, want = density - density.mean(), -output(case, weights, x).detach()
        good = compare(f"{name}, energies", got, want - want.mean()) and good
    return good


def there(program, case, rows):
    data = f"data: {{source: gmm, dimension: {D}, rows: 2000}}\n"
    train = "train: {steps: 60, batch: 64, average: 0.9}\nsample: {count: 1, steps: 1}\n"
    program.write("there.yaml", data + experiment(case, "ssm_vr") + train)
    program("run", "there.yaml", "-o", "there", "--force")
    tensors = common.read_safetensors(os.path.join(program.folder, "there", "ckpt", "best.safetensors"))
    weights = {
        k[len("average.") :]: torch.tensor(v, dtype=torch.float64) for k, v in tensors.items() if k.startswith("average.")
    }
    return check(program, f"from a run, {case['kind']}", case, weights, rows, "there")


def back(program, case, rows):
    generator = torch.Generator().manual_seed(3)
    shapes = {}
    widths = [D, *case["hidden"], D if case["kind"] == "score" else 1]
    for k in range(len(widths) - 1):
        shapes[f"layers.{k}.weight"], shapes[f"layers.{k}.bias"] = (widths[k + 1], widths[k]), (widths[k + 1],)
    weights = {k: 0.3 * torch.randn(s, generator=generator, dtype=torch.float64) for k, s in shapes.items()}
    if case["kind"] == "energy":
        weights["quadratic.mean"] = torch.zeros(D, dtype=torch.float64)
        full = case["quadratic"] == "full"
        weights["quadratic.factor.weight" if full else "quadratic.scale"] = (
            torch.eye(D, dtype=torch.float64) if full else torch.ones(D, dtype=torch.float64)
        )
    for w in weights.values():
        w.requires_grad_(True)
    optimizer = torch.optim.Adam(weights.values(), lr=1e-2)
    for _ in range(30):
        x = rows.double().requires_grad_(True)
        s = score(case, weights, x, graph=True)
        v = torch.sign(torch.randn(x.shape, generator=generator, dtype=torch.float64))
        along = (torch.autograd.grad((s * v).sum(), x, create_graph=True)[0] * v).sum(1)
        optimizer.zero_grad()
        (along + 0.5 * (s**2).sum(1)).mean().backward()
        optimizer.step()
    weights = {k: w.detach().float().double() for k, w in weights.items()}
    common.write_safetensors(
        os.path.join(program.folder, "trained.safetensors"), {k: w.numpy() for k, w in weights.items()}
    )
    program.write("back.yaml", f"data: {{source: gmm, dimension: {D}, rows: 100}}\n" + experiment(case, "ssm_vr"))
    program("import", "trained.safetensors", "back.yaml", "-o", "back")
    return check(program, f"from PyTorch, {case['kind']}", case, weights, rows, "back")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--device")
    options = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    rows = (2 * torch.randn(40, D)).float()
    bad = tried = 0
    for case in CASES:
        for way in [there, back] if "hidden" in case else [there]:
            with tempfile.TemporaryDirectory() as folder:
                tried += 1
                bad += not way(Program(options.program, options.device, folder), case, rows)
    print(f"cli: {tried - bad} passed, {bad} failed, 0 skipped")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
