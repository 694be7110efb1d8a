"""What a value of an axis knows of itself: the facts that audit, diagnosis, alignment and other backends read.

Every value of every axis is a :class:`AxisValue`: a frozen table of its parameters that brings

    kernel       what the compiled loops call                           (its arguments are in the file of the axis)
    numbers      its parameters as that kernel takes them               changing them compiles nothing
    facts        what it costs, keeps, draws and uses                    :class:`Facts`, by default nothing
    fits         why it cannot be part of a rule, or None                together one table of compatibility

so that nobody needs to know which value it is. :mod:`neuroperturb.rules.plan` joins the answers of a rule's axes.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from neuroperturb.rules.formula.signatures import Nothing
from neuroperturb.spec import Spec, SpecError

# How far something has to travel to a synapse.
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
    """A value as Brian2 reads it (:mod:`neuroperturb.spiking.brian_equations`).

    code : lines that stand at its place in the rule's text; "" where what stands there follows from other facts
    variables : that a synapse keeps for it
    constants : (name in the text, field of the value)
    """

    code: str = ""
    variables: tuple[str, ...] = ()
    constants: tuple[tuple[str, str], ...] = ()


class Facts(NamedTuple):
    """What a value brings with it, by default nothing.

    quantities : what it uses apart from the arguments of the scalar formulas, and how far each travels
    symbols : (argument of a formula, how it is written) where this value makes it another quantity
    unit_state : numbers a unit keeps apart from its activity
    unit_draws, synapse_draws : random numbers a step
    unit_work : arithmetic of a unit at every step
    divider : why a unit without a divider cannot do it, and what could instead; "" where it does not divide by what it measures
    lateral_work : multiply–adds, at every step, of a synapse of a lateral matrix; 0 where there is none
    lateral_share : the term of its change that is proportional to itself
    separable : trials side by side, and presentations one after the other, are independent samples; False also where that has
        not been shown
    spiking : whether spiking neurons can do it
    brian : its text for Brian2; None where there is none
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
        """Whether all it uses is at the synapse, at the units on either side, or one number for everybody."""
        return all(quantity.is_local for quantity in self.quantities)

    @property
    def reduces(self) -> bool:
        """Whether it sums over the units of a layer."""
        return any(quantity.kind == LAYER for quantity in self.quantities)


class Scales(NamedTuple):
    """What a value's numbers are made with.

    t : scalar type of the run
    noise_std : σ of the perturbation as units know it, see :attr:`neuroperturb.rules.plan.RuleFacts.effective_noise_std`
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
    """What a value may see of the rule that it is part of (:class:`neuroperturb.rules.contract.PerturbationRule`)."""

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
        """What its kernel reads, as a NamedTuple."""
        del scales
        return Nothing()

    def fits(self, rule: Axes) -> SpecError | None:
        """Why this value does not fit the others of a rule, in one sentence; None where it can."""
        del rule
        return None
