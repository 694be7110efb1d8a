"""A part of one's own is one file, here this one, and one line in the list of its room: then tables know it by its name, too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest

import hardware_models as hw
from hardware_models import ageing, devices, writing
from hardware_models.ageing import drift, slow_sources
from hardware_models.crossbar.contract import Writing
from hardware_models.crossbar.sweep import WritePath
from hardware_models.numerics.checks import require_not_negative, require_positive
from hardware_models.numerics.compiled import kernel
from neuroperturb.network.chip import chip

pytestmark = pytest.mark.kernels


# ----------------------------------------------------------------------------------------------------------------------
# A cell: two formulas


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    f = (upper - w) / (upper - lower)
    return w + step * f * f * (type(w)(1) + p.dw_min_std * xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    f = (w - lower) / (upper - lower)
    return w - step * f * f * (type(w)(1) + p.dw_min_std * xi)


@dataclass(frozen=True, kw_only=True)
class Quadratic(hw.PulsedCell):
    """Steps that vanish with the square of the distance to a bound."""

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)


# ----------------------------------------------------------------------------------------------------------------------
# A way of writing: what happens to a row of requests


@lru_cache
def make_put_large(write_row):
    @kernel
    def put_row(array, pending, k, j, change):
        least = array.writing.least
        for i in range(change.shape[0]):
            change[i] = change[i] if abs(change[i]) >= least else type(least)(0)
        write_row(array, array.numbers, k, j, change)

    return put_row


class Least(NamedTuple):
    """What kernels need: the smallest request that is sent [device units]."""

    least: float


@dataclass(frozen=True, kw_only=True)
class LargeOnly(Writing):
    """Requests below a threshold are dropped.

    least : smallest request that is sent [device units], 0 or more
    """

    least: float = 0.1

    def check(self) -> None:
        require_not_negative(self, "least")

    def state(self, site) -> Least:
        return Least(site.dtype.type(self.least))

    def path(self, site, change_row) -> WritePath:
        del change_row  # any will do
        return WritePath(make_put_large(site.cell.write_row))


# ----------------------------------------------------------------------------------------------------------------------
# What time does: another law of drift, a mechanism of its own, a source of slow noise


@dataclass(frozen=True, kw_only=True)
class SlowingDrift(hw.Drift):
    """Drift whose exponent falls with what is stored, ν e^{−|w|}."""

    def _mean(self, written):
        return self.nu * np.exp(-np.abs(written))


@dataclass(frozen=True, kw_only=True)
class Creep(ageing.Mechanism):
    """w ← w + rate Δ, the same for all cells.

    rate : [device units / s], positive
    """

    rate: float

    def check(self) -> None:
        require_positive(self, "rate")

    def move(self, passage) -> tuple:
        return 1.0, self.rate * passage.seconds


@dataclass(frozen=True, kw_only=True)
class Creeping(hw.Ageing):
    """Ageing, and creep: in its own room this is one field of `Ageing`."""

    creep: Creep | None = None


@dataclass(frozen=True, kw_only=True)
class TwoTimes(slow_sources.Source):
    """Two relaxation times, half of the variance each."""

    std: float
    fast: float
    slow: float

    address = 3

    @property
    def strength(self) -> float:
        return self.std

    def processes(self) -> list[tuple[float, float]]:
        return [(self.std / np.sqrt(2), self.fast), (self.std / np.sqrt(2), self.slow)]


# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """The one line of each."""
    monkeypatch.setitem(devices.CELLS, "quadratic", Quadratic)
    monkeypatch.setitem(writing.KINDS, "large-only", LargeOnly)
    monkeypatch.setitem(drift.KINDS, "slowing", SlowingDrift)
    monkeypatch.setitem(slow_sources.KINDS, "two-times", TwoTimes)


def test_a_cell():
    cell = chip.read({"cells": {"kind": "quadratic", "dw_min": 0.01, "dw_min_dtod": 0.0}}).cells
    assert cell == Quadratic(dw_min=0.01, dw_min_dtod=0.0)
    hw.check_device(cell)
    array = hw.SynapseArray((2, 3), cell, seed=1)
    array.pulse(5)
    assert (array.read() > 0).all()


def test_a_way_of_writing():
    hardware = chip.read({"writing": {"kind": "large-only", "least": 0.5}})
    assert hardware.writing == LargeOnly(least=0.5)
    array = hardware.array((2, 2), dtype=np.float64)
    array.update([1.0, 0.25], [1.0, 4.0])
    assert np.array_equal(array.read(), [[1.0, 4.0], [0.0, 1.0]])
    with pytest.raises(hw.ParameterError, match="The 'least' parameter of LargeOnly must be 0 or more"):
        hw.SynapseArray((2, 2), writing=LargeOnly(least=-1.0))


def test_a_law_of_drift():
    hardware = chip.read({"time": {"drift": {"kind": "slowing", "nu": 0.1}}})
    assert hardware.time == hw.Ageing(drift=SlowingDrift(nu=0.1))
    array = hardware.array((1, 2), dtype=np.float64)
    array.program([[1.0, 0.5]])
    array.age(9.0)
    assert np.allclose(array.read(), [[10 ** (-0.1 / np.e), 0.5 * 10 ** (-0.1 * np.exp(-0.5))]])


def test_a_mechanism_of_ageing():
    # as a field of `Ageing` it has a table, too; a part of one's own inside another of one's own has none
    time = Creeping(creep=Creep(rate=0.01), leak=hw.Leak(lifetime=10.0))
    array = hw.SynapseArray((1, 2), time=time, dtype=np.float64)
    array.program([[1.0, -1.0]])
    array.age(10.0)
    assert np.allclose(array.read(), [[np.exp(-1) + 0.1, 0.1 - np.exp(-1)]])
    with pytest.raises(hw.ParameterError, match="The 'rate' parameter of Creep must be positive"):
        hw.SynapseArray((1, 2), time=Creeping(creep=Creep(rate=-1.0)))
    with pytest.raises(hw.ParameterError, match="The 'creep' parameter of Creeping must be a Creep or None"):
        hw.SynapseArray((1, 2), time=Creeping(creep=0.1))


def test_a_source_of_slow_noise():
    source = {"kind": "two-times", "std": 0.1, "fast": 1.0, "slow": 1e3}
    hardware = chip.read({"time": {"slow": {"sources": [source]}}})
    noise = hardware.time.slow
    assert noise.sources == (TwoTimes(std=0.1, fast=1.0, slow=1e3),)
    trace = noise.sample(2, cells=4000, dtype=np.float64)
    assert trace.var() == pytest.approx(0.01, rel=0.1)
    # what is left after one read is the slow half and e⁻¹ of the fast one
    assert np.mean(trace[0] * trace[1]) / 0.01 == pytest.approx((1 + np.exp(-1)) / 2, abs=0.1)
