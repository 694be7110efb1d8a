"""Where the numbers of hardware are from: the preset that was asked for, and its publication.

    [hardware]
    from = "reram-es"
    publication = "N. Gong et al., …"
    cells = { kind = "exp-step", dw_min = 0.00135, … }

A record holds the numbers; these two lines say whose they are, and change nothing. They stay while the device is of the class that it
was when it was read, and what differs from the preset is said in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import hardware_models as hw
from neuroperturb.network.chip.catalogue import PRESETS
from neuroperturb.spec import SpecError

FROM, PUBLICATION = "from", "publication"
NUMBERS = ("cells", "weight", "writing", "programming", "reading", "time")  # what a preset says something of


class Origin(NamedTuple):
    """A preset by name, and where its numbers were published."""

    name: str
    publication: str

    def __repr__(self) -> str:
        return repr(self.name)

    @property
    def hardware(self) -> hw.Hardware | None:
        """The preset as it is now; None where there is none of that name any more."""
        return PRESETS.get(self.name)

    def fits(self, made_of: hw.Hardware) -> bool:
        """Whether cells, and how they are programmed, are of the classes that the preset has."""
        known = self.hardware
        return known is None or all(
            type(getattr(made_of, n)) is type(getattr(known, n)) for n in ("cells", "programming")
        )


def of_preset(name: str) -> Origin:
    return Origin(name, hw.PRESETS[name].publication)


def split(table: Mapping, path: str) -> tuple[dict, Origin | None]:
    """A table of hardware without its origin, and the origin: what it asks for by name, or what it says of itself."""
    rest = {key: value for key, value in table.items() if key not in (FROM, PUBLICATION)}
    cells = rest.get("cells")
    cells = cells.get("kind") if isinstance(cells, Mapping) else cells
    for asked in (cells, rest.get("name")):
        if isinstance(asked, str) and asked in PRESETS:
            return rest, of_preset(asked)
    if FROM not in table:
        return rest, None
    where = f"{path}.{FROM}" if path else FROM
    if not isinstance(table[FROM], str) or not isinstance(table.get(PUBLICATION, ""), str):
        raise SpecError(where, wanted="the name of a preset, beside its publication", got=table[FROM])
    if not any(key in rest for key in NUMBERS):
        raise SpecError(
            where,
            verb="stands beside numbers, and says whose they are",
            hint=f"Write name = {table[FROM]!r} to ask for them.",
        )
    return rest, Origin(table[FROM], table.get(PUBLICATION, ""))


def found(made_of: hw.Hardware) -> Origin | None:
    """The preset whose device hardware has, where it was made in Python, or read from a record that does not say."""
    fields = [field.name for field in dataclasses.fields(hw.Hardware)]
    whole = (name for name, preset in PRESETS.items() if all(getattr(preset, f) == getattr(made_of, f) for f in fields))
    device = (
        name for name, preset in PRESETS.items() if _is_particular(preset) and _device(preset) == _device(made_of)
    )
    return next(map(of_preset, (*whole, *device)), None)


def _is_particular(preset: hw.Hardware) -> bool:
    """Whether its device alone tells it from others: bits of a weight do not."""
    return isinstance(preset.cells, hw.PulsedCell) or isinstance(preset.programming, hw.WrittenOnce)


def _device(made_of: hw.Hardware) -> tuple:
    """Cells, and how they are programmed where that says what they hold."""
    return made_of.cells, made_of.programming if isinstance(made_of.programming, hw.WrittenOnce) else None
