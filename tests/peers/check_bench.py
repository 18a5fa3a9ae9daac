#!/usr/bin/env python3
"""Test bench.py itself: that its peers agree with the program at small shapes, that one which does not is refused, and that
verdicts say what the figures say.

    python3 tests/peers/check_bench.py --program build/release/slicescore [--device NAME]

Exit 0: all is well; 1: it is not; 77: numpy is missing.
"""

import argparse
import sys
import tempfile

import bench
import common
import numpy
import targets

SLOW = "torch.compile"  # half a minute of compiling; its loss is the eager one's

CASES = [
    {"kind": "energy", "objective": "ssm", "rows": 6, "dimension": 3, "hidden": [5, 4], "count": 2},
    {"kind": "energy", "objective": "esm", "rows": 5, "dimension": 4, "hidden": [6, 3], "count": 1},
    {"kind": "score", "objective": "ssm", "rows": 4, "dimension": 3, "hidden": [7], "count": 3},
]


def refused(got_loss, got, want_loss, want):
    error, where = common.difference(got_loss, got, want_loss, want)
    return where if not error <= common.TOLERANCE else None


def differences_are_seen():
    want = {"layers.0.weight": numpy.array([[1.0, -2.0]]), "layers.0.bias": numpy.zeros(1)}
    near = {**want, "layers.0.weight": numpy.array([[1.0, -2.0001]])}
    far = {**want, "layers.0.weight": numpy.array([[1.0, -2.001]])}
    lost = {**want, "layers.0.bias": numpy.array([numpy.nan])}
    assert refused(3.0, want, 3.0, want) is None
    assert refused(3.0, near, 3.0, want) is None
    assert refused(3.0, far, 3.0, want) == "layers.0.weight"
    assert refused(3.0, lost, 3.0, want) == "layers.0.bias"
    assert refused(3.001, want, 3.0, want) == "loss"
    assert refused(float("nan"), want, 3.0, want) == "loss"
    try:
        refused(3.0, {**want, "layers.0.bias": numpy.zeros(2)}, 3.0, want)
        raise AssertionError("another shape was taken")
    except RuntimeError:
        pass


def row(name, ms, step_ms, fraction=0.7, gflop=1.0):
    return {
        "name": name,
        "loss_gradient_ms": {"median": ms},
        "step_ms": {"median": step_ms},
        "fraction_of_peak": fraction,
        "gflop": gflop,
        "memory_mib": 5.0,
    }


def product(size, backend, gflops, by_openblas):
    return {"size": size, "transpose": "nn", "backend": backend, "gflops": {"median": gflops}, "by_openblas": by_openblas}


def record(name, rounds, peers=()):
    """rounds: rows of each round, the same for both drivers."""
    reports = [{"workloads": rows} for rows in rounds]
    return {"name": name, "reports": {"PoCL": reports, "Intel": reports}, "peers": list(peers)}


def verdicts_follow_the_figures():
    # The slow third round slows both: the ratios are 10, 8 and 9, though the medians' own ratio is 8.
    ours = [[row("large", 5, 5.6)], [row("large", 10, 11.1)], [row("large", 20, 21)]]
    nested = {"framework": "PyTorch", "method": "nested autograd", "ms": [50, 80, 180]}
    jet = {"framework": "JAX", "method": "jet", "ms": [20, 40, 90]}
    slices = [[row("scale-M-1", 2, 2, gflop=1), row("scale-M-16", 12.8, 13, gflop=6)]]
    records = {"large": record("large", ours, [nested, jet]), "slices": record("slices", slices)}
    start = {"first_step_warm_s": 0.2, "resident_mib": 25.0}
    records["starts"] = record("starts", [[row("large", 5, 5.6) | start, row("wide", 50, 53) | start]])
    matmul = [product(64, "own", 50, 0.5), product(64, "openblas", 100, None), product(4096, "own", 190, 0.95)]
    records["products"] = record("products", [[]])
    records["products"]["reports"] = {"PoCL": [{"matmul": matmul, "launch_us": 4.0}], "Intel": [{"matmul": matmul[2:], "launch_us": 4.0}]}
    by = {(v.what, v.driver): v for v in targets.verdicts(records, ["PoCL", "Intel"])}

    def says(what, driver, figure, met):
        v = by[what, driver]
        assert (v.figure, v.met) == (figure, met), (what, driver, v.figure, v.met)

    says("`large`, of peak", "PoCL", "70 %", True)
    says("`large`, of peak", "Intel", "70 %", False)
    says("`large`, against PyTorch, nested autograd", "PoCL", "9.00x", True)
    says("`large`, against PyTorch, jets by hand, torch.compile", "PoCL", None, None)
    says("`large`, against JAX, best of nested autograd and jet", "PoCL", "4.00x", False)
    assert by["`large`, against JAX, best of nested autograd and jet", "PoCL"].note == "from 70 % of peak; would take 140 %"
    says("`wide`, of peak", "PoCL", None, None)
    says("time per multiply-add, M=16 by M=1", "PoCL", "1.07", False)
    says("whole step less 20 us, by loss + gradient, worst workload", "Intel", "1.11 (`large`)", False)
    says("`large`, memory above the runtime's own", "Intel", "25.0 MiB", True)
    products = "own matrix product by OpenBLAS's, worst of sizes and transposes"
    says(products, "PoCL", "0.50 (64 nn)", False)
    assert by[products, "PoCL"].note == "of its 10.5 us a launch is 4"
    says(products, "Intel", "0.95 (4096 nn)", True)


def agreements(program):
    """(sentence, function) for each method of each framework that is installed."""
    for module in bench.FRAMEWORKS:
        framework = bench.Framework(module)
        if framework.missing:
            yield f"{module}: {framework.missing}", None
            continue
        try:
            for case in CASES:
                yield from agreements_on({**case, "activation": "silu", "slices": "rademacher"}, program, framework)
        finally:
            framework.close()


def agreements_on(case, program, framework):
    with tempfile.TemporaryDirectory() as folder:
        common.write_case(case, folder, *common.draw(case, numpy.random.default_rng(20)))
        answer = program.loss(folder, folder)
        for method in framework.ask(do="load", case=case, folder=folder)["methods"]:
            if SLOW in method:
                continue

            def agrees(peer=bench.Peer(framework, method)):
                assert peer.make(folder, *answer), "it cannot be made"

            yield f"{framework.name}, {method}, gives the program's {case['objective']} of the {case['kind']} net", agrees


def every(program):
    yield "values that differ are seen", differences_are_seen
    yield "verdicts follow the figures", verdicts_follow_the_figures
    yield from agreements(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/release/slicescore")
    parser.add_argument("--device", help="as the program's --device")
    options = parser.parse_args()
    passed = failed = skipped = 0
    for sentence, test in every(common.Program(options.program, options.device)):
        if test is None:
            print(f"skip: {sentence}")
            skipped += 1
            continue
        try:
            test()
            passed += 1
            print(f"ok: {sentence}")
        except (AssertionError, RuntimeError) as problem:
            failed += 1
            print(f"FAILED: {sentence}: {problem}")
    print(f"cli: {passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
