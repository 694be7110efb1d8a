"""Every world does what its equations say, is the same by seed in any batch, and refuses what it cannot be."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from slow_cases import slow
from task_names import WORLDS

from hardware_models.numerics import random
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.spec import SpecError
from neuroperturb.tasks import TASKS, Bandit, CartPole, DelayedMatch, GymnasiumWorld, Pendulum, TMaze
from neuroperturb.tasks.worlds import Environment
from neuroperturb.tasks.worlds.contract import TEST, VALIDATE
from neuroperturb.training.trainer import Trainer

SMALL = {
    "bandit": Bandit(contexts=3, steps=2),
    "delayed-match": DelayedMatch(delay=2, steps=4),
    "t-maze": TMaze(length=2, steps=5),
    "cart-pole": CartPole(steps=30, hidden=False),
    "pendulum": Pendulum(steps=8, hidden=False),
}


def actions(task, rng, trials):
    choices = task.world().choices
    return rng.integers(0, choices, trials) if choices else rng.normal(size=trials)


# --- transcriptions, one trial and one step at a time -----------------------------------------------------------------


def bandit(task, u, acts):
    context = int(u(0)[0] * task.contexts)
    yield [float(k == context) for k in range(task.contexts)]
    for t, action in enumerate(acts):
        last = t == task.steps - 1
        chance = task.good if action == context % 2 else 1 - task.good
        yield [0.0] * task.contexts, float(last and u(t + 1)[0] < chance), last


def delayed_match(task, u, acts):
    sample, test = (1.0 if x < 0.5 else -1.0 for x in u(0)[:2])
    yield [sample, 1.0]
    for t, action in enumerate(acts, start=1):
        if t == task.steps:
            yield [0.0, 0.0], float(action == (sample == test)), True
        elif t == task.delay:
            yield [test, 1.0], 0.0, False
        else:
            yield [task.noise * math.sqrt(12) * (u(t)[0] - 0.5), 0.0], 0.0, False


def t_maze(task, u, acts):
    cue, place = (1.0 if u(0)[0] < 0.5 else -1.0), 0
    see = lambda: [cue * (place == 0), float(place < task.length), float(place == task.length)]  # noqa: E731
    yield see()
    for t, action in enumerate(acts):
        side = {0: 0, 1: -1, 2: 1}[int(action)]
        if place == task.length and side:
            yield [0.0] * 3, 4.0 if side == cue else -0.1, True
            return
        walks = place < task.length and side == 0
        place += walks
        last = t == task.steps - 1
        yield [0.0] * 3 if last else see(), 0.0 if walks else -0.1, last


def cart_pole(task, u, acts):
    x, v, angle, w = (0.1 * u(0)[:4] - 0.05).tolist()
    limit = math.radians(12)
    yield [x / 2.4, angle / limit, v / 2, w / 2]
    for t, action in enumerate(acts):
        force, total, pm = (10.0 if action == 1 else -10.0), 1.1, 0.1 * 0.5
        a = (force + pm * w**2 * math.sin(angle)) / total
        dw = (9.8 * math.sin(angle) - math.cos(angle) * a) / (0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / total))
        dv = a - pm * dw * math.cos(angle) / total
        x, v, angle, w = x + 0.02 * v, v + 0.02 * dv, angle + 0.02 * w, w + 0.02 * dw
        over = abs(x) > 2.4 or abs(angle) > limit or t == task.steps - 1
        yield [0.0] * 4 if over else [x / 2.4, angle / limit, v / 2, w / 2], 1.0, over
        if over:
            return


def pendulum(task, u, acts):
    angle, w = math.pi + 0.2 * (2 * u(0)[0] - 1), 0.2 * (2 * u(0)[1] - 1)
    yield [math.cos(angle), math.sin(angle), w / 8]
    for t, action in enumerate(acts):
        torque = float(np.clip(2 * action, -2, 2))
        turn = math.remainder(angle, 2 * math.pi)
        cost = turn**2 + 0.1 * w**2 + 0.001 * torque**2
        w = float(np.clip(w + (15 * math.sin(angle) + 3 * torque) * 0.05, -8, 8))
        angle += w * 0.05
        over = t == task.steps - 1
        yield [0.0] * 3 if over else [math.cos(angle), math.sin(angle), w / 8], -cost, over


ORACLES = {
    "bandit": bandit, "delayed-match": delayed_match, "t-maze": t_maze, "cart-pole": cart_pole, "pendulum": pendulum,
}  # fmt: skip


@pytest.mark.kernels
@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_its_equations(name):
    task, trials, seed = SMALL[name], 6, 11
    world, rng = task.world(), np.random.default_rng(1)
    acts = np.array([actions(task, rng, trials) for _ in range(world.steps)], float)
    together = Environment(task, trials)
    seen = [together.reset(seed)]
    rewards, over = np.zeros((world.steps, trials)), np.zeros((world.steps, trials), bool)
    for t in range(world.steps):
        now, rewards[t], over[t] = together.step(acts[t])
        seen.append(now)
    for b in range(trials):
        draws = lambda t, b=b: random.uniform(seed, world.stream, b, (t + 1, world.row), np.float64)[t]  # noqa: E731
        told = ORACLES[name](task, draws, acts[:, b])
        np.testing.assert_allclose(seen[0][b], next(told), rtol=0, atol=1e-12)
        for t, (observation, reward, done) in enumerate(told):
            np.testing.assert_allclose(seen[t + 1][b], observation, rtol=0, atol=1e-12)
            assert rewards[t, b] == pytest.approx(reward, abs=1e-12) and over[t, b] == done
            if done:
                assert not seen[-1][b].any() and not rewards[t + 1 :, b].any() and over[t:, b].all()
                break
    assert rewards.sum(axis=0).max() <= task.ceiling


@pytest.mark.parametrize("name", WORLDS)
def test_a_trial_is_the_same_in_any_batch(name):
    task, rng = SMALL[name], np.random.default_rng(2)
    acts = [actions(task, rng, 5) for _ in range(task.world().steps)]
    whole, part, other = Environment(task, 5), Environment(task, 2, first=3), Environment(task, 5)
    first = whole.reset(7)
    assert np.array_equal(first[3:], part.reset(7))
    differs = not np.array_equal(first, other.reset(8))
    for now in acts:
        one, two, three = whole.step(now), part.step(now[3:]), other.step(now)
        assert all(np.array_equal(a[3:], b) for a, b in zip(one, two, strict=True))
        differs |= not all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))
    assert differs


@pytest.mark.parametrize("name", WORLDS)
def test_trials_are_numbered_and_parts_share_none(name):
    data = SMALL[name].data(3, 4)
    assert data.batch(2).condition[0].tolist() == [8, 9, 10, 11]
    assert data.validation.condition[0, 0] == VALIDATE and data.test.condition[0, 0] == TEST
    assert data.validation.condition.max() < TEST and data.batch(0).mask.any(axis=0).all()
    assert (data.n_in, data.n_out) == (data.world.n_in, max(1, data.world.choices))


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_a_table_and_is_scored_by_its_return(name):
    task = SMALL[name]
    assert type(task).parse(task.table()) == task and TASKS[name] is type(task)
    data = task.data(3, 4)
    rewards = np.zeros((task.world().steps, 2, 1))
    rewards[0, :, 0] = 0.25, 0.75
    assert data.metrics(rewards, data.validation) == {"loss": task.ceiling - 0.5, "return": 0.5}
    scale, random_policy = data.loss_scale(), data.trivial()["random"]
    assert scale.guess == random_policy and scale.ceiling == task.ceiling and "return" in scale.name
    assert all(loss > 0 for loss in random_policy.values())


def test_motors_break():
    """−1 swaps two choices and reverses a force; 0 is none."""
    for task, swapped in ((Bandit(good=1.0, contexts=2), True), (DelayedMatch(steps=2, delay=1), True)):
        broken = task.replace(motor_breaks_at=0)
        for choice in (0, 1):
            well, ill = Environment(task, 8), Environment(broken, 8)
            well.reset(1), ill.reset(1)
            for _ in range(task.steps):
                one, two = well.step(choice)[1], ill.step(choice)[1]
            assert np.array_equal(one, 1 - two) == swapped
    pole = Environment(CartPole(motor_breaks_at=0, motor_strength=0.0), 1)
    pole.reset(1)
    pole.state[0, :4] = 0
    pole.step(1)
    assert not pole.state[0, :4].any()
    later = Environment(CartPole(motor_breaks_at=5, motor_strength=0.0), 1, first=4)
    later.reset(1)
    later.state[0, :4] = 0
    later.step(1)
    assert later.state[0, 1] > 0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DelayedMatch(delay=7), "'delay' parameter of DelayedMatch must be smaller than 'steps' .7.. Got 7"),
        (lambda: TMaze(length=10), "'length' parameter of TMaze must be smaller than 'steps'"),
        (lambda: Bandit(good=0.4), "'good' parameter of Bandit"),
        (lambda: CartPole(motor_strength=0.5), "'motor_breaks_at' parameter of CartPole must be given with"),
        (lambda: Environment(Bandit(), 0), "'trials' parameter of Environment"),
        (lambda: Environment(Bandit()).step(0), "'reset' parameter of Environment must be called before"),
        (lambda: stepped(2), "'action' parameter of Environment.step must be choices 0 … 1. Got 2"),
        (lambda: stepped(0, 0), "'action' parameter of Environment.step can take at most 1 steps after a reset"),
    ],
)
def test_impossible_worlds_and_actions_are_refused(make, sentence):
    with pytest.raises(SpecError, match=sentence):
        make()


def stepped(*acts):
    world = Environment(Bandit())
    world.reset(0)
    for action in acts:
        world.step(action)


# --- Gymnasium --------------------------------------------------------------------------------------------------------


def test_cart_pole_is_that_of_gymnasium():
    gymnasium = pytest.importorskip("gymnasium", reason="the extra `gymnasium` is not installed")
    theirs, ours = gymnasium.make("CartPole-v1").unwrapped, Environment(CartPole(steps=500, hidden=False), 1)
    rng, steps = np.random.default_rng(0), 0
    for seed in range(20):
        theirs.reset(seed=seed)
        ours.reset(seed)
        ours.state[0, :4] = theirs.state
        over = False
        while not over:
            lean = ours.state[0, 2] + 0.5 * ours.state[0, 3]
            action = int(lean > 0) if rng.random() < 0.9 else int(rng.integers(2))  # balances for a while
            _, reward, over, _, _ = theirs.step(action)
            _, mine, done = ours.step(action)
            np.testing.assert_allclose(ours.state[0, :4], theirs.state, rtol=0, atol=1e-12)
            assert mine[0] == reward and (done[0] == over or ours.state[0, 4] == 500)
            steps, over = steps + 1, over or bool(done[0])
    assert steps > 500


def test_pendulum_is_that_of_gymnasium():
    gymnasium = pytest.importorskip("gymnasium", reason="the extra `gymnasium` is not installed")
    theirs = gymnasium.make("Pendulum-v1").unwrapped
    ours, rng = Environment(Pendulum(steps=200, hidden=False), 1), np.random.default_rng(0)
    theirs.reset(seed=1)
    ours.reset(1)
    ours.state[0, :2] = theirs.state
    for _ in range(200):
        action = rng.normal()
        reward = theirs.step(np.array([2 * action]))[1]
        mine = ours.step(action)[1]
        np.testing.assert_allclose(ours.state[0, :2], theirs.state, rtol=0, atol=1e-12)
        assert mine[0] == pytest.approx(reward, abs=1e-12)


def gymnasium_experiment(**task):
    table = {
        "name": "gymnasium", "environment": "CartPole-v1", "ceiling_return": 20.0, "scale": [2.4, 2.0, 0.2095, 2.0], "steps": 20,
        "trials_per_epoch": 4, "validation_trials": 3, "test_trials": 3, **task,
    }  # fmt: skip
    return {"task": table, "network": {"size": 4}, "training": {"epochs": 2, "batch_size": 4, "dtype": "float64"}}


@pytest.mark.parametrize("rule", ["np-p", *slow("nrl", "wp-held")])
def test_a_network_learns_in_an_environment_of_gymnasium(rule):
    pytest.importorskip("gymnasium", reason="the extra `gymnasium` is not installed")
    experiment = Experiment.parse({**gymnasium_experiment(), "rule": rule})
    assert Experiment.parse(experiment.table()) == experiment
    whole, part = Trainer(experiment), Trainer(experiment)
    for _ in whole:
        pass
    part.advance()
    resumed = Trainer(experiment, resume=part.run())
    for _ in resumed:
        pass
    one, two = whole.run(), resumed.run()
    assert one.status == "finished" and all(np.array_equal(one.weights[n], two.weights[n]) for n in one.weights)
    assert 0 <= one.history["validation_loss"].iloc[-1] < 20
    assert 0 < whole.dataset.trivial()["random"]["test"] < 20


def test_numbers_are_actions_within_their_range():
    gymnasium = pytest.importorskip("gymnasium", reason="the extra `gymnasium` is not installed")
    task = {"environment": "Pendulum-v1", "ceiling_return": 0.0, "scale": [1.0, 1.0, 8.0], "steps": 5}
    trainer = Trainer(Experiment.parse({**gymnasium_experiment(**task), "rule": "np"}))
    found = trainer.evaluate(trainer.dataset.validation)[:, 0, 0]
    network, env = trainer.learner.weights(), gymnasium.make("Pendulum-v1")
    seed = int(np.random.SeedSequence([42, VALIDATE]).generate_state(1)[0] >> 1)
    seen, x = env.reset(seed=seed)[0], np.zeros(4)
    for reward in found:
        x = np.tanh(network.W_in @ (seen / [1, 1, 8]) + network.W_rec @ x)
        seen, theirs, *_ = env.step(2 * np.clip(network.W_out @ x, -1, 1).astype(np.float32))
        assert reward == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ({"environment": "CartPole-v9"}, "'environment' parameter of GymnasiumWorld must be an environment that can be made"),
        ({"scale": [1.0]}, "'scale' parameter of GymnasiumWorld must be 4 numbers"),
        ({"motor_breaks_at": 3}, "'task.motor_breaks_at' .*must be left out"),
    ],
)  # fmt: skip
def test_what_gymnasium_lacks_is_one_sentence(task, sentence):
    pytest.importorskip("gymnasium", reason="the extra `gymnasium` is not installed")
    with pytest.raises(SpecError, match=sentence):
        Trainer(Experiment.parse({**gymnasium_experiment(**task), "rule": "np"}))


def test_without_gymnasium_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(SpecError, match=r"pip install 'neuroperturb\[gymnasium\]'"):
        GymnasiumWorld(environment="CartPole-v1", ceiling_return=1.0).data(0, 1)
