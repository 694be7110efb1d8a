r"""Scalar functions for inner loops: tanh, exp, log and the quantile of the normal distribution.

Every function keeps the dtype of its argument. float64 goes through libm (the quantile through a published rational
form). float32 goes through the forms below, which are arithmetic and selects only: a compiled loop around them becomes
vector instructions on any CPU, whereas one call of libm's tanh costs about 16 ns. They use no fused multiply-add, so
their bits do not depend on the CPU, and are the same compiled and with ``NUMBA_DISABLE_JIT=1``.

====================  =====================================  =============  =====================
function              float32 method                         largest error  float32 | float64, ns
====================  =====================================  =============  =====================
``tanh``              odd polynomial | 1 − 2 / (exp 2x + 1)  1.4 ulp        0.6 | 9
``exp``               2ⁿ · polynomial                        1.1 ulp        0.4 | 5
``log``               exponent + polynomial                  0.9 ulp        0.5 | 4
``normal_quantile``   u · √(2π + t · rational(t))            3.8 ulp        1.6 | 9
``normal_from_bits``  the same, from an integer              3.9 ulp        1.2 | 9
====================  =====================================  =============  =====================

Errors in spacings of float32 at the true value, against float64 NumPy and SciPy: over all 2³² words (in float64 by the
formula below) for ``normal_from_bits``, over every twelfth float32 number for the others; ``tests/test_maths.py``
repeats it more coarsely. Times per element over an array of 1024 to 4096, as ``python benchmarks/random_numbers.py``
takes them, one core of an AMD EPYC (Zen 4).

Coefficients without a citation are minimax fits of relative error, made for this file: iteratively reweighted least
squares (C. L. Lawson, 1961) on 1500 Chebyshev nodes in float64, rational ones linearised with the previous denominator
(Sanathanan & Koerner, IEEE Trans. Autom. Control 8, 56 (1963)), then rounded to float32 and, for ``exp`` and the
quantile, moved by last places where a random search found the largest error of the float32 arithmetic to fall. The
reductions are classical: W. J. Cody & W. Waite, *Software Manual for the Elementary Functions* (1980).
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from .compiled import COMPILED, kernel

__all__ = ["exp", "log", "normal_from_bits", "normal_quantile", "tanh"]

F = np.float32  # a float64 literal would promote the whole expression in compiled code


def _inlined(function):
    """Compile into the caller: a loop around a call that is not inlined cannot be vectorised.

    Interpreted, NumPy scalars warn of the overflow and the invalid operations that branch-free code computes and then
    does not select.
    """
    return kernel(forceinline=True)(function) if COMPILED else np.errstate(all="ignore")(function)


_OVERLOAD_FLAGS = {"nogil": True, "error_model": "numpy", "forceinline": True}


def _by_dtype(single, double):
    """A function of one number that picks, while the caller is compiled, the form for the number's dtype."""

    def pick(x):
        return single(x) if isinstance(x, np.float32) else double(x)

    @overload(pick, jit_options=_OVERLOAD_FLAGS)
    def compiled_pick(x):
        return (lambda x: single(x)) if x == types.float32 else (lambda x: double(x))

    return pick


# ---------------------------------------------------------------------------------------------------------------- exp

_LOG2E = F(1.442695)
_LN2_HIGH = F(0.693359375)  # 9 bits and then zeros: n · _LN2_HIGH is exact
_LN2_LOW = F(-2.1219444e-4)  # ln 2 − _LN2_HIGH
_ROUNDER = F(12582912.0)  # 1.5 · 2²³: adding it leaves the nearest integer in the low bits
_ROUNDER_BITS = np.int32(0x4B400000)
_E2, _E3, _E4, _E5, _E6 = F(0.5), F(0.16666579), F(0.04166687), F(0.0083633), F(0.0013901349)


@_inlined
def _power_of_two32(n):
    """2ⁿ for −126 ≤ n ≤ 127, from its bits."""
    return np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@_inlined
def _exp_parts32(x):
    """n and exp(x − n ln 2), where n = round(x / ln 2)."""
    shifted = x * _LOG2E + _ROUNDER
    whole = shifted - _ROUNDER
    n = np.int32(np.float32(shifted).view(np.int32) - _ROUNDER_BITS)
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = (((_E6 * r + _E5) * r + _E4) * r + _E3) * r + _E2
    return n, (p * (r * r) + r) + F(1.0)


@_inlined
def _exp32(x):
    x = F(104.0) if x > F(104.0) else x  # selects written so that a NaN passes
    x = F(-104.0) if x < F(-104.0) else x
    n, m = _exp_parts32(x)
    half = np.int32(n >> np.int32(1))  # two factors: 2ⁿ itself may overflow, or be subnormal
    return (m * _power_of_two32(half)) * _power_of_two32(np.int32(n - half))


@_inlined
def _exp64(x):
    x = np.float64(x)
    return np.float64(math.exp(x) if x <= 709.782712893384 else x * math.inf)  # interpreted, math.exp would raise


_exp = _by_dtype(_exp32, _exp64)


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


@_inlined
def _log_parts32(x):
    """k and m with x = 2ᵏ m, √½ ≤ m < √2, for a positive normal x."""
    bits = np.int32(np.float32(x).view(np.int32) - _SQRT_HALF_BITS)
    m = np.int32((bits & _MANTISSA) + _SQRT_HALF_BITS).view(np.float32)
    return F(np.int32(bits >> np.int32(23))), m


@_inlined
def _log32(x):
    small = x < _TINY
    k, m = _log_parts32(x * F(2.0**23) if small else x)
    k = k - F(23.0) if small else k
    f = m - F(1.0)
    z = f * f
    p = (((_L[8] * f + _L[7]) * f + _L[6]) * f + _L[5]) * f + _L[4]
    p = (((p * f + _L[3]) * f + _L[2]) * f + _L[1]) * f + _L[0]
    y = (f + ((f * z * p + k * _LN2_LOW) - F(0.5) * z)) + k * _LN2_HIGH
    y = y if x < F(math.inf) else x  # inf and NaN give themselves
    y = y if x > F(0.0) else F(math.nan)
    return y if x != F(0.0) else F(-math.inf)


@_inlined
def _log64(x):
    x = np.float64(x)
    if x > 0.0:
        return np.float64(math.log(x))
    return np.float64(-math.inf) if x == 0.0 else np.float64(math.nan)


_log = _by_dtype(_log32, _log64)


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


@_inlined
def _tanh32(x):
    size = -x if x < F(0.0) else x
    t = size * size
    p = (((_T[4] * t + _T[3]) * t + _T[2]) * t + _T[1]) * t + _T[0]
    near = x + x * (t * p)
    n, m = _exp_parts32(F(20.0) if size > F(10.0) else size + size)  # beyond 9.02 the result rounds to 1
    far = F(1.0) - F(2.0) / (m * _power_of_two32(n) + F(1.0))
    far = -far if x < F(0.0) else far
    return near if size < F(0.625) else far


@_inlined
def _tanh64(x):
    return np.float64(math.tanh(np.float64(x)))


_tanh = _by_dtype(_tanh32, _tanh64)


@kernel(forceinline=True)
def tanh(x):
    r"""Hyperbolic tangent, in the dtype of `x`; never beyond ±1.

    .. math:: \tanh x = x + x^3 P_4(x^2) \quad (|x| < 0.625), \qquad
              \tanh |x| = 1 - \frac{2}{e^{2|x|} + 1} \quad \text{otherwise}
    """
    return _tanh(x)


# ---------------------------------------------------------------------------------------------------- normal quantile

_TWO_PI = F(6.2831855)
_LG = tuple(
    F(c) for c in (1.4426949, -0.7213528, 0.48092324, -0.36023962, 0.2870987, -0.24887687, 0.23404235, -0.14581165)
)
_QN = tuple(F(c) for c in (2.2803564, 0.46881524, 0.0696716, 0.0064873053, 0.00040851234, 2.2611988e-05))
_QD = tuple(F(c) for c in (0.08033918, 0.019084409, 0.0012795063, 9.128309e-05, 4.090285e-06))
_FN = tuple(F(c) for c in (-0.29078236, 1.1172518, 0.117548965, 0.0008914995))
_FD = tuple(F(c) for c in (0.087407015, 0.0006438087))


@_inlined
def _minus_log2_32(x):
    """−log₂ x for a positive normal x, to an absolute error of about 1e-7 near 1: all that the quantile needs."""
    k, m = _log_parts32(x)
    f = m - F(1.0)
    p = (((_LG[7] * f + _LG[6]) * f + _LG[5]) * f + _LG[4]) * f + _LG[3]
    return -(k + f * (((p * f + _LG[2]) * f + _LG[1]) * f + _LG[0]))


@_inlined
def _half_quantile32(u, t):
    """|z| from u = ½ − tail and t = −log₂(4 tail (1 − tail)) ≤ 31.1."""
    n = ((((_QN[5] * t + _QN[4]) * t + _QN[3]) * t + _QN[2]) * t + _QN[1]) * t + _QN[0]
    d = ((((_QD[4] * t + _QD[3]) * t + _QD[2]) * t + _QD[1]) * t + _QD[0]) * t + F(1.0)
    return u * F(np.sqrt(_TWO_PI + t * (n / d)))


@_inlined
def _quantile32(p):
    u = p - F(0.5)
    upper = u > F(0.0)
    u = u if upper else -u
    tail = F(1.0) - p if upper else p
    small = tail < F(2.0**-64)
    w = F(4.0) * (tail * F(2.0**64) if small else tail) * (F(1.0) - tail)
    t = _minus_log2_32(w)
    t = t + F(64.0) if small else t
    far = ((_FN[3] * t + _FN[2]) * t + _FN[1]) * t + _FN[0]
    far = F(np.sqrt(far / ((_FD[1] * t + _FD[0]) * t + F(1.0))))
    z = far if t > F(31.0) else _half_quantile32(u, t)
    z = z if tail > F(0.0) else F(math.nan)
    z = z if tail != F(0.0) else F(math.inf)
    return z if upper else -z


_CENTRE_N = (
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
    4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
_CENTRE_D = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
)  # fmt: skip
_MIDDLE_N = (
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
    1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
_MIDDLE_D = (
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
)  # fmt: skip
_FAR_N = (
    6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
_FAR_D = (
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
)  # fmt: skip


@_inlined
def _ratio64(numerator, denominator, r):
    n, d = numerator[7], denominator[7]
    for k in range(6, -1, -1):
        n, d = n * r + numerator[k], d * r + denominator[k]
    return n / d


@_inlined
def _half_quantile64(u, tail):
    """|z| from u = ½ − tail and 0 < tail ≤ ½: algorithm AS 241, PPND16."""
    if u <= 0.425:
        return u * _ratio64(_CENTRE_N, _CENTRE_D, 0.180625 - u * u)
    r = math.sqrt(-math.log(tail))
    return _ratio64(_MIDDLE_N, _MIDDLE_D, r - 1.6) if r <= 5.0 else _ratio64(_FAR_N, _FAR_D, r - 5.0)


def half_quantile_array(u, tail):
    """|z| of arrays u = ½ − tail, float64, with the bits of the scalar form: the logarithm is libm's, one at a time."""

    def ratio(numerator, denominator, r):
        n, d = np.full_like(r, numerator[7]), np.full_like(r, denominator[7])
        for k in range(6, -1, -1):
            n, d = n * r + numerator[k], d * r + denominator[k]
        return n / d

    z = u * ratio(_CENTRE_N, _CENTRE_D, 0.180625 - u * u)
    outer = u > 0.425
    r = np.sqrt([-math.log(t) for t in tail[outer].tolist()])
    z[outer] = np.where(r <= 5.0, ratio(_MIDDLE_N, _MIDDLE_D, r - 1.6), ratio(_FAR_N, _FAR_D, r - 5.0))
    return z


@_inlined
def _quantile64(p):
    p = np.float64(p)
    upper = p > 0.5
    tail = 1.0 - p if upper else p
    if tail > 0.0:
        z = _half_quantile64(abs(p - 0.5), tail)
    else:
        z = math.inf if tail == 0.0 else math.nan
    return np.float64(z if upper else -z)


_quantile = _by_dtype(_quantile32, _quantile64)


@kernel(forceinline=True)
def normal_quantile(p):
    r"""Quantile z of the standard normal distribution, Φ(z) = p, in the dtype of `p`.

    float32, branch-free, with :math:`u = |p - ½|` and :math:`t = -\log_2 4p(1-p)`:

    .. math:: |z| = u \sqrt{2\pi + t\,P_5(t) / Q_5(t)} \quad (t \le 31), \qquad
              |z| = \sqrt{P_3(t) / Q_2(t)} \quad \text{otherwise}

    The root halves the relative error of what is under it. float64: M. J. Wichura, algorithm AS 241 (PPND16), Appl.
    Statist. 37, 477–484 (1988), doi:10.2307/2347330, about 1e-15 relative.

    Returns
    -------
    −inf at 0, inf at 1, NaN outside [0, 1]. Towards 1 the dtype of `p` is the limit: the upper tail is better taken as
    minus the quantile of 1 − p.
    """
    return _quantile(p)


@_inlined
def _fold32(word):
    """Tail index min(k, ~k), its complement to 2³¹ − 1, and whether k lies in the upper half."""
    word = np.uint32(word)
    upper = word >= np.uint32(0x80000000)
    tail = np.int32(np.uint32(word ^ np.uint32(0xFFFFFFFF)) if upper else word)
    return tail, np.int32(np.int32(0x7FFFFFFF) - tail), upper


@_inlined
def _normal_from_bits32(word):
    tail, rest, upper = _fold32(word)
    p = (F(tail) + F(0.5)) * F(2.0**-32)
    u = (F(rest) + F(0.5)) * F(2.0**-32)  # from the integer: ½ − p would lose the small |z|
    z = _half_quantile32(u, _minus_log2_32(F(4.0) * p * (F(0.5) + u)))
    return z if upper else -z


@_inlined
def _normal_from_bits64(word):
    tail, rest, upper = _fold32(word)
    z = _half_quantile64((np.float64(rest) + 0.5) * 2.0**-32, (np.float64(tail) + 0.5) * 2.0**-32)
    return np.float64(z if upper else -z)


def _normal_from_bits(word, like):
    return _normal_from_bits32(word) if isinstance(like, np.float32) else _normal_from_bits64(word)


@overload(_normal_from_bits, jit_options=_OVERLOAD_FLAGS)
def _compiled_normal_from_bits(word, like):
    if like == types.float32:
        return lambda word, like: _normal_from_bits32(word)
    return lambda word, like: _normal_from_bits64(word)


@kernel(forceinline=True)
def normal_from_bits(word, like):
    r"""Standard normal number from a 32-bit word k, in the dtype of `like`.

    .. math:: z = \Phi^{-1}\!\left(\frac{k + ½}{2^{32}}\right), \qquad |z| \le 6.34

    Computed from the tail min(k, ~k), so z(~k) = −z(k) exactly, float32 has full relative precision on both sides and
    near zero, and float32 and float64 give the same number up to rounding (4 ulp of float32).

    Parameters
    ----------
    word : uint32
    like : a float32 or float64 number; only its type is used.
    """
    return _normal_from_bits(word, like)
