"""Arrays of a network: learnt matrices, D and P hold what they begin with, and have room for what becomes of them."""

import numpy as np
import pytest

import hardware_models as hw
from neuroperturb.network.chip import chip as chips
from neuroperturb.network.chip.arrays import growing_scale, learnt_scale, programmed
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules import make
from neuroperturb.simulation.configuration import make_arrays, make_lateral

QUIET = {"w_max_dtod": 0.0, "w_min_dtod": 0.0}
CELLS = {
    "digital": {"kind": "digital", "bits": 16},
    "8 bits": {"kind": "digital", "bits": 8},
    "6 bits": {"kind": "digital", "bits": 6, "w_max": 0.5},
    "4 bits": {"kind": "digital", "bits": 4},
    "2 bits": {"kind": "digital", "bits": 2},
    "pulsed": {"kind": "soft-bounds", **QUIET},
    "few pulses": {"kind": "constant-step", "dw_min": 0.25, **QUIET},
    "asymmetric": {"kind": "linear-step", "w_max": 1.2, "w_min": -0.8, **QUIET},
}
LEVELS = {"2 bits": 1, "4 bits": 7, "6 bits": 31, "few pulses": 0.6 / 0.25}  # with fewer than 1/ρ, the range ends there


def whitening(table, rule="np-p", n=20, **options):
    return make_lateral(make(rule, **options), chips.read({"P": table}), n, 1, np.float32, 1)


@pytest.mark.parametrize("n", [2, 20, 100, 200])
@pytest.mark.parametrize("cells", CELLS)
def test_p_begins_as_the_identity_and_has_room(cells, n):
    """1/ρ = 33 is in range, unless the identity would then fall below half a step."""
    P = whitening({"cells": CELLS[cells]}, n=n)
    assert np.allclose(P.read(), np.eye(n), atol=1e-5)
    assert P.shortfall.clipped == 0
    room = float(P.state.scale[0]) * P.cell.bound
    assert room == pytest.approx(LEVELS[cells]) if cells in LEVELS else 1 / 0.03 <= room < 1.5 / 0.03


@pytest.mark.parametrize("weight", ["single", "pair", "one-sided-pair"])
def test_p_of_several_devices(weight):
    """A pair of 4 bits begins as the identity, too; where both of its devices are at their ends it holds 7."""
    P = whitening({"cells": {"kind": "soft-bounds", **QUIET}, "weight": weight})
    assert np.allclose(P.read(), np.eye(20), atol=1e-5)
    assert float(P.state.scale[0]) * P.weight.reach(P.cell) >= 33
    if weight != "one-sided-pair":
        P = whitening({"cells": {"kind": "digital", "bits": 4}, "weight": weight})
        assert np.allclose(P.read(), np.eye(20), atol=1e-5)
        assert float(P.state.scale[0]) * P.weight.reach(P.cell) == pytest.approx(7)


def test_p_answers_for_what_it_heads_for():
    at = lambda **presynaptic: make("np-p", presynaptic=presynaptic).presynaptic.largest  # noqa: E731
    assert at(kind="whitened", ridge=0.1) == pytest.approx(10)
    assert at(kind="whitened", ridge=4.0) == 1  # it begins there
    assert at(kind="recursive", initial=2.0) == 8
    assert make("np").presynaptic.largest == 1
    P = whitening({"cells": CELLS["8 bits"]}, presynaptic={"kind": "recursive", "initial": 5.0})
    assert np.allclose(P.read(), 5 * np.eye(20), atol=1e-5)
    assert float(P.state.scale[0]) >= 20


@pytest.mark.parametrize(("decorrelation", "room"), [
    (Decorrelation(rate=1e-3, state=True, input=True), (4, 4)),
    (Decorrelation(rate=1e-3, state=True, input=False), (1, 4)),
    (Decorrelation(rate=0.0, state=True, input=True), (1, 1)),
])  # fmt: skip
@pytest.mark.parametrize("cells", ["digital", "8 bits", "pulsed"])
def test_d_begins_as_the_identity_and_has_room_where_it_learns(cells, decorrelation, room):
    chip = chips.read({"D_in": {"cells": CELLS[cells]}, "D_rec": {"cells": CELLS[cells]}})
    initial = initial_weights(RNN(size=50), 30, 2, seed=1)
    arrays = make_arrays(initial, chip, 1, np.dtype(np.float32), 1, decorrelation)
    for name, most in zip(("D_in", "D_rec"), room, strict=True):
        assert np.allclose(arrays[name].read(), np.eye(len(arrays[name].read())), atol=1e-5)
        assert most <= float(arrays[name].state.scale[0]) * arrays[name].cell.bound * (1 + 1e-6) < 1.1 * most


def test_decorrelation_needs_no_more_room_than_it_is_given():
    """D of two units correlated by 0.999, learnt by the rule's own update until they are not: 2.9 of 4."""
    C, D = np.array([[1, 0.999], [0.999, 1]]), np.eye(2)
    for _ in range(20_000):
        off = D @ C @ D.T
        D -= 1e-2 * (off - np.diag(np.diag(off))) @ D
        if abs(off[0, 1]) < 1e-6:
            break
    assert np.linalg.det(D) == pytest.approx(1, rel=0.05)
    assert 2 < np.abs(D).max() < 4


def test_learnt_matrices_have_the_room_they_had():
    """4 standard deviations to the bit, wherever that holds the weights; else the largest of them."""
    W, cells = np.random.default_rng(0).normal(size=(30, 40)), hw.Digital(bits=4, w_max=0.7)
    made_of = hw.Hardware(cells=cells)
    assert learnt_scale(W, made_of) == float(4 * W.std() / 0.7)
    assert learnt_scale(W.astype(np.float32), made_of) == pytest.approx(float(4 * W.std() / 0.7))
    assert learnt_scale(W + 20, made_of) == np.abs(W + 20).max() / 0.7
    assert learnt_scale(W[:1, :1], made_of) == abs(W[0, 0]) / 0.7
    assert learnt_scale(0 * W, made_of) == growing_scale(0 * W, made_of, 0.0) == 1
    assert learnt_scale(W, hw.Hardware()) is growing_scale(W, hw.Hardware(), 3.0) is None
    array = programmed(made_of, W, dtype=np.dtype(np.float64), seed=1, number=0)
    assert array.state.scale[0] == 4 * W.std() / 0.7
    own = programmed(hw.Hardware(cells=cells, weight_scale=9.0), W, dtype=np.dtype(np.float64), seed=1, number=0)
    assert own.state.scale[0] == 9
