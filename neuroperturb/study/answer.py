"""The answer of a study in a few sentences a task: what learns, what is best, what the recurrence and the baselines say, what it costs.

A cell learns, and learns in part, by the same fractions of the loss of a constant output as a single run does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from neuroperturb.analysis.advice.answer import IN_PART, LEARNS
from neuroperturb.results.grid import number
from neuroperturb.results.quantities import joules
from neuroperturb.study.summary import CONSTANT, Floor, Line, baselines, facets, floor_of, lines
from neuroperturb.study.table import Tables


class TaskAnswer(NamedTuple):
    """The answer for one task; `task` is empty if all cells have that of the base."""

    task: str
    sentences: list[str]

    def __str__(self) -> str:
        return f"{self.task}: {' '.join(self.sentences)}" if self.task else " ".join(self.sentences)


def answers(tables: Tables, made: Sequence[Line] | None = None) -> list[TaskAnswer]:
    """The answer for every task; `made`: the lines of the tables, where they are known."""
    made = lines(tables) if made is None else list(made)
    return [_answer(tables, facet, [line for line in made if line.facet == facet]) for facet in facets(made)]


def standing(value: float, floor: float) -> str:
    """What a loss is beside that of a constant output: ``learns``, ``in part``, ``no better``, or nothing where either is unknown."""
    if not math.isfinite(value) or not math.isfinite(floor):
        return ""
    return "learns" if value < LEARNS * floor else "in part" if value < IN_PART * floor else "no better"


def _answer(tables: Tables, facet: str, here: Sequence[Line]) -> TaskAnswer:
    own = sorted((line for line in here if not line.control), key=lambda line: line.rank)
    ended = [line for line in own if math.isfinite(line.interval.mean)]
    if not ended:
        return TaskAnswer(facet, ["No cell has a result yet."])
    floor = floor_of(tables, facet)
    said = [
        _counts(ended, floor),
        _best(ended[0], here),
        _recurrence(ended),
        _beside(tables, facet, ended[0]),
        _cost(ended),
    ]
    waiting = len(own) - len(ended)
    said.append(f"{waiting} of {len(own)} cells have no result." if waiting else "")
    return TaskAnswer(facet, [text for text in said if text])


def _counts(ended: Sequence[Line], floor: Floor) -> str:
    stands = [standing(line.interval.mean, floor.loss) for line in ended]
    if not any(stands):
        return ""
    if len(ended) == 1:
        words = {"learns": "It learns", "in part": "It learns in part", "no better": "It does not learn"}[stands[0]]
        return f"{words} ({floor.name}: {number(floor.loss)})."
    learns, part = stands.count("learns"), stands.count("in part")
    if not learns + part:
        return (
            f"None of {len(ended)} cells learns: all are about as bad as {floor.name} ({number(floor.loss)}), or worse."
        )
    more = f", {part} more in part" if part else ""
    return f"{learns} of {len(ended)} cells learn{more}: a test loss below half of that of {floor.name} ({number(floor.loss)})."


def _best(best: Line, here: Sequence[Line]) -> str:
    between = (
        f" ({number(best.interval.low)} … {number(best.interval.high)})" if math.isfinite(best.interval.low) else ""
    )
    name = f"The best is {best.label}:" if best.label and len(here) > 1 else "Its test loss:"
    solved = f", solved by {best.solved.count} of {best.solved.total} seeds" if best.solved else ""
    return f"{name} {number(best.interval.mean)}{between}{solved}."


def _recurrence(ended: Sequence[Line]) -> str:
    controlled = [line for line in ended if line.difference is not None]
    if not controlled:
        return ""
    better = sum(line.verdict.startswith("below") for line in controlled)
    if len(controlled) == 1:
        return f"The recurrence {'helps' if better else 'does not help measurably'}: {controlled[0].verdict}."
    return f"The trained recurrence is better than a frozen one in {better} of {len(controlled)} cells."


def _beside(tables: Tables, facet: str, best: Line) -> str:
    """The best baseline that is not a constant."""
    beside = [
        one
        for one in baselines(tables, facet)
        if one.label.split(",")[0] not in CONSTANT and math.isfinite(one.interval.mean)
    ]
    if not beside:
        return ""
    rival = min(beside, key=lambda one: one.interval.mean)
    worse = ", which is better than any cell" if rival.interval.mean < best.interval.mean else ""
    return f"Best baseline: {rival.label}, {number(rival.interval.mean)}{worse}."


def _cost(ended: Sequence[Line]) -> str:
    costs = sorted(line.extra["energy"] for line in ended if line.extra.get("energy"))
    if not costs:
        return ""
    much = joules(costs[0]) if costs[0] == costs[-1] else f"{joules(costs[0])} to {joules(costs[-1])}"
    return f"Training costs {much} a run (typical)."
