"""Converters by hand, in levels, and in the mean; what scales their inputs."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_models.reading.converters import (
    NO_CONVERTER,
    AbsMax,
    Clip,
    Converter,
    Iterative,
    Scaled,
    convert,
    divisor_of,
    is_saturated,
)

pytestmark = pytest.mark.kernels
DTYPES = [np.float32, np.float64]


def converted(converter, values, dtype=np.float64, draws=None):
    row = np.array(values, dtype)
    draws = np.zeros(len(row), dtype) if draws is None else draws.astype(dtype)
    convert(converter.numbers(dtype), row, len(row), draws)
    return row


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bits", [2, 3, 8])
def test_levels_are_symmetric_with_zero(bits, dtype):
    """2^bits − 1 of them, evenly spaced from −bound to bound."""
    levels = np.unique(converted(Converter(bits=bits, bound=1.5), np.linspace(-3, 3, 4001), dtype))
    assert len(levels) == 2**bits - 1
    assert np.allclose(levels, np.linspace(-1.5, 1.5, 2**bits - 1), rtol=0, atol=1e-6 if dtype == np.float32 else 1e-12)
    assert np.array_equal(levels, -levels[::-1])
    assert 0 in levels


def test_three_bits_by_hand():
    """Step 2 between −6 and 6; ties go to the even level, on either side."""
    values = [0.9, 1.1, -1.1, 1.0, -1.0, 3.0, -3.0, 5.1, 100, -np.inf]
    assert converted(Converter(bits=3, bound=6.0), values).tolist() == [0, 2, -2, 0, 0, 4, -4, 6, 6, -6]


@pytest.mark.parametrize(
    ("bits", "bound", "resolution"), [(7, 1, 1 / 126), (8, 1, 1 / 254), (9, 12, 1 / 510), (8, 10, 1 / 254)]
)
def test_steps_are_those_of_a_resolution(bits, bound, resolution):
    """A resolution r is a step of 2 · bound · r."""
    assert Converter(bits=bits, bound=bound).step == pytest.approx(2 * bound * resolution, rel=1e-14)


def test_bits_need_not_be_whole():
    """5 levels: log2(6) bits, step half the bound."""
    found = np.unique(converted(Converter(bits=np.log2(6), bound=1.0), np.linspace(-2, 2, 999)))
    assert np.allclose(found, [-1, -0.5, 0, 0.5, 1], rtol=0, atol=1e-12)


def test_stochastic_rounding_is_right_in_the_mean():
    """Each value becomes one of its two neighbours, the upper one with the probability of its distance from the lower."""
    N, rng = 20_000, np.random.default_rng(1)
    converter = Converter(bits=3, bound=3.0, rounding="stochastic")
    for value in (0.3, -1.25, 2.9):
        found = converted(converter, np.full(N, value), draws=rng.uniform(size=N))
        assert set(found) == {np.floor(value), np.floor(value) + 1}
        p = value - np.floor(value)
        assert abs(found.mean() - value) < 4 * np.sqrt(p * (1 - p) / N)
    kept = converted(converter, np.arange(-3.0, 4), draws=rng.uniform(size=7))
    assert kept.tolist() == [-3, -2, -1, 0, 1, 2, 3]  # a level stays itself


@pytest.mark.parametrize("dtype", DTYPES)
def test_clip_and_nothing(dtype):
    values = np.random.default_rng(2).normal(size=20).astype(dtype)
    assert np.array_equal(converted(Clip(bound=0.5), values, dtype), np.clip(values, -0.5, 0.5))
    assert converted(NO_CONVERTER, values, dtype).tobytes() == values.tobytes()


@pytest.mark.parametrize("converter", [Converter(), Converter(rounding="stochastic"), Clip(), NO_CONVERTER])
def test_what_is_not_a_number_stays_visible(converter):
    assert np.isnan(converted(converter, [np.nan, 0.5])[0])


def test_saturation_is_reaching_the_bound():
    for converter, below in ((Converter(bits=4, bound=7.0), 6.4), (Clip(bound=7.0), 6.99)):
        p = converter.numbers(np.float64)
        assert not is_saturated(p, converted(converter, [below, -below, 0]), 3)
        assert is_saturated(p, converted(converter, [0, 0, 8]), 3)
        assert is_saturated(p, converted(converter, [0, -7, 0]), 3)
        assert not is_saturated(p, converted(converter, [0, 0, 8]), 2)  # past the row
    assert not is_saturated(NO_CONVERTER.numbers(np.float64), np.array([1e300]), 1)


def test_divisors():
    row = np.array([0.5, -3.0, 2.0, 9.0])
    assert divisor_of(AbsMax().numbers(np.float64), row, 3) == 3
    assert divisor_of(AbsMax().numbers(np.float64), np.zeros(3), 3) == 0
    assert divisor_of(Scaled(divisor=0.25).numbers(np.float64), row, 3) == 0.25


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Converter(bound=0.0), "The 'bound' parameter of Converter must be positive. Got 0.0 instead."),
        (Converter(bound=-1), "The 'bound' parameter of Converter must be positive. Got -1 instead."),
        (Converter(bound=np.inf), "The 'bound' parameter of Converter must be positive. Got inf instead."),
        (Converter(bits=1), "The 'bits' parameter of Converter must be from 2 to 24. Got 1 instead."),
        (Converter(bits=None), "The 'bits' parameter of Converter must be from 2 to 24. Got None instead."),
        (Converter(bits=np.nan), "The 'bits' parameter of Converter must be from 2 to 24. Got nan instead."),
        (Converter(rounding="up"), "The 'rounding' parameter of Converter must be 'nearest' or 'stochastic'. Got 'up' instead."),
        (Clip(bound=0), "The 'bound' parameter of Clip must be positive. Got 0 instead."),
        (Scaled(divisor=0), "The 'divisor' parameter of Scaled must be positive. Got 0 instead."),
        (Iterative(most=0), "The 'most' parameter of Iterative must be a whole number from 1 to 60. Got 0 instead."),
        (Iterative(most=2.0), "The 'most' parameter of Iterative must be a whole number from 1 to 60. Got 2.0 instead."),
    ],
)  # fmt: skip
def test_what_cannot_be(part, sentence):
    with pytest.raises(ValueError) as error:
        part.check()
    assert str(error.value) == sentence
    for good in (Converter(), Converter(bits=2), Clip(bound=np.inf), Scaled(), AbsMax(), Iterative()):
        good.check()
