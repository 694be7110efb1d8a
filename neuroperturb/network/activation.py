"""Activations of rate units: a function f of the pre-activation, and its derivative where something differentiates.

    tanh          tanh a                                 sigmoid       1 / (1 + e^−a)
    relu          max(a, 0)                              hard-tanh     a within ±1, ±1 beyond
    leaky-relu    a above 0, slope · a below             identity      a
    module:function    one of your own, with its derivative or without: {kind = "mine.py:f", derivative = "mine.py:f_prime"}

A perturbation rule never differentiates: it runs with any f. Gradients do (BPTT, RTRL, RFLO, e-prop, and the alignment with them). A NaN
stays one, and a float32 stays a float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, SerializeAsAny, model_serializer

from hardware_models.numerics import maths
from hardware_models.numerics.checks import is_number
from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import Spec, SpecError, Words
from neuroperturb.spec.own_function import SOURCE, OwnFunction
from neuroperturb.spec.user_code import is_name


class Nonlinearity(NamedTuple):
    """An activation for kernels, which are compiled around it.

    value : (a) -> f(a), in the step of a rule
    exact : (a) -> f(a), in gradient references, by NumPy's functions
    slope : (α, a, f) -> α f'(a), with f = f(a); None: nobody has said what the derivative is
    """

    value: Any
    exact: Any
    slope: Any


class Activation(Spec):
    """An activation; every kind has its own class.

    kind : its name, or ``module:function`` of your own
    """

    kind: str

    def curve(self) -> Nonlinearity:
        """Its functions."""
        raise NotImplementedError

    def require_derivative(self) -> None:
        """Reject, in one sentence, an activation that cannot be differentiated."""


@kernel
def tanh_exact(a):
    return np.tanh(a)


@kernel
def tanh_slope(alpha, a, f):
    return alpha - alpha * f * f


@kernel
def relu(a):
    zero = type(a)(0)
    return zero if a < zero else a


@kernel
def relu_slope(alpha, a, f):
    zero = type(alpha)(0)
    return alpha if a > zero else zero


@kernel
def sigmoid(a):
    one = type(a)(1)
    return one / (one + maths.exp(-a))


@kernel
def sigmoid_slope(alpha, a, f):
    return alpha * f * (type(alpha)(1) - f)


@kernel
def hard_tanh(a):
    one = type(a)(1)
    a = one if a > one else a
    return -one if a < -one else a


@kernel
def hard_tanh_slope(alpha, a, f):
    one, zero = type(alpha)(1), type(alpha)(0)
    return alpha if -one < a and a < one else zero


@kernel
def identity(a):
    return a


@kernel
def identity_slope(alpha, a, f):
    return alpha


@lru_cache
def make_leaky_relu(below: float) -> Nonlinearity:
    """The rectifier with a slope `below` 0."""

    @kernel
    def leaky_relu(a):
        return type(a)(below) * a if a < type(a)(0) else a

    @kernel
    def leaky_relu_slope(alpha, a, f):
        return alpha if a > type(alpha)(0) else type(alpha)(below) * alpha

    return Nonlinearity(leaky_relu, leaky_relu, leaky_relu_slope)


class Tanh(Activation):
    """f(a) = tanh a, the activation of the published network."""

    kind: Literal["tanh"] = "tanh"

    def curve(self) -> Nonlinearity:
        return Nonlinearity(maths.tanh, tanh_exact, tanh_slope)


class Relu(Activation):
    """f(a) = max(a, 0), with f'(0) = 0."""

    kind: Literal["relu"] = "relu"

    def curve(self) -> Nonlinearity:
        return Nonlinearity(relu, relu, relu_slope)


class LeakyRelu(Activation):
    """f(a) = a above 0, and slope · a below; f'(0) is the slope.

    slope : of the part below 0
    """

    kind: Literal["leaky-relu"] = "leaky-relu"
    slope: float = 0.01

    def curve(self) -> Nonlinearity:
        return make_leaky_relu(self.slope)


class Sigmoid(Activation):
    """f(a) = 1 / (1 + e^−a)."""

    kind: Literal["sigmoid"] = "sigmoid"

    def curve(self) -> Nonlinearity:
        return Nonlinearity(sigmoid, sigmoid, sigmoid_slope)


class HardTanh(Activation):
    """f(a) = a within ±1, and ±1 beyond, where f' = 0."""

    kind: Literal["hard-tanh"] = "hard-tanh"

    def curve(self) -> Nonlinearity:
        return Nonlinearity(hard_tanh, hard_tanh, hard_tanh_slope)


class Identity(Activation):
    """f(a) = a: a linear network."""

    kind: Literal["identity"] = "identity"

    def curve(self) -> Nonlinearity:
        return Nonlinearity(identity, identity, identity_slope)


class OwnActivation(Activation):
    """A function of one's own, ``f(a) -> number``, compiled.

    kind : ``module:function`` or ``path/to/file.py:function``;  sha256, text : of its source
    derivative : f'(a), a function like it; None: gradients are refused

    Examples
    --------
    >>> def softsign(a):
    ...     return a / (1 + abs(a))
    >>> float(OwnActivation.of(softsign).curve().value(1.0))
    0.5
    """

    kind: str
    sha256: str
    text: str
    derivative: OwnFunction | None = None

    @classmethod
    def of(cls, function: Callable, derivative: Callable | None = None) -> OwnActivation:
        """From the functions themselves."""
        return cls._from(OwnFunction.of(function), None if derivative is None else OwnFunction.of(derivative))

    @classmethod
    def _from(cls, own: OwnFunction, derivative: OwnFunction | None) -> OwnActivation:
        return cls(kind=own.kind, sha256=own.sha256, text=own.text, derivative=derivative)

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> OwnActivation:
        """From a table of a user, or of a record."""
        rest = {key: value for key, value in table.items() if key != "derivative"}
        slope = table.get("derivative")
        slope = None if slope is None else OwnFunction.read(slope, "derivative")
        return cls._from(OwnFunction.read(rest, "kind"), slope)

    @model_serializer
    def _flat(self) -> dict:
        table = {"kind": self.kind, SOURCE: {"sha256": self.sha256, "text": self.text}}
        return table if self.derivative is None else {**table, "derivative": self.derivative.table()}

    @property
    def function(self) -> OwnFunction:
        """f as data."""
        return OwnFunction(kind=self.kind, sha256=self.sha256, text=self.text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OwnActivation):
            return NotImplemented
        return (self.function, self.derivative) == (other.function, other.derivative)

    def __hash__(self) -> int:
        return hash((self.function, self.derivative))

    def require_derivative(self) -> None:
        if self.derivative is None:
            wanted = f"given beside {self.kind!r}, as a function of a: gradients through time need it"
            raise SpecError("network.activation.derivative", wanted=wanted, got=Words("none"))

    def curve(self) -> Nonlinearity:
        derivative = self.derivative and self.derivative.bind("network.activation.derivative")
        return make_own(self.function.bind("network.activation"), derivative)


def compiled(function: Callable, path: str) -> Callable:
    """A function of one's own as a kernel; rejects one that cannot be compiled, or does not give a number."""
    made, wanted = kernel(function), "a function of one number that gives one, in arithmetic that Numba compiles"
    try:
        found = made(0.5)
    except Exception as error:  # whatever the author's code, or the compiler, raises
        told = " ".join(str(error).split())[:200]
        raise SpecError(path, wanted=wanted, got=Words(f"{type(error).__name__}, {told}")) from None
    if not is_number(found):
        raise SpecError(path, wanted=wanted, got=found)
    return made


@lru_cache
def make_own(function: Any, derivative: Any | None) -> Nonlinearity:
    """Two Python functions of one number, compiled."""
    value = compiled(function, "network.activation")
    if derivative is None:
        return Nonlinearity(value, value, None)
    differentiated = compiled(derivative, "network.activation.derivative")

    @kernel
    def own_slope(alpha, a, f):
        return alpha * differentiated(a)

    return Nonlinearity(value, value, own_slope)


@lru_cache
def make_apply(curve: Nonlinearity):
    """apply(a, alpha, f, slope): f(a), and α f'(a) if there is a derivative, of rows (B, n); alpha (n,)."""
    value, differentiable = curve.exact, curve.slope is not None
    slope_of = curve.slope

    @kernel
    def apply(a, alpha, f, slope):
        for b in range(a.shape[0]):
            for i in range(a.shape[1]):
                f[b, i] = value(a[b, i])
                if differentiable:
                    slope[b, i] = slope_of(alpha[i], a[b, i], f[b, i])

    return apply


ACTIVATIONS: dict[str, type[Activation]] = {
    "tanh": Tanh,
    "relu": Relu,
    "leaky-relu": LeakyRelu,
    "sigmoid": Sigmoid,
    "hard-tanh": HardTanh,
    "identity": Identity,
}
TANH = Tanh()


def read(given: Any) -> Any:
    """An activation from its name, its table, an object, or a function of one number."""
    if isinstance(given, Activation):
        return given
    if callable(given):
        return OwnActivation.read({"kind": given})
    table = {"kind": given} if isinstance(given, str) else given
    if not isinstance(table, Mapping):
        raise SpecError("", "RNN", "a name, a table or a function", given)
    kind = table.get("kind")
    if is_name(kind):
        return OwnActivation.read(table)
    if kind not in ACTIVATIONS:
        raise SpecError.no_choice("kind", "RNN", kind, ACTIVATIONS)
    return ACTIVATIONS[kind].parse({key: value for key, value in table.items() if key != "kind"})


AnyActivation = Annotated[SerializeAsAny[Activation], BeforeValidator(read)]
