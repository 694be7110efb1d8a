r"""Turns: which of the devices of a weight a change goes to, where one of them takes it whole.

    in-turn        device t mod K in write t, for all weights
    random         one of K, drawn anew for every write, for all weights
    significance   the first device k of which the change is a pulse at least, |Δ| ≥ g_k u, and else the last: coarse for far, fine for near

u is the granularity of the cell, and K counts groups: devices, or one-sided pairs, of which the device of the change's sign gets it. A
change Δ of the weight is Δ / g_k of the device. Draws: stream ROUNDING, keyed by write, in a row that no device has.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.crossbar.state import ArrayState
from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel

PAIR_POLICIES = ("in-turn", "random")
POLICIES = (*PAIR_POLICIES, "significance")


@kernel
def next_in_turn(array, groups):
    """Which group of devices gets the changes of this write."""
    return array.writes[0] % groups


@kernel
def any_of_them(array, groups):
    """The same, at random."""
    row = array.cells.w.shape[0] * array.cells.w.shape[1]
    return np.int64(random.bits(array.seed, array.rounding, array.writes[0], row, 0)) % groups


@kernel
def share_by_significance(array: ArrayState, k: int, change: np.ndarray, share: np.ndarray) -> None:
    """Δ / g_k where k is the first device of which Δ is a pulse, or the last."""
    gain, unit, zero, last = (
        array.gain[k],
        array.numbers.granularity,
        type(array.gain[0])(0),
        k + 1 == array.gain.shape[0],
    )
    least, most = gain * unit, array.gain[max(k - 1, 0)] * unit
    for i in range(change.shape[0]):
        size = abs(change[i])
        mine = (size >= least or last) and (size < most or k == 0)
        share[i] = change[i] / gain if mine else zero


@lru_cache
def make_share(policy: str, size: int):
    """share_row of a policy, for groups of so many devices."""
    if policy == "significance":
        return share_by_significance
    choose = {"in-turn": next_in_turn, "random": any_of_them}[policy]

    @kernel
    def share_row(array, k, change, share):
        gain, zero = array.gain[k], type(array.gain[0])(0)
        chosen = choose(array, array.gain.shape[0] // size) == k // size
        for i in range(change.shape[0]):
            request = change[i] / gain if chosen else zero
            share[i] = max(request, zero) if size > 1 else request

    return share_row
