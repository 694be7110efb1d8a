"""How closely, and with how much noise, rules follow the gradient: measured, optionally over a sweep, as a table and a figure.

>>> import neuroperturb as nt
>>> found = nt.align(["np", "np-trace"], size=3, steps=4, samples=40, over="noise_std", values=[0.01, 0.1])
>>> sorted(set(found.frame["rule"]))
['np unbiased', 'np-trace unbiased']
>>> figure = found.figure()

The quantities are those of :mod:`neuroperturb.analysis.alignment.estimate`. Without a task the trials are random: inputs and targets
~ N(0, 1), a loss at every step, initial weights of the network. With a task they are its first training trials, with fixed inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hardware_models.numerics import random
from neuroperturb.analysis.alignment.estimate import Setting, measure
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments import recipes
from neuroperturb.network.chip import chip as hardware
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import ALL, RNN, initial_weights
from neuroperturb.results import neutral, outputs
from neuroperturb.results.figures import formats
from neuroperturb.results.figures.alignment import figure as draw
from neuroperturb.results.grid import grid
from neuroperturb.rules import PerturbationRule
from neuroperturb.spec import SpecError
from neuroperturb.tasks import Task
from neuroperturb.tasks.contract import Sequence as Trials

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SAMPLES, STEPS = 40_000, 10
CHANNELS = 2  # inputs and outputs of random trials
NETWORK = RNN(size=10, gain=1.5)
RANDOM = random.stream(random.Stream.DATA, 255)  # no task has this number
# Quantities that alignment can be swept over, and their default values.
OVER: dict[str, tuple] = {
    "samples": (400, 1_200, 4_000, 12_000, 40_000),
    "noise_std": (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
    "size": (5, 10, 20, 40),
    "steps": (2, 5, 10, 20, 40),
    "hardware": ("ideal", "generic-noise", "pcm-joshi", "reram-es", "digital-4"),
}


class Point(NamedTuple):
    """One point of the sweep; None: the value of the rule, the network or the task."""

    samples: int = SAMPLES
    noise_std: float | None = None
    size: int | None = None
    steps: int | None = None
    hardware: Chip | None = None


@dataclass(frozen=True)
class Alignment:
    """Results of :func:`align`.

    frame : a row for every rule, value, matrix, reference and metric, see :func:`neuroperturb.analysis.alignment.estimate.measure`
    over : the quantity in `value`, or None
    title : trials, network and hardware, as text
    """

    frame: pd.DataFrame
    over: str | None
    title: str

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        """The table, for a notebook."""
        del cycle
        printer.text(str(self))

    def __str__(self) -> str:
        return f"{self.title}\n\n{grid(self._columns(), keys=2 if self.over is None else 3)}\n\n{LEGEND}"

    def _columns(self) -> dict[str, list[str]]:
        """The plain metric, matrix by matrix; in a sweep, all matrices as one vector."""
        frame = self.frame if self.over is None else self.frame[self.frame["matrix"] == ALL]
        keys = ["rule", "value", "matrix"]
        by_key = dict(iter(frame.groupby(keys, sort=False)))
        columns: dict[str, list[str]] = {"rule": [], **({} if self.over is None else {self.over: []}), "matrix": []}
        for (rule, value, matrix), rows in by_key.items():
            exact, short = (
                {r.metric: r for r in rows[rows["reference"] == name].itertuples()} for name in ("bptt", "bptt(1)")
            )
            cells = {
                "rule": rule, self.over or "": _word(value), "matrix": matrix, "samples": f"{exact['plain'].samples:,}",
                "bptt": _cell(exact["plain"], "cosine"), "limit": _cell(exact["plain"], "limit"), "in C_x": _cell(exact["C_x"], "limit"),
                "bptt(1)": _cell(short["plain"], "cosine"), "single": _cell(exact["plain"], "single"),
                "gain": _cell(exact["plain"], "gain"), "bias": _cell(exact["plain"], "bias"),
                "variance": f"{exact['plain'].variance:.3g}",
            }  # fmt: skip
            for name, cell in cells.items():
                if name:
                    columns.setdefault(name, []).append(cell)
        return columns

    def to_csv(self, path: str | Path) -> Path:
        """Write all rows as CSV and return the path; an existing file is replaced only if it is such a table."""
        return outputs.write_text(path, neutral.csv(self.frame))

    def figure(self) -> Figure:
        """Cosines of mean and single updates with BPTT and BPTT(1), matrix by matrix."""
        return draw(self.frame, self.over, self.title)

    def save(self, path: str | Path) -> Path:
        """Write the figure as a PNG, SVG or PDF, by the ending of the path; whole or not at all."""
        return formats.write(self.figure(), path)


COLUMNS = ("rule", "over")  # the first of the table
LEGEND = (
    "bptt, bptt(1): cosine of the mean update with true BPTT and with the one-step gradient, ± half its 95 % interval (jackknife);\n"
    "limit: cosine of the expected update with BPTT, free of sampling noise; in C_x: the same in the metric of the presynaptic covariance;\n"
    "single: mean cosine of one sample with BPTT; gain ⟨μ, g⟩/‖g‖², bias ‖μ − g‖²/‖g‖², variance of one sample over ‖g‖², g of BPTT.\n"
    "All with a plain step, constant weights and the episode schedule."
)


def align(
    rules: str | PerturbationRule | Iterable[str | PerturbationRule],
    *,
    task: str | Task | None = None,
    network: RNN | None = None,
    hardware: str | Chip | None = None,
    samples: int = SAMPLES,
    trials: int = 1,
    noise_std: float | None = None,
    size: int | None = None,
    steps: int | None = None,
    over: str | None = None,
    values: Sequence | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Alignment:
    """Measure how closely the updates of rules follow the gradient, at fixed weights, with the kernels used in training.

    Parameters
    ----------
    rules : names (``"np-trace"``, ``"anp published"``, ``"my_rules:MyRule"``), or rules; their optimiser is ignored
    task : its first trials are presented; by default random trials with a loss at every step
    network : by default the task's, or an RNN; its initial weights follow from the seed
    hardware : a name or a Chip; gradients are those of the ideal network with the stored weights
    samples : number of single-trial updates to average, at least 40; default 40,000
    trials : number of different trials per sample; the gradient is that of their mean loss
    noise_std : σ of every rule; by default each rule's own
    size : number of hidden units; by default that of the network
    steps : time steps of the trials: length of random ones, 10 by default, or the length a task's trials are cut to
    over : ``"samples"``, ``"noise_std"``, ``"size"``, ``"steps"`` or ``"hardware"``: the quantity to sweep over `values`
    values : values of the sweep; a few by default
    seed : of weights, trials, perturbations, and of a chip without a seed
    progress : called with a line for each measurement

    Returns
    -------
    Alignment

    Raises
    ------
    SpecError
        if a name is unknown, a value is invalid, or no step of the trials is scored
    """
    import pandas as pd

    values = _values(over, values)
    named = [_rule(rule) for rule in ([rules] if isinstance(rules, str | PerturbationRule) else rules)]
    base = Point(samples, noise_std, size, steps, _chip(hardware))
    trained, own = _task(task)
    rows = []
    for value in values:
        point = base if over is None else base._replace(**{over: _chip(value) if over == "hardware" else value})
        setting = _setting(trained, network or own, point, trials, seed)
        for rule in named:
            sigma = rule.noise_std if point.noise_std is None else point.noise_std
            if progress is not None:
                progress(f"{rule.label}" + ("" if over is None else f", {over} {_word(value)}"))
            found = measure(rule.replace(noise_std=sigma), setting, point.samples)
            rows += [{"rule": rule.label, "over": over or "", "value": value, **row} for row in found]
    return Alignment(pd.DataFrame(rows), over, _title(trained, network or own, base, trials))


def _values(over: str | None, values: Sequence | None) -> tuple:
    if over is None:
        if values is not None:
            raise SpecError("values", "align", "without 'over'", verb="must be left out")
        return ("",)
    if over not in OVER:
        raise SpecError.no_choice("over", "align", over, OVER)
    if values is not None and not len(values):
        raise SpecError("values", "align", "at least one value", list(values), verb="must hold")
    return OVER[over] if values is None else tuple(values)


def _rule(rule: str | PerturbationRule) -> PerturbationRule:
    """A rule by its name, its name and form as printed in tables, or the location of a custom class."""
    if not isinstance(rule, str):
        return rule
    name, _, form = (rule, "", "") if ":" in rule else rule.partition(" ")
    table = {"name": name, "form": form} if form else name
    found = config.Experiment.parse({"task": "delayed-xor", "rule": table}).rule
    if not isinstance(found, PerturbationRule):
        raise SpecError("rules", "align", "perturbation rules", rule, "It is a gradient itself.", verb="must hold")
    return found


def _task(task: str | Task | None) -> tuple[Task | None, RNN]:
    """A task and its default network."""
    if task is None:
        return None, NETWORK
    table = recipes.recipe(task) if isinstance(task, str) else {"task": task.table()}
    experiment = config.Experiment.parse({key: part for key, part in table.items() if key in ("task", "network")})
    return (experiment.task if isinstance(task, str) else task), experiment.network


def _chip(made_of: Any) -> Chip | None:
    return made_of if made_of is None or isinstance(made_of, Chip) else hardware.read(made_of)


def _setting(task: Task | None, network: RNN, point: Point, trials: int, seed: int) -> Setting:
    for name, value, least in (("samples", point.samples, 1), ("steps", point.steps, 1), ("seed", seed, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least):
            raise SpecError(name, "align", f"a whole number, {least} or more", value)
    network = network if point.size is None else network.replace(size=point.size)
    sequence, loss = (
        _random(point.steps or STEPS, trials, seed) if task is None else _first(task, point.steps, trials, seed)
    )
    if not sequence.mask.any():
        raise SpecError("steps", "align", "a step that is scored", point.steps, verb="must reach")
    initial = initial_weights(network, sequence.inputs.shape[2], sequence.targets.shape[2], seed)
    return Setting(network, initial, sequence, loss, point.hardware, seed)


def _random(steps: int, trials: int, seed: int) -> tuple[Trials, str]:
    """Inputs and targets ~ N(0, 1), every step scored; the first steps of longer ones are the same."""
    drawn = [random.normal(seed, RANDOM, t, (trials, 2 * CHANNELS), dtype=np.float64) for t in range(steps)]
    inputs, targets = np.split(np.array(drawn), 2, axis=2)
    return Trials(inputs, targets, np.ones((steps, trials), bool), np.arange(steps) == 0), "mse"


def _first(task: Task, steps: int | None, trials: int, seed: int) -> tuple[Trials, str]:
    dataset = task.data(seed, trials)
    return Trials(*(part[:steps] for part in dataset.batch(0))), dataset.loss


def _title(task: Task | None, network: RNN, point: Point, trials: int) -> str:
    where = "random trials, a loss at every step" if task is None else task.name
    parts = [where, f"{point.size or network.size} units"]
    if task is None or point.steps:
        parts.append(f"{point.steps or STEPS} steps")
    parts += [f"{trials} trials per sample"] * (trials > 1)
    return ", ".join(parts + ([] if point.hardware is None else [" ".join(hardware.words(point.hardware))]))


def _word(value: Any) -> str:
    return (
        " ".join(hardware.words(value))
        if isinstance(value, Chip)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _cell(row: Any, name: str) -> str:
    value, low, high = (getattr(row, name + end) for end in ("", "_low", "_high"))
    if value != value:  # of few samples, the unbiased estimate of a squared length may be negative
        return "–"
    return f"{value:.3f} ± {(high - low) / 2:.3f}"
