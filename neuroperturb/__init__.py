"""Train recurrent networks by perturbation and one broadcast reward, and test whether the rule still learns on hardware.

>>> from neuroperturb import RNN, Training, rules, tasks, train
>>> run = train(
...     RNN(size=4, gain=1.1, bias=True),
...     tasks.DelayedXOR(trials_per_epoch=16, validation_trials=16, test_trials=16),
...     rules.make("np-trace"),
...     training=Training(epochs=2),
... )
>>> run.status
'finished'
>>> axes = run.plot()
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroperturb import rules, spiking, study, tasks
    from neuroperturb.analysis.advice.advisor import advise as advise
    from neuroperturb.analysis.advice.evidence import evidence as evidence
    from neuroperturb.analysis.alignment.align import align as align
    from neuroperturb.analysis.audit.auditor import audit as audit
    from neuroperturb.analysis.audit.fixed_point import run_fixed_point as run_fixed_point
    from neuroperturb.experiments.experiment import Experiment as Experiment
    from neuroperturb.network.chip.chip import Chip as Chip
    from neuroperturb.network.decorrelation import Decorrelation as Decorrelation
    from neuroperturb.network.rnn import RNN as RNN
    from neuroperturb.network.scalar_losses import check_loss as check_loss
    from neuroperturb.results.run import Run as Run
    from neuroperturb.results.run import load as load
    from neuroperturb.rules.check_rule import check_rule as check_rule
    from neuroperturb.simulation.schedule import Training as Training
    from neuroperturb.tasks.check_task import check_task as check_task
    from neuroperturb.training.black_box.ask_tell import AskTell as AskTell
    from neuroperturb.training.black_box.presentation import Measurement as Measurement
    from neuroperturb.training.black_box.presentation import Presentation as Presentation
    from neuroperturb.training.black_box.trainer import BlackBox as BlackBox
    from neuroperturb.training.deployment import age as age
    from neuroperturb.training.deployment import deploy as deploy
    from neuroperturb.training.neurobench import neurobench as neurobench
    from neuroperturb.training.prediction import forecast as forecast
    from neuroperturb.training.prediction import predict as predict
    from neuroperturb.training.train import experiment as experiment
    from neuroperturb.training.train import train as train
    from neuroperturb.training.trainer import Trainer as Trainer

__version__ = "0.2.0"

# name: module; imported on first use, so that `import neuroperturb` is fast
_HOMES = {
    "AskTell": "training.black_box.ask_tell",
    "BlackBox": "training.black_box.trainer",
    "Chip": "network.chip.chip",
    "Decorrelation": "network.decorrelation",
    "Experiment": "experiments.experiment",
    "Measurement": "training.black_box.presentation",
    "Presentation": "training.black_box.presentation",
    "RNN": "network.rnn",
    "Run": "results.run",
    "Trainer": "training.trainer",
    "Training": "simulation.schedule",
    "advise": "analysis.advice.advisor",
    "age": "training.deployment",
    "align": "analysis.alignment.align",
    "audit": "analysis.audit.auditor",
    "check_loss": "network.scalar_losses",
    "check_rule": "rules.check_rule",
    "check_task": "tasks.check_task",
    "deploy": "training.deployment",
    "evidence": "analysis.advice.evidence",
    "experiment": "training.train",
    "forecast": "training.prediction",
    "load": "results.run",
    "neurobench": "training.neurobench",
    "predict": "training.prediction",
    "run_fixed_point": "analysis.audit.fixed_point",
    "train": "training.train",
}
_ROOMS = ("baselines", "rules", "spiking", "study", "tasks")
_DOORS = {
    "nir": "results.nir_graph",
    "sklearn": "training.estimators",
}  # optional: not among the public names that everybody has
__all__ = sorted([*_HOMES, *_ROOMS])


def __getattr__(name: str):
    if name in _DOORS:
        return importlib.import_module(f"neuroperturb.{_DOORS[name]}")
    if name in _ROOMS:
        return importlib.import_module(f"neuroperturb.{name}")
    if name in _HOMES:
        importlib.import_module("neuroperturb.training")  # with which a record can predict
        return getattr(importlib.import_module(f"neuroperturb.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'neuroperturb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
