"""JAX under jit: reverse over reverse, forward over reverse, jax.experimental.jet, the program's own jets written by hand,
and for exact score matching folx's forward Laplacian. The interface is peer_torch.py's.
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from jax.experimental.jet import jet  # noqa: E402

try:
    import folx
except ImportError:
    folx = None
    print("skip: folx is not installed: no forward Laplacian", flush=True)

FRAMEWORK = "JAX"


def about():
    if folx is None:
        return f"JAX {jax.__version__}"
    from importlib.metadata import version

    return f"JAX {jax.__version__}, folx {version('folx')}"


# ---- losses: weights is a list of (W, b), x (B, D), v (M, B, D) or None ----


def network(weights, x):
    for w, b in weights[:-1]:
        x = jax.nn.silu(x @ w.T + b)
    return x @ weights[-1][0].T + weights[-1][1]


def energy_score(weights):
    return lambda x: -jax.grad(lambda y: network(weights, y).sum())(x)


def net_score(weights):
    return lambda x: network(weights, x)


def reverse(score, x, v):
    """s and v'(Ds) v of each row, for one slice: the gradient of v's, dotted with v."""
    s, back = jax.vjp(score, x)
    return s, (back(v)[0] * v).sum(1)


def forward(score, x, v):
    """The same by Ds v."""
    s, js = jax.jvp(score, (x,), (v,))
    return s, (js * v).sum(1)


def ssm(score_of, curvature):
    def loss(weights, x, v):
        def slice_loss(v):
            s, curved = curvature(score_of(weights), x, v)
            return (curved + 0.5 * (s * v).sum(1) ** 2).mean()

        return jax.vmap(slice_loss)(v).mean()

    return loss


def esm(curvature):
    def loss(weights, x, v):
        score = energy_score(weights)

        def column(e):
            return curvature(score, x, jnp.broadcast_to(e, x.shape))[1]

        trace = jax.vmap(column)(jnp.eye(x.shape[1], dtype=x.dtype)).sum(0)
        return (trace + 0.5 * (score(x) ** 2).sum(1)).mean()

    return loss


def jet_along(weights, x, v):
    """e' and e'' of each row along v."""
    _, (e1, e2) = jet(lambda y: network(weights, y)[:, 0], (x,), ((v, jnp.zeros_like(v)),))
    return e1, e2


def jet_ssm(weights, x, v):
    e1, e2 = jax.vmap(lambda u: jet_along(weights, x, u))(v)
    return (0.5 * e1**2 - e2).mean()


def jet_esm(weights, x, v):
    eye = jnp.eye(x.shape[1], dtype=x.dtype)
    e1, e2 = jax.vmap(lambda e: jet_along(weights, x, jnp.broadcast_to(e, x.shape)))(eye)
    return (0.5 * e1**2 - e2).sum(0).mean()


def silu_derivatives(z):
    g = jax.nn.sigmoid(z)
    d = g * (1 - g)
    return z * g, g + z * d, d * (2 + z * (1 - 2 * g))


def collapsed(weights, h0, h1, h2):
    for w, b in weights[:-1]:
        f0, f1, f2 = silu_derivatives(h0 @ w.T + b)
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
    w, b = weights[0]
    f0, f1, f2 = silu_derivatives(x @ w.T + b)
    e2, e1 = collapsed(weights[1:], f0, f1 * w.T[:, None, :], f2 * (w**2).sum(1))
    return (0.5 * (e1**2).sum() - e2) / x.shape[0]


def tangents_score(weights, x, v):
    h0, h1 = x, v
    for w, b in weights[:-1]:
        f0, f1, _ = silu_derivatives(h0 @ w.T + b)
        h0, h1 = f0, f1 * (h1 @ w.T)
    w, b = weights[-1]
    p = v @ w
    return ((p * h1).sum(2) + 0.5 * ((p * h0).sum(2) + v @ b) ** 2).mean()


def folx_esm(weights, x, v):
    def row(x):
        e = folx.forward_laplacian(lambda y: network(weights, y)[0], sparsity_threshold=0)(x)
        return 0.5 * (e.jacobian.dense_array ** 2).sum() - e.laplacian

    return jax.vmap(row)(x).mean()


NESTED, MIXED, JET, BY_HAND = "nested autograd", "forward over reverse", "jet", "jets by hand"
METHODS = {
    ("energy", "ssm"): {
        NESTED: ssm(energy_score, reverse),
        MIXED: ssm(energy_score, forward),
        JET: jet_ssm,
        BY_HAND: collapsed_ssm,
    },
    ("energy", "esm"): {NESTED: esm(reverse), MIXED: esm(forward), JET: jet_esm, BY_HAND: collapsed_esm},
    ("score", "ssm"): {NESTED: ssm(net_score, reverse), BY_HAND: tangents_score},
}
if folx is not None:
    METHODS["energy", "esm"]["folx, forward Laplacian"] = folx_esm
THREADS_OF = {}


class Peer:
    threads = [None]  # XLA has no number of threads that could be chosen

    def __init__(self, method, loss, weights, x, v):
        pairs = list(zip(weights[0::2], weights[1::2]))
        self.arguments = jax.device_put((pairs, x, v))
        self.step = jax.jit(jax.value_and_grad(loss))

    def use(self, threads):
        pass

    def once(self):
        return self.step(*self.arguments)

    def wait(self, outcome):
        jax.block_until_ready(outcome)

    def values(self):
        loss, pairs = self.once()
        return float(loss), [g for pair in pairs for g in pair]
