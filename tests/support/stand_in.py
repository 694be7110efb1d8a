"""A trainer that keeps the contract of `neuroperturb.training.trainer.Trainer` and learns nothing, for tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from neuroperturb.results.run import Run

STEPS_A_CHUNK = 5  # chunks; an epoch is two of them


class Progress(NamedTuple):
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation: float
    rate: float
    left: float


class Trainer:
    """Multiplies its weights by 0.9 a chunk; `diverge_at` and `on_chunk` are for tests to set."""

    diverge_at: int | None = None
    on_chunk = staticmethod(lambda step: None)

    def __init__(self, experiment, *, resume=None, dataset=None):
        training = experiment.training
        self.experiment = experiment
        self.dataset = dataset or experiment.task.data(training.seed, training.batch_size)
        rng = np.random.default_rng(training.seed)
        n, m, p = experiment.network.size, self.dataset.n_in + experiment.network.bias, self.dataset.n_out
        shapes = {"W_in": (n, m), "W_rec": (n, n), "W_out": (p, n)}
        self.initial = {name: rng.normal(size=shape).astype(training.dtype) for name, shape in shapes.items()}
        self.weights = {name: w.copy() for name, w in self.initial.items()}
        self.step, self.history, self.diverged = 0, [], None
        if resume is not None:
            self.weights = {name: w.copy() for name, w in resume.weights.items()}
            self.step = int(resume.state["step"])
            self.history = resume.history.to_dict("records")

    @property
    def steps(self):
        return 2 * STEPS_A_CHUNK * self.experiment.training.epochs

    def __iter__(self):
        epochs = self.experiment.training.epochs
        while self.step < self.steps:
            self.step += STEPS_A_CHUNK
            for name, weight in self.weights.items():
                if name not in self.experiment.training.frozen:
                    weight *= np.float32(0.9)
            loss = float(np.abs(self.weights["W_out"]).mean())
            if self.diverge_at is not None and self.step >= self.diverge_at:
                self.diverged, loss = self.step, float("nan")
            epoch = (self.step - 1) // (2 * STEPS_A_CHUNK) + 1
            if self.step % (2 * STEPS_A_CHUNK) == 0 or self.diverged:
                self.history.append(self._row(epoch, loss))
            self.on_chunk(self.step)
            yield Progress(epoch, epochs, self.step, self.steps, loss, 1.1 * loss, 0.1, 0.1)
            if self.diverged:
                return

    def _row(self, epoch, loss):
        numbers = dict.fromkeys(("dW_in", "dW_rec", "dW_out", "twin_distance", "spectral_radius"), 0.5)
        return {
            "epoch": epoch,
            "step": self.step,
            "train_loss": loss,
            "validation_loss": 1.1 * loss,
            **numbers,
            "skipped": 0,
            "seconds": 0.1,
        }

    def run(self):
        status = "diverged" if self.diverged else "finished" if self.step >= self.steps else "interrupted"
        return Run(
            experiment=self.experiment,
            history=list(self.history),
            weights={name: w.copy() for name, w in self.weights.items()},
            initial_weights=self.initial,
            status=status,
            diverged_step=self.diverged,
            seeds={"init": self.experiment.training.seed},
            state={"step": np.int64(self.step)},
            timestamps={"started": "now"},
        )

    def close(self):
        pass

    def evaluate(self, sequence):
        shape = (*sequence.inputs.shape[:2], self.dataset.n_out)
        return np.full(shape, float(self.weights["W_out"].mean()))


module = SimpleNamespace(Trainer=Trainer, Progress=Progress)
