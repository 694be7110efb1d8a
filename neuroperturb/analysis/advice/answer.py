"""The answer to the question of a run, will it learn on that hardware, in two or three sentences out of its record.

    Does not learn: worse than guessing (1.90 against 1.00). What may limit it: fidelity 0.02 … . What the evidence recommends: --writing
    recommended, with which NP+P ends at 0.02. Training costs 5.3 mJ (0.5 … 45).

A run learns if its test loss is below half of that of the best constant output, and in part if it is below that of the constant output
by a tenth; in a world, of the loss of a random policy. A frozen recurrence, where it was trained beside it, has to be beaten as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from neuroperturb.analysis.advice import evidence
from neuroperturb.network.chip.catalogue import RECOMMENDED
from neuroperturb.results import loss
from neuroperturb.results.grid import number
from neuroperturb.results.quantities import joules
from neuroperturb.results.run import Run

LEARNS, IN_PART = 0.5, 0.9  # of the loss of a constant output
FROZEN = "frozen"  # in the name of a row of results
CONSTANT = ("guess", "mean", "random")  # names of rows that have learned nothing


def answer(run: Run) -> str:
    """The verdict on a finished run, one paragraph; empty if its loss cannot be compared with anything."""
    losses = (
        {str(name): float(test) for name, test in zip(run.results["name"], run.results["test"])}
        if len(run.results)
        else {}
    )
    own, guess = next(iter(losses.values()), math.nan), _least(losses, CONSTANT)
    if run.status != "finished" or not math.isfinite(own) or not math.isfinite(guess):
        return ""
    learns = own < LEARNS * guess and not own >= _least(losses, (FROZEN,))
    said = [_outcome(_Scale(loss.ceiling(run)), losses, own, guess), *([] if learns else _why_not(run)), *_costs(run)]
    return " ".join(said)


def tone(verdict: str) -> str:
    """The tone of an answer: good, part or bad."""
    return "good" if verdict.startswith("Learns:") else "part" if verdict.startswith("Learns in part") else "bad"


class _Scale(NamedTuple):
    """How losses are said: as they are, or as returns of a world.

    ceiling : the return that no trial exceeds; None for a task with targets
    """

    ceiling: float | None

    def said(self, value: float) -> str:
        return number(value if self.ceiling is None else self.ceiling - value)

    @property
    def name(self) -> str:
        return "test loss" if self.ceiling is None else "return"

    @property
    def nobody(self) -> str:
        return "guessing" if self.ceiling is None else "a random policy"


def _least(losses: dict[str, float], names: tuple[str, ...]) -> float:
    """The smallest loss of the rows whose names hold one of some words; NaN if there are none."""
    found = [value for name, value in losses.items() if any(word in name for word in names) and math.isfinite(value)]
    return min(found, default=math.nan)


def _outcome(scale: _Scale, losses: dict[str, float], own: float, guess: float) -> str:
    against, nobody = f"({scale.said(own)} against {scale.said(guess)})", scale.nobody
    if own >= guess:
        return f"Does not learn: {'worse than' if own > 1.05 * guess else 'no better than'} {nobody} {against}."
    if own >= IN_PART * guess:
        return f"Does not learn: hardly better than {nobody} {against}."
    frozen = _least(losses, (FROZEN,))
    if own >= frozen:
        return f"The recurrence learns nothing: {scale.name} {scale.said(own)}, with it frozen {scale.said(frozen)}, {nobody} {scale.said(guess)}."
    words = "Learns" if own < LEARNS * guess else "Learns in part"
    beside = f"; with a frozen recurrence {scale.said(frozen)}" if math.isfinite(frozen) else ""
    return f"{words}: {scale.name} {scale.said(own)}, {nobody} {scale.said(guess)}{beside}."


def _why_not(run: Run) -> Iterator[str]:
    """What may limit the run, and what is known to help."""
    chip, warning = run.experiment.hardware, run.ledger.get("hardware", {}).get("warning")
    if warning:
        yield f"What may limit it: {warning}."
    if chip is None:
        return
    origin = chip.origin()
    if origin is None or origin.name not in RECOMMENDED:
        name = "NAME" if origin is None else origin.name
        yield f"What might help: neuroperturb advise --hardware {name}."
    elif chip.writing != RECOMMENDED[origin.name].writing:
        row = evidence.rows().get(origin.name)
        shown = (
            ""
            if row is None
            else f", with which NP+P ends delayed XOR at {number(row.mean)} on {row.solved} of {row.seeds} seeds"
        )
        yield f"What the evidence recommends: --hardware {origin.name} --writing recommended{shown}."


def _costs(run: Run) -> Iterator[str]:
    total = run.ledger.get("hardware", {}).get("total", {})
    parts = (total.get("energy") or {}).values()
    if parts:
        low, typical, high = (sum(part[end] for part in parts) for end in ("low", "typical", "high"))
        yield f"Training costs {joules(typical)} ({joules(low)} … {joules(high)})."
