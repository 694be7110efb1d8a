"""The ledger: counters by hand, prices by hand, sums, and how far weights went against a replay of what the cells did."""

import json
import math

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import AnalogCosts, Bracket, Devices, Digital, DigitalCosts, SynapseArray
from hardware_models.costs import figures
from hardware_models.costs.ledger import Ledger
from hardware_models.costs.model import Done
from hardware_models.costs.units import quantity
from hardware_models.crossbar.fused import decorrelation_change
from hardware_models.numerics.memory import zeros
from hardware_models.numerics.record import record
from hardware_models.reading.converters import Clip, Converter
from hardware_models.reading.reading import Reading
from hardware_models.writing.mixed_precision import MixedPrecision

pytestmark = pytest.mark.kernels

ROUGH = AnalogCosts(  # figures to count with on one's fingers
    name="rough",
    pulse_energy=Bracket(1, 2, 3, "J", "A"),
    pulse_time=Bracket(1, 10, 100, "s", "B"),
    read_energy=Bracket(0.5, 1, 4, "J", "C"),
    read_time=Bracket(1, 1, 2, "s", "D"),
    endurance=Bracket(10, 100, 1000, "pulses", "E"),
)
STEPPING = Digital(bits=5, rounding="nearest", w_max=15 / 8)  # steps of an eighth
SENT = np.array([[1, 4, -2], [0, 3, 0]])  # pulses, (n, m)


def make(shape=(2, 3), cell=STEPPING, **options):
    array = SynapseArray(shape, cell, **{"dtype": np.float64, "seed": 5, "weight_scale": 1.0, **options})
    array.program(np.zeros(shape))
    return array


def ends(bracket):
    return bracket.low, bracket.typical, bracket.high


# ----------------------------------------------------------------------------------------------------------------------
# Counts


def test_counts_by_hand():
    array = make()
    array.pulse(SENT)
    array.pulse(-1)
    array.matvec(np.ones(3))
    array.sweep(np.ones((2, 3)), [[0.25, 0], [0, 0.125]], [[1, 0, 0], [0, 0, 1]])  # whole steps: rounding adds nothing
    array.rmatvec(np.ones((4, 2)))
    found = array.ledger()
    assert found.counts == {
        "arrays": 1, "synapses": 6, "cells": 6, "programs": 1, "updates": 3, "pulses_up": 8 + 3, "pulses_down": 2 + 6,
        "sweeps": 2, "columns": 3, "back_columns": 4, "rereads": 0, "inputs": 0, "outputs": 0, "row_reads": 0, "row_outputs": 0,
        "accumulator_bits": 0, "clipped": 0, "unreached": 0,
    }  # fmt: skip
    up, down = array.pulse_counts()
    assert up.tolist() == [[[3, 4, 0], [0, 3, 1]]]
    assert down.tolist() == [[[1, 1, 3], [1, 1, 1]]]
    per_cell = np.array([4, 5, 3, 1, 4, 2])
    values, cells = found.histogram
    assert np.repeat(values, cells).tolist() == sorted(per_cell)
    assert found.pulses_mean == pytest.approx(per_cell.mean())
    assert (found.pulses_most, found.quantile(0.5), found.quantile(1)) == (5, 3, 5)


def test_a_digital_step_is_a_pulse_and_a_clipped_request_counts_the_steps_there_are():
    array = make((1, 1), Digital(bits=2, rounding="nearest"))  # levels −1, 0, 1
    for request in (1, 1, -5):
        array.update([request], [1.0])
    assert array.read().tolist() == [[-1]]
    assert array.pulse_counts().up.tolist() == [[[2]]]
    assert array.pulse_counts().down.tolist() == [[[2]]]  # from end to end


def test_devices_of_a_weight_count_apart():
    array = make(weight=hw.DifferentialPair())
    array.pulse(SENT)
    up, down = array.pulse_counts()
    assert (up[0] - down[0]).tolist() == SENT.tolist()
    assert (up[1] - down[1]).tolist() == (-SENT).tolist()
    assert array.ledger().counts["cells"] == 12
    assert array.ledger().counts["pulses_up"] == array.ledger().counts["pulses_down"] == 10


def test_an_ideal_array_writes_and_reads_without_pulses():
    array = make(cell=hw.Ideal())
    array.sweep(np.ones((2, 3)), [1.0, 2.0], [0.5, 0.5, 1.0])
    found = array.ledger()
    assert (found.counts["updates"], found.counts["columns"], found.pulses_most) == (1, 2, 0)
    assert found.histogram[1].tolist() == [6]
    assert found.unpriced == ("energy", "time", "endurance")


@pytest.mark.parametrize("rows", [1, 3])
def test_decorrelation_reads_along_the_other_side(rows):
    array = make((4, 4), hw.Ideal(), columns=rows)
    pending, acc = array.pending(rows, back=True), zeros((1, 4), np.float64)
    sweep = array.kernel(decorrelation_change).sweep
    for _ in range(2):
        pending.active[0] = 1
        sweep(array.record, record(pending), (), zeros((1, 4), np.float64), acc)
    assert array.ledger().counts["back_columns"] == 2 * rows


def test_looking_changes_nothing():
    array = make(track=True)
    array.pulse(SENT)
    before = [np.copy(a) for a in (array.state.cells.w, array.state.cells.up, array.state.writes, array.state.reads)]
    first = array.ledger(ROUGH).as_dict()
    assert array.ledger(ROUGH).as_dict() == first
    after = (array.state.cells.w, array.state.cells.up, array.state.writes, array.state.reads)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True))


# ----------------------------------------------------------------------------------------------------------------------
# Prices


def test_an_analog_array_by_hand():
    array = make(costs=ROUGH)
    array.pulse(SENT)
    array.matvec(np.ones((5, 3)))
    array.rmatvec(np.ones(2))
    found = array.ledger()
    assert ends(found.energy["write"]) == (10, 20, 30)  # ten pulses
    assert ends(found.energy["read"]) == (18, 36, 144)  # six columns of six cells
    assert ends(found.time["write"]) == (4, 70, 1000)  # busiest cell; rows 1 + 4 + 2; every pulse
    assert ends(found.time["read"]) == (6, 6, 12)
    assert ends(found.wear.most) == (0.004, 0.04, 0.4)
    assert ends(found.wear.mean) == pytest.approx((10 / 6000, 10 / 600, 10 / 60))
    assert ends(found.total_energy) == (28, 56, 174)
    assert ends(found.total_time) == (10, 76, 1012)
    assert found.energy["write"].source == "A"
    assert found.total_energy.source == "A; C"
    assert (found.technologies, found.unpriced) == (("rough",), ())


def test_a_digital_array_by_hand():
    costs = DigitalCosts(
        name="rough",
        update_energy=Bracket(1, 2, 3, "J", "A"),
        operation_energy=Bracket(1, 1, 2, "J", "B"),
        access_time=Bracket(1, 2, 3, "s", "C"),
    )
    array = make(costs=costs)
    for _ in range(2):
        array.update([0.5, 0.5], [1.0, 1.0, 0.0])
    array.matvec(np.ones((5, 3)))
    found = array.ledger()
    assert ends(found.energy["write"]) == (12, 24, 36)  # two updates visit six synapses
    assert ends(found.energy["read"]) == (30, 30, 60)
    assert ends(found.time["write"]) == (6, 12, 36)  # three rows an update, or six synapses
    assert ends(found.time["read"]) == (15, 30, 90)
    assert found.unpriced == ("endurance",)
    assert found.wear is None


def test_what_prices_an_array():
    """What is asked for, or what it was made with, or for digital cells their bits."""
    array = make(cell=Digital(bits=5))
    assert array.ledger().technologies == ("SRAM, 5 bits",)
    assert array.ledger(ROUGH).technologies == ("rough",)
    assert make(cell=Digital(bits=5), costs=ROUGH).ledger().technologies == ("rough",)
    assert hw.PRESETS["loihi"].array((2, 3)).ledger().technologies == ("Loihi",)
    assert hw.PRESETS["loihi"].replace(cells=Digital(bits=5)).array((2, 3)).ledger().technologies == ("Loihi",)
    assert hw.Hardware(cells=STEPPING, costs=ROUGH).array((2, 3)).ledger().technologies == ("rough",)


@pytest.mark.parametrize("made_with", [None, figures.sram(4), figures.sram(16)])
def test_static_memory_is_priced_at_the_bits_of_its_cells(made_with):
    """Also where it was made for others: a preset of 4 bits whose cells have 5 costs what 5 bits cost. What is asked for is what is asked."""
    array = make(cell=Digital(bits=5), costs=made_with)
    array.update([0.5, 0.5], [1.0, 1.0, 0.0])
    found, alone = array.ledger(), make(cell=Digital(bits=5)).ledger(figures.sram(5))
    assert found.technologies == alone.technologies == ("SRAM, 5 bits",)
    assert found.energy["write"].typical == pytest.approx(6 * figures.sram(5).update_energy.typical)
    assert array.ledger(figures.sram(4)).technologies == ("SRAM, 4 bits",)
    assert make(cell=hw.Ideal(), costs=figures.sram(4)).ledger().technologies == ("SRAM, 4 bits",)  # cells without bits


def test_writes_without_pulses_have_no_price():
    """Cells that a programming model made: nobody knows what an update to them would cost on an analog array."""
    array = make(cell=hw.Ideal(), costs=figures.RERAM)
    array.state.writes[0], array.state.columns[0] = 3, 2
    found = array.ledger()
    assert found.unpriced == ("energy of write", "time of write", "endurance")
    assert (list(found.energy), list(found.time), found.wear) == (["read"], ["read"], None)
    assert make(cell=hw.Ideal(), costs=figures.LOIHI).ledger().energy["write"].typical == 0


def done(**counts):
    return Done(**{**dict.fromkeys(Done._fields, 0), "rows": 4, "cells": 8, **counts})


def test_converters():
    """8 bits at 5 – 50 fJ a step are 1.3 – 13 pJ, 9 bits twice that; a DAC lies between its thermal noise and an ADC."""
    costs = figures.RERAM
    assert ends(costs.adc(8)) == pytest.approx((1.28e-12, math.sqrt(250) * 256e-15, 12.8e-12))
    assert costs.adc(9).high == pytest.approx(25.6e-12)
    for bits in range(1, 17):
        dac, adc = costs.dac(bits), costs.adc(bits)
        assert dac.low == pytest.approx(12 * 1.380649e-23 * 300 * 4**bits)
        assert dac.high == adc.typical
        capacitance = dac.low / 0.8**2  # C V², at any V
        assert 1.380649e-23 * 300 / capacitance == pytest.approx((0.8 / 2**bits) ** 2 / 12)
    both = costs.conversion(done(inputs=3, outputs=5, dac_bits=6, adc_bits=8))
    assert both.typical == pytest.approx(3 * costs.dac(6).typical + 5 * costs.adc(8).typical)
    noisy = costs.conversion(done(outputs=5, adc_bits=8, adc_enob=6.5))
    assert noisy.typical == pytest.approx(5 * costs.adc(6.5).typical)  # energy goes by effective bits, F · 2^ENOB
    assert costs.conversion_time(done(columns=1, adc_bits=8, adc_enob=6.5)).low == pytest.approx(
        9e-9
    )  # time by all of them
    assert costs.conversion(done(columns=7)) is None
    assert costs.conversion_time(done(columns=7)) is None
    assert ends(costs.conversion_time(done(columns=6, back_columns=1, outputs=1, adc_bits=8))) == pytest.approx(
        (63e-9, 63e-9 * math.sqrt(8), 8 * 63e-9)
    )


def test_effective_bits_of_a_reading():
    """9 bits of ± 12 and noise of 0.06: 9 − ½ log₂(1 + 12 (0.06/step)²) = 6.8; without noise as many as it is called."""
    adc = Converter(bits=9, bound=12.0)
    expected = 9 - 0.5 * math.log2(1 + 12 * (0.06 / (12 / 255)) ** 2)
    assert Reading(adc=adc, output_noise_std=0.06).adc_enob == pytest.approx(expected) == pytest.approx(6.82, abs=0.01)
    assert Reading(adc=adc).adc_enob == 9
    assert Reading(adc=Converter(bits=9, rounding="stochastic")).adc_enob == 8.5
    assert Reading(adc=adc, output_noise_std=1e9).adc_enob == 1
    assert Reading().adc_enob == Reading(adc=hw.Clip(bound=1.0)).adc_enob == 0
    quiet, noisy = (
        make((3, 2), reading=Reading(adc=adc, output_noise_std=std), costs=figures.RERAM) for std in (0.0, 0.06)
    )
    for array in (quiet, noisy):
        array.matvec(np.ones(2))
    ratio = noisy.ledger().energy["conversion"].typical / quiet.ledger().energy["conversion"].typical
    assert ratio == pytest.approx(2 ** (expected - 9))


def test_loihi_has_figures_of_its_own_alone():
    assert ends(figures.LOIHI.operation_energy) == (23.6e-12,) * 3
    assert ends(figures.LOIHI.update_energy) == (120e-12,) * 3
    assert "Front. Neurosci. 17" not in figures.LOIHI.operation_energy.source


def test_converters_of_an_array():
    """Two inputs and three outputs a column, the other way around along the other side; a column read again is one more."""
    reading = Reading(dac=Converter(bits=7), adc=Converter(bits=9))
    array = make((3, 2), reading=reading, costs=figures.RERAM)
    array.state.columns[0], array.state.back_reads[0], array.state.reading.rereads[0] = 10, 4, 1
    found = array.ledger()
    counts = {key: found.counts[key] for key in ("columns", "back_columns", "rereads", "inputs", "outputs")}
    assert counts == {
        "columns": 11,
        "back_columns": 4,
        "rereads": 1,
        "inputs": 11 * 2 + 4 * 3,
        "outputs": 11 * 3 + 4 * 2,
    }
    costs = figures.RERAM
    assert found.energy["conversion"].high == pytest.approx(34 * costs.dac(7).high + 41 * costs.adc(9).high)
    assert found.time["conversion"].low == pytest.approx(15 * 10e-9)
    assert found.energy["read"].typical == pytest.approx(15 * 6 * costs.read_energy.typical)
    only_out = make((3, 2), reading=Reading(dac=Clip(bound=1.0), adc=Converter(bits=9)))
    only_out.state.columns[0] = 1
    assert (only_out.ledger().counts["inputs"], only_out.ledger().counts["outputs"]) == (0, 3)


def test_mixed_precision_shows_its_digital_storage():
    array = make(cell=hw.SoftBounds(), writing=MixedPrecision(), costs=ROUGH)
    array.state.writes[0] = 5
    found = array.ledger()
    assert found.counts["accumulator_bits"] == 6 * 64
    single = figures.sram(64).update_energy
    assert found.energy["accumulator"].typical == pytest.approx(5 * 6 * single.typical)


@pytest.mark.parametrize("name", hw.COSTS)
def test_every_figure_is_a_bracket_with_a_source(name):
    known = figures.brackets(hw.COSTS[name])
    assert {"conversion_step", "conversion_bit"} <= set(known)
    units = {"energy": "J", "step": "J", "time": "s", "bit": "s", "endurance": "pulses"}
    for what, bracket in known.items():
        assert 0 < bracket.low <= bracket.typical <= bracket.high
        assert bracket.unit == units[what.split("_")[-1]]
        assert "doi:" in bracket.source or "survey" in bracket.source


def test_published_figures():
    """What publications give for whole devices, from their own voltages, conductances and times."""
    assert figures.CROSS_POINT.pulse_energy.typical == pytest.approx(0.10e-12, rel=0.03)
    assert figures.SILVER.pulse_energy.typical == pytest.approx(64e-12, rel=0.01)
    assert figures.sram(32).operation_energy.high == pytest.approx(8.2e-12)  # 3.1 + 0.1 + 5 pJ
    assert figures.sram(32).operation_energy.typical == pytest.approx(8.2e-12)  # 5 pJ is half of 64 bits
    assert figures.sram(8).operation_energy.typical == pytest.approx((3.1 / 16 + 0.1 + 10 / 8) * 1e-12)
    for bits in range(1, 64):  # that brackets are ordered, they see to themselves
        less, more = figures.sram(bits), figures.sram(bits + 1)
        assert all(a < b for a, b in zip(ends(less.update_energy)[:2], ends(more.update_energy)[:2], strict=True))


def test_phase_change_reads_bracket_a_measured_core():
    """0.20 and 0.81 pJ a multiply-accumulate, converters included: Le Gallo et al. 2023, doi:10.1038/s41928-023-01010-1."""
    side = 256
    array = done(rows=side, cells=side**2, columns=1, inputs=side, outputs=side, dac_bits=8, adc_bits=8)
    whole = figures.PCM.energy(array)["read"] + figures.PCM.conversion(array)
    assert whole.low / side**2 < 0.20e-12 < 0.81e-12 < whole.high / side**2


# ----------------------------------------------------------------------------------------------------------------------
# Sums


def three():
    arrays = make(costs=ROUGH, track=True), make((3, 2), costs=figures.ECRAM, seed=6), make((4, 1), hw.Ideal())
    for k, array in enumerate(arrays[:2]):
        array.pulse(SENT if k == 0 else 2 * SENT.T)
        array.matvec(np.ones((k + 1, array.shape[1])))
    return [array.ledger() for array in arrays]


def test_ledgers_add():
    a, b, c = three()
    both = a + b
    assert both.counts == {key: a.counts[key] + b.counts[key] for key in a.counts}
    assert ends(both.energy["write"]) == pytest.approx(tuple(np.add(ends(a.energy["write"]), ends(b.energy["write"]))))
    assert both.wear == a.wear  # ECRAM has no endurance to be worn
    assert both.travel == a.travel
    assert both.technologies == ("rough", "ECRAM")
    assert both.unpriced == ("endurance",)
    everything = sum([a, b, c])
    assert everything.as_dict() == ((a + b) + c).as_dict()
    assert everything.counts == (a + (b + c)).counts
    pulses = np.repeat(*everything.histogram)
    assert sorted(pulses) == sorted([*np.repeat(*a.histogram), *np.repeat(*b.histogram), *[0] * 4])
    for share in (0.01, 0.25, 0.5, 0.9, 1.0):
        assert everything.quantile(share) == np.quantile(pulses, share, method="inverted_cdf")


def test_wear_of_two_arrays():
    a, b = make(costs=ROUGH), make((1, 2), costs=ROUGH)
    a.pulse(SENT)
    b.pulse(50)
    both = (a.ledger() + b.ledger()).wear
    assert both.most == b.ledger().wear.most
    assert both.mean.typical == pytest.approx((10 + 100) / 8 / 100)


# ----------------------------------------------------------------------------------------------------------------------
# On paper


def test_a_ledger_is_plain_and_prints():
    a, b, _ = three()
    plain = (a + b).as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["energy"]["read"]["source"].startswith("C; G V² t")
    text = str(a)
    assert text.startswith("Ledger of 1 array: 6 synapses, 6 cells, rough\n")
    assert "  energy, write                 20 J (10 J … 30 J)\n" in text
    assert "endurance used, busiest cell  4 % (0.4 … 40 %)" in text
    assert "times assume                  pulses to all rows at once (low), row by row, cell by cell (high)" in text
    assert "not modelled" in text
    assert "<td style='text-align:left'>20 J (10 J … 30 J)</td>" in a._repr_html_()
    assert "2 arrays" in (a + b)._repr_html_()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.02e-13, "J", "102 fJ"), (0.9999e-12, "J", "1 pJ"), (1e-12, "J", "1 pJ"), (0, "J", "0 J"), (2.5e4, "s", "6 h 56 min"),
        (3e-21, "J", "0.003 aJ"), (1e12, "pulses", "1e+12 pulses"), (0.25, "", "0.25"), (999.6, "s", "16 min 40 s"),
        (59.99, "s", "60 s"), (3e9, "s", "95 years"), (3.28e6, "MAC", "3.28 MMAC"),
    ],
)  # fmt: skip
def test_quantities(value, unit, text):
    assert quantity(value, unit) == text


# ----------------------------------------------------------------------------------------------------------------------
# How far weights went

TRAVELLERS = {"soft-bounds": hw.SoftBounds(dw_min=0.02, write_noise_std=3.0), "digital": STEPPING, "ideal": hw.Ideal()}
GAINS = {"single": (1.0,), "uneven": (2.0, -0.5)}


def held(array):
    """What the cells hold, (d, n, m), weight units."""
    cells, n = array.state.cells, array.shape[0]
    w = cells.held if cells.held.size > 1 else cells.w
    return float(array.state.scale[0]) * w[:, :, :n].transpose(0, 2, 1).copy()


@pytest.mark.parametrize(("cell", "gain"), [("soft-bounds", "uneven"), ("digital", "single"), ("ideal", "single")])
def test_travel_is_the_sum_of_what_cells_did(cell, gain):
    array = make((5, 6), TRAVELLERS[cell], weight=Devices(gains=GAINS[gain]), weight_scale=0.5, track=True)
    array.program(np.full((5, 6), 0.05))
    rng, states = np.random.default_rng(1), [held(array)]
    for step in range(12):
        if step % 3 == 2 and cell != "ideal":
            array.pulse(rng.integers(-3, 4, size=(5, 6)))
        else:
            array.sweep(np.ones((2, 6)), 0.3 * rng.normal(size=5), rng.normal(size=6))
        states.append(held(array))
    steps = np.diff(states, axis=0)  # (t, d, n, m)
    gains = np.array(GAINS[gain])
    total, net = array.travel()
    assert np.allclose(total, np.einsum("k,tkij->ij", np.abs(gains), np.abs(steps)), rtol=1e-12, atol=1e-15)
    assert np.allclose(net, np.abs(np.einsum("k,tkij->ij", gains, steps)), rtol=1e-10, atol=1e-14)
    assert (net <= total * (1 + 1e-12) + 1e-15).all()
    assert total.min() > 0
    found = array.ledger().travel
    assert found == {"total": pytest.approx(total.sum()), "net": pytest.approx(net.sum()), "synapses": 30}


def test_there_and_back_again():
    """Eight steps of an eighth up and six down: 14/8 on the way, 2/8 away; a bound stops a cell and its sum."""
    array = make((1, 1), track=True)
    array.pulse(8)
    array.pulse(-6)
    assert [float(v[0, 0]) for v in array.travel()] == [1.75, 0.25]
    array.pulse(100)
    assert [float(v[0, 0]) for v in array.travel()] == [3.375, 1.875]


@pytest.mark.parametrize("cell", ["digital", "ideal"])
def test_keeping_count_does_not_change_a_bit(cell):
    rng = np.random.default_rng(2)
    plain, tracked = (make((5, 6), TRAVELLERS[cell], track=track) for track in (False, True))
    for _ in range(5):
        x, post, pre = rng.normal(size=(2, 6)), 0.1 * rng.normal(size=5), rng.normal(size=6)
        assert plain.sweep(x, post, pre).tobytes() == tracked.sweep(x, post, pre).tobytes()
    assert plain.read().tobytes() == tracked.read().tobytes()


# ----------------------------------------------------------------------------------------------------------------------
# What cannot be


def test_refusals():
    array = make()
    with pytest.raises(
        ValueError, match=r"^The 'costs' parameter of ledger must be Costs, such as .* Got 'tin' instead\.$"
    ):
        array.ledger("tin")
    with pytest.raises(ValueError, match=r"^The 'track' parameter of SynapseArray must be True to know how far"):
        array.travel()
    with pytest.raises(
        ValueError, match=r"^The ends of a Bracket must be finite and ordered.* Got \(2, 1, 3\) instead\.$"
    ):
        Bracket(2, 1, 3, "J", "nowhere")
    with pytest.raises(ValueError, match="must be finite and ordered"):
        Bracket(0, 1, math.inf, "J", "nowhere")
    with pytest.raises(
        ValueError, match=r"^The 'unit' of brackets that are added must be the same\. Got 'J' and 's'\.$"
    ):
        Bracket(0, 1, 2, "J", "A") + Bracket(0, 1, 2, "s", "B")
    with pytest.raises(ValueError, match=r"^The 'bits' parameter of sram must be from 1 to 64\. Got 0 instead\.$"):
        figures.sram(0)
    with pytest.raises(TypeError):
        array.ledger() + 1
    assert isinstance(sum([array.ledger()]), Ledger)
