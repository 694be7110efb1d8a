"""Pulsed cells: each against its equation in plain Python, its noise against statistics, and the contract for all."""

import dataclasses
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import Devices, Digital, Ideal, PulsedCell, SynapseArray, check_device, kernel
from hardware_models.devices import CELLS
from hardware_models.devices.pulsed import Quantity
from hardware_models.neurons import Neurons
from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED

pytestmark = pytest.mark.kernels

SIZES = {"dw_min": 0.02, "w_max": 0.9, "w_min": -0.7, "up_down": 0.2, "up_down_dtod": 0.1, "dw_min_dtod": 0.2}
SHAPES = {
    "constant-step": {},
    "linear-step": {"gamma_up": 0.4, "gamma_down": 0.7},
    "soft-bounds": {},
    "soft-bounds-reference": {"reference_std": 0.1, "subtract_symmetry_point": True},
    "exp-step": {"noise_add": 0.01, "noise_slope": 0.1},
    "pow-step": {"gamma_up": 0.8, "gamma_down": 1.7},
    "piecewise-step": {"nodes_up": (1.5, 1.0, 0.2), "nodes_down": (0.1, 0.5, 1.0, 1.2)},
}
PULSED = {name: CELLS[name](**SIZES, **shape) for name, shape in SHAPES.items()}
FEW = 1_000_000 if COMPILED else 900  # pulses behind a statistic


def make(cell, shape=(5, 6), *, W=0.0, dtype=np.float64, seed=3, **options):
    array = SynapseArray(shape, cell, dtype=dtype, seed=seed, weight_scale=1.0, **options)
    array.program(np.broadcast_to(W, shape))
    return array


def without_spread(cell, **changes):
    off = {f.name: 0.0 for f in dataclasses.fields(cell) if f.name.endswith(("_dtod", "_std"))}
    return replace(cell, **{**off, **changes})


# ----------------------------------------------------------------------------------------------------------------------
# One pulse, from the equations


def interpolate(nodes, t):
    return float(np.interp(t, np.linspace(0, 1, len(nodes)), nodes))


def one_pulse(name, cell, w, direction, s_up, s_down, b_max, b_min, a, b):
    """The noise-free weight after one pulse; for cells with a reference, b_max and b_min bound v = w + ref."""
    up, s = direction > 0, s_up if direction > 0 else s_down
    if name == "constant-step":
        y = s
    elif name == "linear-step":
        y = s * (1 - a * w) if up else s * (1 - b * w)
    elif name == "soft-bounds":
        y = s * (1 - w / (b_max if up else b_min))
    elif name == "soft-bounds-reference":
        v = w + a
        v = v + s * (1 - v / b_max) if up else v - s * (1 - v / b_min)
        return min(max(v, b_min), b_max) - a
    elif name == "exp-step":
        z = 2 * cell.es_a * w / (b_max - b_min) + cell.es_b
        A, gamma = (cell.A_up, cell.gamma_up) if up else (cell.A_down, -cell.gamma_down)
        y = s * max(1 - A * math.exp(gamma * z), 0)
    elif name == "pow-step":
        y = s * ((b_max - w) / (b_max - b_min)) ** a if up else s * ((w - b_min) / (b_max - b_min)) ** b
    else:
        y = s * interpolate(cell.nodes_up if up else cell.nodes_down, (w - b_min) / (b_max - b_min))
    return min(max(w + y if up else w - y, b_min), b_max)


@pytest.mark.filterwarnings("ignore::hardware_models.HardwareWarning")
@pytest.mark.parametrize("name", PULSED)
def test_noise_free_trajectories(name):
    cell = replace(PULSED[name], dw_min_std=0.0)
    rng = np.random.default_rng(0)
    array = make(cell, W=rng.normal(size=(5, 6)))
    chip = cell.fabricate((1, 6, 5), 3, 0)
    ref = chip.a if name == "soft-bounds-reference" else np.zeros((1, 6, 5))
    expected = array.read().T[None].copy()
    for pulses in (7, -20, 1, 60, -1):
        array.pulse(pulses)
        for at in np.ndindex(expected.shape):
            own = [part[at] if part is not None else 0.0 for part in chip]
            own[2], own[3] = own[2] + ref[at], own[3] + ref[at]
            for _ in range(abs(pulses)):
                expected[at] = one_pulse(name, cell, expected[at], pulses, *own)
        assert np.allclose(array.read().T[None], expected, rtol=0, atol=1e-12)


def test_fabrication_by_hand():
    """Each spread from its own draws, and the asymmetry weakens one side only."""
    shape, seed, number = (2, 3, 4), 9, 5
    xi = lambda q: random.normal(seed, random.stream(random.Stream.CHIP, number), int(q), shape, np.float64)  # noqa: E731
    cell = hw.LinearStep(**SIZES, gamma_up=0.1, gamma_up_dtod=0.3, w_max_dtod=0.5, w_min_dtod=0.4)
    chip = cell.fabricate(shape, seed, number)
    g, r = 1 + 0.2 * xi(Quantity.GAIN), 0.1 * xi(Quantity.ASYMMETRY)
    assert np.array_equal(chip.step_up, np.abs(0.02 * (g + r)))
    assert np.array_equal(chip.step_down, np.abs(0.02 * (g - r - 0.2)))
    assert np.array_equal(chip.bound_up, np.abs(0.9 * (1 + 0.5 * xi(Quantity.BOUND_UP))))
    assert np.array_equal(chip.bound_low, -np.abs(-0.7 * (1 + 0.4 * xi(Quantity.BOUND_LOW))))
    assert np.array_equal(chip.a, np.abs(0.1 + 0.3 * xi(Quantity.EXTRA_A)) / 0.9)
    log = replace(cell, log_normal=True, up_down=-0.3).fabricate(shape, seed, number)
    assert np.allclose(log.step_up, 0.02 * np.abs(np.exp(0.2 * xi(Quantity.GAIN)) + r - 0.3))
    assert np.allclose(log.step_down, 0.02 * np.abs(np.exp(0.2 * xi(Quantity.GAIN)) - r))


def test_the_symmetry_point_is_where_steps_are_equal():
    cell = replace(PULSED["soft-bounds-reference"], dw_min_std=0.0, reference_std=0.0)
    array = make(cell)
    array.pulse(1)
    up = array.read()
    array = make(cell)
    array.pulse(-1)
    assert np.allclose(up, -array.read(), atol=1e-12)


# ----------------------------------------------------------------------------------------------------------------------
# Noise


def spread_of_one_pulse(name, cell, w, y, s):
    c = cell.dw_min_std
    if name == "exp-step":
        return c * (y + cell.noise_add + cell.noise_slope * abs(w))
    if name in ("linear-step", "soft-bounds-reference"):  # additive
        return c * s
    return c * y


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("name", PULSED)
def test_mean_and_variance_of_a_pulse(name, direction):
    cell, w, side = without_spread(PULSED[name], dw_min_std=0.3, dw_min=0.01), 0.25, math.isqrt(FEW)
    array = make(cell, (side, side), W=w)
    array.pulse(direction)
    moved = array.read() - w
    s_up, s_down = cell.dw_min, cell.dw_min * (1 - 0.2)
    a, b = cell.extra_of_mean_cell()
    if name == "linear-step":
        a, b = cell.gamma_up / cell.w_max, cell.gamma_down / cell.w_min
    if name == "soft-bounds-reference":
        a = (s_up - s_down) / (s_up / cell.w_max - s_down / cell.w_min)
    y = abs(one_pulse(name, cell, w, direction, s_up, s_down, cell.w_max, cell.w_min, a, b) - w)
    spread = spread_of_one_pulse(name, cell, w, y, s_up if direction > 0 else s_down)
    assert abs(moved.mean() - direction * y) < 4 * spread / side
    assert abs(moved.var() / spread**2 - 1) < 4 * math.sqrt(2) / side


def test_write_noise_is_shown_and_not_held():
    side = 300 if COMPILED else 30
    cell = replace(PULSED["soft-bounds"], write_noise_std=5.0)
    noisy, silent = make(cell, (side, side), W=0.1), make(PULSED["soft-bounds"], (side, side), W=0.1)
    cells = noisy.state.cells
    for pulses in (0, 3, -2):
        before = noisy.read()
        noisy.pulse(pulses)
        silent.pulse(pulses)
        assert cells.held.tobytes() == silent.state.cells.w.tobytes()
        error = noisy.read() - silent.read()
        assert abs(error.mean()) < 4 * 0.1 / side
        assert error.std() == pytest.approx(5 * 0.02, rel=4 / math.sqrt(2) / side)
        assert (noisy.read() == before).all() == (pulses == 0)


def test_a_cell_that_is_not_touched_keeps_what_it_shows():
    array = make(replace(PULSED["soft-bounds"], write_noise_std=5.0), (5, 6))
    before, sent = array.read(), np.zeros((5, 6), int)
    sent[2, 3] = 4
    array.pulse(sent)
    changed = array.read() != before
    assert changed.sum() == 1
    assert changed[2, 3]


@pytest.mark.parametrize(
    "field", ["dw_min_dtod", "up_down_dtod", "w_max_dtod", "w_min_dtod", "gamma_up_dtod", "gamma_down_dtod"]
)
def test_one_spread_leaves_the_draws_of_the_others(field):
    cell = PULSED["linear-step"]
    with_it, without = (c.fabricate((1, 6, 5), 3, 0)._asdict() for c in (cell, replace(cell, **{field: 0.0})))
    depends = {
        "dw_min_dtod": {"step_up", "step_down"}, "up_down_dtod": {"step_up", "step_down"}, "w_max_dtod": {"bound_up"},
        "w_min_dtod": {"bound_low"}, "gamma_up_dtod": {"a"}, "gamma_down_dtod": {"b"},
    }  # fmt: skip
    different = {name for name in with_it if not np.array_equal(with_it[name], without[name])}
    assert different == depends[field]


def test_noise_between_pulses_leaves_the_rounding():
    rng = np.random.default_rng(1)
    post, pre = 0.03 * rng.normal(size=5), rng.normal(size=6)
    arrays = [
        make(replace(PULSED["soft-bounds"], **change)) for change in ({}, {"dw_min_std": 0.0}, {"write_noise_std": 3.0})
    ]
    for array in arrays:
        for _ in range(5):
            array.update(post, pre)
    for array in arrays[1:]:
        assert np.array_equal(array.state.cells.up, arrays[0].state.cells.up)
        assert np.array_equal(array.state.cells.down, arrays[0].state.cells.down)
    assert not np.array_equal(arrays[0].read(), arrays[1].read())
    assert np.array_equal(arrays[0].read(), np.ascontiguousarray(arrays[2].state.cells.held[0, :, :5].T))


def test_corrupt_cells_are_stuck_and_the_others_are_as_they_were():
    side = 100 if COMPILED else 20
    cell = replace(PULSED["exp-step"], corrupt_prob=0.2, corrupt_range=0.05)
    corrupt, healthy = make(cell, (side, side)), make(PULSED["exp-step"], (side, side))
    stuck = (corrupt.state.cells.bound_low == corrupt.state.cells.bound_up)[0, :, :side].T
    assert abs(stuck.mean() - 0.2) < 4 * math.sqrt(0.2 * 0.8) / side
    before = corrupt.read()
    for array in (corrupt, healthy):
        array.pulse(5)
    assert np.array_equal(corrupt.read()[stuck], before[stuck])
    assert np.abs(before[stuck]).max() <= 0.05
    assert np.array_equal(corrupt.read()[~stuck], healthy.read()[~stuck])


# ----------------------------------------------------------------------------------------------------------------------
# Whole pulses


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("request_", [0.3, -0.3, 2.6, -1.75])
def test_stochastic_rounding_is_right_in_the_mean(request_, dtype):
    side = 500 if COMPILED else 30
    array = make(replace(PULSED["constant-step"], up_down=0.0), (side, side), dtype=dtype)
    array.update(np.full(side, request_ * array.cell.granularity), np.ones(side))
    up, down = (counter[0, :, :side].astype(np.int64) for counter in (array.state.cells.up, array.state.cells.down))
    counts, part = up - down, request_ % 1
    assert set(np.unique(counts)) == {math.floor(request_), math.ceil(request_)}
    assert abs(counts.mean() - request_) < 4 * math.sqrt(part * (1 - part)) / side
    assert not (up & down).any()


def test_nearest_rounding_and_the_most_pulses():
    array = make(replace(PULSED["constant-step"], rounding="nearest", most_pulses=9), (7, 1))
    unit = array.cell.granularity
    array.update(np.array([0.4, 0.6, -0.4, -0.6, 3.2, 1e9, -np.inf]) * unit, [1.0])
    up, down = (counter[0, 0, :7].tolist() for counter in (array.state.cells.up, array.state.cells.down))
    assert up == [0, 1, 0, 0, 3, 9, 0]
    assert down == [0, 0, 0, 1, 0, 0, 9]
    array.update(np.full(7, np.nan), [1.0])
    assert [counter[0, 0, :7].tolist() for counter in (array.state.cells.up, array.state.cells.down)] == [up, down]


def test_granularity_is_the_mean_step_in_the_middle():
    for name, cell in PULSED.items():
        silent = without_spread(cell)
        if name == "soft-bounds-reference":
            silent = replace(silent, subtract_symmetry_point=False)
        up, down = make(silent), make(silent)
        up.pulse(1)
        down.pulse(-1)
        assert silent.granularity == pytest.approx((up.read()[0, 0] - down.read()[0, 0]) / 2, rel=1e-12), name


def test_few_cells_are_pulsed_like_many():
    """Only those cells are visited then, with the same draws."""
    rng = np.random.default_rng(2)
    for dtype in (np.float32, np.float64):
        counts = rng.integers(-3, 4, size=(90, 4))
        few = np.where(rng.random(size=(90, 4)) < 0.1, counts, 0)
        many, some = (make(PULSED["exp-step"], (90, 4), dtype=dtype) for _ in range(2))
        many.pulse(counts)
        some.pulse(few)
        at = few != 0
        assert at.any()
        assert many.read()[at].tobytes() == some.read()[at].tobytes()
        assert not some.read()[~at].any()
        for array, sent in ((many, counts), (some, few)):
            up, down = (counter[0, :, :90].T for counter in (array.state.cells.up, array.state.cells.down))
            assert np.array_equal(up, np.maximum(sent, 0))
            assert np.array_equal(down, np.maximum(-sent, 0))


def test_draws_are_keyed_by_chip_array_and_write():
    def after(writes=1, **options):
        array = make(PULSED["soft-bounds"], **options)
        for _ in range(writes):
            array.pulse(1)
        return array.read()

    assert np.array_equal(after(), after())
    for other in (after(seed=4), after(number=1)):
        assert not np.isin(after(), other).any()
    moved = after(), after(2) - after()
    assert np.corrcoef(moved[0].ravel(), moved[1].ravel())[0, 1] < 0.999


def test_a_sweep_writes_pulses_then_reads():
    for gain in ((1.0,), (1.0, -1.0)):
        rng = np.random.default_rng(1)
        post, pre, x = 0.03 * rng.normal(size=5), rng.normal(size=6), rng.normal(size=(2, 6))
        cell = replace(PULSED["soft-bounds"], write_noise_std=2.0)
        together, apart = make(cell, weight=Devices(gains=gain)), make(cell, weight=Devices(gains=gain))
        apart.update(post, pre)
        assert together.sweep(x, post, pre).tobytes() == apart.matvec(x).tobytes()
        assert np.allclose(together.matvec(x), x @ together.read().T, rtol=1e-13)
        before = together.read()
        together.pulse(30)
        assert (together.read() > before).mean() > 0.9


@pytest.mark.filterwarnings("ignore::hardware_models.HardwareWarning")
def test_programming_is_exact_within_the_bounds_of_each_cell():
    cell = replace(PULSED["soft-bounds-reference"], w_max_dtod=0.3)
    array, W = make(cell, W=3.0), 0.1 * np.random.default_rng(0).normal(size=(5, 6))
    cells = array.state.cells
    assert np.array_equal(array.read().T, cells.bound_up[0, :, :5])
    array.program(W)
    assert np.array_equal(array.read(), np.clip(W, cells.bound_low[0, :, :5].T, cells.bound_up[0, :, :5].T))
    assert not cells.up.any()


def test_padding_stays_zero():
    for name in ("soft-bounds", "piecewise-step"):
        array = make(replace(PULSED[name], write_noise_std=2.0), weight=Devices(gains=(1.0, -1.0)))
        array.pulse(3)
        array.update(np.ones(5), np.ones(6))
        assert not array.state.cells.w[:, :, 5:].any()


# ----------------------------------------------------------------------------------------------------------------------
# Strength zero


@pytest.mark.parametrize(
    ("cell", "plain", "tolerance"),
    [
        (hw.LinearStep(gamma_up_dtod=0, gamma_down_dtod=0), hw.ConstantStep(), 0),
        (hw.PiecewiseStep(), hw.ConstantStep(), 0),
        (hw.PowStep(gamma_up=0, gamma_down=0, gamma_up_dtod=0, gamma_down_dtod=0), hw.ConstantStep(), 0),
        (hw.ExpStep(A_up=0, A_down=0), hw.ConstantStep(), 1e-12),
        (hw.SoftBoundsReference(reference_std=0, multiplicative_noise=True), hw.SoftBounds(), 1e-12),
        (hw.LinearStep(gamma_up=1, gamma_down=1, gamma_up_dtod=0, gamma_down_dtod=0, mean_bound_reference=False,
                       multiplicative_noise=True), hw.SoftBounds(), 1e-12),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, PulsedCell) else "",
)  # fmt: skip
def test_a_shape_of_strength_zero_is_the_plainer_cell(cell, plain, tolerance):
    found = []
    for model in (cell, plain):
        array = make(replace(model, dw_min=0.01))
        array.pulse(30)
        array.pulse(-10)
        found.append(array.read())
    assert np.abs(found[0] - found[1]).max() <= tolerance


# ----------------------------------------------------------------------------------------------------------------------
# The contract


@pytest.mark.parametrize("name", PULSED)
def test_every_cell_keeps_the_contract(name):
    check_device(PULSED[name])


@kernel
def user_up(p, w, step, upper, lower, a, b, xi):
    return w + step * (upper - w) * (upper - w) * (type(w)(1) + p.dw_min_std * xi)


@kernel
def user_down(p, w, step, upper, lower, a, b, xi):
    return w - step * (w - lower) * (w - lower) * (type(w)(1) + p.dw_min_std * xi)


@kernel
def wide_up(p, w, step, upper, lower, a, b, xi):
    return w + step * np.float64(1.0)


@dataclass(frozen=True, kw_only=True)
class Quadratic(PulsedCell):
    pulse_up, pulse_down = staticmethod(user_up), staticmethod(user_down)


@dataclass(frozen=True, kw_only=True)
class Wide(Quadratic):
    pulse_up = staticmethod(wide_up)


@dataclass(frozen=True, kw_only=True)
class Reversed(Quadratic):
    pulse_up, pulse_down = staticmethod(user_down), staticmethod(user_up)


def test_a_cell_of_ones_own():
    check_device(Quadratic(dw_min=0.01))
    with pytest.raises(AssertionError, match="Wide returns float64 if pulse_up is given float32"):
        check_device(Wide(dw_min=0.01))
    with pytest.raises(ValueError, match="formulas of Reversed must move a cell"):
        check_device(Reversed(dw_min=0.01))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: hw.ConstantStep(dw_min=0), "The 'dw_min' parameter of ConstantStep must be positive. Got 0 instead."),
        (
            lambda: hw.ConstantStep(dw_min_std=-1),
            "The 'dw_min_std' parameter of ConstantStep must be 0 or more. Got -1 instead.",
        ),
        (lambda: hw.SoftBounds(w_max=-1), "The 'w_max' parameter of SoftBounds must be 0 or more. Got -1 instead."),
        (lambda: hw.ConstantStep(w_min=1), "The 'w_min' parameter of ConstantStep must be 0 or less. Got 1 instead."),
        (
            lambda: hw.ConstantStep(w_min=0, w_max=0),
            "The 'w_max' parameter of ConstantStep must be above w_min: bounds",
        ),
        (lambda: hw.SoftBounds(w_min=0), "The 'w_min' parameter of SoftBounds must be other than 0"),
        (lambda: hw.PowStep(gamma_up=math.nan), "The 'gamma_up' parameter of PowStep must be finite. Got nan instead."),
        (
            lambda: hw.ConstantStep(up_down=1),
            "The 'up_down' parameter of ConstantStep must be between −1 and 1. Got 1 instead.",
        ),
        (
            lambda: hw.ConstantStep(corrupt_prob=2),
            "The 'corrupt_prob' parameter of ConstantStep must be at most 1. Got 2",
        ),
        (
            lambda: hw.ConstantStep(rounding="up"),
            "The 'rounding' parameter of ConstantStep must be 'stochastic' or 'nearest'.",
        ),
        (
            lambda: hw.ConstantStep(most_pulses=0),
            "The 'most_pulses' parameter of ConstantStep must be a whole number from 1 to 65535. Got 0",
        ),
        (
            lambda: hw.ConstantStep(most_pulses=2.5),
            "The 'most_pulses' parameter of ConstantStep must be a whole number",
        ),
        (
            lambda: hw.ConstantStep(dw_min="1"),
            "The 'dw_min' parameter of ConstantStep must be a number. Got '1' instead.",
        ),
        (
            lambda: hw.ConstantStep(w_max=None),
            "The 'w_max' parameter of ConstantStep must be a number. Got None instead.",
        ),
        (
            lambda: hw.SoftBounds(dw_min=1.5),
            "The 'dw_min' parameter of SoftBounds must be at most w_max − w_min, 1.2: a cell has one state at least.",
        ),
        (lambda: hw.PowStep(gamma_down=-1.0), "The 'gamma_down' parameter of PowStep must be 0 or more: steps shrink"),
        (
            lambda: hw.LinearStep(gamma_up=-1.0),
            "The 'gamma_up' parameter of LinearStep must be 0 or more: steps shrink",
        ),
        (
            lambda: hw.PiecewiseStep(nodes_up=(1.0, "2")),
            "The 'nodes_up' parameter of PiecewiseStep must be a tuple of two or more",
        ),
        (
            lambda: hw.PiecewiseStep(nodes_up=(1.0,)),
            "The 'nodes_up' parameter of PiecewiseStep must be a tuple of two or more",
        ),
        (
            lambda: hw.ExpStep(noise_add=-0.1),
            "The 'noise_add' parameter of ExpStep must be 0 or more. Got -0.1 instead.",
        ),
        (lambda: hw.ExpStep(A_up=9.0, A_down=9.0, es_b=0.0), "The formulas of ExpStep must move a cell at w = 0."),
    ],
)
def test_what_cannot_be_built(build, sentence):
    with pytest.raises(ValueError) as error:
        SynapseArray((2, 3), build())
    assert str(error.value).startswith(sentence)


def test_only_pulsed_cells_are_checked():
    with pytest.raises(ValueError, match=r"^The 'cell' parameter of check_device must be a PulsedCell. Got Digital"):
        check_device(Digital())


def test_what_cannot_be_pulsed():
    for cell, pulses, sentence in [
        (Ideal(), 1, "The cells of this array, Ideal(), have no pulses."),
        (
            Digital(),
            0.5,
            "The 'pulses' parameter of pulse must be whole numbers up to 65535, one or (5, 6). Got 0.5 instead.",
        ),
        (Digital(), [1, 2], "The 'pulses' parameter of pulse must be whole numbers"),
        (PULSED["constant-step"], 70000, "The 'pulses' parameter of pulse must be whole numbers"),
    ]:
        array = make(cell)
        with pytest.raises(ValueError) as error:
            array.pulse(pulses)
        assert str(error.value).startswith(sentence)
    digital = make(Digital(bits=4))
    digital.pulse(2)
    assert np.allclose(digital.read(), 2 / 7)


# ----------------------------------------------------------------------------------------------------------------------
# Draws of single elements


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_elements_of_a_row_of_normals(dtype):
    row, places, out = np.empty(300, dtype), np.array([0, 15, 16, 63, 64, 100, 299], np.int32), np.zeros(9, dtype)
    random.fill_normal(7, 4, 3 + (5 << 32), 2, row)
    random.fill_normal_at(7, 4, 3 + (5 << 32), 2, places, 7, np.zeros(7, np.uint32), out)
    assert out[:7].tobytes() == row[places].tobytes()
    assert not out[7:].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_of_one_cell_pulse_after_pulse(dtype):
    out, row = np.zeros(21, dtype), np.empty(100, dtype)
    random.fill_normal_along(7, 4, 3 + (5 << 32), 2, 83, 20, np.zeros(20, np.uint32), out)
    for r in range(20):
        random.fill_normal(7, 4, 3 + (5 + r << 32), 2, row)
        assert out[r] == row[83]
    assert out[20] == 0


@pytest.mark.parametrize(
    "cell", [hw.SoftBounds(dw_min_std=0.4), replace(hw.PRESETS["reram-es"].cells, write_noise_std=0.0)]
)
def test_a_few_long_runs_are_what_pulses_one_at_a_time_would_be(cell):
    """Cells of a row with few, many, and more pulses than are drawn at a time: each by itself comes out the same."""
    pulses = np.zeros((40, 1), int)
    pulses[[0, 3, 7, 20, 21, 22, 23, 24, 25, 39], 0] = 300, -17, 1, 2, -2, 3, 40, 1, 1, -129
    together = make(cell, shape=(40, 1))
    together.pulse(pulses)
    for i in np.flatnonzero(pulses):
        alone = make(cell, shape=(40, 1))
        alone.pulse(np.where(np.arange(40)[:, None] == i, pulses, 0))
        assert alone.read()[i] == together.read()[i] != 0


# ----------------------------------------------------------------------------------------------------------------------
# Asymmetric steps, and spreads in percent

BARE = {"dw_min_std": 0.0, "dw_min_dtod": 0.0, "up_down_dtod": 0.0, "w_max_dtod": 0.0, "w_min_dtod": 0.0}


@pytest.mark.parametrize(("up", "down"), [(50, 200), (200, 50), (64, 64), (1, 3), (12.5, 80)])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.2, 0.6), (0.0, 2.0)])
def test_steps_from_pulses(up, down, low, high):
    """So many pulses up from the lower bound end at the upper one, and so many down come back: to the step."""
    cell = hw.ConstantStep.from_pulses(up=up, down=down, w_max=high, w_min=low, **BARE)
    cell.check()
    array = hw.SynapseArray((1, 1), cell, weight_scale=1.0, dtype=np.float64)
    for start, way, pulses in ((low, 1, up), (high, -1, down)):
        array.program([[start]])
        array.pulse(way)
        assert abs(array.read()[0, 0] - start) == pytest.approx((high - low) / pulses)
    chip = cell.mean_chip()
    assert chip.step_up.item() / chip.step_down.item() == pytest.approx(down / up)


def test_up_down_only_weakens_one_direction():
    """The trap that `from_pulses` is for: the mean step and its relative difference make other steps."""
    chip = hw.ConstantStep(dw_min=0.025, up_down=0.6, w_max=1.0, w_min=-1.0, **BARE).mean_chip()
    assert (chip.step_up.item(), chip.step_down.item()) == pytest.approx((0.025, 0.01))
    assert "weakens one direction" in " ".join(hw.PulsedCell.__doc__.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"up": 0, "down": 3}, "The 'up' parameter of from_pulses must be pulses, 1 or more. Got 0 instead."),
        ({"up": 3, "down": np.inf}, "The 'down' parameter of from_pulses must be pulses, 1 or more. Got inf instead."),
        ({"up": 3, "down": True}, "The 'down' parameter of from_pulses must be pulses, 1 or more. Got True instead."),
        ({"up": 3, "down": 5, "dw_min": 0.1}, "The 'dw_min' parameter of from_pulses cannot be combined with pulses up and down"),
        ({"up": 3, "down": 5, "up_down": 0.1}, "The 'up_down' parameter of from_pulses cannot be combined with pulses up and down"),
    ],
)  # fmt: skip
def test_pulses_that_make_no_cell(arguments, sentence):
    with pytest.raises(hw.ParameterError) as error:
        hw.ConstantStep.from_pulses(**arguments)
    assert str(error.value).startswith(sentence)


KINDS = {name: cls for name, cls in CELLS.items() if issubclass(cls, PulsedCell)}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("field", ["dw_min_dtod", "up_down_dtod", "w_max_dtod", "w_min_dtod", "dw_min_std"])
@pytest.mark.parametrize("log_normal", [False, True])
def test_spreads_in_percent_are_refused(name, field, log_normal):
    if name == "measured" and field == "dw_min_std":
        return  # noise of data is what it is
    with pytest.raises(hw.ParameterError, match=r"It is a fraction, not a percentage: 30 % is 0\.3\.") as error:
        KINDS[name](**{field: 30.0, "log_normal": log_normal}).check()
    assert error.value.name == field
    KINDS[name](**{field: 0.3}).check()


@pytest.mark.parametrize(
    ("part", "field"),
    [(hw.Drift, "nu_dtod"), (hw.Drift, "nu_std"), (hw.Leak, "lifetime_dtod"), (hw.Retention, "lifetime_dtod"), (hw.Diffusion, "dtod"),
     (hw.Reading, "gain_std"), (Neurons, "gain_std"), (Neurons, "slope_std"), (Neurons, "saturation_std")],
)  # fmt: skip
def test_so_are_those_of_other_parts(part, field):
    needed = {
        hw.Drift: {"nu": 0.1},
        hw.Leak: {"lifetime": 1.0},
        hw.Retention: {"lifetime": 1.0},
        hw.Diffusion: {"std": 0.1},
    }
    with pytest.raises(hw.ParameterError, match=r"It is a fraction, not a percentage: 30 % is 0\.3\."):
        part(**needed.get(part, {}), **{field: 30.0}).check()
