"""The loss that a network learns from, where it is not the task's own.

    loss = "huber"        loss = {kind = "huber", delta = 0.5}        loss = "mine.py:Pinball"        loss = {name = "mine.py:Pinball", q = 0.8}

What is scored, on validation and test data, stays the task's loss, so that runs that learn from different losses can be compared.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from hardware_models.numerics.checks import is_finite
from neuroperturb.network.scalar_losses import Hinge, Huber, ScalarLoss, require_form
from neuroperturb.rules.formula.signatures import plain
from neuroperturb.spec import Spec, SpecError
from neuroperturb.spec.user_code import Sought, UserCode, find, is_name


def _functions(cls: type) -> tuple:
    found = (getattr(cls, name, None) for name in ("loss", "derivative"))
    return tuple(plain(function) for function in found if function is not None)


LOSS = Sought(
    "loss", "loss.name", lambda cls: hasattr(cls, "loss"), "It has no class with a 'loss' function.", _functions
)


class MeanSquaredErrorLoss(Spec):
    """mean_o (y − y*)²."""

    scalar: ClassVar[bool] = False
    kind: Literal["mse"] = "mse"

    def bind(self) -> str:
        """What learners are given."""
        return "mse"


class CrossEntropyLoss(Spec):
    """−Σ_o y* log softmax(y), for targets that are odds of classes."""

    scalar: ClassVar[bool] = False
    kind: Literal["cross_entropy"] = "cross_entropy"

    def bind(self) -> str:
        """What learners are given."""
        return "cross_entropy"


class HuberLoss(Spec):
    """Quadratic up to an error of `delta`, linear beyond, see :class:`neuroperturb.network.scalar_losses.Huber`.

    delta : error up to which the loss is quadratic, > 0
    """

    scalar: ClassVar[bool] = True
    kind: Literal["huber"] = "huber"
    delta: float = Field(default=1.0, gt=0)

    def bind(self) -> ScalarLoss:
        """What learners are given."""
        return ScalarLoss(Huber(self.delta), "huber")


class HingeLoss(Spec):
    """max(0, margin − y* y), for targets of ±1.

    margin : how far on the right side of 0 an output costs nothing, > 0
    """

    scalar: ClassVar[bool] = True
    kind: Literal["hinge"] = "hinge"
    margin: float = Field(default=1.0, gt=0)

    def bind(self) -> ScalarLoss:
        """What learners are given."""
        return ScalarLoss(Hinge(self.margin), "hinge")


class OwnLoss(Spec):
    """A loss of one's own, as data: opening a record imports nothing.

    source : ``module:Class`` or ``path/to/file.py:Class``
    parameters : its numbers, by name
    sha256, text : of its source, see :class:`neuroperturb.spec.user_code.UserCode`
    """

    scalar: ClassVar[bool] = True
    kind: Literal["own"] = "own"
    source: str
    parameters: dict[str, float]
    sha256: str
    text: str

    @classmethod
    def of(cls, loss: tuple) -> OwnLoss:
        """From an object, ``Pinball(q=0.8)``."""
        require_form(type(loss))
        code = UserCode.of(type(loss), LOSS)
        numbers = {name: float(value) for name, value in loss._asdict().items()}  # type: ignore[attr-defined]
        return cls(source=code.name, parameters=numbers, sha256=code.sha256, text=code.text)

    @property
    def code(self) -> UserCode:
        """The class as data."""
        return UserCode(self.source, self.sha256, self.text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OwnLoss):
            return NotImplemented
        return (self.code, self.parameters) == (other.code, other.parameters)

    def __hash__(self) -> int:
        return hash((self.code, *sorted(self.parameters.items())))

    def bind(self) -> ScalarLoss:
        """What learners are given; raises if its source is not the one this experiment was made with."""
        made_of = self.code.bind(LOSS)
        require_form(made_of)
        return ScalarLoss(made_of(**self.parameters), self.code.label)


KINDS: dict[str, type[Spec]] = {
    "mse": MeanSquaredErrorLoss,
    "cross_entropy": CrossEntropyLoss,
    "huber": HuberLoss,
    "hinge": HingeLoss,
}
Choice = Annotated[
    MeanSquaredErrorLoss | CrossEntropyLoss | HuberLoss | HingeLoss | OwnLoss, Field(discriminator="kind")
]


def read(value: Any) -> Any:
    """A loss from its name or table; a choice as it is, and an object of one's own as data."""
    if isinstance(value, Spec) or value is None:
        return value
    if isinstance(value, tuple) and hasattr(type(value), "loss"):
        return OwnLoss.of(value)
    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        raise SpecError("loss", "Experiment", "a name or a table", value)
    if table.get("kind") == "own":
        return table
    name = table.get("name", table.get("kind"))
    rest = {key: inner for key, inner in table.items() if key not in ("name", "kind")}
    if is_name(name):
        return _own(name, rest)
    if name not in KINDS:
        raise SpecError.no_choice("loss", "", name, [*KINDS, "module:Class"])
    return {"kind": name, **rest}


def _own(name: str, numbers: dict) -> OwnLoss:
    cls = find(name, LOSS)
    require_form(cls)
    for key, value in numbers.items():
        if key not in cls._fields:
            raise SpecError.unknown(key, cls.__name__, cls._fields)
        if not is_finite(value):
            raise SpecError(key, cls.__name__, "a finite number", value)
    missing = [key for key in cls._fields if key not in numbers and key not in cls._field_defaults]
    if missing:
        raise SpecError.missing(missing[0], cls.__name__)
    return OwnLoss.of(cls(**numbers))
