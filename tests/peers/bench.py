#!/usr/bin/env python3
"""Time loss + gradient of the program beside that of other frameworks, and say which targets are met.

All get the same weights, rows and slices; their losses and gradients must agree with the program's to 1e-4. Each framework
lives in a process of its own. A round measures one after the other, so that whatever else the machine does slows all.
What is measured is kept, a file each, and all that is kept makes the tables: a part can be measured again by itself.

    python3 tests/peers/bench.py --program build/release/slicescore [--icd FILE ...] [--only NAME ...] [--seconds S]
                                 [--keep DIR] [--output FILE] [--remark TEXT]

Exit 0: measured, whatever the figures; 1: values disagree or something failed; 77: numpy is missing.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import numpy

    import common
    import results
except ModuleNotFoundError as missing:
    if missing.name != "numpy":
        raise
    numpy = None
import targets

FRAMEWORKS = ["peer_torch", "peer_jax"]
HERE = os.path.dirname(os.path.abspath(__file__))
LEAST_ROUNDS, MOST_ROUNDS = 3, 9
PEER_SECONDS, OUR_SECONDS = 0.4, 0.8  # of one measurement; ours measures the peak and whole steps besides


class Framework:
    """A worker process (worker.py)."""

    def __init__(self, module):
        command = [sys.executable, os.path.join(HERE, "worker.py"), module]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        hello = self.read()
        self.missing = hello.get("skip")
        self.name, self.about = hello.get("framework", module), hello.get("about")

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"worker of {getattr(self, 'name', 'a framework')} ended, exit {self.process.wait()}")
        return json.loads(line)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Peer:
    def __init__(self, framework, method):
        self.framework, self.method, self.ms = framework, method, []

    def make(self, scratch, answer, gradient):
        """False: it cannot, and why is told. Values that disagree are an error."""
        path = os.path.join(scratch, "peer.safetensors")
        said = self.framework.ask(do="make", method=self.method, gradient=path)
        if "error" in said:
            print(f"skip: {self.framework.name}, {self.method}: {said['error']}", flush=True)
            return False
        self.threads, self.prepare_s = said["threads"], said["prepare_s"]
        got = common.read_safetensors(path)
        self.difference, where = common.difference(said["loss"], got, answer["loss"], gradient)
        if not self.difference <= common.TOLERANCE:
            raise RuntimeError(
                f"{self.framework.name}, {self.method}: {where} differs by {self.difference:.1e}, "
                f"allowed {common.TOLERANCE:.0e}"
            )
        return True

    def measure(self, seconds):
        said = self.framework.ask(do="measure", method=self.method, seconds=seconds)
        if "error" in said:
            raise RuntimeError(f"{self.framework.name}, {self.method}: {said['error']}")
        self.ms.append(said["ms"])

    def record(self):
        return {
            "framework": self.framework.name,
            "about": self.framework.about,
            "method": self.method,
            "threads": self.threads,
            "prepare_s": round(self.prepare_s, 2),
            "difference": self.difference,
            "ms": self.ms,
        }


# ---- ours ----


def bench(program, words, seconds, builds=False):
    extra = [] if builds else ["--no-build"]
    return json.loads(program.call("bench", *words, "--json", "--quiet", "--seconds", str(seconds), *extra))


def reason_of(problem):
    """What the program said first, behind the command that failed."""
    said = str(problem).splitlines()
    return said[1] if len(said) > 1 else said[0]


def programs_of(options):
    """The program on each driver, by the driver's short name; what has no device is skipped in a word."""
    known = {"Portable Computing Language": "PoCL", "Intel(R) OpenCL": "Intel"}
    found = {}
    for icd in options.icd or [None]:
        program = common.Program(options.program, options.device, icd)
        try:
            platform = bench(program, ["toy"], 0.1)["platform"]
        except RuntimeError as problem:
            if not options.icd:
                raise
            print(f"skip: {icd}: {reason_of(problem)}", flush=True)
            continue
        found.setdefault(known.get(platform, platform), program)
    if not found:
        raise SystemExit("bench.py: none of these drivers has a device")
    return found


def case_of(program, name):
    """The shape of a workload, as the program itself says."""
    row = bench(program, [name], 0.1)["workloads"][0]
    return {
        "kind": row["model"],
        "objective": row["objective"],
        "rows": row["batch"],
        "dimension": row["dimension"],
        "hidden": row["hidden"],
        "count": row["slices"] or 1,  # None: the objective has none
        "activation": "silu",
        "slices": "rademacher",
    }


# ---- one measurement ----


def make_peers(case, programs, frameworks, scratch):
    """Peers that agree with the program on each of its drivers."""
    folder = os.path.join(scratch, "case")
    os.mkdir(folder)
    common.write_case(case, folder, *common.draw(case, numpy.random.default_rng(20)))
    first = None
    for driver, program in programs.items():
        there = os.path.join(scratch, driver.replace("/", "-"))
        os.mkdir(there)
        answer, gradient = program.loss(folder, there)
        first = first or (answer, gradient)
        error, where = common.difference(answer["loss"], gradient, first[0]["loss"], first[1])
        if not error <= common.TOLERANCE:
            raise RuntimeError(f"the program on {driver}: {where} differs by {error:.1e} from another driver's")
    peers = []
    for framework in frameworks:
        for method in framework.ask(do="load", case=case, folder=folder)["methods"]:
            peer = Peer(framework, method)
            if peer.make(scratch, *first):
                peers.append(peer)
    return peers


def beside_others(name, options, programs, frameworks):
    with tempfile.TemporaryDirectory() as scratch:
        case = case_of(next(iter(programs.values())), name)
        peers = make_peers(case, programs, frameworks, scratch)
    reports, load = {driver: [] for driver in programs}, [os.getloadavg()[0]]
    until, rounds = time.monotonic() + options.seconds, 0
    while rounds < MOST_ROUNDS and (rounds < LEAST_ROUNDS or time.monotonic() < until):
        for peer in peers:
            peer.measure(PEER_SECONDS)
        for driver, program in programs.items():
            reports[driver].append(bench(program, [name], OUR_SECONDS))
        rounds += 1
    load.append(os.getloadavg()[0])
    return {"rounds": rounds, "load": load, "reports": reports, "peers": [peer.record() for peer in peers]}


def alone(name, options, programs):
    it = targets.ALONE[name]
    reports, load = {driver: [] for driver in programs}, [os.getloadavg()[0]]
    for _ in range(it["rounds"]):
        for driver, program in programs.items():
            reports[driver].append(bench(program, it["words"], it["seconds"], it.get("builds", False)))
    load.append(os.getloadavg()[0])
    return {"rounds": it["rounds"], "load": load, "reports": reports, "peers": []}


def machine():
    name = "unknown"
    try:
        with open("/proc/cpuinfo") as f:
            name = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores"


# ---- what is kept ----


def keep(options, name, record):
    path = os.path.join(options.keep, name + ".json")
    record = {"name": name, "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC", **record}
    record["machine"] = machine()
    with open(path + ".new", "w") as f:
        json.dump(record, f)
    os.replace(path + ".new", path)


def kept(options):
    """Records by name, in the order of the tables."""
    records = {}
    for name in [*targets.PEERED, *targets.ALONE]:
        path = os.path.join(options.keep, name + ".json")
        if os.path.exists(path):
            with open(path) as f:
                records[name] = json.load(f)
    return records


def start_frameworks(options):
    if not any(name in targets.PEERED for name in options.only):
        return []
    frameworks = []
    for module in FRAMEWORKS:
        framework = Framework(module)
        if framework.missing:
            print(f"skip: {module}: {framework.missing}", flush=True)
            framework.close()
        else:
            frameworks.append(framework)
    return frameworks


def measure(options):
    programs, frameworks, failed = programs_of(options), start_frameworks(options), 0
    try:
        for name in options.only:
            began = time.monotonic()
            try:
                if name in targets.PEERED:
                    record = beside_others(name, options, programs, frameworks)
                else:
                    record = alone(name, options, programs)
            except (RuntimeError, OSError, ValueError, KeyError) as problem:
                print(f"FAILED: {name}: {problem}", flush=True)
                failed += 1
                continue
            keep(options, name, record)
            print(f"{name}: {record['rounds']} rounds, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        for framework in frameworks:
            framework.close()
    return failed


def main():
    every = [*targets.PEERED, *targets.ALONE]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/release/slicescore")
    parser.add_argument("--device", help="as the program's --device")
    parser.add_argument("--icd", action="append", help="a driver's OCL_ICD_VENDORS; may be repeated: each is measured")
    parser.add_argument("--only", action="append", choices=every, help="this measurement; may be repeated")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the tables of what is kept")
    parser.add_argument("--seconds", type=float, default=30, help="of rounds, for each workload (default 30)")
    parser.add_argument("--keep", default="build/bench/peers", help="folder of what was measured")
    parser.add_argument("--output", help="write the tables to this file")
    parser.add_argument("--remark", action="append", default=[], help="a line for it, as what else the machine was doing")
    options = parser.parse_args()
    if not numpy:
        print("skip: numpy is not installed: nothing is measured beside the program")
        return 77
    options.only = [] if options.render else options.only or every
    folder = os.path.dirname(os.path.abspath(options.output)) if options.output else "."
    if not os.access(folder, os.W_OK):  # not after minutes of measuring
        parser.error(f"--output: {folder} is no folder that can be written to")
    os.makedirs(options.keep, exist_ok=True)
    failed = measure(options) if options.only else 0
    records = kept(options)
    if records:
        lines, met, known = results.verdict(records)
        print("\n".join([*results.speed(records), "", *lines, "", f"{met} of {known} figures meet their target."]))
    if records and options.output:
        with open(options.output + ".new", "w") as f:
            f.write(results.document(records, options.remark))
        os.replace(options.output + ".new", options.output)
    return 1 if failed or not records else 0


if __name__ == "__main__":
    sys.exit(main())
