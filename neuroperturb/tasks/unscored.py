"""Inputs without targets, to predict from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from neuroperturb.spec import SpecError
from neuroperturb.tasks import door
from neuroperturb.tasks.contract import Dataset, Sequence

OWNER = "predict"


def unscored(inputs: ArrayLike, reset: ArrayLike | None, dataset: Dataset) -> tuple[Sequence, bool]:
    """A sequence of these inputs with nothing scored, and whether they were one trial without an axis of trials.

    inputs : (T, B, n_in), or (T, n_in) for one trial
    reset : (T,) bool, where the state is reset to zero before the step; by default before the first
    """
    x = door.real("inputs", inputs, OWNER)
    one = x.ndim == 2
    x = x[:, None] if one else x
    n_in = dataset.n_in
    if x.ndim != 3 or x.shape[2] != n_in or not x.size:
        wanted = f"(T, {n_in}), or (T, B, {n_in}) with B trials"
        raise SpecError("inputs", OWNER, wanted, np.shape(inputs), verb="must have the shape")
    door.require_finite("inputs", x, OWNER)
    if reset is None:
        reset = np.arange(len(x)) == 0
    resets = door.yes_or_no("reset", reset, (len(x),), "(T,)", OWNER)
    return Sequence(x, np.zeros((*x.shape[:2], dataset.n_out)), np.zeros(x.shape[:2], bool), resets), one
