"""Hardware of a network: arrays for its matrices, neurons, and the reward channel; as objects and as tables.

    hardware = "reram-es"           or  "pulses.csv", or  [hardware]  cells = "reram-es"  weight = "pair"  seed = 7
                                        [hardware.cells]  kind = "digital"  bits = 4
                                        [hardware.neurons]  slope_std = 0.1
                                        [hardware.W_out]  cells = "ideal"          separate hardware for one matrix
                                        [hardware.D_rec]                           a decorrelating matrix on this hardware, too

A part is named by its kind, or by a preset; further keys of its table replace those of the preset. For a part that exists already,
parameters alone are enough. Matrices D are on ideal cells unless they have a table: in a deployed network they can be multiplied into
the weights, and a rule learns them separately. So is P, outside the network. With a table their forward and column reads pass its
converters and noise, and their updates are written to its cells. A custom cell is given as ``module:Class`` or
``path/to/file.py:Class``, in place of a kind or of the whole table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import hardware_models as hw
from hardware_models.costs.html_table import html_table
from hardware_models.devices.measured import ENDING, files_named
from hardware_models.neurons import Neurons
from hardware_models.numerics.checks import ParameterError
from neuroperturb.network.chip import cells_file, differences
from neuroperturb.network.chip import origin as origins_of
from neuroperturb.network.chip import part_tables as parts
from neuroperturb.network.chip.catalogue import KINDS, PRESETS, RECOMMENDED
from neuroperturb.network.chip.origin import FROM, PUBLICATION, Origin
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.chip.typed_name import typed_name
from neuroperturb.network.rnn import DECORRELATING, LEARNT
from neuroperturb.spec import LARGEST, SpecError, data_file, plugins
from neuroperturb.spec.user_code import is_name

LATERAL = (*DECORRELATING, "P")
NEURONS, CHANNEL = Neurons(), RewardChannel()  # ideal


@dataclass(frozen=True, kw_only=True, repr=False)
class Chip(hw.Hardware):
    """Hardware of a whole network: arrays of all learned matrices, exceptions for single matrices, neurons and reward channel.

    Parameters
    ----------
    cells, weight, … : of every learned matrix, see :class:`hardware_models.Hardware`
    W_in, W_rec, W_out : hardware of that matrix alone, in place of the chip's; None: as the chip
    D_in, D_rec : hardware of that decorrelation matrix; None: ideal
    P : hardware of the whitening matrix; None: ideal
    neurons : spread, noise and resolution of the hidden units
    reward : the channel that broadcasts the reward: its noise, range, resolution and delay
    seed : of the chip: its cells, its neurons and all its noise; None: the seed of the run
    step_seconds : duration of a time step; arrays age by it at the end of every presented sequence
    origins : presets that the parameters are from, by matrix, "" for the whole chip; a note without effect

    Examples
    --------
    >>> chip = Chip(cells=hw.Digital(bits=4), neurons=Neurons(slope_std=0.1))
    >>> chip.of("W_rec").cells
    Digital(bits=4, rounding='stochastic', w_max=1.0)
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
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        self.check()

    def of(self, matrix: str) -> hw.Hardware:
        """Hardware of a matrix, with custom classes imported."""
        return parts.bound(self._of(matrix), "hardware" if getattr(self, matrix) is None else f"hardware.{matrix}")

    def _of(self, matrix: str) -> hw.Hardware:
        """The same as it was read, without importing custom classes."""
        own = getattr(self, matrix)
        return own if own is not None else self if matrix in LEARNT else IDEAL

    def written_by_sample(self) -> Iterator[tuple[str, str, Any]]:
        """Matrices whose updates are written sample by sample, with the key of their way of writing and that itself."""
        for matrix in (*LEARNT, *LATERAL):
            made_of = self._of(matrix)
            if parts.is_bound(made_of.writing) and getattr(made_of.writing, "by_sample", False):
                yield matrix, "hardware.writing" if made_of is self else f"hardware.{matrix}.writing", made_of.writing

    def bound(self) -> Chip:
        """The chip with custom classes imported; raises if one is not the one this experiment was made with."""
        return parts.bound(self, "hardware")

    def origin(self, matrix: str = "") -> Origin | None:
        """The preset that the parameters of a matrix, or of the whole chip, are from."""
        made_of = getattr(self, matrix) if matrix else self
        if made_of is None:
            return None
        noted = self.origins.get(matrix)
        return noted if noted is not None and noted.fits(made_of) else origins_of.found(made_of)

    @property
    def label(self) -> str:
        """The preset that its parameters are from, or the kind of its cells."""
        origin = self.origin()
        return parts.label(self.cells, KINDS[hw.Hardware, "cells"]) if origin is None else origin.name

    @property
    def title(self) -> str:
        """The same, and the keys that were changed on it: ``digital-4, changed: cells.bits``."""
        return differences.title(self)

    @property
    def typed_name(self) -> str:
        """What to type for its cells, with `--hardware`; "" if no name stands for them."""
        origin = self.origin()
        return typed_name(self.cells, KINDS[hw.Hardware, "cells"]) if origin is None else origin.name

    @property
    def written_once(self) -> bool:
        """Whether it is programmed once: then ideal cells are trained, and weights are deployed on it."""
        return any(isinstance(self._of(matrix).programming, hw.WrittenOnce) for matrix in LEARNT)

    @property
    def corrects(self) -> bool:
        """Whether its writing reads cells back, and makes good what pulses did besides."""
        return all(getattr(self._of(matrix).writing, "corrects", False) for matrix in LEARNT)

    def __repr__(self) -> str:
        """Its preset, or its cells, and what differs from that."""
        return f"Chip({', '.join(words(self))})"

    def _repr_html_(self) -> str:
        told = [word.partition("=") for word in words(self)]
        return html_table("Chip", [(name, value) if equals else ("from", name) for name, equals, value in told])

    def replace(self, **changes: Any) -> Chip:
        """A copy with some parts changed."""
        return dataclasses.replace(self, **changes)

    def check(self) -> None:
        """Raise ValueError for an invalid part; the message names it by its dotted path."""
        if self.seed is not None and not (isinstance(self.seed, int) and 0 <= self.seed < 2**63):
            raise SpecError("seed", "Chip", "a whole number, 0 or more", self.seed)
        if not 0 <= self.step_seconds <= LARGEST:
            raise SpecError("step_seconds", "Chip", f"0 or more seconds, and at most {LARGEST:g}", self.step_seconds)
        for name in (*SHARED, *LEARNT, *LATERAL, "neurons", "reward"):
            parts.check_field(self, name, KINDS)
        for name in ("", *LEARNT, *LATERAL):
            made_of = getattr(self, name) if name else self
            if made_of is not None and parts.is_bound(made_of):
                _require_fit(made_of, name)


IDEAL = hw.Hardware()
SHARED = tuple(f.name for f in dataclasses.fields(hw.Hardware))  # fields common to all arrays of a chip


def _require_fit(made_of: hw.Hardware, path: str) -> None:
    """Reject incompatible parts of an array, before anything is fabricated or compiled."""
    try:
        made_of.check_fit()
    except ParameterError as error:
        raise parts.told(error).under(path) from None


def reads_noisily(chip: Chip | None) -> bool:
    """Whether repeated reads of a learned matrix differ."""
    return chip is not None and any(_is_noisy(chip._of(name)) for name in LEARNT)


def _is_noisy(made_of: hw.Hardware) -> bool:
    return made_of.reads_noisily if parts.is_bound(made_of) else True  # unknown for a class that is not imported yet


def read(value: Any) -> Chip:
    """A chip from a name or a table, or a chip itself; errors name the key by its path inside the table."""
    if isinstance(value, Chip):
        return value
    if isinstance(value, hw.Preset):
        value = value.hardware
    if isinstance(value, hw.Hardware):
        return Chip(**_fields(value))
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        raise SpecError("hardware", "Experiment", "a name or a table", value)
    value, origin = origins_of.split(value, "")
    common = _made_of({key: inner for key, inner in value.items() if key in ("name", *SHARED)}, IDEAL)
    own, origins = {}, {} if origin is None else {"": origin}
    for matrix in (key for key in value if key in (*LEARNT, *LATERAL)):
        own[matrix], its = _matrix(value[matrix], common, matrix)
        its = origin if its is None and own[matrix] is not None and own[matrix].cells == common.cells else its
        origins |= {} if its is None else {matrix: its}
    rest = {key: inner for key, inner in value.items() if key not in ("name", *SHARED, *own)}
    return parts.read(Chip, {**_fields(common), **rest, **own}, KINDS, note={"origins": origins})


def _matrix(value: Any, common: hw.Hardware, matrix: str) -> tuple[hw.Hardware, Origin | None]:
    """Hardware of one matrix, and the origin of its parameters."""
    table, origin = {"name": value} if isinstance(value, str) else value, None
    if isinstance(table, Mapping):
        table, origin = origins_of.split(table, matrix)
    return _made_of(table, common, matrix), origin


def _made_of(value: Any, base: hw.Hardware, path: str = "") -> hw.Hardware:
    """Hardware of arrays from a table, or an object itself; a name replaces the base."""
    if isinstance(value, hw.Hardware):
        return value
    if isinstance(value, Mapping):
        value = cells_file.named(value)
    if isinstance(value, Mapping) and value.get("writing") == "recommended":
        base = _recommended(value, path)
        value = {key: inner for key, inner in value.items() if key not in ("name", "writing")}
    elif isinstance(value, Mapping) and "name" in value:
        with parts.under(path):
            base = named(value["name"])
        value = {key: inner for key, inner in value.items() if key != "name"}
    made_of = cells_file.typed(parts.read(hw.Hardware, value, KINDS, base=base, path=path))
    return (
        made_of if "costs" in value else dataclasses.replace(made_of, costs=origins_of.costs_of(value, made_of, base))
    )


def _recommended(table: Mapping, path: str) -> hw.Hardware:
    """The hardware of a preset with the writing, and the devices of a weight, that a study recommends."""
    with parts.under(path):
        name = table.get("name")
        if isinstance(name, str) and name in RECOMMENDED:
            return RECOMMENDED[name]
        if name is not None:
            named(name)  # that there is none of this name is the first thing to say
        wanted = f"a kind of writing: only some presets recommend one ({', '.join(RECOMMENDED)})"
        hint = "" if name is None else f"What would suit it: neuroperturb advise --hardware {name}"
        raise SpecError("writing", "", wanted, "recommended", hint)


def named(name: Any) -> hw.Hardware:
    """Hardware by the name of a preset, of a cell model, of a custom cell, or of a CSV file of measured pulses.

    The measured pulses become numbers here: a record contains those and does not need the file.
    """
    if isinstance(name, str) and name.lower().endswith(ENDING):
        path, *down = map(data_file.located, files_named(name))
        return hw.Hardware(cells=hw.Measured.from_csv(path, down=down[0] if down else None))
    known = [*PRESETS, *(kind for kind in KINDS[hw.Hardware, "cells"] if kind not in PRESETS)]
    name = plugins.located("cells", name, known)
    if not is_name(name) and (not isinstance(name, str) or name not in known):
        raise SpecError.no_choice("name", "", name, [*known, *plugins.names("cells")])
    return PRESETS[name] if name in PRESETS else parts.read(hw.Hardware, {"cells": name}, KINDS)


def write(chip: Chip) -> dict:
    """The table of a chip, which :func:`read` reads back as an equal one; parts that are ideal are left out."""
    table = _origin(chip) | parts.write(chip, KINDS, brief=True) | _costs(chip)
    for name in (*LEARNT, *LATERAL):
        made_of = getattr(chip, name)
        if made_of is not None:  # from scratch, instead of on top of the chip
            own = {"name": "ideal", **_origin(chip, name)}
            table[name] = {**own, **parts.write(made_of, KINDS, brief=True), **_costs(made_of)}
    return table


def _origin(chip: Chip, matrix: str = "") -> dict:
    origin = chip.origin(matrix)
    return {} if origin is None else {FROM: origin.name, PUBLICATION: origin.publication}


def words(chip: Chip) -> list[str]:
    """A short description of a chip: its preset, and the differences from it."""
    origin = chip.origin()
    preset = IDEAL if origin is None else origin.hardware or IDEAL
    found = [] if origin is None else [origin.name]
    for f in dataclasses.fields(chip):
        value, usual = getattr(chip, f.name), getattr(preset, f.name, f.default)
        if f.name in ("costs", "origins") or parts.same(value, usual):
            continue
        found.append(f"{f.name}={parts.words(value, KINDS, parts.kinds_of(Chip, f.name, KINDS), usual)}")
    return found or ["ideal"]


def _costs(made_of: hw.Hardware) -> dict:
    """Costs are given by name if possible: they do not affect results, and their sources are long."""
    known = {**hw.COSTS, **{name: preset.costs for name, preset in PRESETS.items()}}
    name = next((name for name, costs in known.items() if costs is not None and costs == made_of.costs), None)
    return {} if name is None else {"costs": name}


def _fields(part: Any) -> dict[str, Any]:
    return {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
