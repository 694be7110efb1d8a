"""The network of wires against Kirchhoff, energy, reciprocity and closed forms; the fast form against the network."""

from __future__ import annotations

import dataclasses
import itertools
import re

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.reading import wiring
from hardware_models.reading.wires_exact import error_of_fast_form, exact_read, solve_network
from hardware_models.reading.wiring import Wires, fast_read

pytestmark = pytest.mark.kernels
ENDS = list(itertools.product(("left", "right", "both"), ("bottom", "top")))
G0 = 1e-4  # S, of one device unit


def wires(word=3.0, bit=5.0, ends=("left", "bottom")):
    return Wires(word_resistance=word, bit_resistance=bit, conductance=G0, driver=ends[0], sense=ends[1])


def cells(shape, seed=0):
    """Conductances between G0/10 and G0, one in five missing [S]."""
    rng = np.random.default_rng(seed)
    return G0 * rng.uniform(0.1, 1, shape) * (rng.uniform(size=shape) > 0.2)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


# ----------------------------------------------------------------------------------------------------------------------
# The exact solve


def branches(G, x, found, w):
    """Every resistor, one at a time: (node, node, volts, volts, conductance)."""
    p, m, n = G.shape
    V, B = found.word_volts, found.bit_volts
    for j in range(m):
        for i in range(n):
            for k in range(p):
                yield ("w", j, i), ("b", k, j, i), V[j, i], B[k, j, i], G[k, j, i]
            if i + 1 < n:
                yield ("w", j, i), ("w", j, i + 1), V[j, i], V[j, i + 1], 1 / w.word_resistance
        for i in {"left": (0,), "right": (n - 1,), "both": (0, n - 1)}[w.driver]:
            yield ("driver", j), ("w", j, i), x[j], V[j, i], 1 / w.word_resistance
    for k in range(p):
        for i in range(n):
            for j in range(m - 1):
                yield ("b", k, j, i), ("b", k, j + 1, i), B[k, j, i], B[k, j + 1, i], 1 / w.bit_resistance
            end = m - 1 if w.sense == "bottom" else 0
            yield ("b", k, end, i), ("sense", k, i), B[k, end, i], 0.0, 1 / w.bit_resistance


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("shape", [(1, 6, 5), (2, 4, 7), (1, 1, 1), (3, 1, 4)])
def test_kirchhoff_and_energy(shape, ends):
    """What flows into a node flows out, to 1e-9 of the largest current; what drivers give, resistors turn to heat."""
    G, x, w = cells(shape), np.random.default_rng(1).uniform(-1, 1, shape[1]), wires(ends=ends)
    found = solve_network(G, x, w)
    into, largest, heat, given = {}, 0.0, 0.0, 0.0
    for a, b, va, vb, g in branches(G, x, found, w):
        current = g * (va - vb)
        for node, sign in ((a, -1), (b, 1)):
            into[node] = into.get(node, 0.0) + sign * current
        largest = max(largest, abs(current))
        heat += current * (va - vb)
        given += x[a[1]] * current if a[0] == "driver" else 0
    inner = [node for node in into if node[0] in "wb"]
    assert len(inner) == shape[1] * shape[2] * (1 + shape[0])
    assert max(abs(into[node]) for node in inner) < 1e-9 * largest
    sensed = np.array([[into["sense", k, i] for i in range(shape[2])] for k in range(shape[0])])
    assert relative(found.currents, sensed) < 1e-9
    assert given == pytest.approx(heat, rel=1e-9)
    assert given > 0


def test_kirchhoff_at_128_cells():
    G, x, w = cells((1, 128, 128)), np.random.default_rng(1).uniform(-1, 1, 128), wires()
    found = solve_network(G, x, w)
    V, B = found.word_volts, found.bit_volts[0]
    across = G[0] * (V - B)
    along = np.diff(np.hstack([x[:, None], V, V[:, -1:]]), axis=1) / -w.word_resistance  # current to the right
    down = np.diff(np.vstack([B[:1], B, np.zeros(128)]), axis=0) / -w.bit_resistance
    for net, scale in ((-np.diff(along, axis=1) - across, along), (-np.diff(down, axis=0) + across, down)):
        assert np.abs(net).max() < 1e-9 * np.abs(scale).max()


def test_one_cell_is_three_resistors_in_series():
    found = solve_network([[G0]], [0.7], wires(30.0, 50.0))
    assert found.currents[0, 0] == pytest.approx(0.7 / (30 + 50 + 1 / G0), rel=1e-12)
    both = solve_network([[G0]], [0.7], wires(30.0, 50.0, ("both", "top")))
    assert both.currents[0, 0] == pytest.approx(0.7 / (15 + 50 + 1 / G0), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_uniform_ladder_has_a_closed_form(n):
    """V_i = x cosh((n − i − ½) θ) / cosh((n + ½) θ),  4 sinh²(θ/2) = R G: along one word line, and along one bit line."""
    R = 400.0
    theta = 2 * np.arcsinh(np.sqrt(R * G0) / 2)
    V = np.cosh((n - np.arange(n) - 0.5) * theta) / np.cosh((n + 0.5) * theta)
    word = solve_network(np.full((1, n), G0), [1.0], wires(R, 0.0))
    assert np.allclose(word.word_volts[0], V, rtol=1e-12)
    assert np.allclose(word.currents[0], G0 * V, rtol=1e-12)
    bit = solve_network(np.full((n, 1), G0), np.ones(n), wires(0.0, R, ("left", "top")))
    assert bit.currents[0, 0] == pytest.approx(G0 * V.sum(), rel=1e-12)  # by reciprocity


@pytest.mark.parametrize("ends", ENDS)
def test_without_resistance_nothing_is_lost(ends):
    G, x = cells((2, 5, 4)), np.random.default_rng(1).normal(size=(3, 5))
    ideal = np.einsum("pji,kj->kpi", G, x)
    assert np.allclose(solve_network(G, x, wires(0.0, 0.0, ends)).currents, ideal, rtol=1e-14)
    near = solve_network(G, x, wires(1e-7, 1e-7, ends)).currents
    assert relative(near, ideal) < 1e-9


@pytest.mark.parametrize(("driver", "sense"), [ends for ends in ENDS if ends[0] != "both"])
def test_the_network_is_reciprocal(driver, sense):
    """Driving bit lines where they are sensed, and sensing word lines where they are driven, gives the transpose."""
    G = cells((6, 5))
    forward = solve_network(G, np.eye(6), wires(30.0, 50.0, (driver, sense))).currents[:, 0]
    ends = "right" if sense == "bottom" else "left", "bottom" if driver == "right" else "top"
    back = solve_network(G.T, np.eye(5), wires(50.0, 30.0, ends)).currents[:, 0]
    assert relative(back, forward.T) < 1e-12
    assert relative(G, forward) > 0.01


# ----------------------------------------------------------------------------------------------------------------------
# The fast form


def signed(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("word", "bit"), [(300.0, 0.0), (0.0, 300.0)])
def test_fast_is_exact_where_one_kind_of_line_resists(word, bit, ends):
    w, x, lines = signed((9, 6)), signed((2, 9), 1), wires(word, bit, ends)
    exact = exact_read(w, x, lines)
    assert relative(x @ w, exact) > 0.1
    assert relative(fast_read(w, x, lines), exact) < 1e-11


@pytest.mark.parametrize("ends", ENDS)
def test_fast_is_exact_to_first_order(ends):
    """A tenth of the resistance: a hundredth of the error, which is below a hundredth of the loss."""
    w, x = signed((9, 6)), np.abs(signed((2, 9), 1))
    errors, losses = [], []
    for r in (0.1, 1.0):
        lines = wires(3 * r, 5 * r, ends)
        exact = exact_read(w, x, lines)
        errors.append(np.linalg.norm(fast_read(w, x, lines) - exact))
        losses.append(np.linalg.norm(x @ w - exact))
    assert errors[0] == pytest.approx(errors[1] / 100, rel=0.2)
    assert errors[1] < losses[1] / 100


def test_fast_is_exact_where_bit_lines_rise_alike():
    """Equal cells and word lines without resistance, and equal everything seen from a single bit line."""
    lines = wires(200.0, 300.0)
    w, x = signed((7, 1)) ** 2, signed((2, 7), 1)
    assert relative(fast_read(w, x, lines), exact_read(w, x, lines)) < 1e-11


def test_devices_add_up_by_their_gains():
    """Two devices a weight are four cells on a word line and four bit lines."""
    w, x, gains, lines = signed((2, 8, 5)), signed((3, 8), 1), (2.0, -0.5), wires()
    exact = exact_read(w, x, lines, gains)
    ideal = np.einsum("k,kji,cj->ci", gains, w, x)
    assert relative(fast_read(w, x, lines, gains), exact) < 0.01 * relative(ideal, exact)
    alone = exact_read(w[:1], x, lines, (2.0,)) + exact_read(w[1:], x, lines, (-0.5,))
    assert relative(alone, exact) > 0.1 * relative(ideal, exact)  # they load the same word lines


def test_fast_is_linear_and_columns_do_not_mix():
    w, x, lines = signed((10, 7)), signed((3, 10), 1), wires(30.0, 50.0)
    y = fast_read(w, x, lines)
    assert np.allclose(y, x @ fast_read(w, np.eye(10), lines), rtol=1e-10)
    assert np.allclose(y[1], fast_read(w, x[1], lines), rtol=1e-12)
    assert np.allclose(fast_read(w, -2 * x, lines), -2 * y, rtol=1e-12)
    assert np.allclose(fast_read(-w, x, lines), -y, rtol=1e-12)


def test_ends_mirror_each_other():
    w, x = signed((10, 7)), signed((2, 10), 1)
    for read in (fast_read, exact_read):
        y = read(w, x, wires())
        assert np.allclose(read(w[:, ::-1], x, wires(ends=("right", "bottom")))[:, ::-1], y, rtol=1e-10)
        assert np.allclose(read(w[::-1], x[:, ::-1], wires(ends=("left", "top"))), y, rtol=1e-10)


def test_near_lines_lose_less():
    """With equal cells and inputs the output next to the driver gets most, and driving both ends helps every output."""
    w, x = np.ones((12, 12)), np.ones(12)
    left, right, both = (fast_read(w, x, wires(ends=(driver, "bottom"))) for driver in ("left", "right", "both"))
    assert (np.diff(left) < 0).all()
    assert (np.diff(right) > 0).all()
    assert (both > np.maximum(left, right)).all()
    assert (both < 12).all()


def test_what_cells_add_slowly_counts():
    """The offset of slow noise is part of the conductance."""
    from hardware_models.numerics import memory
    from hardware_models.numerics.record import record

    w, offset, x = signed((2, 5, 4)), 0.1 * signed((2, 5, 4), 2), memory.place(signed((2, 5), 1), np.float64)

    def lost(w, slow):
        scratch = wiring.make_scratch(2, 5, 4, 2, np.float64)
        place = lambda a: memory.place(a, np.float64) if a.size > 1 else a  # noqa: E731
        numbers = record(wires().numbers(np.float64))
        wiring.lose(place(w), place(slow), np.array([1.0, -1.0]), 4, x, numbers, record(scratch))
        return scratch.lost

    assert np.allclose(lost(w, offset), lost(w + offset, np.zeros((1, 1, 1))), rtol=1e-12)


def table():
    """The rows of the docstring: wires, cells, and four errors."""
    row = r"([\d.]+) Ω +(\d+) µS +(\d+) × \d+ +(\S+) +(\S+) +(\S+) +(\S+)\n"
    for ohm, micro, n, *errors in re.findall(row, wiring.__doc__):
        lines = Wires(word_resistance=float(ohm), bit_resistance=float(ohm), conductance=float(micro) * 1e-6)
        yield lines, int(n), errors


@pytest.mark.parametrize("row", range(6))
def test_the_table_of_errors(row):
    """The docstring says what is measured: both columns at 64 cells, the harder one above."""
    lines, n, errors = list(table())[row]
    for low, expected in ((0, errors[:2]), (-1, errors[2:]))[: 2 if n == 64 else 1]:
        assert [f"{error:.1e}" for error in error_of_fast_form(n, lines, low)] == expected
    assert len(list(table())) == 6


MEASURED = {
    1.0: 0.0019,
    5.0: 0.036,
    20.0: 0.145,
}  # Ω: relative error at 128 × 128, 100 µS, weights and inputs uniform on (0, 1)
STRUCTURES = {
    "positive": lambda rng, m, n: rng.uniform(0, 1, (m, n)),
    "signed": lambda rng, m, n: rng.uniform(-1, 1, (m, n)),
    "ones": lambda rng, m, n: np.ones((m, n)),
    "near outputs": lambda rng, m, n: np.ones((m, n)) * (np.arange(n) < n // 2),
    "far outputs": lambda rng, m, n: np.ones((m, n)) * (np.arange(n) >= n // 2),
    "half of the inputs": lambda rng, m, n: np.ones((m, n)) * (np.arange(m) < m // 2)[:, None],
    "one output": lambda rng, m, n: np.where(np.arange(n) == n - 1, 1, 0.02) * np.ones((m, n)),
    "ramp": lambda rng, m, n: np.linspace(0, 1, n) * np.ones((m, n)),
    "sparse": lambda rng, m, n: 1.0 * (rng.random((m, n)) < 0.1),
}


@pytest.mark.parametrize("ohm", MEASURED)
def test_the_bound_covers_what_was_reported(ohm):
    lines = Wires(word_resistance=ohm, bit_resistance=ohm, conductance=1e-4)
    rng = np.random.default_rng(1)
    w, x = rng.uniform(0, 1, (128, 128)), rng.uniform(0, 1, 128)
    error = relative(fast_read(w, x, lines), exact_read(w, x, lines))
    assert error == pytest.approx(MEASURED[ohm], rel=0.2)
    assert error < wiring.error_bound((128, 128), lines) < 0.5


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("shape", [(24, 24), (40, 12), (12, 30)])
def test_the_bound_covers_the_error(shape, structure):
    """Any weights tried, any ends, unequal resistances; in parts of what inputs of one sign read."""
    (m, n), rng = shape, np.random.default_rng(3)
    w, x = STRUCTURES[structure](rng, m, n), np.stack([rng.uniform(0, 1, m), np.ones(m), rng.uniform(-1, 1, m)])
    for word, bit in ((1, 1), (10, 10), (60, 60), (2, 50), (50, 2), (0, 20), (20, 0)):
        for ends in ENDS if structure in ("positive", "far outputs") else ENDS[:1]:
            lines = wires(float(word), float(bit), ends)
            exact, size = exact_read(w, x, lines), exact_read(np.abs(w), np.abs(x), lines)
            error = np.linalg.norm(fast_read(w, x, lines) - exact, axis=1) / np.linalg.norm(size, axis=1)
            assert error.max() < wiring.error_bound((n, m), lines) + 1e-12, (word, bit, ends)


def test_arrays_beyond_the_fast_form_say_so():
    make = lambda ohm, shape=(128, 128), **options: hw.SynapseArray(  # noqa: E731
        shape, reading=hw.Reading(wires=Wires(word_resistance=ohm, bit_resistance=ohm, conductance=1e-4)), **options
    )
    sentence = r"^What is read through the wires of 128 × 128 weights of 100 µS may be wrong by up to .* % .*exact_read solves them exactly\.$"
    for ohm in (5.0, 20.0):
        with pytest.warns(hw.HardwareWarning, match=sentence):
            make(ohm)
    with pytest.warns(hw.HardwareWarning):  # twice the current on every line
        make(0.7, weight=hw.DifferentialPair())
    make(0.7)
    make(20.0, (20, 20))
    assert wiring.error_bound((128, 128), wires(0.0, 20.0)) == wiring.error_bound((128, 128), wires(20.0, 0.0)) == 0
    assert wiring.error_bound((256, 256), Wires(conductance=5e-6)) < 2e-3  # the defaults: far from it


def test_the_conductance_is_that_of_the_cells():
    """25 µS of PCM, unless wires say otherwise; what nothing is known of has 5 µS. Currents of SONOS are none."""
    read = hw.Reading(wires=Wires(word_resistance=2.0, bit_resistance=2.0))
    found = lambda reading=read, **made: hw.Hardware(reading=reading, **made).array((4, 4)).parts.readout.wires.siemens  # noqa: E731
    assert found(programming=hw.PCMLike()) == pytest.approx(25e-6)
    assert found(programming=hw.ReRamCMO()) == pytest.approx(88.2e-6)
    assert found() == found(cells=hw.Digital()) == found(programming=hw.SONOS()) == 5e-6
    told = hw.Reading(wires=Wires(conductance=1e-6))
    assert found(told, programming=hw.PCMLike()) == 1e-6
    arrays = [hw.Hardware(programming=hw.PCMLike(programming_strength=0, read_strength=0, drift_strength=0), reading=hw.Reading(
        wires=Wires(word_resistance=2.0, bit_resistance=2.0, conductance=siemens))).array((20, 20)) for siemens in (None, 25e-6, 5e-6)]  # fmt: skip
    for array in arrays:
        array.program(np.ones((20, 20)))
    own, same, other = (array.matvec(np.ones(20)) for array in arrays)
    assert np.array_equal(own, same) and not np.allclose(own, other)


def test_float32_keeps_its_digits():
    from hardware_models.numerics import memory
    from hardware_models.numerics.record import record

    lost = {}
    for dtype in (np.float32, np.float64):
        scratch = wiring.make_scratch(1, 20, 20, 1, dtype)
        w, x = (memory.place(a, dtype) for a in (signed((1, 20, 20)), signed((1, 20), 1)))
        numbers = record(wires().numbers(dtype))
        wiring.lose(w, np.zeros((1, 1, 1), dtype), np.ones(1, dtype), 20, x, numbers, record(scratch))
        assert scratch.lost.dtype == dtype
        lost[dtype] = scratch.lost[:, :20]
    assert np.abs(lost[np.float32] - lost[np.float64]).max() < 20 * np.finfo(np.float32).eps


# ----------------------------------------------------------------------------------------------------------------------
# Sentences


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"word_resistance": -1.0}, "The 'word_resistance' parameter of Wires must be 0 or more. Got -1.0 instead."),
        ({"bit_resistance": np.inf}, "The 'bit_resistance' parameter of Wires must be 0 or more. Got inf instead."),
        ({"conductance": 0.0}, "The 'conductance' parameter of Wires must be positive. Got 0.0 instead."),
        ({"driver": "near"}, "The 'driver' parameter of Wires must be 'left', 'right' or 'both'. Got 'near' instead."),
        ({"sense": "left"}, "The 'sense' parameter of Wires must be 'bottom' or 'top'. Got 'left' instead."),
    ],
)
def test_wires_that_cannot_be(change, sentence):
    with pytest.raises(ValueError) as error:
        dataclasses.replace(wires(), **change).check()
    assert str(error.value) == sentence


def test_networks_that_cannot_be():
    for call, sentence in [
        (lambda: solve_network([[-1.0]], [1.0], wires()), "The 'conductances' parameter of solve_network must be finite"),
        (lambda: solve_network([[1.0]], [1.0, 2.0], wires()), "The 'volts' parameter of solve_network must be rows of 1 numbers. Got"),
        (lambda: fast_read([[1.0]], [1.0, 2.0], wires()), "The 'x' parameter must be rows of 1 numbers. Got shape (1, 2)"),
        (lambda: exact_read([[1.0]], [1.0], wires(), (1.0, -1.0)), "The 'gains' parameter must be one number for each of 1"),
    ]:  # fmt: skip
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("read", [hw.fast_read, hw.exact_read])
def test_operands_of_other_shapes_are_refused_by_name(read):
    w, x, wires = np.ones((3, 2)), np.ones(3), hw.Wires()
    assert read(w, np.zeros((0, 3)), wires).shape == (0, 2)
    for bad in (np.zeros((3, 0)), np.zeros((0, 2)), 1.0, "abc", [[1.0], [1.0, 2.0]]):
        with pytest.raises(hw.ParameterError) as error:
            read(bad, x, wires)
        assert error.value.name == "w"
    for bad in (np.ones((2, 3, 1)), 1.0, [], "abc", [1j, 0, 0], np.ones(4)):
        with pytest.raises(hw.ParameterError) as error:
            read(w, bad, wires)
        assert error.value.name == "x"
