"""Losses of one trial at one step, and their change by a perturbation.

With outputs c and their perturbation δ (c + δ is the noisy output of a clean twin; c ± δ those of an antithetic pair):

    mean squared error   L = mean_o (c − y*)²       twin δL = mean_o δ (2(c − y*) + δ),   pair δL = mean_o 2δ(c − y*)
    cross-entropy        L = lse(c) − y*·c          twin δL = log Σ p e^δ − y*·δ,         pair δL = ½ log(Σ p e^δ/Σ p e^−δ) − y*·δ

δL is computed from δ and never as the difference of two losses, which in float32 would lose all digits of a small one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hardware_models.numerics.compiled import kernel


@kernel
def mse_twin(c, delta, target):
    """(L, L̃ − L)."""
    loss = change = 0.0
    for o in range(target.shape[0]):
        error, d = float(c[o]) - float(target[o]), float(delta[o])
        loss += error * error
        change += d * (2.0 * error + d)
    return loss / target.shape[0], change / target.shape[0]


@kernel
def mse_pair(c, delta, target):
    """(L at the centre, (L⁺ − L⁻)/2)."""
    loss = change = 0.0
    for o in range(target.shape[0]):
        error = float(c[o]) - float(target[o])
        loss += error * error
        change += 2.0 * float(delta[o]) * error
    return loss / target.shape[0], change / target.shape[0]


@kernel
def softmax_sums(c, delta, target):
    """(L, Σ p (e^δ − 1), Σ p (e^−δ − 1), y*·δ) with p = softmax(c)."""
    top = float(c[0])
    for o in range(1, target.shape[0]):
        top = max(top, float(c[o]))
    total = up = down = label = projected = 0.0
    for o in range(target.shape[0]):
        p, d = math.exp(float(c[o]) - top), float(delta[o])
        total += p
        up += p * math.expm1(d)
        down += p * math.expm1(-d)
        label += float(target[o]) * (float(c[o]) - top)
        projected += float(target[o]) * d
    return math.log(total) - label, up / total, down / total, projected


@kernel
def cross_entropy_twin(c, delta, target):
    """(L, L̃ − L)."""
    loss, up, _, projected = softmax_sums(c, delta, target)
    return loss, math.log1p(up) - projected


@kernel
def cross_entropy_pair(c, delta, target):
    """(L at the centre, (L⁺ − L⁻)/2)."""
    loss, up, down, projected = softmax_sums(c, delta, target)
    return loss, 0.5 * (math.log1p(up) - math.log1p(down)) - projected


@kernel
def mse_single(y, delta, target):
    """(L, L): a single pass has no reference."""
    loss, _ = mse_twin(y, delta, target)
    return loss, loss


@kernel
def cross_entropy_single(y, delta, target):
    """(L, L)."""
    loss, _ = cross_entropy_twin(y, delta, target)
    return loss, loss


@kernel
def told_pass(c, delta, target):
    """(L, δL) of losses that were measured elsewhere, and take the place of the outputs: of the centre, and between the passes."""
    return float(c[0]), float(delta[0])


@kernel
def told_single(c, delta, target):
    """(L, L)."""
    return float(c[0]), float(c[0])


class TrialLoss(NamedTuple):
    """Kernels (c, δ, target) -> (L, δL) of one loss, for each way to compare passes."""

    twin: object
    pair: object
    single: object

    def between(self, passes: int, paired: bool):
        """The kernel for a number of passes; the centre of a pair is its mean."""
        if passes == 1:
            return self.single
        return self.pair if paired else self.twin


LOSSES = {
    "mse": TrialLoss(mse_twin, mse_pair, mse_single),
    "cross_entropy": TrialLoss(cross_entropy_twin, cross_entropy_pair, cross_entropy_single),
    "told": TrialLoss(told_pass, told_pass, told_single),  # of a chip in the loop
}
