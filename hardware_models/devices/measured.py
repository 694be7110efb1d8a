"""Cells whose steps were measured: tables of the mean and of the spread of a step, over the range of the weight.

    up    w ← w + s_up (μ_up(t) + c σ_up(t) ξ)             t = (w − b_min) / (b_max − b_min),  c = dw_min_std
    down  w ← w − s_down (μ_down(t) + c σ_down(t) ξ)       ξ standard normal

μ and σ interpolate linearly between nodes evenly spaced from t = 0 to t = 1. Pulses are whole, and each adds its own variance.
A table is computed from measured pulses, as arrays or in a CSV file (:mod:`hardware_models.devices.pulse_data`), by the statistics of
:mod:`hardware_models.devices.step_tables`; the cell stores it, so that it contains the data it is based on. The noise
of a pulse is assumed to be normal: the Kolmogorov–Smirnov distance in `goodness` tells how accurate that is.

>>> import numpy as np
>>> import hardware_models as hw
>>> before, up = np.tile(np.linspace(1.0, 9.0, 50), 2), np.arange(100) < 50  # 50 pulses up, 50 down
>>> after = before + np.where(up, 0.02 * (10 - before), -0.02 * before)
>>> cell = hw.Measured.from_pulses(hw.PulseData(before, after, up, np.zeros(100, int), unit="µS"))
>>> cell.source
'pulses: 100 pulses of 1 device, 1 … 9 µS'
>>> print(np.round(cell.mean_up[::16], 3))  # in steps of the mean, from the lower bound to the upper one
[1.8 1.  0.2]
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hardware_models.devices import step_tables
from hardware_models.devices.piecewise_step import polygon
from hardware_models.devices.pulse_data import PulseData, PulseDataError, read_pulses
from hardware_models.devices.pulsed import PulsedCell
from hardware_models.devices.step_tables import StepTables
from hardware_models.numerics.checks import ParameterError, are_numbers, refuse
from hardware_models.numerics.compiled import kernel

ENDING = ".csv"  # of a name that means measured pulses
TABLES = ("mean_up", "mean_down", "spread_up", "spread_down")


def files_named(name: str) -> list[str]:
    """The CSV file that a name stands for, or the two, up and down: ``"up.csv,down.csv"``."""
    first, comma, second = name.partition(f"{ENDING},")
    return [first + ENDING, second] if comma and not Path(name).exists() else [name]


def pulses_by_name(name: str) -> PulseData:
    """The pulses of the file, or of the two files, that a name stands for."""
    path, *down = files_named(name)
    return read_pulses(path, down=down[0] if down else None)


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    t = (w - lower) / (upper - lower)
    return w + step * (polygon(p.mean_up, t) + p.dw_min_std * polygon(p.spread_up, t) * xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    t = (w - lower) / (upper - lower)
    return w - step * (polygon(p.mean_down, t) + p.dw_min_std * polygon(p.spread_down, t) * xi)


@dataclass(frozen=True, kw_only=True)
class Measured(PulsedCell):
    """Step measured as a table over the weight; further parameters in `PulsedCell`.

    mean_up, mean_down : two or more values of μ, 0 or more, from the lower to the upper bound, in units of `dw_min`
    spread_up, spread_down : as many values of σ, the spread between pulses, in units of `dw_min_std`
    source : where the data are from, as text;  goodness : the quality of the fit, as text
    """

    mean_up: tuple[float, ...] = (1.0, 1.0)
    mean_down: tuple[float, ...] = (1.0, 1.0)
    spread_up: tuple[float, ...] = (1.0, 1.0)
    spread_down: tuple[float, ...] = (1.0, 1.0)
    source: str = ""
    goodness: str = ""

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)
    most_spread: ClassVar[dict[str, float]] = dict.fromkeys(PulsedCell.most_spread, 20.0) | {
        "dw_min_std": math.inf
    }  # as measured

    @classmethod
    def fields_of(cls, table: Mapping[str, Any], base: Any = None) -> dict[str, Any]:
        """A table with a ``file`` of pulses stands for the cell of it, made with the options of `from_pulses` that the table has."""
        if "file" not in table:
            return dict(table)
        names = {"file", "down", *inspect.signature(cls.from_pulses).parameters}
        options = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key in names - {"file"}}
        made = cls.from_csv(table["file"], **options)
        return vars(made) | {key: value for key, value in table.items() if key not in names}

    @classmethod
    def from_csv(cls, path: str | Path, *, down: str | Path | None = None, **options: Any) -> Measured:
        """The cell of the pulses in a CSV file, or in two; see `read_pulses` for these and `from_pulses` for the options."""
        return cls.from_pulses(read_pulses(path, down=down), **options)

    @classmethod
    def from_pulses(
        cls, data: PulseData, *, w_max: float = 1.0, w_min: float = -1.0, nodes: int = 33,
        limits: tuple[float, float] | None = None, own_bounds: bool = False,
    ) -> Measured:  # fmt: skip
        """The cell of measured pulses.

        Parameters
        ----------
        data : at least 10 pulses in each direction
        w_max, w_min : device units at the ends of the range of conductance
        nodes : of each table
        limits : (low, high) of the range [conductance]; None: the median over devices of their 1 % and 99 % quantiles
        own_bounds : whether devices were pulsed until they moved no further, so that the ends of their own ranges are their
            bounds; otherwise all devices share one range

        Returns
        -------
        Measured
            `dw_min` is the mean step over the range, both directions; `dw_min_std` the root mean square spread between pulses;
            `dw_min_dtod`, `up_down_dtod` the spread between devices, corrected for the noise of their pulses;
            `write_noise_std` the noise of the reads; `corrupt_prob` the fraction of devices that never moved.
        """
        if not (w_min <= 0 <= w_max and w_min < w_max):
            raise ParameterError("w_min", "Measured", f"0 or less, and below w_max, {w_max!r}", w_min)
        tables = step_tables.fit(data, nodes=nodes, limits=limits, own_bounds=own_bounds)
        cell = cls(
            w_max=w_max, w_min=w_min, **_shape(tables), **_spread(tables, w_max, w_min), source=_source(data, tables),
            goodness=str(tables.goodness),
        )  # fmt: skip
        if not _middle(cell) > 0:
            raise PulseDataError(f"{data.title} must move a cell at w = 0. Got a mean step of 0 instead.")
        return cell

    def check(self) -> None:
        for name in TABLES:
            heights = getattr(self, name)
            if not (isinstance(heights, tuple) and len(heights) >= 2 and are_numbers(heights) and min(heights) >= 0):
                refuse(self, name, "a tuple of two or more heights, 0 or more")
            if len(heights) != len(self.mean_up):
                refuse(self, name, f"as long as 'mean_up', {len(self.mean_up)}")
        super().check()


def _shape(tables: StepTables) -> dict:
    """Values of the tables relative to their mean."""
    step, spread = _sizes(tables)
    noisy, flat = spread > step_tables.ROUNDING * step, np.ones_like(tables.mean_up)
    heights = {
        "mean_up": tables.mean_up / step, "mean_down": tables.mean_down / step,
        "spread_up": tables.spread_up / spread if noisy else flat,
        "spread_down": tables.spread_down / spread if noisy else flat,
    }  # fmt: skip
    return {"dw_min_std": float(spread / step) if noisy else 0.0} | {
        name: tuple(map(float, values)) for name, values in heights.items()
    }


def _spread(tables: StepTables, w_max: float, w_min: float) -> dict:
    """Size of a step, and spreads between devices, in device units or steps."""
    (step, _), span, (share, places) = _sizes(tables), w_max - w_min, tables.stuck
    return {
        "dw_min": span * step, "dw_min_dtod": tables.gain_dtod, "up_down_dtod": tables.asymmetry_dtod,
        "w_max_dtod": span * tables.high_dtod / w_max if w_max else 0.0,
        "w_min_dtod": span * tables.low_dtod / -w_min if w_min else 0.0,
        "write_noise_std": tables.read_std / step, "corrupt_prob": share,
        "corrupt_range": float(np.abs(w_min + span * places).max(initial=0.0)),
    }  # fmt: skip


def _sizes(tables: StepTables) -> tuple[float, float]:
    """Mean step, and root mean square spread, over both tables."""
    mean, spread = np.mean([tables.mean_up, tables.mean_down]), [tables.spread_up, tables.spread_down]
    return float(mean), float(np.sqrt(np.mean(np.square(spread))))


def _middle(cell: Measured) -> float:
    """Mean size of a step up and a step down at w = 0, in steps."""
    t, at = -cell.w_min / (cell.w_max - cell.w_min), np.linspace(0, 1, len(cell.mean_up))
    return float(np.interp(t, at, cell.mean_up) + np.interp(t, at, cell.mean_down)) / 2


def _source(data: PulseData, tables: StepTables) -> str:
    (low, high), good = tables.limits, tables.goodness
    devices = f"{good.devices} device" + "s" * (good.devices != 1)
    return f"{data.source or 'pulses'}: {good.pulses} pulses of {devices}, {low:.4g} … {high:.4g} {data.unit}".rstrip()
