"""Baselines to compare a result with: the same task without the rule, without a network, or with the exact gradient.

Settings are chosen on the validation data; the test data are used once per row, for the chosen
setting.

    trivial             guess, persistence …
    ridge               on the present input, and on a window of past ones
    echo state          a random reservoir with a ridge readout
    bptt, bptt(1)       the exact gradient, and the one-step gradient, on the same network, with Adam
    bptt, same hardware the exact gradient, forward and written through the run's own arrays
    frozen recurrence   the same rule on the same hardware, W_in and W_rec at their initial values

In a world: a random policy, a linear one and the run's own network, both tuned by an evolution strategy with the trials of the run, the
gradient through the world where it has derivatives, and the frozen recurrence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from hardware_models.numerics.compile_clock import working
from neuroperturb.baselines import Adam, Bptt, EchoState, Ridge, from_matrices
from neuroperturb.baselines.gradient_trainer import GradientTrainer
from neuroperturb.baselines.learner import trainer_of
from neuroperturb.baselines.policies import Linear, Policy, Recurrent, searched
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.rnn import initial_weights
from neuroperturb.results.run import Run
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.schedule import ONLINE_CHUNK
from neuroperturb.tasks import Dataset
from neuroperturb.tasks.worlds.task import WorldTrials
from neuroperturb.training.trainer import Trainer

FROZEN, SAME_HARDWARE = "frozen recurrence", "bptt, same hardware"
FROZEN_FACTORS = (1 / 3, 1.0, 3.0)  # on the rule's own learning rate
BPTT_RATES = {"episode": (1e-3, 3e-3, 1e-2), "online": (1e-4, 1e-3, 1e-2)}  # learning rates of Adam
CLIP = 1.0  # norm of the exact gradient: without clipping, long sequences occasionally make a run diverge


class Candidate(NamedTuple):
    """A trained setting: its validation loss, and its scores on the test data, computed when needed."""

    settings: str
    validation: dict[str, float]
    test: Callable[[], dict[str, float]]
    status: str = "finished"


Plan = list[tuple[str, Callable[[], dict]]]  # name of a row, and the function that computes it


def result_row(trainer: Trainer, run: Run) -> dict:
    """The row of the rule itself: scores of its final weights on validation and test, and training time; `run` is its record."""
    dataset = trainer.dataset
    candidate = Candidate(
        "", _scores(trainer, dataset, "validation"), lambda: _scores(trainer, dataset, "test"), run.status
    )
    return {**_row(config.label(trainer.experiment), candidate), "seconds": float(np.nansum(run.history["seconds"]))}


def trivial_rows(dataset: Dataset) -> list[dict]:
    """Baselines without a network: guessing, persistence."""
    return [{"name": name, **losses, "status": "finished"} for name, losses in dataset.trivial().items()]


def plan(experiment: Experiment, dataset: Dataset) -> Plan:
    """All other rows, cheap ones first, as (name, function that computes the row)."""
    if experiment.spiking is not None:  # spikes have no exact gradient
        return [*fitted(experiment, dataset), (FROZEN, _frozen(experiment, dataset))]
    if dataset.world is not None:  # a reward has one only where its world has derivatives
        through = [] if dataset.world.slopes is None else [("bptt", _bptt(experiment, dataset, None))]
        return [*fitted(experiment, dataset), *through, (FROZEN, _frozen(experiment, dataset))]
    searched = [(f"bptt({k})" if k else "bptt", _bptt(experiment, dataset, k)) for k in (1, None)]
    on_hardware = [] if experiment.hardware is None else [(SAME_HARDWARE, _bptt_on_hardware(experiment, dataset))]
    return [*fitted(experiment, dataset), *searched, *on_hardware, (FROZEN, _frozen(experiment, dataset))]


def fitted(experiment: Experiment, dataset: Dataset) -> Plan:
    """Fitted baselines: ridge regression on inputs, and on the states of a random reservoir of the network's size; in a world, policies."""
    if isinstance(dataset, WorldTrials):
        return _policies(experiment, dataset)
    window = experiment.task.ridge_taps
    seed, units = experiment.training.seed, experiment.network.size
    rows: Plan = [
        ("ridge, present input", lambda: Ridge(taps=1).scores(dataset)),
        (f"ridge, last {window} inputs", lambda: Ridge(taps=window).scores(dataset)),
        (f"echo state, {units} units", lambda: EchoState(units=units).scores(dataset, seed)),
    ]
    return [(name, _timed(name, scores)) for name, scores in rows]


def _policies(experiment: Experiment, dataset: WorldTrials) -> Plan:
    """A linear policy and the network itself, tuned by an evolution strategy in as many trials as the run."""
    training, sizes = experiment.training, (dataset.n_in, dataset.n_out)
    trials = training.epochs * dataset.batches_per_epoch * (training.batch_size or 1)
    searches: dict[str, Policy] = {
        "linear policy, evolution": Linear(*sizes),
        "network, evolution": Recurrent(experiment.network, *sizes, training.seed),
    }
    search = lambda policy: lambda: searched(dataset, policy, trials)  # noqa: E731
    return [(name, _timed(name, search(policy))) for name, policy in searches.items()]


def _timed(name: str, scores: Callable[[], dict]) -> Callable[[], dict]:
    def row():
        start = working()
        return {"name": name, **scores(), "status": "finished", "seconds": working() - start}

    return row


def _bptt(experiment: Experiment, dataset: Dataset, window: int | None) -> Callable[[], dict]:
    """The exact gradient, or the one-step gradient, from the rule's initial network."""
    schedule = experiment.training.schedule
    chunk = ONLINE_CHUNK if window is None and schedule == "online" else None
    name = "bptt" if window is None else f"bptt({window})"

    def candidates():
        for rate in BPTT_RATES[schedule]:
            rule = Bptt(window=window, chunk=chunk, optimiser=Adam(learning_rate=rate, clip_norm=CLIP))
            trainer = _bptt_trainer(experiment, dataset, rule)
            with np.errstate(over="ignore", invalid="ignore"):
                finite = all(np.isfinite(trainer.epoch()) for _ in range(experiment.training.epochs))
            settings = f"Adam {rate:g}" + (f", cut every {chunk} steps" if chunk else "")
            yield Candidate(
                settings,
                trainer.score("validation"),
                lambda t=trainer: t.score("test"),
                "finished" if finite else "diverged",
            )

    return lambda: _search(name, candidates())


def _bptt_on_hardware(experiment: Experiment, dataset: Dataset) -> Callable[[], dict]:
    """The exact gradient, with forward passes and writes through the same arrays: if it fails too, the hardware is the limit."""
    training = experiment.training
    chunk = ONLINE_CHUNK if training.schedule == "online" else None

    def candidates():
        for rate in BPTT_RATES[training.schedule]:
            rule = Bptt(chunk=chunk, optimiser=Adam(learning_rate=rate, clip_norm=CLIP))
            exact = experiment.replace(rule=rule, decorrelation=None)
            yield _trained(exact, dataset, f"Adam {rate:g}" + (f", cut every {chunk} steps" if chunk else ""))

    return lambda: _search(SAME_HARDWARE, candidates())


def trained_row(name: str, experiment: Experiment, dataset: Dataset) -> dict:
    """The row of an unchanged experiment."""
    start = working()
    return {**_row(name, _trained(experiment, dataset, "")), "seconds": working() - start}


def _trained(experiment: Experiment, dataset: Dataset, settings: str) -> Candidate:
    """An experiment, run to its end."""
    trainer = Trainer(experiment, dataset=dataset)
    for _ in trainer:
        pass
    validation = _scores(trainer, dataset, "validation")
    return Candidate(settings, validation, lambda: _scores(trainer, dataset, "test"), trainer.run().status)


def _bptt_trainer(experiment: Experiment, dataset: Dataset, rule: Bptt) -> GradientTrainer:
    network, training = experiment.network, experiment.training
    matrices = initial_weights(network, dataset.n_in, dataset.n_out, training.seed)
    weights = from_matrices(matrices, np.dtype(training.dtype).type)
    return trainer_of(rule, dataset)(
        weights, dataset, rule, leak=network.leaks, bias=network.bias, activation=network.activation, schedule=training.schedule,
        sites=network.sites(dataset.n_in, dataset.n_out),
    )  # fmt: skip


def _frozen(experiment: Experiment, dataset: Dataset) -> Callable[[], dict]:
    """The same rule on the readout only (and on D), at its own best learning rate, with a fixed recurrence."""

    def candidates():
        for factor in FROZEN_FACTORS:
            changed = with_rate(experiment, factor)
            frozen = changed.replace(training=changed.training.replace(frozen=("W_in", "W_rec")))
            yield _trained(frozen, dataset, f"learning_rate {learning_rate(frozen):.3g}")

    return lambda: _search(FROZEN, candidates())


def learning_rate(experiment: Experiment) -> float:
    """η of the rule, or of its optimiser."""
    rule = experiment.rule
    return rule.learning_rate if isinstance(rule, PerturbationRule) else rule.optimiser.learning_rate


def with_rate(experiment: Experiment, factor: float) -> Experiment:
    """The experiment with its learning rate times a factor."""
    rule, rate = experiment.rule, factor * learning_rate(experiment)
    if not isinstance(rule, PerturbationRule):
        return experiment.replace(rule=rule.replace(optimiser=rule.optimiser.replace(learning_rate=rate)))
    return experiment.replace(rule=rule.replace(learning_rate=rate))


def _search(name: str, candidates: Iterable[Candidate]) -> dict:
    """The row of the candidate with the smallest validation loss; a non-finite loss is the worst."""
    start = working()

    def loss(candidate):
        value = candidate.validation["loss"]
        return value if np.isfinite(value) else np.inf

    row = _row(name, min(candidates, key=loss))
    return {**row, "seconds": working() - start}


def _row(name: str, chosen: Candidate) -> dict:
    test = chosen.test()
    metrics = {
        f"{part}_{key}": v for part, d in (("validation", chosen.validation), ("test", test)) for key, v in d.items()
    }
    losses = {part: metrics.pop(f"{part}_loss") for part in ("validation", "test")}
    return {"name": name, **losses, "status": chosen.status, "settings": chosen.settings, **metrics}


def _scores(trainer: Trainer, dataset: Dataset, part: str) -> dict[str, float]:
    """The task's metrics of the present weights; non-finite for a diverged network."""
    sequence = getattr(dataset, part)
    with np.errstate(over="ignore", invalid="ignore"):
        return dataset.metrics(trainer.evaluate(sequence), sequence)
