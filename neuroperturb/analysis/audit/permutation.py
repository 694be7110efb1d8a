"""The permutation test: changing a quantity that a synapse must not depend on leaves its update identical bit for bit.

One array of a small network is written by the same sweep that trains it, with all quantities random. One synapse, from j to i, is
tested: its weight and its other state after one write. Then one quantity is redrawn in one region, and the write is repeated. Bytes
are compared, so that no dependence is too weak to be found. Branches or clipping in a formula may hide one: the numbers drawn are
therefore positive, signed, small, and with each quantity zero in turn.

    own       the tested synapse, or unit; for activity its own pre- or postsynaptic unit
    row       the other synapses of its presynaptic unit j
    others    everything else
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.fused import decorrelation_change
from hardware_models.numerics import memory
from hardware_models.numerics.record import record
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.axes.clock import Clock
from neuroperturb.rules.plan import facts_of
from neuroperturb.simulation.simulation import Simulation

SIZE, INPUTS, OUTPUTS, BATCH = 7, 3, 4, 2
TRIES = 2  # redraws of each region
RANGES = ((0.1, 1.0), (-1.0, 1.0), (1e-3, 0.02))  # of the random numbers: positive, signed, too small to be clipped
NETWORK = RNN(size=SIZE)
WATCHED = ((0, 1), (2, 2), (6, 3))  # (j, i) of the tested synapses: at an edge, onto its own unit, elsewhere


class Finding(NamedTuple):
    """Whether a write of `array` changed, in any bit, when `quantity` was redrawn in a `region`."""

    array: str
    quantity: str
    region: str
    seen: bool


class Part(NamedTuple):
    """A quantity in memory.

    values : the array, without its padding;  place : ``"synapse"`` (…, m, n), ``"pre"`` (…, m), ``"post"`` (…, n), ``"draw"``
    (…, B m, n) or ``"broadcast"``;  kept : whether it is state of the synapse and part of the result
    """

    name: str
    values: np.ndarray
    place: str
    kept: bool


class World(NamedTuple):
    """Range of a test's random numbers:  low, high;  silent : the quantity that is 0 everywhere, "" for none."""

    low: float
    high: float
    silent: str = ""

    def base(self, parts: list[Part], seed: int) -> dict[str, np.ndarray]:
        return {part.name: self.drawn(part, seed, 0) * (part.name != self.silent) for part in parts}

    def drawn(self, part: Part, seed: int, attempt: int) -> np.ndarray:
        """Random values for a quantity; positive if it is a square."""
        name, shape = [seed, *part.name.encode()], part.values.shape
        values = _uniform(name, attempt, shape, part.values.dtype, self.low, self.high)
        return np.abs(values) if part.name == "square" else values


def worlds(parts: list[Part]) -> list[World]:
    return [*(World(*bounds) for bounds in RANGES), *(World(*RANGES[0], part.name) for part in parts)]


PAIR = ("own", "others")
REGIONS = {"synapse": ("own", "row", "others"), "draw": PAIR, "pre": PAIR, "post": PAIR, "broadcast": ("own",)}


def permute(
    rule: PerturbationRule, decorrelation: Decorrelation | None = None, *, seed: int = 0, network: RNN = NETWORK
) -> tuple[Finding, ...]:
    """Dependencies of a synapse of W_rec, of D_rec if the state is decorrelated, and of P if the rule has one; and those of the
    postsynaptic factor of a unit.

    Parameters
    ----------
    rule, decorrelation : as for a run
    seed : of all random numbers
    network : a small one; of a sparse or layered one, synapses that exist are tested
    """
    simulation = small_simulation(
        rule.replace(clock=Clock()), decorrelation, seed, network
    )  # so that every write is due
    return (*find_factor(simulation, seed), *find(simulation, seed))


def small_simulation(
    rule: PerturbationRule, decorrelation: Decorrelation | None, seed: int, network: RNN = NETWORK
) -> Simulation:
    """A small network that learns online with the rule."""
    n = network.size
    # draws that synapses are credited with are recorded, so that they can be redrawn like any other quantity
    recorded = {} if facts_of(rule).perturbs_units else {"W_rec": np.zeros((1, BATCH * n, n))}
    return Simulation(
        network, rule, initial_weights(network, INPUTS, OUTPUTS, seed), decorrelation=decorrelation, batch=BATCH, steps=4,
        recorded=recorded, seed=seed,
    )  # fmt: skip


def find_factor(simulation: Simulation, seed: int = 0) -> Iterator[Finding]:
    """Whether the postsynaptic factor of a unit depends on the perturbation of other units."""
    rule, numbers, size = simulation.compiled.structure, simulation.compiled.numbers, simulation.network.size
    if not rule.factor.present:
        return
    normalise, shared = rule.factor.normalise, rule.reward.shared
    p, a, other, variance = (_rows(seed, k, size, simulation.dtype) for k in range(4))

    def factor(p) -> np.ndarray:
        post = np.zeros_like(p)
        normalise(p, a, size, numbers.normaliser, shared, variance[0].copy(), post)
        return post

    units, before = np.arange(p.shape[1]), factor(p)
    for region in PAIR:
        seen = False
        for _, i in watched(simulation, "W_rec"):
            after = factor(memory.place(np.where((units == i) == (region == "own"), other, p), p.dtype))
            seen = seen or after[:, i].tobytes() != before[:, i].tobytes()
        yield Finding("unit", "perturbation", region, seen)


def _rows(seed: int, number: int, size: int, dtype) -> np.ndarray:
    """A row of random numbers per trial, zero-padded for the kernels' sums."""
    return memory.place(_uniform(seed, number, (BATCH, size), dtype), dtype)


def watched(simulation: Simulation, name: str) -> tuple[tuple[int, int], ...]:
    """(j, i) of the synapses of an array that are tested: `WATCHED`, or of those that exist the first, the middle and the last one."""
    sites, n = None if name == "P" else simulation.arrays[name].sites, simulation.network.size
    if sites is None and n > max(max(at) for at in WATCHED):
        return WATCHED
    i, j = np.nonzero(np.ones((n, n)) if sites is None else sites.present)
    return tuple(dict.fromkeys((int(j[k]), int(i[k])) for k in (0, len(i) // 2, len(i) - 1)))


def find(simulation: Simulation, seed: int = 0) -> Iterator[Finding]:
    """Findings of a simulation's arrays; its state is overwritten."""
    arrays = ["W_rec", *["D_rec"] * simulation.decorrelation.state, *["P"] * simulation.whitened]
    for name in arrays:
        bench = Bench(simulation, name, _parts(simulation, name), seed)
        for part in bench.parts:
            for region in REGIONS[part.place]:
                if not (part.name == "weight" and region == "own"):  # a weight depends on its previous value, of course
                    cases = itertools.product(worlds(bench.parts), watched(simulation, name))
                    seen = any(bench.differs(part, region, world, at) for world, at in cases)
                    yield Finding(name, part.name, region, seen)


class Bench(NamedTuple):
    """An array of a simulation that is written with given numbers.

    name : of the array;  parts : everything in memory that one of its synapses could depend on;  seed : of the random numbers
    """

    simulation: Simulation
    name: str
    parts: list[Part]
    seed: int

    def differs(self, part: Part, region: str, world: World, at: tuple[int, int]) -> bool:
        """Whether the tested synapse changes when a part is redrawn in a region."""
        base, chosen = world.base(self.parts, self.seed), _region(part, region, at)
        before = self._written(base, at, part)
        for attempt in range(1, 1 + TRIES):
            altered = np.where(chosen, world.drawn(part, self.seed, attempt), base[part.name])
            if self._written({**base, part.name: altered}, at, part) != before:
                return True
        return False

    def _written(self, values: dict[str, np.ndarray], at: tuple[int, int], altered: Part) -> bytes:
        """State of the tested synapse after one write with these values, without the altered part."""
        for part in self.parts:
            part.values[...] = values[part.name]
        self._write()
        (j, i), kept = at, [part for part in self.parts if part.kept and (part is not altered or part.name == "weight")]
        return b"".join(part.values[..., j, i].tobytes() for part in kept)

    def _write(self) -> None:
        """One sweep of the array that writes the pending update, and reads nothing."""
        simulation = self.simulation
        if self.name == "P":
            array, pending = simulation.whitening, simulation.run.whitener.pending
            pending.active[0] = 1
            sweep, nothing = array.kernel(decorrelation_change).sweep, np.zeros((0, array.shape[0]), simulation.dtype)
            sweep(array.record, record(pending), record(simulation.run.memories.D_rec), nothing, nothing)
            return
        for pending in simulation.run.pending:
            pending.active[0] = 0
        getattr(simulation.run.pending, self.name).active[0] = 1
        simulation.flush()


def _parts(simulation: Simulation, name: str) -> list[Part]:
    """Everything in memory that a synapse of an array could depend on."""
    if name == "P":
        array, pending, synapses = simulation.whitening, simulation.run.whitener.pending, None
    else:
        array, pending = simulation.arrays[name], getattr(simulation.run.pending, name)
        synapses = getattr(simulation.run.memories, name)
    n, m = array.shape
    parts = [
        Part("weight", array.state.cells.w[..., :n], "synapse", True),
        Part("post", pending.post[:, :n], "post", False),
        Part("pre", pending.pre[:, :m], "pre", False),
    ]
    if name == "W_rec":
        return [*parts, Part("reward", pending.reward, "broadcast", False), *_kept(synapses, n, m)]
    return [*parts, Part("decay", pending.decay[:n], "post", False)]


def _kept(synapses, n: int, m: int) -> list[Part]:
    """State of synapses other than their weight, and their own draws."""
    kept = [
        Part(field, value[..., :n], "synapse", True)
        for field, value in zip(synapses._fields, synapses, strict=True)
        if isinstance(value, np.ndarray) and value.ndim >= 2 and value.shape[-2] == m and value.shape[-1] >= n
    ]
    synapses.kept[:], synapses.writes[:] = 1, 3  # in the middle of a sequence
    draws = synapses.source.values
    return kept + ([Part("draw", draws[..., :n], "draw", False)] if draws.shape[-2] == BATCH * m else [])


def _uniform(seed, attempt: int, shape: tuple[int, ...], dtype, low: float = 0.1, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng([*np.atleast_1d(seed), attempt]).uniform(low, high, shape).astype(dtype)


def _region(part: Part, region: str, at: tuple[int, int]) -> np.ndarray:
    """The region in which a quantity is redrawn."""
    if part.place == "broadcast":
        return np.ones(part.values.shape, bool)
    j, i = at
    index = np.indices(part.values.shape)
    last = index[-1] == (j if part.place == "pre" else i)
    if part.place in ("pre", "post"):
        return last if region == "own" else ~last
    row = (index[-2] % SIZE if part.place == "draw" else index[-2]) == j
    return {"own": row & last, "row": row & ~last, "others": ~row if part.place == "synapse" else ~(row & last)}[region]
