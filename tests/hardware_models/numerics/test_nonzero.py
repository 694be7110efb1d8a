"""Places of what is not zero, or beyond a level, against NumPy: empty, full and random rows of every length around 64."""

import numpy as np
import pytest

from hardware_models.numerics.nonzero import find_beyond, trailing_zeros

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 130, 200])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_places_are_those_of_numpy(n, share, dtype):
    row = np.where(np.random.default_rng(n).random(n) < share, -2, 0).astype(dtype)
    places = np.full(n, -1, np.int32)
    count = find_beyond(row, 0, places)
    assert count == np.count_nonzero(row)
    np.testing.assert_array_equal(places[:count], np.flatnonzero(row))


def test_the_highest_bit_is_found():
    assert trailing_zeros(1 << 63) == 63


def test_a_negative_zero_is_zero_and_what_is_no_number_is_not():
    row, places = np.zeros(64, np.float32), np.zeros(64, np.int32)
    row[[3, 5, 63]] = -0.0, np.nan, -np.inf
    assert find_beyond(row, 0, places) == 2 and list(places[:2]) == [5, 63]


@pytest.mark.parametrize("n", [5, 64, 130])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_places_beyond_a_level(n, dtype):
    row = np.random.default_rng(n).integers(-4, 5, n).astype(dtype)
    row[0] = np.nan
    places = np.full(n, -1, np.int32)
    for level in (0.5, 1.5, 4.0):
        count = find_beyond(row, dtype(level), places)
        np.testing.assert_array_equal(places[:count], np.flatnonzero(~(np.abs(row) <= level)))
