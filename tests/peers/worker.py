#!/usr/bin/env python3
"""One framework in a process of its own, so that its threads disturb nobody while others are timed.

Started by bench.py as `worker.py peer_torch`; one JSON object a line, in and out:

    {"do": "load", "case": {...}, "folder": F}            -> {"methods": [...]}; reads weights, x and v from F
    {"do": "make", "method": M, "gradient": FILE}         -> {"loss", "threads", "prepare_s"}; writes its gradients
    {"do": "measure", "method": M, "seconds": S}          -> {"ms"}: the median of at least three
"""

import importlib
import json
import math
import os
import statistics
import sys
import time

LEAST, WARM_UP, TRY_SECONDS = 3, 2, 0.2
REPETITION_SECONDS = 0.02  # calls are timed together up to this long, as the program times its own


def together(peer, n):
    """Seconds of each of n calls, the last of which is waited for."""
    began = time.perf_counter()
    for _ in range(n):
        outcome = peer.once()
    peer.wait(outcome)
    return (time.perf_counter() - began) / n


def median_ms(peer, seconds):
    n = max(1, int(REPETITION_SECONDS / together(peer, 1)))
    times, until = [], time.perf_counter() + seconds
    while len(times) < LEAST or time.perf_counter() < until:
        times.append(together(peer, n))
    return 1e3 * statistics.median(times)


def fastest(peer, choices):
    """The number of threads that does it best, each tried twice in turn: something else may hold up one try."""
    times = dict.fromkeys(choices, math.inf)
    for _ in range(2):
        for threads in choices:
            peer.use(threads)
            together(peer, WARM_UP)
            if len(choices) > 1:
                times[threads] = min(times[threads], median_ms(peer, TRY_SECONDS))
    return min(choices, key=times.get)


class Worker:
    def __init__(self, module):
        self.module, self.peers, self.best = module, {}, {}

    def load(self, case, folder):
        read = common.read_safetensors(os.path.join(folder, "weights.safetensors"))
        slices = os.path.join(folder, "v.npy")
        self.names = common.names_of(case)
        self.arguments = (
            [read[name] for name in self.names],
            numpy.load(os.path.join(folder, "x.npy")),
            numpy.load(slices) if os.path.exists(slices) else None,
        )
        self.methods = self.module.METHODS.get((case["kind"], case["objective"]), {})
        self.peers.clear()
        self.best.clear()
        return {"methods": list(self.methods)}

    def make(self, method, gradient):
        began = time.perf_counter()
        peer = self.module.Peer(method, self.methods[method], *self.arguments)
        like = self.module.THREADS_OF.get(method)
        choices = [self.best[like]] if like in self.best else peer.threads
        self.peers[method], self.best[method] = peer, fastest(peer, choices)
        peer.use(self.best[method])
        loss, gradients = peer.values()
        zeros = [numpy.zeros_like(w) for w in self.arguments[0]]
        got = [z if g is None else numpy.asarray(g) for g, z in zip(gradients, zeros)]
        common.write_safetensors(gradient, dict(zip(self.names, got)))
        return {"loss": loss, "threads": self.best[method], "prepare_s": time.perf_counter() - began}

    def measure(self, method, seconds):
        self.peers[method].use(self.best[method])
        return {"ms": median_ms(self.peers[method], seconds)}


def main():
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(it):
        print(json.dumps(it), file=answers, flush=True)

    try:
        global common, numpy
        import numpy

        import common

        module = importlib.import_module(sys.argv[1])
    except ImportError as problem:
        answer({"skip": str(problem)})
        return
    worker = Worker(module)
    answer({"framework": module.FRAMEWORK, "about": module.about()})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(getattr(worker, request.pop("do"))(**request))
        except Exception as problem:  # whatever a framework stumbles over is told, and the next is tried
            answer({"error": f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}"})


if __name__ == "__main__":
    main()
