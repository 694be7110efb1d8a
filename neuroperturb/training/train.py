"""A run by one call: from specifications, or names, to a record; or stepped through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hardware_models as hw
from neuroperturb.baselines import Bptt, Eprop, Rflo, Rtrl
from neuroperturb.experiments.expand import decorrelated, named, spelt
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import load
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.lif import LIF
from neuroperturb.network.modifiers import Modifier
from neuroperturb.network.rnn import RNN
from neuroperturb.results.run import Run
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.schedule import Training
from neuroperturb.tasks import Task
from neuroperturb.training.progress import Progress
from neuroperturb.training.trainer import Trainer


def train(
    network: RNN | Mapping,
    task: Task | Mapping | str,
    rule: PerturbationRule | Bptt | Rtrl | Rflo | Eprop | Mapping | str,
    *,
    decorrelation: Decorrelation | Mapping | None = None,
    training: Training | Mapping = Training(),  # noqa: B008
    hardware: Chip | hw.Hardware | hw.Preset | Mapping | str | None = None,
    spiking: LIF | Mapping | str | None = None,
    modifier: Modifier | Mapping | str | None = None,
    loss: Any = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train a network on a task with a learning rule, and return the record.

    Parameters
    ----------
    network, decorrelation, training : specifications, or tables as in a TOML file, ``{"size": 20}``
    task, rule : specifications, names, or tables as in a TOML file, ``{"name": "np-p", "learning_rate": 0.02}``; a decorrelated rule
        (``"danp"``) brings its decorrelation
    hardware : a name (``"ecram"``), a preset, hardware of every matrix, a table as in a TOML file, or a chip; ideal by default
    spiking : spiking neurons in place of rate units, and their backend
    modifier : how weights differ in every batch from those that are trained; not at all by default
    loss : what is learned from, in place of the task's own: a name, "huber"; a table, {"kind": "huber", "delta": 0.5}; or a record with a
        function of one's own, see :mod:`neuroperturb.network.scalar_losses`
    progress : called with a :class:`Progress` every 0.2 s or so

    Returns
    -------
    Run
        Ctrl-C returns the partial run, status ``interrupted``.
    """
    if decorrelation is None and decorrelated(rule):
        decorrelation = Decorrelation()
    chosen, learns_by = named(task, rule, training)
    parts: dict[str, Any] = {
        "network": network, "task": chosen, "rule": learns_by, "decorrelation": decorrelation, "training": training, "hardware": hardware,
        "spiking": spelt("spiking", spiking), "modifier": spelt("modifier", modifier), "loss": loss,
    }  # fmt: skip
    trainer = Trainer(Experiment(**parts))
    try:
        for now in trainer:
            if progress is not None:
                progress(now)
    except KeyboardInterrupt:
        pass  # the record has the last consistent state
    return trainer.run()


def experiment(
    config: Experiment | str | Path, *, resume: Run | None = None, every: str | int | None = None
) -> Trainer:
    """A run to step through: ``for step in experiment("run.toml"): print(step.loss)``; `.run()` is the record so far.

    Parameters
    ----------
    config : an experiment, or a TOML file of one
    resume : a record to go on from
    every : when the loop is told: ``"epoch"``, after each; a number of time steps, at the end of the chunk (0.2 s at most) that gets there;
        None: after each epoch, and a few times a second
    """
    return Trainer(config if isinstance(config, Experiment) else load(config), resume=resume, every=every)
