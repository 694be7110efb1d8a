"""The summary of a run for tables of many runs, stored in one attribute of its file.

    curves   epoch and losses, epoch by epoch          last     last value of every column of the history
    first    first value of every number in the        seconds  total training time
             results: that of the rule itself          diverged time step at which the run diverged, or None
    made     versions and processor                    ledger   whether there is one
    loss     its name, unit and guess level, None if the record lacks them

An HDF5 file of forty arrays takes some 3 ms to walk through, one attribute 0.3 ms; a report reads ten thousand runs. The arrays
are what counts: the attribute repeats them to the bit, and a file without one, or without a seal, is read array by array.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

NAME = "glance"  # of the attribute
CURVES = ("epoch", "train_loss", "validation_loss")
LIMIT = 60_000  # bytes: HDF5 allows an attribute 64 KiB


class Summary(NamedTuple):
    """See above; `curves` as lists, `last` and `first` by column, in the order of their names."""

    curves: dict[str, list]
    last: dict[str, float]
    first: dict[str, float]
    seconds: float
    diverged: int | None
    made: str
    ledger: bool
    loss: dict | None = None

    @property
    def text(self) -> str | None:
        """The summary as text to store; None if it is too long."""
        text = json.dumps(self)
        return text if len(text) <= LIMIT else None


def take(
    history: Mapping[str, np.ndarray], results: Mapping[str, np.ndarray], seconds: np.ndarray, texts: Mapping[str, str]
) -> Summary:
    """The summary from the columns of a run, and its texts as stored in its file."""
    last = {name: float(column[-1]) for name, column in sorted(history.items()) if column.size}
    first = {name: float(column[0]) for name, column in sorted(results.items()) if column.size}
    return Summary({name: history[name].tolist() for name in CURVES}, last, first, float(seconds.sum()), *_said(texts))


def read(file, *, kept: bool) -> Summary:
    """Of an open h5py.File; `kept`: whether its attribute can be believed, as it is in a sealed file."""
    written = file.attrs.get(NAME) if kept else None
    if written is not None:
        return Summary(*json.loads(written))
    history, results = (_numbers(file[group]) for group in ("history", "results"))
    texts = {name: file.attrs[name] for name in ("diverged_step", "versions", "cpu", "loss") if name in file.attrs}
    return take(
        history, results, file["timing/history_seconds"][()], {**texts, "ledger": file["ledger/json"].asstr()[()]}
    )


def _said(texts: Mapping[str, str]) -> tuple[int | None, str, bool, dict | None]:
    step, versions, cpu, ledger = (json.loads(texts[name]) for name in ("diverged_step", "versions", "cpu", "ledger"))
    made = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "sources")
    return step, f"{made}; {cpu.get('name', '?')}", bool(ledger), json.loads(texts.get("loss", "null")) or None


def _numbers(group) -> dict[str, np.ndarray]:
    return {name: dataset[()] for name, dataset in group.items() if dataset.dtype.kind != "O"}
