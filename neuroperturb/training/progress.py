"""How far a run is, and how fast it goes."""

from __future__ import annotations

from typing import NamedTuple

from hardware_models.numerics.compile_clock import working


class Progress(NamedTuple):
    """Where training is: epochs from 1, time steps of the whole run, mean training loss of this epoch so far.

    rate : steps a second, nan before the first;  left : seconds, likewise
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
    """Steps a second since a run was begun or continued, time of compiling left out.

    value : steps a second, nan before the first
    """

    def __init__(self, step: int):
        self.value, self._first, self._began = float("nan"), step, working()

    def note(self, step: int) -> None:
        """So many steps of the run are done."""
        spent = working() - self._began
        if step > self._first and spent > 0:
            self.value = (step - self._first) / spent
