"""Column reads in compiled loops: what `rmatvec` reads, draws included; off to the bit; counted; in the update that needs them."""

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.crossbar.column_reads import make_column_read
from hardware_models.crossbar.fused import decorrelation_change
from hardware_models.crossbar.sweep import make_combine
from hardware_models.numerics.blas import BATCH
from hardware_models.numerics.memory import place, zeros
from hardware_models.numerics.record import record

pytestmark = pytest.mark.kernels
N, M, SEED = 5, 7, 3
EXACT = {"rtol": 0, "atol": 1e-12}
EVERYTHING = hw.Reading(
    dac=hw.Converter(bits=5, bound=1.0), adc=hw.Converter(bits=6, bound=1.5, rounding="stochastic"), scaling=hw.AbsMax(),
    bound_management=hw.Iterative(most=3), input_noise_std=0.05, output_noise_std=0.02, gain_std=0.1, offset_std=0.05, compression=0.02,
)  # fmt: skip
READINGS = {
    "constant": hw.Reading(weight_noise=hw.ConstantReadNoise(std=0.2)),
    "root": hw.Reading(weight_noise=hw.RootReadNoise(std=0.2)),
    "proportional": hw.Reading(weight_noise=hw.ProportionalReadNoise(std=0.2)),
    "everything": EVERYTHING,
}
CELLS = {
    "ideal": {},
    "pair": {"weight": hw.DifferentialPair()},
    "slow": {"time": hw.Ageing(slow=hw.SlowNoise(sources=(hw.OrnsteinUhlenbeck(std=0.1, tau=3.0),)))},
}


def make(reading, shape=(N, M), columns=4, **options):
    array = hw.SynapseArray(
        shape, reading=reading, columns=columns, dtype=np.float64, seed=SEED, weight_scale=1.5, **options
    )
    array.program(np.random.default_rng(0).normal(size=shape))
    return array


def columns_of(array, x):
    """The compiled column read, in weight units."""
    slow = array.state.cells.slow.size > 1
    combine = make_combine(slow) if slow or len(array.state.gain) > 1 else None
    read = make_column_read(array.stages.back, combine, array.is_ideal, slow, "float64")
    v = zeros((len(x), array.shape[1]), np.float64)
    read(array.record, place(x, np.float64), v)
    return v[:, : array.shape[1]]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("cells", CELLS)
def test_it_reads_what_rmatvec_reads(reading, cells):
    one, other = (make(READINGS[reading], **CELLS[cells]) for _ in range(2))
    x = np.random.default_rng(1).normal(size=(3, N))
    for _ in range(2):
        assert np.allclose(columns_of(one, x), other.rmatvec(x), **EXACT)
        for array in (one, other):
            array.matvec(np.ones(M))  # slow noise moves on
    assert not np.allclose(one.rmatvec(x), x @ one.read(), atol=1e-3)
    assert (one.state.back_reads[0], one.state.reads[0]) == (9, 2)


def test_repeated_reads_are_counted():
    one, other = make(EVERYTHING), make(EVERYTHING)
    x = 5 * np.random.default_rng(1).normal(size=(3, N))
    columns_of(one, x)
    other.rmatvec(x)
    assert one.state.reading.rereads[0] == other.state.reading.rereads[0] > 0
    square = make(READINGS["everything"], (N, N))
    columns_of(square, x)
    counts = square.ledger().counts
    assert counts["inputs"] == counts["outputs"] == (3 + counts["rereads"]) * N > 3 * N


def test_more_rows_than_there_is_space_for_are_read_in_parts():
    one, other = make(EVERYTHING, columns=4), make(EVERYTHING, columns=4)
    x = np.random.default_rng(1).normal(size=(9, N))
    found = columns_of(one, x)
    expected = [other.rmatvec(x[k : k + 4]) for k in (0, 4, 8)]
    assert np.allclose(found, np.concatenate(expected), **EXACT)


def decorrelating(array, xh, rate=0.05):
    pending, (n, _), share = array.pending(len(xh), back=True), array.shape, rate / len(xh)
    pending.pre[:, :n], pending.post[:, :n] = xh, -share * xh
    pending.decay[:n] = share * np.sum(xh**2, axis=0)
    pending.reward[:], pending.active[0] = 1, 1
    return pending


def after_update(array, xh):
    acc = zeros((2, N), array.dtype)
    x = place(np.ones((2, N)), array.dtype)
    sweep = array.kernel(decorrelation_change, batch=len(xh) >= BATCH).sweep
    sweep(array.record, record(decorrelating(array, xh)), (), x, acc)
    return array.read(), acc[:, :N]


@pytest.mark.parametrize("rows", [1, 3, BATCH])
@pytest.mark.parametrize("cells", ["ideal", "pair"])
def test_an_update_reads_its_columns_through_the_converters(rows, cells):
    xh = np.random.default_rng(2).normal(size=(rows, N))
    one, other = (make(EVERYTHING, (N, N), columns=BATCH, **CELLS[cells]) for _ in range(2))
    D, v = other.read(), other.rmatvec(xh)
    share = 0.05 / rows
    expected = D - share * np.einsum("ri,rj->ij", xh, v) + share * np.sum(xh**2, axis=0)[:, None] * D
    assert np.allclose(after_update(one, xh)[0], expected, **EXACT)
    assert one.state.back_reads[0] == rows
    assert one.state.writes[0] == 1


@pytest.mark.parametrize("rows", [1, 3, BATCH])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_reading_without_anything_has_the_bits_of_none(rows, dtype):
    def after(reading):
        array = hw.SynapseArray((N, N), reading=reading, columns=BATCH, dtype=dtype, seed=SEED)
        array.program(np.eye(N) + 0.1 * np.random.default_rng(0).normal(size=(N, N)))
        return [found.tobytes() for found in after_update(array, np.random.default_rng(2).normal(size=(rows, N)))]

    assert after(hw.Reading()) == after(None)


def test_an_update_needs_space_for_its_column_reads():
    array = make(EVERYTHING, (N, N), columns=2)
    with pytest.raises(
        hw.ParameterError,
        match="'columns' parameter of SynapseArray must be at least the 3 rows of an update for Reading",
    ):
        array.pending(3, back=True)


def test_copies_and_files_leave_the_lines_to_the_chip(tmp_path):
    one = make(EVERYTHING)
    x = np.random.default_rng(1).normal(size=(3, N))
    columns_of(one, x)
    again = hw.SynapseArray.load(one.save(tmp_path / "one.nc"))
    assert np.array_equal(columns_of(again, x), columns_of(one, x))
