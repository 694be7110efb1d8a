"""Backpropagation through time of one batch: ours by hand, PyTorch's by autograd, float32, one thread each.

    loss = mean over trials of (y_T − y*)²,  x_t = tanh(û_t W_in + x_{t−1} W_rec),  y_T = x_T W_out

PyTorch computes no output that is not scored.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.analysis.speed.timing import compare
from neuroperturb.baselines.bptt import gradient
from neuroperturb.baselines.forward import Weights
from neuroperturb.tasks import DelayedXOR

SIZES, BATCH, ROUNDS = (20, 100), 64, 21


def measure() -> dict[str, dict]:
    """Microseconds a batch, by network size."""
    return {str(n): _measure(n) for n in SIZES}


def _measure(n: int) -> dict:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sequence, rng = DelayedXOR().data(1, BATCH).batch(0), np.random.default_rng(n)
        normal = lambda rows, columns: (rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)  # noqa: E731
        w_in, w_rec, w_out = normal(3, n), normal(n, n), normal(n, 1)
        weights = Weights(w_in, w_rec, w_out, np.eye(2, dtype=np.float32), np.eye(n, dtype=np.float32))
        inputs = np.concatenate([sequence.inputs, np.ones((*sequence.inputs.shape[:2], 1))], axis=2).astype(np.float32)
        u, target = torch.from_numpy(inputs), torch.from_numpy(sequence.targets[-1].astype(np.float32))
        held = [torch.from_numpy(w.copy()).requires_grad_() for w in (w_in, w_rec, w_out)]

        def ours():
            return gradient(weights, sequence, loss="mse", bias=True)[1]

        def theirs():
            for w in held:
                w.grad = None
            x = torch.zeros((BATCH, n))
            for t in range(len(u)):
                x = torch.tanh(u[t] @ held[0] + x @ held[1])
            ((x @ held[2] - target) ** 2).mean().backward()
            return [w.grad.numpy() for w in held]

        pairs = zip(ours(), theirs(), strict=True)
        difference = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)
        own, other = compare(ours, theirs, ROUNDS)
    finally:
        torch.set_num_threads(threads)
    return {"ours_us": 1e6 * own, "theirs_us": 1e6 * other, "ratio": other / own, "difference": difference}
