"""PyTorch: losses and gradients the textbook way, one autograd call inside another; and the strongest way known to us: the
same jets that the program carries, written by hand, eager and under torch.compile.

A peer's file has FRAMEWORK, about(), METHODS (for a kind of net and an objective, losses by name), THREADS_OF (methods that take
their number of threads from another) and Peer. worker.py uses nothing else of it.
"""

import torch

FRAMEWORK = "PyTorch"


def about():
    return f"PyTorch {torch.__version__}"


# ---- losses: weights is a list of (W, b), x (B, D), v (M, B, D) or None ----


def network(weights, x):
    for w, b in weights[:-1]:
        x = torch.nn.functional.silu(torch.addmm(b, x, w.T))
    return torch.addmm(weights[-1][1], x, weights[-1][0].T)


def energy_score(weights, x):
    return -torch.autograd.grad(network(weights, x).sum(), x, create_graph=True)[0]


def nested_ssm(score):
    """Rows repeated for each slice, autograd inside autograd: how published code does it."""

    def loss(weights, x, v):
        x = x.repeat(v.shape[0], 1).requires_grad_(True)
        v = v.reshape(-1, v.shape[-1])
        along = (score(weights, x) * v).sum(1)
        curvature = (torch.autograd.grad(along.sum(), x, create_graph=True)[0] * v).sum(1)
        return (curvature + 0.5 * along**2).mean()

    return loss


def nested_esm(weights, x, v):
    """One inner autograd call for each column."""
    x = x.clone().requires_grad_(True)
    s = energy_score(weights, x)
    trace = sum(torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1]))
    return (trace + 0.5 * (s**2).sum(1)).mean()


def silu_derivatives(z):
    g = torch.sigmoid(z)
    d = g * (1 - g)
    return z * g, g + z * d, d * (2 + z * (1 - 2 * g))


def collapsed(weights, h0, h1, h2):
    """Value, first derivatives along the slices, second derivatives summed over them, through an energy: its e'' summed
    and its e'; h2 is None where it is still 0."""
    for w, b in weights[:-1]:
        f0, f1, f2 = silu_derivatives(torch.addmm(b, h0, w.T))
        z1 = h1 @ w.T
        curved = f2 * (z1**2).sum(0)
        h2 = curved if h2 is None else curved + f1 * (h2 @ w.T)
        h0, h1 = f0, f1 * z1
    w, _ = weights[-1]
    return (h2 @ w.T).sum(), h1 @ w.T


def collapsed_ssm(weights, x, v):
    e2, e1 = collapsed(weights, x, v, None)
    return (0.5 * (e1**2).sum() - e2) / (v.shape[0] * x.shape[0])


def collapsed_esm(weights, x, v):
    """The unit vectors as slices: the first layer's derivatives are its columns."""
    w, b = weights[0]
    f0, f1, f2 = silu_derivatives(torch.addmm(b, x, w.T))
    e2, e1 = collapsed(weights[1:], f0, f1 * w.T[:, None, :], f2 * (w**2).sum(1))
    return (0.5 * (e1**2).sum() - e2) / x.shape[0]


def tangents_score(weights, x, v):
    """A score net: v's and v'J v for all slices, in one forward sweep; v'W of the last layer first, which halves its work."""
    h0, h1 = x, v
    for w, b in weights[:-1]:
        z0 = torch.addmm(b, h0, w.T)
        g = torch.sigmoid(z0)
        h0, h1 = z0 * g, (g + z0 * g * (1 - g)) * (h1 @ w.T)
    w, b = weights[-1]
    p = v @ w
    return ((p * h1).sum(2) + 0.5 * ((p * h0).sum(2) + v @ b) ** 2).mean()


NESTED, BY_HAND, COMPILED = "nested autograd", "jets by hand", "jets by hand, torch.compile"
METHODS = {
    ("energy", "ssm"): {NESTED: nested_ssm(energy_score), BY_HAND: collapsed_ssm, COMPILED: collapsed_ssm},
    ("energy", "esm"): {NESTED: nested_esm, BY_HAND: collapsed_esm, COMPILED: collapsed_esm},
    ("score", "ssm"): {NESTED: nested_ssm(network), BY_HAND: tangents_score, COMPILED: tangents_score},
}

# Compiled code is made for one number of threads: the one that is best without.
THREADS_OF = {COMPILED: BY_HAND}


class Peer:
    """One method on given numbers. once() starts loss and gradients, wait() waits for what once() gave."""

    def __init__(self, method, loss, weights, x, v):
        self.loss = torch.compile(loss, dynamic=False) if method == COMPILED else loss
        self.leaves = [torch.from_numpy(w.copy()).requires_grad_(True) for w in weights]
        pairs = list(zip(self.leaves[0::2], self.leaves[1::2]))
        self.arguments = (pairs, torch.from_numpy(x), None if v is None else torch.from_numpy(v))

    # Small work on many threads waits for them: worker.py tries each of these and keeps the best.
    threads = sorted({1, torch.get_num_threads()})

    def use(self, threads):
        torch.set_num_threads(threads)

    def once(self):
        loss = self.loss(*self.arguments)
        return loss, torch.autograd.grad(loss, self.leaves, allow_unused=True)

    def wait(self, outcome):
        pass  # on a CPU all is done at once

    def values(self):
        """Loss, and gradients as arrays, None for what does not take part."""
        loss, gradients = self.once()
        return loss.item(), [None if g is None else g.numpy() for g in gradients]
