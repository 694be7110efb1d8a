"""Bits of numbers, compiled and interpreted."""

from __future__ import annotations

import numpy as np
import pytest

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.words import float_of, integer_of, word_of, words_of

NUMBERS = (0.0, -0.0, 1.0, -1.5, 3e-42, np.inf, np.nan)


@kernel
def word(x):
    return word_of(x)


@kernel
def there_and_back(x):
    return float_of(integer_of(x))


@kernel
def add_one(row):
    words = words_of(row)
    for i in range(words.shape[0]):
        words[i] += type(words[0])(1)
    return words.shape[0]


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_word_is_the_lowest_32_bits(dtype, number):
    x = dtype(number)
    assert int(word(x)) == int.from_bytes(x.tobytes()[:4], "little")


@pytest.mark.kernels
@pytest.mark.parametrize("number", NUMBERS)
def test_the_integer_of_a_number_gives_it_back(number):
    x = np.float32(number)
    assert np.float32(there_and_back(x)).tobytes() == x.tobytes()


@pytest.mark.kernels
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_words_are_the_memory_of_the_row(dtype):
    rows = np.ones((3, 4), dtype)
    for row in (rows[1], rows[:, 2]):
        before = row.copy()
        assert add_one(row) == len(row)
        assert (row == np.nextafter(before, dtype(2))).all()
    assert rows[0, 0] == 1
