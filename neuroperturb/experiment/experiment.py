"""Experiments as data: TOML ⇄ objects, with errors that name the key.

    task = "weather"                    or  [task]  name = "weather"  horizon = 24
    rule = "danp"                       or  [rule]  name = "anp"  form = "published"  noise_std = 1e-3  credit = "trace"
    rule = "my_rules:MyRule"            or  [rule]  name = "my_rules.py:MyRule"  noise_std = 0.05  [rule.parameters]  decay = 0.8
    [network]  [decorrelation]  [training]  [hardware]  [spiking]

A rule's name stands for its preset; whatever else its table holds replaces the preset's. The names of decorrelated
rules (``danp`` …) switch decorrelation on, and ``bptt`` is the exact gradient. What a table leaves out of `training` is
the task's own. A rule of one's own goes by its module, or file, and class; it is looked for beside the TOML file and in the
current folder. An :class:`Experiment` is always complete: what it writes reads back as an equal one.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, SerializeAsAny, model_validator

from neuroperturb import rules, tasks
from neuroperturb.baselines import FORWARD, Eprop, Rflo, Rtrl, on_arrays
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.experiment.expand import expand
from neuroperturb.network.chip import chip as hardware_tables
from neuroperturb.network.chip.chip import Chip, reads_noisily
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import RNN
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.schedule import Training
from neuroperturb.spec import Spec

Hardware = Annotated[Chip, PlainValidator(hardware_tables.read), PlainSerializer(hardware_tables.write)]


class Experiment(Spec):
    """Everything that determines a run: equal experiments give equal bits (on one machine type).

    Without `hardware` a run is on ideal arrays and neurons; with `spiking` its neurons spike.
    """

    task: SerializeAsAny[tasks.Task]  # any task, one of your own included; tables know those in `tasks.TASKS`
    network: RNN = RNN()
    rule: Annotated[PerturbationRule | Bptt | Rtrl | Rflo | Eprop, Field(discriminator="name")] = rules.make("anp")
    decorrelation: Decorrelation | None = None
    training: Training = Training()
    hardware: Hardware | None = None
    spiking: LIF | None = None

    def table(self) -> dict:
        """As plain data that :meth:`parse` reads back; without hardware, or spiking neurons, there is no word of it."""
        return {
            key: value
            for key, value in super().table().items()
            if value is not None or key not in ("hardware", "spiking")
        }

    @classmethod
    def parse(cls, data: dict, where: str = "") -> Experiment:
        """Build from a plain table, names of rules and tasks included."""
        return super().parse(expand(data), where)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Put the task's own schedule and batch size where none were asked for."""
        task = data.get("task") if isinstance(data, dict) else None
        if not isinstance(task, tasks.Task):
            return data
        own = {"schedule": task.schedule, "batch_size": task.default_batch_size}
        training = data.get("training", {})
        if isinstance(training, Training):
            missing = {name: value for name, value in own.items() if getattr(training, name) is None}
            return {**data, "training": training.replace(**missing) if missing else training}
        return {**data, "training": own | training} if isinstance(training, dict) else data

    @model_validator(mode="after")
    def _bptt_fits(self):
        if isinstance(self.rule, Bptt) and self.decorrelation is not None:
            raise ValueError(
                "The 'decorrelation' parameter must be left out with the rule 'bptt', whose own is "
                "'rule.decorrelation_rate'. Got a table instead."
            )
        if (
            isinstance(self.rule, Bptt)
            and self.training.schedule == "online"
            and not (self.rule.window or self.rule.chunk)
        ):
            raise ValueError(
                "The 'rule.window' parameter, or 'rule.chunk', must be a number of steps in the online schedule. "
                "Got neither."
            )
        return self

    @model_validator(mode="after")
    def _what_goes_forward_goes_alone(self):
        if isinstance(self.rule, tuple(FORWARD.values())):
            for part in ("decorrelation", "hardware", "spiking"):
                if getattr(self, part) is not None:
                    raise ValueError(
                        f"The {part!r} parameter must be left out with the rule {self.rule.name!r}, which is a reference for plain "
                        "networks. Got a table instead."
                    )
        return self

    @model_validator(mode="after")
    def _bptt_fits_hardware(self):
        if isinstance(self.rule, Bptt) and self.hardware is not None:
            on_arrays.require_fit(self.rule, self.training.schedule)
        return self

    @model_validator(mode="after")
    def _own_rules_are_for_rate_units(self):
        if self.spiking is not None and isinstance(self.rule, PerturbationRule) and self.rule.formula is not None:
            raise ValueError(
                "The 'spiking' parameter must be left out with a rule of one's own, whose functions are for rate units. Got a table instead."
            )
        return self

    @model_validator(mode="after")
    def _an_array_that_perturbs_is_noisy(self):
        rule, chip = self.rule, self.hardware
        if isinstance(rule, PerturbationRule) and isinstance(rule.probe, rules.ArrayNoise) and not reads_noisily(chip):
            raise ValueError(
                "The 'hardware.reading' parameter must have noise where 'rule.probe' is 'array': without it two reads are the same. "
                "Got none."
            )
        return self

    @model_validator(mode="after")
    def _noise_is_resolved(self):
        smallest = 32 * float(np.finfo(self.training.dtype).eps)
        if isinstance(self.rule, PerturbationRule) and self.rule.noise_std < smallest:
            wider = ", or set 'training.dtype' to 'float64'" if self.training.dtype == "float32" else ""
            raise ValueError(
                f"The 'rule.noise_std' parameter must be at least {smallest:.2g}, below which "
                f"{self.training.dtype} rounds the perturbation away: raise it{wider}. "
                f"Got {self.rule.noise_std!r} instead."
            )
        return self


def digest(experiment: Experiment) -> str:
    """Twelve hexadecimal digits of the experiment: equal for equal ones, and good for file names."""
    text = json.dumps(experiment.table(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def label(experiment: Experiment) -> str:
    """What tables call the rule of an experiment: ``danp published``, ``bptt(1)``."""
    rule = experiment.rule
    if rule.name in FORWARD:
        return rule.name
    if isinstance(rule, Bptt):
        return "bptt" if rule.window is None else f"bptt({rule.window})"
    return ("d" if experiment.decorrelation else "") + rule.label


# ----------------------------------------------------------------------------------------------------------------------
# Names to tables
