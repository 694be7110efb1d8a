"""Cosines, gain, bias and variance of an estimate, with intervals, from inner products alone.

The projections p_k = ⟨U_k, g⟩ and the Gram matrix G_kl = ⟨U_k, U_l⟩ of K group means U_k of N/K samples each are sufficient:

    ⟨μ, g⟩ ≈ mean p        ‖M‖² = mean G        ‖μ‖² ≈ mean of G_kl over k ≠ l        V ≈ (N/K) Σ_k‖U_k − M‖²/(K − 1)

The mean of N samples has a noise variance of V/N, which lowers its cosine; different groups share no noise, so that
`limit`, the cosine of the expected update, is free of it. It may exceed 1 by its own error, and is nan if the mean is not significantly
different from noise. Intervals: delete-one-group jackknife, Student's t with K − 1 degrees of freedom, 95 % (B. Efron & C. Stein,
Ann. Statist. 9 (1981) 586, doi:10.1214/aos/1176345462). For that, samples within a group need not be independent; groups must be long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
NAMES = ("cosine", "limit", "gain", "bias", "variance")


class Products(NamedTuple):
    """Inner products of one matrix; those of several matrices add up.

    projection (K,) ⟨U_k, g⟩;  gram (K, K);  square ‖g‖²;  single_projection, single_square (S,) of single samples
    """

    projection: np.ndarray
    gram: np.ndarray
    square: float
    single_projection: np.ndarray
    single_square: np.ndarray


def products(g: np.ndarray, means: np.ndarray, singles: np.ndarray) -> Products:
    """Inner products of group means (K, …) and single samples (S, …) with a gradient (…)."""
    g, U, u = g.ravel(), means.reshape(len(means), -1), singles.reshape(len(singles), -1)
    return Products(U @ g, U @ U.T, float(g @ g), u @ g, np.einsum("sd,sd->s", u, u))


def together(parts: Iterable[Products]) -> Products:
    """Inner products of several matrices as one vector."""
    return Products(*(sum(column) for column in zip(*parts, strict=True)))


def estimates(found: Products, per_group: int) -> dict[str, float]:
    """Every quantity of `NAMES`, and ``single``, the mean cosine of one sample, each with ``_low`` and ``_high``; nan where the gradient is 0,
    as that of one step is in a layer that the readout does not hear.
    """
    found = found._replace(square=found.square or np.nan)
    whole = _values(found.projection, found.gram, found.square, per_group)
    kept = [np.delete(np.arange(len(found.gram)), k) for k in range(len(found.gram))]
    left = np.array([_values(found.projection[k], found.gram[np.ix_(k, k)], found.square, per_group) for k in kept])
    K = len(left)
    errors = np.sqrt((K - 1) / K * ((left - left.mean(0)) ** 2).sum(0))
    rows = [_interval(*row, K - 1) for row in zip(whole, errors, strict=True)]
    return _named(NAMES, rows) | _named(("single",), [_single(found)])


def _values(p: np.ndarray, G: np.ndarray, square: float, per_group: int) -> np.ndarray:
    """In the order of `NAMES`."""
    K = len(p)
    total, own = G.sum(), np.trace(G)
    projection, raw, clean = p.mean(), total / K**2, (total - own) / (K * (K - 1))
    variance = per_group * (own - total / K) / (K - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine, limit = (projection / np.sqrt(norm * square) if norm > 0 else np.nan for norm in (raw, clean))
        return np.array([cosine, limit, *np.array([projection, clean - 2 * projection + square, variance]) / square])


def _single(found: Products) -> tuple[float, float, float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = found.single_projection / np.sqrt(found.single_square * found.square)
    return _interval(cosines.mean(), cosines.std(ddof=1) / np.sqrt(len(cosines)), len(cosines) - 1)


def _interval(value: float, error: float, freedom: int) -> tuple[float, float, float]:
    from scipy.special import stdtrit

    width = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * error
    return float(value), float(value - width), float(value + width)


def _named(names: Iterable[str], rows: Iterable[tuple[float, float, float]]) -> dict[str, float]:
    return {
        name + end: v
        for name, row in zip(names, rows, strict=True)
        for end, v in zip(("", "_low", "_high"), row, strict=True)
    }
