r"""Elementary functions of one number for inner loops: tanh, exp and log.

Every function keeps the dtype of its argument. float64 goes through libm. float32 goes through the forms below, which are
arithmetic and selects only: a compiled loop around them becomes vector instructions on any CPU, whereas one call of libm's
tanh costs about 16 ns. They use no fused multiply-add, so their bits do not depend on the CPU, and are the same compiled
and with ``NUMBA_DISABLE_JIT=1``.

========  =====================================  =============  =====================
function  float32 method                         largest error  float32 | float64, ns
========  =====================================  =============  =====================
``tanh``  odd polynomial | 1 − 2 / (exp 2x + 1)  1.4 ulp        0.6 | 9
``exp``   2ⁿ · polynomial                        1.1 ulp        0.4 | 5
``log``   exponent + polynomial                  0.9 ulp        0.5 | 4
========  =====================================  =============  =====================

Errors in spacings of float32 at the true value, against float64 NumPy, over every twelfth float32 number;
``tests/hardware_models/numerics/test_maths.py`` repeats it more coarsely. Times per element over an array of 1024 to
4096, as ``python benchmarks/random_numbers.py`` takes them, one core of an AMD EPYC (Zen 4).

Coefficients are minimax fits of relative error, made for this file: iteratively reweighted least squares (C. L. Lawson,
1961) on 1500 Chebyshev nodes in float64, then rounded to float32 and, for ``exp``, moved by last places where a random
search found the largest error of the float32 arithmetic to fall. The reductions are classical: W. J. Cody & W. Waite,
*Software Manual for the Elementary Functions* (1980).
"""

from __future__ import annotations

import math

import numpy as np

from hardware_models.numerics.compiled import by_dtype, inlined, kernel
from hardware_models.numerics.words import float_of, integer_of

__all__ = ["exp", "log", "tanh"]

F = np.float32  # a float64 literal would promote the whole expression in compiled code


# ---------------------------------------------------------------------------------------------------------------- exp

_LOG2E = F(1.442695)
_LN2_HIGH = F(0.693359375)  # 9 bits and then zeros: n · _LN2_HIGH is exact
_LN2_LOW = F(-2.1219444e-4)  # ln 2 − _LN2_HIGH
_ROUNDER = F(12582912.0)  # 1.5 · 2²³: adding it leaves the nearest integer in the low bits
_ROUNDER_BITS = np.int32(0x4B400000)
_E2, _E3, _E4, _E5, _E6 = F(0.5), F(0.16666579), F(0.04166687), F(0.0083633), F(0.0013901349)


@inlined
def _power_of_two32(n):
    """2ⁿ for −126 ≤ n ≤ 127, from its bits."""
    return float_of(np.int32((n + np.int32(127)) << np.int32(23)))


@inlined
def _exp_parts32(x):
    """n and exp(x − n ln 2), where n = round(x / ln 2)."""
    shifted = x * _LOG2E + _ROUNDER
    whole = shifted - _ROUNDER
    n = np.int32(integer_of(shifted) - _ROUNDER_BITS)
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = (((_E6 * r + _E5) * r + _E4) * r + _E3) * r + _E2
    return n, (p * (r * r) + r) + F(1.0)


@inlined
def _exp32(x):
    x = F(104.0) if x > F(104.0) else x  # selects written so that a NaN passes
    x = F(-104.0) if x < F(-104.0) else x
    n, m = _exp_parts32(x)
    half = np.int32(n >> np.int32(1))  # two factors: 2ⁿ itself may overflow, or be subnormal
    return (m * _power_of_two32(half)) * _power_of_two32(np.int32(n - half))


@inlined
def _exp64(x):
    x = np.float64(x)
    return np.float64(math.exp(x) if x <= 709.782712893384 else x * math.inf)  # interpreted, math.exp would raise


_exp = by_dtype(_exp32, _exp64)


@kernel(forceinline=True)
def exp(x):
    r"""Exponential function, in the dtype of `x`.

    .. math:: e^x = 2^n e^r, \qquad n = \mathrm{round}(x / \ln 2), \quad |r| \le \tfrac12 \ln 2

    with :math:`e^r = 1 + r + r^2 P_4(r)`. All of float32: subnormal results are right, above 88.72 the result is inf.
    """
    return _exp(x)


# ---------------------------------------------------------------------------------------------------------------- log

_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA = np.int32(0x7FFFFF)
_TINY = F(2.0**-126)  # the smallest normal number
_L = tuple(
    F(c)
    for c in (
        0.3333333,
        -0.24999994,
        0.20000713,
        -0.16668051,
        0.14249316,
        -0.12420149,
        0.11677011,
        -0.115145676,
        0.070376016,
    )
)


@inlined
def log_parts32(x):
    """k and m with x = 2ᵏ m, √½ ≤ m < √2, for a positive normal x."""
    bits = np.int32(integer_of(x) - _SQRT_HALF_BITS)
    m = float_of(np.int32((bits & _MANTISSA) + _SQRT_HALF_BITS))
    return F(np.int32(bits >> np.int32(23))), m


@inlined
def _log32(x):
    small = x < _TINY
    k, m = log_parts32(x * F(2.0**23) if small else x)
    k = k - F(23.0) if small else k
    f = m - F(1.0)
    z = f * f
    p = (((_L[8] * f + _L[7]) * f + _L[6]) * f + _L[5]) * f + _L[4]
    p = (((p * f + _L[3]) * f + _L[2]) * f + _L[1]) * f + _L[0]
    y = (f + ((f * z * p + k * _LN2_LOW) - F(0.5) * z)) + k * _LN2_HIGH
    y = y if x < F(math.inf) else x  # inf and NaN give themselves
    y = y if x > F(0.0) else F(math.nan)
    return y if x != F(0.0) else F(-math.inf)


@inlined
def _log64(x):
    x = np.float64(x)
    if x > 0.0:
        return np.float64(math.log(x))
    return np.float64(-math.inf) if x == 0.0 else np.float64(math.nan)


_log = by_dtype(_log32, _log64)


@kernel(forceinline=True)
def log(x):
    r"""Natural logarithm, in the dtype of `x`.

    .. math:: \ln x = k \ln 2 + f - \tfrac12 f^2 + f^3 P_8(f), \qquad
              x = 2^k (1 + f), \quad \sqrt{½} \le 1 + f < \sqrt 2

    All of float32, subnormals included; log(±0) = −inf, a negative `x` gives NaN.
    """
    return _log(x)


# --------------------------------------------------------------------------------------------------------------- tanh

_T = tuple(F(c) for c in (-0.33333328, 0.1333277, -0.053850893, 0.020997074, -0.006096527))


@inlined
def _tanh32(x):
    size = -x if x < F(0.0) else x
    t = size * size
    p = (((_T[4] * t + _T[3]) * t + _T[2]) * t + _T[1]) * t + _T[0]
    near = x + x * (t * p)
    n, m = _exp_parts32(F(20.0) if size > F(10.0) else size + size)  # beyond 9.02 the result rounds to 1
    far = F(1.0) - F(2.0) / (m * _power_of_two32(n) + F(1.0))
    far = -far if x < F(0.0) else far
    return near if size < F(0.625) else far


@inlined
def _tanh64(x):
    return np.float64(math.tanh(np.float64(x)))


_tanh = by_dtype(_tanh32, _tanh64)


@kernel(forceinline=True)
def tanh(x):
    r"""Hyperbolic tangent, in the dtype of `x`; never beyond ±1.

    .. math:: \tanh x = x + x^3 P_4(x^2) \quad (|x| < 0.625), \qquad
              \tanh |x| = 1 - \frac{2}{e^{2|x|} + 1} \quad \text{otherwise}
    """
    return _tanh(x)
