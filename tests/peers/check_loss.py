#!/usr/bin/env python3
"""Compare the program's losses and gradients with PyTorch's nested autograd in double precision.

For each objective, both kinds of net and several shapes: draw weights, rows, slices and noise; give them to
`slicescore import` and `slicescore loss`; compute the same value and every gradient the textbook way, one autograd call
inside another; compare. The two share nothing but the files they read.

    python3 tests/peers/check_loss.py --program build/release/slicescore [--device NAME] [--only WORD] [--quick] [--time]

Exit 0: all agree; 1: some do not; 77: PyTorch or numpy is not installed.
"""

import argparse
import sys
import tempfile
import time

try:
    import numpy
    import torch
except ImportError as problem:
    print(f"skip: {problem.name} is not installed")
    sys.exit(77)

import common


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


def compare(program, case, generator):
    """The worst relative error, where, and the seconds of the reference; or a RuntimeError that says what is wrong."""
    weights, x, slices, noise = common.draw(case, generator)
    with tempfile.TemporaryDirectory() as folder:
        common.write_case(case, folder, weights, x.astype(float) if case["double"] else x, slices, noise)
        answer, gradient = program.loss(folder, folder)

    def double(values):
        return None if values is None else torch.from_numpy(values).double()

    leaves = {name: double(w).requires_grad_(True) for name, w in weights.items()}
    began = time.perf_counter()
    loss = reference(case, leaves, double(x), double(slices), double(noise))
    wanted = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    seconds = time.perf_counter() - began
    wanted = {n: (torch.zeros_like(leaves[n]) if g is None else g).numpy() for n, g in zip(leaves, wanted)}

    for key, value in (("objective", case["objective"]), ("rows", case["rows"]), ("dimension", case["dimension"])):
        if answer.get(key) != value:
            raise RuntimeError(f"loss --json says {key} is {answer.get(key)!r}, not {value!r}")
    if set(gradient) != set(wanted):
        raise RuntimeError(f"gradients for {sorted(gradient)}, wanted {sorted(wanted)}")
    return *common.difference(answer["loss"], gradient, loss.item(), wanted), seconds


QUICK = 2  # of the shapes, from the first


def cases(quick):
    shapes = [  # rows, dimension, hidden, M, activation, slices
        (33, 2, [17, 13], 3, "silu", "rademacher"),
        (20, 6, [31, 9, 21], 6, "gelu", "gaussian"),
        (7, 1, [5], 1, "softplus", "rademacher"),
        (1, 3, [8, 8], 1, "tanh", "gaussian"),
        (64, 11, [32, 32], 1, "softplus", "rademacher"),
        (16, 40, [64, 64], 2, "sigmoid", "rademacher"),
        (50, 5, [24], 4, "sin", "gaussian"),
        (130, 10, [128, 128], 2, "silu", "rademacher"),
    ]
    for kind in ("energy", "score"):
        for objective in ("esm", "ssm", "ssm_vr", "dsm"):
            for rows, dimension, hidden, count, activation, slices in shapes[: QUICK if quick else None]:
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
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} shapes of each instead of all")
    parser.add_argument("--time", action="store_true", help="print how long the nested autograd took, too")
    options = parser.parse_args()
    torch.set_num_threads(1)  # small matrices: threads cost more than they give
    generator = numpy.random.default_rng(20)
    program = common.Program(options.program, options.device)
    passed = failed = 0
    for case in cases(options.quick):
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
            error, where, seconds = compare(program, case, generator)
            good = error <= common.TOLERANCE
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
