"""Cells with the same step at every weight, up to their bounds.

    up    w ← w + s_up (1 + c ξ)          c = dw_min_std, ξ standard normal
    down  w ← w − s_down (1 + c ξ)

T. Gokmen & Y. Vlasov, "Acceleration of deep neural network training with resistive cross-point devices: design
considerations", Front. Neurosci. 10, 333 (2016), doi:10.3389/fnins.2016.00333.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hardware_models.devices.pulsed import PulsedCell
from hardware_models.numerics.checks import ParameterError, is_number
from hardware_models.numerics.compiled import kernel

OF_PULSES = ("pulses_up", "pulses_down")  # in a table


@kernel
def pulse_up(p, w, step, upper, lower, a, b, xi):
    return w + step * (type(w)(1) + p.dw_min_std * xi)


@kernel
def pulse_down(p, w, step, upper, lower, a, b, xi):
    return w - step * (type(w)(1) + p.dw_min_std * xi)


@dataclass(frozen=True, kw_only=True)
class ConstantStep(PulsedCell):
    """Constant step; parameters as in `PulsedCell`.

    A table may have ``pulses_up`` and ``pulses_down`` instead of `dw_min` and `up_down`, see `from_pulses`.
    """

    pulse_up, pulse_down = staticmethod(pulse_up), staticmethod(pulse_down)

    @classmethod
    def from_pulses(cls, up: float, down: float, **parameters: Any) -> ConstantStep:
        """A cell that `up` pulses take from its lower bound to its upper one, and `down` pulses back.

        Parameters
        ----------
        up, down : pulses, 1 or more, of the mean cell
        parameters : of the cell, except for `dw_min` and `up_down`

        Examples
        --------
        >>> cell = ConstantStep.from_pulses(up=50, down=200, w_max=1.0, w_min=-1.0)
        >>> cell.dw_min, cell.up_down  # steps of 0.04 and 0.01: up_down only weakens one direction
        (0.04, 0.75)
        """
        given = cls(**parameters)
        for name, pulses in (("up", up), ("down", down)):
            if not (is_number(pulses) and 1 <= pulses < math.inf):
                raise ParameterError(name, "from_pulses", "pulses, 1 or more", pulses)
        for name in ("dw_min", "up_down"):
            if name in parameters:
                raise ParameterError(
                    name, "from_pulses", verb="cannot be combined with pulses up and down, which determine it"
                )
        span = given.w_max - given.w_min
        asymmetry = 1 - up / down if up <= down else down / up - 1
        return replace(given, dw_min=span / min(up, down), up_down=float(asymmetry))

    @classmethod
    def fields_of(cls, table: Mapping[str, Any], base: Any = None) -> dict[str, Any]:
        asked = [name for name in OF_PULSES if name in table]
        if not asked:
            return dict(table)
        for name in OF_PULSES:
            if name not in table:
                raise ParameterError(name, cls.__name__, verb=f"is missing: it belongs to {asked[0]!r}")
        for name in ("dw_min", "up_down"):
            if name in table:
                raise ParameterError(
                    name, cls.__name__, verb="cannot be combined with 'pulses_up' and 'pulses_down', which determine it"
                )
        bounds = {name: table.get(name, getattr(base or cls(), name)) for name in ("w_max", "w_min")}
        for name, bound in bounds.items():
            if not is_number(bound):
                raise ParameterError(name, cls.__name__, "a number", bound)
        try:
            made = cls.from_pulses(table["pulses_up"], table["pulses_down"], **bounds)
        except ParameterError as error:
            raise error.at(f"pulses_{error.name}", cls.__name__) from None
        rest = {name: value for name, value in table.items() if name not in OF_PULSES}
        return {**rest, "dw_min": made.dw_min, "up_down": made.up_down}
