"""Backpropagation through time of the return, through the network and through the world it acts in.

    s_{t+1}, r_t = move(s_t, a_t),  u_t = look(s_t),  a_t = y_t, or, of two choices, a_t = 1/(1 + e^{y_0 − y_1})

    λ_t = (∂s_{t+1}/∂s_t)ᵀ λ_{t+1} − ∂r_t/∂s_t + (∂u_t/∂s_t)ᵀ W_inᵀ g_a(t)        λ = ∂(−Σr)/∂s, 0 after the end of a trial
    g_y(t) = [(∂s_{t+1}/∂a_t)ᵀ λ_{t+1} − ∂r_t/∂a_t] ∂a_t/∂y_t

and g_a from g_y as in :mod:`neuroperturb.baselines.bptt`. A world gives its derivatives itself, :class:`.Slopes`; the step at which a
trial ends has none and counts as fixed. Two choices act together while learning, each with its probability in a softmax; when scored, the
larger output acts alone.

P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78, 1550 (1990), doi:10.1109/5.58337, which has the
plant in the chain, too.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.record import record
from neuroperturb.baselines.bptt import Gradients, add_scaled, collect, through_units
from neuroperturb.baselines.forward import Weights, copy_rows, leak_pair, make_leaky_step, product, product_back
from neuroperturb.baselines.gradient_trainer import GradientTrainer
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.network.activation import Nonlinearity
from neuroperturb.simulation.world import largest
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence
from neuroperturb.tasks.worlds.contract import Slopes
from neuroperturb.tasks.worlds.environment import draw, make_begin, make_move, make_state
from neuroperturb.tasks.worlds.task import WorldTrials


class Lived(NamedTuple):
    """Trials of a network in a world, B of T steps.

    u (T, B, m), slope (T, B, n) α f'(a), xhat (T, B, n), y (T, B, n_out) : of the network, in its dtype
    state (T, B, S) before each step;  action, reward (T, B);  alive (T, B) int8, 0 once a trial is over : of the world
    """

    u: np.ndarray
    slope: np.ndarray
    xhat: np.ndarray
    y: np.ndarray
    state: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    alive: np.ndarray


class InWorld(NamedTuple):
    """The matrices and leaks of a network for these kernels, (m, n), (n, n), (n, n_out), (n,), (n,)."""

    w_in: np.ndarray
    w_rec: np.ndarray
    w_out: np.ndarray
    alpha: np.ndarray
    keep: np.ndarray


@kernel
def mixed(y):
    """Probability of the second of two choices."""
    return 1.0 / (1.0 + math.exp(float(y[0]) - float(y[1])))


@lru_cache
def make_live_through(curve: Nonlinearity, begin, move, choosing: bool, learning: bool):
    """live(world, network, lived): one pass in a world; `learning`: two choices are mixed."""
    leaky_step, begin_all, move_one = make_leaky_step(curve), separate(make_begin(begin)), separate(make_move(move))

    @kernel(allocates=True)
    def live(world, network, lived):
        steps, batch, n_in = lived.reward.shape[0], lived.reward.shape[1], world.seen.shape[1]
        begin_all(world)
        x = np.zeros_like(lived.xhat[0])
        recurrent = np.zeros_like(x)
        for t in range(steps):
            for b in range(batch):
                for k in range(n_in):
                    lived.u[t, b, k] = world.seen[b, k]
            product(lived.u[t], network.w_in, lived.slope[t])
            leaky_step(lived.slope[t], recurrent, x, lived.slope[t], network.alpha, network.keep)
            copy_rows(x, lived.xhat[t])
            product(x, network.w_out, lived.y[t])
            product(x, network.w_rec, recurrent)
            for b in range(batch):
                y = lived.y[t, b]
                draw(world, b)
                if not choosing:
                    world.action[b] = y[0]
                elif learning:
                    world.action[b] = mixed(y)
                else:
                    world.action[b] = largest(y, len(y))
                lived.action[t, b], lived.alive[t, b] = world.action[b], 1 - world.done[b]
                for i in range(lived.state.shape[2]):
                    lived.state[t, b, i] = world.state[b, i]
                move_one(world, b)
                lived.reward[t, b] = world.reward[b]
                for o in range(len(y)):
                    lived.reward[t, b] += 0.0 * y[o]  # not finite if an output is not
            world.moment[0] += 1

    return live


@lru_cache
def make_back_through(slopes: Slopes, choosing: bool):
    """back(world, network, lived, errors): errors (T, B, n_out) becomes g_y, and `slope` of what was lived g_a, of the mean of −Σr."""
    move, look = separate(slopes.move), separate(slopes.look)

    @kernel(allocates=True)
    def back(world, network, lived, errors):
        (steps, batch, S), n_in = lived.state.shape, world.seen.shape[1]
        g_x = np.zeros_like(lived.slope[0])
        g_a, carried, direct, g_u = (
            np.zeros_like(g_x),
            np.zeros_like(g_x),
            np.zeros_like(g_x),
            np.zeros_like(lived.u[0]),
        )
        costate, before = np.zeros((batch, S)), np.zeros(S)
        moved, paid, shown = np.zeros((S, S + 1)), np.zeros(S + 1), np.zeros((n_in, S))
        for t in range(steps - 1, -1, -1):
            for b in range(batch):
                errors[t, b] = 0
                if lived.alive[t, b] == 0:
                    continue
                moved[:] = 0.0
                paid[:] = 0.0
                action = lived.action[t, b]
                move(world.numbers, lived.state[t, b], action, world.strength[0], moved, paid)
                for j in range(S):
                    before[j] = -paid[j] / batch
                by_action = -paid[S] / batch
                for i in range(S):
                    by_action += costate[b, i] * moved[i, S]
                    for j in range(S):
                        before[j] += costate[b, i] * moved[i, j]
                for j in range(S):
                    costate[b, j] = before[j]
                if choosing:
                    errors[t, b, 1] = by_action * action * (1.0 - action)
                    errors[t, b, 0] = -errors[t, b, 1]
                else:
                    errors[t, b, 0] = by_action
            product_back(g_a, network.w_rec, carried)
            add_scaled(carried, network.keep, g_x)
            product_back(errors[t], network.w_out, direct)
            for b in range(batch):
                for i in range(direct.shape[1]):
                    g_x[b, i] += direct[b, i]
            through_units(lived.slope[t], g_x, g_a)
            product_back(g_a, network.w_in, g_u)
            for b in range(batch):
                if lived.alive[t, b] == 0:
                    continue
                shown[:] = 0.0
                look(world.numbers, lived.state[t, b], shown)
                for k in range(n_in):
                    for i in range(S):
                        costate[b, i] += g_u[b, k] * shown[k, i]

    return back


class WorldBpttTrainer(GradientTrainer):
    """Training by the gradient of the return; parameters as in :class:`neuroperturb.baselines.gradient_trainer.GradientTrainer`.

    The dataset is one of a world that has derivatives. Its loss while learning is ceiling − return of the trials as they were lived, with their own
    reward where the gradient is that of a surrogate.
    """

    dataset: WorldTrials

    def __init__(self, weights: Weights, dataset: WorldTrials, rule: Bptt, **options: Any):
        super().__init__(weights, dataset, rule, **options)
        self._world, self._strength = dataset.world, np.ones(1)

    def batch(self, number: int) -> float:
        """Learn from the trials of training sequence `number`; returns ceiling − their mean return."""
        sequence = self.dataset.batch(number)
        loss, gradients = self.gradient(sequence)
        self.step += len(sequence.inputs)
        self.update(gradients)
        return loss

    def gradient(self, sequence: Sequence) -> tuple[float, Gradients]:
        """Mean loss of the trials of a sequence, and its gradient."""
        numbers = sequence.condition[0]
        world, network, lived = self._live(numbers, len(sequence.inputs), learning=True)
        self._strength[:] = world.strength
        errors = np.zeros_like(lived.y)
        with np.errstate(over="ignore", invalid="ignore"):
            make_back_through(self._world.slopes, self._world.choices > 0)(world, network, lived, errors)
            before = np.zeros_like(lived.xhat[0])
            found = collect(lived.u, before, lived.xhat, lived.slope, errors, sequence.reset)
        return float(self.dataset.ceiling - lived.reward.sum(axis=0).mean()), found

    def evaluate(self, sequence: Sequence) -> np.ndarray:
        """Rewards of the present network, (T, B, 1); the motor is as learning left it."""
        numbers, steps, block = sequence.condition[0], len(sequence.inputs), self.dataset.batch_size
        parts = [
            self._live(numbers[b : b + block], steps, learning=False)[2].reward for b in range(0, len(numbers), block)
        ]
        return np.concatenate(parts, axis=1)[:, :, None]

    def _live(self, numbers: np.ndarray, steps: int, *, learning: bool):
        """A pass of trials by number: the world as a record, the network, and what was lived."""
        weights, dtype, batch, world = self.weights, self.weights.w_rec.dtype, len(numbers), self._world
        (m, n), n_out = weights.w_in.shape, weights.w_out.shape[1]
        alpha, keep = leak_pair(self.leak, dtype, n)
        wide = lambda *s: np.zeros((steps, batch, *s), dtype)  # noqa: E731
        numeric = lambda *s: np.zeros((steps, batch, *s))  # noqa: E731
        lived = Lived(
            u=wide(m), slope=wide(n), xhat=wide(n), y=wide(n_out), state=numeric(world.state), action=numeric(), reward=numeric(),
            alive=np.zeros((steps, batch), np.int8),
        )  # fmt: skip
        lived.u[..., world.n_in :] = 1  # the bias, if there is one
        state = make_state(world, self.dataset.seed, batch, dtype)
        state.trial[:], state.strength[:] = numbers, self._strength
        network, handle = InWorld(*weights[:3], alpha, keep), record(state)
        live = make_live_through(self.activation.curve(), world.begin, world.move, world.choices > 0, learning)
        with np.errstate(over="ignore", invalid="ignore"):
            live(handle, network, lived)
        return handle, network, lived

    def checkpoint(self) -> dict[str, np.ndarray]:
        return {**super().checkpoint(), "strength": self._strength.copy()}

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        super().restore(kept)
        self._strength[:] = kept["strength"]


def require_fit_world(rule: Bptt, schedule: str | None) -> None:
    """Reject, in one sentence, what only a gradient without a world has."""
    for name in ("window", "chunk", "decorrelation_rate"):
        if getattr(rule, name):
            verb = "must be left out in a world, whose gradient goes through whole trials"
            raise SpecError(f"rule.{name}", verb=verb, got=getattr(rule, name))
    if rule.presynaptic.tracks:
        raise SpecError("rule.presynaptic", wanted="left out in a world", got=rule.presynaptic.kind)
    if schedule != "episode":
        raise SpecError("training.schedule", wanted="'episode' in a world", got=schedule)
