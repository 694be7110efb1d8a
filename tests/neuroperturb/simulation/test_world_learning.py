"""Learning in a world: updates by hand, the closed form of a bandit, the same bits however a run is cut, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rule_cases import slow_but

from hardware_models.numerics import random
from neuroperturb import rules
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.rnn import RNN, Matrices, initial_weights
from neuroperturb.rules import LayerNorm, NoiseVariance, Plain, RunningMean, Trace
from neuroperturb.rules.axes.baseline import PerStep, PolicyTwin
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import SpecError
from neuroperturb.tasks import Bandit, CartPole, Pendulum, TMaze
from neuroperturb.tasks.worlds import Environment
from neuroperturb.training.trainer import Trainer

SIGMA, SPREAD = 0.3, 0.7
PARTS = {"learning_rate": 1.0, "noise_std": SIGMA, "step": Plain(), "credit": Trace(decay=0.9)}


def simulation(task, rule, batch, size=4, initial=None, hardware=None, **options):
    data = task.data(5, batch)
    network = RNN(size=size, bias=True, leak=0.8)
    initial = initial or initial_weights(network, data.n_in, data.n_out, 2)
    made = Simulation(
        network, rule, initial, schedule="episode", batch=batch, steps=data.world.steps, total_steps=100, dtype="float64", seed=5,
        world=data.world, hardware=hardware, **options,
    )  # fmt: skip
    return made, data, initial


def forward(weights, x, u, noise):
    """One step of the network of one trial: the state, and the output."""
    x = 0.2 * x + 0.8 * np.tanh(weights.W_in @ np.append(u, 1.0) + weights.W_rec @ x + noise[0])
    return x, weights.W_out @ x + noise[1]


def by_hand(task, weights, draws, batch, delay=0, sampled=False):
    """The update of one episode, trial by trial, from e ← λ e + p x̂ and Σ_t −δL_t e_t; the policy twin from its two sums."""
    hidden, output = draws
    world = Environment(task, batch)
    seen, steps, choices = world.reset(5), task.steps, world.world.choices
    n, n_out = len(weights.W_rec), len(weights.W_out)
    clean, noisy = np.zeros((batch, n)), np.zeros((batch, n))
    seen_all, before_all, after_all = [], [], []
    rewards, gains = np.zeros((steps, batch)), np.zeros((steps, batch))
    for t in range(steps):
        seen_all.append([np.append(u, 1.0) for u in seen])
        before_all.append((clean if sampled else noisy).copy())
        acts = np.zeros(batch)
        for b in range(batch):
            xi = SIGMA * hidden[t, b], SIGMA * output[t, b]
            noisy[b], loud = forward(weights, noisy[b], seen[b], xi)
            clean[b], quiet = forward(weights, clean[b], seen[b], (0, 0))
            if not sampled:
                acts[b] = np.argmax(loud) if choices else loud[0]
                continue
            u = random.uniform(5, world.world.stream, b, (t + 2, world.world.row), np.float64)[t + 1]
            if choices:
                p, q = (np.exp(y / SPREAD) / np.exp(y / SPREAD).sum() for y in (quiet, loud))
                acts[b] = np.searchsorted(np.cumsum(p), u[-1])
                gains[t, b] = math.log(q[int(acts[b])] / p[int(acts[b])])
            else:
                acts[b] = quiet[0] + SPREAD * math.sqrt(-2 * math.log(u[-1])) * math.cos(2 * math.pi * u[-2])
                gains[t, b] = ((acts[b] - quiet[0]) ** 2 - (acts[b] - loud[0]) ** 2) / (2 * SPREAD**2)
        after_all.append((clean if sampled else noisy).copy())
        seen, rewards[t], _ = world.step(acts)
    factor = lambda xi: len(xi) * xi / (xi @ xi) if sampled else xi  # noqa: E731
    scale = 1.0 / SIGMA if not sampled else 1.0
    advantage = rewards - rewards.mean(axis=1, keepdims=True)  # the first episode: expected is the batch's mean
    total = Matrices(*(np.zeros_like(w) for w in weights))
    for b in range(batch):
        traces = [np.zeros((n, len(seen_all[0][0]))), np.zeros((n, n)), np.zeros((n_out, n))]
        for t in range(steps + delay):
            if t < steps:
                p, p_y = (
                    factor(hidden[t, b] if not sampled else SIGMA * hidden[t, b]),
                    factor(output[t, b] if not sampled else SIGMA * output[t, b]),
                )
                new = np.outer(p, seen_all[t][b]), np.outer(p, before_all[t][b]), np.outer(p_y, after_all[t][b])
            else:
                new = (0.0, 0.0, 0.0)
            if sampled:
                to_go = sum(0.9 ** (s - t) * advantage[s, b] for s in range(t, steps))
                traces = [e + scale * change for e, change in zip(traces, new, strict=True)]
                reward = gains[t, b] * to_go
            else:
                traces = [0.9 * e + scale * change for e, change in zip(traces, new, strict=True)]
                reward = advantage[t - delay, b] if t >= delay else 0.0
            for matrix, e in zip(total[:3], traces, strict=True):
                matrix += reward * e / batch
    return total


def drawn(steps, batch, n, n_out):
    rng = np.random.default_rng(4)
    return rng.normal(size=(steps, batch, n)), rng.normal(size=(steps, batch, n_out))


@pytest.mark.kernels
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("task", [TMaze(length=2, steps=5), Pendulum(steps=4)], ids=["t-maze", "pendulum"])
def test_node_perturbation_by_hand(task, delay):
    rule = rules.make("np", None, "episode", baseline=PerStep(), **PARTS)
    chip = Chip(reward=RewardChannel(delay=delay))
    draws = drawn(task.steps, 3, 4, task.world().n_out)
    recorded = {"hidden": draws[0], "output": draws[1]}
    made, data, initial = simulation(task, rule, 3, recorded=recorded, hardware=chip)
    sequence = made.prepare(data.batch(0))
    assert made.gather(sequence, 0, 2) == 2 and made.gather(sequence, 2, task.steps) == task.steps
    wanted = by_hand(task, initial, draws, 3, delay=delay)
    for name, change in made.pending_update().items():
        np.testing.assert_allclose(change, getattr(wanted, name), rtol=0, atol=1e-10)
    assert np.abs(wanted.W_rec).max() > 1e-3


@pytest.mark.kernels
@pytest.mark.parametrize("task", [TMaze(length=2, steps=5), Pendulum(steps=4)], ids=["t-maze", "pendulum"])
def test_the_policy_twin_by_hand(task):
    parts = {**PARTS, "baseline": PolicyTwin(spread=SPREAD), "normaliser": LayerNorm(gain="layer")}
    draws = drawn(task.steps, 3, 4, task.world().n_out)
    recorded = {"hidden": draws[0], "output": draws[1]}
    made, data, initial = simulation(task, rules.make("nrl", None, "episode", **parts), 3, recorded=recorded)
    made.gather(made.prepare(data.batch(0)), 0, task.steps)
    wanted = by_hand(task, initial, draws, 3, sampled=True)
    for name, change in made.pending_update().items():
        np.testing.assert_allclose(change, getattr(wanted, name), rtol=0, atol=1e-10)
    assert np.abs(wanted.W_rec).max() > 1e-3


@pytest.mark.parametrize("rule", ["np", "nrl"])
def test_the_mean_update_on_a_bandit_is_its_gradient(rule):
    """Saturated hidden units x(c), arms by y = W x: NP climbs P(right) = Φ(z), z = ±(y_0 − y_1)/(√2 σ); the policy twin that of softmax."""
    batch, sigma = 3000, {"np": 0.5, "nrl": 0.01}[rule]
    initial = Matrices(
        np.array([[30.0, -30.0, 0.0]]), np.zeros((1, 1)), np.array([[0.3], [-0.2]]), np.eye(2), np.eye(1)
    )
    parts = {"learning_rate": 1.0, "noise_std": sigma, "step": Plain()}
    parts |= {"baseline": RunningMean()} if rule == "np" else {"baseline": PolicyTwin(spread=SPREAD)}
    made, data, _ = simulation(
        Bandit(contexts=2, good=1.0), rules.make(rule, None, "episode", **parts), batch, 1, initial
    )
    made.gather(made.prepare(data.batch(0)), 0, 1)
    found = made.pending_update()["W_out"][:, 0]
    x = np.array([1.0, -1.0]) * 0.8  # one leaky step
    margin = 0.5 * x  # y_0 − y_1 in each context
    if rule == "np":
        slope = np.exp(-((margin / (math.sqrt(2) * sigma)) ** 2) / 2) / math.sqrt(2 * math.pi) / (math.sqrt(2) * sigma)
    else:
        p = 1 / (1 + np.exp(-margin / SPREAD))
        slope = p * (1 - p) / SPREAD
    gradient = np.mean(slope * x * np.array([1, -1]))  # arm 0 is right in context 0, arm 1 in context 1
    spread = 1.2 / (sigma if rule == "np" else SPREAD) / math.sqrt(batch)
    assert gradient > 7 * spread  # twice what it may be off
    assert found == pytest.approx([gradient, -gradient], abs=4 * spread)


def experiment(rule="np-p", **table):
    parts = {
        "task": {"name": "t-maze", "trials_per_epoch": 8, "validation_trials": 4, "test_trials": 4},
        "network": {"size": 4},
    }
    return Experiment.parse({**parts, "rule": rule, "training": {"epochs": 2, "batch_size": 4}, **table})


@pytest.mark.parametrize("rule", slow_but(["np-trace"], ["np-p", "np", "np-trace", "wp-held", "oua", "hebbian", "nrl"]))
def test_every_rule_runs_is_recorded_and_goes_on_with_the_same_bits(rule):
    task = {"name": "pendulum", "steps": 5, "trials_per_epoch": 8, "validation_trials": 4, "test_trials": 4}
    make = lambda **options: Trainer(experiment(rule, task=task), **options)  # noqa: E731
    whole = make()
    for _ in whole:
        pass
    run = whole.run()
    assert run.status == "finished" and run.loss["ceiling"] == 0 and "return" in whole.score(whole.dataset.test)
    first = make()
    for _ in range(3):
        first.advance()
    second = make(resume=first.run())
    for _ in second:
        pass
    resumed = second.run()
    assert all(np.array_equal(run.weights[name], resumed.weights[name]) for name in run.weights)
    columns = ["train_loss", "validation_loss"]
    assert run.history[columns].equals(resumed.history[columns])
    assert any(np.abs(run.weights[name] - run.initial_weights[name]).max() > 0 for name in ("W_in", "W_rec", "W_out"))


def test_evaluating_changes_nothing():
    one, two = Trainer(experiment()), Trainer(experiment())
    while not one.ended:
        one.score(one.dataset.test)
        one.advance(), two.advance()
    assert all(np.array_equal(a, b) for a, b in zip(one.learner.weights(), two.learner.weights(), strict=True))


def test_the_loss_of_training_is_the_ceiling_less_the_return():
    trainer = Trainer(experiment(rule={"name": "np", "learning_rate": 0.0, "noise_std": 1e-5}))
    trainer.advance()
    quiet = trainer.score(trainer.dataset.batch(0))["loss"]
    assert (
        trainer.learner.loss[0] / trainer.learner.loss[1] == pytest.approx(quiet, abs=1e-9) or trainer._loop.number == 0
    )


def test_a_motor_that_breaks_stays_broken_in_validation():
    table = {
        "name": "cart-pole",
        "steps": 12,
        "motor_breaks_at": 4,
        "trials_per_epoch": 4,
        "validation_trials": 4,
        "test_trials": 4,
    }
    trainer = Trainer(experiment(task=table))
    strength = lambda: float(trainer.learner.simulation.run.world.strength[0])  # noqa: E731
    while trainer._loop.number < 1:
        trainer.advance()
    assert strength() == 1.0
    while not trainer.ended:
        trainer.advance()
    assert strength() == -1.0


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"rule": {"name": "np", "baseline": "antithetic"}}, "'rule.baseline' .*must be 'running_mean', .*'policy_twin' in a world"),
        ({"rule": "bptt"}, "'rule' .*must be a perturbation rule with the task 't-maze', a world"),
        ({"rule": "np", "decorrelation": {}}, "'decorrelation' .*must be left out with the task 't-maze', a world"),
        ({"rule": "np", "training": {"schedule": "online"}}, "'training.schedule' .*must be 'episode' in a world"),
        ({"rule": "np", "training": {"carry_state": True}}, "'training.carry_state' .*must be false in a world"),
        ({"rule": {"name": "np", "baseline": {"kind": "per_step", "steps": 3}}}, "'rule.baseline.steps' .*must be at least 10"),
        ({"rule": {"name": "wp", "baseline": "policy_twin"}}, "probe.* must be 'injected' or 'activity'"),
        ({"rule": "nrl", "task": "delayed-xor"}, "'rule.baseline' .*must be of another kind with a task that is not a world"),
    ],
)  # fmt: skip
def test_what_a_world_does_not_allow_is_one_sentence(table, sentence):
    with pytest.raises(SpecError, match=sentence):
        Trainer(experiment(**table))


def test_presets_of_two_passes_use_one_in_a_world():
    assert isinstance(experiment("np-p").rule.baseline, PerStep)
    assert isinstance(experiment("nrl").rule.baseline, PolicyTwin)
    assert isinstance(experiment({"name": "np-p", "baseline": "running_mean"}).rule.baseline, RunningMean)
    assert isinstance(experiment("np").rule.normaliser, NoiseVariance) and CartPole.closed_loop
