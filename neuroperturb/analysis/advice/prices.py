"""What a run costs, in one sentence: of training, and of a step of inference, with what has no price, and whose figures they are.

    Training costs 5.3 mJ (500 µJ … 45 mJ), a time step of inference 3.1 nJ (0.9 nJ … 11 nJ).

A step of inference reads each of the learned matrices once, for one input. It follows from the reads of training, which the ledger has priced:
each costs the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.differences import priced_as
from neuroperturb.network.rnn import LEARNT
from neuroperturb.results.quantities import joules
from neuroperturb.results.run import Run

ENDS = ("low", "typical", "high")
READING = ("read", "conversion")  # parts of an energy that inference has, too


def prices(run: Run) -> Iterator[str]:
    """Sentences on the energy of a run; none where it has no hardware."""
    section, chip = run.ledger.get("hardware", {}), run.experiment.hardware
    total = section.get("total", {})
    of_training = _sum((total.get("energy") or {}).values())
    if chip is None:
        return
    if of_training is None:
        if "energy" in total.get("unpriced", ()) and not _is_ideal(section):
            yield "No source gives a figure for its energy."
        return
    of_step = _of_step(section.get("arrays", {}))
    said = [] if chip.written_once else [f"training costs {_said(of_training)}"]
    said += [] if of_step is None else [f"a time step of inference {'costs ' if not said else ''}{_said(of_step)}"]
    if said:
        without = "" if chip.written_once else _without(total.get("unpriced", ()))
        sentence = ", ".join(said) + without + _figures(chip)
        yield f"{sentence[0].upper()}{sentence[1:]}."


def _of_step(arrays: Mapping[str, Any]) -> tuple[float, ...] | None:
    """J of reading every learned matrix once (low, typical, high); None where one of them has no price."""
    found = [_of_read(arrays[name]["ledger"]) for name in LEARNT if name in arrays]
    if len(found) < len(LEARNT) or any(one is None for one in found):
        return None
    return tuple(sum(parts) for parts in zip(*(one for one in found if one is not None), strict=True))


def _of_read(ledger: Mapping[str, Any]) -> tuple[float, ...] | None:
    """J of a column of one array; reads that were repeated at the bound of an ADC count as training had them."""
    energy, counts = ledger["energy"], ledger["counts"]
    read = _sum(energy[name] for name in READING if name in energy)
    columns, back = counts["columns"], counts["back_columns"]
    once = columns - counts.get("rereads", 0)
    if read is None or "read" not in energy or once <= 0 or (back and "conversion" in energy):
        return None
    return tuple(end * columns / (columns + back) / once for end in read)


def _sum(parts) -> tuple[float, ...] | None:
    """The ends of several estimates together; None if there are none."""
    ends = [tuple(part[end] for end in ENDS) for part in parts]
    return tuple(sum(column) for column in zip(*ends, strict=True)) if ends else None


def _said(ends: tuple[float, ...]) -> str:
    low, typical, high = map(joules, ends)
    return typical if low == high else f"{typical} ({low} … {high})"


def _is_ideal(section: Mapping[str, Any]) -> bool:
    return all(array["cells"] == "Ideal" for array in section.get("arrays", {}).values())


def _without(unpriced) -> str:
    """What is not in a sum."""
    missing = [name.removeprefix("energy of ") for name in unpriced if name.startswith("energy of ")]
    missing += ["some arrays"] if "energy" in unpriced else []
    return f", without {' and '.join(missing)}, which no source prices" if missing else ""


def _figures(chip: Chip) -> str:
    """Whose figures they are, where a device was changed that they are of."""
    found = priced_as(chip)
    return (
        f", by the figures of unchanged {', '.join(found)}: nothing says what its changed cells cost" if found else ""
    )
