"""Losses that are a mean over outputs of one scalar function, shipped or of one's own.

    class Pinball(NamedTuple):
        q: float = 0.9

        @staticmethod
        def loss(params, output, target):                  # -> value
            error = target - output
            return params.q * error if error > 0 else (params.q - 1) * error

        @staticmethod
        def derivative(params, output, target):            # -> ∂value/∂output; only the exact gradient needs it
            return -params.q if target > output else 1 - params.q

L = mean_o loss(y_o, y*_o) of a trial at a step. A perturbation needs the value alone: of a clean twin δL = L(c + δ) − L(c), of a pair
δL = ½ (L(c + δ) − L(c − δ)), in float64, where the difference of two values keeps 1e-16 of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from hardware_models.numerics.compiled import kernel
from neuroperturb.network.losses import LOSSES, TrialLoss
from neuroperturb.rules.formula.signatures import Nothing, plain
from neuroperturb.spec import SpecError


class Huber(NamedTuple):
    """Quadratic up to an error of δ and linear beyond: ½ e², δ (|e| − ½ δ) (P. J. Huber, Ann. Math. Stat. 35, 73 (1964), eq. 3.2)."""

    delta: float = 1.0

    @staticmethod
    def loss(params, output, target):
        error = abs(output - target)
        return 0.5 * error * error if error <= params.delta else params.delta * (error - 0.5 * params.delta)

    @staticmethod
    def derivative(params, output, target):
        return min(max(output - target, -params.delta), params.delta)


class Hinge(NamedTuple):
    """max(0, margin − y* y), for targets of ±1: nothing is learnt from what is right by a margin."""

    margin: float = 1.0

    @staticmethod
    def loss(params, output, target):
        return max(params.margin - target * output, 0.0)

    @staticmethod
    def derivative(params, output, target):
        return -target if target * output < params.margin else 0.0


class ScalarLoss(NamedTuple):
    """A loss for whoever learns from it.

    record : its numbers, with the functions as static methods
    name : for records and figures
    """

    record: tuple
    name: str

    def between(self, passes: int, paired: bool) -> Any:
        """The kernel (c, δ, target) -> (L, δL) for a number of passes."""
        return self.kernels.between(passes, paired)

    @property
    def kernels(self) -> TrialLoss:
        """Of every way to compare passes."""
        return make_trial_loss(plain(type(self.record).loss), _numbers(self.record))

    @property
    def differentiated(self) -> Any:
        """(outputs, targets, mask, errors) -> summed loss, with ∂L/∂y in errors; raises where there is no derivative."""
        cls = type(self.record)
        if not hasattr(cls, "derivative"):
            hint = "Write derivative(params, output, target) beside 'loss': the exact gradient needs it, and perturbations do not."
            raise SpecError("derivative", cls.__name__, verb="is missing", hint=hint)
        return make_loss_steps(plain(cls.loss), plain(cls.derivative), _numbers(self.record))


def kernels_of(loss: str | ScalarLoss) -> TrialLoss:
    """The kernels of a loss, given by the name of a task's or as it is."""
    return LOSSES[loss] if isinstance(loss, str) else loss.kernels


def _numbers(record: tuple) -> tuple:
    return record if record else Nothing()


@lru_cache
def make_trial_loss(function: Any, params: tuple) -> TrialLoss:
    """Kernels (c, δ, target) -> (L, δL)."""
    value = kernel(function)

    @kernel
    def twin(c, delta, target):
        loss = change = 0.0
        for o in range(target.shape[0]):
            y, wanted = float(c[o]), float(target[o])
            here = value(params, y, wanted)
            loss += here
            change += value(params, y + float(delta[o]), wanted) - here
        return loss / target.shape[0], change / target.shape[0]

    @kernel
    def pair(c, delta, target):
        loss = change = 0.0
        for o in range(target.shape[0]):
            y, d, wanted = float(c[o]), float(delta[o]), float(target[o])
            loss += value(params, y, wanted)
            change += 0.5 * (value(params, y + d, wanted) - value(params, y - d, wanted))
        return loss / target.shape[0], change / target.shape[0]

    @kernel
    def single(c, delta, target):
        loss = 0.0
        for o in range(target.shape[0]):
            loss += value(params, float(c[o]), float(target[o]))
        return loss / target.shape[0], loss / target.shape[0]

    return TrialLoss(twin, pair, single)


@lru_cache
def make_loss_steps(function: Any, slope: Any, params: tuple) -> Any:
    """steps(outputs, targets, mask, errors) -> summed loss of the scored trials; errors ∂(Σ_t L_t / B)/∂y, 0 elsewhere."""
    value, derivative = kernel(function), kernel(slope)

    @kernel
    def steps(outputs, targets, mask, errors):
        total = 0.0
        batch, size = outputs.shape[1], outputs.shape[2]
        for t in range(outputs.shape[0]):
            for b in range(batch):
                part = 0.0
                for o in range(size):
                    if not mask[t, b]:
                        errors[t, b, o] = 0
                        continue
                    y, wanted = float(outputs[t, b, o]), float(targets[t, b, o])
                    part += value(params, y, wanted) / size
                    errors[t, b, o] = derivative(params, y, wanted) / (size * batch)
                total += part
        return total

    return steps


def check_loss(loss: tuple | type[tuple]) -> None:
    """Raise InputError with one sentence if a loss of one's own violates the form above.

    It is a NamedTuple of finite numbers with loss(params, output, target), finite and the same at every call, compiled or not; and its
    derivative, if it has one, is that of finite differences, except where it jumps.

    Examples
    --------
    >>> check_loss(Huber(delta=0.5))
    """
    cls = loss if isinstance(loss, type) else type(loss)
    require_form(cls)
    record = cls() if isinstance(loss, type) else loss
    value, params = kernel(plain(cls.loss)), _numbers(record)
    slope = kernel(plain(cls.derivative)) if hasattr(cls, "derivative") else None
    points, h = np.array([-2.03, -1.0, -0.31, 0.0, 0.47, 1.0, 1.9]), 1e-6
    for target in points:
        for output in points + 0.01:
            there = _number(cls, "loss", value, params, output, target)
            if (
                there != plain(cls.loss)(params, output, target)
                and abs(there - plain(cls.loss)(params, output, target)) > 1e-9
            ):
                raise SpecError("loss", cls.__name__, "the same compiled and in Python", there)
            if slope is None:
                continue
            left, right = (
                (_number(cls, "loss", value, params, output + s * h, target) - there) / (s * h) for s in (-1, 1)
            )
            found = _number(cls, "derivative", slope, params, output, target)
            if abs(left - right) < 1e-3 * (1 + abs(left)) and abs(found - 0.5 * (left + right)) > 1e-4 * (
                1 + abs(found)
            ):
                hint = f"It is at output {output:g}, target {target:g}."
                raise SpecError(
                    "derivative",
                    cls.__name__,
                    f"{0.5 * (left + right):.6g}, as finite differences have it",
                    found,
                    hint,
                )


def require_form(cls: type) -> None:
    """Reject a class that is no loss."""
    if not (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and hasattr(cls, "_fields")
        and callable(getattr(cls, "loss", None))
    ):
        raise SpecError(
            "loss",
            getattr(cls, "__name__", ""),
            "a NamedTuple of numbers with a static method loss(params, output, target)",
        )
    for name in ("loss", "derivative"):
        function = plain(getattr(cls, name, None))
        if function is not None and tuple(function.__code__.co_varnames[: function.__code__.co_argcount]) != (
            "params",
            "output",
            "target",
        ):
            raise SpecError(
                name, cls.__name__, f"{name}(params, output, target), a static method", verb="must have the form"
            )


def _number(cls: type, name: str, function: Any, *arguments: Any) -> float:
    try:
        value = float(function(*arguments))
    except Exception as error:
        where = f"{name}(params, {arguments[1]:g}, {arguments[2]:g})"
        raise SpecError(name, cls.__name__, f"a function of numbers: {where} raises {type(error).__name__}") from None
    if not np.isfinite(value):
        raise SpecError(
            name, cls.__name__, "finite", value, f"It is at output {arguments[1]:g}, target {arguments[2]:g}."
        )
    return value
