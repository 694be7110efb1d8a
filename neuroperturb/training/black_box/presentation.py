"""What is asked of a chip in the loop, what it tells, and what it is told to change.

A presentation is one or two *passes* over the same trials, with another perturbation in each: clean and perturbed, or perturbed up
and down, or one alone. P passes, T steps, B trials, n hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from neuroperturb.network.scalar_losses import ScalarLoss, kernels_of
from neuroperturb.spec import SpecError
from neuroperturb.tasks import door

OWNER = "a measurement"


@dataclass(frozen=True, eq=False, kw_only=True)
class Presentation:
    """One presentation.

    Parameters
    ----------
    kind : "learn"; or "evaluate": one pass without perturbation, whose outputs are scored
    number : of the presentation
    inputs : ndarray, shape (T, B, n_in), of the task; a network with a bias has a constant 1 besides
    targets, mask, reset : (T, B, n_out), (T, B), (T,), of the task, for whoever computes the loss
    noise : ndarray, shape (P, T, B, n), to be added to the pre-activations of hidden units; None: nothing
    noise_out : ndarray, shape (P, T, B, n_out), to be added to the outputs
    shifts : to be added to the weights, by matrix, (P, B or 1, units, inputs of the matrix); held for the presentation
    weights : by matrix, W[i, j] from j to i; None where the chip keeps its own and is told changes
    change : by matrix, what the previous measurement changed, to be added to the weights; None at first
    """

    kind: Literal["learn", "evaluate"]
    number: int
    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray
    noise: np.ndarray | None = None
    noise_out: np.ndarray | None = None
    shifts: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] | None = None
    change: dict[str, np.ndarray] | None = None

    @property
    def passes(self) -> int:
        """P."""
        given = [self.noise, *self.shifts.values()]
        return next((len(one) for one in given if one is not None), 1)

    def table(self) -> dict[str, Any]:
        """Plain data: arrays as nested lists; what is None is left out."""
        return {key: _plain(value) for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True, eq=False, kw_only=True)
class Measurement:
    """What a chip tells of a presentation.

    Parameters
    ----------
    loss : of every pass, step and trial, (P, T, B), or (P, B): of the whole trial; P may be left out where it is 1. What is masked is not used.
        None: it is computed from `outputs`
    outputs : (P, T, B, n_out); P may be left out where it is 1
    activity : (P, T, B, n), states of the hidden units, where the rule needs them: with noise in units
    """

    loss: Any = None
    outputs: Any = None
    activity: Any = None

    @classmethod
    def of(cls, told: Any) -> Measurement:
        """From what a door brought: a measurement, a table of its fields, or the loss alone."""
        if isinstance(told, Measurement):
            return told
        if isinstance(told, dict):
            unknown = next((key for key in told if key not in cls.__dataclass_fields__), None)
            if unknown is not None:
                raise SpecError.unknown(str(unknown), OWNER, cls.__dataclass_fields__)
            return cls(**told)
        return cls(loss=told)


@dataclass(frozen=True, eq=False, kw_only=True)
class Update:
    """What a measurement changed.

    change : by matrix, (units, inputs of the matrix), to be added to the weights
    loss : mean loss of the scored steps, of the clean pass or the mean of a pair
    """

    change: dict[str, np.ndarray]
    loss: float


def passes_of(name: str, told: Any, request: Presentation, rest: tuple[int, ...], axes: str) -> np.ndarray:
    """A measured array with its passes, (P, …)."""
    array = door.real(name, told, OWNER)
    array = array[None] if array.shape == rest and request.passes == 1 else array
    door.require_shape(name, array, (request.passes, *rest), f"(P, {axes})", OWNER)
    return array


def losses_of(told: Measurement, request: Presentation, loss: str | ScalarLoss) -> np.ndarray:
    """(P, T, B), 0 where nothing is scored; a loss of a whole trial is told at its last scored step."""
    steps, trials = request.mask.shape
    if told.loss is None:
        if told.outputs is None:
            hint = "It is the one number from which the rule learns; outputs, from which it is computed, will do."
            raise SpecError.missing("loss", OWNER, hint)
        return _computed(outputs_of(told, request), request, loss)
    whole = door.real("loss", told.loss, OWNER)
    if whole.shape in ((request.passes, trials), (trials,)) and whole.shape != (steps, trials):
        placed = np.zeros((request.passes, steps, trials))
        last = steps - 1 - request.mask[::-1].argmax(axis=0)
        placed[:, last, np.arange(trials)] = passes_of("loss", whole, request, (trials,), "B")
        return np.where(request.mask, placed, 0.0)
    return np.where(request.mask, passes_of("loss", whole, request, (steps, trials), "T, B"), 0.0)


def outputs_of(told: Measurement, request: Presentation) -> np.ndarray:
    """(P, T, B, n_out)."""
    return passes_of("outputs", told.outputs, request, request.targets.shape, "T, B, n_out")


def activity_of(told: Measurement, request: Presentation, units: int) -> np.ndarray:
    """(P, T, B, n), finite."""
    if told.activity is None:
        hint = "The rule credits synapses by the activity of the unit before them: measure the states of hidden units."
        raise SpecError.missing("activity", OWNER, hint)
    shape = (*request.mask.shape, units)
    return passes_of("activity", told.activity, request, shape, "T, B, n")


def _computed(outputs: np.ndarray, request: Presentation, loss: str | ScalarLoss) -> np.ndarray:
    """The task's loss of measured outputs."""
    single, found = kernels_of(loss).single, np.zeros(outputs.shape[:3])
    for p, t, b in zip(*np.nonzero(np.broadcast_to(request.mask, found.shape)), strict=True):
        found[p, t, b] = single(
            outputs[p, t, b], outputs[p, t, b], np.ascontiguousarray(request.targets[t, b], np.float64)
        )[0]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
