"""What is measured, what it should come to, and whether it did: the one place for both.

A record is what bench.py keeps of one measurement: {"name", "rounds", "reports": {driver: [what `slicescore bench --json` said,
a round each]}, "peers": [{"framework", "method", "ms": [a round each], ...}]}. Driver: "PoCL", "Intel", or the platform's name.
"""

import statistics

# Names that `slicescore bench` knows; its answer says the shape, so that no table here can differ from it.
PEERED = ["large", "large-m1", "small", "toy", "wide", "nice", "score", "esm-10", "esm-50"]

# Measured of the program alone: words for `slicescore bench`, seconds and most rounds.
ALONE = {
    "slices": {"words": ["scale-M-1", "scale-M-16"], "seconds": 1.5, "rounds": 5},
    "dimensions": {"words": ["ssm-D"], "seconds": 3, "rounds": 3},
    "starts": {"words": ["large", "wide"], "seconds": 30, "rounds": 1, "builds": True},
    "products": {"words": ["matmul"], "seconds": 60, "rounds": 1},
}

NESTED = ("nested autograd",)
COMPILED = ("jets by hand, torch.compile",)

OF_PEAK = {  # of the peak of independent multiply-adds, measured between the repetitions
    "large": {"Intel": 0.75, "PoCL": 0.65},
    "large-m1": {"Intel": 0.70, "PoCL": 0.60},
    "toy": {"Intel": 0.40, "PoCL": 0.30},
    "wide": {"Intel": 0.75, "PoCL": 0.65},
}
FASTER = [  # workload, framework (None: any), methods of which the fastest counts, times; or times by driver
    ("large", "PyTorch", NESTED, 9),
    ("large-m1", "PyTorch", NESTED, 4.5),
    ("toy", "PyTorch", NESTED, 10),
    ("wide", "PyTorch", NESTED, 3),
    ("large", "PyTorch", COMPILED, 1.5),
    ("large-m1", "PyTorch", COMPILED, 1.5),
    ("toy", "PyTorch", COMPILED, 6),
    ("wide", "PyTorch", COMPILED, {"Intel": 1.0, "PoCL": 0.9}),
    ("large", "JAX", ("nested autograd", "jet"), 8),
    ("esm-50", "JAX", ("folx, forward Laplacian",), 5),
    ("esm-50", "PyTorch", NESTED, 15),
    ("esm-50", "JAX", ("nested autograd", "forward over reverse"), 15),
]
SLICES_MOST = 1.05  # time per counted multiply-add, M = 16 by M = 1
DIMENSIONS_MOST = 1.10  # time per counted multiply-add, any D by D = 2: what the first layer adds is counted, all else is flat
STEP_MOST, STEP_MS = 1.1, 0.020  # whole step by loss + gradient, and what may come on top
START_SECONDS, MEMORY_MIB = 0.5, 64
PRODUCTS_LEAST = {"Intel": 0.9, "PoCL": 0.8}  # own product's rate by OpenBLAS's, the worst size and transpose


def rows(record, driver, name):
    """The rows of a workload, one a round."""
    return [row for report in record["reports"].get(driver, []) for row in report["workloads"] if row["name"] == name]


def gradient_ms(row):
    return row["loss_gradient_ms"]["median"]


def ratio(record, driver, peer):
    """Median over the rounds of the peer's time by ours in the same round; None: not measured."""
    ours = rows(record, driver, record["name"])
    pairs = [theirs / gradient_ms(mine) for theirs, mine in zip(peer["ms"], ours)]
    return statistics.median(pairs) if pairs else None


class Verdict:
    """figure: what was measured in words, None: not measured here; met: whether that is good enough; note: why not, or ''."""

    def __init__(self, what, wanted, driver):
        self.what, self.wanted, self.driver = what, wanted, driver
        self.figure, self.met, self.note = None, None, ""


def of_peak(records, driver):
    for name, wanted in OF_PEAK.items():
        if driver in wanted:
            v = Verdict(f"`{name}`, of peak", f"{100 * wanted[driver]:.0f} %", driver)
            found = rows(records[name], driver, name) if name in records else []
            if found:
                share = statistics.median(row["fraction_of_peak"] for row in found)
                v.figure, v.met = f"{100 * share:.0f} %", share >= wanted[driver]
            yield v


def faster(records, driver):
    for name, framework, methods, times in FASTER:
        wanted = times[driver] if isinstance(times, dict) and driver in times else times
        if isinstance(wanted, dict):
            continue
        best = "best of " if len(methods) > 1 else ""
        v = Verdict(f"`{name}`, against {framework}, {best}{' and '.join(methods)}", f"{wanted:g}x", driver)
        peers = [p for p in records.get(name, {"peers": []})["peers"] if p["framework"] == framework]
        found = [r for p in peers if p["method"] in methods and (r := ratio(records[name], driver, p))]
        if found:
            v.figure, v.met = f"{min(found):.2f}x", min(found) >= wanted
        if v.met is False:  # faster than the peak is out of anyone's reach
            share = statistics.median(row["fraction_of_peak"] for row in rows(records[name], driver, name))
            v.note = f"from {100 * share:.0f} % of peak; would take {100 * share * wanted / min(found):.0f} %"
        yield v


def per_multiply_add(record, driver, name, base):
    """Median over the rounds of the time per counted multiply-add of `name`, by that of `base`."""
    pairs = zip(rows(record, driver, name), rows(record, driver, base))
    return statistics.median(gradient_ms(a) / a["gflop"] / (gradient_ms(b) / b["gflop"]) for a, b in pairs)


def scaling(records, driver):
    v = Verdict("time per multiply-add, M=16 by M=1", f"at most {SLICES_MOST}", driver)
    record = records.get("slices")
    if record and rows(record, driver, "scale-M-16"):
        share = per_multiply_add(record, driver, "scale-M-16", "scale-M-1")
        v.figure, v.met = f"{share:.2f}", share <= SLICES_MOST
    yield v
    v = Verdict("SSM flat in D but for the first layer: time per multiply-add, worst D by D=2", f"at most {DIMENSIONS_MOST:.2f}", driver)
    record = records.get("dimensions")
    if record and rows(record, driver, "ssm-2"):
        names = sorted({row["name"] for row in record["reports"][driver][0]["workloads"]} - {"ssm-2"})
        share, name = max((per_multiply_add(record, driver, name, "ssm-2"), name) for name in names)
        v.figure, v.met = f"{share:.2f} (`{name}`)", share <= DIMENSIONS_MOST
    yield v


def step(records, driver):
    v = Verdict(f"whole step less {1e3 * STEP_MS:.0f} us, by loss + gradient, worst workload", f"at most {STEP_MOST}", driver)
    shares = []
    for name in PEERED:
        found = rows(records[name], driver, name) if name in records else []
        if found:
            shares.append((statistics.median((r["step_ms"]["median"] - STEP_MS) / gradient_ms(r) for r in found), name))
    if shares:
        share, name = max(shares)
        v.figure, v.met = f"{share:.2f} (`{name}`)", share <= STEP_MOST
    yield v


def starts(records, driver):
    for name in ALONE["starts"]["words"]:
        v = Verdict(f"`{name}`, warm start of a process to its first step", f"under {START_SECONDS} s", driver)
        found = rows(records["starts"], driver, name) if "starts" in records else []
        if found and found[-1]["first_step_warm_s"] is not None:
            seconds = found[-1]["first_step_warm_s"]
            v.figure, v.met = f"{seconds:.2f} s", seconds < START_SECONDS
        yield v
    v = Verdict("`large`, memory above the runtime's own", f"under {MEMORY_MIB} MiB", driver)
    found = rows(records["starts"], driver, "large") if "starts" in records else []
    if found and found[-1]["resident_mib"] is not None:
        memory = max(found[-1]["resident_mib"], found[-1]["memory_mib"])  # a GPU's is its own
        v.figure, v.met = f"{memory:.1f} MiB", memory < MEMORY_MIB
    yield v


def products(records, driver):
    if driver not in PRODUCTS_LEAST:
        return
    v = Verdict("own matrix product by OpenBLAS's, worst of sizes and transposes", f"{PRODUCTS_LEAST[driver]}", driver)
    found = records.get("products", {"reports": {}})["reports"].get(driver, [])
    pairs = [(p["by_openblas"], p, report) for report in found for p in report["matmul"] if p.get("by_openblas")]
    if pairs:
        share, worst, report = min(pairs, key=lambda pair: pair[0])
        v.figure, v.met = f"{share:.2f} ({worst['size']} {worst['transpose']})", share >= PRODUCTS_LEAST[driver]
        us = 2e-3 * worst["size"] ** 3 / worst["gflops"]["median"]
        if not v.met and report["launch_us"] > 0.1 * us:
            v.note = f"of its {us:.3g} us a launch is {report['launch_us']:.3g}"
    yield v


def verdicts(records, drivers):
    """All of them, for each driver; records by name."""
    for part in (of_peak, faster, scaling, step, starts, products):
        for driver in drivers:
            yield from part(records, driver)
