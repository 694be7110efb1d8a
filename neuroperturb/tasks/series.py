"""One long sequence, cut into training, validation and test: the shape of every task that predicts a signal.

Rows of a signal become *pairs* (input, target). A part is a range of rows, and a pair belongs to a part only if its
input and its target both lie inside it, so that no target of one part is an input of another's scored step.
Validation and test start with a masked lead-in, the pairs that precede them, so that the state is warmed up when
scoring starts, as it would be in use.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed
from typing import Any, NamedTuple

import numpy as np

from neuroperturb.spec import SpecError
from neuroperturb.tasks import metrics
from neuroperturb.tasks.contract import Dataset, Sequence
from neuroperturb.tasks.randomness import check_number

VALIDATION_FRACTION = 0.1  # of the training rows, taken from their end


class Pairs(NamedTuple):
    """A signal as pairs, in temporal order.

    inputs : ndarray, shape (P, B, n_in)
    targets : ndarray, shape (P, B, n_out)
    first, last : int ndarrays, shape (P,); the earlier and the later row of pair p
    reset : bool ndarray, shape (P,); True where the signal was interrupted before pair p
    """

    inputs: np.ndarray
    targets: np.ndarray
    first: np.ndarray
    last: np.ndarray
    reset: np.ndarray


def pair_up(inputs: np.ndarray, targets: np.ndarray, horizon: int) -> Pairs:
    """Pair row t of `inputs` with row t + horizon of `targets` (horizon < 0: the past), both (rows, B, ·), as views."""
    ahead, shift = max(horizon, 0), abs(horizon)
    rows = len(inputs) - shift
    start = shift - ahead  # first input row that has a target
    first = np.arange(rows)
    return Pairs(
        inputs[start : start + rows], targets[ahead : ahead + rows], first, first + shift, np.zeros(rows, bool)
    )


def pair_segments(inputs: np.ndarray, targets: np.ndarray, breaks: np.ndarray, horizon: int) -> Pairs:
    """Pairs (t, t + horizon) without a break in between; the state is reset after each break.

    breaks : first rows of the segments after the first one
    """
    pairs = pair_up(inputs, targets, horizon)
    if not len(breaks):
        return pairs
    segment = np.searchsorted(breaks, np.arange(len(inputs)), side="right")
    whole = segment[pairs.first] == segment[pairs.last]
    reset = np.diff(segment[pairs.first[whole]], prepend=-1) != 0
    return Pairs(pairs.inputs[whole], pairs.targets[whole], pairs.first[whole], pairs.last[whole], reset)


class Scale(NamedTuple):
    """The map of columns to 0 … 1: of the training rows; a column that is constant there is only shifted.

    low, width : ndarrays, shape (columns,)
    """

    low: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
        """The scale on which rows (rows, columns) span 0 to 1."""
        low, high = values.min(axis=0), values.max(axis=0)
        return cls(low, np.where(high > low, high - low, 1.0))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Rows on this scale."""
        return (values - self.low) / self.width

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """Rows in their own units."""
        return scaled * self.width + self.low


class NewRows(NamedTuple):
    """Rows to predict from.

    inputs : ndarray, shape (rows, 1, n_in), scaled;  reset : bool ndarray, shape (rows,)
    names : times of the rows, or their lines
    targets : names of the outputs, with the horizon;  scale : of the outputs
    """

    inputs: np.ndarray
    reset: np.ndarray
    names: list[str]
    targets: list[str]
    scale: Scale

    def columns(self, outputs: np.ndarray) -> dict[str, Any]:
        """``row``, and a column for each target, in its own units."""
        return {"row": self.names, **dict(zip(self.targets, self.scale.undo(outputs[:, 0]).T, strict=True))}


class Cut(NamedTuple):
    """How a series is cut: rows before `fit` are training, before `split` validation, and the rest is test; `horizon`, `washout` and
    `lead_in` in rows.
    """

    fit: int
    split: int
    horizon: int
    washout: int
    lead_in: int

    def require_fit(self, owner: str, source: str, rows: int) -> None:
        """Reject a horizon that does not fit into a part; owner, source : whose parameter it is, and of which rows, for errors."""
        parts = ("training", self.fit), ("validation", self.split - self.fit), ("test", rows - self.split)
        for name, length in parts:
            if self.horizon >= length:
                wanted = f"smaller than the {length} {name} rows that 'split' = {self.split} leaves of {source}"
                raise SpecError("horizon", owner, wanted, self.horizon)


def forecast(
    values: np.ndarray, seen: int, breaks: np.ndarray, cut: Cut, *, trials: int, current: Listed[int] | None
) -> SeriesDataset:
    """The data of a forecast.

    Parameters
    ----------
    values : ndarray, shape (rows, columns), input columns, of which there are `seen`, and then those to forecast
    breaks : rows that do not follow the previous one
    cut : Cut
    trials : segments of the training rows that are presented in parallel
    current : input columns with the present values of the outputs; None: there are none
    """
    scaled = Scale.of(values[: cut.fit]).apply(values)[:, None, :]
    inputs, targets = (np.ascontiguousarray(scaled[:, :, k]) for k in (slice(seen), slice(seen, None)))
    pairs = pair_segments(inputs, targets, breaks, cut.horizon)
    return SeriesDataset(
        side_by_side(part(pairs, (0, cut.fit), cut.washout), trials, cut.washout),
        part(pairs, (cut.fit, cut.split), cut.washout, cut.lead_in),
        part(pairs, (cut.split, len(values)), cut.washout, cut.lead_in),
        current=current,
    )


def validation_start(split: int) -> int:
    """First validation row, when the rows before `split` are training and validation together."""
    return split - int(VALIDATION_FRACTION * split)


def part(pairs: Pairs, rows: tuple[int, int], washout: int, lead_in: int = 0) -> Sequence:
    """The pairs inside rows ``rows[0] … rows[1] − 1`` as one sequence, after `lead_in` unscored pairs.

    A pair is scored if it is inside the part and at least `washout` steps after the last reset.
    """
    inside = (pairs.first >= rows[0]) & (pairs.last < rows[1])
    found = np.flatnonzero(inside)
    if not len(found):
        where = f"rows {rows[0]} to {rows[1] - 1}"
        raise SpecError("horizon", wanted=f"shorter: no uninterrupted pair of input and target fits into {where}")
    window = slice(max(0, found[0] - lead_in), found[-1] + 1)
    reset = pairs.reset[window].copy()
    reset[0] = True
    scored = inside[window] & (_steps_since(reset) >= washout)
    if not scored.any():
        where = f"rows {rows[0]} to {rows[1] - 1}"
        raise SpecError("washout", wanted=f"shorter: no step of {where} is left after {washout} steps")
    mask = np.repeat(scored[:, None], pairs.inputs.shape[1], axis=1)
    return Sequence(pairs.inputs[window], pairs.targets[window], mask, reset)


def side_by_side(sequence: Sequence, trials: int, washout: int) -> Sequence:
    """Cut a sequence of one trial into `trials` segments of equal length, presented in parallel.

    The last few pairs, fewer than `trials`, are left out. An interruption of one segment resets the state of all, and
    each segment starts with a reset, so the washout follows it.
    """
    if trials == 1:
        return sequence
    steps = len(sequence.reset) // trials
    if steps <= washout:
        pairs = len(sequence.reset)
        why = f"so that each segment of the {pairs} training pairs is longer than the washout of {washout} steps"
        raise SpecError("batch_size", wanted=f"at most {pairs // (washout + 1)}, {why}", got=trials)

    def fold(a: np.ndarray) -> np.ndarray:
        stretches = a[: steps * trials].reshape(trials, steps, *a.shape[2:])
        return np.ascontiguousarray(np.swapaxes(stretches, 0, 1))

    reset = sequence.reset[: steps * trials].reshape(trials, steps).any(axis=0)
    mask = fold(sequence.mask) & (_steps_since(reset) >= washout)[:, None]
    if not mask.any():
        why = f"no step is left after the washout of {washout} steps between interruptions"
        raise SpecError("batch_size", wanted=f"smaller: with that many parallel segments, {why}", got=trials)
    return Sequence(fold(sequence.inputs), fold(sequence.targets), mask, reset)


class SeriesDataset(Dataset):
    """One training sequence, presented once per epoch; scored by the mean squared error.

    Parameters
    ----------
    train, validation, test : Sequence
    current : int or sequence of int, the input columns with the present values of the outputs, for persistence; None: there are none
    """

    loss = "mse"
    batches_per_epoch = 1

    def __init__(
        self, train: Sequence, validation: Sequence, test: Sequence, current: int | Listed[int] | None
    ) -> None:
        self.train, self.validation, self.test = train, validation, test
        self.current = None if current is None else np.atleast_1d(current)
        self.n_in, self.n_out = train.inputs.shape[2], train.targets.shape[2]

    def batch(self, number: int) -> Sequence:
        """The training sequence: a series has one."""
        check_number(number)
        return self.train

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss`` (mean squared error) and ``nmse``."""
        scored = (outputs, sequence.targets, sequence.mask)
        return {"loss": metrics.mse(*scored), "nmse": metrics.nmse(*scored)}

    def trivial(self) -> dict[str, dict[str, float]]:
        """``mean``: predict the training mean. ``persistence``: predict the present value, where it is an input."""
        mean = self.train.targets[self.train.mask].mean(axis=0)
        scores = {"mean": self._score(lambda s: np.broadcast_to(mean, s.targets.shape))}
        if self.current is not None:
            scores["persistence"] = self._score(lambda s: s.inputs[:, :, self.current])
        return scores

    def _score(self, predict) -> dict[str, float]:
        parts = {"validation": self.validation, "test": self.test}
        return {name: metrics.mse(predict(s), s.targets, s.mask) for name, s in parts.items()}


def _steps_since(reset: np.ndarray) -> np.ndarray:
    """Steps since the last reset: 0 at a reset."""
    steps = np.arange(len(reset))
    return steps - np.maximum.accumulate(np.where(reset, steps, 0))
