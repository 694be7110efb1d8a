"""Output of a run: its record, the comparisons, a summary in words, and a figure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from neuroperturb.analysis.advice.answer import answer, tone
from neuroperturb.cli.job import RunJob
from neuroperturb.cli.terminal import say, warn
from neuroperturb.results import text
from neuroperturb.results.figures import formats, learning_curve
from neuroperturb.results.grid import spoken
from neuroperturb.results.run import Run, differences
from neuroperturb.spec import InputError
from neuroperturb.training import ablation, comparison
from neuroperturb.training.trainer import Trainer


class Comparisons(NamedTuple):
    """What to compare a run with."""

    baselines: bool = False
    ablation: bool = False


def keep(trainer: Trainer, target: Path) -> Run:
    """Save the record so far."""
    record = trainer.run()
    record.save(target)
    return record


def compare(trainer: Trainer, record: Run, job: RunJob, wanted: Comparisons, quiet: bool) -> None:
    """Add the row of the rule and those of the comparisons; finished rows are saved even if the rest is interrupted."""
    dataset = trainer.dataset
    rows = [comparison.result_row(trainer, record), *comparison.trivial_rows(dataset)]
    chosen = [module for module, on in ((comparison, wanted.baselines), (ablation, wanted.ablation)) if on]
    try:
        for name, compute in itertools.chain(*(module.plan(job.experiment, dataset) for module in chosen)):
            if not quiet:
                say(f"comparing with {name}")
            rows.append(compute())
    finally:
        record.set_results(rows)
        record.save(job.target)


def finish(record: Run, job: RunJob, kinds: Sequence[str] = ("png",), *, quiet: bool = False) -> None:
    """Print how the run ended, and draw its learning curve; `quiet`: the final table, the answer and where the files are."""
    tables = [text.results_table(record)]
    if not quiet:
        say("\n" + text.headline(record))
        tables.append(text.hardware(record))
    for part in (*tables, text.ablation_table(record)):
        if part:
            say("\n" + part)
    if job.original is not None and job.original.status == record.status == "finished":
        say(f"repeat    {_repeated(job.original, record)}")
    if verdict := answer(record, job.target):
        say("\n" + spoken(verdict, tone(verdict)) + "\n")
    say(f"record    {job.target}")
    if len(record.history):
        try:
            for path in formats.write_all(learning_curve.figure(record), job.target, kinds):
                say(f"figure    {path}")
        except InputError as error:  # a picture of somebody else's: the record is what counts
            warn(str(error))


def _repeated(original: Run, record: Run) -> str:
    """Whether a repeated run equals the original bit for bit."""
    changed = [key for key in differences(original, record) if not key.startswith("results/")]
    if not changed:
        return "identical bit for bit"
    same_machine = original.cpu == record.cpu and original.versions == record.versions
    where = "" if same_machine else " (recorded with another processor or other versions, so bits may differ)"
    return f"differs in {', '.join(changed)}{where}"
