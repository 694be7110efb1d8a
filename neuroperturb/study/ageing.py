"""Ageing of a run's weights: programmed on chips after training, and tested again as the chips age.

    [ageing]                                       the same for every run of a study
    hardware = ["pcm-like", "reram-cmo"]           chips that the trained weights are programmed on; presets, or tables
    chips = [1, 2]                                 their seeds
    seconds = [3600, 86400, 31557600]              ages, after programming

    run ─▶ weights ─▶ chip (program, calibrate) ─▶ at every age: test loss, uncompensated and compensated

Ages beyond the measurements of a technology are left out for it. The losses are additional rows of the run's results, under the name
of the hardware; the first is of age 0. Training itself is unaffected, so one run can be deployed on several chips.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from hardware_models.numerics.checks import is_finite
from neuroperturb.network.chip import chip as hardware
from neuroperturb.network.rnn import LEARNT
from neuroperturb.results.run import Run
from neuroperturb.spec import Spec, SpecError
from neuroperturb.study.labels import value_label
from neuroperturb.training.deployment import age, measured


class StudyAgeing(Spec):
    """Chips, and the ages at which they are tested.

    hardware : names of presets, or tables;  chips : seeds;  seconds : ages, ascending
    """

    hardware: tuple[str | dict, ...] = Field(min_length=1)
    chips: tuple[int, ...] = (1,)
    seconds: tuple[float, ...] = Field(min_length=1)

    @field_validator("seconds", mode="before")
    @classmethod
    def _ascend(cls, seconds: Any) -> Any:
        numbers = isinstance(seconds, list | tuple) and all(map(is_finite, seconds))
        if not numbers or any(a >= b for a, b in zip((0, *seconds), seconds)):
            raise SpecError("seconds", cls.__name__, "ascending ages above 0", seconds)
        return tuple(float(s) for s in seconds)

    @field_validator("hardware")
    @classmethod
    def _age(cls, chips: tuple) -> tuple:
        """Reject invalid hardware when the study is read, not when its first run is over."""
        for made_of in chips:
            chip = hardware.read(made_of)
            if not any(_changes_with_time(chip.of(name)) for name in LEARNT):
                wanted = "name hardware that ages"
                raise SpecError("hardware", cls.__name__, wanted, value_label(made_of), verb="must")
        return chips


def rows(run: Run, ageing: StudyAgeing) -> list[dict]:
    """Rows of results, one per chip and age, of a finished run with its weights and its state."""
    found = []
    for made_of in ageing.hardware:
        chip = hardware.read(made_of)
        for seed in ageing.chips:
            tested = age(run, measured(chip, ageing.seconds), hardware=chip.replace(seed=seed))
            found += [
                {
                    "name": value_label(made_of), "test": row["loss"], "compensated": row["compensated"], "chip": seed,
                    "age": row["seconds"], "status": "finished",
                }
                for row in tested.to_dict("records")
            ]  # fmt: skip
    return found


def _changes_with_time(made_of) -> bool:
    return made_of.ages
