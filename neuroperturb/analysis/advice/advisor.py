"""Advice on one kind of hardware: what limits it, which writing the evidence recommends, and what that costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import tomli_w

import hardware_models as hw
from hardware_models.devices.states import meaning
from neuroperturb.analysis.advice import evidence
from neuroperturb.analysis.advice.evidence import Evidence
from neuroperturb.analysis.advice.limits import Limits, limits_of, sentences
from neuroperturb.analysis.advice.of_rule import on_device
from neuroperturb.network.chip import chip as chips
from neuroperturb.network.chip.catalogue import RECOMMENDED
from neuroperturb.results.grid import number
from neuroperturb.results.quantities import joules


class Advice(NamedTuple):
    """What to do with a device.

    name : as asked;  limits : numbers of the device, None if it has none;  once : whether its cells are written once
    recommended : hardware with the writing to use, None if its cells hold any number, or are written once
    shown : whether a study has shown it, or a rule of thumb says it;  evidence : of the study, None if there is none
    threshold : residual from which it writes [device units];  bits : digital numbers kept for a weight
    rule : the learning rule that was asked about, None: none;  of_rule : what is known of it on this device, in sentences
    """

    name: str
    limits: Limits | None
    once: bool
    recommended: hw.Hardware | None
    shown: bool
    evidence: Evidence | None
    threshold: float
    bits: int
    rule: str | None = None
    of_rule: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def table(self) -> dict:
        """The advice as plain data; ``None`` stands where there is none."""
        made_of = self.recommended
        return {
            "hardware": self.name,
            "limits": None if self.limits is None else {**self.limits._asdict(), "sentences": sentences(self.limits)},
            "recommended": None if made_of is None else _settings(self),
            "shown_by": evidence.STUDY if self.shown and self.evidence else None,
            "evidence": None if self.evidence is None else self.evidence._asdict(),
            "choices": [row._asdict() for row in evidence.choices(self.name)] if self.shown else [],
            "threshold": None if made_of is None else self.threshold,
            "digital_bits_per_weight": self.bits,
            "rule": None if self.rule is None else {"name": self.rule, "sentences": list(self.of_rule)},
        }  # fmt: skip


def advise(hardware: str, rule: str | None = None) -> Advice:
    """Advice on a preset, a cell model, a file of measured pulses or a custom cell, by name.

    Parameters
    ----------
    hardware : as `neuroperturb run --hardware` takes it
    rule : a perturbation rule by name, for what is known of it on this device

    Raises
    ------
    SpecError : if there is no hardware, or no rule, of that name
    """
    made_of = chips.named(hardware)
    of_rule = () if rule is None else tuple(on_device(rule, hardware))
    found = limits_of(made_of)
    shown = hardware in RECOMMENDED
    if found is None or made_of.parts.cell.send_row is None:
        once = isinstance(made_of.programming, hw.WrittenOnce)
        return Advice(
            name=hardware,
            limits=found,
            once=once,
            recommended=None,
            shown=False,
            evidence=None,
            threshold=math.nan,
            bits=0,
            rule=rule,
            of_rule=of_rule,
        )
    best = RECOMMENDED[hardware] if shown else _by_rule_of_thumb(made_of, found)
    array = dataclasses.replace(best, cells_file=None).array((1, 1), weight_scale=1.0)
    return Advice(
        name=hardware, limits=found, once=False, recommended=best, shown=shown,
        evidence=evidence.rows().get(hardware) if shown else None, threshold=float(array.writing.threshold_of(array)),
        bits=array.writing.accumulator_bits(array.dtype), rule=rule, of_rule=of_rule,
    )  # fmt: skip


def _by_rule_of_thumb(made_of: hw.Hardware, found: Limits) -> hw.Hardware:
    """A closed loop, with as many devices a weight as make its steps and its write noise fine."""
    loop, several = hw.ClosedLoop(), max(2, found.devices)
    if found.one_sided:
        pair = made_of.parts.weight
        kept = {
            name: getattr(pair, name)
            for name in ("refresh_every", "larger", "smaller", "reset_std", "reset", "reset_dtod")
        }
        return dataclasses.replace(made_of, writing=loop, weight=hw.SeveralPairs(pairs=min(several, 32), **kept))
    if found.devices == 1:
        return dataclasses.replace(made_of, writing=loop)
    return dataclasses.replace(made_of, writing=loop, weight=hw.SeveralDevices(devices=found.devices))


# ----------------------------------------------------------------------------------------------------------------------
# Text


def _settings(advice: Advice) -> dict:
    """What to write into a TOML file."""
    assert advice.recommended is not None
    if advice.shown:
        return {"name": advice.name, "writing": "recommended"}
    made_of = advice.recommended
    chip = chips.write(chips.read(made_of))
    brief = {}
    for part in ("weight", "writing"):
        usual = {f.name: f.default for f in dataclasses.fields(getattr(made_of.parts, part))}
        table = chip.get(part, {})
        brief[part] = {key: value for key, value in table.items() if key == "kind" or usual.get(key) != value}
    return {"name": advice.name, **{part: table for part, table in brief.items() if table}}


def _text(advice: Advice) -> list[str]:
    said = [advice.name + (f": {hw.PRESETS[advice.name].technology}" if advice.name in hw.PRESETS else ""), ""]
    if advice.once:
        return [
            *said,
            *_lines("rule", advice.of_rule),
            *_lines("writing", ["once, by programming: train elsewhere, then `neuroperturb deploy RUN.nc`"]),
        ]
    if advice.limits is None or advice.recommended is None:
        return [
            *said,
            *_lines("rule", advice.of_rule),
            *_lines("limits", ["none: its cells hold any number, written exactly"]),
        ]
    limits = advice.limits
    hurts = sentences(limits) or ["nothing that a digital accumulator does not mend"]
    counted = f"{limits.states:,.0f} states ({meaning(advice.recommended.parts.cell)})"
    states = f"{counted}, a pulse of {number(limits.step)} in a range of {2 * limits.half_range:.3g}"
    said += _lines("limits", [states, *hurts])
    weight = advice.recommended.parts.weight
    cells = len(weight.gains)
    said += _lines("writing", [
        f"closed loop: a digital residual is sent when it is worth a write (from {number(advice.threshold)}), and read back",
        f"{cells} cell{'s' * (cells > 1)} a weight" + (", pulsed in turn" if weight.takes_turns else ""),
    ])  # fmt: skip
    said += _lines("evidence", _evidence(advice))
    said += _lines("rule", advice.of_rule)
    said += _lines("costs", _costs(advice))
    if advice.shown:
        said += _lines("choices", _choices(advice.name))
    settings = tomli_w.dumps({"hardware": _settings(advice)}).strip().splitlines()
    return [*said, *_lines("TOML", settings), *_lines("try", [_command(advice)])]


def _evidence(advice: Advice) -> list[str]:
    row = advice.evidence
    if row is None:
        return [f"none of its own: by a rule of thumb, calibrated on {len(RECOMMENDED)} arrays of {evidence.STUDY}"]
    solved = f"{row.solved} of {row.seeds} fresh seeds below 0.5, worst {number(row.worst)}"
    beside = f"with a frozen recurrence {number(row.frozen)}, by the exact gradient through the same array {number(row.gradient)}"
    return [f"NP+P learns delayed XOR to {number(row.mean)} (guessing 1): {solved}", f"{beside}  ({evidence.STUDY})"]


def _costs(advice: Advice) -> list[str]:
    said = [f"{advice.bits} bits of digital memory a weight, rows read in every write"]
    row = advice.evidence
    if row is not None:
        energy = (
            ""
            if math.isnan(row.energy)
            else f", {joules(row.energy)} ({joules(row.energy_low)} … {joules(row.energy_high)}) a training"
        )
        said.append(f"{row.pulses:,.0f} pulses a cell{energy}")
    return said


def _choices(name: str) -> list[str]:
    """Writings of which none is better in everything, the least energy first."""
    found = evidence.choices(name)
    if not found:
        return ["no writing keeps the mean below 0.1 on 19 of 20 seeds"]
    return [
        f"{row.writing}, {row.cells} cell{'s' * (row.cells > 1)}: {number(row.mean)}, {row.pulses:,.0f} pulses a cell, {row.bits} bits"
        + ("" if math.isnan(row.energy) else f", {joules(row.energy)}")
        for row in found
    ]


def _command(advice: Advice) -> str:
    if advice.shown:
        if advice.evidence is not None and advice.rule in (None, evidence.RULE):
            return advice.evidence.command
        return f"neuroperturb run delayed-xor --rule {advice.rule or evidence.RULE} --hardware {advice.name} --writing recommended"
    return "neuroperturb run FILE.toml, with these lines in it"


def _lines(name: str, texts: Iterable[str]) -> list[str]:
    return [f"{name if k == 0 else '':10s}{text}" for k, text in enumerate(texts)]
