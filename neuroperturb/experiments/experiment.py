"""Experiments as data: TOML ⇄ objects, with errors that name the key.

    task = "weather"                    or  [task]  name = "weather"  horizon = 24
    rule = "danp"                       or  [rule]  name = "anp"  form = "published"  noise_std = 1e-3  credit = "trace"
    rule = "my_rules:MyRule"            or  [rule]  name = "my_rules.py:MyRule"  noise_std = 0.05  [rule.parameters]  decay = 0.8
           like = "np-trace"               all but its formula as that preset has it
    task = "my_task.py:MyTask"          or  [task]  name = "my_task.py:MyTask"  steps = 14
    hardware = "my_cell.py:MyCell"      or  [hardware.cells]  kind = "my_cell.py:MyCell"  dw_min = 0.01
    modifier = "programming"            or  [modifier]  kind = "additive"  std = 0.05
    [network]  [decorrelation]  [training]  [hardware]  [spiking]

A rule's name stands for its preset; further keys of its table override the preset. The names of decorrelated
rules (``danp`` …) switch decorrelation on, and ``bptt`` is the exact gradient. Keys of `training` that are left out
have the task's defaults. A custom rule, task or cell is given by its module, or file, and class; it is searched for next to the TOML
file and in the current folder. An :class:`Experiment` is always complete: its TOML reads back as an equal one.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, SerializeAsAny, model_validator

from neuroperturb import rules, tasks
from neuroperturb.baselines import FORWARD, Eprop, Rflo, Rtrl, on_arrays
from neuroperturb.baselines.through_worlds import require_fit_world
from neuroperturb.baselines.trainer import Bptt
from neuroperturb.experiments.essence import essence, user_code
from neuroperturb.experiments.expand import expand
from neuroperturb.network.chip import chip as hardware_tables
from neuroperturb.network.chip.chip import Chip, reads_noisily
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.lif import LIF
from neuroperturb.network.loss_choice import Choice, OwnLoss
from neuroperturb.network.loss_choice import read as read_loss
from neuroperturb.network.modifiers import Modifier
from neuroperturb.network.rnn import LEARNT, RNN
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of, writes_outer_products
from neuroperturb.simulation.configuration import columns_for
from neuroperturb.simulation.schedule import Training
from neuroperturb.spec import Spec, SpecError, Words
from neuroperturb.tasks.contract import LOSSES
from neuroperturb.tasks.user_task import kept

TABLE = Words("a table")
Hardware = Annotated[Chip, PlainValidator(hardware_tables.read), PlainSerializer(hardware_tables.write)]


def _held(task: Any) -> Any:
    """A task for an experiment: a built-in one unchanged, a custom one as data."""
    return task if type(task) in tasks.TASKS.values() else kept(task)


class Experiment(Spec):
    """Everything that determines a run: equal experiments give identical bits (on the same type of machine).

    `loss` is what is learned from, by default the task's own, by which outputs are scored in any case.
    Without `hardware` a run uses ideal arrays and neurons; with `spiking` it uses spiking neurons; with `modifier` weights are others
    in every batch, as arrays that are programmed later will hold them.
    """

    task: Annotated[SerializeAsAny[tasks.Task], BeforeValidator(_held)]  # any task, including custom ones
    network: RNN = RNN()
    rule: Annotated[PerturbationRule | Bptt | Rtrl | Rflo | Eprop, Field(discriminator="name")] = rules.make("anp")
    decorrelation: Decorrelation | None = None
    training: Training = Training()
    hardware: Hardware | None = None
    spiking: LIF | None = None
    modifier: Modifier | None = None
    loss: Annotated[Choice | None, BeforeValidator(read_loss)] = None

    def table(self) -> dict:
        """The experiment as plain data that :meth:`parse` reads back; what a run may lack is left out if it is None."""
        return {
            key: value
            for key, value in super().table().items()
            if value is not None or key not in ("hardware", "spiking", "modifier", "loss")
        }

    @classmethod
    def parse(cls, data: dict, where: str = "") -> Experiment:
        """Build from a plain table, in which rules and tasks may be given by name."""
        return super().parse(expand(data), where)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in the task's default schedule and batch size."""
        task = data.get("task") if isinstance(data, dict) else None
        if not isinstance(task, tasks.Task):
            return data
        own = {
            "schedule": "schedule",
            "batch_size": "default_batch_size",
        }  # the task's defaults are needed only if they are missing
        training = data.get("training", {})
        if isinstance(training, Training):
            missing = {name: getattr(task, its) for name, its in own.items() if getattr(training, name) is None}
            return {**data, "training": training.replace(**missing) if missing else training}
        if not isinstance(training, dict):
            return data
        missing = {name: getattr(task, its) for name, its in own.items() if name not in training}
        return {**data, "training": missing | training}

    @model_validator(mode="after")
    def _bptt_fits(self):
        if isinstance(self.rule, Bptt) and self.decorrelation is not None:
            verb = "must be left out with the rule 'bptt', which has 'rule.decorrelation_rate' instead"
            raise SpecError("decorrelation", verb=verb, got=TABLE)
        if (
            isinstance(self.rule, Bptt)
            and self.training.schedule == "online"
            and not (self.rule.window or self.rule.chunk)
        ):
            wanted = "a number of steps in the online schedule, or else 'rule.chunk'"
            raise SpecError("rule.window", wanted=wanted, got=Words("neither"))
        if isinstance(self.rule, Bptt) and self.training.schedule is not None:
            self.rule.require_schedule(self.training.schedule)
        return self

    @model_validator(mode="after")
    def _gradients_need_a_derivative(self):
        if not isinstance(self.rule, PerturbationRule):
            self.network.activation.require_derivative()
        return self

    @model_validator(mode="after")
    def _decorrelation_is_of_one_layer(self):
        if len(self.network.layers) > 1 and self.decorrelation is not None and self.decorrelation.state:
            verb = "must be false for several layers, whose units it would connect with each other"
            raise SpecError("decorrelation.state", verb=verb, got=True)
        return self

    @model_validator(mode="after")
    def _forward_rules_take_no_hardware(self):
        if isinstance(self.rule, tuple(FORWARD.values())):
            for part in ("decorrelation", "hardware", "spiking"):
                if getattr(self, part) is not None:
                    verb = f"must be left out with the rule {self.rule.name!r}, which is a reference for plain networks"
                    raise SpecError(part, verb=verb, got=TABLE)
        return self

    @model_validator(mode="after")
    def _modified_weights_are_on_a_computer(self):
        for part in ("hardware", "spiking"):
            if self.modifier is not None and getattr(self, part) is not None:
                verb = f"must be left out with '{part}': weights are modified for arrays that are programmed later"
                raise SpecError("modifier", verb=verb, got=TABLE)
        return self

    @model_validator(mode="after")
    def _bptt_fits_hardware(self):
        if isinstance(self.rule, Bptt) and self.hardware is not None:
            on_arrays.require_fit(self.rule, self.training.schedule)
        return self

    @model_validator(mode="after")
    def _worlds_have_no_target(self):
        """In a world only a reward says what was right, and it says it once."""
        if not self.task.closed_loop:
            return self
        exact, world = isinstance(self.rule, Bptt), f"the task {self.task.label!r}, a world"
        if not isinstance(self.rule, PerturbationRule) and not exact:
            raise SpecError(
                "rule", wanted=f"a perturbation rule or 'bptt' with {world}, which has no target", got=self.rule.name
            )
        if exact and not self.task.derivatives:
            wanted = f"a perturbation rule with {world} whose step has no derivative to go back through"
            raise SpecError("rule", wanted=wanted, got=self.rule.name)
        for part in ("decorrelation", "spiking", *(("hardware",) if exact else ())):
            if getattr(self, part) is not None:
                verb = f"must be left out with {'the rule ' + repr(self.rule.name) + ' and ' if exact else ''}{world}"
                raise SpecError(part, verb=verb, got=TABLE)
        if isinstance(self.rule, Bptt):
            require_fit_world(self.rule, self.training.schedule)
        if self.training.carry_state:
            wanted = "false in a world, whose trials are new ones"
            raise SpecError("training.carry_state", wanted=wanted, got=True)
        return self

    @model_validator(mode="after")
    def _samples_can_be_written(self):
        """Trains on the lines of rows and columns carry outer products, and nothing else."""
        rule, training = self.rule, self.training
        for matrix, key, writing in () if self.hardware is None else self.hardware.written_by_sample():
            name = type(writing).__name__
            fits = isinstance(rule, PerturbationRule) and writes_outer_products(rule, training.schedule)
            if matrix not in LEARNT or not fits:
                why = (
                    "It needs sums of outer products: a learnt matrix, a perturbation rule in the online schedule, instant credit of "
                    "injected noise and a plain step."
                )
                raise SpecError(key, "", f"{name} for these updates", hint=why, verb="cannot be")
            if columns_for(training.batch_size or 1) > writing.most_columns:
                wanted = f"smaller: {name} has room for {writing.most_columns} rows, two for each trial"
                raise SpecError("training.batch_size", "Training", wanted, training.batch_size)
        return self

    @model_validator(mode="after")
    def _loss_has_a_gradient(self):
        """Scalar losses are for perturbations, and for BPTT over an episode or in chunks."""
        rule, online = self.rule, self.training.schedule == "online"
        gradient = isinstance(rule, tuple(FORWARD.values())) or (isinstance(rule, Bptt) and online and not rule.chunk)
        if gradient and self.loss is not None and self.loss.scalar:
            wanted = (
                f"{' or '.join(map(repr, LOSSES))} with the rule {rule.name!r} in the {self.training.schedule} schedule"
            )
            raise SpecError("loss", type(self).__name__, wanted, self.loss.kind)
        return self

    @model_validator(mode="after")
    def _own_rules_are_for_rate_units(self):
        if self.spiking is not None and isinstance(self.rule, PerturbationRule) and self.rule.formula is not None:
            verb = "must be left out with a custom rule, whose functions are for rate units"
            raise SpecError("spiking", verb=verb, got=TABLE)
        return self

    @model_validator(mode="after")
    def _array_probe_needs_read_noise(self):
        rule, chip = self.rule, self.hardware
        if isinstance(rule, PerturbationRule) and facts_of(rule).array_noise and not reads_noisily(chip):
            wanted = "noise if 'rule.probe' is 'array': without it repeated reads are identical"
            raise SpecError("hardware.reading", wanted=wanted, got=Words("none"), verb="must have")
        return self

    @model_validator(mode="after")
    def _noise_is_resolved(self):
        smallest = 32 * float(np.finfo(self.training.dtype).eps)
        if isinstance(self.rule, PerturbationRule) and self.rule.noise_std < smallest:
            wider = ", or set 'training.dtype' to 'float64'" if self.training.dtype == "float32" else ""
            wanted = f"at least {smallest:.2g}, below which {self.training.dtype} rounds the perturbation away: raise it{wider}"
            raise SpecError("rule.noise_std", wanted=wanted, got=self.rule.noise_std)
        return self

    def bound(self) -> Experiment:
        """The experiment with all custom classes imported; called before it is run.

        Raises for a class that has changed. Warns about one that only this process can find: its source is in the record, which
        can be read anywhere, but not run.
        """
        for code in user_code(self.table()):
            if not code.stays:
                warnings.warn(
                    f"{code.label} is defined in a script, a notebook or a function. Records store its source, and can be read anywhere; to "
                    "run them in another process, put the class into a file.",
                    stacklevel=2,
                )
        for part in (self.task, getattr(self.rule, "formula", None), self.loss):
            if isinstance(part, tasks.OwnTask | rules.OwnFormula | OwnLoss):
                part.bind()
        chip = None if self.hardware is None else self.hardware.bound()
        return self if chip is self.hardware else self.replace(hardware=chip)


def digest(experiment: Experiment) -> str:
    """Digest of twelve hexadecimal digits: equal for equal experiments, and usable in file names."""
    text = json.dumps(essence(experiment.table()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def label(experiment: Experiment) -> str:
    """Name of the rule of an experiment in tables: ``danp published``, ``bptt(1)``."""
    rule = experiment.rule
    if rule.name in FORWARD:
        return rule.name
    if isinstance(rule, Bptt):
        return "bptt" if rule.window is None else f"bptt({rule.window})"
    return ("d" if experiment.decorrelation else "") + rule.label
