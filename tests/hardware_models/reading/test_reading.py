"""Reading, transcribed slowly with its own draws; alone and together; off to the bit; in distribution; again where it saturates."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.array import SynapseArray
from hardware_models.crossbar.weights import Devices
from hardware_models.devices import Digital, Ideal
from hardware_models.numerics import memory, random
from hardware_models.numerics.record import record
from hardware_models.reading import wiring
from hardware_models.reading.converters import AbsMax, Clip, Converter, Iterative, Scaled
from hardware_models.reading.reading import ConstantReadNoise, ProportionalReadNoise, Reading, RootReadNoise
from hardware_models.reading.wiring import Wires

pytestmark = pytest.mark.kernels
N, M, SEED, NUMBER = 5, 6, 3, 2
SIDE = 1 << 28
EXACT = {"rtol": 0, "atol": 1e-13}
WIRES = Wires(word_resistance=30.0, bit_resistance=50.0, conductance=1e-4, driver="right", sense="top")
STOCHASTIC = {"rounding": "stochastic"}

# what a reading may have, each field alone a source
SOURCES = {
    "input": {"input_noise_std": 0.1},
    "constant": {"weight_noise": ConstantReadNoise(std=0.2)},
    "root": {"weight_noise": RootReadNoise(std=0.2)},
    "proportional": {"weight_noise": ProportionalReadNoise(std=0.2)},
    "output": {"output_noise_std": 0.3},
    "gain": {"gain_std": 0.2},
    "offset": {"offset_std": 0.4},
    "wires": {"wires": WIRES},
    "dac": {"dac": Converter(bits=4, bound=2.0)},
    "dac, stochastic": {"dac": Converter(bits=4, bound=2.0, **STOCHASTIC)},
    "adc": {"adc": Converter(bits=6, bound=4.0)},
    "adc, stochastic": {"adc": Converter(bits=6, bound=4.0, **STOCHASTIC)},
    "clipped": {"adc": Clip(bound=0.5)},
    "largest": {"scaling": AbsMax()},
    "scaled": {"scaling": Scaled(divisor=0.3)},
}
EVERYTHING = SOURCES["input"] | SOURCES["proportional"] | SOURCES["output"] | SOURCES["gain"] | SOURCES["offset"]
EVERYTHING |= SOURCES["wires"] | SOURCES["dac, stochastic"] | SOURCES["adc, stochastic"] | SOURCES["largest"]


def matrix(n=N, m=M, seed=0):
    return np.random.default_rng(seed).normal(size=(n, m))


def inputs(K=2, m=M, seed=1):
    return np.random.default_rng(seed).normal(size=(K, m))


def make(reading=None, *, W=None, cell=Ideal(), **options):  # noqa: B008
    W = matrix() if W is None else np.asarray(W, float)
    options = {"dtype": np.float64, "seed": SEED, "number": NUMBER, "columns": 3, "weight_scale": 1.0, **options}
    array = SynapseArray(W.shape, cell, reading=reading, **options)
    array.program(W)
    return array


# ----------------------------------------------------------------------------------------------------------------------
# A transcription


def rounded(converter, v, u):
    if converter is None:
        return v
    if isinstance(converter, Clip):
        return np.clip(v, -converter.bound, converter.bound)
    top = 2 ** (converter.bits - 1) - 1
    level = v / (converter.bound / top)
    level = np.floor(level + u) if converter.rounding == "stochastic" else np.round(level)
    return np.clip(level, -top, top) * (converter.bound / top)


def transcribed(r: Reading, w, gains, x, sweep, side=0):
    """One column k = 0, 1, … at a time, with the draws that belong there; w (d, m, n), what it gives in device units."""
    _, m, n = w.shape

    def draw(fill, stream, k, repetition, source, size):
        out, row = np.empty(size), k + (repetition << 16) + (source << 24) + side
        fill(SEED, random.stream(stream, NUMBER), sweep, row, out)
        return out

    normal = lambda *address: draw(random.fill_normal, random.Stream.READ, *address)  # noqa: E731
    uniform = lambda *address: draw(random.fill_uniform, random.Stream.CONVERT, *address)  # noqa: E731
    chip = [random.normal(SEED, random.stream(random.Stream.CHIP, NUMBER), s, (2, n), np.float64) for s in (64, 65)]
    gain, offset = 1 + r.gain_std * chip[0][int(side > 0)], r.offset_std * chip[1][int(side > 0)]
    out, rereads = [], 0
    for k, column in enumerate(x):
        alpha = np.abs(column).max() if isinstance(r.scaling, AbsMax) else r.scaling.divisor if r.scaling else 1.0
        for repetition in itertools.count():
            v = column / (alpha * 2**repetition)
            v = rounded(r.dac, v, uniform(k, repetition, 0, m))
            v = v + r.input_noise_std * normal(k, repetition, 0, m)
            y = np.einsum("k,kji,j->i", gains, w, v)
            if r.wires is not None:
                y = wiring.fast_read(w, v, r.wires, gains)
            if r.weight_noise is not None:
                power = {ConstantReadNoise: 0, RootReadNoise: 1, ProportionalReadNoise: 2}[type(r.weight_noise)]
                size = np.sqrt(np.einsum("k,kji,j->i", np.square(gains), np.abs(w) ** power, v**2))
                y = y + r.weight_noise.std * size * normal(k, repetition, 1, n)
            y = gain * y + offset
            y = y + r.output_noise_std * normal(k, repetition, 2, n)
            y = rounded(r.adc, y, uniform(k, repetition, 1, n))
            again = r.bound_management is not None and repetition < r.bound_management.most
            if not (again and np.abs(y).max() >= r.adc.bound * (1 - 1e-12)):
                break
            rereads += 1
        out.append(alpha * 2**repetition * y)
    return np.array(out), rereads


def check_against_transcription(reading, *, gains=(1.0,), sweeps=2, K=2):
    array = make(reading, weight=Devices(gains=gains), W=matrix() / 2)
    w, x = array.state.cells.w[:, :, :N].copy(), inputs(K)
    total = 0
    for sweep in range(sweeps):
        expected, rereads = transcribed(reading, w, gains, x, sweep)
        assert np.allclose(array.matvec(x), expected, **EXACT)
        total += rereads
    assert array.state.reads[0] == sweeps
    assert array.state.columns[0] == sweeps * K
    assert array.state.reading.rereads[0] == total
    return total


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_alone(source):
    """Every draw is where it is when it is the only one: with the next test, switching one on changes no other."""
    check_against_transcription(Reading(**SOURCES[source]))


@pytest.mark.parametrize("gains", [(1.0,), (1.0, -1.0), (2.0, 0.5, -1.0)])
def test_all_sources_together(gains):
    check_against_transcription(Reading(**EVERYTHING), gains=gains)
    check_against_transcription(Reading(**EVERYTHING | SOURCES["root"]), gains=gains, sweeps=1)
    check_against_transcription(Reading(**EVERYTHING | SOURCES["constant"]), gains=gains, sweeps=1)


@pytest.mark.parametrize("left_out", EVERYTHING)
def test_all_sources_but_one(left_out):
    check_against_transcription(Reading(**{k: v for k, v in EVERYTHING.items() if k != left_out}), sweeps=1)


def test_repeated_reads_draw_anew():
    reading = Reading(**EVERYTHING | {"adc": Converter(bits=6, bound=0.5), "bound_management": Iterative(most=3)})
    assert check_against_transcription(reading, K=3) > 3
    clipped = Reading(adc=Clip(bound=0.4), output_noise_std=0.1, bound_management=Iterative(most=8))
    assert check_against_transcription(clipped, K=3) > 3


def test_reads_from_the_other_side():
    """Drivers, converters, noise and lines of their own; the sums are those of the transpose."""
    for name, source in (SOURCES | {"everything": EVERYTHING}).items():
        reading = Reading(**source, bound_management=Iterative(most=2) if "adc" in source else None)
        array, y = make(reading), inputs(3, N)
        w = array.state.cells.w[:, :, :N]
        seen = wiring.fast_read(w, np.eye(M), WIRES)[None] if reading.wires else w
        alone = dataclasses.replace(reading, wires=None)
        noise = (
            reading.weight_noise if isinstance(reading.weight_noise, ConstantReadNoise) or not reading.wires else None
        )
        if reading.weight_noise is not noise:
            continue  # noise belongs to cells, not to what wires leave of them: the transcription has one w only
        for k in range(2):
            assert array.state.back_reads[0] == 3 * k
            expected, _ = transcribed(alone, np.swapaxes(seen, 1, 2), (1.0,), y, 3 * k, SIDE)
            assert np.allclose(array.rmatvec(y), expected, rtol=0, atol=1e-12), name
        assert array.state.reads[0] == 0


def test_both_sides_see_the_same_wires():
    array = make(Reading(wires=WIRES))
    assert np.allclose(array.rmatvec(np.eye(N)), array.matvec(np.eye(M)).T, **EXACT)
    assert not np.allclose(array.rmatvec(np.eye(N)), matrix(), rtol=0.01)


# ----------------------------------------------------------------------------------------------------------------------
# By hand


def test_bound_management_by_hand():
    """Levels −3 … 3 of size 1/12: x = 1, ½, ¼ end at the bound; 1/8 is read as 2/12, and 8 · 2/12 = 4/3."""
    adc = Converter(bits=3, bound=0.25)
    array = make(Reading(adc=adc, bound_management=Iterative(most=10)), W=[[1.0]])
    assert array.matvec([1.0])[0] == pytest.approx(4 / 3, rel=1e-14)
    assert array.state.reading.rereads[0] == 3
    assert (array.state.reads[0], array.state.columns[0]) == (1, 1)
    stopped = make(Reading(adc=adc, bound_management=Iterative(most=2)), W=[[1.0]])
    assert stopped.matvec([1.0])[0] == 1  # 4 · ¼
    assert stopped.state.reading.rereads[0] == 2
    assert make(Reading(adc=adc), W=[[1.0]]).matvec([1.0])[0] == 0.25


def test_a_column_is_not_moved_by_another_that_saturates():
    reading = Reading(adc=Converter(bits=8, bound=3.0), output_noise_std=0.1, dac=Converter(bits=6, bound=30.0))
    managed = dataclasses.replace(reading, bound_management=Iterative())
    x = np.stack([0.1 * inputs(1)[0], 20 * inputs(1)[0]])
    single, both = make(reading), make(managed)
    first = single.matvec(x)
    second = both.matvec(x)
    assert both.state.reading.rereads[0] > 0
    assert first[0].tobytes() == second[0].tobytes()
    assert np.abs(first[1]).max() <= 3 < np.abs(second[1]).max()


def test_a_probe_is_seen_by_repeated_reads():
    """A read that shifts weights keeps doing so when a column is read again."""

    @hw.kernel
    def doubled(array, probe, j, w, x, acc):
        for k in range(x.shape[0]):
            for i in range(acc.shape[1]):
                acc[k, i] += 2 * w[i] * x[k, j]

    array = make(Reading(adc=Clip(bound=0.01), bound_management=Iterative(most=60)))
    sweep, x, acc = (
        array.kernel(read_row=doubled).sweep,
        memory.place(inputs(), np.float64),
        memory.zeros((2, N), np.float64),
    )
    sweep(array.record, record(array.pending(1)), (), x, acc)
    assert np.allclose(acc[:, :N], 2 * inputs() @ matrix().T, rtol=1e-13)


def test_a_write_happens_once():
    """Repeated reads do not write the pending update again."""
    array, plain = make(Reading(adc=Clip(bound=0.1), bound_management=Iterative(most=60))), make()
    post, pre = inputs(1, N), inputs(1, M, 4)
    assert np.allclose(array.sweep(inputs(), post, pre), plain.sweep(inputs(), post, pre), **EXACT)
    assert np.array_equal(array.read(), plain.read())
    assert array.state.reading.rereads[0] > 2
    assert array.state.writes[0] == 1


@pytest.mark.parametrize("scaling", [AbsMax(), Scaled(divisor=4.0)])
def test_scaling_makes_the_most_of_a_dac(scaling):
    """0 … 3 with a DAC of 2 bits on ±1: levels −1, 0, 1 times what the inputs were divided by."""
    array = make(Reading(dac=Converter(bits=2, bound=1.0), scaling=scaling), W=np.eye(4))
    top = 3.0 if isinstance(scaling, AbsMax) else 4.0
    expected = [0, 0, top, top] if isinstance(scaling, AbsMax) else [0, 0, 0, top]
    assert array.matvec([0.0, 1.0, 2.0, 3.0]).tolist() == expected


def test_nothing_driven_reads_nothing():
    """A column of zeros has no largest magnitude; scaled by 0, its noise is gone too, as it is in the limit."""
    array = make(Reading(scaling=AbsMax(), output_noise_std=1.0, dac=Converter(), adc=Converter()))
    assert not array.matvec(np.zeros((2, M))).any()


def test_noise_is_in_device_units():
    """What is read, noise included, is multiplied by the scale of the weights."""
    reading, W = Reading(output_noise_std=0.1, offset_std=0.3, weight_noise=ConstantReadNoise(std=0.1)), matrix()
    small, large = make(reading, W=W), make(reading, W=5 * W, weight_scale=5.0)
    assert np.allclose(large.matvec(inputs()), 5 * small.matvec(inputs()), **EXACT)


def test_divergence_stays_visible():
    x = inputs()
    x[1, 2] = np.nan
    y = make(Reading(**EVERYTHING | {"bound_management": Iterative()})).matvec(x)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[0]).all()


# ----------------------------------------------------------------------------------------------------------------------
# Off means strength zero, to the bit

ZERO = Reading(
    input_noise_std=0.0, weight_noise=ProportionalReadNoise(std=0.0), output_noise_std=0.0, gain_std=0.0, offset_std=0.0,
    wires=Wires(word_resistance=0.0, bit_resistance=0.0), scaling=Scaled(divisor=1.0), adc=Clip(bound=np.inf),
    dac=Clip(bound=np.inf), bound_management=Iterative(),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::hardware_models.HardwareWarning")
@pytest.mark.parametrize(
    ("cell", "gains", "dtype"),
    [(Ideal(), (1.0,), np.float32), (Ideal(), (1.0, -1.0), np.float64), (Digital(bits=6), (1.0,), np.float64)],
)
def test_off_is_ideal_to_the_bit(cell, gains, dtype):
    found = []
    for reading in (None, Reading(), ZERO):
        array = make(reading, cell=cell, dtype=dtype, weight=Devices(gains=gains))
        reads = [array.matvec(inputs(K)) for K in (1, 2, 3)]
        reads += [array.sweep(inputs(2), inputs(1, N), inputs(1, M, 4)), array.rmatvec(inputs(2, N))]
        reads += [array.sweep(inputs(3), inputs(2, N), inputs(2, M, 4)), array.read()]
        assert all(read.dtype == dtype for read in reads)
        found.append([read.tobytes() for read in reads])
    assert found[0] == found[1] == found[2]


def test_off_is_ideal_to_the_bit_by_blas():
    """A batch that is written and read by matrix products."""
    found = []
    for reading in (None, ZERO):
        array, acc = make(reading, columns=20, dtype=np.float32), memory.zeros((20, N), np.float32)
        pending = array.pending(20)
        pending.post[:, :N], pending.pre[:, :M], pending.reward[:] = inputs(20, N), inputs(20, M, 4), 1
        pending.active[0] = 1
        array.kernel(batch=True).sweep(array.record, record(pending), (), memory.place(inputs(20), np.float32), acc)
        found.append((acc.tobytes(), array.read().tobytes()))
    assert found[0] == found[1]


def test_reads_are_keyed_by_seed_array_sweep_and_column():
    reading = Reading(output_noise_std=0.1)
    x = np.tile(inputs(1), (2, 1))

    def after(sweeps=1, **options):
        array = make(reading, **options)
        for _ in range(sweeps):
            y = array.matvec(x)
        return y

    assert np.array_equal(after(), after())
    assert not np.isclose(after(), after(seed=4)).any()
    assert not np.isclose(after(), after(number=1)).any()
    assert not np.isclose(after(), after(2)).any()
    assert not np.isclose(after()[0], after()[1]).any()
    assert np.array_equal(after(2), after(2))


def test_lines_belong_to_the_chip():
    """Gain and offset are the same for every read and column, and differ between chips and sides."""
    reading = Reading(gain_std=0.1, offset_std=0.2)
    array, x = make(reading), np.tile(inputs(1), (2, 1))
    y = array.matvec(x)
    assert np.array_equal(y[0], y[1])
    assert np.array_equal(y, array.matvec(x))
    assert not np.isclose(y, make(reading, seed=9).matvec(x)).any()
    square = make(reading, W=np.eye(4))
    assert not np.isclose(square.matvec(np.ones(4)), square.rmatvec(np.ones(4))).any()


def test_more_columns_than_there_is_room_for():
    """They are read one sweep after another; a compiled loop that asks for too many is refused."""
    array, x = make(Reading(output_noise_std=0.1)), inputs(7)
    blocks = make(Reading(output_noise_std=0.1))
    expected = np.concatenate([blocks.matvec(x[k : k + 3]) for k in (0, 3, 6)])
    assert np.array_equal(array.matvec(x), expected)
    assert (array.state.reads[0], array.state.columns[0]) == (3, 7)
    acc = memory.zeros((7, N), np.float64)
    with pytest.raises(ValueError, match="a sweep of more columns than the 'columns' parameter"):
        array.kernel().sweep(array.record, record(array.pending(1)), (), memory.place(x, np.float64), acc)


def test_padding_stays_zero():
    array = make(Reading(**EVERYTHING | {"bound_management": Iterative()}))
    x, acc = memory.place(inputs(), np.float64), memory.zeros((2, N), np.float64)
    array.kernel().sweep(array.record, record(array.pending(1)), (), x, acc)
    assert acc.shape[1] > N
    assert acc[:, :N].any()
    assert not acc[:, N:].any()
    assert not array.state.reading.scratch.x[:, M:].any()


# ----------------------------------------------------------------------------------------------------------------------
# In distribution

READS = 4000


@pytest.mark.parametrize("noise", [ConstantReadNoise(std=0.3), RootReadNoise(std=0.3), ProportionalReadNoise(std=0.3)])
@pytest.mark.parametrize("gains", [(1.0,), (2.0, -1.0)])
def test_weight_noise_is_that_of_noisy_weights(noise, gains):
    """Variance of every output against new noise on every weight of every read: 4 standard errors of both samples."""
    W, x = matrix(2, 4), inputs(1, 4)[0]
    array = make(Reading(weight_noise=noise), W=W, weight=Devices(gains=gains), columns=READS)
    w = array.state.cells.w[:, :, :2]
    found = array.matvec(np.tile(x, (READS, 1)))
    size = np.abs(w) ** (noise.power / 2)
    xi = np.random.default_rng(5).normal(size=(READS, *w.shape))
    brute = np.einsum("k,rkji,j->ri", gains, w + noise.std * size * xi, x)
    assert np.allclose(found.var(axis=0) / brute.var(axis=0), 1, rtol=0, atol=4 * np.sqrt(4 / READS))
    assert (np.abs(found.mean(axis=0) - W @ x) < 4 * np.sqrt(brute.var(axis=0) / READS)).all()
    covariance = np.corrcoef(found.T)[0, 1]
    assert abs(covariance) < 4 / np.sqrt(READS)


def test_input_and_output_noise():
    """var y = σ_in² Σ_j w_ij² + σ_out²; input noise is common to outputs."""
    W, x = matrix(2, 4), inputs(1, 4)[0]
    array = make(Reading(input_noise_std=0.2, output_noise_std=0.3), W=W, columns=READS)
    found = np.cov(array.matvec(np.tile(x, (READS, 1))).T)
    expected = 0.2**2 * W @ W.T + 0.3**2 * np.eye(2)
    error = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / READS)  # of a covariance
    assert (np.abs(found - expected) < 4 * error).all()


def test_spread_of_lines():
    """Standard deviations of gains and offsets of 4000 lines."""
    W = np.ones((READS, 1))
    array = make(Reading(gain_std=0.05, offset_std=0.2), W=W)
    offset = array.matvec([0.0])
    gain = array.matvec([1.0]) - offset
    for values, mean, std in ((offset, 0, 0.2), (gain, 1, 0.05)):
        assert abs(values.mean() - mean) < 4 * std / np.sqrt(READS)
        assert abs(values.std() / std - 1) < 4 / np.sqrt(2 * READS)
    assert abs(np.corrcoef(gain, offset)[0, 1]) < 4 / np.sqrt(READS)


def test_stochastic_converters_are_right_in_the_mean():
    """The mean of many reads is the ideal one, though each is off by up to a level."""
    W, x = matrix(2, 4), inputs(1, 4)[0] / 3
    dac, adc = Converter(bits=3, bound=1.0, **STOCHASTIC), Converter(bits=4, bound=5.0, **STOCHASTIC)
    found = make(Reading(dac=dac, adc=adc), W=W, columns=READS).matvec(np.tile(x, (READS, 1)))
    assert (np.abs(found - W @ x).max(axis=0) > 0.5).all()
    assert (np.abs(found.mean(axis=0) - W @ x) < 4 * found.std(axis=0) / np.sqrt(READS)).all()


# ----------------------------------------------------------------------------------------------------------------------
# With the rest, and sentences


def test_reading_composes_with_hardware():
    reading = Reading(output_noise_std=0.1)
    array = hw.Hardware(cells=Digital(bits=5), reading=reading).array((N, M), dtype=np.float64, seed=1, columns=2)
    array.program(matrix())
    assert not np.isclose(array.matvec(inputs()), inputs() @ array.read().T).any()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"input_noise_std": -0.1}, "The 'input_noise_std' parameter of Reading must be 0 or more. Got -0.1 instead."),
        ({"output_noise_std": np.nan}, "The 'output_noise_std' parameter of Reading must be 0 or more. Got nan instead."),
        ({"gain_std": np.inf}, "The 'gain_std' parameter of Reading must be 0 or more. Got inf instead."),
        ({"offset_std": -1}, "The 'offset_std' parameter of Reading must be 0 or more. Got -1 instead."),
        ({"weight_noise": RootReadNoise(std=-1)}, "The 'std' parameter of RootReadNoise must be 0 or more. Got -1 instead."),
        ({"weight_noise": 0.1}, "The 'weight_noise' parameter of Reading must be None or one of ConstantReadNoise, RootReadNoise,"),
        ({"adc": 8}, "The 'adc' parameter of Reading must be None or one of Converter, Clip. Got 8 instead."),
        ({"adc": Converter(bound=0)}, "The 'bound' parameter of Converter must be positive. Got 0 instead."),
        ({"dac": Converter(bits=1)}, "The 'bits' parameter of Converter must be from 2 to 24. Got 1 instead."),
        ({"wires": Wires(driver="x")}, "The 'driver' parameter of Wires must be 'left', 'right' or 'both'. Got 'x' instead."),
        ({"bound_management": Iterative()}, "The 'bound_management' parameter of Reading must be None without an adc"),
        ({"compression": -0.1}, "The 'compression' parameter of Reading must be 0 or more. Got -0.1 instead."),
        ({"scaling": Scaled(divisor=-1)}, "The 'divisor' parameter of Scaled must be positive. Got -1 instead."),
    ],
)  # fmt: skip
def test_what_cannot_be(fields, sentence):
    with pytest.raises(ValueError) as error:
        SynapseArray((2, 3), reading=Reading(**fields))
    assert str(error.value).startswith(sentence)


def test_a_compressed_read_by_hand():
    """y / (1 + y/2) of 8 and −2 in scaled units, 4 and −1, before an ADC of steps of 1/2; the other side likewise."""
    array = SynapseArray(
        (2, 1), reading=Reading(compression=0.5, scaling=Scaled(divisor=2.0)), weight_scale=1.0, dtype=np.float64
    )
    array.program([[4.0], [-1.0]])
    assert np.allclose(array.matvec([2.0]), [2 * 4 / 3, -2 / 1.5])
    assert np.allclose(array.rmatvec([2.0, 0.0]), 2 * 4 / 3)
    coarse = SynapseArray((1, 1), reading=Reading(compression=0.5, adc=Converter(bits=4, bound=3.5)), dtype=np.float64)
    coarse.program([[4.0]])
    assert coarse.matvec([1.0]) == 1.5  # 4/3, to the nearest half


def test_room_that_cannot_be():
    with pytest.raises(
        ValueError, match=r"The 'columns' parameter of SynapseArray must be from 1 to 65536 with a reading\. Got 70000"
    ):
        SynapseArray((2, 3), reading=Reading(), columns=70000)
