"""The training sequences of a run, and the position of the run among them.

    for every sequence:  for every phase of its presentation:  chunks of at most 0.2 s of compiled steps

A position is three numbers: of the sequence, of its phase, of the next time step. Together with the state of the learner they are
sufficient to resume.
"""

from __future__ import annotations

import numpy as np

from hardware_models.crossbar.pulses import PULSE
from neuroperturb.simulation.schedule import Training
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import Dataset, Sequence
from neuroperturb.training.contract import Learner

MOST_STEPS = 2**48  # of a run: draws are numbered by the step, see hardware_models.numerics.random
LONG = "Random draws are numbered by them, and would come again."
MOST_WRITES = PULSE  # of an array: pulses are numbered by the write, see hardware_models.crossbar.pulses


class Sequences:
    """Training sequences of all epochs, by number.

    count : sequences of the whole run;  length : time steps of each;  steps : of all
    """

    def __init__(self, dataset: Dataset, training: Training):
        self.dataset, self.carry_state = dataset, training.carry_state
        self.first = dataset.batch(0)
        self.length = len(self.first.inputs)
        self.count = training.epochs * dataset.batches_per_epoch
        self.steps = self.count * self.length

    def __getitem__(self, number: int) -> Sequence:
        if number == 0:
            return self.first
        sequence = self.dataset.batch(number)
        if not self.carry_state:
            return sequence
        reset = np.array(sequence.reset)
        reset[0] = False
        return sequence._replace(reset=reset)


def require_countable(sequences: Sequences, training: Training, *, writes: bool) -> None:
    """Refuse a run whose draws would come again before it ends, since what numbers them has so many bits; none gets there in years.

    writes : whether its updates are written into arrays that draw
    """
    counts = [("steps", sequences.steps, MOST_STEPS)]
    if writes:
        counts.append(("writes", sequences.steps if training.schedule == "online" else sequences.count, MOST_WRITES))
    for what, count, most in counts:
        each = count // training.epochs
        if count > most and each > most:
            raise SpecError("task", "Experiment", f"an epoch of at most {most} {what}", each, LONG, verb="must have")
        if count > most:
            raise SpecError(
                "training.epochs", "Training", f"at most {most // each}, of {each} {what} each", training.epochs, LONG
            )


class Loop:
    """A learner and its position in the sequences.

    number, phase, first : the position
    diverged : step of the run with a non-finite loss, or None
    """

    def __init__(self, sequences: Sequences, learner: Learner):
        self.sequences, self.learner = sequences, learner
        self.number, self.phase, self.first = 0, 0, 0
        self.diverged: int | None = None
        self._sequence = sequences.first

    @property
    def finished(self) -> bool:
        """Whether every sequence was presented."""
        return self.number >= self.sequences.count

    @property
    def ended(self) -> bool:
        """Whether the run is complete or has diverged."""
        return self.finished or self.diverged is not None

    @property
    def step(self) -> int:
        """Time steps done, counted in the learning phase."""
        learning = self.phase == len(self.learner.phases) - 1
        return self.number * self.sequences.length + (self.first if learning else 0)

    def advance(self) -> bool:
        """Present one chunk; True if it ended an epoch, or the run."""
        done = self.learner.present(self.number, self._sequence, self.phase, self.first)
        if done < 0:
            self.diverged = max(self.learner.diverged_step, 0)
            return True
        self.first = done
        if done < len(self._sequence.inputs):
            return False
        self.first, self.phase = 0, self.phase + 1
        if self.phase < len(self.learner.phases):
            return False
        self._go_to(self.number + 1, 0, 0)
        return self.number % self.sequences.dataset.batches_per_epoch == 0

    def checkpoint(self) -> np.ndarray:
        """The position, int64 (3,)."""
        return np.array([self.number, self.phase, self.first], np.int64)

    def restore(self, position: np.ndarray) -> None:
        """Continue from a position; refused if the run has no such position."""
        number, phase, first = map(int, position)
        ended = number == self.sequences.count and phase == first == 0
        inside = (
            0 <= number < self.sequences.count
            and phase in range(len(self.learner.phases))
            and 0 <= first <= self.sequences.length
        )
        if not (ended or inside):
            raise InputError(f"The checkpoint does not fit this run, which has no position {number}, {phase}, {first}.")
        self._go_to(number, phase, first)

    def _go_to(self, number: int, phase: int, first: int) -> None:
        self.number, self.phase, self.first = number, phase, first
        if not self.finished:
            self._sequence = self.sequences[number]
