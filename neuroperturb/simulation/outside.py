"""Worlds that Python steps: the loops of :mod:`~neuroperturb.simulation.world`, with Python between the action and its reward."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.dynamics import silence
from neuroperturb.simulation.plan import Plan
from neuroperturb.simulation.world import WorldPlan, make_act
from neuroperturb.tasks.worlds.contract import Outside
from neuroperturb.tasks.worlds.environment import act_outside, begin_outside, draw


@lru_cache
def make_decide(plan: WorldPlan):
    """decide(world, y, dy, n, spread): the action of every trial."""
    act = separate(make_act(plan))

    @kernel
    def decide(world, y, dy, n, spread):
        for b in range(world.trial.shape[0]):
            draw(world, b)
            act(world, b, y[b], dy[b], n, spread)

    return decide


@lru_cache
def make_outside(plan: Plan, halves, strategy):
    """live(run, inputs, targets, mask, reset, first, last, outside): as `world.make_live`."""
    look, learn = halves
    begin_step, add_step, end_sequence = strategy
    decide, choosing, sampled = make_decide(plan.world), plan.world.choosing, plan.world.sampled

    def live(run, inputs, targets, mask, reset, first, last, outside: Outside):
        world, n_out = run.world, targets.shape[2]
        for t in range(first, last):
            begin_step(run, reset[t])
            if reset[t]:
                begin_outside(world, outside, "learn")
            look(run, world.seen, targets[t], reset[t])
            spread = run.rule.baseline.spread if sampled else 1.0
            y = run.signal.y
            decide(handle(run), y, run.signal.dy, n_out, spread)
            outputs = y[:, :n_out]
            if sampled and not choosing:
                outputs = np.array(world.action)[:, None]
            act_outside(world, outside, "learn", outputs)
            if not learn(run, targets[t], mask[t]):
                return t
            add_step(run, reset[t])
        if last == inputs.shape[0]:
            end_sequence(run)
        return last

    return live


def handle(run):
    """What kernels take for the world of a run."""
    return run.inner["world"] if hasattr(run, "inner") else run.world


@lru_cache
def make_outside_play(forward, plan: WorldPlan):
    """play(arrays, pending, memories, act, numbers, world, rewards, outside): as `world.make_play`."""
    decide = make_decide(plan._replace(sampled=False))

    def play(arrays, pending, memories, activity, numbers, world, rewards, outside: Outside):
        silence(activity)
        begin_outside(world, outside, "look")
        n_out = int(arrays.W_out.size[0])
        for t in range(rewards.shape[0]):
            forward(arrays, pending, memories, activity, numbers, world.seen)
            decide(world, activity.y, activity.y, n_out, 1.0)
            act_outside(world, outside, "look", np.array(activity.y[:, :n_out]))
            rewards[t, :, 0] = world.reward + 0.0 * activity.y[:, :n_out].sum(axis=1)
            world.moment[0] += 1

    return play
