"""Trials in arrays: one part of the data, training, validation or test, checked and put into one order.

    x      inputs, three axes in the order of `layout`
    y      regression        (T, B, n_out) in the same layout, or (B, n_out) or (B,): one target a trial
           classification    whole numbers 0 … K − 1: (B,) one label a trial, or one for every step, in the layout without its feature axis
    mask   steps that are scored, bool, in the layout without its feature axis; by default all of them, and only the last one of a
           trial that has one target

Inputs keep their dtype, and a target of a whole trial is stored once: they are widened where a batch is taken.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from neuroperturb.spec import SpecError, Words, require_memory
from neuroperturb.tasks import door
from neuroperturb.tasks.contract import Sequence

Layout = Literal["time, trial, feature", "trial, time, feature"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Kind = Literal["regression", "classification"]
OWNER = "Arrays"


class TrialPart(NamedTuple):
    """Trials of one part.

    inputs : ndarray, shape (T, B, n_in)
    targets : ndarray, shape (T, B, n_out), a view of (1, B, n_out) where a trial has one target
    mask : bool ndarray, shape (T, B)
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray

    @property
    def trials(self) -> int:
        """B."""
        return self.inputs.shape[1]

    def take(self, trials: np.ndarray | slice) -> Sequence:
        """Some of the trials, starting from a reset."""
        reset = np.arange(len(self.inputs)) == 0
        return Sequence(self.inputs[:, trials], self.targets[:, trials], self.mask[:, trials], reset)

    def some(self, trials: np.ndarray) -> TrialPart:
        """A part of some of the trials."""
        return TrialPart(self.inputs[:, trials], self.targets[:, trials], self.mask[:, trials])


class GivenPart(NamedTuple):
    """Arrays as they were given: x, y and, if there is one, a mask."""

    x: Any
    y: Any
    mask: Any = None


def read_part(
    name: str, given: GivenPart, layout: Layout, kind: Kind, classes: int, washout: int = 0, owner: str = OWNER
) -> TrialPart:
    """A part in the order (T, B, n).

    name : of the part, for errors, as in ``x_train``
    classes : number of classes, for classification
    washout : first steps of every trial that are not scored
    owner : whose arrays they are, for errors
    """
    inputs = inputs_of(f"x{name}", given.x, layout, owner)
    steps, trials = inputs.shape[:2]
    axes = without_features(layout)
    shape = {"time, trial": (steps, trials), "trial, time": (trials, steps)}[axes]
    y = _numbers(f"y{name}", given.y, owner)
    what = Targets(f"y{name}", owner, shape, axes, trials)
    targets, by_trial = what.odds(y, classes) if kind == "classification" else what.numbers(y)
    mask = np.ones((steps, trials), bool)
    if given.mask is not None:
        mask = door.yes_or_no(f"mask{name}", given.mask, shape, f"({axes})", owner)
        mask = mask if axes == "time, trial" else mask.T
    elif by_trial:
        mask[:-1] = False
    mask = mask & (np.arange(steps) >= washout)[:, None]
    if not mask.any():
        hint = f"No step of {f'x{name}'!r} is left to score."
        raise SpecError("washout", owner, f"smaller than the {steps} steps of a trial", washout, hint)
    door.require_finite(f"y{name}", targets, owner, mask)
    targets = np.broadcast_to(targets, (steps, *targets.shape[1:]))
    return TrialPart(inputs, targets, mask)


def inputs_of(name: str, given: Any, layout: Layout, owner: str = OWNER) -> np.ndarray:
    """Inputs as (T, B, n_in), finite."""
    x = _numbers(name, given, owner)
    if x.ndim != 3:
        hint = f"One feature is {name}[:, :, None]."
        raise SpecError(name, owner, f"({layout})", x.shape, hint, verb="must have three axes,")
    if not x.size:
        raise SpecError(name, owner, "at least one step, trial and feature", x.shape, verb="must have")
    inputs = x if layout == LAYOUTS[0] else x.swapaxes(0, 1)
    door.require_finite(name, inputs, owner)
    return inputs


def classes_of(parts: dict[str, GivenPart]) -> int:
    """K, of labels 0 … K − 1 in the training part, whose name is the first; the others have no further ones."""
    largest = {
        name: int(_labels(f"y{name}", OWNER, _numbers(f"y{name}", part.y, OWNER)).max()) for name, part in parts.items()
    }
    first, *rest = largest
    for name in rest:
        if largest[name] > largest[first]:
            wanted = f"at most {largest[first]}, the largest label of 'y{first}'"
            raise SpecError(f"y{name}", OWNER, wanted, largest[name])
    return max(largest[first] + 1, 2)


def without_features(layout: Layout) -> str:
    """``"time, trial"`` or ``"trial, time"``."""
    return layout.rpartition(", ")[0]


def _numbers(name: str, given: Any, owner: str) -> np.ndarray:
    """An array of real numbers, in its own dtype."""
    kept = type(given) is np.ndarray and door.are_real(given)
    return given if kept else door.real(name, given, owner)


def _labels(name: str, owner: str, y: np.ndarray) -> np.ndarray:
    """Whole numbers of 0 or more."""
    if not y.size:
        raise SpecError(name, owner, "at least one label", y.shape, verb="must have")
    wrong = y[~((y >= 0) & (y == np.floor(y)) & (y < 2**31))]
    if wrong.size:
        hint = "Numbers to predict are kind = 'regression'."
        raise SpecError(name, owner, "whole numbers of 0 or more, the labels of classes", wrong[0].item(), hint)
    return y.astype(np.int64)


class Targets(NamedTuple):
    """The shapes that targets may have.

    name, owner : of the array, for errors
    shape, axes : of one value at every step, (T, B) or (B, T), and its axes in words
    trials : B
    """

    name: str
    owner: str
    shape: tuple[int, ...]
    axes: str
    trials: int

    def odds(self, y: np.ndarray, classes: int) -> tuple[np.ndarray, bool]:
        """One-hot rows of labels, (T, B, K), or (1, B, K) and True."""
        if y.shape not in ((self.trials,), self.shape):
            wanted = f"(trial) = {(self.trials,)}, or ({self.axes}) = {self.shape}, for classification"
            raise SpecError(self.name, self.owner, wanted, y.shape, verb="must have the shape")
        labels = _labels(self.name, self.owner, y)
        if labels.max() >= classes:
            raise SpecError(self.name, self.owner, f"smaller than the {classes} classes", int(labels.max()))
        by_trial = labels.ndim == 1
        labels = labels[None] if by_trial else labels if self.axes == "time, trial" else labels.T
        require_memory(f"{labels.size} labels of {classes} classes", (labels.size, classes))
        return np.eye(classes)[labels], by_trial

    def numbers(self, y: np.ndarray) -> tuple[np.ndarray, bool]:
        """Numbers to predict, (T, B, n_out), or (1, B, n_out) and True."""
        shape, trials = self.shape, self.trials
        if y.ndim == 3 and y.shape[:2] == shape and y.shape[2]:
            return (y if self.axes == "time, trial" else y.swapaxes(0, 1)), False
        if y.shape == (trials,) or (
            y.ndim == 2 and len(y) == trials and y.shape[1] and (y.shape != shape or y.shape[1] == 1)
        ):
            return y.reshape(1, trials, -1), True
        wanted = (
            f"({self.axes}, output) = ({shape[0]}, {shape[1]}, n), or (trial, output) = ({trials}, n), for regression"
        )
        hint = f"One output at every step is {self.name}[:, :, None]." if y.shape == shape else ""
        raise SpecError(self.name, self.owner, wanted, y.shape, hint, verb="must have the shape")


def require_equal(parts: dict[str, TrialPart]) -> None:
    """Reject parts whose numbers of inputs or outputs differ."""
    (first, part), *rest = parts.items()
    for name, other in rest:
        for letter, one, two in (("x", part.inputs, other.inputs), ("y", part.targets, other.targets)):
            if one.shape[2] != two.shape[2]:
                wanted = f"as many {'features' if letter == 'x' else 'outputs'} as '{letter}{first}', {one.shape[2]}"
                raise SpecError(f"{letter}{name}", OWNER, wanted, Words(str(two.shape[2])), verb="must have")
