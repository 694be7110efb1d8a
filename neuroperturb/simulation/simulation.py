"""A network on its arrays, learning by one rule: sequences are processed by the compiled loops, which update the state.

The computations are elsewhere: the steps are in :mod:`~neuroperturb.simulation.online` and :mod:`~neuroperturb.simulation.episode`, compiled
around the arrays (:mod:`~neuroperturb.simulation.loops`); their state is allocated in :mod:`~neuroperturb.simulation.layout`.
Observing (weights, evaluations) has no effect: the arrays' reads are counted and drawn separately, and changes of the state are undone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.numerics.record import record
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, Matrices
from neuroperturb.network.scalar_losses import ScalarLoss
from neuroperturb.network.whitening import settle
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import compile_rule
from neuroperturb.simulation import checkpoint
from neuroperturb.simulation.configuration import STILL, Setup, columns_for, make_arrays, make_lateral
from neuroperturb.simulation.evaluation import Evaluation
from neuroperturb.simulation.handles import Handles, no_columns
from neuroperturb.simulation.layout import make_run
from neuroperturb.simulation.loops import build_loops
from neuroperturb.simulation.neurons import NeuronModel, RateNeurons
from neuroperturb.simulation.observation import Observation
from neuroperturb.simulation.prepared import Prepared, prepare
from neuroperturb.simulation.updates import Updates
from neuroperturb.simulation.world import require_world_fit
from neuroperturb.spec import SpecError, Words
from neuroperturb.tasks.contract import Sequence
from neuroperturb.tasks.worlds.contract import CompiledWorld


class Simulation:
    """The state of a network and its learning, and the loops that update it.

    Parameters
    ----------
    network, rule, decorrelation : specifications
    initial : Matrices, W[i, j] from j to i
    loss : ``"mse"``, ``"cross_entropy"``, or a scalar one
    schedule : ``"online"`` or ``"episode"``
    batch, steps : number of parallel trials, length of the longest sequence
    total_steps : length of the whole run, for learning-rate schedules
    frozen : matrices that are not trained
    recorded : draws by layer name (``hidden``, ``output`` or matrix), (steps, rows, units), instead of generated ones
    hardware : ideal by default
    neurons : rate units by default
    world : that the outputs act in; by default there is none, and a sequence has inputs and targets

    Attributes
    ----------
    rule : the specification;  compiled : the compiled rule (:class:`neuroperturb.rules.plan.Rule`)
    arrays, whitening : SynapseArray of every matrix, and of P
    run : the state, :class:`neuroperturb.simulation.state.RunState`
    loops, updates : the compiled loops; the pending updates
    loss : kernel (c, δ, target) -> (L, δL)

    A copy, by `copy` or `pickle`, is made anew and put where this one is: kernels take a state by where it lies in memory.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        made = super().__new__(cls)
        made._made_of = arguments, options
        return made

    def __reduce__(self):
        return _again, (type(self), *self._made_of, self.checkpoint())

    def __init__(
        self, network: RNN, rule: PerturbationRule, initial: Matrices, *, decorrelation: Decorrelation | None = None,
        loss: str | ScalarLoss = "mse", schedule: str = "online", batch: int = 1, steps: int = 1, total_steps: int = 1,
        dtype: str = "float32", seed: int = 0, resynchronise: int = 0, frozen: tuple[str, ...] = (), recorded: dict | None = None,
        hardware: Chip | None = None, neurons: NeuronModel = RateNeurons(), world: CompiledWorld | None = None,  # noqa: B008
    ):  # fmt: skip
        self.network, self.rule, self.schedule, self.batch, self.steps = network, rule, schedule, batch, steps
        self.dtype, self.chip, self.neurons = np.dtype(dtype), hardware or Chip(), neurons
        neurons.require_fit(network, rule, decorrelation=decorrelation, resynchronise=resynchronise, hardware=hardware)
        _require_fit(rule, resynchronise, self.dtype, schedule)
        require_world_fit(rule, schedule, world, steps)
        if world is not None and world.outside is not None:
            world = world._replace(outside=world.outside.fresh())  # data are shared by runs, but no world in motion
        sizes = network.size, len(initial.D_in), len(initial.W_out)
        self.compiled = compile_rule(rule, schedule, self.dtype, sizes, recorded=bool(recorded))
        self.decorrelation = decorrelation or STILL
        columns, chip_seed = columns_for(batch), seed if self.chip.seed is None else self.chip.seed
        sites = network.sites(*sizes[1:])
        self.arrays = make_arrays(initial, self.chip, chip_seed, self.dtype, columns, self.decorrelation, sites)
        self.whitening = make_lateral(rule, self.chip, network.size, chip_seed, self.dtype, columns)
        self.setup = Setup(
            network=network, rule=self.compiled, decorrelation=self.decorrelation, chip=self.chip, arrays=self.arrays,
            lateral=self.whitening, schedule=schedule, batch=batch, steps=steps, total_steps=total_steps, dtype=self.dtype, seed=seed,
            resynchronise=resynchronise, recorded=recorded or {}, world=world,
        )  # fmt: skip
        self.run = make_run(self.setup, neurons)
        self._clean_activity = self.activity(1, batch)
        self._handles = Handles(self.setup, self.run, self._clean_activity)
        self.loops = build_loops(self.setup, neurons, loss, frozen)
        self.loss = self.loops.loss
        self.updates = Updates(self.setup, self.run, self._handles, self.loops, frozen)
        fired = self.run.neurons.circuits.fired if neurons.has_circuits(self.chip) else None
        self.observing = Observation(self.arrays, self._named, self.flush, fired)
        self._evaluation = Evaluation(self.setup, neurons, self._handles, self.loops, self.observing, columns)

    # presenting

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases of a sequence: in the episode schedule, a clean pass that learns D comes first."""
        learns_d = self.decorrelation.rate > 0 and (self.decorrelation.input or self.decorrelation.state)
        return ("decorrelate", "learn") if self.schedule == "episode" and learns_d else ("learn",)

    def prepare(self, sequence: Sequence, *, scored: bool = True) -> Prepared:
        """A sequence for the kernels; its targets are left out if nothing is `scored`."""
        world, kinds = self.setup.world is not None, self.rule.baseline.kinds_of_trial
        return prepare(sequence, self.dtype, kinds, live=world, scored=scored)

    def present(self, data: Prepared, phase: str, first: int, last: int) -> int:
        """Steps first … last − 1 of a phase; returns the next step, less than `last` if the loss diverged."""
        T = len(data.inputs)
        if data.inputs.shape[1] != self.batch or (self.schedule == "episode" and self.steps < T):
            wanted = f"hold {self.batch} trials, and in the episode schedule at most {self.steps} steps"
            raise SpecError(
                "data", "present", wanted, Words(f"{data.inputs.shape[1]} trials of {T} steps"), verb="must"
            )
        move = self._move_clean if phase == "decorrelate" else self._move
        done = move(data, first, last)
        if done == T:
            self.age(T)
        return done

    def present_all(self, sequence: Sequence) -> bool:
        """A whole sequence, every phase; False if the loss diverged."""
        data = self.prepare(sequence)
        return all(self.present(data, phase, 0, len(data.inputs)) == len(data.inputs) for phase in self.phases)

    def _move_clean(self, data: Prepared, first: int, last: int) -> int:
        """Steps of the clean pass that learns D; at its end D is written."""
        handles = self._handles
        clean = handles.clean, handles.clean_memories
        done = self.loops.learn_clean(handles.run, *clean, data.inputs, data.reset, first, last)
        if done == len(data.inputs):
            self.loops.finish_clean(handles.run, handles.nothing)
        return done

    def _move(self, data: Prepared, first: int, last: int) -> int:
        """Steps of the learning pass; at the end of an episode its update is written."""
        done = self.gather(data, first, last)
        if done == len(data.inputs):
            self.finish()
        return done

    def gather(self, data: Prepared, first: int, last: int) -> int:
        """Steps of the learning pass, without the write at the end of an episode."""
        (self.run.counters.condition if self.setup.world is None else self.run.world.trial)[:] = data.condition
        sequence = self._handles.run, data.inputs, data.targets, data.mask, data.reset, first, last
        world = self.setup.world
        return self.loops.learn(*sequence, *(() if world is None or world.outside is None else (world.outside,)))

    @property
    def divisible(self) -> bool:
        """Whether an episode may be left and entered between any two steps; what Python steps goes on without being asked."""
        return self.setup.world is None or self.setup.world.outside is None

    def finish(self) -> None:
        """Write the sum of an episode; does nothing in the online schedule."""
        if self.loops.finish is None:
            return
        if self._is_due():
            self.loops.finish(self._handles.run, self._handles.nothing)
        if self.whitened:
            if self.compiled.structure.lateral.tracks:
                settle(self.run.whitener, self.rule.presynaptic)
            self.loops.finish_lateral(self._handles.whitener, record(self._no_columns))

    def _is_due(self) -> bool:
        """At the end of an episode: whether its sum is written now, or accumulated with those of further episodes."""
        if not self.compiled.facts.integrates:
            return True
        if self.loops.absorb is not None:
            self.loops.absorb(self._handles.run)
        waiting = self.run.counters.waiting
        waiting[0] = (waiting[0] + 1) % self.rule.clock.write
        return waiting[0] == 0

    def age(self, steps: int) -> None:
        """Let the time of a number of steps pass for every array."""
        seconds = steps * self.chip.step_seconds
        if seconds > 0:
            for array in self.physical.values():
                array.age(seconds)

    # pending updates

    def flush(self) -> None:
        """Write every pending update, without reading."""
        self.updates.flush()

    def pending_update(self) -> dict[str, np.ndarray]:
        """The change of every learned matrix requested by its next write, (n, m) weight units; without side effects."""
        return {name: self.updates.requested(name) for name in self.updates.learnt}

    # observing

    def weights(self) -> Matrices:
        """The stored weights, pending updates written, W[i, j] from j to i."""
        with self.observing():
            return Matrices(*(a.read() for a in self.arrays.values()))

    @property
    def whitened(self) -> bool:
        """Whether presynaptic factors are whitened by P."""
        return self.compiled.structure.lateral.present

    @property
    def physical(self) -> dict[str, SynapseArray]:
        """Every array, that of P included where the rule has one."""
        return {**self.arrays, **({"P": self.whitening} if self.whitened else {})}

    def lateral(self) -> np.ndarray:
        """The matrix P of whitened presynaptic activity, pending update written, P[i, j] from j to i."""
        if self.run.whitener.pending.active[0]:
            self.loops.write_lateral(*self._handles.lateral, *self._no_columns)
        return self.whitening.read()

    @property
    def _no_columns(self):
        return no_columns(*self.whitening.shape, self.dtype)

    def activity(self, passes: int, batch: int) -> Any:
        """Initial activity of a number of columns."""
        return self.neurons.activity(self.setup, passes, batch)

    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Outputs of the clean network, (T, B, n_out), from zero state, unless the sequence does not start with a reset.

        In a world, the rewards of every step, (T, B, 1).
        """
        return self._evaluation.outputs(self.prepare(sequence, scored=False))

    def clean_outputs(self, data: Prepared, act: Any) -> np.ndarray:
        """The same with a given activity of one pass; inside :meth:`observing` it does not affect the run."""
        return self._evaluation.run(act, data.inputs, data.reset, chunk=len(data.inputs))

    def record_clean(self, data: Prepared, act: Any, passed: Any) -> None:
        """A clean pass that is part of the run, from the state in `act`; every step is stored in `passed`."""
        self._evaluation.record(data, act, passed)

    def twin_distance(self) -> float:
        """Root mean square over trials of the distance between the two passes, over σ; nan for a single one."""
        if self.setup.passes == 1:
            return float("nan")
        delta = self.neurons.separation(self.run.act, self.batch)
        return float(np.sqrt(np.mean(np.sum(delta**2, axis=1))) / self.rule.noise_std)

    # checkpoints

    def _named(self) -> tuple[tuple[str, np.ndarray], ...]:
        """(name, array) of all state; arrays change in place."""
        return self._everything

    @functools.cached_property  # hundreds of arrays, and a small run is copied more often than it computes
    def _everything(self) -> tuple[tuple[str, np.ndarray], ...]:
        return tuple(self._walk())

    def _walk(self) -> Iterator[tuple[str, np.ndarray]]:
        yield from checkpoint.arrays_of(self.run)
        for name, array in self.physical.items():
            if name in self.arrays or self.chip.of(name).ages:
                yield from checkpoint.arrays_of(array.ageing, f"ageing.{name}.")
        if "decorrelate" in self.phases:
            yield from checkpoint.arrays_of(self._clean_activity, "clean.")

    def live_state(self) -> dict[str, np.ndarray]:
        """Every array of the state by name, pending updates included: the arrays themselves, which go on moving; always the same dict."""
        return self._live

    @functools.cached_property
    def _live(self) -> dict[str, np.ndarray]:
        return {name: a for name, a in self._named() if a.size}

    def checkpoint(self) -> dict[str, np.ndarray]:
        """A copy of every array of the state."""
        return checkpoint.save(self._named())

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore a checkpoint, in place."""
        checkpoint.restore(self._named(), state)


def _again(cls: type[Simulation], arguments: tuple, options: dict, state: dict[str, np.ndarray]) -> Simulation:
    """A simulation made like another, and put where that is."""
    made = cls(*arguments, **options)
    made.restore(state)
    return made


def _require_fit(rule: PerturbationRule, resynchronise: int, dtype: np.dtype, schedule: str) -> None:
    if rule.presynaptic.tracks and schedule != "episode":
        wanted, hint = "of another kind in the online schedule", "'recursive' inverts step by step."
        raise SpecError("rule.presynaptic", wanted=wanted, got=rule.presynaptic.kind, hint=hint, verb="must be")
    if resynchronise and rule.baseline.passes == 1:
        wanted = "0 with a single-pass baseline, which has no twin"
        raise SpecError("training.resynchronise", wanted=wanted, got=resynchronise)
    floor = 32 * float(np.finfo(dtype).eps)
    if rule.noise_std < floor:
        wanted = f"at least {floor:.1e}, 32 rounding errors of {dtype}, to have an effect on the activity"
        hint = "Raise it, or set training.dtype to float64."
        raise SpecError("rule.noise_std", wanted=wanted, got=rule.noise_std, hint=hint)
