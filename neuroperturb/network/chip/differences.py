"""What a chip differs in from the preset that it is called by: dotted keys, as a table of hardware has them.

    digital-4, changed: cells.bits, reading.output_noise_std

Evidence and figures of cost are of a preset as it is; what was changed on it has to be said wherever its name stands. A chip here is a
:class:`~neuroperturb.network.chip.chip.Chip`, which answers by these functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import hardware_models as hw
from neuroperturb.network.chip.catalogue import RECOMMENDED
from neuroperturb.network.chip.fields import defaults, hints, is_part
from neuroperturb.network.rnn import DECORRELATING, LEARNT

SHARED = tuple(f.name for f in dataclasses.fields(hw.Hardware) if f.name != "costs")
MATRICES = (*LEARNT, *DECORRELATING, "P")
WRITES = ("writing", "weight")  # fields of a way of writing
NAMED = 3  # keys in a title


def changed(part: Any, usual: Any, path: str = "") -> Iterator[str]:
    """Dotted keys in which a part differs from another of its class; `path` alone where the class is another."""
    if type(part) is type(usual) and part == usual:
        return
    other = {name: getattr(usual, name) for name in hints(type(part))} if type(part) is type(usual) else {}
    if usual is None and is_part(part):
        other = defaults(type(part))
    if not is_part(part) or not other:
        yield path
        return
    found = [
        key
        for name in hints(type(part))
        for key in changed(getattr(part, name), other.get(name), f"{path}.{name}" if path else name)
    ]
    yield from found or [path]


def keys(chip: Any, usual: hw.Hardware | None = None) -> tuple[str, ...]:
    """Keys of a table of hardware in which a chip differs from its preset, or from other hardware; its seed and its costs aside."""
    usual = preset(chip) if usual is None else usual
    shared = [key for name in SHARED for key in changed(getattr(chip, name), getattr(usual, name), name)]
    apart = [
        key
        for matrix in MATRICES
        if (own := getattr(chip, matrix)) is not None
        for name in SHARED
        for key in changed(
            getattr(own, name), getattr(chip if matrix in LEARNT else hw.Hardware(), name), f"{matrix}.{name}"
        )
    ]
    plain = defaults(type(chip))
    rest = [
        key for name in ("neurons", "reward", "step_seconds") for key in changed(getattr(chip, name), plain[name], name)
    ]
    return (*shared, *apart, *rest)


def preset(chip: Any) -> hw.Hardware:
    """The hardware that the name of a chip stands for: its preset, or its cells and nothing more."""
    origin = chip.origin()
    known = None if origin is None else origin.hardware
    return hw.Hardware(cells=chip.cells, programming=chip.programming) if known is None else known


def written_as_recommended(chip: Any) -> bool:
    """Whether a chip is written, and its cells make up a weight, as the evidence recommends for its preset."""
    origin = chip.origin()
    best = None if origin is None else RECOMMENDED.get(origin.name)
    return best is not None and all(getattr(chip, name) == getattr(best, name) for name in WRITES)


def beside_writing(chip: Any) -> tuple[str, ...]:
    """The same keys as `keys`, but for those of its writing and of the cells of a weight, on which evidence chooses."""
    return tuple(key for key in keys(chip) if key.split(".")[0] not in WRITES)


def title(chip: Any) -> str:
    """The name of a chip, and what was changed on it."""
    recommended = written_as_recommended(chip)
    found = beside_writing(chip) if recommended else keys(chip)
    name = f"{chip.label}, recommended writing" if recommended else chip.label
    if not found:
        return name
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{name}, changed: {', '.join(found[:NAMED])}{more}"


def priced_as(chip: Any) -> tuple[str, ...]:
    """Presets whose figures of cost stand for cells that were changed: no source says what those cost. Empty where all are priced as they are."""
    found = []
    for matrix in LEARNT:
        made_of = chip._of(matrix)
        origin = chip.origin(matrix) or chip.origin() if getattr(chip, matrix) is not None else chip.origin()
        known = None if origin is None else origin.hardware
        inherited = known is not None and made_of.costs is not None and made_of.costs == known.costs
        if (
            inherited
            and not made_of.costs.bits
            and (made_of.cells, made_of.programming) != (known.cells, known.programming)
        ):
            found.append(origin.name)
    return tuple(dict.fromkeys(found))
