"""How far a run is, and how fast it goes."""

from __future__ import annotations

from typing import NamedTuple

from hardware_models.numerics.compile_clock import working


class Progress(NamedTuple):
    """Where training is: epochs from 1, time steps of the whole run, mean training loss of this epoch so far.

    rate : steps a second, nan while there is none to tell;  left : seconds, likewise
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation: float
    rate: float
    left: float


class Pace:
    """Steps a second, compiling left out."""

    def __init__(self, step: int):
        self.rate, self._first, self._began = float("nan"), step, working()

    def note(self, step: int) -> None:
        """So many steps are done."""
        spent = working() - self._began
        if step > self._first and spent > 0:
            self.rate = (step - self._first) / spent
