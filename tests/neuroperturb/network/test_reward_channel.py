"""The reward channel: noise, levels and delay of the broadcast; and what a late reward still credits."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.record import record
from neuroperturb import rules
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel, delay, measure
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")
STREAM = random.stream(random.Stream.CHANNEL)
B = 3


def sent(channel, dL, *, mask=None, shared=False, steps=None):
    """What is received of dL (T, B)."""
    state = channel.state(dL.shape[1], seed=4)
    rec, out = record(state), np.array(dL, float)
    mask = np.ones(dL.shape, bool) if mask is None else mask
    for t, row in enumerate(out):
        measure(rec, t, mask[t], shared, row)
        delay(rec, row)
    return out


def test_noise_then_range_then_levels():
    dL = np.random.default_rng(0).normal(size=(200, B))
    found = sent(RewardChannel(noise_std=0.5, bound=1.2, bits=4), dL)
    nu = np.array([random.normal(4, STREAM, t, B, np.float64) for t in range(200)])
    expected = np.floor(np.clip(dL + 0.5 * nu, -1.2, 1.2) / (1.2 / 7) + 0.5) * (1.2 / 7)
    assert np.abs(found - expected).max() < 1e-12
    assert len(np.unique(np.round(found / (1.2 / 7)))) == 15


def test_bits_change_no_draw():
    dL = np.zeros((50, B))
    fine, coarse = sent(RewardChannel(noise_std=0.1), dL), sent(RewardChannel(noise_std=0.1, bound=9.0, bits=16), dL)
    assert np.abs(fine - coarse).max() < 9 / 32767
    assert fine.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * 150))


def test_what_is_not_scored_is_not_sent():
    mask = np.random.default_rng(1).random((40, B)) < 0.5
    found = sent(RewardChannel(noise_std=1.0), np.zeros((40, B)), mask=mask)
    assert np.array_equal(found != 0, mask)
    shared = sent(RewardChannel(noise_std=1.0), np.zeros((40, B)), mask=mask, shared=True)
    assert np.array_equal(shared[:, 0] != 0, mask.any(axis=1))
    assert (shared == shared[:, :1]).all()  # one broadcast, one draw


def test_what_is_sent_arrives_k_steps_later():
    dL = np.random.default_rng(2).normal(size=(20, B))
    assert np.array_equal(sent(RewardChannel(), dL), dL)
    for k in (1, 4):
        found = sent(RewardChannel(delay=k), dL)
        assert not found[:k].any()
        assert np.array_equal(found[k:], dL[:-k])


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"noise_std": -1.0}, "noise_std"), ({"bound": 0.0}, "bound"), ({"bits": 4}, "bound"), ({"bits": 1, "bound": 1.0}, "bits"),
     ({"delay": -1}, "delay")],
)  # fmt: skip
def test_what_cannot_be(changes, field):
    with pytest.raises(ValueError, match=f"The '{field}' parameter of RewardChannel must be .* Got .* instead"):
        RewardChannel(**changes).check()


# in training: weights hardly move, so that updates add up as if they did not

T, TINY = 9, 1e-9
NET = RNN(size=5, leak=0.6, bias=True)


def trials(seed=3):
    rng = np.random.default_rng(seed)
    mask = rng.random((T, B)) < 0.7
    return Sequence(rng.normal(size=(T, B, 2)), rng.normal(size=(T, B, 2)), mask, np.arange(T) == 0)


def simulation(channel, rule="np", schedule="online", rate=TINY, dtype="float64", **changes):
    chosen = rules.make(rule, None, schedule, noise_std=0.01, learning_rate=rate, **changes)
    hardware = None if channel is None else Chip(reward=channel)
    return Simulation(NET, chosen, initial_weights(NET, 2, 2, 0), schedule=schedule, batch=B, steps=T, total_steps=T,
                      dtype=dtype, hardware=hardware)  # fmt: skip


def signals(rule="np", **changes):
    """Of every step: δL (B,), and for each matrix what the unit is told and what the synapse reads."""
    sim, found = simulation(None, rule, **changes), []
    data = sim.prepare(trials())
    for t in range(T):
        sim.present(data, "learn", t, t + 1)
        run = sim.run
        uh, before, xh = (getattr(run.act, name) for name in ("uh", "before", "xh"))
        centred = sim.rule.baseline.kind == "antithetic"
        uh, before, xh = (np.array((v[:B] + v[B:]) / 2 if centred else v[:B]) for v in (uh, before, xh))
        post, post_y = (np.array(v) for v in (run.signal.post[:, :5], run.signal.post_y[:, :2]))
        told = [(post, uh[:, :3]), (post, before[:, :5]), (post_y, xh[:, :5])]
        found.append((np.array(run.signal.dL), told))
    return found


def moved(sim):
    """Change of the three learnt matrices over the sequence, per η."""
    before = sim.weights()
    assert sim.present_all(trials())
    return [(after - start) / TINY for after, start in zip(sim.weights()[:3], before[:3], strict=True)]


def assert_near(found, expected):
    for f, e in zip(found, expected, strict=True):
        assert np.abs(e).max() > 0
        assert np.abs(f - e).max() < 1e-4 * np.abs(e).max()


@interpreted
@pytest.mark.parametrize("schedule", ["online", "episode"])
def test_a_late_reward_meets_what_the_synapse_does_now(schedule):
    k, steps = 2, signals()
    expected = [0.0] * 3
    for t in range(k, T):
        for place in range(3):
            post, pre = steps[t][1][place]
            expected[place] = expected[place] - np.einsum("b,bi,bj->ij", steps[t - k][0] / B, post, pre)
    assert_near(moved(simulation(RewardChannel(delay=k), schedule=schedule)), expected)


@pytest.mark.parametrize("schedule", [pytest.param("online", marks=interpreted), "episode"])
def test_a_trace_still_holds_what_a_late_reward_is_for(schedule):
    """Online the line goes on into the next sequence; an episode waits for it."""
    k, decay, plain = 2, 0.8, rules.Plain()
    rule = {"rule": "np-trace", "step": plain, "credit": rules.Trace(decay=decay)}
    steps = signals(**rule)
    expected = []
    for place in range(3):
        total, trace = 0.0, 0.0
        for t in range(T + k if schedule == "episode" else T):
            if t < T:
                post, pre = steps[t][1][place]
                trace = decay * trace + np.einsum("bi,bj->bij", post, pre)
            else:
                trace = decay * trace
            late = steps[t - k][0] / B if t >= k else np.zeros(B)
            total = total - np.einsum("b,bij->ij", late, trace)
        expected.append(total)
    assert_near(moved(simulation(RewardChannel(delay=k), schedule=schedule, **rule)), expected)


@interpreted
def test_held_weight_noise_loses_nothing_by_waiting():
    """Rewards of a whole episode add up: it does not matter when they arrive."""
    prompt = moved(simulation(None, "wp-held", "episode", step=rules.Plain()))
    late = moved(simulation(RewardChannel(delay=4), "wp-held", "episode", step=rules.Plain()))
    assert_near(late[:1] + late[2:], prompt[:1] + prompt[2:])


@pytest.mark.parametrize("schedule", ["online", pytest.param("episode", marks=interpreted)])
def test_strength_zero_is_ideal_to_the_bit(schedule):
    """A bound that nothing reaches sends everything through the channel and changes nothing."""
    found = []
    for channel in (None, RewardChannel(bound=1e19)):
        sim = simulation(channel, schedule=schedule, rate=0.05, dtype="float32")
        assert sim.present_all(trials())
        found.append([w.tobytes() for w in sim.weights()])
    assert found[0] == found[1]


@interpreted
def test_what_is_on_its_way_belongs_to_a_checkpoint():
    whole = simulation(RewardChannel(delay=3, noise_std=0.1), rate=0.01)
    data = whole.prepare(trials())
    whole.present(data, "learn", 0, 5)
    state = {name: a.copy() for name, a in whole.checkpoint().items()}
    whole.present(data, "learn", 5, T)
    rest = simulation(RewardChannel(delay=3, noise_std=0.1), rate=0.01)
    rest.restore(state)
    rest.present(data, "learn", 5, T)
    for left, right in zip(whole.weights(), rest.weights(), strict=True):
        assert left.tobytes() == right.tobytes()
