"""Whether what a whole file holds is a run: names, types and shapes of its parts fit its experiment and one another.

A checksum says that a file is as it was written; not that a run was. What another program wrote, or a script has edited, is refused
here, when it is read, and not where the first reader of a part stumbles over it.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import numpy as np

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import Matrices
from neuroperturb.results.columns import HISTORY, RESULTS, TEXT, Record, Status
from neuroperturb.results.file import RecordError
from neuroperturb.results.text import hardware

if typing.TYPE_CHECKING:
    import pandas as pd


class Whole(Record, typing.Protocol):
    """What is looked at besides."""

    state: dict[str, np.ndarray]
    timestamps: dict[str, str]


def fault(run: Whole) -> str:
    """What keeps it from being a run, as in "its weights are …"; empty where nothing does."""
    return next(_faults(run), "")


def _faults(run: Whole) -> Iterator[str]:
    if run.status not in typing.get_args(Status):
        yield f"its status is {run.status!r}"
    step = run.diverged_step
    if step is not None and not _is_whole(step):
        yield f"its diverged_step is {step!r}"
    if (run.status == "diverged") != (step is not None):
        yield f"it is {run.status}, and its diverged_step is {step!r}"
    yield from _texts(run)
    for name, frame, columns in (("history", run.history, HISTORY), ("results", run.results, RESULTS)):
        yield from _columns(name, frame, columns)
    position = run.state.get("position")
    if position is not None and (position.shape != (3,) or position.dtype.kind != "i" or (position < 0).any()):
        yield "the position in its state is no sequence, phase and step"
    try:
        hardware(run)
    except (KeyError, TypeError, ValueError, AttributeError):
        yield "its ledger is of another structure"


def _texts(run: Whole) -> Iterator[str]:
    for name, kind in (("seeds", int), ("versions", str), ("cpu", str), ("timestamps", str)):
        value = getattr(run, name)
        if not isinstance(value, dict) or not all(isinstance(one, kind) for one in value.values()):
            yield f"its {name} are no table of {'whole numbers' if kind is int else 'texts'}"
    if not isinstance(run.ledger, dict):
        yield "its ledger is no table"
    loss: Any = run.loss
    if not isinstance(loss, dict) or (loss and not _is_loss(loss)):
        yield "its loss has no name, unit and guess"


def _is_loss(loss: dict) -> bool:
    guess = loss.get("guess")
    texts = all(isinstance(loss.get(name), str) for name in ("name", "unit"))
    return texts and isinstance(guess, dict) and all(isinstance(value, int | float) for value in guess.values())


def _columns(name: str, frame: pd.DataFrame, columns: typing.Iterable[str]) -> Iterator[str]:
    for column in (*columns, *frame.columns):
        wanted = "O" if column in TEXT else "iufb"
        if column not in frame.columns or frame[column].dtype.kind not in wanted:
            yield f"its {name} has no column {column!r} of {'texts' if column in TEXT else 'numbers'}"


def require_weights(weights: dict[str, np.ndarray], experiment: Experiment) -> Matrices:
    """The weights of a record as matrices of its network; refused where they are none, or of another network."""
    n, bias = experiment.network.size, int(experiment.network.bias)
    found = [weights.get(name) for name in Matrices._fields]
    if any(w is None or w.ndim != 2 or w.dtype.kind != "f" for w in found):
        raise RecordError(f"The record has no weights to go on with: {', '.join(weights) or 'none'}.")
    n_in, n_out = len(weights["D_in"]), len(weights["W_out"])
    shapes = Matrices((n, n_in + bias), (n, n), (n_out, n), (n_in, n_in), (n, n))
    for name, w, shape in zip(Matrices._fields, found, shapes, strict=True):
        if w.shape != shape:
            raise RecordError(f"The weights of the record are of another network: {name} is {w.shape} and not {shape}.")
    return Matrices(*found)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
