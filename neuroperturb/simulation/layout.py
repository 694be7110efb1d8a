"""The layout of a run's state: from the configuration of a simulation to the nested NamedTuple used by the compiled loops.

Nothing here computes or draws.
"""

from __future__ import annotations

import numpy as np

from hardware_models.crossbar.state import Pending
from hardware_models.numerics import memory, random
from hardware_models.numerics.blas import BATCH
from hardware_models.numerics.lanes import whole_lanes
from neuroperturb.network.dynamics import Layers
from neuroperturb.network.rnn import DECORRELATING, LEARNT
from neuroperturb.network.whitening import Sum, Whitener
from neuroperturb.rules.formula.signatures import numbers
from neuroperturb.rules.kernels.synapse import SynapseDraws, SynapseMemory
from neuroperturb.rules.noise.law import CodePlace, NoiseSource
from neuroperturb.simulation.configuration import MATRICES, Setup
from neuroperturb.simulation.neurons import NeuronModel
from neuroperturb.simulation.observation import reads_plainly
from neuroperturb.simulation.state import Counters, EpisodeBlock, LaneScratch, RunNumbers, RunState, Signal
from neuroperturb.tasks.worlds.environment import make_state

MOST_KEPT = (
    1 << 22
)  # draws of synapses that are kept from a read to the write they are credited in; they have to be read again, too
MOST_DRAWN = 128  # units; draws of longer rows fill vectors by themselves
MOST_UNITS = 512  # beyond, rows fill vectors by themselves, and a block in both forms would take its memory twice


def make_run(setup: Setup, model: NeuronModel) -> RunState:
    """All state of a run."""
    arrays, pending, (act, neurons) = setup.arrays, _pending(setup), model.state(setup)
    return RunState(
        arrays=Layers(*(a.state for a in arrays.values())),
        pending=Layers(*(pending[name] for name in MATRICES)),
        memories=Layers(*(_memory(setup, name, 2 + k) for k, name in enumerate(MATRICES))),
        act=act,
        neurons=neurons,
        rule=setup.rule.numbers,
        training=RunNumbers(
            float(setup.total_steps),
            setup.resynchronise,
            setup.dtype.type(setup.decorrelation.rate),
            float(setup.steps),
        ),
        signal=_signal(setup, pending),
        counters=_counters(setup),
        channel=setup.chip.reward.state(setup.batch, setup.chip_seed),
        block=_block(setup),
        whitener=_whitener(setup, model),
        source=_source(setup, "hidden", 0),
        source_y=_source(setup, "output", 1),
        scratch=_lanes(setup, trials_innermost(setup, model)),
        world=make_state(setup.world, setup.seed, setup.batch, setup.dtype),
    )


def _pending(setup: Setup) -> dict[str, Pending]:
    """An empty update for every matrix; input and recurrent synapses of a unit receive the same factor."""
    pending = {name: setup.arrays[name].pending(setup.rank) for name in LEARNT}
    pending["W_rec"] = pending["W_rec"]._replace(post=pending["W_in"].post)
    for name in DECORRELATING:
        pending[name] = setup.arrays[name].pending(setup.batch, back=True)
        pending[name].reward[:] = 1
    return pending


def _memory(setup: Setup, name: str, source: int) -> SynapseMemory:
    """State of the synapses of one matrix; empty if the rule needs none."""
    rule, zeros, t = setup.rule, setup.zeros, setup.dtype
    n, m = setup.arrays[name].shape
    learnt, synapse = name in LEARNT, rule.structure.synapse
    traced = learnt and synapse.tracing and (setup.online or not setup.whole or synapse.own)
    summed = synapse.integrates and learnt if setup.online else learnt or setup.decorrelation.rate > 0
    return SynapseMemory(
        trace=zeros(setup.rank, m, n) if traced else zeros(1, 1, 1),
        square=zeros(m, n) if learnt and synapse.stateful else zeros(1, 1),
        gradient=zeros(m, n) if summed else zeros(1, 1),
        kept=np.zeros(1, t),
        rate=np.ones(1, t),
        writes=np.zeros(1, np.int64),
        source=_source(setup, name, source),
        key=np.array([0, 0, n, m]),
        offset=setup.sign * rule.numbers.noise_std,
        passes=np.array([setup.passes]),
        scratch=_draws(setup, name),
        params=numbers(rule.formulas.synapse, t),
        step=numbers(rule.formulas.step, t),
        due=np.ones(1, t),
        second=zeros(m, n) if learnt and synapse.doubly else np.zeros((0, 0), t),
    )


def _draws(setup: Setup, name: str) -> SynapseDraws:
    """Places for the draws of the synapses of one matrix: all of them if they fit, one row if there are too many, or none at all."""
    rule, (n, m) = setup.rule, setup.arrays[name].shape
    rows = m * (setup.batch if rule.spec.probe.per_trial else 1)
    keeps = name in LEARNT and rule.structure.noise.keyed and rows * n <= MOST_KEPT
    places = rows if keeps else 1
    return SynapseDraws(rows=setup.zeros(places, n), made=np.full(places, -1), present=setup.zeros(1, n)[0])


def _source(setup: Setup, name: str, number: int) -> NoiseSource:
    """Draws of one layer: recorded ones, or a key of the generator."""
    values = setup.recorded.get(name)
    stream = random.stream(random.Stream.PERTURBATION, number)
    placed = setup.zeros(1, 1, 1) if values is None else memory.place(values, setup.dtype)
    place, units = _place(setup, name)
    taus = 1 / np.broadcast_to(setup.network.leaks, units) if name == "hidden" else np.ones(units)
    law = setup.rule.spec.noise.law_of(place.codes, taus)
    return NoiseSource(int(setup.seed), stream, placed, place, law, setup.zeros(2, units))


def _place(setup: Setup, name: str) -> tuple[CodePlace, int]:
    """Place of a layer or a learned matrix among everything that is perturbed, and the length of its rows."""
    n, _, n_out = setup.sizes
    if name in ("hidden", "output"):
        rows = setup.batch * (2 if setup.independent else 1)
        return CodePlace(n if name == "output" else 0, n + n_out, 1, rows), n_out if name == "output" else n
    shapes = [setup.arrays[learnt].shape for learnt in LEARNT]
    before = shapes[: LEARNT.index(name)] if name in LEARNT else shapes  # the matrices D have no draws
    units, fan = setup.arrays[name].shape
    return CodePlace(sum(a * b for a, b in before), sum(a * b for a, b in shapes), fan, setup.batch), units


def _whitener(setup: Setup, model: NeuronModel) -> Whitener:
    """P, and buffers for its reads."""
    lateral, array, zeros = setup.rule.structure.lateral, setup.lateral, setup.zeros
    n, batch = array.shape[0], setup.batch if lateral.present else 1
    columns = (1 + lateral.private + (lateral.present and model.has_own_traces())) * batch
    pending = array.pending(batch, back=True)
    pending.reward[:] = 1
    return Whitener(
        array=array.state,
        pending=pending,
        sum=Sum(zeros(n, n), zeros(batch, n), np.zeros(1, np.int64), np.zeros(6, np.int32)),
        x=zeros(columns, n),
        z=zeros(columns, n),
        now=zeros(batch, n),
        before=zeros(batch, n),
        covariance=zeros(n, n) if lateral.tracks else np.zeros((0, 0), setup.dtype),  # older checkpoints have neither
        writes=np.zeros(int(lateral.tracks), np.int64),
        numbers=setup.rule.numbers.presynaptic,
        seed=int(setup.seed),
        stream=random.stream(random.Stream.PERTURBATION, 10),
    )


def _signal(setup: Setup, pending: dict[str, Pending]) -> Signal:
    """The postsynaptic factor is the `post` of the update; with weight noise, whose units have none, it is unused."""
    zeros, batch, (n, _, n_out) = setup.zeros, setup.batch, setup.sizes
    facts, factor = setup.rule.facts, setup.rule.structure.factor
    variance, own = setup.dtype.type(facts.effective_noise_std**2), batch if factor.keeps_mean else 1
    post, post_y = pending["W_in"].post, pending["W_out"].post
    if not factor.present:
        post, post_y = zeros(batch, n), zeros(batch, n_out)
    return Signal(
        a=zeros(batch, n),
        da=zeros(batch, n),
        y=zeros(batch, n_out),
        dy=zeros(batch, n_out),
        post=post,
        post_y=post_y,
        dL=np.zeros(batch),
        variance=zeros(1, n)[0] + variance,
        variance_y=zeros(1, n_out)[0] + variance,
        mean=zeros(own, n),
        mean_y=zeros(own, n_out),
    )


def _block(setup: Setup) -> EpisodeBlock:
    """Pending steps of an episode; one unused row in the online schedule."""
    n, n_in, n_out = (1, 1, 1) if setup.online else setup.sizes
    rows, m = 1 if setup.online else setup.block_steps * setup.batch, n_in + (not setup.online and setup.network.bias)
    zeros, count = setup.zeros, lambda: np.zeros(1, np.int64)
    return EpisodeBlock(
        post=zeros(rows, n),
        post_y=zeros(rows, n_out),
        pre_in=zeros(rows, m),
        pre_rec=zeros(rows, n),
        pre_out=zeros(rows, n),
        reward=np.zeros(rows, setup.dtype),
        go=np.zeros(rows, setup.dtype),
        gain=np.zeros(rows if setup.rule.structure.passes.sampled else 0, setup.dtype),
        weighted=zeros(rows, max(n, m)),
        sizes=np.zeros(6, np.int32),
        filled=count(),
        carried=count(),
    )


def trials_innermost(setup: Setup, model: NeuronModel) -> bool:
    """Whether an episode is computed by :mod:`neuroperturb.simulation.episode_lanes`: many trials, nothing but plain arithmetic."""
    rule, (n, _, _) = setup.rule.structure, setup.sizes
    units = (
        rule.factor.present
        and rule.factor.measure is None
        and rule.factor.neuron is None
        and rule.factor.unit is not None
    )
    noise = rule.noise.injected and not (rule.noise.shifted or rule.noise.keyed or setup.independent)
    simple = units and noise and not (rule.synapse.own or rule.lateral.present)
    whole = setup.steps <= setup.block_steps and setup.chip.reward.delay == 0 and setup.resynchronise == 0
    if setup.online or setup.world is not None or setup.batch < BATCH or not (simple and whole and n <= MOST_UNITS):
        return False
    return model.is_plain(setup) and all(
        setup.arrays[name].reads_as_ideal and reads_plainly(setup.arrays[name]) for name in LEARNT
    )


def draws_by_lanes(setup: Setup) -> bool:
    """Whether the noise of a step is drawn for all trials in one loop: many short rows."""
    return setup.batch >= BATCH and setup.network.size <= MOST_DRAWN


def _lanes(setup: Setup, wanted: bool) -> LaneScratch:
    """One unused number of each if an episode is computed otherwise; `xi` and `xi_y`, in which draws of many short rows are made, remain."""
    zeros, passes, steps, (n, n_in, n_out) = setup.zeros, setup.passes, setup.block_steps, setup.sizes
    m, lanes = n_in + setup.network.bias, whole_lanes(setup.batch)
    drawn, many = whole_lanes(setup.batch * (2 if setup.independent else 1)), wanted or draws_by_lanes(setup)
    xi, xi_y = (zeros(units, drawn) if many else zeros(1, 1) for units in (n, n_out))
    if not wanted:
        n = n_in = n_out = m = passes = lanes = steps = 1
    drive, r, x = zeros(n, lanes), zeros(passes * n, lanes), zeros(passes * n, lanes)
    block_in, block_post, block_centre = zeros(steps, m, lanes), zeros(steps, n, lanes), zeros(steps + 1, n, lanes)
    block_in[:, n_in:] = 1
    return LaneScratch(
        drive=drive, xi=xi, r=r, x=x, y=zeros(passes * n_out, lanes), xi_y=xi_y, row=zeros(1, max(n, n_out))[0],
        factor_in=zeros(1, n)[0], factor_rec=zeros(1, n)[0], factor_out=zeros(1, n_out)[0], block_in=block_in, block_post=block_post,
        block_post_y=zeros(steps, n_out, lanes), block_centre=block_centre, go=zeros(steps, lanes), pre=zeros(max(n, m), steps * lanes),
        post=zeros(max(n, n_out), steps * lanes), drive_flat=drive.reshape(-1), xi_flat=xi.reshape(-1), r_flat=r.reshape(passes, -1),
        x_flat=x.reshape(passes, -1), post_flat=block_post.reshape(steps, -1), centre_flat=block_centre.reshape(steps + 1, -1),
    )  # fmt: skip


def _counters(setup: Setup) -> Counters:
    count = lambda: np.zeros(1, np.int64)  # noqa: E731
    return Counters(
        step=count(),
        sequence=count(),
        loss=np.zeros(2),
        skipped=count(),
        expected=np.zeros(2 * max(1, setup.rule.spec.baseline.kinds_of_trial)),
        diverged=np.full(1, -1),
        waiting=count(),
        condition=np.zeros(setup.batch, np.int64),
    )
