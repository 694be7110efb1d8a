"""Errors about user input, in one sentence: the parameter, its owner, what it must be, and what was given.

    ParameterError("step", "Quantised", "positive", -0.1)
        The 'step' parameter of Quantised must be positive. Got -0.1 instead.
    … .under("cells")
        The 'cells.step' parameter of Quantised must be positive. Got -0.1 instead.

An error stores its parts and formats itself. Callers prepend the path of the object to the name; messages are never parsed.
Mistakes in code, such as an array of the wrong layout, are plain ValueErrors.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

LARGEST = 1e19  # magnitude of a number: float32, the dtype of most arrays, holds its square
LONGEST, LONGEST_NAME = 60, 120  # characters of a value, and of a dotted name, quoted in a message


class InputError(ValueError):
    """User input that cannot be used; the message is one sentence."""


class HardwareWarning(UserWarning):
    """Hardware does other than what was meant, such as clip weights, and goes on; the message is one sentence for a person."""


class Words(str):
    """A description of the given value, if its repr would not help: ``Words("shape (2, 3)")``, quoted unchanged."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


NOTHING = Words("")  # the given value is not mentioned


class ParameterError(InputError):
    """An invalid parameter.

    Parameters
    ----------
    name : of the parameter; dotted for nested parts: ``"time.faults.stuck_low"``
    owner : class or function that has the parameter; empty if it has no name
    wanted : what it must be, as in "must be positive"
    got : the given value; :class:`Words` are quoted unchanged
    hint : a helpful sentence
    verb : instead of "must be": "must have", "cannot be", "is missing", …

    Examples
    --------
    >>> print(ParameterError("step", "Quantised", "positive", -0.1))
    The 'step' parameter of Quantised must be positive. Got -0.1 instead.
    >>> error = ParameterError("step", "Quantised", "positive", -0.1).under("cells")
    >>> error.name, error.owner, error.got
    ('cells.step', 'Quantised', -0.1)
    """

    def __init__(
        self, name: str, owner: str = "", wanted: str = "", got: Any = NOTHING, hint: str = "", verb: str = "must be"
    ):
        self.name, self.owner, self.wanted, self.got, self.hint, self.verb = name, owner, wanted, got, hint, verb
        super().__init__(name, owner, wanted, got, hint, verb)

    @property
    def says_what_came(self) -> bool:
        """Whether there is anything to quote."""
        return not (isinstance(self.got, Words) and not self.got)

    @property
    def parts(self) -> dict[str, Any]:
        """Everything except the name, as keywords; without ``got`` if the given value is not mentioned."""
        found = {"owner": self.owner, "wanted": self.wanted, "hint": self.hint, "verb": self.verb}
        return found | {"got": self.got} if self.says_what_came else found

    def under(self, prefix: str) -> ParameterError:
        """The same with the path of the object before the name."""
        return self.at(f"{prefix}.{self.name}" if prefix and self.name else prefix or self.name)

    def at(self, name: str, owner: str | None = None) -> ParameterError:
        """The same with another name, and optionally another owner."""
        return type(self)(name, **self.parts | ({} if owner is None else {"owner": owner}))

    def __str__(self) -> str:
        owner = f" of {self.owner}" if self.owner else ""
        sentence = f"The {short(self.name, LONGEST_NAME)} parameter{owner} {self.verb} {self.wanted}".rstrip() + "."
        if self.says_what_came:
            sentence += f" Got {short(self.got)} instead."
        return f"{sentence} {self.hint}".rstrip()


def short(value: Any, longest: int = LONGEST) -> str:
    """The repr of a value, truncated if it is long."""
    text = repr(value)
    return text if len(text) <= longest or isinstance(value, Words) else text[: longest - 3] + "..."


@contextlib.contextmanager
def under(prefix: str) -> Iterator[None]:
    """Context in which errors name parameters by their path."""
    try:
        yield
    except ParameterError as error:
        raise error.under(prefix) from None


# ----------------------------------------------------------------------------------------------------------------------
# Fields of a part


def refuse(part: Any, name: str, wanted: str, *, hint: str = "", verb: str = "must be") -> None:
    """Raise ParameterError for an invalid field of `part`."""
    raise ParameterError(name, type(part).__name__, wanted, getattr(part, name), hint, verb)


def is_number(value: Any) -> bool:
    """Whether it is a real number; True and False are not."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether it is a real number of usable magnitude; an integer may have any number of digits."""
    return is_number(value) and bool(abs(value) <= LARGEST)


def are_numbers(value: Any) -> bool:
    """Whether it is a number, or an array of numbers, including True and False."""
    dtype = np.asarray(value).dtype
    return any(np.issubdtype(dtype, kind) for kind in (np.bool_, np.integer, np.floating))


def require(part: Any, names: str, wanted: str, fits, *, endless: bool = False) -> None:
    """Reject every field in `names`, separated by spaces, that is not a finite number in range; `endless` allows inf."""
    for name in names.split():
        value = getattr(part, name)
        finite = is_number(value) and (abs(value) < math.inf or (endless and value == math.inf))
        if finite and LARGEST < abs(value) < math.inf:
            refuse(part, name, f"at most {LARGEST:g} in magnitude")
        if not (finite and fits(value)):
            refuse(part, name, wanted)


def require_positive(part: Any, names: str, *, endless: bool = False) -> None:
    """Refuse fields that are not above 0."""
    require(part, names, "positive", lambda v: v > 0, endless=endless)


def require_not_negative(part: Any, names: str) -> None:
    """Refuse fields that are below 0."""
    require(part, names, "0 or more", lambda v: v >= 0)


def require_spread(part: Any, names: str, most: float = 2.0) -> None:
    """Reject relative spreads that are below 0, or so large that they were probably meant in percent."""
    require_not_negative(part, names)
    for name in names.split():
        if getattr(part, name) > most:
            refuse(part, name, f"at most {most:g}", hint="It is a fraction, not a percentage: 30 % is 0.3.")


def require_whole(part: Any, names: str, low: int, high: float = math.inf) -> None:
    """Refuse fields that are not int, from `low` to `high`, both included."""
    wanted = f"a whole number, {low} or more" if high == math.inf else f"a whole number from {low} to {high}"
    for name in names.split():
        value = getattr(part, name)
        if not (isinstance(value, int) and low <= value <= high):
            refuse(part, name, wanted)


def require_share(part: Any, names: str) -> None:
    """Reject fields outside 0 … 1."""
    require(part, names, "from 0 to 1", lambda v: 0 <= v <= 1)
