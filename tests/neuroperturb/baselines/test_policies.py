"""Policies tuned by an evolution strategy: they are the network they say, one generation by hand, and they learn."""

from __future__ import annotations

import numpy as np
import pytest

from neuroperturb.baselines import policies
from neuroperturb.baselines.policies import Linear, Recurrent, evolve, play, searched
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules import PerturbationRule, RunningMean
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks import Bandit, Pendulum, TMaze
from neuroperturb.tasks.worlds import Environment


@pytest.mark.parametrize("task", [TMaze(length=2, steps=5), Pendulum(steps=6)], ids=["t-maze", "pendulum"])
def test_the_recurrent_policy_is_the_network_of_a_run(task):
    data, network = task.data(3, 4), RNN(size=5, bias=True, leak=0.7)
    simulation = Simulation(
        network, PerturbationRule(baseline=RunningMean()), initial_weights(network, data.n_in, data.n_out, 9), schedule="episode", batch=4,
        steps=task.steps, dtype="float64", seed=3, world=data.world,
    )  # fmt: skip
    policy = Recurrent(network, data.n_in, data.n_out, 9)
    returns = play(data.world, policy, np.stack([policy.start, 0 * policy.start]), 3, data.test.condition[0][:7])
    wanted = simulation.evaluate(data.test).sum(axis=(0, 2))[:7]
    np.testing.assert_allclose(returns[0], wanted, rtol=0, atol=1e-10)
    assert not np.array_equal(returns[0], returns[1])


def test_a_linear_policy_is_a_matrix():
    world, theta = Pendulum(steps=3), np.array([[0.5, -1.0, 0.25]])
    step, total = Environment(world), 0.0
    seen = step.reset(1)
    for _ in range(3):
        seen, reward, _ = step.step(seen @ theta[0, :2] + theta[0, 2])
        total += reward[0]
    assert play(world.world(), Linear(2, 1), theta, 1, [0]) == pytest.approx(np.array([[total]]), abs=1e-12)


def test_a_generation_by_hand():
    data, policy = Pendulum(steps=3).data(2, 1), Linear(2, 1)
    found = evolve(data, policy, 1, rate=0.3, spread=0.2)
    epsilon = np.random.default_rng(np.random.SeedSequence([2, 3])).standard_normal((policies.PAIRS, 3))
    returns = [play(data.world, policy, 0.2 * e[None], 2, range(policies.TRIALS)).mean() for e in (*epsilon, *-epsilon)]
    order = np.argsort(np.argsort(returns)) / (len(returns) - 1) - 0.5
    step = sum((order[i] - order[policies.PAIRS + i]) * epsilon[i] for i in range(policies.PAIRS))
    np.testing.assert_allclose(found.theta, 0.3 * 0.2 * step, rtol=0, atol=1e-12)
    assert found.trials == 2 * policies.PAIRS * policies.TRIALS and found.returns == pytest.approx([np.mean(returns)])


def test_it_learns_a_bandit_and_says_how_it_was_found():
    data = Bandit(contexts=2, good=1.0, validation_trials=32, test_trials=32).data(1, 4)
    row = searched(data, Linear(data.n_in, data.n_out), 1500)
    assert row["validation"] == row["test"] == 0 and "rate" in row["settings"]
    assert data.trivial()["random"]["test"] > 0.2
