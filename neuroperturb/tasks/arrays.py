"""Arrays: trials of your own, as NumPy arrays or an npz file, for regression or classification."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from neuroperturb.spec import SpecError, held
from neuroperturb.spec.data_file import DataFile
from neuroperturb.tasks import array_file, door, metrics
from neuroperturb.tasks.array_file import Content
from neuroperturb.tasks.array_parts import (
    LAYOUTS,
    OWNER,
    GivenPart,
    Kind,
    Layout,
    TrialPart,
    classes_of,
    inputs_of,
    read_part,
    require_equal,
)
from neuroperturb.tasks.contract import Dataset, Sequence, Task
from neuroperturb.tasks.randomness import check_number, check_request, generator

TRAINING = ("", "_train")
Pair = tuple[Any, ...]  # x, y and perhaps a mask


class Arrays(Task):
    """Trials of your own, from arrays or an npz file: predict numbers, or classes.

    ``Arrays(train=(x, y), layout="trial, time, feature")`` in Python, ``task = {name = "arrays", path = "trials.npz"}`` in TOML,
    ``neuroperturb run trials.npz`` on the command line. The file has arrays ``x_train, y_train`` and, if there are any, ``mask_train``,
    ``x_validation`` … ``x_test`` …; or ``x, y, mask``. What is not given, validation or test, is split off the training trials, whole ones,
    drawn by the seed. Nothing is rescaled: inputs of order 1 learn best.

    Each epoch presents the training trials in a new order, in whole batches; the few that are left over are skipped in that epoch.

    Parameters
    ----------
    path : str, an npz file; searched for next to the TOML file that names it, then in the current folder
    layout : the order of the axes of x; of y too, where it has a value for every step. By default what the file says in its ``layout``
    kind : ``"regression"``: y are numbers (T, B, n_out), or one row a trial (B, n_out), scored by the mean squared error;
        ``"classification"``: y are labels 0 … K − 1, (B,) or one at every step, scored by the cross-entropy. By default what the file
        says in its ``kind``, or regression
    washout : int, first steps of every trial that are not scored
    validation_share : share of the trials to validate on, where the file has no validation part
    test_share : share of the trials to test on, where the file has no test part
    train, validation, test : in Python, each ``(x, y)`` or ``(x, y, mask)``; a trial with one target is scored at its last step, unless
        there is a mask. The record of a run holds their hash, and not the arrays: :meth:`save` keeps them in a file
    mask : of `train`

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(40, 12, 2))
    >>> task = Arrays(train=(x, x.mean(axis=1)), layout="trial, time, feature")
    >>> task.data(seed=0, batch_size=4).test.targets.shape
    (12, 8, 2)
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 16

    name: Literal["arrays"] = "arrays"
    how_to_give: ClassVar[dict[str, str]] = {"path": "Give your file in the place of the task: FILE.npz."}
    path: DataFile
    layout: Layout | None = None
    kind: Kind | None = None
    washout: int = Field(default=0, ge=0)
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    test_share: float = Field(default=0.2, gt=0, lt=1)
    _content: Content | None = PrivateAttr(None)

    def __init__(
        self,
        /,
        train: Pair | None = None,
        validation: Pair | None = None,
        test: Pair | None = None,
        *,
        mask: Any = None,
        **parameters: Any,
    ) -> None:
        content = None
        if train is not None:
            if "path" in parameters:
                raise SpecError("train", OWNER, verb="must be left out if 'path' names a file")
            train = train if mask is None else (*train, mask)
            arrays = _named(train=train, validation=validation, test=test)
            texts = {key: parameters[key] for key in array_file.TEXTS if isinstance(parameters.get(key), str)}
            parameters["path"], content = array_file.hold(arrays, texts)
        elif any(part is not None for part in (validation, test, mask)):
            raise SpecError.missing("train", OWNER, "The trials to learn from are train = (x, y).")
        super().__init__(**parameters)
        self._content = content or self._content

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="after")
    def _holds_its_arrays(self) -> Arrays:
        """Whoever holds the task keeps arrays of memory there, in another process too, where it was sent whole."""
        if self._content is None:
            self._content = held.find(self.path)
        if self.validation_share + self.test_share >= 1:
            raise SpecError("validation_share", OWNER, "less than 1 together with 'test_share'", self.validation_share)
        return self

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if self._content is not None:
            held.keep(self.path, self._content)

    def __eq__(self, other: object) -> bool:
        return self.table() == other.table() if isinstance(other, Arrays) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.table().items()))

    @property
    def label(self) -> str:
        """Name in tables and figures: with that of the file."""
        return "arrays" if held.is_name(self.path) else f"arrays {Path(self.path).stem}"

    def save(self, path: str | Path) -> Arrays:
        """Keep the arrays in an npz file, which says how its axes are ordered; the same task, of that file."""
        content = self._read()
        texts = {"layout": self._layout(content), "kind": self._kind(content)}
        array_file.write_arrays(path, Content(content.arrays, texts, content.note))
        return self.replace(path=str(path))

    def data(self, seed: int, batch_size: int) -> ArraysData:
        """The trials, split and ordered by the seed."""
        check_request(self, seed, batch_size)
        content = self._read()
        layout, kind, given = self._layout(content), self._kind(content), content.parts
        classes = classes_of(given) if kind == "classification" else 0
        parts = {name: read_part(name, trials, layout, kind, classes, self.washout) for name, trials in given.items()}
        require_equal(parts)
        made = ArraysData(*self._split(parts, seed), kind, seed, batch_size)
        made.files = {self.path: content.note._replace(rows=sum(part.trials for part in parts.values()))}
        return made

    def new_rows(self, path: str) -> NewTrials:
        """Trials of another file: its ``x``, and ``mask`` if only some steps are wanted."""
        trained, new = self._read(), array_file.read_arrays(path)
        inputs = inputs_of("x", new.inputs, self._layout(new if "layout" in new.texts else trained))
        steps, trials = inputs.shape[:2]
        y = next(np.asarray(trained.arrays[f"y{part}"]) for part in TRAINING if f"y{part}" in trained.arrays)
        labels = self._kind(trained) == "classification"
        last = y.ndim < (2 if labels else 3)
        return NewTrials(
            np.ascontiguousarray(inputs, np.float64), np.arange(steps) == 0, np.arange(steps - 1 if last else 0, steps), trials, labels
        )  # fmt: skip

    def _read(self) -> Content:
        return array_file.read_arrays(self.path) if self._content is None else self._content

    def _layout(self, content: Content) -> Layout:
        layout = self.layout or content.texts.get("layout")
        if layout is None:
            wanted = " or ".join(f"layout = {one!r}" for one in LAYOUTS)
            raise SpecError.missing("layout", OWNER, f"Which axis of x is time is not known: {wanted}.")
        if layout not in LAYOUTS:
            raise SpecError("layout", OWNER, " or ".join(map(repr, LAYOUTS)), layout)
        return layout

    def _kind(self, content: Content) -> Kind:
        kind = self.kind or content.texts.get("kind", "regression")
        if kind not in ("regression", "classification"):
            raise SpecError("kind", OWNER, "'regression' or 'classification'", kind)
        return kind

    def _split(self, parts: dict[str, TrialPart], seed: int) -> tuple[TrialPart, TrialPart, TrialPart]:
        """Training, validation and test."""
        train = next(parts[name] for name in TRAINING if name in parts)
        order = generator(seed, "arrays/split").permutation(train.trials)
        shares = {"_test": self.test_share, "_validation": self.validation_share}
        found = {name: parts[name] for name in shares if name in parts}
        lacking = [name for name in shares if name not in parts]
        counts = {name: max(1, round(shares[name] * train.trials)) for name in lacking}
        if sum(counts.values()) >= train.trials:
            wanted = f"at least {len(lacking) + 1} trials to be split into {', '.join(name[1:] for name in ('_training', *lacking))}"
            hint = "Give validation and test parts, or cut a long trial into several."
            raise SpecError("path", OWNER, wanted, train.trials, hint, verb="must have")
        start = 0
        for name, count in counts.items():
            found[name] = train.some(np.sort(order[start : start + count]))
            start += count
        rest = train.some(np.sort(order[start:])) if start else train
        return rest, found["_validation"], found["_test"]


class ArraysData(Dataset):
    """Trials of arrays, in a new order in every epoch.

    Parameters
    ----------
    train, validation, test : TrialPart
    kind : "regression", scored by the mean squared error, or "classification", by the cross-entropy
    seed, batch_size : int
    """

    def __init__(
        self, train: TrialPart, validation: TrialPart, test: TrialPart, kind: Kind, seed: int, batch_size: int
    ) -> None:
        if batch_size > train.trials:
            wanted = f"at most {train.trials}, the number of training trials"
            raise SpecError("batch_size", "Arrays data", wanted, batch_size)
        self.train, self.loss = train, "cross_entropy" if kind == "classification" else "mse"
        self._seed, self._batch_size = seed, batch_size
        self.batches_per_epoch = train.trials // batch_size
        self.validation, self.test = validation.take(slice(None)), test.take(slice(None))
        self.n_in, self.n_out = train.inputs.shape[2], train.targets.shape[2]

    def batch(self, number: int) -> Sequence:
        """Trials of training batch `number`, in the order of its epoch."""
        check_number(number)
        epoch, index = divmod(number, self.batches_per_epoch)
        order = generator(self._seed, "arrays/order", epoch).permutation(self.train.trials)
        return self.train.take(order[index * self._batch_size : (index + 1) * self._batch_size])

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss`` (mean squared error) and ``nmse``; of classes ``loss`` (cross-entropy, nats) and ``accuracy``."""
        return metrics.usual(self.loss, outputs, sequence.targets, sequence.mask)

    def trivial(self) -> dict[str, dict[str, float]]:
        """``mean``: predict the training mean. ``guess``: the class frequencies of the training trials."""
        mean = self.train.targets[self.train.mask].mean(axis=0)
        return metrics.of_a_constant(self.loss, mean, validation=self.validation, test=self.test)


class NewTrials:
    """Trials to predict from; a row for each trial and step that the task would score.

    Parameters
    ----------
    inputs : ndarray, shape (T, B, n_in)
    reset : bool ndarray, shape (T,)
    steps : int ndarray, steps of a trial that have a row
    trials : int, B
    labelled : bool, outputs are odds of classes
    """

    def __init__(self, inputs: np.ndarray, reset: np.ndarray, steps: np.ndarray, trials: int, labelled: bool) -> None:
        self.inputs, self.reset = inputs, reset
        self._steps, self._trials, self._labelled = steps, trials, labelled

    def columns(self, outputs: np.ndarray) -> dict[str, Any]:
        """``trial, step`` and ``output 0`` …, or ``class`` and the probability of each, ``p 0`` …"""
        chosen = outputs[self._steps].swapaxes(0, 1).reshape(self._trials * len(self._steps), -1)
        rows = {
            "trial": np.repeat(np.arange(self._trials), len(self._steps)),
            "step": np.tile(self._steps, self._trials),
        }
        if not self._labelled:
            return rows | {f"output {k}": column for k, column in enumerate(chosen.T)}
        odds = np.exp(chosen - chosen.max(axis=1, keepdims=True))
        odds = odds / odds.sum(axis=1, keepdims=True)
        return rows | {"class": chosen.argmax(axis=1), **{f"p {k}": column for k, column in enumerate(odds.T)}}


def _named(**parts: Pair | None) -> dict[str, np.ndarray]:
    """Arrays as they are called in a file."""
    found = {}
    for part, given in parts.items():
        if given is None:
            continue
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise SpecError(part, OWNER, "(x, y) or (x, y, mask)", type(given).__name__)
        for letter, array in zip(GivenPart._fields, given):
            if array is not None:
                found[f"{letter}_{part}"] = _array(f"{letter}_{part}", array)
    return found


def _array(name: str, given: Any) -> np.ndarray:
    """A copy that nobody else writes into."""
    try:
        array = np.array(door.real(name, given, OWNER) if isinstance(given, np.ma.MaskedArray) else given)
    except ValueError:  # rows of different lengths
        array = np.empty(0, object)
    if not door.are_real(array):
        raise SpecError(name, OWNER, "an array of numbers, with rows of equal length", f"one of {array.dtype}")
    array.flags.writeable = False
    return array
