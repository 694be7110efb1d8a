"""A run with a chip in the loop: the experiment, record, curve and report of any run, on a chip nobody has a model of.

from neuroperturb import BlackBox
box = BlackBox(experiment, chip)            chip: a function, ["python", "my_chip.py"], or "127.0.0.1:5000"
for step in box: print(step.loss)
box.run().save("in_the_loop.nc")
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import Matrices
from neuroperturb.results.columns import IN_THE_LOOP
from neuroperturb.results.run import Run
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import Dataset
from neuroperturb.tasks.contract import Sequence as Trials
from neuroperturb.training.black_box.ask_tell import AskTell
from neuroperturb.training.black_box.doors import Door, door_to
from neuroperturb.training.black_box.presentation import Measurement, Presentation, losses_of, outputs_of
from neuroperturb.training.resumption import require_in_the_loop
from neuroperturb.training.trainer import Trainer


class BlackBox(Trainer):
    """A run on a chip that is asked and tells; iterate to train, as with a :class:`neuroperturb.Trainer`.

    Parameters
    ----------
    experiment : Experiment with a perturbation rule, and without hardware: the chip is the hardware
    chip : a function of a :class:`~neuroperturb.training.black_box.presentation.Presentation`; the command of a program that speaks JSON lines, as a
        list; the address of a server on this machine, ``"127.0.0.1:5000"``; or a :class:`~neuroperturb.training.black_box.doors.Door`
    keeps_weights : the chip keeps its weights, and is told changes, instead of all weights at every presentation
    resume : a record of the same experiment, to go on from; the chip must be as it was
    dataset : by default from ``experiment.task.data``
    """

    def __init__(
        self, experiment: Experiment, chip: Door | Callable[[Presentation], Any] | Sequence[str] | str, *, keeps_weights: bool = False,
        resume: Run | None = None, dataset: Dataset | None = None,
    ):  # fmt: skip
        _require_fit(experiment)
        self.door, self._keeps_weights = door_to(chip), keeps_weights
        try:
            super().__init__(experiment, resume=resume, dataset=dataset)
        except BaseException:
            self.door.close()
            raise

    def __getstate__(self) -> dict:
        raise InputError("A run with a chip in the loop cannot be copied: there is one chip.")

    def close(self) -> None:
        """End the conversation with the chip."""
        self.door.close()

    def _require_own(self, run: Run) -> None:
        require_in_the_loop(run)

    def _learner(self, steps: int, total_steps: int) -> InTheLoop:
        experiment = self.experiment
        return InTheLoop(
            experiment, self._learnt_from(), self.initial, self.door, self._keeps_weights, steps, total_steps
        )

    def _score(self, sequence: Trials) -> dict[str, float]:
        """The task's metrics of outputs, or the loss alone where a chip tells no outputs."""
        learner: InTheLoop = self.learner  # type: ignore[assignment]
        request, told = learner.measure(sequence)
        if told.outputs is not None:
            return self.dataset.metrics(outputs_of(told, request)[0], sequence)
        return {"loss": float(losses_of(told, request, self.dataset.loss).sum() / sequence.mask.sum())}

    def _compiled_ahead(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def _ledger(self) -> dict:
        return {IN_THE_LOOP: {"door": self.door.name, "keeps_weights": self._keeps_weights}}


class InTheLoop:
    """Learning on a chip: the learner of a training loop, one presentation at a time.

    Parameters
    ----------
    experiment, dataset, initial : as of a run
    door : to the chip
    keeps_weights : see :class:`BlackBox`
    steps, total_steps : of a sequence, and of the run
    """

    phases = ("learn",)

    def __init__(
        self, experiment: Experiment, dataset: Dataset, initial: Matrices, door: Door, keeps_weights: bool, steps: int, total_steps: int
    ):  # fmt: skip
        training = experiment.training
        self.session = AskTell(
            experiment.rule, experiment.network, n_in=dataset.n_in, n_out=dataset.n_out, steps=steps, batch=training.batch_size,  # type: ignore[arg-type]
            loss=dataset.loss, schedule=training.schedule or "episode", total_steps=total_steps, seed=training.seed, dtype=training.dtype,
            frozen=training.frozen, initial=initial, keeps_weights=keeps_weights,
        )  # fmt: skip
        self._door, self._loss = door, dataset.loss

    def present(self, number: int, sequence: Trials, phase: int, first: int) -> int:
        """An episode, or a step of the online schedule; returns the next step, -1 if the loss diverged."""
        del phase
        last = min(len(sequence.inputs), first + self.session.window)
        part = sequence if last - first == len(sequence.inputs) else Trials(
            sequence.inputs[first:last], sequence.targets[first:last], sequence.mask[first:last], sequence.reset[first:last],
            sequence.condition[first:last],
        )  # fmt: skip
        request = self.session.ask(part, number)
        try:
            told = self._door.present(request)
        except BaseException:
            self.session.withdraw()
            raise
        self.session.tell(told)
        return -1 if self.session.diverged else last

    def end_sequence(self) -> None:
        """Nothing: the session writes."""

    def measure(self, sequence: Trials) -> tuple[Presentation, Measurement]:
        """What the chip does without perturbation."""
        request = self.session.look(sequence)
        return request, self._door.present(request)

    @property
    def loss(self) -> np.ndarray:
        """(sum, count) of the training loss."""
        return self.session.simulation.run.counters.loss

    @property
    def diverged_step(self) -> int:
        return int(self.session.simulation.run.counters.diverged[0])

    def row(self) -> dict:
        """Columns of the history."""
        return {"skipped": int(self.session.simulation.run.counters.skipped[0])}

    def weights(self) -> Matrices:
        return self.session.simulation.weights()

    def evaluate(self, sequence: Trials) -> np.ndarray:
        """Outputs that the chip tells."""
        request, told = self.measure(sequence)
        if told.outputs is None:
            raise SpecError.missing("outputs", "a measurement", "Without them a chip has a loss and no predictions.")
        return outputs_of(told, request)[0]

    def checkpoint(self) -> dict[str, np.ndarray]:
        return self.session.simulation.live_state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.session.simulation.restore(state)


def _require_fit(experiment: Experiment) -> None:
    """Reject what a chip in the loop has no use for."""
    if experiment.spiking is not None:
        raise SpecError("spiking", "BlackBox", verb="must be left out: the chip has its own neurons")
    if experiment.hardware is not None:
        raise SpecError("hardware", "BlackBox", verb="must be left out: the chip is the hardware")
    if experiment.decorrelation is not None:
        raise SpecError("decorrelation", "BlackBox", verb="must be left out: the chip has no further matrices")
    if not hasattr(experiment.rule, "probe"):
        raise SpecError(
            "rule", "BlackBox", "a perturbation rule: a gradient needs a model of the chip", experiment.rule.name
        )
