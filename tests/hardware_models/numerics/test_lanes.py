"""Loops with trials innermost: sums in the order of units, the draws of the rows, at every size around a vector and a tile."""

import numpy as np
import pytest

from hardware_models.numerics import lanes, random, random_lanes

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n", "trials"), [(1, 1, 16), (3, 5, 32), (20, 8, 48), (7, 4, 16), (0, 3, 16)])
def test_a_product_adds_in_the_order_of_units(m, n, trials, dtype):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(m, n + 3)).astype(dtype), rng.normal(size=(m, trials)).astype(dtype)
    factor, out = rng.normal(size=n + 3).astype(dtype), np.full((n, trials), np.nan, dtype)
    lanes.product(w, x, factor, out)
    total = np.zeros((n, trials), dtype)
    for j in range(m):
        total += w[j, :n, None] * x[j]
    assert out.tobytes() == (total * factor[:n, None]).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("by_lanes", "by_row"),
    [
        (random_lanes.fill_normal_lanes, random.fill_normal),
        (random_lanes.fill_rademacher_lanes, random.fill_rademacher),
    ],
)
@pytest.mark.parametrize("n", [1, 16, 17, 40, 63, 64, 65, 131])
def test_draws_are_those_of_the_rows(n, by_lanes, by_row, dtype):
    trials, seed, stream, step = 16, 2**63 - 5, random.stream(random.Stream.PERTURBATION, 1), 2**33 + 7
    out, row = np.empty((n, trials), dtype), np.empty(n, dtype)
    by_lanes(seed, stream, step, out)
    for b in range(trials):
        by_row(seed, stream, step, b, row)
        assert out[:, b].tobytes() == row.tobytes()


def test_there_and_back():
    rows = np.arange(6.0).reshape(3, 2)
    out, back = np.zeros((2, 16)), np.zeros((3, 2))
    lanes.into_lanes(rows, out)
    assert np.array_equal(out[:, :3], rows.T) and not out[:, 3:].any()
    lanes.from_lanes(out, back)
    assert np.array_equal(back, rows)
    assert [lanes.whole_lanes(b) for b in (1, 16, 17)] == [16, 16, 32]
