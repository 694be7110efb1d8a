"""Rules in an engine's integers: against a transcription in Python's own, limits, statistics, and what is refused."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.random import Stream, bits
from neuroperturb import rules, run_fixed_point
from neuroperturb.analysis.audit.engines import ANALOG, BRAINSCALES2, LOIHI
from neuroperturb.analysis.audit.fixed_point import FixedPoint
from neuroperturb.analysis.audit.program import mantissa_of, scale_of
from neuroperturb.analysis.audit.recording import record_run
from neuroperturb.spec import SpecError

T, M, N = (60, 4, 3) if COMPILED else (8, 2, 2)
RATE, DECAY = 0.03, 0.9
RULE = rules.make("np", credit=rules.Trace(decay=DECAY), learning_rate=RATE)


class WithDecay(NamedTuple):
    """e ← λ e + p x;  Δw = r e − κ w + ε Ξ: every kind of quantity."""

    decay: float = DECAY
    leak: float = 0.02
    wander: float = 0.01

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace - params.leak * weight + params.wander * draw


def told(seed=0, reward=0.3):
    """(pre, post, reward, weight) with a trace that starts anew now and then."""
    rng = np.random.default_rng(seed)
    pre, post = rng.normal(size=(T, M)), rng.normal(size=(T, N))
    return pre, post, reward * rng.normal(size=T), 0.3 * rng.normal(size=(M, N))


RESET = np.arange(T) % 20 == 0


# ----------------------------------------------------------------------------------------------------------------------
# The same in Python's integers


def code(value, scale, width):
    return max(-(2**width - 1), min(2**width - 1, int(np.rint(value / 2.0**scale))))


def clip(value, most):
    return max(-most, min(most, value))


def product(coefficient, codes, scales, unit, engine):
    """coefficient · Π codes in units of the accumulator, rounded down, clipped."""
    mantissa, exponent = mantissa_of(coefficient, engine.mantissa_bits)
    value = mantissa
    for c in codes:
        value *= c
    shift = exponent + sum(scales) - unit
    value = value << shift if shift > 0 else value >> -shift
    return clip(value, 2**engine.accumulator_bits - 1)


def naive(pre, post, reward, weight, lsb, engine, *, shared, seed, reset):
    """Codes of weight and trace of `RULE` after the sequence, written out for this one rule."""
    s = {name: round(np.log2(size)) for name, size in lsb.items()}
    act, word, state = engine.trace_bits, engine.weight_bits - 1, engine.state_bits - 1
    most = 2**engine.accumulator_bits - 1
    g_e, g_w = engine.accumulator_bits - state, engine.accumulator_bits - word
    w = [[code(weight[j, i], s["weight"], word) for i in range(N)] for j in range(M)]
    e = [[0] * N for _ in range(M)]
    for t in range(T):
        for j in range(M):
            for i in range(N):
                row, place = (0, 0) if shared else (j, 2 * i)
                if reset[t]:
                    e[j][i] = 0
                x, p = code(pre[t, j], s["pre"], act), code(post[t, i], s["post"], act)
                r = code(reward[t], s["reward"], engine.reward_bits - 1)
                unit = s["trace"] - g_e
                total = e[j][i] << g_e
                parts = [(1.0, (p, x), (s["post"], s["pre"])), (DECAY - 1, (e[j][i],), (s["trace"],))]
                for coefficient, codes, scales in parts:
                    total = clip(total + product(coefficient, codes, scales, unit, engine), most)
                fraction = int(bits(seed, int(Stream.ROUNDING), t, row, place)) % 2**g_e
                e[j][i] = clip((total + fraction) >> g_e, 2**state - 1)
                unit = s["weight"] - g_w
                total = w[j][i] << g_w
                total = clip(total + product(RATE, (e[j][i], r), (s["trace"], s["reward"]), unit, engine), most)
                fraction = int(bits(seed, int(Stream.ROUNDING), t, row, place + 1)) % 2**g_w
                w[j][i] = clip((total + fraction) >> g_w, 2**word - 1)
    return np.array(w), np.array(e)


@pytest.mark.kernels
@pytest.mark.parametrize("rounding", ["shared", "independent"])
@pytest.mark.parametrize("engine", [LOIHI, BRAINSCALES2], ids=["loihi", "brainscales-2"])
def test_every_code_is_that_of_python_integers(rounding, engine):
    pre, post, reward, weight = told()
    # weights that reach their bounds, so that saturation is part of what is compared
    run = run_fixed_point(
        RULE,
        pre,
        post,
        reward,
        weight,
        reset=RESET,
        rounding=rounding,
        engine=engine,
        seed=7,
        ranges={"weight": 0.5, "trace": 2.0},
    )
    w, e = naive(pre, post, reward, weight, run.lsb, engine, shared=rounding == "shared", seed=7, reset=RESET)
    np.testing.assert_array_equal(run.weight / run.lsb["weight"], w)
    np.testing.assert_array_equal(run.trace / run.lsb["trace"], e)
    assert not COMPILED or run.saturated["trace"] > 0


@pytest.mark.kernels
def test_the_float_run_is_the_rule():
    pre, post, reward, weight = told()
    run = run_fixed_point(RULE, pre, post, reward, weight, reset=RESET)
    w, e = weight.copy(), np.zeros((M, N))
    for t in range(T):
        e = (0 if RESET[t] else DECAY) * e + np.outer(pre[t], post[t])
        w += RATE * reward[t] * e
    np.testing.assert_allclose(run.float_weight, w, rtol=1e-12)
    np.testing.assert_allclose(run.float_trace, e, rtol=1e-12)


# ----------------------------------------------------------------------------------------------------------------------
# Limits


def wide(engine=LOIHI):
    """Widths at which rounding is far below what is compared."""
    return dataclasses.replace(
        engine, weight_bits=26, trace_bits=18, state_bits=26, reward_bits=18, accumulator_bits=44, mantissa_bits=18
    )


def test_wide_codes_give_the_float_run():
    pre, post, reward, weight = told()
    draw = np.random.default_rng(5).normal(size=(T, M, N))
    run = run_fixed_point(WithDecay(), pre, post, reward, weight, draw=draw, reset=RESET, engine=wide())
    np.testing.assert_allclose(run.weight, run.float_weight, atol=1e-4)
    np.testing.assert_allclose(run.trace, run.float_trace, atol=1e-4)
    assert run.correlation > 1 - 1e-6
    assert sum(run.saturated.values()) == 0


def test_without_a_reward_no_weight_moves():
    pre, post, reward, weight = told(reward=0.0)
    run = run_fixed_point(RULE, pre, post, reward, weight)
    np.testing.assert_array_equal(run.weight, np.rint(weight / run.lsb["weight"]) * run.lsb["weight"])
    assert run.unmoved == 0 and np.isnan(run.correlation)


def constant(rounding, seed, size=40):
    """One step that asks every weight for the same 0.3 LSB, each at the code 0."""
    rule = rules.make("np", learning_rate=1.0)
    ones = np.ones((1, size))
    ranges = {"pre": 127.0, "post": 127.0, "reward": 127.0, "weight": 127.0 / 0.3}
    return run_fixed_point(rule, ones, ones, [1.0], np.zeros((size, size)), rounding=rounding, seed=seed, ranges=ranges)


def test_stochastic_rounding_is_right_in_the_mean():
    """0.3 … LSB asked of 1600 weights: the share that moves, within 4 standard errors."""
    run = constant("independent", 3)
    asked = 1.0 / run.lsb["weight"]
    assert 0.1 < asked < 0.9
    moved = np.mean(run.weight / run.lsb["weight"])
    assert abs(moved - asked) < 4 * np.sqrt(asked * (1 - asked) / run.weight.size)
    assert run.unmoved == pytest.approx(1 - moved)


def test_shared_rounding_moves_all_or_none():
    steps = [constant("shared", seed).weight for seed in range(24)]
    assert all(np.ptp(w) == 0 for w in steps)
    asked = np.mean([w[0, 0] > 0 for w in steps])
    assert 0 < asked < 1


def test_saturated_weights_stay_at_their_bound():
    """Rewards that push every weight up, beyond what a code holds."""
    ones = np.ones((50, 3))
    run = run_fixed_point(
        rules.make("np", learning_rate=0.1), ones, ones, np.ones(50), np.zeros((3, 3)), ranges={"weight": 1.0}
    )
    np.testing.assert_array_equal(run.weight, 127 * run.lsb["weight"])
    assert run.saturated["weight"] > 0
    assert run.float_weight[0, 0] == pytest.approx(5.0)


@pytest.mark.parametrize("value", [0.1, -0.9, 1.0, 3.14159, 1e-7, -6e5, 0.96])
@pytest.mark.parametrize("width", [3, 4, 8])
def test_a_mantissa_is_the_nearest_there_is(value, width):
    mantissa, exponent = mantissa_of(value, width)
    assert abs(mantissa) < 2 ** (width - 1)
    assert abs(mantissa * 2.0**exponent - value) <= 2.0 ** (np.floor(np.log2(abs(value))) - width + 1) * (1 + 1e-12)


@pytest.mark.parametrize("largest", [0.7, 1.0, 127.0, 127.5, 3e-5])
def test_codes_reach_the_largest_value_and_no_more_than_twice_it(largest):
    lsb = 2.0 ** scale_of(largest, 7)
    assert largest <= 127 * lsb < 2 * largest


# ----------------------------------------------------------------------------------------------------------------------
# What is refused


def test_a_rule_that_divides_is_refused_by_name_and_place():
    pre, post, reward, weight = told()
    with pytest.raises(SpecError, match="the change of np-trace unbiased divides by sqrt"):
        run_fixed_point("np-trace", pre, post, reward, weight)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rounding": "nearest"}, "'rounding' parameter of run_fixed_point must be 'shared' or 'independent'"),
        ({"engine": ANALOG}, "'engine' parameter of run_fixed_point must be one with fixed-point arithmetic"),
        ({"engine": dataclasses.replace(LOIHI, trace_bits=30)}, "fit 62 bits"),
        ({"post": np.zeros((T, N + 1))}, "'post' parameter must have shape"),
        ({"weight": np.zeros(M)}, "'weight' parameter must have shape"),
    ],
)
def test_what_does_not_fit_is_said(changes, sentence):
    given = dict(zip(("pre", "post", "reward", "weight"), told(), strict=True)) | changes
    with pytest.raises(SpecError, match=sentence):
        run_fixed_point(RULE, **given)


def test_a_recorded_run_replays_to_its_own_weights():
    """What was recorded of a real run, through the rule's formulas, is the run: float32 against float64."""
    recorded = record_run(RULE, trials=2)
    told = recorded.sequence
    assert told.reward[13] != 0 and told.reset.nonzero()[0].tolist() == [0, 14]
    run = run_fixed_point(RULE, told.pre, told.post, told.reward, recorded.weight, reset=told.reset)
    np.testing.assert_allclose(run.float_weight, recorded.final, rtol=1e-5, atol=1e-5)
    assert np.abs(recorded.final - recorded.weight).max() > 1e-3


def test_the_report_is_of_the_run():
    pre, post, reward, weight = told()
    run = run_fixed_point(RULE, pre, post, reward, weight, reset=RESET)
    assert isinstance(run, FixedPoint) and run.steps == T
    distance = (run.weight - run.float_weight) / run.lsb["weight"]
    assert run.rms_lsb == pytest.approx(np.sqrt(np.mean(distance**2)))
    assert run.common_lsb == pytest.approx(distance.mean())
    assert run.correlation == pytest.approx(
        np.corrcoef((run.weight - weight).ravel(), (run.float_weight - weight).ravel())[0, 1]
    )
