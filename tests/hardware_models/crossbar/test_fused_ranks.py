"""Several outer products and several columns in one walk give the bits of the walk over rows."""

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.crossbar.fused import rank_change
from hardware_models.numerics import memory
from hardware_models.numerics.record import record

pytestmark = pytest.mark.kernels


class Walked(hw.Ideal):
    """An ideal cell that says it is not one: written and read row by row."""

    is_pulsed = True


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "m", "ranks", "columns"),
    [
        (1, 9, 1, 2),
        (5, 4, 1, 2),
        (17, 6, 2, 4),
        (33, 3, 7, 14),
        (300, 8, 1, 2),
        (300, 9, 3, 6),
        (16, 8, 1, 1),
        (8, 12, 2, 0),
    ],
)
def test_as_row_by_row(n, m, ranks, columns, dtype):
    rng = np.random.default_rng(0)
    weights, results = rng.normal(size=(n, m)), []
    post, pre, reward, x = (rng.normal(size=s) for s in ((ranks, n), (ranks, m), ranks, (columns, m)))
    for cell in (hw.Ideal(), Walked()):
        array = hw.Hardware(cells=cell).array((n, m), dtype=dtype, seed=0, number=0, columns=max(columns, 1))
        array.program(weights)
        pending = array.pending(ranks)
        pending.post[:, :n], pending.pre[:, :m], pending.reward[:], pending.active[0] = post, pre, reward, 1
        driven, acc = memory.place(x, dtype), memory.zeros((columns, n), dtype)
        array.kernel(rank_change).sweep(array.record, record(pending), (), driven, acc)
        results.append((array.read(), acc[:, :n].copy()))
    (left, read), (right, walked) = results
    assert not np.array_equal(left, weights.astype(dtype))
    assert left.tobytes() == right.tobytes() and read.tobytes() == walked.tobytes()
