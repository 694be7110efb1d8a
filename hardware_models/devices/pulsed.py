r"""Common properties of pulsed cells: spread between cells, noise between pulses, bounds.

For each cell, drawn once per chip, ξ standard normal and independent:

    b_max = |w_max (1 + w_max_dtod ξ)|          b_min = −|w_min (1 + w_min_dtod ξ)|
    g = 1 + dw_min_dtod ξ, or exp(dw_min_dtod ξ)          r = up_down_dtod ξ
    s_up = |dw_min (g + r + min(up_down, 0))|   s_down = |dw_min (g − r − max(up_down, 0))|

A corrupt cell has b_min = b_max, uniform within ± corrupt_range and its bounds, and s_up = s_down = 0: it never changes. A pulse
then changes the weight by the formula of the cell and clips it to [b_min, b_max]. A positive `up_down` only weakens the steps down
and a negative one only those up, as the published parameter sets were simulated by Rasch et al., "A flexible and fast PyTorch
toolkit for simulating training and inference on analog crossbar arrays", AICAS 2021, doi:10.1109/AICAS51828.2021.9458494, whose
documentation gives a symmetric form instead.

A cell model is two formulas and their parameters:

>>> from dataclasses import dataclass
>>> import hardware_models as hw
>>> @hw.kernel
... def up(p, w, step, upper, lower, a, b, xi):
...     return w + step * (upper - w) ** 2 * (1 + p.dw_min_std * xi)
>>> @hw.kernel
... def down(p, w, step, upper, lower, a, b, xi):
...     return w - step * (w - lower) ** 2 * (1 + p.dw_min_std * xi)
>>> @dataclass(frozen=True, kw_only=True)
... class Quadratic(hw.PulsedCell):
...     pulse_up, pulse_down = staticmethod(up), staticmethod(down)
"""

from __future__ import annotations

import copyreg
import math
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from hardware_models.crossbar.contract import Cell, Chip
from hardware_models.crossbar.pulses import LONGEST, make_write_row
from hardware_models.numerics import random
from hardware_models.numerics.checks import (
    InputError,
    are_numbers,
    refuse,
    require_positive,
    require_spread,
    require_whole,
)


class Quantity(IntEnum):
    """Address of each draw of the CHIP stream, so that switching one spread on does not change the draws of others."""

    GAIN = 0
    ASYMMETRY = 1
    BOUND_UP = 2
    BOUND_LOW = 3
    CORRUPT = 4
    CORRUPT_PLACE = 5
    EXTRA_A = 6
    EXTRA_B = 7


@dataclass(frozen=True, kw_only=True)
class PulsedCell(Cell):
    """Parameters of every pulsed cell; names ending in ``_dtod`` are relative spreads between cells unless stated otherwise, as
    fractions: 30 % is 0.3.

    dw_min : mean step of a pulse [device units]
    dw_min_std : standard deviation between pulses of one cell, in steps
    dw_min_dtod : spread of the mean step between cells, relative
    log_normal : whether the spread of the steps between cells is log-normal, so that none is negative
    up_down, up_down_dtod : asymmetry of the steps and its spread between cells, in steps. It weakens one direction and strengthens none:
        at up_down > 0 a step up is `dw_min`, and one down is dw_min (1 − up_down); at up_down < 0 a step up is dw_min (1 + up_down), and
        one down is `dw_min`. So `dw_min` is the larger of the two steps, not their mean: for steps a up and b down with b < a,
        ``dw_min=a, up_down=1 - b / a``; `ConstantStep.from_pulses` counts it from pulses
    w_max : upper bound of the mean cell, w_min ≤ 0 ≤ w_max [device units]
    w_min : lower bound of the mean cell, w_min ≤ 0 ≤ w_max [device units]
    w_max_dtod : spread of the upper bound between cells, relative
    w_min_dtod : spread of the lower bound between cells, relative
    write_noise_std : standard deviation of the visible weight about the stored one, in steps, redrawn at each write
    corrupt_prob : share of the cells that never change
    corrupt_range : such cells have a weight between −corrupt_range and corrupt_range [device units]
    rounding : a requested change, in steps, becomes whole pulses by ``"stochastic"`` or ``"nearest"`` rounding
    most_pulses : largest number of pulses per write and cell; larger requests, also infinite ones, are clipped
    """

    dw_min: float = 0.001
    dw_min_std: float = 0.3
    dw_min_dtod: float = 0.3
    log_normal: bool = False
    up_down: float = 0.0
    up_down_dtod: float = 0.01
    w_max: float = 0.6
    w_min: float = -0.6
    w_max_dtod: float = 0.3
    w_min_dtod: float = 0.3
    write_noise_std: float = 0.0
    corrupt_prob: float = 0.0
    corrupt_range: float = 0.1
    rounding: Literal["stochastic", "nearest"] = "stochastic"
    most_pulses: int = 1000

    is_pulsed: ClassVar[bool] = True
    extras: ClassVar[int] = 0  # how many numbers of its own a cell keeps: a, then b
    # relative spread → the largest that is not taken for percent; log-normal steps, with no end, spread further
    most_spread: ClassVar[dict[str, float]] = {
        "dw_min_std": 20.0, "dw_min_dtod": 1.0, "up_down_dtod": 1.0, "w_max_dtod": 1.0, "w_min_dtod": 1.0,
    }  # fmt: skip

    # used by an array

    @property
    def bound(self) -> float:
        """The smaller of the two bounds of the mean cell [device units]; the only one if the other is 0."""
        low, high = sorted((abs(self.w_min), abs(self.w_max)))
        return low or high

    @property
    def span(self) -> tuple[float, float]:
        """Bounds of the mean cell [device units]."""
        return self.w_min, self.w_max

    @property
    def write_noise(self) -> float:
        """Standard deviation of the visible weight about the stored one [device units]."""
        return self.write_noise_std * self.dw_min

    @property
    def granularity(self) -> float:
        """Mean size of a noise-free step up and a step down of the mean cell at w = 0 [device units], the unit of a requested change."""
        up, down = self._steps_at_zero(0.0)
        return (up - down) / 2

    @property
    def pulse_noise(self) -> float:
        """Standard deviation of a pulse of the mean cell at w = 0, mean of up and down, relative to `granularity`."""
        quiet, noisy = np.array(self._steps_at_zero(0.0)), np.array(self._steps_at_zero(1.0))
        return float(np.abs(noisy - quiet).mean() / self.granularity)

    @property
    def asymmetry(self) -> float:
        """(up − down) / (up + down) of the mean cell at w = 0, sizes of noise-free steps."""
        up, down = self._steps_at_zero(0.0)
        return (up + down) / (up - down)

    def _steps_at_zero(self, xi: float) -> tuple[float, float]:
        """Weights of the mean cell after a pulse up and one down from w = 0, with a draw ξ [device units]."""
        p = self._numbers(np.float64, 1.0)
        a, b = self.extra_of_mean_cell()
        s_up = self.dw_min * (1 + min(self.up_down, 0))
        s_down = self.dw_min * (1 - max(self.up_down, 0))
        at = lambda step: map(np.float64, (0, step, self.w_max, self.w_min, a, b, xi))  # noqa: E731
        with np.errstate(all="ignore"):
            up, down = plain(self.pulse_up)(p, *at(s_up)), plain(self.pulse_down)(p, *at(s_down))
        return float(up), float(down)

    @property
    def write_row(self) -> Callable[..., Any]:
        return self._writer.write_row

    @property
    def send_row(self) -> Callable[..., Any]:
        return self._writer.send_row

    @property
    def _writer(self):
        stochastic, differs = self.rounding == "stochastic", self.write_noise > 0
        return make_write_row(self.pulse_up, self.pulse_down, stochastic, self.extras, differs)

    def numbers(self, dtype: type[np.floating]) -> NamedTuple:
        """Parameters available to a formula as `p`, in the dtype of the weights: every numeric field, and `granularity`."""
        return self._numbers(dtype, self.granularity)

    def _numbers(self, dtype, granularity):
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values = {name: value for name, value in values.items() if not isinstance(value, str)}
        turned = [np.array(v, dtype) if isinstance(v, tuple) else dtype(v) for v in values.values()]
        return _numbers_class(type(self).__name__, tuple(values))(*turned, dtype(granularity))

    # fabrication

    def fabricate(self, shape: tuple[int, int, int], seed: int, number: int) -> Chip:
        """Draw the cells (d, m, n) of array `number` of chip `seed`."""
        normal = lambda quantity: _draw(random.normal, quantity, shape, seed, number)  # noqa: E731
        spread = self.dw_min_dtod * normal(Quantity.GAIN)
        g = np.exp(spread) if self.log_normal else 1 + spread
        r = self.up_down_dtod * normal(Quantity.ASYMMETRY)
        s_up = np.abs(self.dw_min * (g + r + min(self.up_down, 0)))
        s_down = np.abs(self.dw_min * (g - r - max(self.up_down, 0)))
        b_max = np.abs(self.w_max * (1 + self.w_max_dtod * normal(Quantity.BOUND_UP)))
        b_min = -np.abs(self.w_min * (1 + self.w_min_dtod * normal(Quantity.BOUND_LOW)))
        chip = self.finish(Chip(s_up, s_down, b_max, b_min, None, None), normal)
        return self._corrupt(chip, shape, seed, number) if self.corrupt_prob > 0 else chip

    def finish(self, chip: Chip, normal: Callable[[Quantity], np.ndarray]) -> Chip:
        """Add further per-cell parameters; `normal(quantity)` draws standard normal numbers for every cell."""
        return chip

    def extra_of_mean_cell(self) -> tuple[float, float]:
        """`a` and `b` of a cell without spread."""
        return 0.0, 0.0

    def mean_chip(self) -> Chip:
        """A chip of one cell without spread, (1, 1, 1)."""
        off = {f.name: 0.0 for f in fields(self) if f.name.endswith(("_dtod", "_std", "_prob"))}
        return replace(self, **off).fabricate((1, 1, 1), 0, 0)

    def _corrupt(self, chip: Chip, shape, seed: int, number: int) -> Chip:
        uniform = lambda quantity: _draw(random.uniform, quantity, shape, seed, number)  # noqa: E731
        corrupt = uniform(Quantity.CORRUPT) < self.corrupt_prob
        low, high = np.maximum(chip.bound_low, -self.corrupt_range), np.minimum(chip.bound_up, self.corrupt_range)
        place = np.clip(low + (high - low) * uniform(Quantity.CORRUPT_PLACE), chip.bound_low, chip.bound_up)
        return chip._replace(
            step_up=np.where(corrupt, 0, chip.step_up), step_down=np.where(corrupt, 0, chip.step_down),
            bound_up=np.where(corrupt, place, chip.bound_up), bound_low=np.where(corrupt, place, chip.bound_low),
        )  # fmt: skip

    # validation

    def check(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and not are_numbers(field.default):
                continue
            if not are_numbers(value):
                refuse(self, field.name, "a tuple of numbers" if isinstance(field.default, tuple) else "a number")
            if not np.isfinite(value).all():
                refuse(self, field.name, "finite")
            if field.name.endswith(("_dtod", "_std", "_prob", "_range")) and value < 0:
                refuse(self, field.name, "0 or more")
        for name, most in self.most_spread.items():
            require_spread(self, name, max(most, 3.0) if self.log_normal and name == "dw_min_dtod" else most)
        require_positive(self, "dw_min")
        if not -1 < self.up_down < 1:
            refuse(self, "up_down", "between −1 and 1")
        if self.w_max < 0:
            refuse(self, "w_max", "0 or more")
        if self.w_min > 0:
            refuse(self, "w_min", "0 or less")
        if self.w_min == self.w_max:
            refuse(self, "w_max", "above w_min: bounds must not meet or cross")
        if self.dw_min > self.w_max - self.w_min:
            refuse(self, "dw_min", f"at most w_max − w_min, {self.w_max - self.w_min:g}: a cell has one state at least")
        if self.corrupt_prob > 1:
            refuse(self, "corrupt_prob", "at most 1")
        if self.rounding not in ("stochastic", "nearest"):
            refuse(self, "rounding", "'stochastic' or 'nearest'")
        require_whole(self, "most_pulses", 1, LONGEST)
        if not 0 < self.granularity < math.inf:
            name, got = type(self).__name__, self.granularity
            raise InputError(f"The formulas of {name} must move a cell at w = 0. Got a mean step of {got!r} instead.")


def _draw(distribution, quantity: Quantity, shape, seed: int, number: int) -> np.ndarray:
    return distribution(seed, random.stream(random.Stream.CHIP, number), int(quantity), shape, np.float64)


def plain(formula):
    """A formula, uncompiled."""
    return getattr(formula, "py_func", formula)


class Made(type):
    """Of classes made while a program runs, which pickle finds under no name: it makes them again, the same object for the same fields.

    Values of such a class are copied and saved with arrays, and kernels that take them are kept in the cache with the class.
    """


@lru_cache
def _numbers_class(name: str, names: tuple[str, ...]):
    base = namedtuple(f"{name}Numbers", (*names, "granularity"))
    return Made(base.__name__, (base,), {"__slots__": (), "__module__": __name__, "made_of": (name, names)})


copyreg.pickle(Made, lambda made: (_numbers_class, made.made_of))
