"""A network on its arrays, learning by one rule: builds the state, picks the compiled loops, moves data in and out.

Nothing here computes: the steps are in :mod:`presentation` (online) and :mod:`episode`, compiled around the arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models import memory, random
from hardware_models.array import SynapseArray
from hardware_models.blas import BATCH
from hardware_models.devices import Ideal
from hardware_models.record import record
from hardware_models.sweep import decorrelation_change, rank_change
from neuroperturb import episode, presentation
from neuroperturb.decorrelation import Decorrelation
from neuroperturb.dynamics import Layers, NeuronNumbers, make_activity, make_evaluate, make_forward
from neuroperturb.losses import LOSSES
from neuroperturb.network import RNN, Matrices
from neuroperturb.rules import Antithetic, LayerNorm, PerturbationRule, Trace, WeightNoise
from neuroperturb.rules.noise import FILL, Source, fill_recorded
from neuroperturb.rules.normaliser import NORMALISE, NoiseVariance
from neuroperturb.rules.rate import FACTOR
from neuroperturb.rules.synapse import (
    STEP,
    Memory,
    gather_rank,
    gather_summed,
    gather_trace,
    make_change,
    make_gather_draws,
    make_probe_read,
)
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence

MATRICES = Matrices._fields
LEARNT = ("W_in", "W_rec", "W_out")
BLOCK_ROWS, BLOCK_STEPS = 8192, 128  # an episode is summed in blocks of at most so many rows and steps


class Prepared(NamedTuple):
    """A sequence in the dtype of the run, contiguous, as the kernels take it."""

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray


class Columns(NamedTuple):
    """Something to read an array with, and where the result goes: x (K, m), acc (K, n)."""

    x: np.ndarray
    acc: np.ndarray


class Simulation:
    """The state of a network and its learning, and the loops that move it.

    Parameters
    ----------
    network, rule, decorrelation : specifications
    initial : Matrices, W[i, j] from j to i
    loss : ``"mse"`` or ``"cross_entropy"``
    schedule : ``"online"`` or ``"episode"``
    batch, steps : trials side by side, longest sequence
    total_steps : length of the whole run, for learning-rate schedules
    frozen : learnt matrices that stay as they are
    recorded : draws by layer name (``hidden``, ``output`` or matrix), (steps, rows, units), instead of generated ones
    """

    def __init__(
        self, network: RNN, rule: PerturbationRule, initial: Matrices, *, decorrelation: Decorrelation | None = None,
        loss: str = "mse", schedule: str = "online", batch: int = 1, steps: int = 1, total_steps: int = 1,
        dtype: str = "float32", seed: int = 0, resynchronise: int = 0, frozen: tuple[str, ...] = (), recorded: dict | None = None,
        cells: dict | None = None,
    ):  # fmt: skip
        self.network, self.rule, self.schedule, self.batch, self.steps = network, rule, schedule, batch, steps
        self.dtype = np.dtype(dtype)
        self._check(rule)
        self.decorrelation = decorrelation or Decorrelation(rate=0.0, state=False, input=False)
        self.n, self.n_in, self.n_out = network.size, initial.W_in.shape[1] - network.bias, initial.W_out.shape[0]
        cells = cells or {}
        self.arrays = {
            name: SynapseArray(
                W.shape, cells.get(name, Ideal()), dtype=self.dtype, seed=seed, number=k, columns=max(batch, 1)
            )
            for k, (name, W) in enumerate(zip(MATRICES, initial, strict=True))
        }
        for name, W in zip(MATRICES, initial, strict=True):
            self.arrays[name].program(W)
        self.seed, self.recorded = seed, recorded or {}
        self._build_state(steps, total_steps, resynchronise)
        self._build_loops(loss, frozen)

    def _check(self, rule: PerturbationRule) -> None:
        floor = 32 * float(np.finfo(self.dtype).eps)
        if rule.noise_std < floor:
            raise SpecError(
                f"The 'rule.noise_std' parameter must be at least {floor:.1e}, 32 rounding errors of {self.dtype}, to be seen "
                f"in the activity. Got {rule.noise_std!r} instead; raise it or set training.dtype to float64."
            )

    # state

    def _build_state(self, steps: int, total_steps: int, resynchronise: int) -> None:
        rule, batch, t = self.rule, self.batch, self.dtype.type
        weights = isinstance(rule.probe, WeightNoise)
        per_trial = weights and rule.probe.hold == "trial"
        online = self.schedule == "online"
        rank = 1 if weights and not per_trial else batch
        zeros = lambda *shape: memory.zeros(shape, self.dtype)  # noqa: E731
        pending = {name: self.arrays[name].pending(rank) for name in LEARNT}
        # input and recurrent synapses of a unit are told the same
        pending["W_rec"] = pending["W_rec"]._replace(post=pending["W_in"].post)
        pending |= {name: self.arrays[name].pending(batch, back=True) for name in ("D_in", "D_rec")}
        for name in ("D_in", "D_rec"):
            pending[name].reward[:] = 1
        self.block_steps = max(1, min(steps, BLOCK_STEPS, max(1, BLOCK_ROWS // batch)))
        traced = isinstance(rule.credit, Trace) and (online or steps > self.block_steps)
        sign = np.array([-1, 1] if isinstance(rule.baseline, Antithetic) else [0, 1], self.dtype)
        self._memories = {}
        for k, name in enumerate(MATRICES):
            n, m = self.arrays[name].shape
            learnt = name in LEARNT
            summed = not online and (learnt or self.decorrelation.rate > 0)
            self._memories[name] = Memory(
                zeros(batch, m, n) if learnt and traced else zeros(1, 1, 1),
                zeros(m, n) if learnt and rule.step.kind == "rms" else zeros(1, 1),
                zeros(m, n) if summed else zeros(1, 1),
                np.zeros(1, self.dtype), np.ones(1, self.dtype), np.array([getattr(rule.step, "decay", 0)], self.dtype),
                np.zeros(1, np.int64), self._source(name, 2 + k), np.array([0, 0, n, m]), sign * t(rule.noise_std),
                np.array([2]), zeros(1, n)[0],
            )  # fmt: skip
        self._clean_memories = Layers(*(m._replace(passes=np.array([1])) for m in self._memories.values()))
        zero = zeros(1, 1)
        n, m, n_out, rows = self.n, self.n_in + self.network.bias, self.n_out, self.block_steps * batch
        gain, gain_y = self._gains()
        numbers = presentation.RuleNumbers(
            t(rule.noise_std), t(32 * np.finfo(self.dtype).eps), t(gain), t(gain_y),
            t(getattr(rule.normaliser, "rate", 0)), t(getattr(rule.credit, "decay", 0)),
            1.0 if not isinstance(rule.normaliser, NoiseVariance) else 1 / rule.noise_std,
            rule.learning_rate, float(getattr(rule.rate, "final", 1)), float(total_steps), resynchronise,
            t(self.decorrelation.rate),
        )  # fmt: skip
        signal = presentation.Signal(
            zeros(batch, n), zeros(batch, n), zeros(batch, n_out), zeros(batch, n_out), pending["W_in"].post,
            pending["W_out"].post, np.zeros(batch), zeros(1, n)[0] + t(rule.noise_std**2), zeros(1, n_out)[0] + t(rule.noise_std**2),
        )  # fmt: skip
        if weights:  # nothing is told to units
            signal = signal._replace(post=zeros(batch, n), post_y=zeros(batch, n_out))
        block = presentation.Block(
            zeros(rows, n), zeros(rows, n_out), zeros(rows, m), zeros(rows, n), zeros(rows, n), np.zeros(rows, self.dtype),
            np.zeros(rows, self.dtype), zeros(rows, max(n, m)), np.zeros(6, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64),
        ) if not online else presentation.Block(
            zero, zero, zero, zero, zero, np.zeros(1, self.dtype), np.zeros(1, self.dtype), zero, np.zeros(6, np.int32),
            np.zeros(1, np.int64), np.zeros(1, np.int64),
        )  # fmt: skip
        counters = presentation.Counters(
            np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(2), np.zeros(1, np.int64), np.full(1, -1)
        )
        alpha = t(self.network.leak)
        self.run = presentation.Run(
            Layers(*(a.state for a in self.arrays.values())), Layers(*(pending[name] for name in MATRICES)),
            Layers(*self._memories.values()), self._activity(2, batch), NeuronNumbers(alpha, t(1) - alpha, sign), numbers,
            signal, counters, block, self._source("hidden", 0), self._source("output", 1),
        )  # fmt: skip
        self._kernel_run = record(self.run)
        self._evaluation = record(self.run.arrays), record(self.run.pending)
        self._neurons = record(self.run.neurons)
        self._clean_activity = self._activity(1, batch)
        self._clean = record(self._clean_activity)
        self._clean_memories = record(self._clean_memories)
        self._nothing = Layers(*(self._columns(name, 0) for name in MATRICES))
        self._kernel_nothing = record(self._nothing)

    def _activity(self, passes: int, batch: int):
        return make_activity(passes, batch, self.n_in, self.n, self.n_out, self.network.bias, self.dtype)

    def _columns(self, name: str, count: int):
        n, m = self.arrays[name].shape
        return Columns(memory.zeros((count, m), self.dtype), memory.zeros((count, n), self.dtype))

    def _source(self, name: str, number: int) -> Source:
        values = self.recorded.get(name)
        none = memory.zeros((1, 1, 1), self.dtype)
        stream = random.stream(random.Stream.PERTURBATION, number)
        return Source(int(self.seed), stream, none if values is None else memory.place(values, self.dtype))

    def _gains(self) -> tuple[float, float]:
        if isinstance(self.rule.normaliser, LayerNorm) and self.rule.normaliser.gain == "network":
            return (np.sqrt(self.n_in + self.n + self.n_out),) * 2
        return 0.0, 0.0

    # loops

    def _build_loops(self, loss: str, frozen: tuple[str, ...]) -> None:
        rule, dec, batch = self.rule, self.decorrelation, self.batch >= BATCH
        online = self.schedule == "online"
        weights, dtype = isinstance(rule.probe, WeightNoise), str(self.dtype)
        per_trial = weights and rule.probe.hold == "trial"
        fill = fill_recorded if self.recorded else FILL[rule.noise.kind]
        step = STEP[rule.step.kind]
        draws = make_gather_draws(fill, per_trial) if weights else None
        trace = isinstance(rule.credit, Trace)
        online_change = make_change(draws if weights else gather_trace if trace else gather_rank, step)
        held = weights and rule.probe.hold != "step"
        written_change = make_change(draws if held else gather_summed, step)
        read_row = make_probe_read(fill, per_trial) if weights else None

        def sweep(name, change):
            probing = read_row if name in LEARNT else None
            return self.arrays[name].kernel(change, probing, batch=batch).sweep

        learning = online_change if online else rank_change
        decorrelating = decorrelation_change if online else rank_change
        self._sweeps = Layers(*(sweep(name, learning if name in LEARNT else decorrelating) for name in MATRICES))
        decorrelate_input, decorrelate_state = self._decorrelated()
        learn = dec.rate > 0
        plan = presentation.Plan(
            self._sweeps, decorrelate_input, decorrelate_state, online and learn and dec.input, online and learn and dec.state,
            not weights, held, per_trial, rule.probe.kind == "activity", isinstance(rule.baseline, Antithetic),
            rule.broadcast == "batch", rule.batch_divisor == "mean", trace, online and rule.step.kind == "plain", fill,
            LOSSES[loss, rule.baseline.kind], NORMALISE[rule.normaliser.kind], FACTOR[rule.rate.kind],
            *(name not in frozen for name in LEARNT), dtype,
        )  # fmt: skip
        self._evaluate = make_evaluate(make_forward(self._sweeps, decorrelate_input, decorrelate_state, False))
        if online:
            self._online = presentation.make_online(plan)
            return
        self._episode = episode.make_episode(plan)
        self._finish = episode.make_finish(plan, tuple(sweep(name, written_change) for name in LEARNT))
        ideal = {name: self.arrays[name].is_ideal for name in MATRICES}
        reads = tuple(episode.make_column_read(ideal[name], dtype) for name in ("D_in", "D_rec"))
        clean_plan = plan._replace(decorrelate_input=decorrelate_input, decorrelate_state=decorrelate_state)
        self._learn_clean = episode.make_clean(clean_plan, reads, dec.input, dec.state)
        writers = tuple(sweep(name, episode.summed_decay_change) for name in ("D_in", "D_rec"))
        self._finish_clean = episode.make_finish_clean(writers, dec.input, dec.state)

    def _decorrelated(self) -> tuple[bool, bool]:
        """A matrix D takes part where it is asked for, or where it came as something else than the identity."""
        identity = lambda name: np.array_equal(self.arrays[name].read(), np.eye(self.arrays[name].shape[0]))  # noqa: E731
        return self.decorrelation.input or not identity("D_in"), self.decorrelation.state or not identity("D_rec")

    # presenting

    @property
    def phases(self) -> tuple[str, ...]:
        """What a sequence goes through: a clean pass that learns D comes first in the episode schedule."""
        learns_d = self.decorrelation.rate > 0 and (self.decorrelation.input or self.decorrelation.state)
        return ("decorrelate", "learn") if self.schedule == "episode" and learns_d else ("learn",)

    def prepare(self, sequence: Sequence) -> Prepared:
        """A sequence as the kernels take it."""
        return Prepared(
            np.ascontiguousarray(sequence.inputs, self.dtype), np.ascontiguousarray(sequence.targets, self.dtype),
            np.ascontiguousarray(sequence.mask, np.bool_), np.ascontiguousarray(sequence.reset, np.bool_),
        )  # fmt: skip

    def present(self, data: Prepared, phase: str, first: int, last: int) -> int:
        """Steps first … last − 1 of a phase; returns the next step, short of `last` if the loss stopped being finite."""
        T = len(data.inputs)
        if data.inputs.shape[1] != self.batch or (self.schedule == "episode" and self.steps < T):
            raise ValueError(
                f"The 'data' parameter of present must hold {self.batch} trials, and in the episode schedule at most "
                f"{self.steps} steps. Got {data.inputs.shape[1]} trials of {T} steps instead."
            )
        if phase == "decorrelate":
            done = self._learn_clean(
                self._kernel_run, self._clean, self._clean_memories, data.inputs, data.reset, first, last
            )
            if done == T:
                self._finish_clean(self._kernel_run, self._kernel_nothing)
            return done
        if self.schedule == "online":
            return self._online(self._kernel_run, data.inputs, data.targets, data.mask, data.reset, first, last)
        done = self._episode(self._kernel_run, data.inputs, data.targets, data.mask, data.reset, first, last)
        if done == T:
            self._finish(self._kernel_run, self._kernel_nothing)
        return done

    def present_all(self, sequence: Sequence) -> bool:
        """A whole sequence, every phase; False where the loss stopped being finite."""
        data = self.prepare(sequence)
        return all(self.present(data, phase, 0, len(data.inputs)) == len(data.inputs) for phase in self.phases)

    def flush(self) -> None:
        """Write every update that waits for a sweep, without reading."""
        run = self._kernel_run
        for name, sweep in zip(MATRICES, self._sweeps, strict=True):
            array, pending, mem = (getattr(part, name) for part in (run.arrays, run.pending, run.memories))
            if pending.active[0]:
                sweep(record(array), record(pending), record(mem), *getattr(self._nothing, name))

    def weights(self) -> Matrices:
        """The stored weights, pending updates written, W[i, j] from j to i."""
        self.flush()
        return Matrices(*(a.read() for a in self.arrays.values()))

    def evaluate(self, sequence: Sequence, chunk: int = 1000) -> np.ndarray:
        """Outputs of the clean network, (T, B, n_out), from a zero state unless the sequence says otherwise."""
        self.flush()
        data = self.prepare(sequence)
        T, B = data.inputs.shape[:2]
        outputs = np.zeros((T, B, self.n_out), self.dtype)
        act = record(self._activity(1, B))
        for t in range(0, T, chunk):
            part = slice(t, min(t + chunk, T))
            self._evaluate(
                *self._evaluation, self._clean_memories, act, self._neurons, data.inputs[part],
                data.reset[part], outputs[part],
            )  # fmt: skip
        return outputs

    def twin_distance(self) -> float:
        """Root mean square over trials of ‖δx‖/σ between the two passes."""
        x = self.run.act.x
        delta = x[self.batch :] - x[: self.batch]
        return float(np.sqrt(np.mean(np.sum(delta.astype(np.float64) ** 2, axis=1))) / self.rule.noise_std)

    # checkpoints

    def _state(self):
        yield from _arrays(self.run)
        if "decorrelate" in self.phases:
            yield from _arrays(self._clean_activity, "clean.")

    def checkpoint(self) -> dict[str, np.ndarray]:
        """A copy of every array of the state, pending updates included."""
        return {name: a.copy() for name, a in self._state() if a.size}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Put a checkpoint back, in place."""
        for name, a in self._state():
            if a.size:
                if name not in state or state[name].shape != a.shape:
                    raise ValueError(f"the checkpoint does not fit this run: {name} is missing or has another shape")
                a[...] = state[name]


SKIPPED = {"scratch", "source", "source_y"}  # work space, and keys that the experiment determines


def _arrays(record, prefix=""):
    """(dotted name, array) of every array in nested NamedTuples."""
    for name, value in zip(record._fields, record, strict=True):
        if name in SKIPPED:
            continue
        if isinstance(value, np.ndarray):
            yield prefix + name, value
        elif hasattr(value, "_fields"):
            yield from _arrays(value, f"{prefix}{name}.")
