#!/usr/bin/env python3
"""Time one loss + gradient of sliced score matching: the program beside PyTorch.

Of PyTorch the textbook way (one autograd call inside another) and the strongest known to us: the same jets that the
program carries, with second derivatives summed over slices, written by hand, eager and under torch.compile. All get the
same weights, rows and slices; losses must agree with the program's to 1e-4. Each round measures one after the other, so
that whatever else the machine does slows all; a ratio is the median over rounds of PyTorch's time by the program's.

    python3 tests/peers/bench_torch.py --program build/release/slicescore [--device NAME] [--only NAME] [--rounds N]
                                       [--no-compile] [--output FILE] [--remark TEXT]

Exit 0: measured; 1: values disagree or something failed; 77: PyTorch is not installed.
"""

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_loss  # noqa: E402 - skips with 77 where PyTorch is missing
import torch  # noqa: E402

TOLERANCE = 1e-4  # between float32 sums in different orders, relative; as in check_loss.py
WARM_UP = 2
PEER_SECONDS = 0.3  # of each measurement

WORKLOADS = {  # as `slicescore bench` has them
    "large": {"rows": 1024, "dimension": 128, "hidden": [128, 128], "count": 5},
    "large-m1": {"rows": 1024, "dimension": 128, "hidden": [128, 128], "count": 1},
    "small": {"rows": 64, "dimension": 8, "hidden": [128, 128], "count": 5},
    "toy": {"rows": 128, "dimension": 2, "hidden": [64, 64], "count": 1},
    "wide": {"rows": 256, "dimension": 784, "hidden": [1024, 1024, 1024], "count": 1},
    "esm-10": {"rows": 128, "dimension": 10, "hidden": [128, 128, 128], "count": 10, "objective": "esm"},
    "esm-50": {"rows": 128, "dimension": 50, "hidden": [128, 128, 128], "count": 50, "objective": "esm"},
}


# ---- the peers: each takes weights (a list of (W, b)), rows x (B, D), slices v (M, B, D); gives a scalar ----


def energy(weights, x):
    for w, b in weights[:-1]:
        x = torch.nn.functional.silu(torch.addmm(b, x, w.T))
    return torch.addmm(weights[-1][1], x, weights[-1][0].T)


def nested_ssm(weights, x, v):
    """Rows repeated for each slice, autograd inside autograd: how published code does it."""
    m = v.shape[0]
    x = x.repeat(m, 1).requires_grad_(True)
    v = v.reshape(-1, v.shape[-1])
    s = -torch.autograd.grad(energy(weights, x).sum(), x, create_graph=True)[0]
    along = (s * v).sum(1)
    curvature = (torch.autograd.grad(along.sum(), x, create_graph=True)[0] * v).sum(1)
    return (curvature + 0.5 * along**2).mean()


def nested_esm(weights, x, v):
    """One inner autograd call for each column."""
    x = x.clone().requires_grad_(True)
    s = -torch.autograd.grad(energy(weights, x).sum(), x, create_graph=True)[0]
    trace = sum(torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1]))
    return (trace + 0.5 * (s**2).sum(1)).mean()


def silu_derivatives(z):
    g = torch.sigmoid(z)
    d = g * (1 - g)
    return z * g, g + z * d, d * (2 + z * (1 - 2 * g))


def collapsed_ssm(weights, x, v):
    """Value, first derivatives along the slices, second derivatives summed over them: one forward sweep."""
    m, rows = v.shape[0], x.shape[0]
    h0, h1, h2 = x, v, None
    for w, b in weights[:-1]:
        z0 = torch.addmm(b, h0, w.T)
        z1 = h1 @ w.T
        f0, f1, f2 = silu_derivatives(z0)
        curved = f2 * (z1**2).sum(0)
        h2 = curved if h2 is None else curved + f1 * (h2 @ w.T)
        h0, h1 = f0, f1 * z1
    w, _ = weights[-1]
    e1 = h1 @ w.T
    e2 = h2 @ w.T
    return (0.5 * (e1**2).sum() - e2.sum()) / (m * rows)


def collapsed_esm(weights, x, v):
    """The same with the unit vectors as slices: the first layer's derivatives are its columns."""
    w, b = weights[0]
    f0, f1, f2 = silu_derivatives(torch.addmm(b, x, w.T))
    h0, h1, h2 = f0, f1 * w.T[:, None, :], f2 * (w**2).sum(1)
    for w, b in weights[1:-1]:
        z0 = torch.addmm(b, h0, w.T)
        z1 = h1 @ w.T
        f0, f1, f2 = silu_derivatives(z0)
        h2 = f2 * (z1**2).sum(0) + f1 * (h2 @ w.T)
        h0, h1 = f0, f1 * z1
    w, _ = weights[-1]
    return (0.5 * ((h1 @ w.T) ** 2).sum() - (h2 @ w.T).sum()) / x.shape[0]


# ---- timing ----


class Peer:
    """One way to compute it, with the number of threads that does it best: small work on many threads waits for them."""

    def __init__(self, name, loss, leaves, arguments, threads, compiled=False):
        self.name, self.leaves, self.arguments, self.times = name, leaves, arguments, []
        self.loss = torch.compile(loss, dynamic=False) if compiled else loss
        tried = []
        for n in threads:
            torch.set_num_threads(n)
            self.value = self.once()
            for _ in range(WARM_UP):
                self.once()
            tried.append((self.median(PEER_SECONDS), n))
        self.threads = min(tried)[1]

    def once(self):
        loss = self.loss(*self.arguments)
        self.gradient = torch.autograd.grad(loss, self.leaves, allow_unused=True)
        return loss.item()

    def median(self, seconds):
        times, until = [], time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < until:
            began = time.perf_counter()
            self.once()
            times.append(time.perf_counter() - began)
        return 1e3 * statistics.median(times)

    def measure(self):
        torch.set_num_threads(self.threads)
        self.times.append(self.median(PEER_SECONDS))


def measure_ours(options, name):
    command = [options.program, "bench", name, "--json", "--no-build", "--quiet", "--seconds", str(options.seconds)]
    if options.device:
        command += ["--device", options.device]
    return json.loads(check_loss.call(command))


def agree(case, options, answer, gradient, peer):
    error = abs(peer.value - answer["loss"]) / max(abs(answer["loss"]), 1e-2)
    names = [f"layers.{k}.{part}" for k in range(len(case["hidden"]) + 1) for part in ("weight", "bias")]
    floor = 1e-3 * max(g.abs().max().item() for g in gradient.values())
    for leaf_name, got in zip(names, peer.gradient):
        want = gradient[leaf_name]
        got = torch.zeros_like(want) if got is None else got.double()
        error = max(error, (got - want).abs().max().item() / max(want.abs().max().item(), floor))
    return error


def workload(name, options, generator):
    case = {"kind": "energy", "objective": "ssm", "activation": "silu", "slices": "rademacher", **WORKLOADS[name]}
    flat, x, slices, _ = check_loss.draw(case, generator)
    with tempfile.TemporaryDirectory() as folder:
        answer, gradient = check_loss.ours(options, case, folder, flat, x, slices, None)
    leaves = [w.clone().requires_grad_(True) for w in flat.values()]
    weights = list(zip(leaves[0::2], leaves[1::2]))
    nested, collapsed = (nested_esm, collapsed_esm) if case["objective"] == "esm" else (nested_ssm, collapsed_ssm)
    arguments = (weights, x, slices)
    every = sorted({1, options.threads})
    peers = [Peer("nested autograd", nested, leaves, arguments, every)]
    peers.append(Peer("collapsed jets by hand", collapsed, leaves, arguments, every))
    if options.compile:
        try:  # compiled for one number of threads: the one that was best without
            best = [peers[-1].threads]
            peers.append(Peer("the same, torch.compile", collapsed, leaves, arguments, best, compiled=True))
        except Exception as problem:  # whatever its compiler stumbles over: said, not hidden
            print(f"note: {name}: torch.compile does not work here: {str(problem).splitlines()[0]}")
    worst = max(agree(case, options, answer, gradient, peer) for peer in peers)
    if not worst <= TOLERANCE:
        raise RuntimeError(f"{name}: losses or gradients differ by {worst:.1e}, allowed {TOLERANCE:.0e}")
    ours, ratios, report = [], [[] for _ in peers], None
    for _ in range(options.rounds):
        for peer in peers:
            peer.measure()
        report = measure_ours(options, name)
        ours.append(report["workloads"][0])
        mine = ours[-1]["loss_gradient_ms"]["median"]
        for ratio, peer in zip(ratios, peers):
            ratio.append(peer.times[-1] / mine)
    return {"name": name, "ours": ours, "peers": peers, "ratios": ratios, "report": report, "worst": worst}


# ---- the table ----


def middle(numbers):
    return f"{statistics.median(numbers):.3g} ({min(numbers):.3g} to {max(numbers):.3g})"


def table(results):
    names = ["nested autograd", "collapsed jets by hand", "the same, torch.compile"]
    lines = [
        "| workload | slicescore, ms | of peak | whole step, ms | " + " | ".join(f"{n}, ms | ratio" for n in names) + " |",
        "|---" * (4 + 2 * len(names)) + "|",
    ]
    for r in results:
        cells = [
            r["name"],
            middle([o["loss_gradient_ms"]["median"] for o in r["ours"]]),
            f"{100 * statistics.median(o['fraction_of_peak'] for o in r['ours']):.0f} %",
            middle([o["step_ms"]["median"] for o in r["ours"]]),
        ]
        for n in names:
            found = [(p, q) for p, q in zip(r["peers"], r["ratios"]) if p.name == n]
            cells += [middle(found[0][0].times), f"{statistics.median(found[0][1]):.2f}"] if found else ["-", "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown"


def write(options, results):
    last = results[-1]["report"]
    peaks = [o["peak_gflops"] for r in results for o in r["ours"]]
    lines = [
        "# Speed beside PyTorch",
        "",
        "Written by `make bench` (tests/peers/bench_torch.py): loss + gradient of one batch, the same weights, rows and slices",
        f"for all; losses and gradients agree to {max(r['worst'] for r in results):.0e}. Medians over {options.rounds} rounds, least and",
        "most in brackets; each round measures one after the other. A ratio is PyTorch's time by ours, above 1: ours is faster.",
        "",
        f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"- device: {last['device']}, driver {last['platform']} {last['driver']}; slicescore {last['version']}",
        f"- processor: {processor()}, {os.cpu_count()} cores; PyTorch {torch.__version__} with 1 or {options.threads} threads, whichever is faster",
        f"- peak of independent multiply-adds, measured meanwhile: {middle(peaks)} GFLOP/s",
        f"- load average at the end: {', '.join(f'{n:.1f}' for n in os.getloadavg())}",
    ]
    if options.remark:
        lines.append(f"- {options.remark}")
    text = "\n".join(lines) + "\n\n" + table(results)
    print(text)
    if options.output:
        with open(options.output + ".new", "w") as f:
            f.write(text)
        os.replace(options.output + ".new", options.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/release/slicescore")
    parser.add_argument("--device", help="as the program's --device")
    parser.add_argument("--only", action="append", choices=sorted(WORKLOADS), help="this workload, may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement of the program")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave torch.compile out")
    parser.add_argument("--output", help="write the table to this file, too")
    parser.add_argument("--remark", help="a line for it, as what else the machine was doing")
    options = parser.parse_args()
    options.threads = torch.get_num_threads()
    generator = torch.Generator().manual_seed(20)
    results, failed = [], 0
    for name in options.only or WORKLOADS:
        try:
            results.append(workload(name, options, generator))
            print(table(results[-1:]), flush=True)
        except (RuntimeError, OSError, ValueError, KeyError) as problem:
            print(f"FAILED: {name}: {problem}")
            failed += 1
    if results:
        write(options, results)
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
