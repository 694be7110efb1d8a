"""Origin of hardware parameters: the requested preset, and its publication.

    [hardware]
    from = "reram-es"
    publication = "N. Gong et al., …"
    cells = { kind = "exp-step", dw_min = 0.00135, … }

A record contains the numbers; these two lines give their source, and have no effect. They are kept as long as the class of the device
is unchanged, and differences from the preset are listed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import hardware_models as hw
from hardware_models.devices.measured import ENDING
from neuroperturb.network.chip.catalogue import PRESETS
from neuroperturb.spec import SpecError

FROM, PUBLICATION = "from", "publication"
NUMBERS = ("cells", "weight", "writing", "programming", "reading", "time")  # fields that a preset may set


class Origin(NamedTuple):
    """A preset by name, and the publication of its parameters."""

    name: str
    publication: str

    def __repr__(self) -> str:
        return repr(self.name)

    @property
    def hardware(self) -> hw.Hardware | None:
        """The present preset; None if there is none of that name any more."""
        return PRESETS.get(self.name)

    def fits(self, made_of: hw.Hardware) -> bool:
        """Whether the classes of cells and programming are those of the preset."""
        known = self.hardware
        if self.name.lower().endswith(ENDING):  # measured pulses
            return type(made_of.cells) is hw.Measured
        return known is None or all(
            type(getattr(made_of, n)) is type(getattr(known, n)) for n in ("cells", "programming")
        )


def costs_of(table: Mapping, made_of: hw.Hardware, base: hw.Hardware) -> Any:
    """Costs of hardware whose table names none: figures belong to a device. A preset's cells bring theirs; those of the base stay with cells and
    programming of its classes, and go with them.
    """
    cells = table.get("cells")
    cells = cells.get("kind") if isinstance(cells, Mapping) else cells
    if isinstance(cells, str) and cells in PRESETS:
        return PRESETS[cells].costs
    stays = all(type(getattr(made_of, name)) is type(getattr(base, name)) for name in ("cells", "programming"))
    return base.costs if stays else None


def of_preset(name: str) -> Origin:
    return Origin(name, hw.PRESETS[name].publication)


def split(table: Mapping, path: str) -> tuple[dict, Origin | None]:
    """A table of hardware without its origin, and the origin: a requested preset, or a recorded one."""
    rest = {key: value for key, value in table.items() if key not in (FROM, PUBLICATION)}
    cells = rest.get("cells")
    cells = cells.get("kind") if isinstance(cells, Mapping) else cells
    for asked in (cells, rest.get("name")):
        if isinstance(asked, str) and asked in PRESETS:
            return rest, of_preset(asked)
    if isinstance(rest.get("name"), str) and rest["name"].lower().endswith(ENDING):
        return rest, Origin(str(rest["name"]), "")
    if FROM not in table:
        return rest, None
    where = f"{path}.{FROM}" if path else FROM
    if not isinstance(table[FROM], str) or not isinstance(table.get(PUBLICATION, ""), str):
        raise SpecError(where, wanted="the name of a preset, together with its publication", got=table[FROM])
    if not any(key in rest for key in NUMBERS):
        raise SpecError(
            where,
            verb="only notes the origin of parameters",
            hint=f"Write name = {table[FROM]!r} to use the preset.",
        )
    return rest, Origin(table[FROM], table.get(PUBLICATION, ""))


def found(made_of: hw.Hardware) -> Origin | None:
    """The preset with the same device, for hardware created in Python, or read from a record without an origin."""
    fields = [field.name for field in dataclasses.fields(hw.Hardware)]
    whole = (name for name, preset in PRESETS.items() if all(getattr(preset, f) == getattr(made_of, f) for f in fields))
    device = (
        name for name, preset in PRESETS.items() if _is_particular(preset) and _device(preset) == _device(made_of)
    )
    return next(map(of_preset, (*whole, *device)), None)


def _is_particular(preset: hw.Hardware) -> bool:
    """Whether its device alone identifies it: bits of a weight do not."""
    return isinstance(preset.cells, hw.PulsedCell) or isinstance(preset.programming, hw.WrittenOnce)


def _device(made_of: hw.Hardware) -> tuple:
    """Cells, and their programming if it defines their states."""
    return made_of.cells, made_of.programming if isinstance(made_of.programming, hw.WrittenOnce) else None
