"""Gradients through worlds: derivatives of a step and of a whole return against finite differences, training, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from task_names import WORLDS

from hardware_models.numerics import random
from neuroperturb.baselines import Bptt, Weights, from_matrices
from neuroperturb.baselines.through_worlds import WorldBpttTrainer
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.spec import SpecError
from neuroperturb.tasks import TASKS, CartPole, Pendulum
from neuroperturb.training.comparison import plan
from neuroperturb.training.trainer import Trainer

THROUGH = {
    "cart-pole": CartPole(steps=12, hidden=False, validation_trials=5, test_trials=5),
    "pendulum": Pendulum(steps=12, hidden=False, start=3.0, speed=3.0, validation_trials=5, test_trials=5),
}
STEP = 1e-6


def surrogate(name, state, reward):
    """What is differentiated: of the cart-pole a cost of the state before the step, of the pendulum its reward."""
    return 1 - (state[0] / 2.4) ** 2 - (state[2] / math.radians(12)) ** 2 if name == "cart-pole" else reward


def moved(world, name, state, action, strength):
    """(s', what is differentiated, observation) of one step, by the world's own function."""
    after, seen = np.array(state), np.zeros(world.n_in)
    reward, _ = world.move(world.numbers, np.zeros(world.row), after, action, strength, seen)
    return np.append(after, surrogate(name, state, reward)), seen


@pytest.mark.kernels
@pytest.mark.parametrize("strength", [1.0, -1.0, 0.3])
@pytest.mark.parametrize("name", THROUGH)
def test_a_step_has_the_derivatives_it_says(name, strength):
    world, rng = THROUGH[name].world(), np.random.default_rng(3)
    S, limits = world.state, {"cart-pole": (2.0, 2.0, 0.2, 2.0, 0), "pendulum": (3.0, 7.0, 0)}[name]
    for _ in range(20):
        state = np.array([rng.uniform(-x, x) for x in limits])
        action = rng.uniform(0.05, 0.95) if world.choices else rng.uniform(-0.9, 0.9)
        jacobian, paid, shown = np.zeros((S, S + 1)), np.zeros(S + 1), np.zeros((world.n_in, S))
        world.slopes.move(world.numbers, state, action, strength, jacobian, paid)
        after = moved(world, name, state, action, strength)[0]
        world.slopes.look(world.numbers, after[:S], shown)
        for j in range(S):
            nudge = STEP * (np.arange(S) == j)
            up, seen_up = moved(world, name, state + nudge, action, strength)
            down, seen_down = moved(world, name, state - nudge, action, strength)
            slope = (up - down) / (2 * STEP)
            np.testing.assert_allclose(np.append(jacobian[:, j], paid[j]), slope, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(shown @ jacobian[:, j], (seen_up - seen_down) / (2 * STEP), rtol=1e-6, atol=1e-6)
        up, down = (moved(world, name, state, action + h, strength)[0] for h in (STEP, -STEP))
        slope = (up - down) / (2 * STEP)
        np.testing.assert_allclose(np.append(jacobian[:, S], paid[S]), slope, rtol=1e-6, atol=1e-6)
    assert np.abs(jacobian[:, S]).max() > 0 and np.abs(paid[:S]).max() > 0


def test_what_is_clipped_passes_nothing():
    world = THROUGH["pendulum"].world()
    for state, action, entry in (([1.0, 0.0, 0.0], 1.5, (1, 3)), ([1.0, 7.99, 0.0], 0.9, (1, 1))):
        jacobian, paid = np.zeros((3, 4)), np.zeros(4)
        world.slopes.move(world.numbers, np.array(state), action, 1.0, jacobian, paid)
        assert jacobian[entry] == 0 and jacobian[0, entry[1]] == 0 and jacobian[0, 0] >= 1


def trainer(name, network, *, dtype="float64", seed=5, **task):
    task = THROUGH[name].replace(**task)
    data = task.data(seed, 3)
    weights = from_matrices(initial_weights(network, data.n_in, data.n_out, seed), np.dtype(dtype).type)
    return WorldBpttTrainer(
        weights, data, Bptt(), leak=network.leaks, bias=network.bias, activation=network.activation, schedule="episode"
    )


def lived_by_hand(name, one, numbers, weights: Weights):
    """Mean over trials of −Σ of what is differentiated, step by step in NumPy around the world's own functions."""
    world, total = one.dataset.world, 0.0
    leak = one.leak
    for number in numbers:
        draws = np.zeros(world.row)
        random.fill_uniform(one.dataset.seed, world.stream, number, 0, draws)
        state, seen = np.zeros(world.state), np.zeros(world.n_in)
        world.begin(world.numbers, draws, state, seen)
        x = np.zeros(len(weights.w_rec))
        for _ in range(world.steps):
            u = np.append(seen, 1.0) if one.bias else seen
            x = (1 - leak) * x + leak * np.tanh(u @ weights.w_in + x @ weights.w_rec)
            y = x @ weights.w_out
            action = np.exp(y[1]) / np.exp(y).sum() if world.choices else y[0]
            before = state.copy()
            reward, over = world.move(world.numbers, draws, state, action, 1.0, seen)
            total -= surrogate(name, before, reward) / len(numbers)
            if over:
                break
    return total


@pytest.mark.kernels
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", THROUGH)
def test_the_gradient_of_a_return_is_its_finite_difference(name, bias):
    one = trainer(name, RNN(size=4, leak=0.6, bias=bias, gain=1.5))
    sequence = one.dataset.batch(2)
    _, gradients = one.gradient(sequence)
    for field, found in zip(("w_in", "w_rec", "w_out"), gradients, strict=True):
        matrix = getattr(one.weights, field)
        for place in np.ndindex(matrix.shape):
            sides = []
            for h in (1e-5, -1e-5):
                other = matrix.copy()
                other[place] += h
                sides.append(lived_by_hand(name, one, sequence.condition[0], one.weights._replace(**{field: other})))
            assert found[place] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6, abs=1e-6)
        assert np.abs(found).max() > 1e-3


def test_a_trial_that_ends_early_counts_to_its_end():
    """From a cart-pole that falls at once nothing comes back, and its trial adds its one reward."""
    one = trainer("cart-pole", RNN(size=3), force=1e5)
    loss, gradients = one.gradient(one.dataset.batch(0))
    assert loss == pytest.approx(12 - 2)  # the push shows in the angle one step later
    assert all(np.isfinite(g).all() for g in gradients)


def experiment(name, rule="bptt", *, task=(), training=(), **more):
    table = {"name": name, **THROUGH[name].table(), "trials_per_epoch": 6, **dict(task)}
    schedule = {"epochs": 2, "batch_size": 3, "dtype": "float64", **dict(training)}
    return Experiment.parse({"task": table, "network": {"size": 4}, "rule": rule, "training": schedule, **more})


@pytest.mark.parametrize("name", THROUGH)
def test_it_is_scored_as_any_rule_is(name):
    """Weights that are the same act the same, by greedy choices, whoever learns."""
    exact, perturbed = (Trainer(experiment(name, rule)) for rule in ("bptt", "np"))
    part = exact.dataset.validation
    np.testing.assert_allclose(exact.evaluate(part), perturbed.evaluate(part), rtol=0, atol=1e-10)
    assert exact.evaluate(part).shape == (12, 5, 1)


def test_a_broken_motor_is_the_one_that_is_scored():
    task = {"motor_breaks_at": 3, "motor_strength": 0.0}
    one = Trainer(experiment("pendulum", task=task))
    healthy = one.score(one.dataset.validation)["loss"]
    rest = [one.advance() for _ in range(4)]
    kept = one.run()
    broken = Trainer(experiment("pendulum", task={**task, "motor_breaks_at": 0}))
    broken.advance()
    for name in ("W_in", "W_rec", "W_out"):
        broken.learner.stored()[name][...] = one.learner.stored()[name]
    part = one.dataset.validation
    assert rest[-1] and np.array_equal(one.evaluate(part), broken.evaluate(part)) and np.isfinite(healthy)
    again = Trainer(kept.experiment, resume=kept)
    assert np.array_equal(again.evaluate(part), one.evaluate(part))


def test_training_lowers_the_loss_and_resumes_bit_for_bit():
    rule = {"name": "bptt", "optimiser": {"kind": "adam", "learning_rate": 0.05, "clip_norm": 1.0}}
    task = {"start": 0.2, "speed": 0.2, "centre": 0.0, "steps": 20, "validation_trials": 16}
    made = experiment("pendulum", rule, task=task, training={"epochs": 40, "batch_size": 6})
    whole, part = Trainer(made), Trainer(made)
    first = whole.score(whole.dataset.validation)["loss"]
    for _ in whole:
        pass
    for _ in range(5):
        part.advance()
    resumed = Trainer(made, resume=part.run())
    for _ in resumed:
        pass
    one, two = whole.run(), resumed.run()
    assert one.status == "finished" and all(np.array_equal(one.weights[n], two.weights[n]) for n in one.weights)
    assert one.history["validation_loss"].iloc[-1] < 0.7 * first


def test_baselines_have_it_where_a_world_does():
    for name, has in (("pendulum", True), ("bandit", False)):
        one = Experiment.parse({"task": name, "rule": "np"})
        rows = [row for row, _ in plan(one, one.task.data(1, 2))]
        assert ("bptt" in rows) == has and "frozen recurrence" in rows


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_says_itself_whether_it_has_derivatives(name):
    task = TASKS[name]()
    assert task.derivatives == (task.world().slopes is not None) == (name in THROUGH)
    if not task.derivatives:
        with pytest.raises(SpecError, match=f"'rule' .*{name}', a world whose step has no derivative .*Got 'bptt'"):
            Experiment.parse({"task": name, "rule": "bptt"})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"rule": {"name": "bptt", "window": 3}}, "'rule.window' .*must be left out in a world"),
        ({"rule": {"name": "bptt", "chunk": 3}}, "'rule.chunk' .*must be left out in a world"),
        (
            {"rule": {"name": "bptt", "decorrelation_rate": 0.1}},
            "'rule.decorrelation_rate' .*must be left out in a world",
        ),
        ({"training": {"schedule": "online"}, "rule": {"name": "bptt", "window": 3}}, "'rule.window' .*left out"),
        ({"hardware": "ecram"}, "'hardware' .*must be left out with the rule 'bptt' and the task 'pendulum', a world"),
        ({"rule": "rtrl"}, "'rule' .*must be a perturbation rule or 'bptt' with the task 'pendulum'"),
    ],
)
def test_what_does_not_go_through_a_world_is_one_sentence(more, sentence):
    with pytest.raises(SpecError, match=sentence):
        Experiment.parse({"task": "pendulum", "rule": "bptt", **more})
