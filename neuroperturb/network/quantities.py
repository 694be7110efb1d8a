"""Physical quantities as text: ``"20 ms"`` → 0.02 [s], ``"-70 mV"`` → −0.07 [V], and back.

Internally, a quantity is a plain number in SI units; a Brian2 quantity is parsed from its printed form. Prefixes are exact: the number
is the float nearest to the text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from neuroperturb.spec import LARGEST, SpecError

PREFIXES = {
    "n": -9,
    "u": -6,
    "μ": -6,
    "m": -3,
    "": 0,
    "k": 3,
}  # the Greek mu, U+03BC, which NFKC makes of the micro sign, U+00B5
DIMENSIONS = {"s": "time", "second": "time", "V": "voltage", "volt": "voltage", "Hz": "rate", "hertz": "rate"}
EXAMPLES = {"time": "20 ms", "voltage": "-70 mV", "rate": "50 Hz"}
SHORTEST = {"time": ("ms", -3), "voltage": ("mV", -3), "rate": ("Hz", 0)}

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"\s*({NUMBER})\s*([a-zA-Zμ]+)\s*")
_MINUS = str.maketrans(
    dict.fromkeys("\u2212\u2010\u2011\u2012\u2013", "-")
)  # the minus sign, hyphens and dashes that are typed for it


def parse(value: Any, dimension: str, name: str = "") -> float:
    """The number in SI units of a text or of a quantity of Brian2, of a parameter of that name."""
    match = _QUANTITY.fullmatch(_typed(value)) if not isinstance(value, bool | int | float) else None
    exponent = _exponent(match[2], dimension) if match else None
    if exponent is None:
        raise SpecError(name, wanted=f"a {dimension} with its unit, such as '{EXAMPLES[dimension]}'", got=value)
    if hasattr(value, "has_same_dimensions"):
        number = float(value)  # what it prints is rounded
    else:
        number = _scaled(match[1], exponent)
    if not abs(number) <= LARGEST:
        raise SpecError(name, wanted=f"at most {LARGEST:g} in SI units", got=value)
    return number


def _scaled(digits: str, exponent: int) -> float:
    """digits · 10^exponent, correctly rounded; inf beyond what decimals hold."""
    try:
        return float(Decimal(digits).scaleb(exponent))
    except ArithmeticError:
        return math.inf


def _typed(value: Any) -> str:
    """Normalised text: both characters for mu are one, and so are all minus signs."""
    return unicodedata.normalize("NFKC", str(value)).translate(_MINUS)


def write(number: float, dimension: str) -> str:
    """A quantity that :func:`parse` reads back as the same float."""
    unit, exponent = SHORTEST[dimension]
    scaled = Decimal(repr(float(number))).scaleb(-exponent)
    return f"{scaled.normalize():f} {unit}"


def _exponent(unit: str, dimension: str) -> int | None:
    """Power of ten of a unit of this dimension, or None."""
    for name, known in DIMENSIONS.items():
        prefix = unit.removesuffix(name)
        if known == dimension and prefix != unit and prefix in PREFIXES:
            return PREFIXES[prefix]
    return None


class Si(float):
    """A number that is in SI units already; any other input must have a unit."""


def _quantity(dimension: str):
    def read(value: Any, info: ValidationInfo) -> Si:
        return value if isinstance(value, Si) else Si(parse(value, dimension, info.field_name))

    return PlainValidator(read), PlainSerializer(lambda value: write(value, dimension), return_type=str)


class Dimension(NamedTuple):
    """Of a field that is written as text, with its unit; a note in its type.

    name : ``"time"``, ``"voltage"`` or ``"rate"``
    """

    name: str

    @property
    def words(self) -> str:
        """What such a text must be."""
        return f"{self.name} with its unit, such as '{EXAMPLES[self.name]}'"

    @property
    def pattern(self) -> str:
        """A regular expression of such texts, for the schema."""
        prefixes = "".join(prefix for prefix in PREFIXES if prefix)
        units = "|".join(unit for unit, known in DIMENSIONS.items() if known == self.name)
        return rf"^\s*{NUMBER}\s*[{prefixes}µ]?({units})\s*$"

    def write(self, number: float) -> str:
        """A number in SI units as such a text."""
        return write(number, self.name)


Time = Annotated[float, Dimension("time"), *_quantity("time")]
Voltage = Annotated[float, Dimension("voltage"), *_quantity("voltage")]
Rate = Annotated[float, Dimension("rate"), *_quantity("rate")]
