"""How numbers are written: two significant digits, and what of a text is a number that looks like a result."""

from __future__ import annotations

import math
import re

WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
}  # fmt: skip
WORD = "|".join(WORDS)
DIGITS = r"\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?(?:e[-+]?\d+)?"
NUMBER = re.compile(rf"(?<![\w.,/])[−-]?(?:{DIGITS})(?![\w/]|[.,]\d)|\b(?:{WORD})\b", re.IGNORECASE)
LIKE_A_RESULT = re.compile(
    rf"""
    (?<![\w.,/])[−-]?(?:\d+\.\d+(?:e[-+]?\d+)?|\d+e[-+]?\d+|\d{{1,3}}(?:,\d{{3}})+)(?![\w/]|[.,]\d)  # decimals, exponents, thousands
    | \b(?:\d+|{WORD}|one|none)\ (?:\w+\ )?of\ (?:the\ )?(?:\d+|{WORD})\b                           # 19 of 20, two seeds of twenty
    | (?<![\w.,])\d+(?=\ ?%|\ ×|\ (?:µs|ns|ms|GiB|MiB)\b)|(?<=×\ )\d+\b                            # shares, ratios, times
    """,
    re.IGNORECASE | re.VERBOSE,
)


def loss(value: float) -> str:
    """A loss: 0.0072, 0.60, 1.04, 32; below 0.001 1.4e-5."""
    if not math.isfinite(value):
        return "diverged"
    size = abs(value)
    if size >= 10:
        return f"{value:,.0f}"
    if size >= 0.995:
        return f"{value:.2f}"
    if size < 9.95e-4:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    places = 1 - math.floor(math.log10(float(f"{size:.1e}")))
    return f"{value:.{places}f}"


def value(text: str) -> float:
    """What a written number says."""
    text = text.lower().replace("−", "-").replace(",", "")
    return float(WORDS[text]) if text in WORDS else float(text)


def is_written(text: str, exact: float) -> bool:
    """Whether a value, rounded to the places that are written, is this number."""
    if text.lower() in WORDS:
        return exact == WORDS[text.lower()]
    mantissa, _, exponent = text.replace("−", "-").replace(",", "").partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return math.isfinite(exact) and abs(value(text) - exact) <= 0.5 * unit * (1 + 1e-6)
