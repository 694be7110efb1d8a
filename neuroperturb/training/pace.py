"""When a loop over a run is told how far it is: after every epoch, after so many steps, or now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

from neuroperturb.simulation.learner import CHUNK
from neuroperturb.spec import SpecError

EPOCH = "epoch"
Every = str | int | None


def check(every: Every) -> Every:
    """``"epoch"``, a number of time steps, or None: at the end of an epoch, and a few times a second."""
    steps = isinstance(every, int) and not isinstance(every, bool) and every >= 1
    if not (every is None or every == EPOCH or steps):
        raise SpecError("every", "experiment", f"{EPOCH!r}, or a number of time steps, 1 or more", every)
    return every


def pace(every: Every, step: int) -> Callable[[bool, int], bool]:
    """due(epoch_ended, step): whether it is time to tell, from the given step on.

    Steps are presented in chunks, of 0.2 s at most: of N steps the first chunk that gets to a multiple of N, or beyond, tells.
    """
    told, at = -float("inf"), step

    def due(epoch_ended: bool, step: int) -> bool:
        nonlocal told, at
        if every == EPOCH:
            return epoch_ended
        if isinstance(every, int):
            passed = step // every > at // every
            at = step
            return passed
        now = time.perf_counter()
        if epoch_ended or now - told > CHUNK:
            told = now
            return True
        return False

    return due
