"""After training: the weights on another chip, and the chip after an hour, a day, a month, a year.

A chip is a seed. *Deploying* programs the trained weights on a fresh one, on the same scale, by the hardware's own way of programming;
its cells, neurons and noise are others. *Ageing* lets time pass for the chip that was trained, or for one that was deployed, and
tests it again, as it is and compensated (what is read rescaled by what the array lost, hardware_models.ageing.compensation).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

import hardware_models as hw
from hardware_models.crossbar.state import Shortfall
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import LEARNT, Matrices
from neuroperturb.results.run import Run
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError, SpecError
from neuroperturb.training.trainer import Trainer

if TYPE_CHECKING:
    import pandas as pd

HOUR, DAY, MONTH, YEAR = 3600.0, 86400.0, 30.44 * 86400.0, 365.25 * 86400.0
TIMES = {"an hour": HOUR, "a day": DAY, "a month": MONTH, "a year": YEAR}


class Deployed:
    """Trained weights on a chip, to be tested and aged.

    Parameters
    ----------
    run : a record with weights that are finite
    hardware : Chip to program; None: the chip that was trained, as training left it
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
            run.experiment.network, PerturbationRule(), Matrices(**run.weights), loss=self.dataset.loss, dtype=training.dtype,
            batch=training.batch_size, seed=training.seed, hardware=on_scale_of(run, hardware),
        )  # fmt: skip

    def score(self) -> dict[str, float]:
        """The task's metrics on the test data."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.dataset.metrics(self._evaluate(self.dataset.test), self.dataset.test)

    def row(self) -> dict[str, float]:
        """The metrics, and what programming could not do."""
        return self.score() | self.shortfall()

    def shortfall(self) -> dict[str, int]:
        """What programming could not do: weights ``clipped``, and cells ``unreached`` that write-verify gave up on; none without arrays."""
        found = [] if self.simulation is None else [array.shortfall for array in self.simulation.arrays.values()]
        return {name: sum(getattr(one, name) for one in found) for name in Shortfall._fields}

    def calibrate(self) -> None:
        """Remember what the arrays read now."""
        for array in self.simulation.arrays.values():
            array.calibrate()

    def age(self, seconds: float) -> None:
        """Let time pass."""
        for array in self.simulation.arrays.values():
            array.age(seconds)

    def compensated_score(self) -> dict[str, float]:
        """The same with what is read rescaled to what it was at calibration; afterwards it is not."""
        for array in self.simulation.arrays.values():
            array.compensate()
        score = self.score()
        for array in self.simulation.arrays.values():
            array.uncompensate()
        return score


def on_scale_of(run: Run, hardware: Chip) -> Chip:
    """The chip with the scale, weight units per device unit, that matrices of the same cells were trained on."""
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
    """Those ages up to which the cells of a chip were measured; beyond, their model says nothing."""
    longest = min(chip.of(name).programming.measured_for for name in LEARNT)
    return [age for age in seconds if age <= longest]


def deploy(run: Run, seeds: Iterable[int], *, hardware: Chip | None = None) -> pd.DataFrame:
    """Test the trained weights on fresh chips.

    Parameters
    ----------
    run : Run, trained on hardware or not
    seeds : of the chips
    hardware : what they are made of; the run's own unless given

    Returns
    -------
    DataFrame
        One row a chip: ``chip``, the task's metrics on the test data, and what programming could not do: how many weights were
        ``clipped`` and cells ``unreached``; the first row is the chip that was trained.
    """
    import pandas as pd

    made_of = hardware or run.experiment.hardware
    if made_of is None:
        raise SpecError.missing("hardware", "deploy", "For a run without hardware there is no chip to deploy on.")
    chips = [("trained", None), *((str(seed), made_of.replace(seed=seed)) for seed in seeds)]
    return pd.DataFrame([{"chip": name, **Deployed(run, chip).row()} for name, chip in chips])


def age(run: Run, times: Sequence[float] | None = None, *, hardware: Chip | None = None) -> pd.DataFrame:
    """Test a chip at some ages, as it is and compensated.

    Parameters
    ----------
    run : Run
    times : seconds after training, ascending; unless given, an hour, a day, a month and a year, as far as cells were measured
    hardware : program the weights on such a chip first, instead of ageing the one that was trained

    Returns
    -------
    DataFrame
        One row a time: ``age``, ``seconds``, ``loss``, ``compensated``, losses on the test data.
    """
    import pandas as pd

    made_of = hardware or run.experiment.hardware
    if made_of is None or not any(made_of.of(name).ages for name in LEARNT):
        hint = "On this hardware nothing ages; cells 'pcm-like' and 'hermes' do, as measured."
        raise SpecError("hardware.time", "", "what time does to cells", hint=hint, verb="must say")
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
