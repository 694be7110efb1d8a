"""Products of panels against a walk over rows, bit for bit, by themselves and in reads of arrays."""

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import SynapseArray
from hardware_models.numerics import memory, panels
from hardware_models.numerics.compiled import kernel
from hardware_models.reading import kernels

pytestmark = pytest.mark.kernels


@kernel
def multiply(w, x, acc, panel):
    panels.product(w, w.shape[0], x, acc, panel)


@kernel
def weigh(w, slow, gain, power, x, scratch):
    kernels.weigh_squares(w, slow, gain, power, x, scratch)


def walked(w, x, acc):
    """Σ_j w_ji x_kj onto acc, row by row."""
    out = acc.copy()
    for j in range(len(w)):
        out += x[:, j, None] * w[j, : out.shape[1]]
    return out


@pytest.mark.parametrize(("K", "n", "m"), [(16, 1, 1), (16, 20, 7), (17, 33, 20), (23, 16, 50), (64, 100, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_keep_their_order(K, n, m, dtype):
    rng = np.random.default_rng(K + n)
    w, x, acc = (memory.place(rng.normal(size=size), dtype) for size in ((m, n), (K, m), (K, n)))
    expected = walked(w, x, acc)
    multiply(w, x, acc, panels.zeros(K, m, dtype))
    assert acc.tobytes() == expected.tobytes()


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("drifting", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_variances_are_the_same_sums_with_and_without_panels(power, drifting, dtype):
    reading, rng = (
        hw.Reading(weight_noise=(hw.RootReadNoise, hw.ProportionalReadNoise)[power - 1](std=0.1)),
        np.random.default_rng(5),
    )
    (d, m, n), K = (2, 9, 21), 18
    w, x = memory.place(rng.normal(size=(d, m, n)), dtype), memory.place(rng.normal(size=(K, m)), dtype)
    slow = memory.place(0.1 * rng.normal(size=(d, m, n)), dtype) if drifting else np.zeros((1, 1, 1), dtype)
    gain, found = np.array([1.0, -0.7], dtype), []
    many = reading.state((n, m), K, 1, 0, dtype, d).scratch
    few = many._replace(
        squares=np.zeros((1, m), dtype), panel=np.zeros(1, dtype), variance=np.zeros_like(many.variance)
    )
    for scratch in (many, few):
        weigh(w, slow, gain, power, x, scratch)
        found.append(scratch.variance[:, :n].copy())
    seen = np.abs(w[:, :, :n] + (slow[:, :, :n] if drifting else 0)).astype(np.float64) ** power
    assert found[0].tobytes() == found[1].tobytes()
    assert np.allclose(
        found[0], np.einsum("k,kji,cj->ci", gain.astype(float) ** 2, seen, x[:, :m].astype(float) ** 2), rtol=1e-5
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"cell": hw.SoftBounds(dw_min_std=0.3)}, {"cell": hw.Digital(bits=6)}],
    ids=["ideal", "pulsed", "bits"],
)
def test_a_sweep_of_many_columns_is_as_many_sweeps(options):
    """Written and read at once in 20 columns, or written, and then read one after the other: the same bits."""
    rng = np.random.default_rng(2)
    many, few = (SynapseArray((30, 13), seed=4, columns=columns, weight_scale=1.0, **options) for columns in (20, 1))
    post, pre, x = rng.normal(size=(1, 30)), 0.01 * rng.normal(size=(1, 13)), rng.normal(size=(20, 13))
    W = 0.05 * rng.normal(size=(30, 13))
    for array in (many, few):
        array.program(W)
    together = many.sweep(x, post, pre)
    few.update(post, pre)
    assert together.tobytes() == np.stack([few.matvec(row) for row in x]).tobytes()
    assert many.read().tobytes() == few.read().tobytes()
