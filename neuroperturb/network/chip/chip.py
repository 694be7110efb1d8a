"""What a network runs on: arrays for its matrices, neurons, and the channel of its reward; as objects and as tables.

    hardware = "reram-es"           or  [hardware]  cells = "reram-es"  weight = "pair"  seed = 7
                                        [hardware.cells]  kind = "digital"  bits = 4
                                        [hardware.neurons]  slope_std = 0.1
                                        [hardware.W_out]  cells = "ideal"          one matrix on hardware of its own
                                        [hardware.D_rec]                           a decorrelating matrix on this hardware, too

A part is named by its kind, or by a preset, and what else its table holds replaces the preset's; where a part is there already,
its numbers alone are enough. Matrices D live on ideal cells unless they have a table: what a deployed network needs of them is one
product, and a rule learns them apart.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import hardware_models as hw
from hardware_models.neurons import Neurons
from neuroperturb.network.chip import part_tables as parts
from neuroperturb.network.chip.catalogue import KINDS, PRESETS
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.rnn import DECORRELATING, LEARNT
from neuroperturb.spec import SpecError, suggest

LATERAL = (*DECORRELATING, "P")
NEURONS, CHANNEL = Neurons(), RewardChannel()  # ideal


@dataclass(frozen=True, kw_only=True)
class Chip(hw.Hardware):
    """Hardware of a whole network: what every learnt matrix is made of, what differs, and what is not an array.

    Parameters
    ----------
    cells, weight, … : of every learnt matrix, see :class:`hardware_models.Hardware`
    W_in, W_rec, W_out : hardware of that matrix, in the place of the chip's
    D_in, D_rec, P : hardware of a decorrelating matrix, or of the one that whitens presynaptic activity; None: ideal
    neurons : spread, noise and resolution of the hidden units
    reward : the channel of the broadcast
    seed : which chip: its cells, its neurons and all its noise; None: the seed of the run
    step_seconds : time that passes in a time step; arrays age by it at the end of every presented sequence

    Examples
    --------
    >>> Chip(cells=hw.Digital(bits=4), neurons=Neurons(slope_std=0.1))
    """

    W_in: hw.Hardware | None = None
    W_rec: hw.Hardware | None = None
    W_out: hw.Hardware | None = None
    D_in: hw.Hardware | None = None
    D_rec: hw.Hardware | None = None
    P: hw.Hardware | None = None
    neurons: Neurons = NEURONS
    reward: RewardChannel = CHANNEL
    seed: int | None = None
    step_seconds: float = 0.0

    def __post_init__(self):
        self.check()

    def of(self, matrix: str) -> hw.Hardware:
        """What a matrix is made of."""
        own = getattr(self, matrix)
        return own if own is not None else self if matrix in LEARNT else IDEAL

    def replace(self, **changes) -> Chip:
        """A copy with some parts changed."""
        return dataclasses.replace(self, **changes)

    def check(self) -> None:
        """Raise ValueError where a part cannot be; the message names it by its dotted path."""
        if self.seed is not None and not (isinstance(self.seed, int) and 0 <= self.seed < 2**63):
            self._refuse("seed", "a whole number, 0 or more")
        if not 0 <= self.step_seconds < math.inf:
            self._refuse("step_seconds", "0 or more seconds")
        for name in (*SHARED, *LEARNT, *LATERAL, "neurons", "reward"):
            part = getattr(self, name)
            if hasattr(part, "_fields") or dataclasses.is_dataclass(part):
                parts.check(part, name)
        for name in ("", *LEARNT, *LATERAL):
            made_of = getattr(self, name) if name else self
            if made_of is not None:
                _require_fit(made_of, name)

    def _refuse(self, name: str, what: str) -> None:
        raise SpecError(f"The {name!r} parameter of Chip must be {what}. Got {getattr(self, name)!r} instead.")


IDEAL = hw.Hardware()
SHARED = tuple(field.name for field in dataclasses.fields(hw.Hardware))  # what a chip says of all its arrays


def _require_fit(made_of: hw.Hardware, path: str) -> None:
    """Refuse parts that make no array together where they were typed, before anything is fabricated or compiled."""
    try:
        made_of.check_fit()
    except hw.ParameterError as error:
        raise SpecError(error.name, **error.parts).under(path) from None


def reads_noisily(chip: Chip | None) -> bool:
    """Whether two reads of a learnt matrix differ by themselves."""
    return chip is not None and any(chip.of(name).reads_noisily for name in LEARNT)


def read(value: Any) -> Chip:
    """A chip out of a name or a table, or a chip as it is; errors name the key by its path inside the table."""
    if isinstance(value, Chip):
        return value
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        raise SpecError(f"The 'hardware' parameter of Experiment must be a name or a table. Got {value!r} instead.")
    common = _made_of({key: inner for key, inner in value.items() if key in ("name", *SHARED)}, IDEAL)
    own = {key: _made_of(inner, common, key) for key, inner in value.items() if key in (*LEARNT, *LATERAL)}
    rest = {key: inner for key, inner in value.items() if key not in ("name", *SHARED, *own)}
    return parts.read(Chip, {**_fields(common), **rest, **own}, KINDS)


def _made_of(value: Any, base: hw.Hardware, path: str = "") -> hw.Hardware:
    """Hardware of arrays out of a name or a table; a name takes the place of the base."""
    if isinstance(value, hw.Hardware):
        return value
    table = {"name": value} if isinstance(value, str) else value
    if isinstance(table, Mapping) and "name" in table:
        with parts.under(path):
            base = named(table["name"])
        table = {key: inner for key, inner in table.items() if key != "name"}
    return parts.read(hw.Hardware, table, KINDS, base=base, path=path)


def named(name: Any) -> hw.Hardware:
    """Hardware by the name of a preset, or of a kind of cell."""
    known = [*PRESETS, *(kind for kind in KINDS[hw.Hardware, "cells"] if kind not in PRESETS)]
    if not isinstance(name, str) or name not in known:
        raise SpecError(f"The 'name' parameter cannot be {name!r}. {suggest(str(name), known)}")
    return PRESETS[name] if name in PRESETS else parts.read(hw.Hardware, {"cells": name}, KINDS)


def write(chip: Chip) -> dict:
    """The table of a chip, which :func:`read` reads back as an equal one; parts that are ideal are left out."""
    table = parts.write(chip, KINDS, brief=True) | _costs(chip)
    for name in (*LEARNT, *LATERAL):
        made_of = getattr(chip, name)
        if made_of is not None:  # on top of nothing, instead of the chip
            table[name] = {"name": "ideal", **parts.write(made_of, KINDS, brief=True), **_costs(made_of)}
    return table


def words(chip: Chip) -> list[str]:
    """A chip in a few words: the preset it is, if it is one, and what it has besides."""
    whole = next(
        (name for name, preset in PRESETS.items() if all(getattr(chip, f) == getattr(preset, f) for f in SHARED)), None
    )
    found = [] if whole is None else [whole]
    for field in dataclasses.fields(chip):
        value = getattr(chip, field.name)
        if field.name == "costs" or (whole and field.name in SHARED) or parts.same(value, field.default):
            continue
        kinds = parts.kinds_of(Chip, field.name, KINDS)
        found.append(f"{field.name}={parts.words(value, KINDS, kinds)}")
    return found or ["ideal"]


def _costs(made_of: hw.Hardware) -> dict:
    """Costs go by name where they have one: they are not part of what computes, and their sources are long."""
    known = {**hw.COSTS, **{name: preset.costs for name, preset in PRESETS.items()}}
    name = next((name for name, costs in known.items() if costs is not None and costs == made_of.costs), None)
    return {} if name is None else {"costs": name}


def _fields(part: Any) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
