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
    """Steps per second since a run was started or resumed, without compilation.

    value : steps per second, nan before the first
    """

    def __init__(self, step: int):
        self.value, self._first, self._began = float("nan"), step, working()

    def note(self, step: int) -> None:
        """Note the number of completed steps."""
        spent = working() - self._began
        if step > self._first and spent > 0:
            self.value = (step - self._first) / spent
