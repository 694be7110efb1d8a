"""Facts about a value of an axis, read by audit, diagnosis, alignment and other backends.

Every value of every axis is an :class:`AxisValue`: a frozen table of its parameters with

    kernel       the function called by the compiled loops              (its arguments are in the file of the axis)
    numbers      its parameters for that kernel                         changing them needs no recompilation
    facts        its costs, state, draws and quantities                 :class:`Facts`, empty by default
    fits         why it cannot be part of a rule, or None               together the table of compatibility

so that other code need not know which value it is. :mod:`neuroperturb.rules.plan` combines the facts of a rule's axes.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from neuroperturb.rules.formula.signatures import Nothing
from neuroperturb.spec import Spec, SpecError

# How far a quantity has to travel to a synapse.
PRE, POST, OWN, DRAW = "presynaptic", "postsynaptic", "own synapse", "own random draw"
SCALAR, LAYER, COLUMN, FAR = "broadcast scalar", "layer reduction", "column read", "non-local"
LOCAL = (PRE, POST, OWN, DRAW, SCALAR)
KINDS = (*LOCAL, LAYER, COLUMN, FAR)


class Quantity(NamedTuple):
    """name; kind, one of `KINDS`; where it enters;  replacement : a local one, "" where none is needed or known"""

    name: str
    kind: str
    where: str
    replacement: str = ""

    @property
    def is_local(self) -> bool:
        return self.kind in LOCAL

    def is_any(self, *kinds: str) -> bool:
        """Whether it is of one of these kinds."""
        return self.kind in kinds


class UnitWork(NamedTuple):
    """Arithmetic of a unit at every step."""

    multiply_adds: int = 0
    divisions: int = 0


class BrianText(NamedTuple):
    """A value as text for Brian2 (:mod:`neuroperturb.spiking.brian_equations`).

    code : its lines in the rule's text; "" if they follow from other facts
    variables : its state variables in a synapse
    constants : (name in the text, field of the value)
    """

    code: str = ""
    variables: tuple[str, ...] = ()
    constants: tuple[tuple[str, str], ...] = ()


class Facts(NamedTuple):
    """Facts about a value, empty by default.

    quantities : quantities it uses in addition to the arguments of the scalar formulas, and how far each travels
    symbols : (argument of a formula, symbol) where this value changes the meaning of an argument
    unit_state : numbers stored by a unit in addition to its activity
    unit_draws, synapse_draws : random numbers per step
    unit_work : arithmetic of a unit at every step
    divider : why a unit without a divider cannot do it, and an alternative; "" if it does not divide by a measured quantity
    lateral_work : multiply–adds per step of a synapse of a lateral matrix; 0 if there is none
    lateral_share : the term of its change that is proportional to itself
    separable : parallel trials, and successive presentations, are independent samples; False also if that is unproven
    spiking : whether spiking neurons support it
    brian : its text for Brian2; None if there is none
    """

    quantities: tuple[Quantity, ...] = ()
    symbols: tuple[tuple[str, str], ...] = ()
    unit_state: int = 0
    unit_draws: int = 0
    synapse_draws: int = 0
    unit_work: UnitWork = UnitWork()
    divider: str = ""
    lateral_work: int = 0
    lateral_share: str = ""
    separable: bool = True
    spiking: bool = True
    brian: BrianText | None = None

    @property
    def local(self) -> bool:
        """Whether all quantities are available at the synapse, at the units on either side, or broadcast."""
        return all(quantity.is_local for quantity in self.quantities)

    @property
    def reduces(self) -> bool:
        """Whether it sums over the units of a layer."""
        return any(quantity.kind == LAYER for quantity in self.quantities)


class Scales(NamedTuple):
    """Arguments for computing a value's numbers.

    t : scalar type of the run
    noise_std : σ of the perturbation known to units, see :attr:`neuroperturb.rules.plan.RuleFacts.effective_noise_std`
    sizes : hidden units, inputs without the bias, outputs
    """

    t: type
    noise_std: float
    sizes: tuple[int, int, int]

    @property
    def resolution(self) -> float:
        """32 rounding errors."""
        return self.t(32 * np.finfo(self.t).eps)


class Axes(Protocol):
    """The fields of its rule that a value may use (:class:`neuroperturb.rules.contract.PerturbationRule`)."""

    probe: Any
    presynaptic: Any
    credit: Any
    normaliser: Any
    baseline: Any
    noise: Any
    step: Any
    rate: Any
    broadcast: str
    formula: Any


class AxisValue(Spec):
    """One value of one axis of a rule."""

    kind: str
    facts: ClassVar[Facts] = Facts()

    def numbers(self, scales: Scales) -> tuple:
        """Parameters of its kernel, as a NamedTuple."""
        del scales
        return Nothing()

    def fits(self, rule: Axes) -> SpecError | None:
        """Why this value is incompatible with the others of a rule, in one sentence; None if it is compatible."""
        del rule
        return None
