"""What a run of a study took, beside its loss: trials, writes, passes and arithmetic, counted from its settings and the sizes of its data.

    trials   trials presented, those of a batch by themselves; a series is one
    steps    time steps of all of them
    writes   how often every learned weight is written, of which a pulsed cell may do nothing
    passes   forward passes of every trial: two beside a clean twin; of the exact gradient one forward and one back
    multiply_adds   of the forward passes, of the rule at every step of every trial, and of every write, over all synapses and units that learn,
                    as ``neuroperturb audit`` counts them; of reads and writes of arrays, draws, and what a network is for, none

Of the epochs that a run had: one that ended early, since its loss no longer fell, is counted as far as it came. One that diverged is counted whole.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.analysis.audit.anatomy import dissect
from neuroperturb.analysis.audit.costs import costs
from neuroperturb.baselines.sizes import Sizes
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of
from neuroperturb.tasks.contract import Dataset

COLUMNS = ("trials", "steps", "writes", "passes", "multiply_adds")


def effort(experiment: Experiment, dataset: Dataset, epochs: int | None = None) -> dict[str, int]:
    """Counts by column, of one run on one dataset; epochs : those that it had, by default all that its settings allow."""
    rule, training = experiment.rule, experiment.training
    batches = (training.epochs if epochs is None else epochs) * dataset.batches_per_epoch
    length, trials = dataset.batch(0).inputs.shape[:2]
    online = training.schedule == "online"
    counted = {"trials": batches * trials, "steps": batches * trials * length}
    if isinstance(rule, PerturbationRule):
        moments = batches * length if online else batches
        took = counted | {"writes": moments // rule.clock.write, "passes": facts_of(rule).passes}
        return took | {"multiply_adds": _of_perturbation(experiment, _sizes(experiment, dataset, length), took)}
    chunk = getattr(rule, "chunk", None)  # rules that go forward in time have none
    pieces = -(-length // chunk) if chunk else length if online else 1
    took = counted | {"writes": batches * pieces, "passes": rule.passes}
    sizes = _sizes(experiment, dataset, length)
    written = took["writes"] * rule.optimiser.products * sizes.synapses
    return took | {"multiply_adds": took["steps"] * rule.multiply_adds(sizes) + written}


def _sizes(experiment: Experiment, dataset: Dataset, length: int) -> Sizes:
    network = experiment.network
    found = {name: int(np.count_nonzero(exist)) for name, exist in network.present(dataset.n_in, dataset.n_out).items()}
    return Sizes(found["W_in"], found["W_rec"], found["W_out"], network.size, length)


def _of_perturbation(experiment: Experiment, sizes: Sizes, took: dict[str, int]) -> int:
    """Multiply–adds of a run; frozen matrices are read, and nothing else."""
    training, decorrelation = experiment.training, experiment.decorrelation
    anatomy = dissect(experiment.rule, decorrelation)  # type: ignore[arg-type]  # it is a perturbation
    cost = costs(anatomy, "online" if training.schedule == "online" else "episode", bits=8)
    learnt = sum(getattr(sizes, name.lower()) for name in ("W_in", "W_rec", "W_out") if name not in training.frozen)
    square = sizes.units**2
    forward = took["passes"] * (sizes.synapses + anatomy.decorrelated * square)
    rule = learnt * cost.step.multiply_adds + sizes.units * cost.neuron.multiply_adds
    lateral = cost.lateral * square * cost.lateral_step.multiply_adds
    return took["steps"] * (forward + rule + lateral) + took["writes"] * learnt * cost.write.multiply_adds
