"""What a run leaves: its record, the rows it is compared with, how it ended in words, its picture."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

from neuroperturb.cli.job import RunJob
from neuroperturb.cli.terminal import say, warn
from neuroperturb.results import text
from neuroperturb.results.figures import learning_curve
from neuroperturb.results.run import Run, differences
from neuroperturb.spec import InputError
from neuroperturb.training import ablation, comparison
from neuroperturb.training.trainer import Trainer


class Comparisons(NamedTuple):
    """What stands beside a run in its table."""

    baselines: bool = False
    ablation: bool = False


def keep(trainer: Trainer, target: Path) -> Run:
    """The record so far, written."""
    record = trainer.run()
    record.save(target)
    return record


def compare(trainer: Trainer, record: Run, job: RunJob, wanted: Comparisons, quiet: bool) -> None:
    """Add the row of the rule and those beside it; what is done is saved even if the rest is stopped."""
    dataset = trainer.dataset
    rows = [comparison.result_row(trainer, record), *comparison.trivial_rows(dataset)]
    asked = [module for module, on in ((comparison, wanted.baselines), (ablation, wanted.ablation)) if on]
    try:
        for name, compute in itertools.chain(*(module.plan(job.experiment, dataset) for module in asked)):
            if not quiet:
                say(f"comparing with {name}")
            rows.append(compute())
    finally:
        record.set_results(rows)
        record.save(job.target)


def finish(record: Run, job: RunJob) -> None:
    """Say how it ended, and draw it."""
    say("\n" + text.headline(record))
    for part in (text.results_table(record), text.hardware(record), text.ablation_table(record)):
        if part:
            say("\n" + part)
    if job.original is not None and job.original.status == record.status == "finished":
        say(f"repeat    {_repeated(job.original, record)}")
    say(f"record    {job.target}")
    if len(record.history):
        try:
            say(f"figure    {learning_curve.save(record, job.target.with_suffix('.png'))}")
        except InputError as error:  # a picture of somebody else's: the record is what counts
            warn(str(error))


def _repeated(original: Run, record: Run) -> str:
    """Whether a run came out as it was, bit for bit."""
    changed = [key for key in differences(original, record) if not key.startswith("results/")]
    if not changed:
        return "bit for bit the same"
    same_machine = original.cpu == record.cpu and original.versions == record.versions
    where = "" if same_machine else " (recorded with another processor or other versions, so bits may differ)"
    return f"differs in {', '.join(changed)}{where}"
