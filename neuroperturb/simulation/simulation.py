"""A network on its arrays, learning by one rule: picks the compiled loops, moves data in and out.

Nothing here computes: the steps are in :mod:`presentation` (online) and :mod:`episode`, compiled around the arrays; what they move
is laid out in :mod:`state`. Looking (weights, evaluations) changes nothing: the arrays' reads are counted and drawn apart, and what
reading moves is put back.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.fused import decorrelation_change, rank_change
from hardware_models.crossbar.state import Absent
from hardware_models.numerics import memory
from hardware_models.numerics.blas import BATCH
from hardware_models.numerics.record import inside, record
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.dynamics import ForwardPlan, Layers, NetworkActivity, make_evaluate, make_record
from neuroperturb.network.losses import LOSSES
from neuroperturb.network.rnn import DECORRELATING, LEARNT, RNN, Matrices
from neuroperturb.network.whitening import make_finish_whitening, make_whiten
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import compile_rule
from neuroperturb.simulation import episode
from neuroperturb.simulation import step as presentation
from neuroperturb.simulation.decorrelating import make_clean, make_column_read, make_finish_clean, summed_decay_change
from neuroperturb.simulation.episode_draws import make_absorb
from neuroperturb.simulation.layout import (
    MATRICES,
    Setup,
    activity,
    has_circuits,
    make_arrays,
    make_lateral,
    make_run,
)
from neuroperturb.simulation.online import make_online
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.state import RunState
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence

ROOM = 64  # columns an array is read by at least: an evaluation goes through more trials in blocks
LOOK = 1 << 47  # where the numbers of reads begin that no run gets to: a look has draws of its own
COUNTERS = ("reads", "columns")  # what a look changes on any array
READ_PARTS = ("reading", "slow", "programmed")  # of an array's state, what draws or moves when it is read


class Prepared(NamedTuple):
    """A sequence in the dtype of the run, contiguous, as the kernels take it."""

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    reset: np.ndarray
    condition: np.ndarray


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
    hardware : what it runs on; ideal unless given
    """

    def __init__(
        self, network: RNN, rule: PerturbationRule, initial: Matrices, *, decorrelation: Decorrelation | None = None,
        loss: str = "mse", schedule: str = "online", batch: int = 1, steps: int = 1, total_steps: int = 1,
        dtype: str = "float32", seed: int = 0, resynchronise: int = 0, frozen: tuple[str, ...] = (), recorded: dict | None = None,
        hardware: Chip | None = None,
    ):  # fmt: skip
        self.network, self.rule, self.schedule, self.batch, self.steps = network, rule, schedule, batch, steps
        self.dtype, self.chip = np.dtype(dtype), hardware or Chip()
        self._check(rule, resynchronise)
        sizes = network.size, len(initial.D_in), len(initial.W_out)
        self.compiled = compile_rule(rule, schedule, self.dtype, sizes, recorded=bool(recorded))
        self.decorrelation = decorrelation or Decorrelation(rate=0.0, state=False, input=False)
        self.columns, self._has_circuits = max(2 * batch, ROOM), has_circuits(self.chip)
        chip_seed = seed if self.chip.seed is None else self.chip.seed
        self.arrays = make_arrays(initial, self.chip, chip_seed, self.dtype, self.columns)
        self.whitening = make_lateral(rule, self.chip, network.size, chip_seed, self.dtype, self.columns)
        self.setup = Setup(
            network=network, rule=self.compiled, decorrelation=self.decorrelation, chip=self.chip, arrays=self.arrays,
            lateral=self.whitening, schedule=schedule, batch=batch, steps=steps, total_steps=total_steps, dtype=self.dtype, seed=seed,
            resynchronise=resynchronise, recorded=recorded or {},
        )  # fmt: skip
        self.run = self._make_run()
        self._make_records()
        self._build_loops(loss, frozen)

    def _check(self, rule: PerturbationRule, resynchronise: int) -> None:
        if resynchronise and rule.baseline.passes == 1:
            raise SpecError(
                "The 'training.resynchronise' parameter must be 0 with a baseline of one pass, which has no twin. "
                f"Got {resynchronise!r} instead."
            )
        floor = 32 * float(np.finfo(self.dtype).eps)
        if rule.noise_std < floor:
            raise SpecError(
                f"The 'rule.noise_std' parameter must be at least {floor:.1e}, 32 rounding errors of {self.dtype}, to be seen "
                f"in the activity. Got {rule.noise_std!r} instead; raise it or set training.dtype to float64."
            )

    # what other neurons do otherwise

    def _make_run(self) -> RunState:
        return make_run(self.setup)

    def _activity(self, passes: int, batch: int) -> NetworkActivity:
        return activity(self.setup, passes, batch)

    def _forward_plan(self, sweeps: Layers) -> ForwardPlan:
        return ForwardPlan(sweeps, *self._decorrelated(), self.compiled.structure.noise.injected, self._has_circuits)

    def _make_records(self) -> None:
        """What kernels are handed: the state, a clean pass beside it, and nothing to read."""
        self._kernel_run = record(self.run)
        self._evaluation = inside(self._kernel_run, "arrays"), inside(self._kernel_run, "pending")
        self._neurons = inside(self._kernel_run, "neurons")
        self._clean_activity = self._activity(1, self.batch)
        self._clean = record(self._clean_activity)
        self._clean_memories = record(
            Layers(*(m._replace(passes=np.array([1]), offset=np.zeros(1, self.dtype)) for m in self.run.memories))
        )
        self._nothing = Layers(*(self._columns(name, 0) for name in MATRICES))
        self._kernel_nothing = record(self._nothing)

    def _columns(self, name: str, count: int) -> Columns:
        n, m = self.arrays[name].shape
        return Columns(memory.zeros((count, m), self.dtype), memory.zeros((count, n), self.dtype))

    # loops

    def _build_loops(self, loss: str, frozen: tuple[str, ...]) -> None:
        rule, dec, online = self.compiled.structure, self.decorrelation, self.schedule == "online"
        learning, written, read_row = self.compiled.rows
        self.loss, self._frozen = LOSSES[loss].between(rule.passes.count, rule.passes.paired), frozen
        self._pending_change = presentation.make_pending_change(learning if online else written)
        decorrelating = decorrelation_change if online else rank_change
        sweeps = Layers(
            *(
                self._sweep(name, learning, read_row) if name in LEARNT else self._sweep(name, decorrelating)
                for name in MATRICES
            )
        )
        self._sweeps = sweeps
        forward = self._forward_plan(sweeps)
        plan = self._plan(forward)
        clean = forward._replace(injected=False).make()
        self._evaluate, self._record_clean = make_evaluate(clean), make_record(clean)
        if online:
            self._online = make_online(plan)
            return
        self._episode = episode.make_episode(plan)
        if rule.synapse.integrates and rule.synapse.credited_at_end:
            self._absorb = make_absorb(plan)
        self._finish = episode.make_finish(plan, tuple(self._sweep(name, written, read_row) for name in LEARNT))
        reads = tuple(self._column_read(name) for name in DECORRELATING)
        self._learn_clean = make_clean(plan, reads, dec.input, dec.state)
        writers = tuple(self._sweep(name, summed_decay_change) for name in DECORRELATING)
        self._finish_clean = make_finish_clean(writers, dec.input, dec.state)

    def _sweep(self, name: str, change_row, read_row=None):
        return self.arrays[name].kernel(change_row, read_row, batch=self.batch >= BATCH).sweep

    def _column_read(self, name: str):
        array = self.arrays[name]
        slow = not isinstance(array.state.slow, Absent)
        return make_column_read(array.is_ideal, slow, str(self.dtype))

    def _plan(self, forward: ForwardPlan) -> Plan:
        dec, learnt = self.decorrelation, {name: name not in self._frozen for name in LEARNT}
        decorrelating = self.schedule == "online" and dec.rate > 0
        return Plan(
            rule=self.compiled.structure,
            forward=forward,
            loss=self.loss,
            whiten=self._make_whiten(),
            learns=Layers(**learnt, D_in=decorrelating and dec.input, D_rec=decorrelating and dec.state),
            delayed=self.chip.reward.delay > 0,
            dtype=str(self.dtype),
        )

    def _make_whiten(self):
        """How presynaptic factors are whitened, or None."""
        if not self.whitened:
            return None
        online, dtype = self.schedule == "online", str(self.dtype)
        change = decorrelation_change if online else summed_decay_change
        self._write_whitening = self.whitening.kernel(change, batch=self.batch >= BATCH).sweep
        self._finish_whitening = make_finish_whitening(self._write_whitening)
        self._no_columns = Columns(*(memory.zeros((0, self.network.size), self.dtype) for _ in range(2)))
        slow = not isinstance(self.whitening.state.slow, Absent)
        read_back = make_column_read(self.whitening.is_ideal, slow, dtype)
        lateral = self.compiled.structure.lateral
        return make_whiten(self._write_whitening, read_back, lateral.leave, lateral.private, not online, dtype)

    @property
    def whitened(self) -> bool:
        """Whether presynaptic factors go through P."""
        return self.compiled.structure.lateral.present

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
            np.ascontiguousarray(sequence.mask, np.bool_), np.ascontiguousarray(sequence.reset, np.bool_), self._condition(sequence),
        )  # fmt: skip

    def _condition(self, sequence: Sequence) -> np.ndarray:
        """The kind of every trial, 0 where the baseline does not ask."""
        most = self.rule.baseline.kinds_of_trial
        if not most:
            return np.zeros(sequence.inputs.shape[1], np.int64)
        if not sequence.condition.size:
            raise SpecError(
                "The 'rule.baseline' parameter cannot be 'per_condition' with this task, which tells no conditions."
            )
        found = np.ascontiguousarray(sequence.condition[0], np.int64)
        if found.min() < 0 or found.max() >= most:
            raise SpecError(
                f"The 'rule.baseline.conditions' parameter must be at least {found.max() + 1} with this task. Got {most} instead."
            )
        return found

    def present(self, data: Prepared, phase: str, first: int, last: int) -> int:
        """Steps first … last − 1 of a phase; returns the next step, short of `last` if the loss stopped being finite."""
        T = len(data.inputs)
        if data.inputs.shape[1] != self.batch or (self.schedule == "episode" and self.steps < T):
            raise ValueError(
                f"The 'data' parameter of present must hold {self.batch} trials, and in the episode schedule at most "
                f"{self.steps} steps. Got {data.inputs.shape[1]} trials of {T} steps instead."
            )
        move = self._move_clean if phase == "decorrelate" else self._move
        done = move(data, first, last)
        if done == T:
            self.age(T)
        return done

    def _move_clean(self, data: Prepared, first: int, last: int) -> int:
        """Steps of the clean pass that learns D; at its end D is written."""
        clean = self._clean, self._clean_memories
        done = self._learn_clean(self._kernel_run, *clean, data.inputs, data.reset, first, last)
        if done == len(data.inputs):
            self._finish_clean(self._kernel_run, self._kernel_nothing)
        return done

    def _move(self, data: Prepared, first: int, last: int) -> int:
        """Steps of the learning pass; at the end of an episode its update is written."""
        done = self.gather(data, first, last)
        if done == len(data.inputs):
            self.finish()
        return done

    def finish(self) -> None:
        """Write what an episode has summed up; in the online schedule there is nothing to do."""
        if self.schedule == "episode":
            if self._is_due():
                self._finish(self._kernel_run, self._kernel_nothing)
            if self.whitened:
                self._finish_whitening(self._kernel_run.whitener, record(self._no_columns))

    def _is_due(self) -> bool:
        """An episode has ended: whether its sum is written now, or waits for others to join it."""
        if not self.compiled.structure.synapse.integrates:
            return True
        if self.compiled.structure.synapse.credited_at_end:
            self._absorb(self._kernel_run)
        waiting = self.run.counters.waiting
        waiting[0] = (waiting[0] + 1) % self.rule.clock.write
        return waiting[0] == 0

    def gather(self, data: Prepared, first: int, last: int) -> int:
        """Steps of the learning pass, what an episode sums up not yet written."""
        loop = self._online if self.schedule == "online" else self._episode
        self.run.counters.condition[:] = data.condition
        return loop(self._kernel_run, data.inputs, data.targets, data.mask, data.reset, first, last)

    def record_clean(self, data: Prepared, act: NetworkActivity, passed) -> None:
        """A clean pass that is part of the run, from the state in `act`; every step is kept in `passed`."""
        self._record_clean(
            *self._evaluation, self._clean_memories, record(act), self._neurons, data.inputs, data.reset, record(passed)
        )

    def age(self, steps: int) -> None:
        """The time of so many steps passes for every array."""
        seconds = steps * self.chip.step_seconds
        if seconds > 0:
            for array in self.arrays.values():
                array.age(seconds)

    def present_all(self, sequence: Sequence) -> bool:
        """A whole sequence, every phase; False where the loss stopped being finite."""
        data = self.prepare(sequence)
        return all(self.present(data, phase, 0, len(data.inputs)) == len(data.inputs) for phase in self.phases)

    def flush(self) -> None:
        """Write every update that waits for a sweep, without reading."""
        for name, sweep in zip(MATRICES, self._sweeps, strict=True):
            if getattr(self.run.pending, name).active[0]:
                sweep(*self._synapses(name), *getattr(self._nothing, name))

    def _synapses(self, name: str) -> tuple:
        """Array, update and memory of one matrix, as kernels take them."""
        return tuple(inside(self._kernel_run, part, name) for part in ("arrays", "pending", "memories"))

    def requested(self) -> dict[str, np.ndarray]:
        """What the rule asks of every learnt matrix at its next write, (n, m) weight units; nothing changes by asking."""
        return {name: self._ask(name) for name in LEARNT if name not in self._frozen}

    def _ask(self, name: str) -> np.ndarray:
        pending, synapses = getattr(self.run.pending, name), getattr(self.run.memories, name)
        (n, m), online = self.arrays[name].shape, self.schedule == "online"
        rows = memory.zeros((m, n), self.dtype)
        if online and not pending.active[0]:
            return np.zeros((n, m))
        moved = (synapses.trace, synapses.square, synapses.gradient, synapses.writes, synapses.key, pending.reward)
        kept = [a.copy() for a in moved]
        if not online:  # as at the end of an episode
            synapses.key[0] = synapses.key[1]
            synapses.writes[0] += 1
            synapse = self.compiled.structure.synapse
            pending.reward[:] = pending.reward if synapse.credited_at_end and not synapse.integrates else 1
        self._pending_change(*self._synapses(name), rows)
        for a, old in zip(moved, kept, strict=True):
            a[...] = old
        return rows[:, :n].T.astype(np.float64) * float(self.arrays[name].state.scale[0])

    # looking

    @contextlib.contextmanager
    def look(self) -> Iterator[None]:
        """Inside, updates are written and reads have numbers of their own; afterwards all is as it was.

        Where a read does nothing but read, only its counters have to be put back, and what was written stays written.
        """
        kept = [(a, a.copy()) for a in self._changed_by_a_look]
        self.flush()
        for array in self.arrays.values():
            array.state.reads[0] = LOOK
        if self._has_circuits:
            self.run.neurons.circuits.fired[0] = LOOK
        try:
            yield
        finally:
            for a, before in kept:
                a[...] = before

    @functools.cached_property  # a state has hundreds of arrays, and small runs look at theirs more than they compute
    def _changed_by_a_look(self) -> tuple[np.ndarray, ...]:
        everything = self._has_circuits or not all(map(_reads_plainly, self.arrays.values()))
        return tuple(a for name, a in self._state() if a.size and (everything or name.rsplit(".", 1)[-1] in COUNTERS))

    def weights(self) -> Matrices:
        """The stored weights, pending updates written, W[i, j] from j to i."""
        with self.look():
            return Matrices(*(a.read() for a in self.arrays.values()))

    def lateral(self) -> np.ndarray:
        """The matrix P of whitened presynaptic activity, pending update written, P[i, j] from j to i."""
        whitener = self._kernel_run.whitener
        if whitener.pending.active[0]:
            self._write_whitening(whitener.array, whitener.pending, whitener.sum, *self._no_columns)
        return self.whitening.read()

    def evaluate(self, sequence: Sequence, chunk: int = 1000) -> np.ndarray:
        """Outputs of the clean network, (T, B, n_out), from a zero state unless the sequence says otherwise."""
        data = self.prepare(sequence)
        B = data.inputs.shape[1]
        block = B if all(map(_reads_plainly, self.arrays.values())) else self.columns
        with self.look():
            outputs = [self._run_clean(data, slice(b, min(b + block, B)), chunk) for b in range(0, B, block)]
        return np.concatenate(outputs, axis=1)

    def _run_clean(self, data: Prepared, trials: slice, chunk: int) -> np.ndarray:
        inputs = np.ascontiguousarray(data.inputs[:, trials])
        outputs = np.zeros((*inputs.shape[:2], self.arrays["W_out"].shape[0]), self.dtype)
        act = record(self._activity(1, inputs.shape[1]))
        for t in range(0, len(inputs), chunk):
            part = slice(t, min(t + chunk, len(inputs)))
            self._evaluate(
                *self._evaluation,
                self._clean_memories,
                act,
                self._neurons,
                inputs[part],
                data.reset[part],
                outputs[part],
            )
        return outputs

    def twin_distance(self) -> float:
        """Root mean square over trials of ‖δx‖/σ between the two passes; nan of a single one."""
        if self.setup.passes == 1:
            return float("nan")
        x = self.run.act.x
        delta = x[self.batch :] - x[: self.batch]
        return float(np.sqrt(np.mean(np.sum(delta.astype(np.float64) ** 2, axis=1))) / self.rule.noise_std)

    # checkpoints

    def _state(self):
        yield from _arrays(self.run)
        for name, array in self.arrays.items():
            yield from _arrays(array.ageing, f"ageing.{name}.")
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


def _reads_plainly(array: SynapseArray) -> bool:
    """Whether a read only reads."""
    return all(isinstance(getattr(array.state, part), Absent) for part in READ_PARTS)


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
