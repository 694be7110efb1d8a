"""What a record needs to predict, which is on a floor above: training provides it where it is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_provided: list[Callable[..., Any]] = []


def provide(predict: Callable[..., Any]) -> None:
    """Have records predict by this function of (run, inputs, *, reset, hardware)."""
    _provided[:] = [predict]


def predictor() -> Callable[..., Any]:
    """The function; ``import neuroperturb.training``, which ``neuroperturb.load`` does, provides it."""
    if not _provided:
        raise RuntimeError("import neuroperturb.training first: it trains, and restores what was trained")
    return _provided[0]
