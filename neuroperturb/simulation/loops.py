"""The compiled loops of a simulation, built around the sweeps of its arrays."""

from __future__ import annotations

from typing import NamedTuple

from hardware_models.array import SynapseArray
from hardware_models.crossbar.column_reads import make_column_read
from hardware_models.crossbar.fused import decorrelation_change, rank_change
from hardware_models.crossbar.state import Absent
from hardware_models.crossbar.sweep import make_combine
from hardware_models.numerics.blas import BATCH
from neuroperturb.network.dynamics import Layers, make_evaluate, make_record
from neuroperturb.network.rnn import DECORRELATING, LEARNT
from neuroperturb.network.scalar_losses import ScalarLoss, kernels_of
from neuroperturb.network.whitening import make_finish_whitening, make_whiten
from neuroperturb.simulation.configuration import MATRICES, Setup
from neuroperturb.simulation.decorrelating import make_clean, make_finish_clean, summed_decay_change
from neuroperturb.simulation.episode import make_episode, make_finish
from neuroperturb.simulation.episode_draws import make_absorb
from neuroperturb.simulation.layout import draws_by_lanes, trials_innermost
from neuroperturb.simulation.neurons import NeuronModel
from neuroperturb.simulation.online import make_online
from neuroperturb.simulation.outside import make_outside_play
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.step import make_pending_change
from neuroperturb.simulation.world import make_play, plan_of


class Loops(NamedTuple):
    """Compiled loops; None if the schedule or the rule does not need one.

    sweeps : Layers, of every matrix
    loss : (c, δ, target) -> (L, δL) of one trial
    learn : (run, inputs, targets, mask, reset, first, last) -> next step
    finish : (run, nothing), the write of an episode;  absorb : (run), adds one of several episodes to it
    learn_clean, finish_clean : the pass of an episode that learns D, and the write at its end
    write_lateral, finish_lateral : sweep of P, and the write of an episode
    evaluate, record : clean passes; in a world, `evaluate` plays it
    pending_change : (array, pending, memory, out), the change of a matrix requested by the next write
    """

    sweeps: Layers
    loss: object
    learn: object
    finish: object
    absorb: object
    learn_clean: object
    finish_clean: object
    write_lateral: object
    finish_lateral: object
    evaluate: object
    record: object
    pending_change: object


def build_loops(setup: Setup, model: NeuronModel, loss: str | ScalarLoss, frozen: tuple[str, ...]) -> Loops:
    """The loops of a run; `loss` is the name of one of :data:`neuroperturb.network.losses.LOSSES`, or a scalar one."""
    rule, rows, online = setup.rule.structure, setup.rule.rows, setup.online
    decorrelating = decorrelation_change if online else rank_change
    changes = {name: (rows.learning, rows.read) if name in LEARNT else (decorrelating, None) for name in MATRICES}
    sweeps = Layers(**{name: _sweep(setup, setup.arrays[name], *change) for name, change in changes.items()})
    forward = model.forward_plan(setup, sweeps)
    write_lateral, whiten = _lateral(setup)
    plan = Plan(
        rule=rule,
        forward=forward,
        loss=kernels_of(loss).between(rule.passes.count, rule.passes.paired),
        whiten=whiten,
        learns=_learns(setup, frozen),
        delayed=setup.chip.reward.delay > 0,
        measured=setup.chip.reward.alters,
        dtype=str(setup.dtype),
        lanes=trials_innermost(setup, model),
        draws_by_lanes=draws_by_lanes(setup),
        resynchronises=setup.resynchronise > 0,
        whole=setup.whole,
        own_traces=model.has_own_traces(),
        world=plan_of(setup.world, rule.passes.sampled),
    )
    clean = forward._replace(injected=False).make()
    learn_clean, finish_clean = (None, None) if online else _clean_pass(setup, plan)
    writers = tuple(_sweep(setup, setup.arrays[name], rows.written, rows.read) for name in LEARNT if not online)
    return Loops(
        sweeps=sweeps,
        loss=plan.loss,
        learn=make_online(plan) if online else make_episode(plan),
        finish=None if online else make_finish(plan, writers),
        absorb=make_absorb(plan) if not online and rule.synapse.integrates and rule.synapse.credited_at_end else None,
        learn_clean=learn_clean,
        finish_clean=finish_clean,
        write_lateral=write_lateral,
        finish_lateral=write_lateral and make_finish_whitening(write_lateral),
        evaluate=make_evaluate(clean) if plan.world is None else make_play_of(plan.world)(clean, plan.world),
        record=make_record(clean),
        pending_change=make_pending_change(rows.learning if online else rows.written),
    )


def make_play_of(world):
    """The factory of the clean pass of a world: compiled, or one that steps it in Python."""
    return make_outside_play if world.outside else make_play


def _sweep(setup: Setup, array: SynapseArray, change_row, read_row=None):
    # an episode only reads its arrays until it ends: there the walk holds out until there are as many trials
    columns = setup.passes * setup.batch if setup.online else setup.batch
    return array.kernel(change_row, read_row, batch=columns >= BATCH).sweep


def _learns(setup: Setup, frozen: tuple[str, ...]) -> Layers:
    """The matrices that learn in the loop over steps; in the episode schedule the D have a separate pass."""
    dec = setup.decorrelation
    decorrelating = setup.online and dec.rate > 0
    learnt = {name: name not in frozen for name in LEARNT}
    return Layers(**learnt, D_in=decorrelating and dec.input, D_rec=decorrelating and dec.state)


def _lateral(setup: Setup) -> tuple:
    """The sweep of P and the kernel that whitens presynaptic factors by it, or None for both."""
    lateral, online = setup.rule.structure.lateral, setup.online
    if not lateral.present:
        return None, None
    write = _sweep(setup, setup.lateral, decorrelation_change if online else summed_decay_change)
    read_back = _column_read(setup, setup.lateral)
    return write, make_whiten(write, read_back, lateral, not online, str(setup.dtype))


def _clean_pass(setup: Setup, plan: Plan) -> tuple:
    """The pass of an episode that learns D, and the write at its end."""
    dec = setup.decorrelation
    reads = tuple(_column_read(setup, setup.arrays[name]) for name in DECORRELATING)
    writers = tuple(_sweep(setup, setup.arrays[name], summed_decay_change) for name in DECORRELATING)
    return make_clean(plan, reads, dec.input, dec.state), make_finish_clean(writers, dec.input, dec.state)


def _column_read(setup: Setup, array: SynapseArray):
    slow = not isinstance(array.state.slow, Absent)
    combine = make_combine(slow) if slow or len(array.state.gain) > 1 else None
    return make_column_read(array.stages.back, combine, array.is_ideal, slow, str(setup.dtype))
