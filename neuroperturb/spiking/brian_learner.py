"""Learning with Brian2: sequences of a task become rows of a :class:`neuroperturb.spiking.brian_network.Session`, and back.

Trials of a batch are presented one after the other, their updates summed and written once, which is equivalent to parallel trials. Noise,
input spikes and rounding have the keys of the compiled kernel, so that both backends use the same draws.
"""

from __future__ import annotations

import numpy as np

from hardware_models.numerics import random
from neuroperturb.network.chip.arrays import programmed
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import LEARNT, RNN, Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of
from neuroperturb.simulation.schedule import Training
from neuroperturb.spec import SpecError, Words
from neuroperturb.spiking import brian_equations as equations
from neuroperturb.spiking.brian_network import Rows, Session
from neuroperturb.spiking.encoding import input_spikes
from neuroperturb.spiking.model import EVALUATION, decays
from neuroperturb.spiking.neurons import require_fit
from neuroperturb.tasks import Dataset

LONGEST = 500  # steps of a presentation, if a sequence can be cut
NOISE = random.Stream.PERTURBATION


class BrianSpiking:
    """Learning by a perturbation rule with spiking neurons in Brian2; the interface is that of :class:`neuroperturb.simulation.learner.Perturbed`.

    Parameters
    ----------
    network, rule, training, initial : network, learning rule, schedule, and initial weights
    lif : the neurons
    dataset : of the task
    decorrelation, hardware : of the training
    steps, total_steps : time steps of a sequence, and of the run
    """

    phases = ("learn",)

    def __init__(
        self, network: RNN, rule: PerturbationRule, training: Training, initial: Matrices, *, lif: LIF, dataset: Dataset,
        decorrelation: Decorrelation | None, hardware: Chip | None, steps: int, total_steps: int,
    ):  # fmt: skip
        require_fit(
            network, rule, decorrelation=decorrelation, resynchronise=training.resynchronise, hardware=hardware, lif=lif
        )
        if network.is_wired:
            wanted = "of every synapse, of either sign, on the backend 'brian2': 'kernel' has sparse, signed and layered networks"
            raise SpecError("network", "", wanted, Words("some"))
        check_learning(rule, training, dataset, hardware)
        self.network, self.rule, self.lif, self.seed = network, rule, lif, training.seed
        self.online, self.batch, self.total = training.schedule == "online", training.batch_size, total_steps
        self.loss, self.diverged_step, self._step = np.zeros(2), -1, 0
        self.chunk = _divisor(steps) if self.online else steps * self.batch
        divisor = float(self.batch) if rule.batch_divisor == "mean" else 1.0
        self.session = Session(
            rule, self._arrays(initial, hardware or Chip()), lif=lif, n_in=dataset.n_in, steps=self.chunk, online=self.online,
            divisor=divisor, frozen=training.frozen, target=lif.backend.target, seed=training.seed,
        )  # fmt: skip
        self.state = self.session.initial()

    def _arrays(self, initial: Matrices, chip: Chip) -> dict:
        seed = self.seed if chip.seed is None else chip.seed
        arrays = {}
        for number, name in enumerate(LEARNT):
            W = getattr(initial, name)
            arrays[name] = programmed(
                chip.of(name), W, dtype=np.dtype(np.float64), seed=seed, number=number, matrix=name
            )
        return arrays

    # learning

    def present(self, number: int, sequence, phase: int, first: int) -> int:
        """Present a chunk; returns the next step, -1 if the loss diverged."""
        del number, phase  # noise is keyed by the step of the run, and there is one phase
        T = len(sequence.inputs)
        last = min(T, first + self.chunk) if self.online else T
        rows = self._rows(sequence, first, last)
        outcome, self.state = self.session.present(rows, self.state)
        scored = np.asarray(rows.masks, bool)
        losses = outcome.loss[: len(scored)][scored]
        if not np.isfinite(losses).all():
            bad = np.flatnonzero(scored)[np.flatnonzero(~np.isfinite(losses))[0]]
            self.diverged_step = self._step + int(bad) % (last - first)
            return -1
        self.loss += losses.sum() / self.batch, scored.sum() / self.batch
        self._step += last - first
        return last

    def end_sequence(self) -> None:
        """Nothing: the network writes."""

    def _rows(self, sequence, first: int, last: int) -> Rows:
        """Steps of a sequence as rows, trial after trial."""
        rule, steps = self.rule, range(first, last)
        sigma, seed = rule.noise_std, self.seed
        shape = lambda units: (self.batch, units)  # noqa: E731
        draws = [
            np.stack([
                random.normal(seed, random.stream(NOISE, layer), self._step + k, shape(units), np.float64) for k in range(len(steps))
            ])
            for layer, units in ((0, self.session.objects.n), (1, self.session.objects.n_out))
        ]  # fmt: skip
        etas = [rule.learning_rate * rule.rate.factor((self._step + k + 1) / self.total) for k in range(len(steps))]
        part = sequence._replace(
            **{name: getattr(sequence, name)[first:last] for name in ("inputs", "targets", "mask", "reset")}
        )
        rows = self._still(part, clock=self._step)
        finishes = np.zeros(len(rows.masks))
        finishes[-1] = 0.0 if self.online else 1.0
        noise, noise_y = (sigma * _one_after_the_other(d) for d in draws)
        return rows._replace(
            noise=noise,
            noise_y=noise_y,
            learns=np.ones(len(rows.masks)),
            finishes=finishes,
            etas=np.tile(etas, self.batch),
        )

    def _still(self, sequence, clock: int) -> Rows:
        """Rows of a sequence without noise and without learning."""
        lif, d = self.lif, decays(self.lif)
        T, B = sequence.inputs.shape[:2]
        n_in, bias = sequence.inputs.shape[2], self.network.bias
        coded = lif.encoding.kind != "current"
        u = _one_after_the_other(sequence.inputs)
        inputs = np.hstack([0 * u if coded else d.gain * u, np.ones((len(u), int(bias)))])
        spikes = np.zeros((1, 2))
        if coded:
            kicks = input_spikes(lif, sequence.inputs, self.seed, clock)  # (T, substeps, B, n_in)
            spikes = d.kick * np.moveaxis(kicks, 2, 0).reshape(-1, n_in)
            spikes = np.hstack([spikes, np.zeros((len(spikes), int(bias)))])
        flat = lambda rows: np.asarray(rows, float).T.ravel()  # noqa: E731
        begins = np.tile(np.asarray(sequence.reset, float), B)
        nothing = np.zeros(T * B)
        return Rows(
            inputs=inputs,
            spikes=spikes,
            noise=np.zeros((T * B, self.session.objects.n)),
            noise_y=np.zeros((T * B, self.session.objects.n_out)),
            targets=_one_after_the_other(sequence.targets),
            masks=flat(sequence.mask),
            learns=nothing,
            begins=begins,
            finishes=nothing,
            etas=nothing,
        )

    # results

    def evaluate(self, sequence) -> np.ndarray:
        """Outputs of the clean network, (T, B, n_out), from rest unless the sequence does not start with a reset."""
        T, B = sequence.inputs.shape[:2]
        rows = self._still(sequence, clock=EVALUATION)
        substeps = self.lif.substeps
        state, outputs = self.session.at_rest(self.state), []
        for first in range(0, T * B, self.chunk):
            part = slice(first, first + self.chunk)
            coded = slice(first * substeps, (first + self.chunk) * substeps)
            chunk = Rows(*(value[coded if name == "spikes" else part] for name, value in rows._asdict().items()))
            outcome, state = self.session.present(chunk, state)
            outputs.append(outcome.y[: len(chunk.masks)])
        return np.concatenate(outputs).reshape(B, T, -1).swapaxes(0, 1)

    def row(self) -> dict:
        return {"twin_distance": self.session.twin_distance(self.state), "skipped": 0}

    def weights(self) -> Matrices:
        return self.session.weights(self.state)

    def checkpoint(self) -> dict[str, np.ndarray]:
        return {"loss": self.loss, "step": np.array([self._step]), **self.state}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.loss[:], self._step = state["loss"], int(state["step"][0])
        self.state = {name: np.array(state[name]) for name in self.state}


def check_learning(rule: PerturbationRule, training: Training, dataset: Dataset, hardware: Chip | None) -> None:
    """Reject settings that the equations do not support, in one sentence."""
    equations.check(rule)
    wrong = [
        (dataset.loss != "mse", "task", "one with a mean squared error", dataset.loss),
        (training.dtype != "float64", "training.dtype", "'float64'", training.dtype),
        (
            training.schedule == "online" and training.batch_size > 1,
            "training.batch_size",
            "1 in the online schedule",
            training.batch_size,
        ),
        (rule.broadcast == "batch" and training.batch_size > 1, "rule.broadcast", "'trial'", rule.broadcast),
        (
            not facts_of(rule).separable and training.batch_size > 1,  # trials here come one after the other
            "training.batch_size",
            "1 for running estimates",
            training.batch_size,
        ),
        (
            hardware is not None and not hardware.reward.is_ideal,
            "hardware.reward",
            "left out",
            "a channel",
        ),
    ]
    for is_wrong, name, wanted, got in wrong:
        if is_wrong:
            raise SpecError(name, "", f"{wanted} on the backend 'brian2'", got)


def _one_after_the_other(values: np.ndarray) -> np.ndarray:
    """(T, B, k) → (B · T, k), trial after trial."""
    return np.ascontiguousarray(np.swapaxes(values, 0, 1)).reshape(-1, values.shape[2]).astype(float)


def _divisor(steps: int) -> int:
    """The largest number of steps up to LONGEST that divides a sequence, or all of it."""
    found = [k for k in range(1, LONGEST + 1) if steps % k == 0]
    return found[-1] if found[-1] > LONGEST // 10 or steps <= LONGEST else steps
