"""Progress and speed of a run."""

from __future__ import annotations

from typing import NamedTuple

from hardware_models.numerics.compile_clock import working


class Progress(NamedTuple):
    """Progress of training: epochs from 1, time steps of the whole run, mean training loss of this epoch so far.

    rate : steps per second, nan before the first;  left : remaining seconds, likewise
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation: float
    rate: float
    left: float


class StepRate:
    """Steps per second since a run was started or resumed, without compilation and without its first chunk.

    The first chunk is a few steps, and pays for everything that happens once: an estimate by it would be off by a hundred.

    value : steps per second, nan until the second chunk
    """

    def __init__(self) -> None:
        self.value = float("nan")
        self._first: tuple[int, float] | None = None

    def note(self, step: int) -> None:
        """Note the number of completed steps."""
        now = working()
        if self._first is None:
            self._first = step, now
            return
        steps, seconds = step - self._first[0], now - self._first[1]
        if steps > 0 and seconds > 0:
            self.value = steps / seconds
