"""The exact gradient through the same arrays: separates limits of the hardware from those of a rule.

    forward    on the hardware: arrays, their noise and converters, neurons, like the passes of a rule
    backward   on a computer, with the activities of that pass, the stored weights, and nominal neurons, f'(a)
    write      the optimiser's change, a dense one, with the cells' own write formula

If this learns and a perturbation rule does not, the rule is too noisy; if this does not either, the hardware is the limit. The
state of the optimiser is on the computer, in floating point.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.numerics import memory
from hardware_models.numerics.record import record
from neuroperturb.baselines.bptt import Gradients, Passed, differentiate
from neuroperturb.baselines.forward import from_matrices, leak_pair, pieces
from neuroperturb.baselines.gradient_trainer import GradientTrainer
from neuroperturb.baselines.optimisers import OptimiserState
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.network.activation import make_apply
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import LEARNT, RNN, Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.decorrelating import summed_decay_change
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Dataset, Sequence


class Dense(NamedTuple):
    """A change of every weight, (m, n) weight units."""

    gradient: np.ndarray


class ArrayBptt:
    """A network on a chip that learns by the exact gradient; each call to :meth:`batch` learns from one training sequence.

    Parameters
    ----------
    network, dataset, rule, initial : as in :class:`neuroperturb.baselines.BpttTrainer`; `initial` is programmed
    hardware : Chip
    schedule : ``"online"``, then with ``rule.chunk``, or ``"episode"``
    batch, dtype, seed, frozen, total_steps : of the run
    """

    def __init__(
        self, network: RNN, dataset: Dataset, rule: Bptt, initial: Matrices, *, hardware: Chip, schedule: str = "episode",
        batch: int = 1, dtype: str = "float32", seed: int = 0, frozen: tuple[str, ...] = (), total_steps: int = 0,
    ):  # fmt: skip
        require_fit(rule, schedule)
        network.activation.require_derivative()
        self.network, self.dataset, self.rule, self.frozen = network, dataset, rule, frozen
        self.step, self.total_steps = 0, total_steps
        # a simulation whose rule never learns: its arrays and neurons, its clean pass and its evaluation
        self.simulation = Simulation(
            network, PerturbationRule(), initial, loss=dataset.loss, schedule="episode", batch=batch, dtype=dtype, seed=seed,
            hardware=hardware,
        )  # fmt: skip
        self._act = self.simulation.activity(1, batch)
        self._changes = {name: Dense(self._zeros(name)) for name in LEARNT}
        self.optimiser_state = rule.optimiser.init(self._gradients_like())

    def batch(self, number: int) -> float:
        """Learn from training sequence `number`; returns its mean loss while learning, over scored steps and trials."""
        sequence, total = self.dataset.batch(number), 0.0
        for _, piece in pieces(sequence, self.rule.chunk or max(len(sequence.inputs), 1)):
            total += self._piece(piece) * int(piece.mask.sum())
        self.simulation.age(len(sequence.inputs))
        return total / max(int(sequence.mask.sum()), 1)

    def _piece(self, piece: Sequence) -> float:
        """One pass with fixed weights, one write."""
        passed = self._pass(piece)
        weights = from_matrices(self.simulation.weights(), self.simulation.dtype)
        self.step += len(piece.inputs)
        loss, gradients = differentiate(
            weights, passed, piece, loss=self.dataset.loss, window=self.rule.window, leak=self.network.leaks
        )
        if piece.mask.any() and np.isfinite(loss):
            trained = (g * self._counts(name) for name, g in zip(LEARNT, gradients, strict=True))
            with np.errstate(over="ignore", invalid="ignore"):
                self.optimiser_state, changes = self.rule.optimiser.update(
                    self.optimiser_state, Gradients(*trained), self.done()
                )
            self._write(dict(zip(LEARNT, changes, strict=True)))
        return loss

    done = GradientTrainer.done

    def _pass(self, piece: Sequence) -> Passed:
        """Run a piece on the hardware, from the end of the last one."""
        data = self.simulation.prepare(piece)
        (T, B, _), (n, m), n_out = data.inputs.shape, self.simulation.arrays["W_in"].shape, self.dataset.n_out
        zeros = lambda *shape: np.zeros(shape, self.simulation.dtype)  # noqa: E731
        passed = Passed(zeros(T, B, m), zeros(T, B, n), zeros(T, B, n), zeros(T, B, n_out), zeros(B, n))
        self.simulation.record_clean(data, self._act, passed)
        alpha, _ = leak_pair(self.network.leaks, self.simulation.dtype, n)
        rows = passed.slope.reshape(-1, n)  # pre-activations, so far
        make_apply(self.network.activation.curve())(rows, alpha, np.empty_like(rows), rows)
        return passed

    def _write(self, changes: dict[str, np.ndarray]) -> None:
        for name in LEARNT:
            array, n = self.simulation.arrays[name], self.simulation.arrays[name].shape[0]
            if name in self.frozen:
                continue
            self._changes[name].gradient[:, :n] = changes[name]
            pending = array.pending(1)
            pending.active[0] = 1
            sweep = array.kernel(summed_decay_change).sweep
            nothing = memory.zeros((0, array.shape[1]), array.dtype), memory.zeros((0, n), array.dtype)
            sweep(array.record, record(pending), record(self._changes[name]), *nothing)

    def _counts(self, name: str) -> float | np.ndarray:
        """1 for a synapse that learns, 0 for one that is frozen or not there, (m, n) or one number."""
        sites = self.simulation.arrays[name].sites
        return float(name not in self.frozen) * (1 if sites is None else sites.present.T.astype(self.simulation.dtype))

    def _zeros(self, name: str) -> np.ndarray:
        n, m = self.simulation.arrays[name].shape
        return memory.zeros((m, n), self.simulation.dtype)

    def _gradients_like(self) -> tuple[np.ndarray, ...]:
        return tuple(np.zeros(self.simulation.arrays[name].shape[::-1], self.simulation.dtype) for name in LEARNT)

    # interface of a learner

    def weights(self) -> Matrices:
        return self.simulation.weights()

    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Outputs of the clean network on its hardware, (T, B, n_out)."""
        return self.simulation.evaluate(sequence)

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies of all state, by name; :meth:`restore` continues from them, bit for bit."""
        kept = {f"chip.{name}": a for name, a in self.simulation.checkpoint().items()}
        kept |= {f"act.{name}": a for name, a in self._act._asdict().items()}
        return (
            {name: np.array(value) for name, value in kept.items()}
            | self.optimiser_state.checkpoint()
            | {"step": np.array(self.step)}
        )

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        """Restore a checkpoint."""
        self.simulation.restore({name[5:]: a for name, a in kept.items() if name.startswith("chip.")})
        for name, a in self._act._asdict().items():
            a[...] = kept[f"act.{name}"]
        self.optimiser_state = OptimiserState.restore(kept)
        self.step = int(kept.get("step", 0))


def require_fit(rule: Bptt, schedule: str) -> None:
    """Reject settings that only a gradient without hardware supports."""
    if schedule == "online" and rule.chunk is None:
        raise SpecError("rule.chunk", "", "a number of steps with hardware in the online schedule", None)
    if rule.decorrelation_rate:
        raise SpecError("rule.decorrelation_rate", "", "0 with hardware", rule.decorrelation_rate)
    if rule.presynaptic.tracks:
        raise SpecError("rule.presynaptic", wanted="left out with hardware", got=rule.presynaptic.kind)
