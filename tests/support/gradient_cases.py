"""Networks, trials and a dataset of given sequences, for tests of gradients."""

import numpy as np

from neuroperturb.baselines import Weights
from neuroperturb.tasks.contract import Dataset, Sequence


def network(rng, n_in=2, n=4, n_out=3, *, bias=False, decorrelated=False, dtype=np.float64):
    def normal(*shape):
        return rng.normal(size=shape) * np.sqrt(2 / sum(shape))

    off = 0.2 if decorrelated else 0.0
    d_in, d_rec = np.eye(n_in) + off * rng.normal(size=(n_in, n_in)), np.eye(n) + off * rng.normal(size=(n, n))
    weights = (normal(n_in + bias, n), 1.3 * normal(n, n), normal(n, n_out), d_in, d_rec)
    return Weights(*(w.astype(dtype) for w in weights))


def trials(rng, steps=9, batch=1, n_in=2, n_out=3, *, loss="mse", gaps=False):
    """A sequence with, if `gaps`, masked steps (their targets NaN) and resets inside."""
    inputs = rng.normal(size=(steps, batch, n_in))
    targets = rng.normal(size=(steps, batch, n_out))
    if loss == "cross_entropy":
        targets = np.eye(n_out)[rng.integers(n_out, size=(steps, batch))]
    mask, reset = np.ones((steps, batch), bool), np.zeros(steps, bool)
    if gaps:
        mask = rng.random((steps, batch)) < 0.6
        mask[2] = False
        targets[~mask] = np.nan
        reset[[0, 4, steps - 3]] = True
    return Sequence(inputs, targets, mask, reset)


class Series(Dataset):
    """One training sequence, or the same one in pieces."""

    def __init__(self, *pieces, loss="mse"):
        self.pieces, self.loss, self.batches_per_epoch = pieces, loss, len(pieces)
        self.validation = self.test = pieces[0]
        self.n_in, self.n_out = pieces[0].inputs.shape[2], pieces[0].targets.shape[2]

    def batch(self, number):
        return self.pieces[number % len(self.pieces)]

    def metrics(self, outputs, sequence):
        return {"loss": float(((outputs - sequence.targets) ** 2).mean(-1)[sequence.mask].mean())}

    def trivial(self):
        return {}
