"""Tables of measured pulses in the common layouts of laboratories and simulators.

    device, direction, conductance before [uS], conductance after [uS]      one line per pulse; the device column is optional
    A1,     up,        3.10,                    3.42
    pulse voltage (V), current (A), read voltage (V)                        one line per pulse, read after it; the sign is the direction
    direction, conductance                                                  one line per pulse, read after it
    pulse number, conductance                                               one line per pulse; directions follow from the turning points
    ramp, ramp, …                                                           one column per ramp, after 0, 1, 2 … pulses; header optional

Delimiters are commas, semicolons, tabs or spaces; decimal commas are accepted if the delimiter is not a comma. Lines that begin with #
are comments, except for the header. A unit in brackets is kept as a label. Errors name file, line and field in one sentence, and
describe the expected layout.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import math
import re
from typing import NamedTuple

import numpy as np

from hardware_models.numerics.checks import LARGEST, InputError, short

HEADERS = {
    "before": ("before", "conductance before", "g before", "initial conductance"),
    "after": ("after", "conductance after", "g after", "final conductance"),
    "direction": ("direction", "dir", "polarity", "sign", "pulse direction", "pulse type", "operation"),
    "device": ("device", "device id", "cell", "id"),
}
READ_AFTER = {  # columns of layouts in which every line is a read after a pulse
    "conductance": ("conductance", "g", "conductance value"),
    "current": ("current", "read current", "i", "i read", "iread"),
    "read voltage": ("read voltage", "v read", "vread"),
    "voltage": ("pulse voltage", "write voltage", "voltage", "v pulse", "vpulse", "v write", "pulse amplitude", "amplitude", "v"),
    "number": ("pulse", "pulse number", "pulse no", "pulse no.", "pulses", "number", "no", "no.", "n", "index", "#", "pulse #", ""),
}  # fmt: skip
DIRECTIONS = {
    "up": True, "+1": True, "1": True, "+": True, "set": True, "ltp": True, "potentiation": True, "pot": True, "p": True, "true": True,
    "potentiate": True, "increase": True, "positive": True, "pos": True,
    "down": False, "-1": False, "−1": False, "-": False, "reset": False, "ltd": False, "depression": False, "dep": False, "d": False,
    "false": False, "depress": False, "decrease": False, "negative": False, "neg": False,
}  # fmt: skip
LAYOUT = (
    "A file of pulses has a header 'device,direction,conductance before [uS],conductance after [uS]' and one line per pulse, such as "
    "'A1,up,3.10,3.42'; or one column per ramp, up and down; or one line per pulse with its number or voltage and the conductance after it."
)
FIRST = 8  # columns that an error names
TURN = 0.5  # of the range: a reversal of this size is a change of direction, not noise


class PulseDataError(InputError):
    """Data of pulses that cannot be used."""


class PulseTable(NamedTuple):
    """A text split into fields.

    name : of the file, for errors;  header : fields of the header, None where there is none;  rows : fields of every other line
    lines : number of each in the file;  commas : whether numbers may have decimal commas
    """

    name: str
    header: list[str] | None
    rows: list[list[str]]
    lines: list[int]
    commas: bool

    @property
    def width(self) -> int:
        """Fields a line."""
        return len(self.header if self.header is not None else self.rows[0])

    @property
    def names(self) -> str:
        """The header in words, cut where it is long."""
        return ", ".join([short(name) for name in (self.header or [])[:FIRST]] + ["…"] * (self.width > FIRST))

    def refuse(self, sentence: str, hint: str = LAYOUT) -> PulseDataError:
        """The error for a sentence, with the expected layout."""
        return PulseDataError(f"{sentence} {hint}".rstrip())

    def texts(self, column: int) -> list[str]:
        """Fields of a column."""
        return [row[column].strip() for row in self.rows]

    def number(self, text: str) -> float:
        """The number that a field is, nan where it is none."""
        text = text.strip().replace("−", "-")
        if self.commas and "." not in text:
            text = text.replace(",", ".", 1)
        try:
            return float(text)
        except ValueError:
            return math.nan

    def numbers(self, what: str, column: int) -> np.ndarray:
        """A column of finite numbers."""
        texts = self.texts(column)
        values = np.array([self.number(text) for text in texts])
        for k in np.flatnonzero(~(np.abs(values) <= LARGEST)):
            wanted = f"at most {LARGEST:g}" if np.isfinite(values[k]) else "a finite number"
            got = short(texts[k])
            raise self.refuse(
                f"The {what!r} field in line {self.lines[k]} of {self.name!r} must be {wanted}. Got {got} instead."
            )
        return values


class PulseRows(NamedTuple):
    """The pulses of a table, see `PulseData`; device : names."""

    before: np.ndarray
    after: np.ndarray
    up: np.ndarray
    device: list[str]
    unit: str


# ----------------------------------------------------------------------------------------------------------------------
# Text


def decoded(name: str, data: bytes) -> str:
    """Text in UTF-8, UTF-16 or Windows-1252."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    plain = ("utf-16-be" if data[:1] == b"\0" else "utf-16-le",) if b"\0" in data[:64] else ("utf-8-sig", "cp1252")
    encodings = ("utf-16",) if wide else plain
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise PulseDataError(f"The file {name!r} is not text in UTF-8.")


def of_text(name: str, text: str) -> PulseTable:
    """Split a text into fields; empty texts and lines of different lengths are refused."""
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip(" \t,;")]
    body = [(k, line) for k, line in lines if not line.lstrip().startswith("#")]
    if not body:
        raise PulseDataError(f"The file {name!r} is empty.")
    delimiter = _delimiter(body[0][1], body[-1][1])
    first = body[0][0]
    marked = [(k, line) for k, line in lines if k < first and _is_marked_header(line, body[0][1], delimiter)]
    lines = marked[-1:] + body
    fields = [_fields(line, delimiter) for _, line in lines]
    commas = delimiter != ","
    table = PulseTable(name, None, fields, [k for k, _ in lines], commas)
    if marked or not all(math.isfinite(table.number(text)) or not text.strip() for text in fields[0]):
        header = fields[0]
        if marked and header[0] != "#":
            header[0] = header[0].lstrip("# ")
        table = PulseTable(name, header, fields[1:], table.lines[1:], commas)
    for k, row in zip(table.lines, table.rows):
        if len(row) != table.width:
            raise table.refuse(f"Line {k} of {name!r} must have {table.width} fields. Got {len(row)} instead.")
    return table


def _delimiter(first: str, last: str) -> str:
    """Commas may be decimal if there is another delimiter; without any, fields are separated by spaces, or there is one field."""
    return next((sign for sign in ";\t," if sign in first), " " if len(last.split()) > 1 else "\n")


def _fields(line: str, delimiter: str) -> list[str]:
    if delimiter in " \n":
        return line.split() if delimiter == " " else [line.strip()]
    try:
        return [text.strip() for text in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise PulseDataError(f"The line that begins with {short(line)} cannot be read: {error}.") from None


def _is_marked_header(line: str, below: str, delimiter: str) -> bool:
    """Whether a line that begins with # is a header."""
    found, known = (
        _fields(line, delimiter),
        {name for names in (HEADERS | READ_AFTER).values() for name in names if name},
    )
    if len(found) != len(_fields(below, delimiter)):
        return False
    return sum(_plain(text.lstrip("# ")) in known for text in found) >= min(2, len(found))


def _plain(text: str) -> str:
    """A header in lower case, without its unit."""
    return re.sub(r"[\s_\-]+", " ", re.sub(r"[\[(].*?[\])]", "", text)).strip().lower()


def _unit(text: str) -> str:
    """The text in brackets of a header."""
    found = re.search(r"[\[(](.*?)[\])]", text)
    return found[1].strip() if found else ""


def _same_unit(one: str, other: str) -> bool:
    """Whether two units are equal; a micro sign equals a Greek mu."""
    return one.replace("μ", "µ") == other.replace("μ", "µ")


# ----------------------------------------------------------------------------------------------------------------------
# Layouts


def pulses_of(table: PulseTable) -> PulseRows:
    """The pulses of a table in any of the layouts."""
    columns = {} if table.header is None else _columns(table)
    if "before" in columns or "after" in columns:
        return _line_a_pulse(table, columns)
    if "current" in columns or "conductance" in columns:
        return _reads_after(table, columns)
    if table.header is not None and not _is_all_numbers(table):
        raise table.refuse(f"The file {table.name!r} has no column 'before'. Got {table.names} instead.")
    ramps = ramps_of(table)
    parts = [_legs(ramp) for ramp in ramps]
    before, after, up = map(np.concatenate, zip(*parts))
    if up.all() or not up.any():
        here, there = ("up", "down") if up.all() else ("down", "up")
        hint = "Pass both files: Measured.from_csv('up.csv', down='down.csv')."
        raise table.refuse(f"The file {table.name!r} must have ramps {there} beside those {here}.", f"{hint} {LAYOUT}")
    return PulseRows(before, after, up, ["0"] * len(up), unit_of_ramps(table))


def ramps_of(table: PulseTable) -> list[np.ndarray]:
    """One ramp per column, pulse numbers excepted; columns may have different lengths."""
    ramps = []
    for column in range(table.width):
        texts = table.texts(column)
        length = len(texts) - next((k for k, text in enumerate(reversed(texts)) if text), len(texts))
        ends = table._replace(rows=table.rows[:length], lines=table.lines[:length])
        ramps.append(ends.numbers(f"column {column + 1}", column))
    if len(ramps) > 1 and _counts_pulses(table, ramps):
        ramps = ramps[1:]
    short = next((k for k, ramp in enumerate(ramps) if len(ramp) < 2), None)
    if short is not None or not ramps:
        raise table.refuse(f"The file {table.name!r} must have ramps of two conductances or more.")
    return ramps


def _counts_pulses(table: PulseTable, ramps: list[np.ndarray]) -> bool:
    """Whether the first column is 0, 1, 2 … and is named so, or the other columns contain ramps up and down without it."""
    first, ways = ramps[0], [_legs(ramp)[2] for ramp in ramps[1:] if len(ramp) > 1]
    named = table.header is not None and _plain(table.header[0]) in READ_AFTER["number"]
    both = bool(ways) and np.concatenate(ways).any() and not np.concatenate(ways).all()
    return len(first) > 0 and np.array_equal(first, first[0] + np.arange(len(first))) and bool(named or both)


def unit_of_ramps(table: PulseTable) -> str:
    """The common unit of all ramps, or ""; a column of pulse numbers has none."""
    units = {_unit(text) for text in table.header or []} - {""}
    return units.pop() if len(units) == 1 else ""


def _is_all_numbers(table: PulseTable) -> bool:
    return len(table.rows) > 1 and all(
        math.isfinite(table.number(text)) or not text for row in table.rows for text in row
    )


def _columns(table: PulseTable) -> dict[str, int]:
    """Index of each known column."""
    plain, columns = [_plain(text) for text in table.header or []], {}
    for what, names in (HEADERS | READ_AFTER).items():
        found = [k for k, text in enumerate(plain) if text in names]
        if len(found) > 1 and what in HEADERS:
            raise table.refuse(f"The file {table.name!r} must have one column {what!r}. Got {len(found)} instead.")
        if found:
            columns[what] = found[0]
    return columns


def _line_a_pulse(table: PulseTable, columns: dict[str, int]) -> PulseRows:
    header = table.header or []
    for what in ("before", "after", "direction"):
        if what not in columns and not (what == "direction" and "voltage" in columns):
            raise table.refuse(f"The file {table.name!r} has no column {what!r}. Got {table.names} instead.")
    unit, other = (_unit(header[columns[what]]) for what in ("before", "after"))
    if not _same_unit(unit, other):
        raise table.refuse(
            f"The unit of 'after' in {table.name!r} must be that of 'before', {unit!r}. Got {other!r} instead."
        )
    before, after = (table.numbers(what, columns[what]) for what in ("before", "after"))
    way = _ways(table, columns)
    pulsed = way != 0
    devices = np.array(_devices(table, columns))[pulsed]
    return PulseRows(before[pulsed], after[pulsed], way[pulsed] > 0, list(devices), unit)


def _ways(table: PulseTable, columns: dict[str, int]) -> np.ndarray:
    """+1, −1, or 0 for a read without a pulse."""
    if "direction" in columns:
        return np.where(_directions(table, table.texts(columns["direction"])), 1, -1)
    return np.sign(table.numbers("voltage", columns["voltage"])).astype(int)


def _devices(table: PulseTable, columns: dict[str, int]) -> list[str]:
    if "device" not in columns:
        return ["0"] * len(table.rows)
    names = table.texts(columns["device"])
    for k, name in zip(table.lines, names):
        if not name:
            raise table.refuse(f"The 'device' field in line {k} of {table.name!r} must be a name. Got nothing instead.")
    return names


def _directions(table: PulseTable, texts: list[str]) -> list[bool]:
    """Words, ±1, or two values: one of each sign, or a positive one and 0."""
    plain = [re.sub(r"\s*v$|\.0*$", "", text.lower()) for text in texts]
    if all(text in DIRECTIONS for text in plain):
        return [DIRECTIONS[text] for text in plain]
    volts = [table.number(text) for text in plain]
    if set(map(math.isfinite, volts)) == {True} and len(set(volts)) == 2 and min(volts) <= 0 < max(volts):
        return [volt > 0 for volt in volts]
    k = next(k for k, text in enumerate(plain) if text not in DIRECTIONS)
    raise table.refuse(
        f"The 'direction' field in line {table.lines[k]} of {table.name!r} must be up or down, +1 or −1. Got {texts[k]!r} instead."
    )


def _reads_after(table: PulseTable, columns: dict[str, int]) -> PulseRows:
    """Each line is a read after a pulse; a pulse starts at the previous read."""
    header = table.header or []
    if "conductance" in columns:
        g, unit = table.numbers("conductance", columns["conductance"]), _unit(header[columns["conductance"]])
    else:
        g, unit = table.numbers("current", columns["current"]), _unit(header[columns["current"]])
        if "read voltage" in columns:
            volts = table.numbers("read voltage", columns["read voltage"])
            if not volts.all():
                raise table.refuse(f"The 'read voltage' of {table.name!r} must not be 0.")
            units = unit, _unit(header[columns["read voltage"]])
            g, unit = np.abs(g / volts), "S" if units == ("A", "V") else "/".join(filter(None, units))
    names = np.array(_devices(table, columns))
    way = _ways(table, columns) if "direction" in columns or "voltage" in columns else None
    number = table.numbers("number", columns["number"]) if "number" in columns else None
    parts = [(g[:0], g[:0], np.zeros(0, bool), [])]
    for name in dict.fromkeys(names):
        these = np.flatnonzero(names == name)
        if way is not None:
            pulsed = way[these[1:]] != 0
            part = g[these[:-1]][pulsed], g[these[1:]][pulsed], way[these[1:]][pulsed] > 0
        else:
            part = _legs_by_number(g[these], None if number is None else number[these])
        parts.append((*part, [name] * len(part[0])))
    before, after, up, device = map(np.concatenate, zip(*parts))
    return PulseRows(before, after, up, list(device), unit)


def _legs_by_number(g: np.ndarray, number: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A ramp begins where pulse numbers restart."""
    starts = [] if number is None else list(np.flatnonzero(np.diff(number) < 0) + 1)
    legs = [_legs(part) for part in np.split(g, starts) if len(part) > 1]
    if not legs:
        return g[:0], g[:0], np.zeros(0, bool)
    return tuple(map(np.concatenate, zip(*legs)))


def _legs(g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pulses of a sequence of reads without directions, which follow from its turning points.

    At a turning point, a repeated read of the same value does not count as a pulse.
    """
    turns = turning_points(g, TURN * float(np.ptp(g)))
    up = np.zeros(len(g) - 1, bool)
    for start, end in itertools.pairwise(turns):
        up[start:end] = g[end] > g[start]
    pulsed = np.ones(len(g) - 1, bool)
    for turn in turns[1:-1]:
        for pulse in (turn - 1, turn):
            pulsed[pulse] = g[pulse + 1] != g[pulse]
    return g[:-1][pulsed], g[1:][pulsed], up[pulsed]


def turning_points(g: np.ndarray, back: float) -> list[int]:
    """Indices at which a sequence reverses by at least `back`, and its two ends."""
    turns, low, high, way = [0], 0, 0, 0
    for k, value in enumerate(g):
        low, high = (k if value < g[low] else low), (k if value > g[high] else high)
        if way >= 0 and value <= g[high] - back and back > 0 and high < k:
            if way > 0 or high > 0:
                turns.append(high)
            way, low, high = -1, k, k
        elif way <= 0 and value >= g[low] + back and back > 0 and low < k:
            if way < 0 or low > 0:
                turns.append(low)
            way, low, high = 1, k, k
    return [*dict.fromkeys([*turns, len(g) - 1])]
