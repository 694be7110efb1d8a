"""The cost of each non-ideality: a run repeated with each source alone, and with each one removed.

    alone      loss with only this source                    cost      loss alone − loss without any
    removed    loss with all others and without this one     regained  loss with all − loss removed

Sources are not additive: two that are harmless alone may be harmful together, hence the two columns. Everything else, including
seeds, is unchanged; a source that is off draws nothing, so that the draws of the others are the same.

Removing the finite step of cells leaves cells of the same bounds and noise with a sixteenth of the step, or with 16 bits; removing
the shape of their response leaves constant steps of the same size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import hardware_models as hw
from hardware_models.programming.by_pulses import Exact
from hardware_models.reading.reading import Reading
from hardware_models.writing.coincidence import CoincidenceTrains
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.chip import part_tables as parts
from neuroperturb.network.chip.chip import CHANNEL, LATERAL, NEURONS, Chip
from neuroperturb.network.rnn import LEARNT
from neuroperturb.results.ablation_table import IDEAL, ONLY, WITHOUT
from neuroperturb.tasks import Dataset
from neuroperturb.training.comparison import trained_row

FINER, MOST_BITS = 16, 16
COMMON = tuple(field.name for field in dataclasses.fields(hw.PulsedCell))


class NonIdeality(NamedTuple):
    """A non-ideality: its name, and functions that remove it.

    array : from an array specification;  chip : from neurons and the reward channel
    """

    name: str
    array: Callable[[hw.Hardware], hw.Hardware] | None = None
    chip: Callable[[Chip], Chip] | None = None


# cells


def _cells(change: Callable[[Any], Any]) -> Callable[[hw.Hardware], hw.Hardware]:
    return lambda made_of: dataclasses.replace(made_of, cells=change(made_of.cells))


def _set(cell, **values):
    """A cell with some fields changed, if it has them and they differ."""
    values = {name: value for name, value in values.items() if getattr(cell, name, value) != value}
    return dataclasses.replace(cell, **values) if values else cell


def _without_shape(made_of: hw.Hardware) -> hw.Hardware:
    cell = made_of.cells
    if not isinstance(cell, hw.PulsedCell) or type(cell) is hw.ConstantStep:
        return made_of
    step, single = cell.granularity, made_of.weight is None or len(made_of.weight.gains) == 1
    # a single cell with weights of one sign gets both signs; noise given in steps is rescaled to the new step
    both = {"w_min": -cell.bound, "w_max": cell.bound} if single and 0 in (cell.w_min, cell.w_max) else {}
    noise = {"dw_min_std": cell.pulse_noise, "write_noise_std": cell.write_noise_std * cell.dw_min / step}
    kept = {name: getattr(cell, name) for name in COMMON}
    flat = hw.ConstantStep(**kept | {"dw_min": step, "up_down": 0.0} | noise | both)
    return dataclasses.replace(made_of, cells=flat)


def _without_steps(cell):
    if isinstance(cell, hw.Digital):
        return dataclasses.replace(cell, bits=MOST_BITS)
    if not isinstance(cell, hw.PulsedCell):
        return cell
    # the noise of the many small pulses that replace a large one, and of reads, is unchanged
    return _set(
        cell, dw_min=cell.dw_min / FINER, dw_min_std=cell.dw_min_std * FINER**0.5,
        write_noise_std=cell.write_noise_std * FINER, most_pulses=min(cell.most_pulses * FINER, 65535),
        noise_add=getattr(cell, "noise_add", 0.0) / FINER, noise_slope=getattr(cell, "noise_slope", 0.0) / FINER,
    )  # fmt: skip


def _without_spread(cell):
    if not dataclasses.is_dataclass(cell):
        return cell
    names = (f.name for f in dataclasses.fields(cell))
    return _set(cell, **{name: 0.0 for name in names if name.endswith("_dtod") or name == "reference_std"})


# other parts


def _without_programming(made_of: hw.Hardware) -> hw.Hardware:
    """Exactly programmed weights; arrays that are written once keep their drift and read noise."""
    if isinstance(made_of.programming, hw.WrittenOnce):
        return _weaken("programming_strength")(made_of)
    return dataclasses.replace(made_of, programming=Exact())


def _weaken(name: str, there: str = "") -> Callable[[hw.Hardware], hw.Hardware]:
    """Set a strength of arrays that are written once to zero; there : property that tells whether the model has it."""

    def change(made_of: hw.Hardware) -> hw.Hardware:
        model = made_of.programming
        if not isinstance(model, hw.WrittenOnce) or not getattr(model, there, True):
            return made_of
        return dataclasses.replace(made_of, programming=dataclasses.replace(model, **{name: 0.0}))

    return change


def _without_trains(made_of: hw.Hardware) -> hw.Hardware:
    return dataclasses.replace(made_of, writing=None) if isinstance(made_of.writing, CoincidenceTrains) else made_of


def _reading(**off) -> Callable[[hw.Hardware], hw.Hardware]:
    def change(made_of: hw.Hardware) -> hw.Hardware:
        reading = made_of.reading
        if not isinstance(reading, Reading):
            return made_of
        return dataclasses.replace(made_of, reading=dataclasses.replace(reading, **off))

    return change


def _time(name: str) -> Callable[[hw.Hardware], hw.Hardware]:
    def change(made_of: hw.Hardware) -> hw.Hardware:
        if made_of.time is None:
            return made_of
        return dataclasses.replace(made_of, time=dataclasses.replace(made_of.time, **{name: None}))

    return change


def _neurons(*names: str) -> Callable[[Chip], Chip]:
    off = {name: getattr(NEURONS, name) for name in names}
    return lambda chip: chip.replace(neurons=dataclasses.replace(chip.neurons, **off))


def _reward(**off) -> Callable[[Chip], Chip]:
    return lambda chip: chip.replace(reward=dataclasses.replace(chip.reward, **off))


SOURCES = (
    NonIdeality("shape of the response", array=_without_shape),
    NonIdeality("steps", array=_cells(_without_steps)),
    NonIdeality("noise of pulses", array=_cells(lambda cell: _set(cell, dw_min_std=0.0))),
    NonIdeality("spread of cells", array=_cells(_without_spread)),
    NonIdeality("write noise", array=_cells(lambda cell: _set(cell, write_noise_std=0.0))),
    NonIdeality("dead cells", array=_cells(lambda cell: _set(cell, corrupt_prob=0.0))),
    NonIdeality("coincidence trains", array=_without_trains),
    NonIdeality("programming", array=_without_programming),
    NonIdeality("drift of conductances", array=_weaken("drift_strength", "drifts")),
    NonIdeality("read noise of cells", array=_weaken("read_strength", "reads_noisily")),
    NonIdeality("DAC", array=_reading(dac=None)),
    NonIdeality("ADC", array=_reading(adc=None, bound_management=None)),
    NonIdeality("read noise", array=_reading(input_noise_std=0.0, weight_noise=None, output_noise_std=0.0)),
    NonIdeality("spread of lines", array=_reading(gain_std=0.0, offset_std=0.0)),
    NonIdeality("compression", array=_reading(compression=0.0)),
    NonIdeality("wires", array=_reading(wires=None)),
    *(NonIdeality(name, array=_time(name)) for name in ("drift", "leak", "retention", "diffusion", "faults", "wear")),
    NonIdeality("slow noise", array=_time("slow")),
    NonIdeality(
        "spread of neurons", chip=_neurons("gain_std", "midpoint_std", "slope_std", "saturation_std", "offset_std")
    ),
    NonIdeality("noise of neurons", chip=_neurons("noise_std")),
    NonIdeality("levels of neurons", chip=_neurons("state_bits")),
    NonIdeality("noise of the reward", chip=_reward(noise_std=0.0)),
    NonIdeality("bits of the reward", chip=_reward(bits=0, bound=CHANNEL.bound)),
    NonIdeality("delay of the reward", chip=_reward(delay=0)),
)


def without(chip: Chip, source: NonIdeality) -> Chip:
    """The chip with one source removed, from every matrix."""
    if source.chip is not None:
        return source.chip(chip)
    own = {name: source.array(getattr(chip, name)) for name in (*LEARNT, *LATERAL) if getattr(chip, name) is not None}
    return source.array(chip).replace(**own)


def alone(chip: Chip, source: NonIdeality) -> Chip:
    """The chip with all sources removed except one."""
    for other in SOURCES:
        chip = chip if other is source else without(chip, other)
    return chip


def sources(chip: Chip) -> list[NonIdeality]:
    """The non-idealities that a chip has."""
    chip = chip.bound()
    return [source for source in SOURCES if not parts.same(without(chip, source), chip)]


def experiments(experiment: Experiment) -> Iterator[tuple[str, Experiment]]:
    """(name, experiment) of every other run of an ablation: without any source, alone, removed."""
    chip = experiment.hardware
    yield IDEAL, experiment.replace(hardware=Chip(seed=chip.seed))
    for source in sources(chip):
        yield ONLY + source.name, experiment.replace(hardware=alone(chip, source))
    for source in sources(chip):
        yield WITHOUT + source.name, experiment.replace(hardware=without(chip, source))


def plan(experiment: Experiment, dataset: Dataset) -> list[tuple[str, Callable[[], dict]]]:
    """(name, function that computes the row) of every run of an ablation, as in :mod:`neuroperturb.training.comparison`."""
    return [(name, lambda n=name, e=one: trained_row(n, e, dataset)) for name, one in experiments(experiment)]
