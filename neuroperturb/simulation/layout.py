"""The state of a run, laid out: from specifications to the nested NamedTuple that the compiled loops move.

Nothing here computes or draws; :mod:`simulation` puts it together with the loops.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.crossbar.state import Absent, Pending
from hardware_models.numerics import memory, random
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.dynamics import Activity, Layers, NeuronNumbers, make_activity
from neuroperturb.network.rnn import DECORRELATING, LEARNT, RNN, Matrices
from neuroperturb.network.whitening import Sum, Whitener, WhiteningNumbers
from neuroperturb.rules import Antithetic, Deviation, LayerNorm, PerturbationRule, SecondRun, WeightNoise
from neuroperturb.rules.axes.normaliser import NoiseVariance
from neuroperturb.rules.axes.presynaptic import Activity as RawActivity
from neuroperturb.rules.axes.presynaptic import Whitened
from neuroperturb.rules.builtin import Parts
from neuroperturb.rules.formula.signatures import Nothing, formula, numbers
from neuroperturb.rules.kernels.synapse import Memory
from neuroperturb.rules.noise.codes import Place
from neuroperturb.rules.noise.independent import Source
from neuroperturb.simulation.state import Block, Counters, RuleNumbers, Run, Signal

MATRICES = Matrices._fields
BLOCK_ROWS, BLOCK_STEPS = 8192, 128  # an episode is summed in blocks of at most so many rows and steps


class Setup(NamedTuple):
    """What a state is laid out for; see :class:`neuroperturb.simulation.simulation.Simulation`."""

    network: RNN
    rule: PerturbationRule
    decorrelation: Decorrelation
    chip: Chip
    arrays: dict[str, SynapseArray]
    schedule: str
    batch: int
    steps: int
    total_steps: int
    dtype: np.dtype
    seed: int
    resynchronise: int
    recorded: dict[str, np.ndarray]
    lateral: SynapseArray
    parts: Parts

    @property
    def online(self) -> bool:
        return self.schedule == "online"

    @property
    def weights(self) -> bool:
        """Whether weights are perturbed, and units told nothing."""
        return isinstance(self.rule.probe, WeightNoise)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Hidden units, inputs without the bias, outputs."""
        return self.network.size, self.arrays["D_in"].shape[0], self.arrays["W_out"].shape[0]

    @property
    def chip_seed(self) -> int:
        return self.seed if self.chip.seed is None else self.chip.seed

    @property
    def block_steps(self) -> int:
        """Steps of an episode that are summed together; late rewards are waited for."""
        steps = self.steps + self.chip.reward.delay
        return max(1, min(steps, BLOCK_STEPS, max(1, BLOCK_ROWS // self.batch)))

    @property
    def sign(self) -> np.ndarray:
        """Of the noise in the first and second pass."""
        if self.passes == 1 or self.independent:
            return np.ones(self.passes, self.dtype)
        return np.array([-1, 1] if isinstance(self.rule.baseline, Antithetic) else [0, 1], self.dtype)

    @property
    def rank(self) -> int:
        """Trials that a synapse tells apart: one where they share the noise of its weight."""
        return 1 if self.weights and self.rule.probe.hold != "trial" else self.batch

    @property
    def tracing(self) -> bool:
        """Whether synapses keep a trace."""
        return "trace" in formula(self.parts.synapse, "synapse").used

    @property
    def passes(self) -> int:
        """Trajectories side by side."""
        return self.rule.baseline.passes

    @property
    def independent(self) -> bool:
        """Whether each pass has noise of its own."""
        return isinstance(self.rule.baseline, SecondRun)

    @property
    def told_std(self) -> float:
        """σ of the noise as it is told: half the difference of two runs has half the variance."""
        return self.rule.noise_std * (np.sqrt(0.5) if self.independent else 1.0)

    def zeros(self, *shape: int) -> np.ndarray:
        return memory.zeros(shape, self.dtype)


def make_arrays(network_weights: Matrices, chip: Chip, seed: int, dtype, columns: int) -> dict[str, SynapseArray]:
    """An array for every matrix, programmed; array numbers are the order of `Matrices`."""
    arrays = {}
    for number, (name, W) in enumerate(zip(MATRICES, network_weights, strict=True)):
        arrays[name] = chip.of(name).array(W.shape, dtype=dtype, seed=seed, number=number, columns=columns)
        arrays[name].program(W)
    return arrays


def make_run(setup: Setup) -> Run:
    """All state of a run."""
    arrays, alpha, t = setup.arrays, setup.network.leak, setup.dtype.type
    pending, circuits = _pending(setup), setup.chip.neurons
    neurons = NeuronNumbers(
        t(alpha), t(1) - t(alpha), setup.sign,
        circuits.state(setup.network.size, setup.chip_seed, dtype=setup.dtype) if has_circuits(setup.chip) else Absent(),
    )  # fmt: skip
    return Run(
        Layers(*(a.state for a in arrays.values())), Layers(*(pending[name] for name in MATRICES)),
        Layers(*(_memory(setup, name, 2 + k) for k, name in enumerate(MATRICES))), activity(setup, setup.passes, setup.batch), neurons,
        _rule_numbers(setup), _told(setup), _signal(setup, pending), _counters(setup), setup.chip.reward.state(setup.batch, setup.chip_seed),
        _block(setup), _whitener(setup), _source(setup, "hidden", 0), _source(setup, "output", 1),
    )  # fmt: skip


def has_circuits(chip: Chip) -> bool:
    """Whether hidden units are anything but x ← (1 − α) x + α tanh(a)."""
    return chip.neurons != type(chip.neurons)()


def activity(setup: Setup, passes: int, batch: int) -> Activity:
    """Zero activity of `passes` times `batch` columns."""
    n, n_in, n_out = setup.sizes
    act = make_activity(passes, batch, n_in, n, n_out, setup.network.bias, setup.dtype)
    return act._replace(xi=setup.zeros(2 * batch, n), xi_y=setup.zeros(2 * batch, n_out)) if setup.independent else act


def _pending(setup: Setup) -> dict[str, Pending]:
    """An empty update for every matrix; input and recurrent synapses of a unit are told the same."""
    pending = {name: setup.arrays[name].pending(setup.rank) for name in LEARNT}
    pending["W_rec"] = pending["W_rec"]._replace(post=pending["W_in"].post)
    for name in DECORRELATING:
        pending[name] = setup.arrays[name].pending(setup.batch, back=True)
        pending[name].reward[:] = 1
    return pending


def _memory(setup: Setup, name: str, source: int) -> Memory:
    """What the synapses of one matrix keep; nothing where the rule needs nothing."""
    rule, zeros, t = setup.rule, setup.zeros, setup.dtype
    n, m = setup.arrays[name].shape
    learnt = name in LEARNT
    late = setup.steps + setup.chip.reward.delay > setup.block_steps
    traced = learnt and setup.tracing and (setup.online or late or rule.formula is not None)
    summed = rule.clock.write > 1 and learnt if setup.online else learnt or setup.decorrelation.rate > 0
    return Memory(
        zeros(setup.rank, m, n) if traced else zeros(1, 1, 1),
        zeros(m, n) if learnt and rule.step.kind == "rms" else zeros(1, 1),
        zeros(m, n) if summed else zeros(1, 1),
        np.zeros(1, t), np.ones(1, t), np.array([getattr(rule.step, "decay", getattr(rule.step, "bound", 0))], t),
        np.zeros(1, np.int64), _source(setup, name, source), np.array([0, 0, n, m]), setup.sign * t.type(rule.noise_std),
        np.array([setup.passes]), zeros(1, n)[0], numbers(setup.parts.synapse, t), np.ones(1, t),
    )  # fmt: skip


def _source(setup: Setup, name: str, number: int) -> Source:
    """Draws of one layer: recorded ones, or a key of the generator."""
    values = setup.recorded.get(name)
    stream = random.stream(random.Stream.PERTURBATION, number)
    placed = setup.zeros(1, 1, 1) if values is None else memory.place(values, setup.dtype)
    place, units = _place(setup, name)
    law = setup.rule.noise.law(place.codes)
    return Source(int(setup.seed), stream, placed, place, law, setup.zeros(2, units))


def _place(setup: Setup, name: str) -> tuple[Place, int]:
    """Of a layer or a learnt matrix among all that is perturbed, and the length of its rows."""
    n, _, n_out = setup.sizes
    if name in ("hidden", "output"):
        rows = setup.batch * (2 if setup.independent else 1)
        return Place(n if name == "output" else 0, n + n_out, 1, rows), n_out if name == "output" else n
    shapes = [setup.arrays[learnt].shape for learnt in LEARNT]
    before = shapes[: LEARNT.index(name)] if name in LEARNT else shapes  # the matrices D draw nothing
    units, fan = setup.arrays[name].shape
    return Place(sum(a * b for a, b in before), sum(a * b for a, b in shapes), fan, setup.batch), units


def make_lateral(rule: PerturbationRule, chip: Chip, size: int, seed: int, dtype, columns: int) -> SynapseArray:
    """The array of P, programmed to a multiple of the identity; of one cell where no rule asks for it."""
    n = size if is_whitened(rule) else 1
    array = chip.of("P").array((n, n), dtype=dtype, seed=seed, number=len(MATRICES), columns=columns)
    array.program(getattr(rule.presynaptic, "initial", 1.0) * np.eye(n))
    return array


def is_whitened(rule: PerturbationRule) -> bool:
    """Whether presynaptic factors go through P."""
    return not isinstance(rule.presynaptic, RawActivity)


def _whitener(setup: Setup) -> Whitener:
    """P, and room for what it reads."""
    own, array, t, zeros = setup.rule.presynaptic, setup.lateral, setup.dtype.type, setup.zeros
    n, batch = array.shape[0], setup.batch if is_whitened(setup.rule) else 1
    columns = 2 * batch if isinstance(own, Whitened) else batch
    pending = array.pending(batch, back=True)
    pending.reward[:] = 1
    total = Sum(zeros(n, n), zeros(batch, n), np.zeros(1, np.int64), np.zeros(6, np.int32))
    numbers = WhiteningNumbers(
        t(getattr(own, "rate", 0)), t(np.sqrt(getattr(own, "ridge", 0))), t(getattr(own, "growth", 0))
    )
    return Whitener(
        array.state, pending, total, zeros(columns, n), zeros(columns, n), zeros(batch, n), zeros(batch, n), numbers,
        int(setup.seed), random.stream(random.Stream.PERTURBATION, 10),
    )  # fmt: skip


def _rule_numbers(setup: Setup) -> RuleNumbers:
    rule, t = setup.rule, setup.dtype.type
    gain = t(_gain(setup))
    return RuleNumbers(
        t(setup.told_std), t(32 * np.finfo(setup.dtype).eps), gain, gain, t(getattr(rule.normaliser, "rate", 0)),
        t(getattr(rule.credit, "decay", 0)), 1 / rule.noise_std if isinstance(rule.normaliser, NoiseVariance) else 1.0,
        rule.learning_rate, float(getattr(rule.rate, "final", 1)), float(setup.total_steps), setup.resynchronise,
        t(setup.decorrelation.rate), float(getattr(setup.rule.baseline, "rate", 0)), rule.clock.hold, rule.clock.write, t(rule.noise_std),
        t(getattr(rule.probe, "rate", 0)),
    )  # fmt: skip


def _told(setup: Setup) -> tuple:
    """Numbers of what a unit tells."""
    return numbers(setup.parts.neuron or Nothing(), setup.dtype)


def _gain(setup: Setup) -> float:
    """Of the layer norm; 0 stands for the layer's own size."""
    normaliser = setup.rule.normaliser
    whole = isinstance(normaliser, LayerNorm) and normaliser.gain == "network"
    return float(np.sqrt(sum(setup.sizes))) if whole else 0.0


def _signal(setup: Setup, pending: dict[str, Pending]) -> Signal:
    """What is told to units is the update's own post, but for weight noise, which tells them nothing."""
    zeros, batch, (n, _, n_out) = setup.zeros, setup.batch, setup.sizes
    variance, deviating = setup.dtype.type(setup.told_std**2), isinstance(setup.rule.probe, Deviation)
    own = batch if deviating else 1
    post, post_y = pending["W_in"].post, pending["W_out"].post
    if setup.weights:
        post, post_y = zeros(batch, n), zeros(batch, n_out)
    return Signal(
        zeros(batch, n), zeros(batch, n), zeros(batch, n_out), zeros(batch, n_out), post, post_y, np.zeros(batch),
        zeros(1, n)[0] + variance, zeros(1, n_out)[0] + variance,
        zeros(own, n), zeros(own, n_out),
    )  # fmt: skip


def _block(setup: Setup) -> Block:
    """Steps of an episode that wait to be summed; one unused row in the online schedule."""
    n, n_in, n_out = (1, 1, 1) if setup.online else setup.sizes
    rows, m = 1 if setup.online else setup.block_steps * setup.batch, n_in + (not setup.online and setup.network.bias)
    zeros, numbers, count = setup.zeros, np.zeros(rows, setup.dtype), lambda: np.zeros(1, np.int64)
    return Block(
        zeros(rows, n), zeros(rows, n_out), zeros(rows, m), zeros(rows, n), zeros(rows, n), numbers, numbers.copy(),
        zeros(rows, max(n, m)), np.zeros(6, np.int32), count(), count(),
    )  # fmt: skip


def _counters(setup: Setup) -> Counters:
    count = lambda: np.zeros(1, np.int64)  # noqa: E731
    expected = np.zeros(2 * getattr(setup.rule.baseline, "conditions", 1))
    return Counters(
        count(), count(), np.zeros(2), count(), expected, np.full(1, -1), count(), np.zeros(setup.batch, np.int64)
    )
