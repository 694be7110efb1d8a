"""Labels of values of axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AXES = {  # keys whose last part says too little, or that have a unit
    "rule.noise_std": "perturbation σ",
    "noise_std": "perturbation σ",
    "rule.learning_rate": "learning rate η",
    "learning_rate": "learning rate η",
    "network.size": "hidden units",
    "network.gain": "gain of the recurrence",
    "training.epochs": "epochs",
    "training.batch_size": "trials per batch",
    "task.trials_per_epoch": "trials per epoch",
    "task.steps": "steps per sequence",
    "hardware.cells.bits": "bits per cell",
    "hardware.cells.dw_min": "step of a pulse [device units]",
    "hardware.cells.dw_min_dtod": "relative spread of steps between cells",
    "hardware.cells.dw_min_std": "relative spread of steps between pulses",
    "hardware.cells.write_noise_std": "write noise [step of a pulse]",
    "hardware.reading.output_noise_std": "read noise at the output [device · input units]",
    "hardware.reading.input_noise_std": "read noise at the input [input units]",
    "hardware.reading.adc.bits": "bits of the ADC",
    "hardware.reading.dac.bits": "bits of the DAC",
    "hardware.time.faults.stuck_zero": "share of cells stuck at zero",
    "hardware.reward.noise_std": "noise of the reward",
    "hardware.reward.delay": "delay of the reward [steps]",
    "training.seed": "seed",
    "hardware.seed": "seed of the chip",
}


def value_label(value: Any) -> str:
    """A value of an axis: ``danp published``, ``reram-es bits=4``."""
    if isinstance(value, dict):
        named = [key for key in ("name", "kind", "form", "variant") if isinstance(value.get(key), str)]
        rest = [f"{key}={value_label(inner)}" for key, inner in value.items() if key not in named]
        return " ".join([*(value[key] for key in named), *rest])
    if isinstance(value, list | tuple):
        return "+".join(map(value_label, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def level_label(key: str, level: float | str) -> str:
    """Label of a level without the name of its axis next to it: a bare number would be meaningless, so the key is added."""
    return level if isinstance(level, str) else f"{last(key)} {value_label(level)}"


def settings_label(settings: Mapping[str, Any]) -> str:
    """Settings by the last parts of their keys: ``learning_rate=0.01, seed=1``."""
    return ", ".join(f"{last(key)}={value_label(value)}" for key, value in settings.items())


def last(key: str) -> str:
    """The last part of a dotted key."""
    return key.rsplit(".", 1)[-1]


def axis_name(key: str) -> str:
    """An axis in words: what is in the table above, else the last part of its key, with its owner where it has one."""
    if key in AXES:
        return AXES[key]
    parts = [part.replace("_", " ") for part in key.split(".")[-2:]]
    return (
        parts[-1]
        if len(parts) == 1 or parts[0] in ("training", "rule", "network", "task", "hardware")
        else f"{parts[-1]} of the {parts[0]}"
    )
