"""The answer to the question of a run, will it learn on that hardware, in two or three sentences out of its record.

    Does not learn: worse than guessing (1.90 against 1.00). What limits it: weight error 0.4 (W_rec) is above 0.25 … . What the evidence
    recommends … . Training costs 5.3 mJ (0.5 … 45), a time step of inference 3.1 nJ.

A run learns if its test loss is below half of that of the best constant output, and in part if it is below that of the constant output
by a tenth; in a world, of the loss of a random policy. A frozen recurrence, where it was trained beside it, has to be beaten as well.

A shorter run than its task has by default, which has not learnt yet, says that first, and blames no hardware. Hardware that is written once was
not trained: the answer is that of the ideal cells that were.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from neuroperturb.analysis.advice.prices import prices
from neuroperturb.analysis.advice.remedies import remedies
from neuroperturb.experiments.recipes import length_of
from neuroperturb.results import from_above, loss
from neuroperturb.results.grid import number
from neuroperturb.results.run import Run

LEARNS, IN_PART = 0.5, 0.9  # of the loss of a constant output
COMMAND = "neuroperturb "  # what begins so is to be typed
EARLY = "Trained"  # how the answer of a short run begins
FROZEN = "frozen"  # in the name of a row of results
CONSTANT = ("guess", "mean", "random")  # names of rows that have learned nothing


def answer(run: Run, path: str | Path = "RUN.nc") -> str:
    """The verdict on a run: one paragraph, and a command on a line of its own where there is one to type.

    Empty if the run is interrupted, or if its loss cannot be compared with anything.

    path : of its record, for commands that take it
    """
    if run.status == "diverged":
        return _put([f"Does not learn: its loss diverged at step {run.diverged_step:,}.", *remedies(run), *prices(run)])
    losses = (
        {str(name): float(test) for name, test in zip(run.results["name"], run.results["test"])}
        if len(run.results)
        else {}
    )
    own, guess = next(iter(losses.values()), math.nan), _least(losses, CONSTANT)
    if run.status != "finished" or not math.isfinite(own) or not math.isfinite(guess):
        return ""
    learns = own < LEARNS * guess and not own >= _least(losses, (FROZEN,))
    early, once = [] if learns else [*_too_early(run)], [*_written_once(run, path)]
    blamed = [] if learns or early or once else remedies(run)
    outcome = _outcome(_Scale(loss.ceiling(run)), losses, own, guess)
    outcome = outcome.replace("Does not learn:", "Not learnt yet:") if early else outcome
    return _put([*early, outcome, *once, *blamed, *prices(run)])


def _put(said: Iterable[str]) -> str:
    """Sentences in a paragraph, commands below it."""
    said = list(said)
    commands = [one for one in said if one.startswith(COMMAND)]
    return "\n".join([" ".join(one for one in said if not one.startswith(COMMAND)), *commands])


def tone(verdict: str) -> str:
    """The tone of an answer: good, part or bad."""
    return (
        "good" if verdict.startswith("Learns:") else "part" if verdict.startswith(("Learns in part", EARLY)) else "bad"
    )


def _too_early(run: Run) -> Iterator[str]:
    """That a run was shorter than its task's by default, which comes before any other reason."""
    task, had = run.experiment.task, run.experiment.training.epochs
    usual, trials = length_of(getattr(task, "name", ""))
    shown = getattr(task, "trials_per_epoch", 0)
    if had < usual:
        yield f"{EARLY} for {had} of the {usual} epochs that the task has by default."
    elif trials and had * shown < usual * trials:
        yield f"{EARLY} on {had * shown:,} trials of the {usual * trials:,} that the task has by default."


def _written_once(run: Run, path: str | Path) -> Iterator[str]:
    """That the hardware of a run was not trained, and what shows the trained weights on it."""
    chip = run.experiment.hardware
    if chip is not None and chip.written_once:
        yield f"This is of ideal cells: {chip.label} is written once, and training needs many writes."
        yield "The command below tests the trained weights on it."
        yield f"neuroperturb deploy {shlex.quote(str(path))}"


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


from_above.answer.provide(answer)
