"""Records of bench.py as tables to be read."""

import statistics

import targets


def middle(numbers):
    return f"{statistics.median(numbers):.3g} ({min(numbers):.3g} to {max(numbers):.3g})"


def drivers_of(records):
    return list(dict.fromkeys(d for r in records.values() for d in r["reports"]))


def columns_of(records):
    return list(dict.fromkeys((p["framework"], p["method"]) for r in records.values() for p in r["peers"]))


def table(lines):
    return ["| " + " | ".join(lines[0]) + " |", "|---" * len(lines[0]) + "|"] + ["| " + " | ".join(l) + " |" for l in lines[1:]]


def speed(records):
    """One table: of each workload a line of the peers' times, then a line of ratios for each driver of ours."""
    columns = columns_of(records)
    lines = [["workload", "driver", "ours, ms", "of peak", "step, ms"] + [f"{f}: {m}" for f, m in columns]]
    for name in targets.PEERED:
        if name not in records:
            continue
        record = records[name]
        peers = {(p["framework"], p["method"]): p for p in record["peers"]}
        lines.append(
            [f"`{name}`", "their ms", "", "", ""] + [middle(peers[c]["ms"]) if c in peers else "-" for c in columns]
        )
        for driver in record["reports"]:
            found = targets.rows(record, driver, name)
            lines.append(
                [
                    "",
                    driver,
                    middle([targets.gradient_ms(r) for r in found]),
                    f"{100 * statistics.median(r['fraction_of_peak'] for r in found):.0f} %",
                    middle([r["step_ms"]["median"] for r in found]),
                ]
                + [f"**{targets.ratio(record, driver, peers[c]):.2f}x**" if c in peers else "-" for c in columns]
            )
    return table(lines)


def alone(records):
    lines = [["workload", "driver", "ours, ms", "GFLOP", "GFLOP/s", "of peak", "first step of a process: cold, s", "warm, s"]]

    def seconds(x):
        return "-" if x is None else f"{x:.2f}"

    for name in targets.ALONE:
        for driver, reports in records.get(name, {"reports": {}})["reports"].items():
            for row in reports[0]["workloads"]:
                found = targets.rows(records[name], driver, row["name"])
                lines.append(
                    [
                        f"`{row['name']}`",
                        driver,
                        middle([targets.gradient_ms(r) for r in found]),
                        f"{row['gflop']:.3g}",
                        middle([r["gflops"] for r in found]),
                        f"{100 * statistics.median(r['fraction_of_peak'] for r in found):.0f} %",
                        seconds(row["first_step_cold_s"]),
                        seconds(row["first_step_warm_s"]),
                    ]
                )
    return table(lines) if len(lines) > 1 else []


def products(records):
    lines = [["size", "transposes", "driver", "own", "clblast", "openblas", "own by openblas"]]
    for driver, reports in records.get("products", {"reports": {}})["reports"].items():
        rates = {}
        for p in reports[0]["matmul"]:
            rates.setdefault((p["size"], p["transpose"]), {})[p["backend"]] = p
        for (size, transpose), by in sorted(rates.items()):
            share = by.get("own", {}).get("by_openblas")
            share = f"{share:.2f}" if share else "-"
            cells = [f"{by[b]['gflops']['median']:.3g}" if b in by else "-" for b in ("own", "clblast", "openblas")]
            lines.append([str(size), transpose, driver, *cells, share])
    return table(lines) if len(lines) > 1 else []


def launches(records):
    """What any product takes at least, in words."""
    found = records.get("products", {"reports": {}})["reports"]
    times = [f"{d} {reports[0]['launch_us']:.3g} us" for d, reports in found.items() if reports[0].get("launch_us")]
    if not times:
        return []
    cores = {reports[0].get("openblas_core") for reports in found.values()} - {None}
    kernels = [f"OpenBLAS uses its kernels for {', '.join(sorted(cores))}."] if cores else []
    return ["", f"A product of one element, many in a row, is all launch: {', '.join(times)}. The last column is the median of rounds",
            "that measure both one after the other.", *kernels]


def verdict(records):
    """The table of targets, and how many are met."""
    drivers = drivers_of(records)
    every = {}
    for v in targets.verdicts(records, drivers):
        every.setdefault(v.what, {})[v.driver] = v
    lines, met, known = [["target", "wanted"] + drivers], 0, 0
    for what, by in every.items():
        wanted = list(dict.fromkeys(by[d].wanted for d in drivers if d in by))
        words = wanted[0] if len(wanted) == 1 else ", ".join(f"{d} {by[d].wanted}" for d in drivers if d in by)
        cells = []
        for d in drivers:
            v = by.get(d)
            word = "met" if v and v.met else "**missed**"
            cells.append("-" if v is None or v.figure is None else f"{v.figure}, {word}" + (f" ({v.note})" if v.note else ""))
            met += bool(v and v.met)
            known += bool(v and v.figure is not None)
        lines.append([what, words] + cells)
    return table(lines), met, known


def when(records):
    lines = [["measurement", "date", "rounds", "load average, before and after", "peak, GFLOP/s", "largest difference to a peer"]]
    for name, r in records.items():
        peaks = [f"{d} {middle([t['peak_gflops'] for t in reports])}" for d, reports in r["reports"].items()]
        worst = max((p["difference"] for p in r["peers"]), default=None)
        load = ", ".join(f"{n:.1f}" for n in (r["load"][0], r["load"][-1]))
        lines.append(
            [f"`{name}`", r["date"], str(r["rounds"]), load, "; ".join(peaks), "-" if worst is None else f"{worst:.0e}"]
        )
    return table(lines)


def devices(records):
    seen = {}
    for r in records.values():
        for driver, reports in r["reports"].items():
            for t in reports:
                seen.setdefault(f"- {driver}: {t['device']}, {t['platform']} {t['driver']}; slicescore {t['version']}")
    return list(seen)


def document(records, remarks):
    verdicts, met, known = verdict(records)
    peers = list(dict.fromkeys(p["about"] for r in records.values() for p in r["peers"]))
    machines = list(dict.fromkeys(r["machine"] for r in records.values()))
    return "\n".join(
        [
            "# Speed beside others",
            "",
            "Written by `make bench` (tests/peers/bench.py). Time is that of one loss and its gradient for all weights, on the same",
            "weights, rows and slices for all; losses and gradients that differ by more than 1e-4 stop it. Each round measures one after",
            "the other; figures are medians over the rounds, with the least and the most. A ratio, a median over the rounds too, is",
            "the peer's time by ours: above 1, ours is faster. The peak is a loop of independent multiply-adds on all cores,",
            "measured between the repetitions of ours.",
            "",
            *devices(records),
            *[f"- beside it: {about}" for about in peers],
            *[f"- processor: {machine}" for machine in machines],
            *[f"- {remark}" for remark in remarks],
            "",
            "## Targets",
            "",
            *verdicts,
            "",
            f"{met} of {known} figures meet their target.",
            "",
            "## Ratios",
            "",
            *speed(records),
            "",
            "## The program alone",
            "",
            *alone(records),
            "",
            "## Square matrix products, GFLOP/s",
            "",
            *products(records),
            *launches(records),
            "",
            "## When",
            "",
            *when(records),
            "",
        ]
    )
