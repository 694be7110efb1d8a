"""Bit-sliced weights: digits by hand, one slice is a single device, slices of b + 1 bits are one cell of bK + 1, an ADC for each."""

from __future__ import annotations

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.crossbar.fused import decorrelation_change
from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.memory import place, zeros
from hardware_models.numerics.record import record

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")
N, M, SEED = 4, 6, 5
EXACT = {"rtol": 0, "atol": 1e-12}
SHAPES = [(1, 3), (2, 2), (3, 1), (4, 2), (8, 1)]  # slices, bits


def matrix(shape=(N, M), seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def inputs(K=3, m=M, seed=1):
    return np.random.default_rng(seed).normal(size=(K, m))


def make(weight=None, cell=hw.Ideal(), W=None, **options):  # noqa: B008
    options = {"dtype": np.float64, "seed": SEED, "columns": 4, "weight_scale": 1.0, **options}
    array = hw.SynapseArray((N, M), cell, weight=weight, **options)
    array.program(matrix() if W is None else W)
    return array


def digits(w, slices, bits):
    """Of one weight, a digit at a time: what a cell of each slice holds."""
    base, whole = 2**bits, 2 ** (bits * slices) - 1
    rest, held = abs(w) * whole, []
    for k in reversed(range(1, slices)):
        lower = base**k
        digit = min(
            int((rest + base / 2) // lower) if k == 1 else int((np.round(rest / base) * base) // lower), base - 1
        )
        held.append(np.sign(w) * digit / (base - 1))
        rest -= digit * lower
    return [*held, np.sign(w) * rest / (base - 1)]


@pytest.mark.parametrize(("slices", "bits"), SHAPES)
def test_digits_add_up_to_the_weight(slices, bits):
    array = make(hw.BitSlices(slices=slices, bits=bits))
    assert np.allclose(array.read(), matrix(), **EXACT)
    w = array.state.cells.w[:, :, :N]
    assert np.abs(w).max() <= 1 + 1e-12
    assert np.allclose(w[:-1] * (2**bits - 1), np.round(w[:-1] * (2**bits - 1)), **EXACT)
    for i, j in np.ndindex(N, M):
        assert np.allclose(w[:, j, i], digits(matrix()[i, j], slices, bits), **EXACT)


def test_digits_by_hand():
    """2 bits: −0.4 · 15 = −6 = −(2 · 4 − 2): digits 2 and −2 of 3; 1 = 15 = 3 · 4 + 3."""
    array = make(hw.BitSlices(slices=2, bits=2), W=np.full((N, M), -0.4))
    assert np.allclose(array.state.cells.w[:, 0, 0], [-2 / 3, 2 / 3], **EXACT)
    array.program(np.ones((N, M)))
    assert np.allclose(array.state.cells.w[:, 0, 0], 1, **EXACT)
    assert np.allclose(array.state.gain, [12 / 15, 3 / 15], **EXACT)


@pytest.mark.parametrize(("slices", "bits"), SHAPES)
@interpreted
def test_slices_of_b_and_one_bits_are_a_cell_of_all_of_them(slices, bits):
    sliced = make(hw.BitSlices(slices=slices, bits=bits), hw.Digital(bits=bits + 1))
    whole = make(None, hw.Digital(bits=bits * slices + 1))
    assert np.allclose(sliced.read(), whole.read(), **EXACT)
    assert np.allclose(sliced.matvec(inputs()), whole.matvec(inputs()), **EXACT)


NOISY = hw.Reading(
    dac=hw.Converter(bits=6, bound=3.0), adc=hw.Converter(bits=6, bound=4.0), output_noise_std=0.05, input_noise_std=0.02, compression=0.01,
    weight_noise=hw.ProportionalReadNoise(std=0.1),
)  # fmt: skip


@pytest.mark.parametrize(
    "noise", [hw.ConstantReadNoise(std=0.1), hw.RootReadNoise(std=0.1), hw.ProportionalReadNoise(std=0.1)]
)
@interpreted
def test_one_slice_is_a_single_device(noise):
    reading = hw.Reading(dac=NOISY.dac, adc=NOISY.adc, weight_noise=noise, output_noise_std=0.05, scaling=hw.AbsMax())
    sliced, single = make(hw.BitSlices(slices=1, bits=3), reading=reading), make(None, reading=reading)
    for array in (sliced, single):
        array.update(inputs(1, N)[0] / 50, inputs(1)[0])
    assert np.array_equal(sliced.read(), single.read())
    for _ in range(2):
        assert np.allclose(sliced.matvec(inputs()), single.matvec(inputs()), **EXACT)
        assert np.allclose(sliced.rmatvec(inputs(2, N)), single.rmatvec(inputs(2, N)), **EXACT)
    assert sliced.ledger().counts == single.ledger().counts


@pytest.mark.parametrize("reading", [None, hw.Reading(), hw.Reading(adc=hw.Clip(bound=1e6))])
@interpreted
def test_an_ideal_adc_is_exact(reading):
    array = make(hw.BitSlices(slices=3, bits=2), reading=reading)
    assert np.allclose(array.matvec(inputs()), inputs() @ matrix().T, **EXACT)
    assert np.allclose(array.rmatvec(inputs(2, N)), inputs(2, N) @ matrix(), **EXACT)


def rounded(v, bits, bound):
    top = 2 ** (bits - 1) - 1
    return np.clip(np.round(v * top / bound), -top, top) * bound / top


def transcribed(w, gains, x, bounds, sweep, side=0):
    """NOISY, one column and one slice at a time, with the draws that belong there."""
    _, m, n = w.shape

    def draw(column, device, source, size):
        out = np.empty(size)
        row = column + (source << 24) + side + (device << 29)
        random.fill_normal(SEED, random.stream(random.Stream.READ, 0), sweep, row, out)
        return out

    read = []
    for k, column in enumerate(x):
        driven, y = rounded(column, 6, 3.0) + 0.02 * draw(k, 0, 0, m), np.zeros(n)
        for d, gain in enumerate(gains):
            part = driven @ w[d] + 0.1 * np.sqrt(driven**2 @ w[d] ** 2) * draw(k, d, 1, n)
            part = part / (1 + 0.01 * np.abs(part)) + 0.05 * draw(k, d, 2, n)
            y += gain * rounded(part, 6, bounds[d])
        read.append(y)
    return np.array(read)


@pytest.mark.parametrize("bounds", [pytest.param((), marks=interpreted), (2.0, 3.0, 1.5)])
def test_every_slice_has_an_adc_of_its_own(bounds):
    array = make(hw.BitSlices(slices=3, bits=2, adc_bounds=bounds), reading=NOISY)
    w, gains, told = array.state.cells.w[:, :, :N].copy(), array.state.gain, bounds or (4.0,) * 3
    for sweep in range(2):
        assert np.allclose(array.matvec(inputs()), transcribed(w, gains, inputs(), told, sweep), **EXACT)
    y, turned = inputs(2, N), np.swapaxes(w, 1, 2)
    assert np.allclose(array.rmatvec(y), transcribed(turned, gains, y, told, 0, 1 << 28), **EXACT)
    counts = array.ledger().counts
    assert counts["outputs"] == 3 * (2 * 3 * N + 2 * M)
    assert counts["inputs"] == 2 * 3 * M + 2 * N


@interpreted
def test_column_reads_of_updates_are_read_apart_too():
    def fresh():
        array = hw.SynapseArray(
            (N, N),
            reading=NOISY,
            weight=hw.BitSlices(slices=2, bits=3),
            columns=4,
            dtype=np.float64,
            seed=SEED,
            weight_scale=1.0,
        )
        array.program(matrix((N, N)))
        return array

    one, other = fresh(), fresh()
    pending, post, pre = one.pending(2, back=True), inputs(2, N, 2) / 100, inputs(2, N, 3)
    pending.post[:, :N], pending.pre[:, :N], pending.reward[:], pending.active[0] = post, pre, 1, 1
    x, acc = zeros((0, N), np.float64), zeros((0, N), np.float64)
    one.kernel(decorrelation_change).sweep(one.record, record(pending), (), place(x, np.float64), acc)
    assert np.allclose(one.read(), other.read() + np.einsum("ri,rj->ij", post, other.rmatvec(pre)), **EXACT)


@interpreted
def test_bounds_are_calibrated_slice_by_slice():
    array, x = make(hw.BitSlices(slices=2, bits=3)), inputs(500)
    sums = np.abs(np.einsum("kj,dji->dki", x, array.state.cells.w[:, :, :N]))
    bounds = hw.calibrated_bounds(array, x, share=0.99)
    assert np.allclose(bounds, [np.quantile(one, 0.99) for one in sums], **EXACT)
    assert hw.calibrated_bounds(array, x, share=1.0)[0] == pytest.approx(sums[0].max())

    def error(adc_bounds):
        reading = hw.Reading(adc=hw.Converter(bits=6, bound=20.0))
        read = make(hw.BitSlices(slices=2, bits=3, adc_bounds=adc_bounds), reading=reading).matvec(x[:4])
        return np.abs(read - x[:4] @ matrix().T).max()

    assert error(hw.calibrated_bounds(array, x, share=1.0)) < 0.5 * error(())


@interpreted
def test_bound_management_reads_until_no_slice_is_at_its_bound():
    reading = hw.Reading(adc=hw.Converter(bits=12, bound=0.5), bound_management=hw.Iterative(most=10))
    array = make(hw.BitSlices(slices=2, bits=2), reading=reading)
    assert np.allclose(array.matvec(inputs()), inputs() @ matrix().T, atol=0.02)
    assert array.state.reading.rereads[0] > 3


@interpreted
def test_a_change_goes_to_the_first_slice_of_which_it_is_a_pulse():
    array = make(hw.BitSlices(slices=2, bits=2), hw.Digital(bits=3, rounding="nearest"), W=np.zeros((N, M)))
    for wanted, held in ((2 / 15, [0, 2 / 3]), (8 / 15, [2 / 3, 2 / 3])):
        array.update(np.full(N, wanted), np.ones(M))
        assert np.allclose(array.state.cells.w[:, 0, 0], held, **EXACT)
    assert np.allclose(array.read(), 10 / 15, **EXACT)


@pytest.mark.parametrize(
    ("weight", "options", "said"),
    [
        ({"slices": 9}, {}, "'slices' parameter of BitSlices must be a whole number from 1 to 8"),
        ({"bits": 0}, {}, "'bits' parameter of BitSlices must be a whole number from 1 to 8"),
        ({"top": 2.0}, {"cell": hw.Digital(bits=3)}, "'weight.top' parameter of BitSlices must be at most 1, the bound of the cells"),
        ({"adc_bounds": (1.0,)}, {}, "'adc_bounds' parameter of BitSlices must be a number for each of 4 slices"),
        ({"adc_bounds": (1.0, -1.0)}, {}, "'adc_bounds' parameter of BitSlices must be positive numbers"),
        ({}, {"reading": hw.Reading(gain_std=0.1)}, "'reading.gain_std' parameter of SynapseArray must be left out: BitSlices"),
        ({}, {"reading": hw.Reading(wires=hw.Wires())}, "'reading.wires' parameter of SynapseArray must be left out: BitSlices"),
    ],
)  # fmt: skip
def test_what_is_refused(weight, options, said):
    with pytest.raises(hw.ParameterError) as refused:
        make(hw.BitSlices(**weight), **options)
    assert said in str(refused.value)


def test_a_probe_of_weights_needs_one_adc():
    @hw.kernel
    def probe(array, memory, j, w, x, acc):
        pass

    with pytest.raises(hw.ParameterError, match="for a rule that perturbs weights"):
        make(hw.BitSlices(), reading=NOISY).kernel(read_row=probe)
