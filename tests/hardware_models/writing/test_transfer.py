"""Transfer and residual tiles: against their transcriptions pulse by pulse, their limits, their ledger and their sentences."""

from dataclasses import replace

import numba
import numpy as np
import pytest

import hardware_models as hw
from hardware_models import SynapseArray, Tiles, Transfer
from hardware_models.crossbar.symmetry_point import symmetry_points
from hardware_models.numerics import random
from hardware_models.numerics.checks import ParameterError
from hardware_models.writing.row_reads import BEFORE
from hardware_models.writing.tiers import visit_of
from neuroperturb.network.chip import chip

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(
    not numba.config.DISABLE_JIT, reason="compiling each takes seconds; .ci/run does these with the JIT off"
)

SEED, SHAPE = 3, (5, 6)
STEP = hw.ConstantStep(
    dw_min=0.01, dw_min_std=0.0, dw_min_dtod=0.0, up_down_dtod=0.0, w_max=1.0, w_min=-1.0, w_max_dtod=0.0, w_min_dtod=0.0,
    rounding="nearest",
)  # fmt: skip
SOFT = hw.SoftBounds(
    dw_min=0.02, dw_min_std=0.0, dw_min_dtod=0.3, up_down=0.2, up_down_dtod=0.1, w_max_dtod=0.2, w_min_dtod=0.2,
    rounding="nearest",
)  # fmt: skip


def make(cell=SOFT, shape=SHAPE, *, W=0.0, **options):
    array = SynapseArray(
        shape, cell, **{"dtype": np.float64, "seed": SEED, "weight_scale": 1.0, "columns": 3, **options}
    )
    array.program(np.broadcast_to(W, shape))
    return array


def requests(count, size=0.05, shape=SHAPE):
    """Outer products, two a write: post, pre, reward."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.normal(size=(2, shape[0])), rng.normal(size=(2, shape[1])), size * rng.normal(size=2)


def devices(array):
    """Devices (d, m, n)."""
    return array.state.cells.w[:, :, : array.shape[0]].copy()


# ----------------------------------------------------------------------------------------------------------------------
# The transcriptions: soft bounds, pulse by pulse; matrices are (m, n), as cells are stored


class Naive:
    """Tiers of soft-bounds cells without noise between pulses."""

    def __init__(self, array):
        self.array, self.how, self.u = array, array.writing, array.cell.granularity
        n, cells = array.shape[0], array.state.cells
        self.w, self.up, self.down, self.high, self.low = (
            part[:, :, :n].copy() for part in (cells.w, cells.step_up, cells.step_down, cells.bound_up, cells.bound_low)
        )
        self.pulses, self.write, self.m = np.zeros(self.w.shape, int), 0, array.shape[1]
        shifted = self.how.reference == "symmetry-point"
        self.R = np.stack([symmetry_points(array.cell, cells, n, k) * shifted for k in range(len(self.w))])

    def pulse(self, k, j, count):
        for i, c in enumerate(np.asarray(count, int)):
            at = k, j, i
            for _ in range(abs(c)):
                w = self.w[at]
                w += self.up[at] * (1 - w / self.high[at]) if c > 0 else -self.down[at] * (1 - w / self.low[at])
                self.w[at] = min(max(w, self.low[at]), self.high[at])
            self.pulses[at] += c

    def request(self, k, j, change):
        most = self.array.cell.most_pulses
        self.pulse(k, j, np.clip(np.floor(change / self.u + 0.5), -most, most))

    def read(self, k, j):
        """Row j of tier k as it is read."""
        how, n, row = self.how, self.array.shape[0], k * self.m + j
        found = np.zeros(n)
        for r in range(how.reads):
            step = self.write + (2 * r + BEFORE) * 2**32
            stream = random.stream(random.Stream.VERIFY, 0)
            xi = random.normal(SEED, stream, step, (row + 1, n), np.float64)[row]
            v = self.w[k, j] + how.read_noise * xi
            if how.read_bits:
                top = 2 ** (how.read_bits - 1) - 1
                level = max(map(abs, self.array.cell.span)) / top
                v = np.clip(np.rint(v / level), -top, top) * level
            found += v / how.reads
        return found

    def due(self, every):
        """Rows that are visited in this write: the next `rows` in turn."""
        turn, rest = divmod(self.write + 1, every)
        rows = min(self.how.rows, self.m)
        return [] if rest else [(rows * (turn - 1) + r) % self.m for r in range(rows)]


class NaiveTransfer(Naive):
    def __init__(self, array):
        super().__init__(array)
        how, n = self.how, array.shape[0]
        rows = min(how.rows, self.m)
        self.beta = how.every * self.m / rows / (how.fast_rate * how.auto_granularity)
        self.s, self.H, self.M = np.ones(self.m), np.zeros((self.m, n)), self.R[0].copy()
        self.visits, self.flips = np.zeros(self.m, int), 0
        self.granule = max(1, round((how.granule or 0) / self.u))

    def update(self, delta):
        how, due = self.how, self.due(self.how.every)
        chops = how.method in ("chopped", "agad", "tracked")
        for j in range(self.m):
            self.request(0, j, how.fast_rate * self.s[j] * delta[j])
            if j not in due:
                continue
            omega = self.read(0, j)
            a = self.s[j] * (omega - self.R[0, j])
            if how.method == "v1":
                self.request(1, j, self.beta * a)
            else:
                self.H[j] += self.beta * a
                n = np.trunc(self.H[j] / (self.granule * self.u)) * self.granule
                self.H[j] -= n * self.u
                self.pulse(1, j, n)
            p = 0.1 if how.chopper is None else how.chopper
            tau = min(1, how.tail * p)
            self.M[j] = (1 - tau) * self.M[j] + tau * omega
            if how.method == "tracked":
                self.R[0, j] = (1 - p / how.tail) * self.R[0, j] + p / how.tail * omega
            self.visits[j] += 1
            bits = random.bits_array(SEED, random.stream(random.Stream.TRAIN, 0), self.write, (j + 1, 1))[j, 0]
            if chops and (self.visits[j] % round(1 / p) == 0 if how.regular else bits < p * 2**32):
                self.s[j] *= -1
                self.flips += 1
                if how.method == "agad":
                    self.R[0, j] = self.M[j]
        self.write += 1


class NaiveTiles(Naive):
    def update(self, delta):
        how, last = self.how, self.how.tiles - 1
        theta = self.array.cell.bound / 2 if how.threshold is None else how.threshold
        for j in range(self.m):
            self.request(0, j, how.fast_rate * delta[j] / how.gamma**last)
            for k in range(last):
                if j not in self.due(how.every * how.slower**k):
                    continue
                a = self.read(k, j) - self.R[k, j]
                n = np.where(np.abs(a) >= theta, np.trunc(how.gamma * a / self.u), 0)
                self.pulse(k, j, -np.sign(n) * np.floor(np.abs(n) / how.gamma + 0.5))
                self.pulse(k + 1, j, n)
        self.write += 1


WAYS = {
    "v1": Transfer(method="v1", auto_granularity=20),
    "v1, visible": Transfer(method="v1", auto_granularity=20, gamma=0.3, rows=4, reference="symmetry-point"),
    "v2": Transfer(auto_granularity=20),
    "v2, rare and large": Transfer(auto_granularity=5, granule=0.09, every=3, rows=20, fast_rate=2.0),
    "v2, noisy": Transfer(auto_granularity=20, read_noise=0.05, read_bits=5, reads=2, reference="symmetry-point"),
    "chopped": Transfer(method="chopped", auto_granularity=10, rows=5),
    "chopped, regular": Transfer(method="chopped", auto_granularity=10, rows=5, chopper=0.34, regular=True),
    "agad": Transfer(method="agad", auto_granularity=10, rows=4, chopper=0.2, tail=2.0),
    "tracked": Transfer(method="tracked", auto_granularity=10, rows=4, chopper=0.2, tail=2.0, reference="symmetry-point"),
    "agad, regular": Transfer(method="agad", auto_granularity=10, rows=6, regular=True, read_noise=0.02, reference="symmetry-point"),
    "two tiles": Tiles(threshold=0.1, rows=3),
    "three tiles": Tiles(tiles=3, gamma=0.4, threshold=0.1, rows=6, slower=2, every=2, fast_rate=0.5),
    "tiles, noisy": Tiles(threshold=0.1, rows=6, read_noise=0.05, read_bits=6, reference="none"),
}  # fmt: skip


def run_both(writing, count=30):
    W = np.linspace(-0.4, 0.4, 30).reshape(SHAPE)
    array = make(SOFT, writing=writing, W=W)
    naive = (NaiveTiles if isinstance(writing, Tiles) else NaiveTransfer)(array)
    for post, pre, reward in requests(count):
        array.update(post, pre, reward)
        naive.update(np.einsum("r,ri,rj->ji", reward, post, pre))
    return array, naive


@pytest.mark.parametrize(
    "name",
    [
        n if n in ("agad", "two tiles") else pytest.param(n, marks=pytest.mark.slow if n == "v1" else interpreted)
        for n in WAYS
    ],
)
def test_it_is_its_transcription(name):
    array, naive = run_both(WAYS[name])
    assert np.allclose(devices(array), naive.w, rtol=0, atol=1e-10)
    up, down = array.pulse_counts()
    assert (up - down == naive.pulses.transpose(0, 2, 1)).all()
    assert (np.abs(naive.pulses).sum(axis=(1, 2)) > 10).all()  # every tier moved
    state = array.state.writing
    if isinstance(array.writing, Transfer):
        assert (state.sign == naive.s).all()
        assert np.allclose(state.reference[:, :5], naive.R[0], rtol=0, atol=1e-10)
        assert np.allclose(state.hidden[:, :5], naive.H, rtol=0, atol=1e-10) or array.writing.method == "v1"
        assert (naive.flips > 3) == (array.writing.flip > 0)


def test_float32_follows_float64():
    one, other = (make(writing=WAYS["two tiles"], dtype=dtype) for dtype in (np.float32, np.float64))
    for write in requests(5):
        for array in (one, other):
            array.update(*write)
    assert np.allclose(one.read(), other.read(), atol=1e-5)


# ----------------------------------------------------------------------------------------------------------------------
# Limits


@interpreted
@pytest.mark.parametrize("rows", [1, 2, 4, 6, 7])
@pytest.mark.parametrize("every", [1, 3])
def test_rows_are_visited_in_turn(rows, every):
    m, seen, order = 7, np.zeros(7, int), []
    for write in range(40):
        for j in range(m):
            visit = visit_of(write, every, rows, j, m)
            if visit >= 0:
                assert visit == seen[j]
                seen[j] += 1
                order.append(j)
    assert len(order) == 40 // every * rows
    assert seen.max() - seen.min() <= 1


@interpreted
def test_on_ideal_cells_v2_moves_a_sum_of_what_a_holds():
    """Steps of a power of two, no bounds in reach: A is the sum of requests to half a pulse, and C + H the sum of all reads, β each."""
    cell = replace(STEP, dw_min=2.0**-9)
    array = make(cell, writing=Transfer(auto_granularity=12, rows=6))
    A, sent = np.zeros(SHAPE), np.zeros(SHAPE)
    for post, pre, reward in requests(20, size=0.002):
        array.update(post, pre, reward)
        A += np.round(np.einsum("r,ri,rj->ij", reward, post, pre) * 2**9) / 2**9
        sent += A / 12
    assert np.allclose(devices(array)[0].T, A, rtol=0, atol=1e-12)
    assert np.allclose(array.read() + array.state.writing.hidden[:, :5].T, sent, rtol=0, atol=1e-12)
    assert array.read().any()


@interpreted
def test_a_transfer_of_tiles_leaves_the_weight_as_it_is():
    """γ = ½ of steps without spread: what is moved up is taken off, exactly."""
    array = make(STEP, writing=Tiles(gamma=0.5, rows=6, threshold=0.3))
    for _ in range(40):
        array.update(np.full(5, 0.01), np.ones(6))
    assert np.allclose(array.read(), 0.4, atol=1e-12)
    fine, coarse = devices(array)
    assert (coarse >= 0.3).all()
    assert (np.abs(fine) < 0.3).all()


@interpreted
@pytest.mark.parametrize(
    "writing", [Transfer(reference="symmetry-point"), Transfer(gamma=0.5, reference="symmetry-point"), Tiles()]
)
def test_fine_tiers_start_where_they_rest(writing):
    W = np.linspace(-0.3, 0.3, 30).reshape(SHAPE)
    array = make(writing=writing, W=W)
    rest = symmetry_points(array.cell, array.state.cells, 5, 0)
    assert np.abs(rest).max() > 0.05
    assert np.allclose(devices(array)[0], rest, atol=1e-12)
    assert np.allclose(array.read(), W, atol=1e-12)


@interpreted
def test_the_threshold_of_tiles_comes_from_the_device():
    def of(cell, **options):
        return float(make(cell, writing=Tiles(**options)).state.writing.threshold)

    assert of(STEP) == 0.5
    assert of(hw.PRESETS["reram-sb"].cells) == pytest.approx(0.375)
    assert of(STEP, threshold=0.3) == 0.3


@interpreted
def test_tiers_are_chip_draws_of_their_own():
    array, plain = make(writing=Tiles(tiles=3)), make()
    steps = array.state.cells.step_up[:, :, :5]
    assert not np.allclose(steps[0], steps[1])
    assert not np.allclose(steps[1], steps[2])
    assert np.array_equal(steps[0], plain.state.cells.step_up[0, :, :5])


@interpreted
def test_programming_anew_forgets():
    for writing in (WAYS["agad"], WAYS["tracked"], WAYS["three tiles"]):
        array, fresh = (make(writing=writing, W=0.1) for _ in range(2))
        for write in requests(12):
            array.update(*write)
        array.program(np.full(SHAPE, 0.1))
        assert np.allclose(devices(array), devices(fresh), atol=1e-12)
        for name in ("hidden", "sign", "reference", "mean"):
            if hasattr(fresh.state.writing, name):
                assert np.array_equal(getattr(array.state.writing, name), getattr(fresh.state.writing, name))


@interpreted
def test_what_is_no_number_is_no_transfer():
    for writing in (WAYS["v2"], WAYS["two tiles"]):
        array = make(STEP, writing=writing)
        array.update(np.full(5, np.nan), np.ones(6))
        assert not array.pulse_counts().up.any()


@interpreted
def test_digital_cells_and_padding():
    for writing in (WAYS["v2"], WAYS["agad"], WAYS["two tiles"]):
        array = make(hw.Digital(bits=6), writing=writing)
        for write in requests(10, size=0.3):
            array.update(*write)
        assert array.pulse_counts().up.any(axis=(1, 2)).all()
        assert not array.state.cells.w[:, :, 5:].any()


# ----------------------------------------------------------------------------------------------------------------------
# Ledger, sentences, tables


@interpreted
def test_the_ledger_counts_reads_cells_and_digital_numbers():
    bits = {"v1": 0, "v2": 64, "chopped": 64, "agad": 3 * 64, "tracked": 2 * 64}
    for method, count in bits.items():
        array = make(writing=Transfer(method=method, every=2, rows=3, read_bits=6, reads=2))
        for write in requests(10):
            array.update(*write)
        found = array.ledger().counts
        assert found["accumulator_bits"] == 30 * count
        assert found["cells"] == 60
        assert found["row_reads"] == 5 * 3 * 2
        assert found["row_outputs"] == 5 * 3 * 2 * 5
    array = make(writing=Tiles(tiles=3, rows=2, slower=5))
    for write in requests(10):
        array.update(*write)
    assert array.ledger().counts["row_reads"] == 10 * 2 + 2 * 2
    assert array.ledger().counts["accumulator_bits"] == 0
    assert array.ledger().counts["cells"] == 90


@interpreted
@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda: Transfer(method="v3"), "The 'method' parameter of Transfer must be 'v1' or 'v2' or 'chopped' or 'agad' or 'tracked'"),
        (lambda: Transfer(every=0), "The 'every' parameter of Transfer must be"),
        (lambda: Transfer(method="v1", granule=0.1), "The 'granule' parameter of Transfer must be left out with v1"),
        (lambda: Transfer(method="agad", gamma=0.1), "The 'gamma' parameter of Transfer must be 0 with choppers"),
        (lambda: Transfer(chopper=0.1), "The 'chopper' parameter of Transfer must be left out with v2"),
        (lambda: Transfer(method="agad", chopper=1.5), "The 'chopper' parameter of Transfer must be above 0 and at most 1"),
        (lambda: Transfer(reference="zero"), "The 'reference' parameter of Transfer must be 'none' or 'symmetry-point'"),
        (lambda: Transfer(read_bits=1), "The 'read_bits' parameter of Transfer must be from 2 to 24"),
        (lambda: Tiles(tiles=1), "The 'tiles' parameter of Tiles must be a whole number from 2 to 8"),
        (lambda: Tiles(gamma=1.0), "The 'gamma' parameter of Tiles must be above 0 and below 1"),
        (lambda: Tiles(threshold=0.0), "The 'threshold' parameter of Tiles must be positive"),
    ],
)  # fmt: skip
def test_sentences(make_it, words):
    with pytest.raises(ParameterError, match=words):
        make(writing=make_it())


@interpreted
def test_weights_and_cells_that_do_not_fit():
    with pytest.raises(ParameterError, match="one device for Tiles, which has arrays of its own"):
        make(writing=Tiles(), weight=hw.DifferentialPair())
    with pytest.raises(ParameterError, match="pulses for Transfer"):
        make(hw.Ideal(), writing=Transfer())


@interpreted
def test_from_a_table_and_through_a_file(tmp_path):
    table = {"name": "ecram", "writing": {"kind": "transfer", "method": "agad", "chopper": 0.2}}
    made_of = chip.read(table)
    assert chip.read(chip.write(made_of)) == made_of
    assert made_of.writing == Transfer(method="agad", chopper=0.2)
    array = made_of.array(SHAPE, seed=1)
    array.program(np.zeros(SHAPE))
    for write in requests(10):
        array.update(*write)
    other = SynapseArray.load(array.save(tmp_path / "array.nc"))
    assert other.parts == array.parts
    for a in (array, other):
        for write in requests(10):
            a.update(*write)
    assert array.read().tobytes() == other.read().tobytes()
    assert array.state.writing.mean.tobytes() == other.state.writing.mean.tobytes()


# ----------------------------------------------------------------------------------------------------------------------
# What they are for: noisy gradients on asymmetric cells


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="thousands of writes")
def test_plain_pulses_end_at_an_offset_that_a_transfer_removes():
    """Linear least squares, steps down 0.4 of those up; studies/transfer.py has all methods, sizes and asymmetries."""
    cell, found = (
        replace(SOFT, dw_min=0.01, dw_min_std=0.3, up_down=0.6, w_max_dtod=0.0, w_min_dtod=0.0, rounding="stochastic"),
        {},
    )
    ways = {"plain": None, "v2": Transfer(fast_rate=3.0, auto_granularity=100.0, reference="symmetry-point")}
    for name, writing in ways.items():
        rng, squares = np.random.default_rng(1), []
        target = np.clip(0.2 * rng.normal(size=SHAPE), -0.5, 0.5)
        array = make(cell, writing=writing)
        for write in range(4000):
            x = rng.normal(size=6)
            error = target @ x + 0.3 * rng.normal(size=5) - array.matvec(x)
            array.update(error, x, 0.01)
            if write > 3000:
                squares.append(np.mean((array.read() - target) ** 2))
        found[name] = np.sqrt(np.mean(squares))
    assert found["v2"] < 0.05
    assert found["plain"] > 3 * found["v2"]
