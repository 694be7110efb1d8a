"""The float32 forms against float64 NumPy and SciPy over the whole range; float64 against libm and SciPy."""

from functools import cache

import numba
import numpy as np
import pytest
from scipy import special

from hardware_models.numerics import maths, normal
from hardware_models.numerics.compiled import COMPILED, kernel

pytestmark = pytest.mark.kernels

STRIDE = 2_003 if COMPILED else 4_000_003  # of the 2³² float32 numbers, every STRIDE-th
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 2.0**-149, -(2.0**-149), 2.0**-126, 3.4e38, -3.4e38, 1.0, -1.0])


def quantile(p):
    """SciPy's quantile, in the form that keeps relative precision around p = ½."""
    with np.errstate(all="ignore"):
        centre = np.sqrt(2.0) * special.erfinv(np.clip(2.0 * p - 1.0, -0.9, 0.9))
        return np.where(np.abs(p - 0.5) < 0.3, centre, special.ndtri(p))


FUNCTIONS = {
    "tanh": (maths.tanh, np.tanh, 1.5),
    "exp": (maths.exp, np.exp, 1.5),
    "log": (maths.log, np.log, 1.0),
    "normal_quantile": (normal.normal_quantile, quantile, 4.0),
}


@cache
def over_array(function):
    @kernel
    def loop(x, y):
        for i in range(x.shape[0]):
            y[i] = function(x[i])

    return loop


def apply(function, x):
    y = np.empty_like(x)
    over_array(function)(x, y)
    return y


def true_value(reference, x):
    with np.errstate(all="ignore"):
        return reference(x.astype(np.float64))


def error_in_ulp(y, truth):
    """Distance in float32 spacings at the true value; 0 where both are the same infinity or NaN, inf where one is."""
    with np.errstate(all="ignore"):
        rounded = truth.astype(np.float32)
        same = (y == rounded) | (np.isnan(y) & np.isnan(truth))
        distance = np.abs(y.astype(np.float64) - truth) / np.spacing(np.abs(rounded)).astype(np.float64)
    distance[~np.isfinite(distance)] = np.inf
    return np.where(same & ~np.isfinite(rounded), 0.0, distance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_over_all_numbers(name):
    function, reference, bound = FUNCTIONS[name]
    grid = np.arange(STRIDE // 2, 2**32, STRIDE, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([grid[~np.isnan(grid)], SPECIAL.astype(np.float32)])
    assert error_in_ulp(apply(function, x), true_value(reference, x)).max() <= bound


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_where_forms_meet(name):
    """Dense around the switches: 0, ½, 0.625, √½, 1, ±88, the far tail."""
    function, reference, bound = FUNCTIONS[name]
    count = 20_000 if COMPILED else 300
    centres = (0.625, 0.5, 2**-0.5, 2**0.5, 1.0, 9.01, 10.0, 88.7, -87.3, -103.9, 2.0**-33, 2.0**-64, 2.0**-126)
    offsets = np.arange(-(count // 2), count // 2)
    x = np.concatenate([(np.float32(c).view(np.int32) + offsets).astype(np.int32).view(np.float32) for c in centres])
    assert error_in_ulp(apply(function, x), true_value(reference, x)).max() <= bound


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(name, dtype):
    function, reference, _ = FUNCTIONS[name]
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -2.0, 1.0], dtype)
    y, truth = apply(function, x), true_value(reference, x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(truth))
    np.testing.assert_array_equal(y[np.isinf(truth)], truth[np.isinf(truth)])
    np.testing.assert_array_equal(y[truth == 0.0], truth[truth == 0.0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64(name):
    function, reference, _ = FUNCTIONS[name]
    x = np.concatenate([np.linspace(-750.0, 750.0, 3001), 10.0 ** np.linspace(-307.0, 0.0, 3001), SPECIAL])
    x = x[np.abs(x - 0.5) > 0.0]  # at exactly ½ the quantile is 0
    np.testing.assert_allclose(apply(function, x), true_value(reference, x), rtol=3e-15, atol=1e-307)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("T", [np.float32, np.float64])
def test_dtype_is_kept(name, T):
    function = FUNCTIONS[name][0]
    if not COMPILED:
        assert type(function(T(0.3))) is T
        return

    @kernel
    def alone(x):
        return function(x)

    alone(T(0.3))
    assert str(alone.nopython_signatures[0].return_type) == np.dtype(T).name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_count_as_float64(name):
    function, reference, _ = FUNCTIONS[name]
    np.testing.assert_allclose(function(1), true_value(reference, np.array(1.0)), rtol=1e-15)


@pytest.mark.skipif(not COMPILED or numba.config.BOUNDSCHECK, reason="needs compiled loops without bounds checks")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_loops_become_vector_instructions(name):
    loop = over_array(FUNCTIONS[name][0])
    loop(np.ones(4, np.float32), np.ones(4, np.float32))
    code = loop.inspect_llvm(loop.signatures[0])
    assert "fmul <" in code and " x float>" in code


def test_tanh_is_odd_and_bounded():
    x = np.linspace(0.0, 30.0, 100_001 if COMPILED else 501).astype(np.float32)
    y = apply(maths.tanh, x)
    assert y.max() == 1.0
    np.testing.assert_array_equal(apply(maths.tanh, -x), -y)


@kernel
def _normals(words, out):
    for i in range(words.shape[0]):
        out[i] = normal.normal_from_bits(words[i], out[i])


def normals(words, dtype):
    out = np.empty(words.shape, dtype)
    out[:] = 0
    _normals(words, out)
    return out


def words():
    """Every word near the ends and the middle, and a grid between."""
    near = np.arange(1000 if COMPILED else 50, dtype=np.uint64)
    grid = np.arange(7, 2**32, 4_001 if COMPILED else 8_000_009, dtype=np.uint64)
    return np.concatenate([near, 2**31 - 1 - near, grid, 2**31 + near, 2**32 - 1 - near]).astype(np.uint32)


def test_normal_from_bits_is_the_quantile_of_the_centred_word():
    k = words()
    np.testing.assert_allclose(normals(k, np.float64), quantile((k + 0.5) / 2.0**32), rtol=3e-15)


def test_normal_from_bits_is_the_same_in_both_dtypes():
    k = words()
    assert error_in_ulp(normals(k, np.float32), normals(k, np.float64)).max() <= 4.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_from_bits_is_exactly_symmetric(dtype):
    k = words()
    np.testing.assert_array_equal(normals(~k, dtype), -normals(k, dtype))
