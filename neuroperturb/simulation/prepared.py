"""A sequence of a task for the compiled loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence


class Prepared(NamedTuple):
    """A sequence in the dtype of the run, contiguous.

    inputs : (T, B, n_in);  targets : (T, B, n_out);  mask : (T, B) bool;  reset : (T,) bool
    condition : (B,) int64 the kind of every trial; in a world its number
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray
    condition: np.ndarray


def prepare(
    sequence: Sequence, dtype: np.dtype, conditions: int, *, live: bool = False, scored: bool = True
) -> Prepared:
    """A sequence for kernels.

    conditions : largest number of conditions that the baseline distinguishes, 0 if none
    live : trials of a world, which tells their conditions itself
    scored : whether targets are needed, which otherwise are left out
    """
    targets = sequence.targets if scored else sequence.targets[:0]
    return Prepared(
        inputs=np.ascontiguousarray(sequence.inputs, dtype),
        targets=np.ascontiguousarray(targets, dtype),
        mask=np.ascontiguousarray(sequence.mask, np.bool_),
        reset=np.ascontiguousarray(sequence.reset, np.bool_),
        condition=np.ascontiguousarray(sequence.condition[0]) if live else _condition(sequence, conditions),
    )


def _condition(sequence: Sequence, most: int) -> np.ndarray:
    """The condition of every trial, 0 if the baseline does not distinguish them."""
    if not most:
        return np.zeros(sequence.inputs.shape[1], np.int64)
    if not sequence.condition.size:
        hint = "with this task, which has no conditions"
        raise SpecError("rule.baseline", wanted=f"'per_condition' {hint}", verb="cannot be")
    found = np.ascontiguousarray(sequence.condition[0], np.int64)
    if found.min() < 0 or found.max() >= most:
        raise SpecError("rule.baseline.conditions", wanted=f"at least {found.max() + 1} with this task", got=most)
    return found
