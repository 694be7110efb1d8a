r"""The quantile of the standard normal distribution for inner loops: of a probability, and of a 32-bit word of random bits.

Both keep a dtype. float64 goes through a published rational form, float32 through one that is arithmetic and selects
only, made as the functions of :mod:`hardware_models.numerics.maths` are: it vectorises on any CPU, and its bits depend on none.

====================  ==============================  =============  =====================
function              float32 method                  largest error  float32 | float64, ns
====================  ==============================  =============  =====================
``normal_quantile``   u · √(2π + t · rational(t))     3.8 ulp        1.6 | 9
``normal_from_bits``  the same, from an integer       3.9 ulp        1.2 | 9
====================  ==============================  =============  =====================

Errors in spacings of float32 at the true value, against float64 SciPy: over all 2³² words (in float64 by the formula
below) for ``normal_from_bits``, over every twelfth float32 number for ``normal_quantile``. Times as in `maths`.

Coefficients without a citation are minimax fits of relative error, made for this file as those of `maths` were; rational
ones linearised with the previous denominator (Sanathanan & Koerner, IEEE Trans. Autom. Control 8, 56 (1963)), and moved by
last places where a random search found the largest error of the float32 arithmetic to fall.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from hardware_models.numerics.compiled import INTO_CALLER, by_dtype, inlined, kernel
from hardware_models.numerics.maths import F, log_parts32

__all__ = ["half_quantile_array", "normal_from_bits", "normal_quantile"]

_TWO_PI = F(6.2831855)
_LG = tuple(
    F(c) for c in (1.4426949, -0.7213528, 0.48092324, -0.36023962, 0.2870987, -0.24887687, 0.23404235, -0.14581165)
)
_QN = tuple(F(c) for c in (2.2803564, 0.46881524, 0.0696716, 0.0064873053, 0.00040851234, 2.2611988e-05))
_QD = tuple(F(c) for c in (0.08033918, 0.019084409, 0.0012795063, 9.128309e-05, 4.090285e-06))
_FN = tuple(F(c) for c in (-0.29078236, 1.1172518, 0.117548965, 0.0008914995))
_FD = tuple(F(c) for c in (0.087407015, 0.0006438087))


@inlined
def _minus_log2_32(x):
    """−log₂ x for a positive normal x, to an absolute error of about 1e-7 near 1: all that the quantile needs."""
    k, m = log_parts32(x)
    f = m - F(1.0)
    p = (((_LG[7] * f + _LG[6]) * f + _LG[5]) * f + _LG[4]) * f + _LG[3]
    return -(k + f * (((p * f + _LG[2]) * f + _LG[1]) * f + _LG[0]))


@inlined
def _half_quantile32(u, t):
    """|z| from u = ½ − tail and t = −log₂(4 tail (1 − tail)) ≤ 31.1."""
    n = ((((_QN[5] * t + _QN[4]) * t + _QN[3]) * t + _QN[2]) * t + _QN[1]) * t + _QN[0]
    d = ((((_QD[4] * t + _QD[3]) * t + _QD[2]) * t + _QD[1]) * t + _QD[0]) * t + F(1.0)
    return u * F(np.sqrt(_TWO_PI + t * (n / d)))


@inlined
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


@inlined
def _ratio64(numerator, denominator, r):
    n, d = numerator[7], denominator[7]
    for k in range(6, -1, -1):
        n, d = n * r + numerator[k], d * r + denominator[k]
    return n / d


@inlined
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


@inlined
def _quantile64(p):
    p = np.float64(p)
    upper = p > 0.5
    tail = 1.0 - p if upper else p
    if tail > 0.0:
        z = _half_quantile64(abs(p - 0.5), tail)
    else:
        z = math.inf if tail == 0.0 else math.nan
    return np.float64(z if upper else -z)


_quantile = by_dtype(_quantile32, _quantile64)


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


@inlined
def _fold32(word):
    """Tail index min(k, ~k), its complement to 2³¹ − 1, and whether k lies in the upper half."""
    word = np.uint32(word)
    upper = word >= np.uint32(0x80000000)
    tail = np.int32(np.uint32(word ^ np.uint32(0xFFFFFFFF)) if upper else word)
    return tail, np.int32(np.int32(0x7FFFFFFF) - tail), upper


@inlined
def _normal_from_bits32(word):
    tail, rest, upper = _fold32(word)
    p = (F(tail) + F(0.5)) * F(2.0**-32)
    u = (F(rest) + F(0.5)) * F(2.0**-32)  # from the integer: ½ − p would lose the small |z|
    z = _half_quantile32(u, _minus_log2_32(F(4.0) * p * (F(0.5) + u)))
    return z if upper else -z


@inlined
def _normal_from_bits64(word):
    tail, rest, upper = _fold32(word)
    z = _half_quantile64((np.float64(rest) + 0.5) * 2.0**-32, (np.float64(tail) + 0.5) * 2.0**-32)
    return np.float64(z if upper else -z)


def _normal_from_bits(word, like):
    return _normal_from_bits32(word) if isinstance(like, np.float32) else _normal_from_bits64(word)


@overload(_normal_from_bits, jit_options=INTO_CALLER)
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
