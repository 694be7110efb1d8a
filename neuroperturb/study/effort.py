"""What a run of a study took, beside its loss: trials, writes and passes, counted from its settings and the sizes of its data.

    trials   trials presented, those of a batch by themselves; a series is one
    steps    time steps of all of them
    writes   how often every learned weight is written, of which a pulsed cell may do nothing
    passes   forward passes of every trial: two beside a clean twin; of the exact gradient one forward and one back

Of a whole run: one that diverged or was stopped did less.
"""

from __future__ import annotations

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of
from neuroperturb.tasks.contract import Dataset

COLUMNS = ("trials", "steps", "writes", "passes")


def effort(experiment: Experiment, dataset: Dataset) -> dict[str, int]:
    """Counts by column, of one run on one dataset."""
    rule, training = experiment.rule, experiment.training
    batches = training.epochs * dataset.batches_per_epoch
    length, trials = dataset.batch(0).inputs.shape[:2]
    online = training.schedule == "online"
    counted = {"trials": batches * trials, "steps": batches * trials * length}
    if isinstance(rule, PerturbationRule):
        moments = batches * length if online else batches
        return counted | {"writes": moments // rule.clock.write, "passes": facts_of(rule).passes}
    chunk = getattr(rule, "chunk", None)  # rules that go forward in time have none
    pieces = -(-length // chunk) if chunk else length if online else 1
    return counted | {"writes": batches * pieces, "passes": 2 if rule.name == "bptt" else 1}
