"""After training: the weights on another chip, and a chip an hour, a day, a month and a year after programming.

A chip is a seed. *Deploying* programs the trained weights on a new one, on the same scale, with the hardware's programming scheme;
its cells, neurons and noise are different. *Ageing* lets time pass for the trained chip, or for a deployed one, and tests it again,
with and without drift compensation (reads rescaled by the loss of the array, hardware_models.ageing.compensation).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

import hardware_models as hw
from hardware_models.crossbar.state import Shortfall
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import LEARNT
from neuroperturb.results.run import Run
from neuroperturb.results.structure import require_weights
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import Sequence as Trials
from neuroperturb.training.trainer import Trainer

if TYPE_CHECKING:
    import pandas as pd

HOUR, DAY, MONTH, YEAR = 3600.0, 86400.0, 30.44 * 86400.0, 365.25 * 86400.0
TIMES = {"an hour": HOUR, "a day": DAY, "a month": MONTH, "a year": YEAR}


class Deployed:
    """Trained weights on a chip, for tests and ageing.

    Parameters
    ----------
    run : a record with finite weights
    hardware : Chip to program; None: the trained chip, in its state after training
    """

    def __init__(self, run: Run, hardware: Chip | None = None):
        experiment = run.experiment
        if run.status == "diverged":
            raise InputError("A run that diverged has no weights to deploy.")
        trainer = Trainer(experiment, resume=run)
        self.dataset = trainer.dataset
        self.simulation = self._programmed(run, hardware) if hardware else getattr(trainer.learner, "simulation", None)
        self._evaluate = self.simulation.evaluate if hardware else trainer.learner.evaluate

    def _programmed(self, run: Run, hardware: Chip) -> Simulation:
        training = run.experiment.training
        return Simulation(
            run.experiment.network, PerturbationRule(), require_weights(run.weights, run.experiment), loss=self.dataset.loss, dtype=training.dtype,
            batch=training.batch_size, seed=training.seed, hardware=on_scale_of(run, hardware),
        )  # fmt: skip

    def score(self) -> dict[str, float]:
        """The task's metrics on the test data."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.dataset.metrics(self.outputs(self.dataset.test), self.dataset.test)

    def outputs(self, sequence: Trials) -> np.ndarray:
        """Outputs of the clean network, (T, B, n_out)."""
        return self._evaluate(sequence)

    def row(self) -> dict[str, float]:
        """The metrics, and what programming could not do."""
        return self.score() | self.shortfall()

    def shortfall(self) -> dict[str, int]:
        """What programming could not do: weights ``clipped``, and cells ``unreached`` that write-verify gave up on; none without arrays."""
        found = [] if self.simulation is None else [array.shortfall for array in self.simulation.arrays.values()]
        return {name: sum(getattr(one, name) for one in found) for name in Shortfall._fields}

    def calibrate(self) -> None:
        """Calibrate: store the present reads of the arrays."""
        for array in self.simulation.arrays.values():
            array.calibrate()

    def age(self, seconds: float) -> None:
        """Let time pass."""
        for array in self.simulation.arrays.values():
            array.age(seconds)

    def compensated_score(self) -> dict[str, float]:
        """The same metrics with reads rescaled to their magnitude at calibration, only for this test."""
        for array in self.simulation.arrays.values():
            array.compensate()
        score = self.score()
        for array in self.simulation.arrays.values():
            array.uncompensate()
        return score


def on_scale_of(run: Run, hardware: Chip) -> Chip:
    """The chip with the scale, weight units per device unit, used in training for matrices of the same cells."""
    own = run.experiment.hardware
    scales = {
        name: scale
        for name in LEARNT
        for key in ("learner.arrays", "learner.chip.arrays")
        if (scale := run.state.get(f"{key}.{name}.scale")) is not None
    }
    matrices = {}
    for name, scale in scales.items():
        made_of = hardware.of(name)
        if own is not None and made_of.weight_scale is None and made_of.cells == own.of(name).cells:
            fields = {field.name: getattr(made_of, field.name) for field in dataclasses.fields(hw.Hardware)}
            matrices[name] = hw.Hardware(**fields | {"weight_scale": float(scale[0])})
    return hardware.replace(**matrices)


def measured(chip: Chip, seconds: Iterable[float]) -> list[float]:
    """The ages within the measurements of a chip's cells, beyond which their model is not valid."""
    longest = min(chip.of(name).programming.measured_for for name in LEARNT)
    return [age for age in seconds if age <= longest]


def deploy(run: Run, seeds: Iterable[int], *, hardware: Chip | None = None) -> pd.DataFrame:
    """Test the trained weights on new chips.

    Parameters
    ----------
    run : Run, trained on hardware or not
    seeds : of the chips
    hardware : of the chips; by default the run's own

    Returns
    -------
    DataFrame
        One row per chip: ``chip``, the task's metrics on the test data, and the shortfall of programming: the number of weights that
        were ``clipped`` and of cells ``unreached``; the first row is the trained chip.
    """
    import pandas as pd

    made_of = hardware or run.experiment.hardware
    if made_of is None:
        raise SpecError.missing("hardware", "deploy", "For a run without hardware there is no chip to deploy on.")
    chips = [("trained", None), *((str(seed), made_of.replace(seed=seed)) for seed in seeds)]
    return pd.DataFrame([{"chip": name, **Deployed(run, chip).row()} for name, chip in chips])


def age(run: Run, times: Sequence[float] | None = None, *, hardware: Chip | None = None) -> pd.DataFrame:
    """Test a chip at several ages, with and without drift compensation.

    Parameters
    ----------
    run : Run
    times : seconds after programming, ascending; by default an hour, a day, a month and a year, as far as cells were measured
    hardware : program the weights on such a chip first, instead of ageing the trained one

    Returns
    -------
    DataFrame
        One row per time: ``age``, ``seconds``, ``loss``, ``compensated``, losses on the test data.
    """
    import pandas as pd

    made_of = hardware or run.experiment.hardware
    if made_of is None or not any(made_of.of(name).ages for name in LEARNT):
        hint = "This hardware does not age; cells 'pcm-like' and 'hermes' do, as measured."
        raise SpecError("hardware.time", "", "a mechanism of ageing", hint=hint, verb="must have")
    if times is not None and not (all(t > 0 for t in times) and sorted(set(times)) == list(times)):
        raise SpecError("times", "age", "seconds above 0, ascending", list(times))
    chip = Deployed(run, hardware)
    chip.calibrate()
    known = measured(made_of, TIMES.values())
    labelled = (
        ((name, t) for name, t in TIMES.items() if t in known)
        if times is None
        else ((f"{t:g} s", float(t)) for t in times)
    )
    rows, passed = [{"age": "new", "seconds": 0.0, "loss": chip.score()["loss"], "compensated": float("nan")}], 0.0
    for label, seconds in labelled:
        chip.age(seconds - passed)
        passed = seconds
        loss, compensated = chip.score()["loss"], chip.compensated_score()["loss"]
        rows.append({"age": label, "seconds": seconds, "loss": loss, "compensated": compensated})
    return pd.DataFrame(rows)
