"""The lateral matrix P: reads z = P x, and computes the pending update of P. Equations:
:mod:`neuroperturb.rules.axes.presynaptic`.

P is an array like any other: its update is pending until the next sweep and is written by the array's own cells. Online it is written
at every step, as B outer products and a decay; over an episode the products are averaged and written once. (Steps of an episode visit
different directions: written one by one, a direction would grow until it is visited, and P would overshoot.) The columns of a
sweep are the B centres of the two passes and, in the local form, the same with private noise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import blas, random
from hardware_models.numerics.compiled import kernel, separate


class Sum(NamedTuple):
    """gradient (n, n): Σ of an episode's outer products;  back (B, n): result of a transposed read
    steps (1,) int64;  sizes: scratch of BLAS
    """

    gradient: np.ndarray
    back: np.ndarray
    steps: np.ndarray
    sizes: np.ndarray


class Whitener(NamedTuple):
    """P and its reads.

    array, pending : P (n, n) and its update;  x, z : (2B, n) or (B, n), inputs and results of reads
    now, before : (B, n) presynaptic factors of this step (readout) and the previous step (recurrence)
    covariance, writes : C (n, n) and how often it was changed, where P is set from it; else empty
    numbers : parameters of the rule's presynaptic value
    seed, stream : key of the private noise
    """

    array: object
    pending: object
    sum: Sum
    x: np.ndarray
    z: np.ndarray
    now: np.ndarray
    before: np.ndarray
    covariance: np.ndarray
    writes: np.ndarray
    numbers: NamedTuple
    seed: int
    stream: int


@kernel
def shift(whitener, reset):
    """The factors of this step become those of the previous step; after a reset there are none."""
    now, before = whitener.now, whitener.before
    for b in range(now.shape[0]):
        for i in range(now.shape[1]):
            before[b, i] = now[b, i] if not reset else type(now[b, i])(0)


@lru_cache
def make_whiten(sweep, read_back, lateral, summing: bool, dtype: str):
    """whiten(whitener, centre, step, reset): read P for the activity (B, n) of this step, and set its pending update, or add to the sum.

    lateral : what the rule does with P, see :class:`neuroperturb.rules.structure.LateralPlan`
    """
    leave, private, tracks = lateral
    sweep = separate(sweep)
    _, _, add = blas.products(dtype)

    @kernel
    def whiten(whitener, centre, step, reset):
        x, n = whitener.x, whitener.array.size[0]
        batch = centre.shape[0]
        shift(whitener, reset)
        for b in range(batch):
            for i in range(n):
                x[b, i] = centre[b, i]
            if private:
                noisy, root = x[batch + b], whitener.numbers.root
                random.fill_normal(whitener.seed, whitener.stream, step, b, noisy[:n])
                for i in range(n):
                    noisy[i] = centre[b, i] + root * noisy[i]
        pending, total = whitener.pending, whitener.sum
        sweep(whitener.array, pending, total, x, whitener.z)
        leave(whitener)
        if tracks:
            add(pending.pre, pending.post, total.gradient, n, total.sizes)
            total.steps[0] += 1
        elif summing:
            read_back(whitener.array, pending.pre, total.back)
            add(total.back, pending.post, total.gradient, n, total.sizes)
            total.steps[0] += 1
        else:
            pending.active[0] = 1

    return whiten


@lru_cache
def make_finish_whitening(sweep):
    """finish_whitening(whitener, nothing): write the mean update of an episode, once."""
    sweep = separate(sweep)

    @kernel
    def finish_whitening(whitener, nothing):
        total, steps = whitener.sum, whitener.sum.steps[0]
        T = type(total.gradient[0, 0])
        share = T(1) / T(steps)
        for j in range(total.gradient.shape[0]):
            for i in range(total.gradient.shape[1]):
                total.gradient[j, i] *= share
        whitener.pending.active[0] = 1
        sweep(whitener.array, whitener.pending, total, nothing.x, nothing.acc)
        total.gradient[:] = 0
        total.steps[0] = 0

    return finish_whitening


def settle(whitener: Whitener, own: object) -> None:
    """Where P is set from a covariance: ask for that P in place of what was summed; before `finish_whitening`."""
    total, n = whitener.sum, int(whitener.array.size[0])
    steps, C = int(total.steps[0]), whitener.covariance
    whitener.writes[0] += 1
    P = own.settle(C[:, :n], int(whitener.writes[0]), total.gradient[:n, :n] / steps)
    total.gradient[:n, :n] = steps * P.T  # its mean over the steps is asked for, and what is there goes
    whitener.pending.decay[:n] = -1
