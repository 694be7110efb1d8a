"""train(): the loop. A task hands out sequences, a learner presents them, an epoch ends with a look at validation.

    for every sequence:  for every phase of its presentation:  chunks of at most 0.2 s of compiled steps
    after every chunk:   progress, Ctrl-C, checkpoint
    after every epoch:   validation loss, sizes of the changes, one row of history

Two learners have the same face: :class:`Perturbed` (forward passes, noise, one broadcast) and :class:`Exact` (the gradient).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hardware_models.numerics.compile_clock import working
from neuroperturb.analysis.diagnosis import record_section as section
from neuroperturb.analysis.diagnosis.diagnosis import EPISODES, diagnose
from neuroperturb.baselines import Eprop, Rflo, Rtrl
from neuroperturb.baselines.learner import Exact, ExactOnArrays
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.experiment.toml import load
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import LEARNT, RNN, Matrices, initial_weights, spectral_radius
from neuroperturb.results.run import Run
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.learner import CHUNK, Perturbed
from neuroperturb.simulation.schedule import Training
from neuroperturb.tasks import Dataset, Task
from neuroperturb.training.progress import Pace, Progress

SEEDED = ("init", "data", "perturbation", "chip", "read")
OF_THE_CHIP = ("chip", "read")  # streams keyed by the seed of the hardware, where it has one


class Trainer:
    """A run in progress; iterate to train, stop whenever, ask for the record at any moment.

    Parameters
    ----------
    experiment : Experiment
    resume : a record to continue, from the very step it stopped at
    dataset : made by ``experiment.task.data`` unless given
    """

    def __init__(self, experiment: Experiment, *, resume: Run | None = None, dataset: Dataset | None = None):
        training = experiment.training
        self.experiment = experiment
        self.dataset = dataset or experiment.task.data(training.seed, training.batch_size)
        self.initial = initial_weights(experiment.network, self.dataset.n_in, self.dataset.n_out, training.seed)
        self._number, self._phase, self._first = 0, 0, 0
        self._sequence = self._load(0)
        self._length = len(self._sequence.inputs)
        self.learner = _learner(experiment)(experiment, self.dataset, self.initial, self._length, self.steps)
        self._hardware = self._look_at_hardware()
        self._initial_weights = self.learner.weights()
        self._epoch_weights = self._initial_weights
        self._history: list[dict] = []
        self._epoch_seconds, self._validation, self._diverged = 0.0, float("nan"), None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        if resume is not None:
            self._continue(resume)

    def _look_at_hardware(self) -> dict:
        """What a rule can expect of its hardware, before the first step; nothing without hardware, or where there is no rule."""
        rule, training = self.experiment.rule, self.experiment.training
        if self.experiment.hardware is None or isinstance(rule, Bptt) or self.experiment.spiking is not None:
            return {}
        several = EPISODES if training.schedule == "episode" else 1
        sequences = (self.dataset.batch(number) for number in range(several))
        return section.start(diagnose(self.learner.simulation, sequences), rule)

    @property
    def warning(self) -> str:
        """The ratio that limits the rule on its hardware, and what would cure it; empty where none does."""
        return self._hardware.get("warning", "")

    # the loop

    @property
    def sequences(self) -> int:
        return self.experiment.training.epochs * self.dataset.batches_per_epoch

    @property
    def steps(self) -> int:
        """Time steps of the whole run."""
        return self.sequences * self._length

    @property
    def step(self) -> int:
        """Time steps done, counted in the learning phase."""
        learning = self._phase == len(self.learner.phases) - 1
        return self._number * self._length + (self._first if learning else 0)

    def __iter__(self) -> Iterator[Progress]:
        _one_blas_thread()
        pace, shown = Pace(self.step), -float("inf")
        while self._number < self.sequences and self._diverged is None:
            start = working()
            ended = self._advance()
            self._epoch_seconds += working() - start
            if ended:
                self._end_epoch()
            pace.note(self.step)
            now = time.perf_counter()
            if ended or self._diverged is not None or now - shown > CHUNK:
                shown = now
                yield self._progress(pace.rate)

    def _advance(self) -> bool:
        """One chunk; True where it ended an epoch."""
        done = self.learner.present(self._number, self._sequence, self._phase, self._first)
        if done < 0:
            self._diverged = max(self.learner.diverged_step, 0)
            return True
        self._first = done
        if done < len(self._sequence.inputs):
            return False
        self._first, self._phase = 0, self._phase + 1
        if self._phase < len(self.learner.phases):
            return False
        self._phase, self._number = 0, self._number + 1
        if self._number < self.sequences:
            self._sequence = self._load(self._number)
        return self._number % self.dataset.batches_per_epoch == 0

    def _load(self, number: int):
        sequence = self.dataset.batch(number)
        if number and self.experiment.training.carry_state:
            reset = np.array(sequence.reset)
            reset[0] = False
            sequence = sequence._replace(reset=reset)
        return sequence

    def _end_epoch(self) -> None:
        weights, loss = self.learner.weights(), self.learner.loss
        with np.errstate(all="ignore"):  # a run that diverged has rows too
            changes = {
                f"d{name}": float(np.linalg.norm(getattr(weights, name) - getattr(self._epoch_weights, name)))
                for name in ("W_in", "W_rec", "W_out")
            }
            self._validation = self.score(self.dataset.validation)["loss"]
            diverged = self._diverged is not None
            self._history.append(
                {
                    "epoch": len(self._history) + 1,
                    "step": self.step,
                    "train_loss": float("nan") if diverged or loss[1] == 0 else float(loss[0] / loss[1]),
                    "validation_loss": self._validation,
                    **changes,
                    "spectral_radius": spectral_radius(weights.W_rec),
                    **self.learner.row(),
                    "seconds": self._epoch_seconds,
                }
            )
        self._epoch_weights, self._epoch_seconds = weights, 0.0
        loss[:] = 0

    def _progress(self, rate: float) -> Progress:
        done, training, loss = self.step, self.experiment.training, self.learner.loss
        last = self._history[-1]["train_loss"] if self._history else float("nan")
        mean = float("nan") if self._diverged is not None else float(loss[0] / loss[1]) if loss[1] else last
        epoch = min(self._number // self.dataset.batches_per_epoch + (loss[1] > 0), training.epochs)
        left = (self.steps - done) / rate
        return Progress(int(max(epoch, 1)), training.epochs, done, self.steps, mean, self._validation, rate, left)

    # looking

    def evaluate(self, sequence) -> np.ndarray:
        """Outputs of the clean network with the present weights, (T, B, n_out)."""
        return self.learner.evaluate(sequence)

    def score(self, sequence) -> dict[str, float]:
        """The task's metrics of the present weights on a sequence."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.dataset.metrics(self.evaluate(sequence), sequence)

    def run(self) -> Run:
        """The record at this moment; ``interrupted`` unless all is done."""
        finished = self._number >= self.sequences
        status = "diverged" if self._diverged is not None else "finished" if finished else "interrupted"
        as_dict = lambda matrices: {name: np.array(w) for name, w in matrices._asdict().items()}  # noqa: E731
        state = {} if status == "diverged" else self._checkpoint()
        return Run(
            experiment=self.experiment, history=list(self._history), weights=as_dict(self.learner.weights()),
            initial_weights=as_dict(self._initial_weights), status=status, diverged_step=self._diverged,
            seeds=self._seeds(), state=state, ledger=self._ledger(),
            timestamps={"started": self._started, "saved": datetime.now(UTC).isoformat(timespec="seconds")},
        )  # fmt: skip

    def _ledger(self) -> dict:
        """What the hardware did, and how it suits the rule; nothing of ideal arrays."""
        if self.experiment.hardware is None:
            return {}
        arrays, chip = self.learner.simulation.arrays, self.experiment.hardware
        physical = {name: array for name, array in arrays.items() if name in LEARNT or getattr(chip, name) is not None}
        return {"hardware": {**self._hardware, **section.so_far(physical)}}

    def _seeds(self) -> dict[str, int]:
        """By stream; everything random about hardware is the chip's."""
        training, chip = self.experiment.training, self.experiment.hardware
        seeds = dict.fromkeys(SEEDED, training.seed)
        own = chip is not None and chip.seed is not None
        return seeds | (dict.fromkeys(OF_THE_CHIP, chip.seed) if own else {})

    # checkpoints

    def _checkpoint(self) -> dict[str, np.ndarray]:
        position = np.array([self._number, self._phase, self._first], np.int64)
        before = {f"epoch.{name}": np.array(w) for name, w in self._epoch_weights._asdict().items()}
        learner = {f"learner.{name}": np.array(a) for name, a in self.learner.checkpoint().items()}
        return {"position": position, **before, **learner}

    def _continue(self, run: Run) -> None:
        """Go on from a record: position, history and every array of the state."""
        state = run.state
        self._number, self._phase, self._first = (int(k) for k in state["position"])
        self._history = run.history.to_dict("records")
        self._validation = self._history[-1]["validation_loss"] if self._history else float("nan")
        self._epoch_weights = Matrices(*(np.array(state[f"epoch.{name}"]) for name in Matrices._fields))
        self.learner.restore({name[8:]: a for name, a in state.items() if name.startswith("learner.")})
        if self._number < self.sequences:
            self._sequence = self._load(self._number)


def _learner(experiment: Experiment) -> type:
    if experiment.spiking is not None:
        from neuroperturb.spiking.learner import learner

        return learner(experiment)
    if isinstance(experiment.rule, PerturbationRule):
        return Perturbed
    return Exact if experiment.hardware is None else ExactOnArrays


@functools.cache
def _one_blas_thread() -> None:
    """A run is serial, and so are its matrix products: parallelism is across runs."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def train(
    network: RNN,
    task: Task,
    rule: PerturbationRule | Bptt | Rtrl | Rflo | Eprop,
    *,
    decorrelation: Decorrelation | None = None,
    training: Training = Training(),  # noqa: B008
    hardware: Chip | None = None,
    spiking: LIF | None = None,
    progress=None,
) -> Run:
    """Train a network on a task by a rule, and return the record.

    Parameters
    ----------
    network, task, rule, decorrelation, training : specifications
    hardware : what the network runs on; ideal unless given
    spiking : spiking neurons in the place of rate units, and what simulates them
    progress : called with a :class:`Progress` every 0.2 s or so

    Returns
    -------
    Run
        Ctrl-C returns the partial run, status ``interrupted``.
    """
    experiment = Experiment(
        network=network,
        task=task,
        rule=rule,
        decorrelation=decorrelation,
        training=training,
        hardware=hardware,
        spiking=spiking,
    )
    trainer = Trainer(experiment)
    try:
        for now in trainer:
            if progress is not None:
                progress(now)
    except KeyboardInterrupt:
        pass  # between two chunks: the state is whole
    return trainer.run()


def experiment(config: Experiment | str | Path, *, resume: Run | None = None) -> Trainer:
    """A run to step through: ``for step in experiment("run.toml"): print(step.loss)``; `.run()` is the record so far."""
    return Trainer(config if isinstance(config, Experiment) else load(config), resume=resume)
