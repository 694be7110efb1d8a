"""The draws of :mod:`hardware_models.numerics.random` for a batch at once: element i of row b into out[i, b].

The numbers are those of the rows, by the same keys; vectors run over rows, so that rows of 20 cost no more an element than
rows of 1000, and no word is computed that nobody asked for.
"""

from __future__ import annotations

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.normal import normal_from_bits
from hardware_models.numerics.random import _address, _wide, philox, rademacher_from_bits
from hardware_models.numerics.words import word_of, words_of

__all__ = ["fill_normal_lanes", "fill_rademacher_lanes"]


@kernel(allocates=True, forceinline=True)
def _fill_words(seed, stream, step, out):
    """out[i, b] = word of element i of row b. A counter's four words are elements i, i + 16, i + 32 and i + 48."""
    _, c2, c3, k0, k1 = _address(seed, stream, step, 0)
    n, lanes = out.shape
    for i in range(n):
        if i % 64 >= 16:
            continue
        c0, more = _wide((i // 64) * 16 + i % 16), (n - i - 1) // 16
        first = out[i]
        if more == 0:
            for b in range(lanes):
                first[b], _, _, _ = philox(c0, _wide(b), c2, c3, k0, k1)
        elif more == 1:
            second = out[i + 16]
            for b in range(lanes):
                first[b], second[b], _, _ = philox(c0, _wide(b), c2, c3, k0, k1)
        elif more == 2:
            second, third = out[i + 16], out[i + 32]
            for b in range(lanes):
                first[b], second[b], third[b], _ = philox(c0, _wide(b), c2, c3, k0, k1)
        else:
            second, third, fourth = out[i + 16], out[i + 32], out[i + 48]
            for b in range(lanes):
                first[b], second[b], third[b], fourth[b] = philox(c0, _wide(b), c2, c3, k0, k1)


@kernel(allocates=True, forceinline=True)
def _fill(formula, seed, stream, step, out):
    _fill_words(seed, stream, step, words_of(out))
    for i in range(out.shape[0]):
        row = out[i]
        for b in range(row.shape[0]):
            row[b] = formula(word_of(row[b]), row[b])


@kernel(allocates=True)  # views are counted
def fill_normal_lanes(seed, stream, step, out):
    """out[i, b] = element i of the row b that `fill_normal` gives; out (n, rows), float32 or float64."""
    _fill(normal_from_bits, seed, stream, step, out)


@kernel(allocates=True)  # views are counted
def fill_rademacher_lanes(seed, stream, step, out):
    """out[i, b] = element i of the row b that `fill_rademacher` gives."""
    _fill(rademacher_from_bits, seed, stream, step, out)
