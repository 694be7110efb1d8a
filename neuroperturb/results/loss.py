"""The name of the loss in figures and reports: taken from the record, not derived from the name of the task.

Records of version 0.1.0 do not have it; their tasks are all built in, and all but one are scored by the mean squared error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuroperturb.results.columns import Record
from neuroperturb.results.grid import number
from neuroperturb.tasks import contract

CROSS_ENTROPY = ("digits",)  # tasks of version 0.1.0 that are scored by it


def of_task(name: str) -> dict[str, Any]:
    """The loss of a task of version 0.1.0."""
    called, unit = contract.LOSSES["cross_entropy" if name in CROSS_ENTROPY else "mse"]
    return {"name": called, "unit": unit, "guess": {}}


def of_run(run: Record) -> Mapping[str, Any]:
    """The loss of a record."""
    return run.loss or of_task(run.experiment.task.label)


def line(run: Record) -> str:
    """Name, unit and guess level in a line; empty for records without them."""
    loss = run.loss
    if not loss:
        return ""
    unit = f" [{loss['unit']}]" if loss["unit"] else ""
    guess = ", ".join(f"{number(value)} on {part} data" for part, value in loss["guess"].items() if value == value)
    nobody = "the random policy" if "ceiling" in loss else "the best constant output"
    return f"loss      {loss['name']}{unit}" + (f"; {nobody} scores {guess}" if guess else "")


def ceiling(run: Record) -> float | None:
    """Of a world, the return that no trial exceeds: the return is this less the loss; None for a task with targets."""
    return of_run(run).get("ceiling")
