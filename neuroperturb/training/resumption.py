"""Whether a record can be resumed as an experiment: with the same settings, except `training.epochs`, which may grow.

More epochs are an error if the learning rate follows a schedule over all of them: the completed steps had other rates.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hardware_models.numerics.checks import short
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.columns import IN_THE_LOOP
from neuroperturb.results.run import Run
from neuroperturb.spec import InputError

EPOCHS = "training.epochs"
NAMED = 4  # largest number of settings in an error message
ABSENT = object()


def require_same(run: Run, experiment: Experiment) -> None:
    """Raise, in one sentence, if a record would be resumed as another experiment."""
    if experiment == run.experiment:
        return
    changed = list(changes(run.experiment, experiment))
    others = [change for change in changed if change[0] != EPOCHS]
    if others or not changed:
        differing = [f"{key!r} is {_said(new)} and was {_said(old)}" for key, old, new in others[:NAMED]]
        differing += [f"{len(others) - NAMED} more differ"] if len(others) > NAMED else []
        raise InputError(
            f"A run is continued with its own settings, {EPOCHS!r} excepted: {', '.join(differing) or 'its objects differ'}."
        )
    old, new = run.experiment.training.epochs, experiment.training.epochs
    rate = getattr(experiment.rule, "rate", None)
    if rate is not None and rate.kind != "constant":
        raise InputError(
            f"The {EPOCHS!r} parameter cannot change in a run whose learning rate follows a schedule over all epochs: it is {new} and was {old}."
        )
    if new < old:
        raise InputError(f"The {EPOCHS!r} parameter of a resumed run may grow, not shrink: it is {new} and was {old}.")


def require_simulated(run: Run) -> None:
    """Raise for a record of a chip in the loop, which no simulation can go on from."""
    box = run.ledger.get(IN_THE_LOOP)
    if box is not None:
        raise InputError(
            f"This record was made with a chip in the loop, {box.get('door', 'unknown')}, which is elsewhere: go on with "
            "neuroperturb.BlackBox(experiment, chip, resume=run); its weights are run.weights."
        )


def require_in_the_loop(run: Run) -> None:
    """Raise for a record of a simulation, whose neurons are not those of a chip."""
    if IN_THE_LOOP not in run.ledger:
        raise InputError(
            "This record was not made with a chip in the loop: go on with neuroperturb.Trainer(experiment, resume=run)."
        )


def require_unfinished(run: Run, experiment: Experiment, name: str = "") -> None:
    """Raise if the run of a record is complete."""
    done = run.status == "finished" and experiment.training.epochs <= run.experiment.training.epochs
    if done or run.status == "diverged":
        raise InputError(f"There is nothing to resume: the run {name and repr(name) + ' '}is {run.status}.")


def require_state(run: Run) -> None:
    """Raise if a record has no checkpoint to resume from."""
    if "position" not in run.state:
        raise InputError(
            f"There is nothing to resume: the record, which is {run.status}, does not contain the state of its run."
        )


@contextlib.contextmanager
def fitting() -> Iterator[None]:
    """Inside, a state that lacks an array, or holds one of another shape, is refused in a sentence."""
    try:
        yield
    except InputError:
        raise
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"The checkpoint does not fit this run: {' '.join(str(error).split())}.") from None


def changes(old: Experiment, new: Experiment) -> Iterator[tuple[str, Any, Any]]:
    """Dotted keys that differ between two experiments, with both values."""
    left, right = (dict(_flat(one.table())) for one in (old, new))
    for key in dict.fromkeys([*left, *right]):
        before, after = left.get(key, ABSENT), right.get(key, ABSENT)
        if before != after and not (before != before and after != after):  # nan is nan
            yield key, before, after


def _flat(table: dict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + str(key), value


def _said(value: Any) -> str:
    return "not set" if value is ABSENT or value is None else short(value)
