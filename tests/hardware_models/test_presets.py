"""The catalogue of presets: what each is, where it is from, and that it composes with the other parts of an array."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import PRESETS
from hardware_models.programming import WrittenOnce

DEVICES = (
    "reram-es", "reram-sb", "capacitor", "ecram", "ecram-mo", "idealized", "gokmen-vlasov", "pcm", "reram-array-om",
    "reram-array-hfo2",
)  # fmt: skip
CORRUPT = {"reram-array-om": 0.1348, "reram-array-hfo2": 0.0977}


def test_the_catalogue_holds_the_published_devices():
    assert tuple(PRESETS)[: len(DEVICES)] == DEVICES
    assert {"digital-8", "digital-6", "digital-4", "loihi", "brainscales-2"} <= set(PRESETS)
    assert all(name == name.lower() for name in PRESETS)
    assert set(hw.INFERENCE) == {
        n for n, preset in PRESETS.items() if isinstance(preset.hardware.programming, WrittenOnce)
    }
    assert {"pcm-like", "hermes", "reram-wan-2022", "reram-cmo", "generic-noise"} <= set(hw.INFERENCE)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_a_source_and_makes_an_array(name):
    preset = PRESETS[name]
    assert preset.technology
    assert any(sign in preset.publication for sign in ("doi:", "arXiv:", "https://"))
    assert preset.cells is preset.hardware.cells
    preset.cells.check()
    array = preset.array((3, 4), seed=2, number=1)
    array.program(np.full((3, 4), 0.1))
    assert array.cell == preset.cells
    assert array.ledger().technologies == ((preset.costs.name,) if preset.costs else ())
    assert preset.costs or name in ("sonos", "generic-noise", "state-independent")


@pytest.mark.parametrize("name", hw.INFERENCE)
def test_an_array_that_is_written_once_holds_about_what_was_written(name):
    preset, rng = hw.INFERENCE[name], np.random.default_rng(1)
    W = rng.uniform(-1, 1, size=(40, 50))
    array = preset.array(W.shape, seed=1)
    array.program(W)
    assert len(array.state.gain) == len(preset.hardware.programming.weight.gains)
    error = array.read() - W
    assert 0 < error.std() < 0.1  # of a range of 2
    assert np.corrcoef(array.read().ravel(), W.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("name", ["ecram", "loihi", "digital-4"])
def test_presets_compose(name):
    made_of = PRESETS[name].replace(weight=hw.DifferentialPair(), weight_scale=0.5)
    assert made_of.cells == PRESETS[name].cells
    array = made_of.array((3, 4))
    assert (len(array.state.gain), float(array.state.scale[0])) == (2, 1.0)
    array.program(np.zeros((3, 4)))
    assert float(array.state.scale[0]) == 0.5
    with pytest.raises(FrozenInstanceError):
        PRESETS[name].hardware = made_of


def test_digital_weights():
    """Bits of the cells and, for those that are bits and nothing more, of their price."""
    named = {"digital-8": 8, "digital-6": 6, "digital-4": 4, "loihi": 8, "brainscales-2": 6, "brainscales-2-analog": 7}
    for name, bits in named.items():
        assert PRESETS[name].cells == hw.Digital(bits=bits, rounding="stochastic")
        if name.startswith("digital"):
            assert PRESETS[name].costs.name == f"SRAM, {bits} bits"


def test_analog_products_of_digital_weights():
    """In steps of the chip: inputs to 31, weights to 63, 0.002 steps of 8 bits a product, noise of 2."""
    preset = PRESETS["brainscales-2-analog"]
    reading, step = preset.hardware.reading, preset.cells.granularity
    assert (1 / reading.dac.step, 1 / step) == pytest.approx((31, 63))
    assert reading.dac.step * step / reading.adc.step == pytest.approx(0.002)
    assert reading.output_noise_std / reading.adc.step == pytest.approx(2)
    assert reading.adc.bound / reading.adc.step == pytest.approx(127)


def test_a_capacitor_leaks():
    """w(t) = w e^{−t/τ}, τ = 1 s with a spread of 0.3 between cells, within 4 standard errors; nothing is left after an hour."""
    array = PRESETS["capacitor"].replace(weight_scale=1.0).array((64, 64), seed=4, dtype=np.float64)
    array.program(np.full((64, 64), 0.5))
    array.age(0.25)
    tau = -0.25 / np.log(array.read() / 0.5)
    assert abs(tau.mean() - 1) < 4 * 0.3 / 64
    assert abs(tau.std() - 0.3) < 4 * 0.3 / np.sqrt(2 * 64**2)
    array.age(3600.0)
    assert np.abs(array.read()).max() < 1e-100


def test_phase_change_cells_come_in_pairs_that_only_go_up():
    array = PRESETS["pcm"].array((6, 5), seed=1)
    array.program(np.zeros((6, 5)))
    array.pulse(np.array([[2], [-3], [0], [1], [-1], [5]]).repeat(5, axis=1))
    up, down = array.pulse_counts()
    assert up[0, :, 0].tolist() == [2, 0, 0, 1, 0, 5]
    assert up[1, :, 0].tolist() == [0, 3, 0, 0, 1, 0]
    assert not down.any()


@pytest.mark.parametrize("name", CORRUPT)
def test_corrupt_cells_never_move(name):
    """Their share is the measured one within 4 standard errors; the other cells are those of the preset without."""
    sound, corrupt = (PRESETS[n].array((64, 64), seed=3) for n in (name, f"{name}-corrupt"))
    dead = corrupt.state.cells.step_up[0, :, :64] == 0
    share = CORRUPT[name]
    assert abs(dead.mean() - share) < 4 * np.sqrt(share * (1 - share) / dead.size)
    for field in ("step_up", "bound_up", "bound_low"):
        ours, theirs = (getattr(a.state.cells, field)[0, :, :64] for a in (corrupt, sound))
        assert np.array_equal(ours[~dead], theirs[~dead])
