"""Records: the fields of a NamedTuple behind one pointer, and by value again."""

from typing import NamedTuple

import numpy as np
import pytest

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.record import loaded, record

pytestmark = pytest.mark.kernels


class Alike(NamedTuple):
    a: float
    b: float


class Mixed(NamedTuple):
    a: float
    b: int


@kernel
def once_and_twice(fields):
    by_value = loaded(fields)
    return by_value.a + 10 * loaded(by_value).b


@pytest.mark.parametrize("laid_out", [record, lambda fields: fields], ids=["record", "by value"])
@pytest.mark.parametrize("fields", [Alike(np.float32(1), np.float32(2)), Alike(1.0, 2.0), Mixed(1.0, 2)])
def test_what_is_loaded_is_the_same_loaded_again(fields, laid_out):
    """Of fields that are all of one type too: then the type is another."""
    assert once_and_twice(laid_out(fields)) == 21
