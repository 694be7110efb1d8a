"""What limits a run that did not learn, and what is known to help: ratios beyond their limits, evidence, and a command to type.

Evidence was measured on presets as they are. Where a run has another chip than that, the sentence says what was changed, and that nothing was
measured with it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import hardware_models as hw
from neuroperturb.analysis.advice import evidence
from neuroperturb.analysis.diagnosis.record_section import limits_of
from neuroperturb.network.chip.catalogue import RECOMMENDED
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.differences import beside_writing, written_as_recommended
from neuroperturb.results.grid import number
from neuroperturb.results.run import Run


def remedies(run: Run) -> Iterator[str]:
    """Sentences, what limits the run first, and the command that goes with them."""
    yield from _limits(run)
    chip = run.experiment.hardware
    if chip is None:
        return
    origin = chip.origin()
    if origin is not None and origin.name in RECOMMENDED:
        yield from _evidence(run, chip, origin.name)
    elif not chip.corrects and (name := chip.typed_name):
        of = f", for {name} without the changes of this run" if beside_writing(chip) or _is_changed(chip, name) else ""
        yield f"The command below says what might help{of}."
        yield f"neuroperturb advise --hardware {shlex.quote(name)}"


def _limits(run: Run) -> Iterator[str]:
    section = run.ledger.get("hardware", {})
    found = limits_of(section, run.experiment.rule)
    worst: dict[str, str] = {}  # of several matrices the first, which is the worst
    for each in found:
        if each.holds:
            worst.setdefault(each.ratio, str(each))
    if worst:
        yield f"What limits it: {'; '.join(worst.values())}."
    elif found:
        yield f"What may limit it: {found[0]}."
    elif section.get("diagnosis"):
        yield "None of its measured ratios is beyond a limit that studies found."


def _evidence(run: Run, chip: Chip, name: str) -> Iterator[str]:
    """What was learned on the preset of a chip, by which writing and which rule; nothing where the run has both."""
    row, changed = evidence.rows().get(name), beside_writing(chip)
    unmeasured = f"nothing was measured with {_list(changed)} changed" if changed else ""
    as_recommended = written_as_recommended(chip)
    if row is None or (as_recommended and getattr(run.experiment.rule, "label", "").split(" ")[0] == evidence.RULE):
        yield from [f"{unmeasured[0].upper()}{unmeasured[1:]}."] if unmeasured else []
        return
    device = f"unchanged {name}" if changed else name
    flags = f"--rule {evidence.RULE}" if as_recommended else f"--rule {evidence.RULE} --writing recommended"
    yield (
        f"What the evidence on {device} recommends: {flags}, with which delayed XOR ended at {number(row.mean)} in the mean of {row.seeds} seeds, "
        f"{row.solved} of them below 0.5 (the command below){f'; {unmeasured}' if unmeasured else ''}."
    )
    yield row.command


def _list(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _is_changed(chip: Chip, name: str) -> bool:
    """Whether the cells of a kind have other parameters than the kind has by itself."""
    known = hw.CELLS.get(name)
    return known is not None and chip.cells != known()
