"""What the scripts here share: random nets and rows, the files that carry them, and calls of the program."""

import json
import math
import os
import struct
import subprocess

import numpy

# The program computes in float32, as the peers do, or they in float64 from the same float32 numbers. A net of a few hundred
# units sums some thousand products with random signs: errors of a few times 6e-8 each grow to some 1e-6 of the result. 1e-4
# leaves room for cancellation between the trace and the norm, and is far below what any wrong term would give.
TOLERANCE = 1e-4


# ---- files ----


def write_safetensors(path, tensors):
    header, body, offset = {}, [], 0
    for name in sorted(tensors):
        data = numpy.ascontiguousarray(tensors[name], "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + len(data)]}
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
    out = {}
    for name, entry in header.items():
        begin, end = (8 + size + at for at in entry["data_offsets"])
        kind = {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]
        out[name] = numpy.frombuffer(data[begin:end], kind).reshape(entry["shape"])
    return out


def names_of(case):
    """Names of the weights, in the order of the layers."""
    return [f"layers.{k}.{part}" for k in range(len(case["hidden"]) + 1) for part in ("weight", "bias")]


# ---- a case: kind, objective, rows, dimension, hidden, count, activation, slices, sigma ----


def draw(case, generator):
    """Weights by name, rows (B, D), slices (M, B, D) and noise (B, D), None where the objective has none; float32."""

    def normal(*shape):
        return generator.standard_normal(shape, numpy.float32)

    d, widths = case["dimension"], case["hidden"]
    sizes = [d] + widths + [d if case["kind"] == "score" else 1]
    weights = {}
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weights[f"layers.{k}.weight"] = normal(outputs, inputs) / numpy.float32(math.sqrt(inputs))
        weights[f"layers.{k}.bias"] = numpy.float32(0.1) * normal(outputs)
    x = normal(case["rows"], d)
    slices = noise = None
    if case["objective"] in ("ssm", "ssm_vr"):
        slices = normal(case["count"], case["rows"], d)
        if case["slices"] == "rademacher":
            slices = numpy.where(slices < 0, numpy.float32(-1), numpy.float32(1))
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


def write_case(case, folder, weights, x, slices, noise):
    """Into the folder: experiment.yaml, weights.safetensors, x.npy, and v.npy and z.npy where there are such."""
    with open(os.path.join(folder, "experiment.yaml"), "w") as f:
        f.write(experiment(case))
    write_safetensors(os.path.join(folder, "weights.safetensors"), weights)
    for name, values in (("x", x), ("v", slices), ("z", noise)):
        if values is not None:
            numpy.save(os.path.join(folder, name + ".npy"), values)


# ---- the program ----


class Program:
    def __init__(self, path, device=None, icd=None):
        """icd: the OpenCL loader's OCL_ICD_VENDORS, None: as it is."""
        self.path, self.device = path, ["--device", device] if device else []
        self.environment = {**os.environ, "OCL_ICD_VENDORS": icd} if icd else None

    def call(self, *words):
        command = [self.path, *words, *self.device]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.strip()}")
        return done.stdout

    def loss(self, folder, scratch):
        """What `loss --json` says of the case in the folder, and the gradients by name; scratch: an empty folder."""

        def at(name):
            return os.path.join(folder, name)

        run, gradient = os.path.join(scratch, "run"), os.path.join(scratch, "gradient.safetensors")
        self.call("import", at("weights.safetensors"), at("experiment.yaml"), "-o", run)
        words = ["loss", run, "--data", at("x.npy"), "--gradient", gradient, "--json"]
        for option, name in (("--slices", "v.npy"), ("--noise", "z.npy")):
            if os.path.exists(at(name)):
                words += [option, at(name)]
        return json.loads(self.call(*words)), read_safetensors(gradient)


def difference(got_loss, got, want_loss, want):
    """The worst relative difference of a loss and of gradients by name, and where: "loss" or the name."""
    # The loss is a difference of two terms: its error is measured against their size, not against what is left.
    errors = [(abs(got_loss - want_loss) / max(abs(want_loss), 1e-2), "loss")]
    # A tensor that contributes nothing (an energy's last bias) has only rounding of the others to show.
    floor = 1e-3 * max(numpy.abs(g).max() for g in want.values())
    for name, w in want.items():
        if got[name].shape != w.shape:
            raise RuntimeError(f"gradient of {name} has shape {got[name].shape}, wanted {w.shape}")
        errors.append((float(numpy.abs(got[name].astype(float) - w).max() / max(numpy.abs(w).max(), floor)), name))
    return max(errors, key=lambda it: (math.isnan(it[0]), it[0]))  # not a number is the worst of all
