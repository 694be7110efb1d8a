"""The contract between an array and its parts: what there is none of does nothing, and errors say where they belong."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.crossbar.contract import Cell, Exactly, Programming, Readout, Site, Time, Weight, Writing
from hardware_models.crossbar.state import Absent
from hardware_models.numerics.checks import NOTHING, ParameterError, Words, under
from hardware_models.programming import BY_PULSES, WRITTEN_ONCE
from hardware_models.writing import KINDS as WRITINGS

OF = {
    Cell: hw.CELLS.values(),
    Weight: (hw.Single, hw.DifferentialPair, hw.OneSidedPair, hw.ZeroShifted, hw.Devices),
    Writing: WRITINGS.values(),
    Programming: (*BY_PULSES.values(), *WRITTEN_ONCE.values()),
    Readout: (hw.Reading, Exactly),
    Time: (hw.Ageing,),
}


@pytest.mark.parametrize(("protocol", "kind"), [(p, kind) for p, kinds in OF.items() for kind in kinds])
def test_every_part_inherits_its_contract(protocol, kind):
    """Nothing that is asked of a part is missing, and what it overrides takes the same arguments."""
    assert protocol in kind.__mro__
    for name, member in vars(protocol).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            asked, given = (list(inspect.signature(f).parameters) for f in (member, getattr(kind, name)))
            assert given[: len(asked)] == asked


@pytest.mark.parametrize("protocol", [*OF, Site])
def test_every_member_is_documented(protocol):
    names = {*protocol.__annotations__, *(name for name in vars(protocol) if not name.startswith("_"))}
    for name in names:
        member = vars(protocol).get(name)
        member = getattr(member, "__func__", member)  # of a class method
        own = member.__doc__ if inspect.isfunction(member) or isinstance(member, property) else None
        assert own or name in protocol.__doc__, f"{name} of {protocol.__name__}"


def test_an_array_is_a_site():
    array = hw.SynapseArray((2, 3), hw.Digital(bits=4))
    for name in Site.__annotations__:
        assert hasattr(array, name), name
    assert (array.shape, array.columns, array.number, array.ends, array.hold_row) == ((2, 3), 1, 0, None, None)


def test_what_is_not_there_is_one_placeholder():
    state = hw.SynapseArray((2, 3)).state
    assert all(
        isinstance(getattr(state, name), Absent)
        for name in ("weight", "writing", "reading", "slow", "programmed", "travel")
    )


def test_an_ideal_array_says_nothing_of_anything():
    parts = hw.Hardware().parts
    assert parts.cell.fabricate((1, 3, 2), 0, 0) is None and parts.cell.span == (-1, 1) and parts.cell.write_noise == 0
    assert parts.weight.refresh(parts.cell) == (None, None)
    assert parts.writing.accumulator_bits(np.float32) == 0
    assert parts.programming.ends(1) is None and parts.programming.scale(np.ones((2, 3))) is None
    assert parts.programming.make_read_noise(True) is None and parts.programming.pass_time(Absent(), 1.0) is None
    assert parts.readout.dac_bits == parts.readout.adc_bits == 0
    assert not (parts.time.fails or parts.time.wears or parts.time.is_noisy or parts.time.tick)
    assert not hw.Hardware().reads_noisily and not hw.Hardware().ages


@pytest.mark.parametrize(
    ("hardware", "noisy", "ages"),
    [
        (hw.Hardware(reading=hw.Reading()), False, False),
        (hw.Hardware(reading=hw.Reading(output_noise_std=0.1)), True, False),
        (hw.Hardware(reading=hw.Reading(dac=hw.Converter(rounding="stochastic"))), True, False),
        (hw.Hardware(reading=hw.Reading(dac=hw.Converter(), adc=hw.Clip())), False, False),
        (hw.Hardware(reading=hw.Reading(weight_noise=hw.RootReadNoise(std=0.1))), True, False),
        (hw.Hardware(programming=hw.PCMLike()), True, True),
        (hw.Hardware(programming=hw.PCMLike(read_strength=0.0)), False, True),
        (hw.Hardware(time=hw.Ageing(leak=hw.Leak(lifetime=1.0))), False, True),
    ],
)  # fmt: skip
def test_hardware_says_whether_reads_differ_and_whether_it_ages(hardware, noisy, ages):
    assert (hardware.reads_noisily, hardware.ages) == (noisy, ages)


# ----------------------------------------------------------------------------------------------------------------------
# Errors


@pytest.mark.parametrize(
    ("hardware", "name", "owner"),
    [
        (hw.Hardware(writing=hw.MixedPrecision()), "cells", ""),
        (hw.Hardware(cells=hw.Digital(), programming=hw.OpenLoop()), "cells", ""),
        (hw.Hardware(cells=hw.Digital(), programming=hw.PCMLike()), "programming", ""),
        (hw.Hardware(weight=hw.Devices(gains=(1.0, 1.0)), programming=hw.PCMLike()), "weight", ""),
        (hw.Hardware(weight_scale=-1.0), "weight_scale", "Hardware"),
        (hw.Hardware(time=hw.Ageing(faults=hw.Faults(stuck_low=0.1))), "time.faults.stuck_low", "Faults"),
        (hw.Hardware(time=hw.Ageing(wear=hw.Wear(median=9.0))), "time.wear.median", "Wear"),
        (
            hw.Hardware(cells=hw.SoftBoundsReference(subtract_symmetry_point=True), weight=hw.ZeroShifted()),
            "cells.subtract_symmetry_point", "cells",
        ),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_named_by_the_way_that_leads_to_them(hardware, name, owner):
    with pytest.raises(ParameterError) as error:
        hardware.check_fit()
    assert (error.value.name, error.value.owner) == (name, owner)
    assert f"The '{name}' parameter" in str(error.value)


@pytest.mark.parametrize("name", hw.PRESETS)
def test_parts_of_presets_fit(name):
    hw.PRESETS[name].hardware.check_fit()


def test_an_error_prints_its_parts():
    error = ParameterError("step", "Quantised", "positive", -0.1)
    assert str(error) == "The 'step' parameter of Quantised must be positive. Got -0.1 instead."
    assert str(error.under("cells")) == "The 'cells.step' parameter of Quantised must be positive. Got -0.1 instead."
    assert str(ParameterError("step", verb="is missing")) == "The 'step' parameter is missing."
    assert str(ParameterError("x", "read", "a row", Words("shape (2,)"), hint="Rows are inputs.")) == (
        "The 'x' parameter of read must be a row. Got shape (2,) instead. Rows are inputs."
    )
    assert len(str(ParameterError("x", "read", "a row", "x" * 1000))) < 120
    assert isinstance(error, ValueError)


def test_an_error_can_be_made_again_of_its_parts():
    for got in (-0.1, None, NOTHING):
        error = ParameterError("step", "Quantised", "positive", got, hint="Try 1.")
        assert ParameterError(error.name, **error.parts).args == error.args
        assert ("got" in error.parts) == (got is not NOTHING)


def test_the_way_grows_from_inside_out():
    with pytest.raises(ParameterError) as error, under("time"), under("faults"):
        raise ParameterError("stuck_low", "Faults", "0", 1)
    assert error.value.name == "time.faults.stuck_low"
