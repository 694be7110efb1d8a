"""A network in a world: its outputs act, and the reward of the action is compared with the expected one, at every step.

    observation ─▶ network ─▶ y ─▶ action ─▶ world ─▶ reward r_b ─▶ δL_b = −(r_b − r̄) ─▶ channel ─▶ synapses
         ▲                                     │
         └─────────────────────────────────────┘

An action is the largest of the outputs, or the output itself if actions are numbers: exploration is the perturbation. With the policy twin
(:class:`neuroperturb.rules.axes.baseline.PolicyTwin`) the clean network acts, and draws its action: a choice with probability
softmax(y/s), a number from N(y, s²).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.chip.reward_channel import delay, measure
from neuroperturb.network.dynamics import silence
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.plan import Plan
from neuroperturb.spec import SpecError
from neuroperturb.tasks.worlds.contract import CompiledWorld
from neuroperturb.tasks.worlds.environment import draw, make_begin, make_move


class WorldPlan(NamedTuple):
    """What selects code: the kernels of a world, whether it has choices, whether the clean network draws its action, whether Python steps it."""

    begin: Callable[..., Any]
    move: Callable[..., Any]
    choosing: bool
    sampled: bool
    outside: bool = False


def plan_of(world: CompiledWorld | None, sampled: bool) -> WorldPlan | None:
    return (
        None
        if world is None
        else WorldPlan(world.begin, world.move, world.choices > 0, sampled, world.outside is not None)
    )


@kernel
def largest(y, n):
    """The first of the largest outputs."""
    best = 0
    for o in range(1, n):
        if y[o] > y[best]:
            best = o
    return best


@kernel
def draw_choice(y, n, spread, u):
    """A choice with probability softmax(y/s), by one uniform number."""
    top, total = float(y[largest(y, n)]), 0.0
    for o in range(n):
        total += math.exp((float(y[o]) - top) / spread)
    reached, wanted = 0.0, u * total
    for o in range(n - 1):
        reached += math.exp((float(y[o]) - top) / spread)
        if wanted < reached:
            return o
    return n - 1


@kernel
def choice_gain(y, dy, n, spread, action):
    """log π̃(a) − log π(a) of softmax policies: δ_a/s − log Σ p e^{δ/s}."""
    top, total, changed = float(y[largest(y, n)]), 0.0, 0.0
    for o in range(n):
        p = math.exp((float(y[o]) - top) / spread)
        total += p
        changed += p * math.expm1(float(dy[o]) / spread)
    return float(dy[action]) / spread - math.log1p(changed / total)


@kernel
def draw_number(y, spread, u, v):
    """y + s ν, ν a standard normal number of two uniform ones (Box and Muller)."""
    return y + spread * math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


@kernel
def number_gain(y, dy, spread, action):
    """log π̃(a) − log π(a) of normal policies."""
    off = action - y
    return dy * (2.0 * off - dy) / (2.0 * spread * spread)


@lru_cache
def make_act(plan: WorldPlan):
    """act(world, b, y, dy, n, spread): the action of trial b, and what the noise would have added to its log-probability."""
    choosing, sampled = plan.choosing, plan.sampled

    @kernel
    def greedily(world, b, y, dy, n, spread):
        world.action[b] = float(largest(y, n)) if choosing else float(y[0])

    @kernel
    def by_draw(world, b, y, dy, n, spread):
        u, last = world.u, world.u.shape[0] - 1
        if choosing:
            choice = draw_choice(y, n, spread, u[last])
            world.action[b], world.gain[b] = float(choice), choice_gain(y, dy, n, spread, choice)
        else:
            world.action[b] = draw_number(float(y[0]), spread, u[last], u[last - 1])
            world.gain[b] = number_gain(float(y[0]), float(dy[0]), spread, world.action[b])

    return by_draw if sampled else greedily


@lru_cache
def make_live_compare(plan: Plan):
    """compare(run, targets, mask) -> summed loss: acts, and leaves the received δL of every trial, as that of a task does."""
    act, move, sampled = make_act(plan.world), make_move(plan.world.move), plan.world.sampled
    outside = plan.world.outside
    shared, expect, timed = plan.rule.reward.shared, plan.rule.passes.expect, plan.rule.passes.timed

    @kernel
    def compare(run, targets, mask):
        world, signal, counters = run.world, run.signal, run.counters
        total, scored, n_out, batch = 0.0, False, targets.shape[1], targets.shape[0]
        for b in range(batch):
            if not outside:  # there it has acted already
                draw(world, b)
                act(world, b, signal.y[b], signal.dy[b], n_out, run.rule.baseline.spread if sampled else 1.0)
                move(world, b)
            total -= world.reward[b]
            for o in range(n_out):
                total += 0.0 * float(signal.y[b, o])  # not finite if an output is not
            signal.dL[b] = -world.reward[b] if mask[b] else 0.0
            scored = scored or mask[b]
        if scored:
            if timed:
                world.kind[:] = world.moment[0]
            expect(run.rule.baseline, signal.dL, mask, counters.expected, world.kind)
        world.moment[0] += 1
        if shared:
            mean = 0.0
            for b in range(batch):
                mean += signal.dL[b] / batch
            signal.dL[:] = mean
        measure(run.channel, counters.step[0], mask, shared, signal.dL)
        delay(run.channel, signal.dL)
        counters.loss[0] += total / batch + world.ceiling / run.training.length
        counters.loss[1] += 1.0 / run.training.length
        return total

    return compare


@lru_cache
def make_live(plan: Plan, step, strategy):
    """live(run, inputs, targets, mask, reset, first, last) -> next step: an episode in a world, weights fixed; `inputs` are not read."""
    begin_all, step = make_begin(plan.world.begin), separate(step)
    begin_step, add_step, end_sequence = strategy

    @kernel
    def live(run, inputs, targets, mask, reset, first, last):
        for t in range(first, last):
            begin_step(run, reset[t])
            if reset[t]:
                begin_all(run.world)
            if not step(run, run.world.seen, targets[t], mask[t], reset[t]):
                return t
            add_step(run, reset[t])
        if last == inputs.shape[0]:
            end_sequence(run)
        return last

    return live


@lru_cache
def make_play(forward, plan: WorldPlan):
    """play(arrays, pending, memories, act, numbers, world, rewards): a clean pass; the largest output acts, or the output itself."""
    forward, begin_all = separate(forward), make_begin(plan.begin)
    choose, move = make_act(plan._replace(sampled=False)), make_move(plan.move)

    @kernel
    def play(arrays, pending, memories, act, numbers, world, rewards):
        silence(act)
        begin_all(world)
        n_out = arrays.W_out.size[0]
        for t in range(rewards.shape[0]):
            forward(arrays, pending, memories, act, numbers, world.seen)
            for b in range(rewards.shape[1]):
                draw(world, b)
                choose(world, b, act.y[b], act.y[b], n_out, 1.0)
                move(world, b)
                rewards[t, b, 0] = world.reward[b]
                for o in range(n_out):
                    rewards[t, b, 0] += 0.0 * float(act.y[b, o])
            world.moment[0] += 1

    return play


def require_world_fit(rule: PerturbationRule, schedule: str, world: CompiledWorld | None, steps: int) -> None:
    """Reject, in one sentence, a rule that cannot learn where it is used: in a world nothing happens twice."""
    baseline = rule.baseline
    if world is None:
        if baseline.timed:
            wanted = "of another kind with a task that is not a world, whose sequences are not episodes"
            raise SpecError("rule.baseline", wanted=wanted, got=baseline.kind)
        return
    if baseline.expect is None:
        wanted = "'running_mean', 'per_condition', 'per_step' or 'policy_twin' in a world, where nothing happens twice"
        raise SpecError("rule.baseline", wanted=wanted, got=baseline.kind)
    if schedule != "episode":
        raise SpecError("training.schedule", wanted="'episode' in a world", got=schedule)
    most, need, key = (steps, "steps", "steps") if baseline.timed else (world.kinds, "kinds of trials", "conditions")
    if 0 < baseline.kinds_of_trial < most:
        raise SpecError(
            f"rule.baseline.{key}", wanted=f"at least {most}, the {need} of this world", got=baseline.kinds_of_trial
        )
