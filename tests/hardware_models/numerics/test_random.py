"""Philox4x32-10 against its published answers; addressing, moments and independence of the draws."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hardware_models.numerics import normal, random
from hardware_models.numerics.compiled import COMPILED, kernel, separate
from hardware_models.numerics.random import Stream

pytestmark = pytest.mark.kernels

MANY = 1_000_000 if COMPILED else 2_000
SEED = 20110615

FILLS = {
    "normal": (random.fill_normal, normal.normal_from_bits),
    "uniform": (random.fill_uniform, random.uniform_from_bits),
    "uniform_symmetric": (random.fill_uniform_symmetric, random.uniform_symmetric_from_bits),
    "rademacher": (random.fill_rademacher, random.rademacher_from_bits),
}


def draws(fill, n=MANY, dtype=np.float64, seed=SEED, stream=Stream.DATA, step=0, row=0):
    out = np.empty(n, dtype)
    fill(seed, int(stream), step, row, out)
    return out


# Lines "philox4x32 10" of kat_vectors in the Random123 distribution: counter, key, answer.
KNOWN_ANSWERS = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)


@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS)
def test_known_answers(counter, key, answer):
    integer = np.uint64 if COMPILED else int
    words = [integer(int(word, 16)) for word in f"{counter} {key}".split()]
    assert [f"{int(word):08x}" for word in random.philox(*words)] == answer.split()


def test_address_goes_into_counter_and_key_as_documented():
    """The third known answer again, through the public address."""
    seed, row, step, number = 0x299F31D0A4093822, 0x85A308D3, 0x037013198A2E, 0x7344
    i = 5 + 64 * 9  # block 16 · 9 + 5, word 0
    integer = np.uint64 if COMPILED else int
    counter = [integer(word) for word in (16 * 9 + 5, row, step & 0xFFFFFFFF, step >> 32 << 16 | number)]
    key = [integer(seed & 0xFFFFFFFF), integer(seed >> 32)]
    for word, answer in enumerate(random.philox(*counter, *key)):
        assert random.bits(seed, number, step, row, i + 16 * word) == answer


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64, 65, 100, 128, 1000, 1100])
def test_fill_bits_follows_the_definition(n):
    n = n if COMPILED else min(n, 130)
    address = (2**40 + 7, random.stream(Stream.READ, 3), 2**33 + 5, 2**32 - 1)
    out = np.zeros(n + 3, np.uint32)
    random.fill_bits(*address, out[:n])
    assert [int(word) for word in out[:n]] == [int(random.bits(*address, i)) for i in range(n)]
    assert not out[n:].any()  # nothing beyond the row


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fills_apply_their_formula_to_the_words(name, dtype):
    fill, formula = FILLS[name]
    n = 1500 if COMPILED else 70
    out = draws(fill, n, dtype)
    like = dtype(0)
    words = draws(random.fill_bits, n, np.uint32)
    np.testing.assert_array_equal(out, np.array([formula(word, like) for word in words], dtype))


@pytest.mark.parametrize("name", FILLS)
def test_an_element_does_not_depend_on_the_length_of_its_row(name):
    fill = FILLS[name][0]
    lengths = (1, 10, 64, 70, 1024, 1030) if COMPILED else (1, 10, 70)
    longest = draws(fill, 3000 if COMPILED else 140, np.float32)
    for n in lengths:
        np.testing.assert_array_equal(draws(fill, n, np.float32), longest[:n])


@pytest.mark.parametrize("name", FILLS)
def test_both_dtypes_give_the_same_draws(name):
    fill = FILLS[name][0]
    n = min(MANY, 100_000)
    np.testing.assert_allclose(draws(fill, n, np.float32), draws(fill, n, np.float64), rtol=6e-7)


def within_four_standard_errors(sample, mean):
    assert abs(sample.mean() - mean) <= 4.0 * sample.std() / np.sqrt(sample.size)


@pytest.mark.parametrize("name, variance, fourth", [("normal", 1, 3), ("uniform_symmetric", 1, 1.8)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments(name, variance, fourth, dtype):
    x = draws(FILLS[name][0], dtype=dtype).astype(np.float64)
    for power, moment in ((1, 0), (2, variance), (3, 0), (4, fourth)):
        within_four_standard_errors(x**power, moment)


def test_moments_of_signs_and_uniform():
    signs = draws(random.fill_rademacher)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    within_four_standard_errors(signs, 0.0)
    x = draws(random.fill_uniform)
    within_four_standard_errors(x, 0.5)
    within_four_standard_errors((x - 0.5) ** 2, 1 / 12)


def test_every_bit_is_fair():
    words = draws(random.fill_bits, dtype=np.uint32)
    ones = np.array([((words >> np.uint32(b)) & np.uint32(1)).mean() for b in range(32)])
    assert np.abs(ones - 0.5).max() <= 4.0 * 0.5 / np.sqrt(words.size)


@pytest.mark.parametrize(
    "name, distribution",
    [
        ("normal", stats.norm()),
        ("uniform", stats.uniform()),
        ("uniform_symmetric", stats.uniform(-(3**0.5), 2 * 3**0.5)),
    ],
)
def test_distribution(name, distribution):
    assert stats.kstest(draws(FILLS[name][0], min(MANY, 200_000)), distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "other",
    [{"seed": SEED + 1}, {"seed": SEED + 2**32}, {"step": 1}, {"step": 2**32}, {"row": 1}]
    + [{"stream": s} for s in Stream if s != Stream.DATA]
    + [{"stream": random.stream(Stream.DATA, 1)}],
    ids=str,
)
def test_other_addresses_are_independent(other):
    x, y = draws(random.fill_normal, dtype=np.float32), draws(random.fill_normal, dtype=np.float32, **other)
    within_four_standard_errors(x.astype(np.float64) * y, 0.0)
    within_four_standard_errors((x.astype(np.float64) ** 2 - 1) * (y.astype(np.float64) ** 2 - 1), 0.0)


@pytest.mark.parametrize("lag", [1, 2, 15, 16, 17, 32, 48, 64, 1024])
def test_elements_of_a_row_are_independent(lag):
    x = draws(random.fill_normal)
    within_four_standard_errors(x[lag:] * x[:-lag], 0.0)


def test_one_element_over_steps_is_a_normal_sequence():
    """The order in which one synapse meets its draws: fixed row and element, step after step."""

    @kernel
    def walk(seed, out):
        for step in range(out.shape[0]):
            out[step] = normal.normal_from_bits(random.bits(seed, 2, step, 3, 17), out[step])

    x = np.zeros(MANY // 4)
    walk(SEED, x)
    within_four_standard_errors(x, 0.0)
    within_four_standard_errors(x**2, 1.0)
    within_four_standard_errors(x[1:] * x[:-1], 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_words(dtype):
    like = dtype(0)
    lowest, highest = np.uint32(0), np.uint32(2**32 - 1)
    assert 0.0 < random.uniform_from_bits(lowest, like) < random.uniform_from_bits(highest, like) < 1.0
    edge = random.uniform_symmetric_from_bits(highest, like)
    assert random.uniform_symmetric_from_bits(lowest, like) == -edge
    assert edge == pytest.approx(3**0.5, rel=1e-6)
    assert normal.normal_from_bits(highest, like) == pytest.approx(stats.norm.isf(2.0**-33), rel=1e-6)


def test_arrays_are_made_of_rows():
    x = random.normal(SEED, Stream.INIT, 4, (2, 3, 70))
    assert x.dtype == np.float32
    for row in range(6):
        np.testing.assert_array_equal(x.reshape(6, 70)[row], draws(random.fill_normal, 70, np.float32, SEED, 0, 4, row))
    np.testing.assert_array_equal(random.normal(SEED, Stream.INIT, 4, 70), x[0, 0])
    np.testing.assert_array_equal(
        random.uniform(SEED, Stream.INIT, 4, (2, 5), np.float64),
        (random.bits_array(SEED, Stream.INIT, 4, (2, 5)) + 0.5) / 2.0**32,
    )
    assert random.normal(SEED, Stream.INIT, 0, (3, 0)).shape == (3, 0)
    assert random.uniform(SEED, Stream.INIT, 0, ()).shape == ()


def test_seeds_use_all_64_bits():
    assert random.normal(2**64 - 1, Stream.DATA, 0, 3).shape == (3,)
    assert not np.array_equal(random.bits_array(2**63, 1, 0, 8), random.bits_array(0, 1, 0, 8))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="seed -1"):
        random.normal(-1, Stream.DATA, 0, 3)
    with pytest.raises(ValueError, match="float32 or float64"):
        random.normal(1, Stream.DATA, 0, 3, np.int32)
    with pytest.raises(ValueError, match="array 256"):
        random.stream(Stream.DATA, 256)


PRINT_DRAWS = """
import numpy as np
from hardware_models.numerics import random
for fill, dtype in ((random.fill_bits, np.uint32), (random.fill_normal, np.float32), (random.fill_normal, np.float64)):
    out = np.empty(70, dtype)
    fill(2**40 + 7, 258, 2**33 + 5, 9, out)
    print(out.tobytes().hex())
"""


@pytest.mark.skipif(not COMPILED, reason="compares compiled code with interpreted")
def test_interpreted_kernels_give_the_same_bits():
    interpreted = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRINT_DRAWS],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    address = {"n": 70, "seed": 2**40 + 7, "stream": 258, "step": 2**33 + 5, "row": 9}
    fills = ((random.fill_bits, np.uint32), (random.fill_normal, np.float32), (random.fill_normal, np.float64))
    compiled = [draws(fill, dtype=dtype, **address).tobytes().hex() for fill, dtype in fills]
    assert interpreted.stdout.split() == compiled


def test_initial_weights_need_no_compiler():
    """The float64 host form is NumPy: the bits are those of the kernel."""
    for seed, step, shape in ((0, 0, (5, 130)), (2**40 + 7, 2**33 + 1, (3, 2, 64)), (42, 3, (70,))):
        host = random.normal(seed, int(Stream.INIT), step, shape, np.float64)
        kernel_form = random._fill_array(random.fill_normal, seed, int(Stream.INIT), step, shape, np.float64)
        assert host.tobytes() == kernel_form.tobytes()


@pytest.mark.parametrize("n", [1, 3, 16, 20, 63, 64, 65, 130])
def test_a_short_row_drawn_by_a_kernel_that_is_called_by_its_address(n):
    """Words of a last, partial group are on the stack: of the function that uses them, not of one that has returned."""
    fill = separate(random.fill_normal)

    @kernel
    def draw(out):
        for row in range(out.shape[0]):
            fill(1, 2, 3, row, out[row])

    out = np.zeros((4, n), np.float32)
    draw(out)
    np.testing.assert_array_equal(out, random.normal(1, 2, 3, (4, n)))
