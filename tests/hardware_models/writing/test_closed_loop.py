"""Closed loop: against its transcription pulse by pulse, what it keeps of every request, its limits, its ledger and its sentences."""

from dataclasses import replace

import numba
import numpy as np
import pytest

import hardware_models as hw
from hardware_models import ClosedLoop, MixedPrecision, SynapseArray
from hardware_models.costs import figures
from hardware_models.crossbar.pulses import PULSE
from hardware_models.numerics import random
from neuroperturb.network.chip import chip

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(
    not numba.config.DISABLE_JIT, reason="compiling each takes seconds; .ci/run does these with the JIT off"
)

SEED, SHAPE = 3, (5, 6)
STEP = hw.ConstantStep(
    dw_min=0.01, dw_min_std=0.0, dw_min_dtod=0.0, up_down_dtod=0.0, w_max=1.0, w_min=-1.0, w_max_dtod=0.0, w_min_dtod=0.0,
)  # fmt: skip
SOFT = hw.SoftBounds(
    dw_min=0.02, dw_min_std=0.0, dw_min_dtod=0.3, up_down=0.2, up_down_dtod=0.1, w_max_dtod=0.2, w_min_dtod=0.2
)
RISING = hw.PowStep(
    dw_min=0.1, dw_min_std=0.0, dw_min_dtod=0.0, up_down_dtod=0.0, w_max=1.0, w_min=0.0, w_max_dtod=0.0, w_min_dtod=0.0,
    gamma_up_dtod=0.0, gamma_down_dtod=0.0,
)  # fmt: skip


def make(cell=SOFT, weight=None, shape=SHAPE, *, W=0.0, **options):
    array = SynapseArray(
        shape, cell, weight=weight,
        **{"dtype": np.float64, "seed": SEED, "weight_scale": 1.0, "columns": 3, "writing": ClosedLoop(), **options},
    )  # fmt: skip
    array.program(np.broadcast_to(W, shape))
    return array


def requests(count, size=0.03, shape=SHAPE):
    """Outer products, two a write: post, pre, reward."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield rng.normal(size=(2, shape[0])), rng.normal(size=(2, shape[1])), size * rng.normal(size=2)


def total(post, pre, reward):
    return np.einsum("r,ri,rj->ij", reward, post, pre)


def weights(array):
    """Devices (d, n, m)."""
    return array.state.cells.w[:, :, : array.shape[0]].transpose(0, 2, 1).copy()


# ----------------------------------------------------------------------------------------------------------------------
# The transcription: soft bounds, pulse by pulse, weight by weight


class Naive:
    """An array of soft-bounds cells without noise, written by a closed loop; arrays are (d, n, m)."""

    def __init__(self, array, W):
        self.array, self.loop, self.u = array, array.writing, array.cell.granularity
        n, cells = array.shape[0], array.state.cells
        turned = lambda part: part[:, :, :n].transpose(0, 2, 1).copy()  # noqa: E731
        self.w, self.up, self.down = turned(cells.w), turned(cells.step_up), turned(cells.step_down)
        self.high, self.low = turned(cells.bound_up), turned(cells.bound_low)
        self.gain, self.write = array.state.gain, 0
        self.pulses = np.zeros(self.w.shape, int)
        self.chi = np.zeros(array.shape)
        self.estimate = W
        span = [sum(g * end for g, end in zip(self.gain[: array.weight.trained], ends)) for ends in self.ends()]
        self.span = min(span), max(span)
        if self.loop.target == "absolute":
            self.chi = W

    def ends(self):
        low, high = self.array.cell.span
        trained = self.gain[: self.array.weight.trained]
        return [[low if g > 0 else high for g in trained], [high if g > 0 else low for g in trained]]

    def show(self):
        return np.einsum("k,kij->ij", self.gain, self.w)

    def read(self, when):
        n, m = self.array.shape
        found, loop = np.zeros((n, m)), self.loop
        for r in range(loop.reads):
            xi = random.normal(
                SEED, random.stream(random.Stream.VERIFY, 0), self.write + (2 * r + when) * PULSE, (m, n), np.float64
            )
            v = self.show() + loop.read_noise * xi.T
            if loop.read_bits:
                top = 2 ** (loop.read_bits - 1) - 1
                step = max(map(abs, self.span)) / top
                v = np.clip(np.rint(v / step), -top, top) * step
            found += v
        return found / loop.reads

    def share(self, k, delta):
        """Of a request for device k."""
        weight, gain = self.array.weight, self.gain
        if weight.takes_turns:
            chosen = (self.write % len(gain) == k) if weight.policy == "in-turn" else self.first(delta) == k
            return np.where(chosen, delta / gain[k], 0)
        return self.array.state.share[k] * delta

    def first(self, delta):
        """The most significant device of which a request is a pulse."""
        fits = np.abs(delta) >= (self.gain * self.u)[:, None, None]
        return np.where(fits.any(axis=0), fits.argmax(axis=0), len(self.gain) - 1)

    def pulse(self, k, n):
        for i, j in np.ndindex(n.shape):
            for _ in range(abs(int(n[i, j]))):
                at, w = (k, i, j), self.w[k, i, j]
                if n[i, j] > 0:
                    w = w + self.up[at] * (1 - w / self.high[at])
                else:
                    w = w - self.down[at] * (1 - w / self.low[at])
                self.w[at] = min(max(w, self.low[at]), self.high[at])
        self.pulses[k] += n.astype(int)

    def update(self, delta):
        loop, state = self.loop, self.array.state.writing
        absolute, estimating = loop.target == "absolute", loop.target == "estimate"
        self.chi += delta
        if absolute:
            self.chi = np.clip(self.chi, *self.span)
        if estimating:
            self.chi = np.clip(self.estimate + self.chi, *self.span) - self.estimate
        off = self.chi - self.read(0) if absolute else self.chi
        request = np.where(np.abs(off) >= float(state.threshold), off, 0)
        before = self.estimate if estimating else self.read(0)
        expected = np.zeros_like(delta)
        most = min(loop.most_pulses or 65535, self.array.cell.most_pulses)
        for k in range(self.array.weight.trained):
            n = np.clip(np.floor(self.share(k, request) / self.u + 0.5), -most, most)
            expected += self.gain[k] * n * self.u
            self.pulse(k, n)
        if not absolute:
            variance = float(state.change_variance) + expected**2 / 4
            kappa = variance / (variance + float(state.read_variance)) if loop.gain is None else loop.gain
            moved = np.where(expected != 0, expected + kappa * (self.read(1) - before - expected), 0)
            self.chi = self.chi - moved
            self.estimate = self.estimate + moved
        self.write += 1


LOOPS = {
    "residual": ClosedLoop(threshold=0.05),
    "default": ClosedLoop(),
    "few": ClosedLoop(threshold=0.05, most_pulses=2),
    "half": ClosedLoop(threshold=0.05, gain=0.5),
    "open": ClosedLoop(threshold=0.05, gain=0.0),
    "noisy": ClosedLoop(threshold=0.08, read_noise=0.02),
    "averaged": ClosedLoop(threshold=0.08, read_noise=0.05, read_bits=6, reads=3),
    "coarse": ClosedLoop(threshold=0.08, read_bits=4.5, gain=1.0),
    "absolute": ClosedLoop(threshold=0.05, target="absolute"),
    "absolute, noisy": ClosedLoop(target="absolute", read_noise=0.02, reads=2),
    "estimate": ClosedLoop(threshold=0.05, target="estimate"),
    "estimate, noisy": ClosedLoop(target="estimate", read_noise=0.02, read_bits=8),
}
WEIGHTS = {
    "single": hw.Single(),
    "pair": hw.DifferentialPair(),
    "uneven": hw.Devices(gains=(2.0, -0.5)),
    "shifted": hw.ZeroShifted(),
    "several": hw.SeveralDevices(devices=3),
    "significance": hw.SeveralDevices(devices=3, policy="significance", ratio=0.4),
}


def run_both(loop, weight, count=25, size=0.03):
    W = np.linspace(-0.4, 0.4, 30).reshape(SHAPE)  # more than some cells can hold
    array = make(SOFT, weight, writing=loop, W=W)
    naive = Naive(array, W)
    for post, pre, reward in requests(count, size):
        array.update(post, pre, reward)
        naive.update(total(post, pre, reward))
    return array, naive


WITH_DEVICES = ("residual", "averaged", "absolute, noisy", "estimate, noisy")
PAIRS = [(loop, "single") for loop in LOOPS] + [(loop, w) for w in WEIGHTS if w != "single" for loop in WITH_DEVICES]
LONGER = [("residual", w) for w in WEIGHTS if w not in ("single", "pair")]  # each compiles a loop of its own


@pytest.mark.parametrize(
    ("loop", "weight"),
    [
        pytest.param(*pair, marks=interpreted if k % 4 else pytest.mark.slow if pair in LONGER else ())
        for k, pair in enumerate(PAIRS)
    ],
)
def test_it_is_its_transcription(loop, weight):
    array, naive = run_both(LOOPS[loop], WEIGHTS[weight])
    state = array.state.writing
    assert np.allclose(weights(array), naive.w, rtol=0, atol=1e-10)
    assert np.allclose(state.chi[:, :5].T, naive.chi, rtol=0, atol=1e-10)
    if state.estimate.size > 1:
        assert np.allclose(state.estimate[:, :5].T, naive.estimate, rtol=0, atol=1e-10)
    up, down = array.pulse_counts()
    assert np.abs(naive.pulses).sum() > 20
    assert (up - down == naive.pulses).all()


# ----------------------------------------------------------------------------------------------------------------------
# Nothing is lost: W + χ = W_0 + Σ Δ, whatever cells did


NOISY = replace(  # as noisy, and in fewer pulses: these tests run interpreted, too
    hw.PRESETS["reram-es"].cells, dw_min=0.02, dw_min_std=1.0, write_noise_std=5.0, w_max_dtod=0.1, w_min_dtod=0.1
)


@interpreted
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (NOISY, {}),
        (NOISY, {"weight": hw.DifferentialPair()}),
        (NOISY, {"weight": hw.SeveralDevices(devices=4, policy="random")}),
        (NOISY, {"time": hw.Ageing(faults=hw.Faults(stuck_low=0.2, stuck_high=0.2))}),
        (NOISY, {"time": hw.Ageing(wear=hw.Wear(median=60, sigma=0.5)), "track": True}),
        (hw.PRESETS["pcm"].cells, {"weight": hw.OneSidedPair(refresh_every=3, larger=0.4, smaller=0.1)}),
        (hw.PRESETS["pcm"].cells, {"weight": hw.SeveralPairs(pairs=2, refresh_every=3, larger=0.4, smaller=0.1)}),
        (hw.PRESETS["reram-array-om-corrupt"].cells, {}),
        (hw.Digital(bits=5), {}),
    ],
    ids=["write noise", "pair", "several", "faults", "wear", "one-sided", "several pairs", "dead", "bits"],
)
@pytest.mark.parametrize("target", ["residual", "estimate"])
def test_what_cells_do_not_do_is_kept(cell, options, target):
    W = np.linspace(-0.3, 0.3, 30).reshape(SHAPE)
    array = make(cell, W=W, writing=ClosedLoop(target=target), **options)
    loop, start, asked = array.state.writing, array.read(), np.zeros(SHAPE)
    if target == "estimate":
        asked += start - loop.estimate[:, :5].T  # it knows what was programmed, not what came of it
    for post, pre, reward in requests(30, size=0.01):
        asked += total(post, pre, reward)
        array.update(post, pre, reward)
    assert array.pulse_counts().up.any()
    kept = array.writing.waiting(array.state).T
    if target == "residual":
        assert np.allclose(array.read() + kept, start + asked, rtol=0, atol=1e-9)
        return
    touched = array.pulse_counts().up.sum(axis=0) + array.pulse_counts().down.sum(axis=0) > 0
    assert np.allclose(loop.estimate[:, :5].T[touched], array.read()[touched], rtol=0, atol=1e-9)


@interpreted
def test_a_refresh_is_made_good():
    """A pair that is refreshed in open loop ends somewhere else; the loop brings it back where it should be."""
    weight = hw.OneSidedPair(refresh_every=1, larger=0.5, smaller=0.2, reset_std=0.05)
    ends = []
    for writing in (ClosedLoop(threshold=0.02), ClosedLoop(threshold=0.02, gain=0.0)):
        array = make(RISING, weight, writing=writing)
        array.state.cells.w[0], array.state.cells.w[1] = 0.7, 0.4
        before = array.read()
        for _ in range(30):
            array.update(np.zeros(5), np.zeros(6))
        assert array.pulse_counts().down.any()
        ends.append(np.abs(array.read() - before).mean())
    assert ends[0] < 0.02 < ends[1]


# ----------------------------------------------------------------------------------------------------------------------
# Limits


def test_on_ideal_cells_it_is_a_digital_sum_to_the_bit():
    cell = replace(STEP, dw_min=2.0**-7)
    array, rng, digital = make(cell, writing=ClosedLoop()), np.random.default_rng(1), np.zeros(SHAPE)
    for _ in range(50):
        post, pre = rng.integers(-8, 9, 5) * 2.0**-10, rng.integers(-3, 4, 6) * 1.0
        array.update(post, pre)
        digital += np.outer(post, pre)
    assert (array.read() + array.state.writing.chi[:, :5].T).tobytes() == digital.tobytes()
    assert (np.abs(array.read() - digital) < 2.0**-7).all()


@interpreted
@pytest.mark.parametrize("gain", [0.0, None])
def test_with_a_threshold_of_one_pulse_it_is_mixed_precision(gain):
    one, other = (make(STEP, writing=writing) for writing in (ClosedLoop(gain=gain), MixedPrecision()))
    rng = np.random.default_rng(5)
    for _ in range(60):
        post, pre = (
            0.0049 * rng.uniform(-1, 1, 5),
            rng.uniform(-1, 1, 6),
        )  # less than half a pulse: rounded or cut is one
        for array in (one, other):
            array.update(post, pre)
    assert one.pulse_counts().up.sum() > 10
    assert np.array_equal(one.pulse_counts().up, other.pulse_counts().up)
    assert np.allclose(one.read(), other.read(), atol=1e-12)
    assert np.allclose(one.state.writing.chi, other.state.writing.chi, atol=1e-12)


def test_float32_follows_float64():
    one, other = (make(SOFT, writing=LOOPS["residual"], dtype=dtype) for dtype in (np.float32, np.float64))
    for post, pre, reward in requests(5):
        for array in (one, other):
            array.update(post, pre, reward)
    assert np.allclose(one.read(), other.read(), atol=1e-5)


@interpreted
def test_it_settles_where_open_writing_does_not():
    """Asked for 0.4 more in small steps, cells that are asymmetric and noisy get there."""
    found = {}
    for name, writing in {"open": MixedPrecision(), "closed": ClosedLoop()}.items():
        array = make(NOISY, shape=(10, 10), writing=writing)
        start = array.read()
        for _ in range(20):
            array.update(np.full(10, 0.02), np.ones(10))
        for _ in range(20):
            array.update(np.zeros(10), np.zeros(10))
        found[name] = np.sqrt(np.mean((array.read() - start - 0.4) ** 2))
    assert found["closed"] < 0.07 < 0.14 < found["open"]


def test_the_threshold_comes_from_the_device():
    es = hw.PRESETS["reram-es"].cells

    def of(cell, weight=None, **options):
        return float(make(cell, weight, writing=ClosedLoop(**options)).state.writing.threshold)

    assert of(STEP) == pytest.approx(0.01)
    assert of(STEP, hw.DifferentialPair()) == pytest.approx(0.02)
    assert of(es) == pytest.approx(0.10125)
    assert of(es, hw.SeveralDevices(devices=4)) == pytest.approx(0.10125 / 4)
    assert of(es, hw.OneSidedPair()) == pytest.approx(0.10125)
    assert of(STEP, read_noise=0.1, reads=4) == pytest.approx(0.15)
    assert of(STEP, read_noise=0.1, reads=4, target="estimate") == pytest.approx(0.05)
    assert of(STEP, threshold=0.3) == 0.3


@interpreted
def test_programming_anew_forgets_what_was_requested():
    for target in ("residual", "absolute", "estimate"):
        array = make(STEP, writing=ClosedLoop(target=target, threshold=0.5))
        array.update(np.full(5, 0.3), np.ones(6))
        assert np.allclose(array.writing.waiting(array.state), 0.3)
        array.program(np.full(SHAPE, 0.2))
        array.update(np.full(5, 0.3), np.ones(6))
        assert np.allclose(array.read(), 0.2)
        array.update(np.full(5, 0.3), np.ones(6))
        assert np.allclose(array.read(), 0.8)


@interpreted
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("target", ["residual", "absolute", "estimate"])
def test_what_is_no_number_requests_nothing(bad, target):
    array = make(STEP, writing=ClosedLoop(target=target))
    array.update(np.full(5, bad), np.ones(6))
    assert not array.pulse_counts().up.any()
    array.update(np.full(5, 0.05), np.ones(6))
    assert np.allclose(array.read(), 0.05)


def test_padding_stays_zero():
    array = make(SOFT, hw.DifferentialPair(), writing=ClosedLoop(read_noise=0.1, threshold=0.01))
    for write in requests(10):
        array.update(*write)
    assert not array.state.cells.w[:, :, 5:].any()
    assert not array.state.cells.up[:, :, 5:].any()


# ----------------------------------------------------------------------------------------------------------------------
# Several devices a weight


@interpreted
def test_devices_take_turns():
    array = make(STEP, hw.SeveralDevices(devices=3), writing=ClosedLoop(threshold=0.01))
    for write in range(6):
        before = array.pulse_counts().up
        array.update(np.full(5, 0.02), np.ones(6))
        sent = array.pulse_counts().up - before
        assert (sent[write % 3] == 6).all()  # K Δ / u
        assert sent.sum() == 6 * 30
    assert np.allclose(array.read(), 0.12)


@interpreted
def test_any_device_may_be_drawn():
    array = make(STEP, hw.SeveralDevices(devices=3, policy="random"), writing=ClosedLoop(threshold=0.01))
    drawn = []
    for write in range(40):
        before = array.pulse_counts().up
        array.update(np.full(5, 0.01 if write < 30 else 0.0), np.ones(6))
        sent = (array.pulse_counts().up - before).any(axis=(1, 2))
        drawn += list(np.flatnonzero(sent))
        row = 3 * 6
        if sent.any():
            assert drawn[-1] == random.bits_array(SEED, array.state.rounding, write, (row + 1, 1))[row, 0] % 3
    assert set(drawn) == {0, 1, 2}
    assert np.abs(array.read() - 0.3).max() < 0.01


@interpreted
def test_significance():
    """Gains 4/7, 2/7, 1/7: a change of five steps of the coarse device goes there, one of half a step to a finer one."""
    array = make(
        STEP, hw.SeveralDevices(devices=3, policy="significance", ratio=0.5), writing=ClosedLoop(threshold=1e-4)
    )
    for size, device, pulses in ((5 * 0.01 * 4 / 7, 0, 5), (0.01 * 3 / 7, 1, 2), (0.01 / 7, 2, 1), (0.006 / 7, 2, 1)):
        array.state.writing.chi[:] = 0
        before = array.pulse_counts().up
        array.update(np.full(5, size), np.ones(6))
        sent = array.pulse_counts().up - before
        assert (sent[device] == pulses).all()
        assert sent.sum() == 30 * pulses


@interpreted
def test_several_devices_by_the_cells_own_rounding():
    """Without a loop, too, a change goes to one device, K times as large."""
    array = make(replace(STEP, rounding="nearest"), hw.SeveralDevices(devices=4), writing=None)
    for _ in range(4):
        array.update(np.full(5, 0.02), np.ones(6))
    assert (array.pulse_counts().up == 8).all()
    assert np.allclose(array.read(), 0.08)


def test_several_devices_are_programmed_to_the_weight_itself():
    W = np.linspace(-0.5, 0.5, 30).reshape(SHAPE)
    array = make(STEP, hw.SeveralDevices(devices=3, ratio=0.5, policy="significance"), W=W)
    assert np.allclose(weights(array), W)
    assert np.allclose(array.read(), W)
    pairs = make(RISING, hw.SeveralPairs(pairs=3), W=W)
    assert np.allclose(pairs.read(), W)
    assert np.allclose(weights(pairs)[0::2], np.maximum(W, 0))


@interpreted
def test_several_pairs_are_refreshed_each_by_itself():
    array = make(RISING, hw.SeveralPairs(pairs=2, refresh_every=1, larger=0.6, smaller=0.3, reset_std=0.0))
    array.state.cells.w[:] = np.array([0.7, 0.5, 0.5, 0.5])[:, None, None]
    array.update(np.zeros(5), np.zeros(6))
    up, down = array.pulse_counts()
    assert (down[:2] == 1).all()
    assert not down[2:].any()
    assert (up[0] == 2).all()
    alone = make(
        RISING, hw.SeveralPairs(pairs=2, policy="random", refresh_every=10**6), writing=ClosedLoop(threshold=0.01)
    )
    alone.update(np.full(5, 0.2), np.ones(6))
    sent = alone.pulse_counts().up.any(axis=(1, 2))
    assert sent.sum() == 1
    assert not sent[1::2].any()


# ----------------------------------------------------------------------------------------------------------------------
# What it costs


def test_the_ledger_counts_rows_that_were_read():
    array = make(STEP, writing=ClosedLoop(threshold=0.05, read_bits=8, reads=2), costs=figures.RERAM)
    array.update(np.full(5, 0.02), np.ones(6))
    assert array.ledger().counts["row_reads"] == 0
    array.update(np.full(5, 0.06), [1.0, 1, 0, 0, 0, 0])
    found, costs = array.ledger(), figures.RERAM
    assert found.counts["row_reads"] == 2 * 2 * 2  # rows, before and after, each averaged
    assert found.counts["row_outputs"] == 8 * 5
    assert found.counts["accumulator_bits"] == 64 * 30
    cells = costs.read_energy * (8 * 5)
    assert found.energy["row reads"].typical == pytest.approx(cells.typical + 40 * costs.adc(8).typical)
    assert found.time["row reads"].low == pytest.approx(8 * costs.read_time.low + 8 * 9e-9)
    assert found.energy["accumulator"].typical == pytest.approx(
        2 * 30 * hw.costs.figures.sram(64).update_energy.typical
    )
    assert "rows read while writing" in str(found)
    kept = make(STEP, writing=ClosedLoop(target="estimate"), costs=figures.RERAM, dtype=np.float32)
    kept.update(np.full(5, 0.1), np.ones(6))
    assert kept.ledger().counts["row_reads"] == 6
    assert kept.ledger().counts["accumulator_bits"] == 2 * 32 * 30
    absolute = make(STEP, writing=ClosedLoop(target="absolute"))
    absolute.update(np.zeros(5), np.zeros(6))
    assert absolute.ledger().counts["row_reads"] == 6


# ----------------------------------------------------------------------------------------------------------------------
# Tables and sentences


def test_it_goes_through_a_table():
    table = {
        "name": "reram-es", "weight": {"kind": "several", "devices": 4},
        "writing": {"kind": "closed-loop", "threshold": 0.1, "target": "absolute", "reads": 2},
    }  # fmt: skip
    made = chip.read(table)
    assert made.writing == ClosedLoop(threshold=0.1, target="absolute", reads=2)
    assert made.weight == hw.SeveralDevices(devices=4)
    assert chip.read(chip.write(made)) == made
    assert (
        chip.read({"name": "pcm", "weight": {"kind": "one-sided-pairs", "pairs": 3}}).weight.gains
        == (1 / 3, -1 / 3) * 3
    )


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: make(writing=ClosedLoop(target="best")), "The 'target' parameter of ClosedLoop must be 'residual' or 'absolute' or 'est"),
        (lambda: make(writing=ClosedLoop(threshold=0.0)), "The 'threshold' parameter of ClosedLoop must be positive. Got 0.0 instead."),
        (lambda: make(writing=ClosedLoop(most_pulses=0)), "The 'most_pulses' parameter of ClosedLoop must be a whole number from 1 to"),
        (lambda: make(writing=ClosedLoop(gain=1.5)), "The 'gain' parameter of ClosedLoop must be from 0 to 1. Got 1.5 instead."),
        (lambda: make(writing=ClosedLoop(gain=0.5, target="absolute")), "The 'gain' parameter of ClosedLoop must be left out with"),
        (lambda: make(writing=ClosedLoop(read_noise=-1.0)), "The 'read_noise' parameter of ClosedLoop must be 0 or more."),
        (lambda: make(writing=ClosedLoop(read_bits=1.0)), "The 'read_bits' parameter of ClosedLoop must be from 2 to 24."),
        (lambda: make(writing=ClosedLoop(reads=0)), "The 'reads' parameter of ClosedLoop must be a whole number from 1 to 16383."),
        (lambda: make(hw.Ideal()), "The 'cells' parameter of SynapseArray must have pulses for ClosedLoop."),
        (lambda: make(weight=hw.SeveralDevices(devices=1)), "The 'devices' parameter of SeveralDevices must be a whole number from 2"),
        (lambda: make(weight=hw.SeveralDevices(policy="x")), "The 'policy' parameter of SeveralDevices must be 'in-turn' or 'random' or"),
        (lambda: make(weight=hw.SeveralDevices(ratio=0.0)), "The 'ratio' parameter of SeveralDevices must be above 0 and at most 1."),
        (lambda: make(weight=hw.SeveralPairs(pairs=99)), "The 'pairs' parameter of SeveralPairs must be a whole number from 2 to 32."),
        (lambda: make(weight=hw.SeveralPairs(policy="significance")), "The 'policy' parameter of SeveralPairs must be 'in-turn' or 'ran"),
        (lambda: make(weight=hw.SeveralDevices(), writing=MixedPrecision()), "The 'writing' parameter of SynapseArray must be one that"),
        (lambda: make(weight=hw.SeveralDevices(), writing=hw.CoincidenceTrains()), "The 'writing' parameter of SynapseArray must be one"),
    ],
)  # fmt: skip
def test_what_cannot_be(build, sentence):
    with pytest.raises(hw.ParameterError) as error:
        build()
    assert str(error.value).startswith(sentence)
