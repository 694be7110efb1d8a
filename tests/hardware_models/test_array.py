"""SynapseArray: each operation against NumPy, the cells by hand, and the walks against each other."""

import dataclasses

import naive
import numba
import numpy as np
import pytest
from slow_cases import slow

from hardware_models import (
    PRESETS,
    CoincidenceTrains,
    Converter,
    Devices,
    Digital,
    Drift,
    Hardware,
    Ideal,
    ImplicitTrains,
    MeanCountTrains,
    MixedPrecision,
    OneSidedPair,
    ParameterError,
    PCMLike,
    Reading,
    SynapseArray,
)
from hardware_models.array import MOST_ROWS
from hardware_models.crossbar.fused import decorrelation_change, rank_change
from hardware_models.numerics.blas import BATCH
from hardware_models.numerics.memory import padded, place, zeros
from hardware_models.numerics.record import record

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(
    not numba.config.DISABLE_JIT, reason="compiling each takes seconds; .ci/run does these with the JIT off"
)

CELLS = {"ideal": Ideal(), "nearest": Digital(bits=6, rounding="nearest"), "stochastic": Digital(bits=6)}
GAINS = {"single": (1.0,), "pair": (1.0, -1.0), "uneven": (2.0, -0.5)}
EXACT = {"rtol": 1e-13, "atol": 1e-13}


class Walked(Ideal):
    """An ideal cell that says it is not one, so that rows are walked by the general loop."""

    is_pulsed = True


def matrix(n, m, seed=0, size=0.3):
    return size * np.random.default_rng(seed).normal(size=(n, m))


def make(shape=(7, 10), cell=Ideal(), *, W=None, **options):  # noqa: B008
    array = SynapseArray(shape, cell, **{"dtype": np.float64, "seed": 3, **options})
    array.program(matrix(*shape) if W is None else W)
    return array


def outer(n, m, rank, seed=1):
    """post (R, n), pre (R, m), reward (R,) and the change they make."""
    rng = np.random.default_rng(seed)
    post, pre, reward = rng.normal(size=(rank, n)), rng.normal(size=(rank, m)), rng.normal(size=rank)
    return (post, pre, reward), np.einsum("r,ri,rj->ij", reward, post, pre)


# ----------------------------------------------------------------------------------------------------------------------
# By hand


def test_two_by_two_by_hand():
    """W = [[1, 2], [3, 4]]; W += 2 · (1, −1) ⊗ (0.5, 1) = [[1, 2], [−1, −2]]."""
    array = make((2, 2), W=[[1, 2], [3, 4]])
    assert array.matvec([1, 10]).tolist() == [21, 43]
    assert array.rmatvec([1, 10]).tolist() == [31, 42]
    array.update([1, -1], [0.5, 1], 2)
    assert array.read().tolist() == [[2, 4], [2, 2]]
    assert array.sweep([1, 1], [1, 0], [0, 1]).tolist() == [7, 4]


def test_two_bits_by_hand():
    """Three levels −1, 0, 1: half a step rounds up, the ends clip, every step sent is counted."""
    array = make((2, 2), Digital(bits=2, rounding="nearest"), W=[[0.4, 0.6], [-0.6, 1.4]], weight_scale=1.0)
    assert array.read().tolist() == [[0, 1], [-1, 1]]
    array.update([1, 1], [0.6, 0.4])
    assert array.read().tolist() == [[1, 1], [0, 1]]
    array.update([2, -3], [1, 1])
    assert array.read().tolist() == [[1, 1], [-1, -1]]
    up, down = (counter[0, :, :2].T.tolist() for counter in (array.state.cells.up, array.state.cells.down))
    assert up == [[3, 2], [1, 0]]
    assert down == [[0, 0], [2, 2]]  # of 3 that were requested: there are 2 from end to end


@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
@pytest.mark.parametrize("dtype", [np.float32, *slow(np.float64)])
@pytest.mark.parametrize("bits", [2, 4, 16])
def test_an_infinite_request_counts_the_steps_there_are(bits, dtype, rounding):
    """All of them, from one end to the other, as one that is only huge; a cell gets there, and no request that is no number moves it."""
    array = make((6, 1), Digital(bits=bits, rounding=rounding), W=np.zeros((6, 1)), weight_scale=1.0, dtype=dtype)
    array.update([np.inf, -np.inf, 1e30, -1e30, np.nan, 0.0], [1.0])
    assert array.read()[:, 0].tolist() == [1, -1, 1, -1, 0, 0]
    most = 2**bits - 2
    up, down = (counts[0, :, 0].tolist() for counts in array.pulse_counts())
    assert up == [most, 0, most, 0, 0, 0]
    assert down == [0, most, 0, most, 0, 0]


@interpreted
@pytest.mark.parametrize(
    ("writing", "sent"),
    [(None, 9), (CoincidenceTrains(), 0), (MeanCountTrains(), 0), (ImplicitTrains(), 0), (MixedPrecision(), 0)],
)
def test_an_infinite_request_by_every_way_of_writing(writing, sent):
    """Cells take their most pulses; what neither a train can carry nor an accumulator hold sends nothing, and does no harm."""
    cell = dataclasses.replace(PRESETS["ecram"].cells, most_pulses=9)
    array = make((2, 3), cell, W=np.zeros((2, 3)), writing=writing, weight_scale=1.0, columns=2)
    array.update([np.inf, -np.inf], np.ones(3))
    up, down = array.pulse_counts()
    assert up[0].tolist() == [[sent] * 3, [0] * 3]
    assert down[0].tolist() == [[0] * 3, [sent] * 3]
    array.update([0.1, 0.1], np.ones(3))
    assert np.isfinite(array.read()).all()
    assert (array.pulse_counts().up[0][1] > 0).all()


# ----------------------------------------------------------------------------------------------------------------------
# Against NumPy


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (7, 10), (20, 1)])
def test_ideal_operations(shape, gain):
    n, m = shape
    W, rng = matrix(n, m), np.random.default_rng(2)
    array = make(shape, weight=Devices(gains=GAINS[gain]))
    assert np.allclose(array.read(), W, **EXACT)
    x, y = rng.normal(size=(3, m)), rng.normal(size=(3, n))
    assert np.allclose(array.matvec(x), x @ W.T, **EXACT)
    assert np.allclose(array.matvec(x[0]), W @ x[0], **EXACT)
    assert np.allclose(array.rmatvec(y), y @ W, **EXACT)
    assert np.allclose(array.rmatvec(y[0]), W.T @ y[0], **EXACT)
    for rank in (1, 2, 3):
        update, change = outer(n, m, rank, rank)
        W = W + change
        if rank == 2:
            array.update(*update)
        else:
            assert np.allclose(array.sweep(x, *update), x @ W.T, **EXACT)
        assert np.allclose(array.read(), W, **EXACT)
    assert array.state.writes[0] == 3


@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_the_scale_is_that_of_weights(scale):
    """The same weights, changes and readings in weight units; what the cells hold differs by the scale."""
    a, b = make(weight_scale=scale), make()
    for columns in (1, 2, 3):
        update, _ = outer(7, 10, max(1, columns - 1))
        x = np.random.default_rng(5).normal(size=(columns, 10))
        assert np.allclose(a.state.cells.w * scale, b.state.cells.w, **EXACT)
        assert np.allclose(a.sweep(x, *update), b.sweep(x, *update), **EXACT)
        assert np.allclose(a.read(), b.read(), **EXACT)


def test_the_default_scale_puts_the_largest_weight_at_the_bound():
    W = matrix(30, 40)
    array = make((30, 40), Digital(bits=8, w_max=0.5), W=W)
    assert array.state.scale[0] == pytest.approx(np.abs(W).max() / 0.5)
    assert np.abs(array.read()).max() == pytest.approx(np.abs(W).max())
    assert make().state.scale[0] == 1
    assert make((1, 1), Digital(), W=[[-2.0]]).read() == pytest.approx(-2.0)
    assert make((2, 2), Digital(), W=np.zeros((2, 2))).read().tolist() == [[0, 0], [0, 0]]


# ----------------------------------------------------------------------------------------------------------------------
# Digital cells


@pytest.mark.parametrize("bits", [2, 5, 12, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_levels_are_symmetric_with_zero(bits, dtype):
    array = SynapseArray((400, 1), Digital(bits=bits, rounding="nearest"), dtype=dtype, weight_scale=1.0)
    array.program(np.linspace(-1, 1, 400)[:, None])
    top = 2 ** (bits - 1) - 1
    rng = np.random.default_rng(0)
    for _ in range(20):
        array.update(rng.normal(size=400), [1.0])
        levels = array.read()[:, 0].astype(np.float64) * top
        assert np.abs(levels - np.round(levels)).max() < 0.01  # no drift away from the levels
        assert np.abs(levels).max() < top + 0.01
    if bits == 2:
        assert set(np.round(levels)) == {-1, 0, 1}


def test_nearest_loses_small_changes_and_stochastic_keeps_their_mean():
    """A change of 0.3 steps, 100 times on each of 400 cells: lost, or right within 4 standard errors."""
    top, times, cells = 127, 100, 400
    lost, kept = (
        make((cells, 1), Digital(rounding=rounding), W=np.zeros((cells, 1)), weight_scale=1.0)
        for rounding in ("nearest", "stochastic")
    )
    for array in (lost, kept):
        for _ in range(times):
            array.update(np.full(cells, 0.3 / top), [1.0])
    assert not lost.read().any()
    levels = kept.read()[:, 0] * top
    error = np.sqrt(times * 0.3 * 0.7 / cells)  # of the mean of `cells` binomials
    assert abs(levels.mean() - 0.3 * times) < 4 * error
    assert levels.var() == pytest.approx(times * 0.3 * 0.7, rel=4 * np.sqrt(2 / cells))
    assert kept.state.cells.up[0, 0, :cells].tolist() == np.round(levels).astype(int).tolist()
    assert not kept.state.cells.down.any()


def test_rounding_is_keyed_by_seed_array_and_write():
    def after(times=1, **options):
        array = make(cell=Digital(), W=np.zeros((7, 10)), weight_scale=1.0, **options)
        for _ in range(times):
            array.update(np.full(7, 0.5 / 127), np.ones(10))
        return array.read()

    assert np.array_equal(after(), after())
    assert not np.array_equal(after(), after(seed=4))
    assert not np.array_equal(after(), after(number=1))
    assert not np.array_equal(after(), after(times=2) - after())


@pytest.mark.parametrize("gain", GAINS)
def test_digital_devices_share_a_change(gain):
    """Every device rounds its own share; the weight is right to the sum of their half steps."""
    gains, cell = np.array(GAINS[gain]), Digital(bits=10, rounding="nearest")
    array = make(cell=cell, weight=Devices(gains=tuple(gains)), weight_scale=1.0)
    step = np.abs(gains).sum() / 511
    assert np.abs(array.read() - matrix(7, 10)).max() <= 0.51 * step
    before, (update, change) = array.read(), outer(7, 10, 1)
    array.update(0.05 * update[0], *update[1:])
    assert np.abs(array.read() - before - 0.05 * change).max() <= 0.51 * step
    assert array.state.cells.up.shape[0] == len(gains)


# ----------------------------------------------------------------------------------------------------------------------
# One walk is like another, to the bit


@pytest.mark.parametrize("gain", ["single", "pair"])
@pytest.mark.parametrize(
    ("cell", "dtype"),
    [("ideal", np.float32), ("ideal", np.float64), ("nearest", np.float64), ("stochastic", np.float64)],
)
def test_a_sweep_is_a_write_then_a_read(cell, gain, dtype):
    x = np.random.default_rng(5).normal(size=(3, 10))
    for rank in (1, 2):
        update, _ = outer(7, 10, rank)
        for columns in (1, 2, 3):
            fused, apart = (make(cell=CELLS[cell], weight=Devices(gains=GAINS[gain]), dtype=dtype) for _ in range(2))
            together = fused.sweep(x[:columns], *update)
            apart.update(*update)
            assert together.tobytes() == apart.matvec(x[:columns]).tobytes()
            assert fused.read().tobytes() == apart.read().tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 10), (33, 12), (70, 71)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fused_walk_has_the_bits_of_the_row_walk(shape, dtype):
    """Two columns, one outer product: fused for ideal cells. Three columns, or any other cell, walk rows."""
    update, _ = outer(*shape, 1)
    x = np.random.default_rng(5).normal(size=(3, shape[1]))
    two, three, walked = make(shape, dtype=dtype), make(shape, dtype=dtype), make(shape, Walked(), dtype=dtype)
    found = two.sweep(x[:2], *update).tobytes()
    assert found == three.sweep(x, *update)[:2].tobytes() == walked.sweep(x[:2], *update).tobytes()
    assert two.read().tobytes() == three.read().tobytes() == walked.read().tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (16, 16), (37, 37)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fused_decorrelation_has_the_bits_of_the_row_walk(shape, dtype):
    def after(cell):
        array = make(shape, cell, dtype=dtype)
        pending = decorrelating(array, np.random.default_rng(6).normal(size=(1, shape[0])))
        acc = zeros((2, shape[0]), dtype)
        x = np.random.default_rng(5).normal(size=(2, shape[1]))
        array.kernel(decorrelation_change).sweep(array.record, record(pending), (), place(x, dtype), acc)
        assert not pending.active[0]
        return acc.tobytes(), array.state.cells.w.tobytes()

    assert after(Ideal()) == after(Walked())


def test_padding_stays_zero():
    for cell in CELLS.values():
        array = make((5, 6), cell, weight=Devices(gains=(1.0, -1.0)))
        update, _ = outer(5, 6, 2)
        for _ in range(3):
            array.sweep(np.ones((2, 6)), *update)
        assert array.state.cells.w.shape[2] == padded(5, np.float64) > 5
        assert not array.state.cells.w[:, :, 5:].any()


def decorrelating(array, xh, rate=0.05):
    """The pending update −ε offdiag(x̂ᵀx̂/B) D, as the online schedule leaves it."""
    pending = array.pending(len(xh), back=True)
    n, share = array.shape[0], rate / len(xh)
    pending.pre[:, :n], pending.post[:, :n] = xh, -share * xh
    pending.decay[:n] = share * np.sum(xh**2, axis=0)
    pending.reward[:], pending.active[0] = 1, 1
    return pending


@pytest.mark.parametrize("rows", [1, 3, BATCH, 20])
@pytest.mark.parametrize("gain", ["single", "pair"])
def test_decorrelation_step(rows, gain):
    D, xh = np.eye(9) + matrix(9, 9), np.random.default_rng(6).normal(size=(rows, 9))
    array = make((9, 9), W=D, weight=Devices(gains=GAINS[gain]), columns=rows)
    expected, x = D - 0.05 * naive.decorrelation_step(D, xh), np.ones((2, 9))
    acc = zeros((2, 9), np.float64)
    sweep = array.kernel(decorrelation_change, batch=rows >= BATCH).sweep
    sweep(array.record, record(decorrelating(array, xh)), (), place(x, np.float64), acc)
    assert np.allclose(array.read(), expected, **EXACT)
    assert np.allclose(acc[:, :9], x @ expected.T, **EXACT)


@pytest.mark.parametrize("shape", [(7, 10), (1, 30), (40, 1), (33, 65)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"weight_scale": 3.0}, {"weight": Devices(gains=(1.0, -1.0))}])
def test_a_batch_through_blas(options, shape, dtype):
    n, m = shape
    update, change = outer(n, m, 20)
    x = place(np.random.default_rng(5).normal(size=(40, m)), dtype)
    found = []
    for batch in (True, False):
        array = make(shape, dtype=dtype, columns=32, **options)  # more columns than needed
        pending, acc = array.pending(20), zeros((40, n), dtype)
        pending.post[:, :n], pending.pre[:, :m], pending.reward[:] = update
        pending.active[0] = 1
        array.kernel(rank_change, batch=batch).sweep(array.record, record(pending), (), x, acc)
        assert array.state.writes[0] == 1
        assert not pending.active[0]
        assert not acc[:, n:].any()
        found.append((array.read(), acc[:, :n]))
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    assert np.allclose(found[0][0], matrix(n, m) + change, atol=tolerance)
    for left, right in zip(*found, strict=True):
        assert np.allclose(left, right, atol=tolerance)


# ----------------------------------------------------------------------------------------------------------------------
# Sentences


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (((0, 3),), {}, "The 'shape' parameter of SynapseArray must be two positive sizes. Got (0, 3) instead."),
        (((2, 3),), {"dtype": "int32"}, "The 'dtype' parameter of SynapseArray must be float32 or float64. Got 'int32' instead."),
        (((2, 3),), {"weight_scale": 0}, "The 'weight_scale' parameter of SynapseArray must be positive. Got 0 instead."),
        (((2.5, 3),), {}, "The 'shape' parameter of SynapseArray must be two positive sizes. Got (2.5, 3) instead."),
        ((5,), {}, "The 'shape' parameter of SynapseArray must be two positive sizes. Got 5 instead."),
        (((2, 3),), {"dtype": "real"}, "The 'dtype' parameter of SynapseArray must be float32 or float64. Got 'real' instead."),
        (((2, 3),), {"weight_scale": "1"}, "The 'weight_scale' parameter of SynapseArray must be positive. Got '1' instead."),
        (((2, 3),), {"seed": -1}, "The 'seed' parameter of SynapseArray must be a whole number from 0 to 9223372036854775807."),
        (((2, 3),), {"seed": 1.5}, "The 'seed' parameter of SynapseArray must be a whole number from 0"),
        (((2, 3),), {"number": 256}, "The 'number' parameter of SynapseArray must be a whole number from 0 to 255. Got 256"),
        (((2, 3),), {"columns": 0}, "The 'columns' parameter of SynapseArray must be a whole number, 1 or more. Got 0 instead."),
        (((2, 3), "ecram"), {}, "The 'cells' parameter of SynapseArray must be a cell model, such as hw.Digital(bits=4)"),
        (((2, 3), Digital), {}, "The 'cells' parameter of SynapseArray must be a cell model"),
        (((2, 3), PRESETS["ecram"]), {}, "The 'cells' parameter of SynapseArray must be a cell model"),
        (((2, 3), None), {}, "The 'cells' parameter of SynapseArray must be a cell model"),
        (((2, 3),), {"time": Drift(nu=0.1)}, "The 'time' parameter of SynapseArray must be a hw.Ageing(), such as"),
        (((2, 3),), {"reading": 8}, "The 'reading' parameter of SynapseArray must be a hw.Reading() or None. Got 8 instead."),
        (((2, 3),), {"writing": "pulses"}, "The 'writing' parameter of SynapseArray must be a write scheme, such as"),
        (((2, 3),), {"programming": 0}, "The 'programming' parameter of SynapseArray must be a programming scheme, such as"),
        (((2, 3),), {"weight": "pair"}, "The 'weight' parameter of SynapseArray must be a mapping of devices to weights, such as"),
        (((2, 3),), {"costs": "pcm"}, "The 'costs' parameter of SynapseArray must be Costs, such as hw.COSTS['pcm'], or None."),
        (((2, 3),), {"weight": Devices(gains=(0.0, 0.0))}, "The 'gains' parameter of Devices must be finite factors, not all 0."),
        (((2, 3),), {"weight": Devices(gains=(2.0,))}, "The 'gains' parameter of Devices must be 1 for a single device"),
        (((2, 3), Digital(bits=1)), {}, "The 'bits' parameter of Digital must be a whole number from 2 to 16. Got 1 instead."),
        (((2, 3), Digital(bits=4.0)), {}, "The 'bits' parameter of Digital must be a whole number from 2 to 16. Got 4.0"),
        (((2, 3), Digital(rounding="up")), {}, "The 'rounding' parameter of Digital must be 'stochastic' or 'nearest'."),
        (((2, 3), Digital(w_max=-1)), {}, "The 'w_max' parameter of Digital must be positive. Got -1 instead."),
    ],
)  # fmt: skip
def test_what_cannot_be_built(arguments, options, sentence):
    with pytest.raises(ValueError) as error:
        SynapseArray(*arguments, **options)
    assert str(error.value).startswith(sentence)


def test_what_cannot_be_asked():
    array = make((2, 3))
    before = array.read()
    for call, sentence in [
        (lambda: array.program(np.ones((3, 2))), "The 'weights' parameter of program must have shape (2, 3). Got (3, 2)"),
        (lambda: array.program([[1, 2, np.nan], [1, 2, 3]]), "The 'weights' parameter of program must be finite."),
        (lambda: array.matvec(np.ones(2)), "The 'x' parameter of sweep must be rows of 3 numbers. Got shape (2,) instead."),
        (lambda: array.rmatvec(np.ones(3)), "The 'y' parameter of rmatvec must be rows of 2 numbers. Got shape (3,)"),
        (lambda: array.update(np.ones(3), np.ones(3)), "The 'post' parameter of sweep must be rows of 2 numbers. Got shape (3,)"),
        (lambda: array.update(np.ones(2), np.ones(1)), "The 'pre' parameter of sweep must be rows of 3 numbers. Got shape (1,)"),
        (lambda: array.update(np.ones(2), np.ones(3), reward=[1.0, 2.0]), "The 'reward' parameter of sweep must be a number, or 1 of them, one per"),
        (lambda: array.update(np.ones(2), np.ones(3), reward="much"), "The 'reward' parameter of sweep must be a number, or 1"),
        (lambda: array.update(np.ones((2, 2)), np.ones(3)), "The 'pre' parameter of sweep must have as many rows as 'post', 2. Got 1"),
    ]:  # fmt: skip
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).startswith(sentence)
    assert np.array_equal(array.read(), before)


# ----------------------------------------------------------------------------------------------------------------------
# Nothing, and too much: no rows, no columns, no axis, three axes

READINGS = {
    "exactly": None,
    "converters": Reading(dac=Converter(bits=7), adc=Converter(bits=9, bound=12.0), output_noise_std=0.06),
}
ONCE = {"programming": PCMLike()}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_an_update_of_no_rows_writes_nothing(cell, reading):
    array = make((2, 3), CELLS[cell], W=[[1, 2, 3], [4, 5, 6]], weight_scale=6.0, reading=READINGS[reading], columns=2)
    before = array.read()
    array.update(np.zeros((0, 2)), np.zeros((0, 3)))
    array.update(np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0))
    assert array.sweep(None, np.zeros((0, 2)), np.zeros((0, 3))) is None
    for columns in (1, 2):
        assert array.sweep(np.ones((columns, 3)), np.zeros((0, 2)), np.zeros((0, 3))).shape == (columns, 2)
    assert array.read().tobytes() == before.tobytes()
    assert array.state.writes[0] == 0


@interpreted
@pytest.mark.parametrize("writing", [CoincidenceTrains(), MeanCountTrains(), ImplicitTrains(), MixedPrecision()])
@pytest.mark.parametrize("weight", [None, OneSidedPair(), Devices(gains=(1.0, -1.0))])
def test_no_rows_by_every_way_of_writing(writing, weight):
    array = make((2, 3), PRESETS["ecram"].cells, weight=weight, writing=writing, track=True)
    before = array.read()
    array.update(np.zeros((0, 2)), np.zeros((0, 3)))
    assert array.read().tobytes() == before.tobytes()
    assert not any(counts.any() for counts in array.pulse_counts())


@pytest.mark.parametrize(
    "options", [{"reading": READINGS["converters"]}, {}, ONCE, {**ONCE, "reading": READINGS["converters"]}]
)
def test_a_read_of_no_columns_is_of_no_columns(options):
    array, twin = (make((2, 3), **options) for _ in range(2))
    assert array.matvec(np.zeros((0, 3))).shape == (0, 2)
    assert array.rmatvec(np.zeros((0, 2))).shape == (0, 3)
    assert array.sweep(np.zeros((0, 3)), [0.0, 0.0], [0.0, 0.0, 0.0]).shape == (0, 2)
    assert (array.state.reads[0], array.state.columns[0], array.state.back_reads[0]) == (0, 0, 0)
    twin.sweep(None, [0.0, 0.0], [0.0, 0.0, 0.0])
    assert (
        array.matvec([1, 2, 3]).tobytes() == twin.matvec([1, 2, 3]).tobytes()
    )  # the draws are those of the first read
    assert array.rmatvec([1, 2]).tobytes() == twin.rmatvec([1, 2]).tobytes()


def test_rows_without_number_go_along_the_other_side():
    """More than have draws of their own: in parts, like as many reads."""
    array, twin = (make((1, 1), W=[[1.0]], reading=READINGS["converters"]) for _ in range(2))
    y = np.full((MOST_ROWS + 3, 1), 0.5)
    parts = twin.rmatvec(y[:MOST_ROWS]), twin.rmatvec(y[MOST_ROWS:])
    assert array.rmatvec(y).tobytes() == np.concatenate(parts).tobytes()


WRONG = {
    "no axis": 1.0, "nothing": [], "three axes": np.zeros((1, 1, 3)), "one short": [1.0, 2.0, 3.0, 4.0], "none": None,
    "text": ["a", "b", "c"], "complex": [1j, 0, 0], "ragged": [[1.0, 2.0], [1.0]], "objects": np.array([None, 1, 2]),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_row_is_refused_by_its_own_name(wrong):
    array, value = make((3, 3)), WRONG[wrong]
    calls = {
        ("x", "sweep"): lambda: array.matvec(value), ("y", "rmatvec"): lambda: array.rmatvec(value),
        ("post", "sweep"): lambda: array.update(value, np.ones(3)), ("pre", "sweep"): lambda: array.update(np.ones(3), value),
        ("weights", "program"): lambda: array.program(value),
        ("pulses", "pulse"): lambda: make((3, 3), Digital()).pulse(value),
    }  # fmt: skip
    if wrong not in ("no axis", "none"):
        calls["reward", "sweep"] = lambda: array.update(np.ones(3), np.ones(3), value)
    for (name, verb), call in calls.items():
        with pytest.raises(ParameterError) as error:
            call()
        assert (error.value.name, error.value.owner) == (name, verb)
    assert array.read().tobytes() == make((3, 3)).read().tobytes()


@pytest.mark.parametrize(
    "pulses", [70000, np.iinfo(np.int64).min, np.array(2**63, np.uint64), True, 1.0, np.zeros((0, 3), int)]
)
def test_pulses_without_number(pulses):
    array = make((2, 3), CELLS["nearest"])
    with pytest.raises(ParameterError, match="The 'pulses' parameter of pulse must be whole numbers up to 65535"):
        array.pulse(pulses)


@pytest.mark.parametrize("rank", [0, -1, 1.5, None])
def test_a_pending_update_has_a_row(rank):
    with pytest.raises(ParameterError, match=r"The \'rank\' parameter of pending must be a whole number, 1 or more."):
        make().pending(rank)


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3), (0, 3), (3, 0), 3, None])
def test_hardware_makes_arrays_of_two_sizes(shape):
    with pytest.raises(ParameterError, match=r"The \'shape\' parameter of SynapseArray must be two positive sizes."):
        Hardware().array(shape)
