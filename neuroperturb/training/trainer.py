"""A run in progress: a task provides sequences, a learner is trained on them, every epoch ends with the validation loss.

    after every chunk:   progress, checkpoint
    after every epoch:   a row of the history

Ctrl-C may come at any moment: weights, position and rows are updated together or not at all, see :mod:`neuroperturb.training.whole`.

The position of the run is in a :class:`neuroperturb.training.loop.Loop`; the learner is a
:class:`neuroperturb.training.learner.Learner`; rows are in a :class:`neuroperturb.training.history.History`.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.costs.html_table import html_table
from hardware_models.numerics.compile_ahead import ahead
from hardware_models.numerics.compile_clock import working
from neuroperturb.analysis.diagnosis import record_section as section
from neuroperturb.analysis.diagnosis.diagnosis import EPISODES, diagnose
from neuroperturb.experiments.data_files import of_experiment
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import LEARNT, initial_weights, require_room
from neuroperturb.results.run import Run
from neuroperturb.rules import PerturbationRule
from neuroperturb.spec import SpecError
from neuroperturb.spec.data_file import require_the_same
from neuroperturb.tasks import Dataset
from neuroperturb.tasks.contract import Sequence
from neuroperturb.tasks.unscored import unscored
from neuroperturb.training.history import NAN, History
from neuroperturb.training.learner import Learner, make_learner
from neuroperturb.training.loop import Loop, Sequences, require_countable
from neuroperturb.training.pace import Every, check, pace
from neuroperturb.training.progress import Progress, StepRate
from neuroperturb.training.resumption import fitting, require_same, require_simulated, require_state
from neuroperturb.training.whole import Camera, Guard, whole

SEEDED = ("init", "data", "perturbation", "chip", "read")
OF_THE_CHIP = ("chip", "read")  # streams keyed by the seed of the hardware, if it has one


class Trainer:
    """A run in progress; iterate to train, stop at any time, get the record at any moment.

    Parameters
    ----------
    experiment : Experiment
    resume : a record of the same experiment to resume from the exact step it stopped at; `training.epochs` may have grown
    dataset : by default from ``experiment.task.data``
    every : when iterating yields: ``"epoch"``, after each; a number of time steps; None: after each epoch, and a few times a second
    """

    def __init__(
        self, experiment: Experiment, *, resume: Run | None = None, dataset: Dataset | None = None, every: Every = None
    ):
        self.every = check(every)
        if resume is not None:
            self._require_own(resume)
            require_same(resume, experiment)
            now = of_experiment(experiment, None if dataset is None else dataset.files)
            require_the_same(resume.data, now, "Resuming a record")
        self._begin(experiment, dataset)
        self._diagnosis = self._diagnose()
        self._started = _now()
        if resume is not None:
            self._continue(resume)

    def _begin(self, experiment: Experiment, dataset: Dataset | None) -> None:
        """Everything as before the first step."""
        training = experiment.training
        self.experiment = experiment = experiment.bound()
        self.dataset = dataset or experiment.task.data(training.seed, training.batch_size)
        self.data = of_experiment(experiment, self.dataset.files)
        require_room(experiment.network, self.dataset.n_in, self.dataset.n_out, training.batch_size)
        self.initial = initial_weights(experiment.network, self.dataset.n_in, self.dataset.n_out, training.seed)
        sequences = Sequences(self.dataset, training)
        require_countable(sequences, training, writes=experiment.hardware is not None)
        self.learner = self._learner(sequences.length, sequences.steps)
        self._loop = Loop(sequences, self.learner)
        self._initial_weights = self.learner.weights()
        self._history = History(self._initial_weights)
        self._guard, self._camera = Guard(), Camera()

    def _require_own(self, run: Run) -> None:
        """Refuse a record that this sort of run cannot go on from."""
        require_simulated(run)

    def _learner(self, steps: int, total_steps: int) -> Learner:
        """Who learns from sequences of so many steps, of a run of so many."""
        return make_learner(self.experiment, self._learnt_from(), self.initial, steps, total_steps)

    def _learnt_from(self) -> Dataset:
        """The data, with the loss that is learned from."""
        chosen = None if self.experiment.loss is None else self.experiment.loss.bind()
        if chosen is None or chosen == self.dataset.loss:
            return self.dataset
        if chosen == "cross_entropy":
            raise SpecError("loss", "Experiment", "that of targets which are numbers, not odds of classes", chosen)
        data = copy.copy(self.dataset)
        data.loss = chosen  # type: ignore[assignment]
        return data

    def __repr__(self) -> str:
        of, chip = self.experiment, self.experiment.hardware
        on = of.task.label if chip is None else f"{of.task.label}, {chip.label}"
        return f"<{type(self).__name__} of {of.rule.label} on {on}: {self.step:,} of {self.steps:,} time steps>"

    def _repr_html_(self) -> str:
        of, learns = self.experiment, self.experiment.rule.label
        on = "ideal weights" if of.hardware is None else of.hardware.title
        rows = [("network", of.network), ("hardware", on), ("done", f"{self.step:,} of {self.steps:,} time steps")]
        return html_table(f"Training of {of.task.label} by {learns}", rows)

    # copies: made anew and put where this one is, since kernels take a state by where it lies in memory

    @whole
    def __getstate__(self) -> dict:
        return {
            "experiment": self.experiment, "dataset": self.dataset, "started": self._started, "diagnosis": self._diagnosis,
            "moment": self._snapshot(), "every": self.every,
        }  # fmt: skip

    def __setstate__(self, state: dict) -> None:
        self._begin(state["experiment"], state["dataset"])
        self._started, self._diagnosis, self.every = state["started"], dict(state["diagnosis"]), state["every"]
        self._put_back(state["moment"])

    def _diagnose(self) -> dict:
        """Diagnosis of a rule on its hardware, before the first step; None without hardware, for a gradient, or for spiking neurons."""
        rule, training = self.experiment.rule, self.experiment.training
        rate_units = self.experiment.spiking is None
        if self.dataset.world is not None:  # its ratios are of the change of a loss against a target
            return {}
        if self.experiment.hardware is None or not (rate_units and isinstance(rule, PerturbationRule)):
            return {}
        several = EPISODES if training.schedule == "episode" else 1
        sequences = (self.dataset.batch(number) for number in range(several))
        with np.errstate(over="ignore", invalid="ignore"), ahead(self._end_epoch):
            return section.start(diagnose(self.learner.simulation, sequences), rule)

    @property
    def warning(self) -> str:
        """The ratio that limits the rule on its hardware, and its remedy; empty if there is none."""
        return self._diagnosis.get("warning", "")

    # the loop

    @property
    def sequences(self) -> int:
        """Training sequences of the whole run."""
        return self._loop.sequences.count

    @property
    def steps(self) -> int:
        """Time steps of the whole run."""
        return self._loop.sequences.steps

    @property
    def step(self) -> int:
        """Time steps done, counted in the learning phase."""
        return self._loop.step

    @property
    def ended(self) -> bool:
        """Whether training has ended: all sequences were presented, the loss diverged, or it no longer falls (`patience`)."""
        return self._loop.ended or self._stalled

    @property
    def _stalled(self) -> bool:
        return self._history.stalled(self.experiment.training.patience)

    def __iter__(self) -> Iterator[Progress]:
        _one_blas_thread()
        rate, due = StepRate(), pace(self.every, self.step)
        with contextlib.ExitStack() as first_epoch:
            first_epoch.enter_context(self._compiled_ahead())
            while not self.ended:
                epoch_ended = self.advance()
                if epoch_ended:
                    first_epoch.close()
                rate.note(self.step)
                if due(epoch_ended, self.step):
                    yield self._progress(rate.value)

    @whole
    def advance(self) -> bool:
        """Present one chunk; True if it ended an epoch, whose row is then in the history, or the run."""
        start = working()
        with np.errstate(over="ignore", invalid="ignore"):  # interpreted kernels warn; what is not finite ends the run
            epoch_ended = self._loop.advance()
        self._history.seconds += working() - start
        if epoch_ended:
            loss = self._score(self.dataset.validation)["loss"]
            self._history.end_epoch(
                self.learner, step=self.step, validation_loss=loss, diverged=self._loop.diverged is not None
            )
            self._guard.keep_next()
        return epoch_ended

    def _compiled_ahead(self) -> contextlib.AbstractContextManager[None]:
        """An epoch whose kernels a child of a command compiles, too; not where a step moves what is outside of this process."""
        world = self.dataset.world
        if world is not None and world.outside is not None:
            return contextlib.nullcontext()
        return ahead(self._end_epoch, beside=self._loop.advance)

    def _end_epoch(self) -> None:
        """What an epoch ends in, of the kernels that it needs: a write, and a validation."""
        self.learner.end_sequence()
        self._score(self.dataset.validation)

    def _progress(self, rate: float) -> Progress:
        done, training, loss = self.step, self.experiment.training, self.learner.loss
        mean = float(loss[0] / loss[1]) if loss[1] else self._history.last("train_loss")
        epoch = min(self._loop.number // self.dataset.batches_per_epoch + (loss[1] > 0), training.epochs)
        return Progress(
            epoch=int(max(epoch, 1)), epochs=training.epochs, step=done, steps=self.steps,
            loss=NAN if self._loop.diverged is not None else mean, validation=self._history.last("validation_loss"),
            rate=rate, left=(self.steps - done) / rate,
        )  # fmt: skip

    def close(self) -> None:
        """End what a run holds open: nothing, for a simulation."""

    # results

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the weights as they are now, by name: what a loop over a trainer keeps of every epoch."""
        return self._weights()

    @whole
    def _weights(self) -> dict[str, np.ndarray]:
        return {name: np.array(w) for name, w in self.learner.weights()._asdict().items()}

    @whole
    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Outputs of the clean network with the present weights, (T, B, n_out)."""
        return self.learner.evaluate(sequence)

    def predict(self, inputs: ArrayLike, *, reset: ArrayLike | None = None) -> np.ndarray:
        """Outputs of the present weights for inputs of your own, (T, B, n_in) or (T, n_in); see :func:`neuroperturb.predict`."""
        sequence, one = unscored(inputs, reset, self.dataset)
        outputs = self.evaluate(sequence)
        return outputs[:, 0] if one else outputs

    @whole
    def score(self, sequence: Sequence) -> dict[str, float]:
        """The task's metrics of the present weights on a sequence."""
        return self._score(sequence)

    def _score(self, sequence: Sequence) -> dict[str, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            return self.dataset.metrics(self.learner.evaluate(sequence), sequence)

    @whole
    def run(self) -> Run:
        """The record at this moment; ``interrupted`` unless all is done."""
        diverged = self._loop.diverged
        status = (
            "diverged"
            if diverged is not None
            else "finished"
            if self._loop.finished or self._stalled
            else "interrupted"
        )
        as_dict = lambda matrices: {name: np.array(w) for name, w in matrices._asdict().items()}  # noqa: E731
        state = {} if status == "diverged" else self._checkpoint()
        return Run(
            experiment=self.experiment, history=list(self._history.rows), weights=as_dict(self.learner.weights()),
            initial_weights=as_dict(self._initial_weights), status=status, diverged_step=diverged, seeds=self._seeds(), state=state,
            ledger=self._ledger(), loss=self._loss_scale, timestamps={"started": self._started, "saved": _now()}, data=self.data,
        )  # fmt: skip

    @functools.cached_property
    def _loss_scale(self) -> dict:
        """Name, unit and guess level of the loss."""
        return self.dataset.loss_scale()._asdict()

    def _ledger(self) -> dict:
        """Operation and diagnosis of the hardware; empty for ideal arrays."""
        if self.experiment.hardware is None:
            return {}
        arrays, chip = self.learner.simulation.physical, self.experiment.hardware
        physical = {name: array for name, array in arrays.items() if name in LEARNT or getattr(chip, name) is not None}
        return {"hardware": {**self._diagnosis, **section.so_far(physical)}}

    def _seeds(self) -> dict[str, int]:
        """Seeds by stream; those of the hardware are the chip's."""
        training, chip = self.experiment.training, self.experiment.hardware
        seeds = dict.fromkeys(SEEDED, training.seed)
        own = chip is not None and chip.seed is not None
        return seeds | (dict.fromkeys(OF_THE_CHIP, chip.seed) if own else {})

    # checkpoints

    def _checkpoint(self) -> dict[str, np.ndarray]:
        """All state needed to resume; deployment reads ``learner.arrays.W_rec.scale`` and the like."""
        before = {f"epoch.{name}": w for name, w in self._history.checkpoint().items()}
        learner = {f"learner.{name}": np.array(a) for name, a in self.learner.checkpoint().items()}
        return {"position": self._loop.checkpoint(), **before, **learner}

    def _continue(self, run: Run) -> None:
        """Continue from a record: position, history and every array of the state."""
        require_state(run)
        with fitting():
            self._restore(run.history.to_dict("records"), run.state)

    def _restore(self, rows: list[dict], state: dict[str, np.ndarray]) -> None:
        self._history.restore(rows, _part(state, "epoch."))
        self.learner.restore(_part(state, "learner."))
        self._loop.restore(state["position"])

    def _snapshot(self) -> tuple:
        """All state that an operation changes: rows, weights before them, seconds, the step of divergence, position, arrays."""
        history, loop = self._history, self._loop
        arrays = self._camera.take(self.learner.checkpoint())
        return list(history.rows), history.before, history.seconds, loop.diverged, loop.checkpoint(), arrays

    def _put_back(self, snapshot: tuple) -> None:
        rows, before, seconds, diverged, position, arrays = snapshot
        self._history.restore(list(rows), before._asdict())
        self.learner.restore(arrays.arrays())
        self._loop.restore(position)
        self._history.seconds, self._loop.diverged = seconds, diverged


def _part(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays of one part of a checkpoint."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@functools.cache
def _one_blas_thread() -> None:
    """A run is single-threaded, including its matrix products: parallelism is across runs."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
