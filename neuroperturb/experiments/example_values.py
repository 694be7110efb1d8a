"""Values that a setting may have, other than its default, the likeliest first."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any, Literal

from neuroperturb.experiments.entry import REQUIRED, KeyEntry
from neuroperturb.experiments.settings import alternatives, dimension_of

NUMBERS = (0.1, 0.5, 2.0, 1.0, 0.05, 10.0, 0.01, 100.0, -0.1)
WHOLE = (2, 4, 8, 1, 16, 64, 100)
UNITS = {"time": ("1 ms", "25 ms"), "voltage": ("5 mV", "-60 mV"), "rate": ("100 Hz",)}

ENDURANCE = {"low": 1e8, "typical": 1e9, "high": 1e10, "unit": "writes"}
# key → the value of its example, where it is a name of something of one's own, or would not be found
VALUES: dict[str, Any] = {
    "task.path": "load.csv",
    "task.target": ["load_kw"],
    "task.inputs": ["load_kw", "temperature"],
    "task.time": "time",
    "task.missing": [-9999],
    "task.cues": [0, 7],
    "task.environment": "CartPole-v1",
    "task.ceiling_return": 200.0,
    "task.images": "train-images.idx3-ubyte",
    "task.labels": "train-labels.idx1-ubyte",
    "task.test_images": "t10k-images.idx3-ubyte",
    "task.test_labels": "t10k-labels.idx1-ubyte",
    "network.layers": [12, 8],
    "network.initial.path": "weights.npz",
    "rule": "np-p",
    "rule.name": "np-p",
    "rule.form": "published",
    "rule.like": "np-trace",
    "rule.parameters": {"decay": 0.8},
    "rule.label": "slow",
    "hardware.name": "reram-es",
    "hardware.cells": "digital",
    "hardware.cells.kind": "digital",
    "hardware.cells.source": "our chip, 200 devices",
    "hardware.cells.goodness": "R² 0.97",
    "hardware.cells_file": "chip.npz",
    "hardware.costs": "reram",
    "hardware.costs.kind": "reram",
    "hardware.costs.name": "our-cells",
    **{f"hardware.{matrix}": "digital-8" for matrix in ("W_in", "W_rec", "W_out", "D_in", "D_rec", "P")},
    "hardware.time.faults.accident": 3600.0,
    **{f"hardware.time.faults.rate_{end}": 1e-9 for end in ("low", "high", "zero")},
    **{f"hardware.costs.{cost}.unit": "s" for cost in ("conversion_bit", "pulse_time", "read_time", "access_time")},
    **{f"hardware.costs.endurance.{name}": value for name, value in ENDURANCE.items()},
    "hardware.time.slow.sources": [{"kind": "telegraph", "amplitude": 0.01, "rate_up": 1.0, "rate_down": 1.0}],
    "hardware.weight.adc_bounds": [2.0, 2.0, 1.0, 1.0],
    "training.frozen": ["W_in"],
    "modifier": "programming",
    "modifier.kind": "programming",
}
# last step of a key → the same, for settings that many tables have
BY_NAME: dict[str, Any] = {
    "low": 1e-12, "typical": 2e-12, "high": 5e-12, "unit": "J", "source": "our measurement", "nu": 0.05, "slope": 0.01,
    "median": 1e6, "std": 0.01, "fastest": 0.1, "slowest": 10.0, "lifetime": 86400.0, "tau": 1.0,
}  # fmt: skip

DIGITS = ("task.images=train-images.idx3-ubyte", "task.labels=train-labels.idx1-ubyte")
# beginning of a key → settings that it goes with
BESIDE: dict[str, tuple[str, ...]] = {
    "task.labels": ("task.images=train-images.idx3-ubyte",),
    "task.images": ("task.labels=train-labels.idx1-ubyte",),
    "task.test_images": (*DIGITS, "task.test_labels=t10k-labels.idx1-ubyte"),
    "task.test_labels": (*DIGITS, "task.test_images=t10k-images.idx3-ubyte"),
    "hardware.reading.bound_management": ("hardware.reading.adc.bound=10.0",),
    "hardware.reward.bits": ("hardware.reward.bound=1.0",),
    "hardware.time.faults.broken": ("hardware.time.faults.accident=3600.0",),
    "hardware.time.faults.accident": ("hardware.time.faults.broken_zero=0.01",),
    "hardware.weight.refresh": ("hardware.name=pcm",),
    "hardware.writing.chopper": ("hardware.writing.method=chopped",),
    "network.bias_gain": ("network.bias=true",),
    "task.motor_strength": ("task.motor_breaks_at=640",),
    "task.inputs": ('task.target=["load_kw"]',),
    "task.time": ('task.target=["load_kw"]',),
}
# (key, kind) → a preset of that kind, where a table of one's own would be long
INSTEAD = {("hardware.costs.kind", "analog"): "reram", ("hardware.costs.kind", "digital"): "sram-8"}
# keys whose examples name a file of one's own, which is not there now → the rule of the example
UNCHECKED: dict[str, str | None] = {
    "network.initial.path": None,
    "rule.like": "my_rule.py:MyRule",
    "rule.parameters": "my_rule.py:MyRule",
}
# keys that only records have, which nobody types: the text of one's own code, as it was
ALONE = {
    "rule.formula", "rule.formula.source", "rule.formula.parameters", "rule.formula.sha256", "rule.formula.text",
    "loss.source", "loss.parameters", "loss.sha256", "loss.text", "network.initial.sha256",
}  # fmt: skip


def values(one: KeyEntry) -> Iterator[Any]:
    """Values to try; the only one, if it is known."""
    given = VALUES.get(one.key, BY_NAME.get(one.name) if one.default is REQUIRED else None)
    if given is not None:
        yield given
        return
    tried: list[Any] = [None if one.default is REQUIRED else one.default]
    for value in _candidates(one):
        if not any(type(value) is type(before) and value == before for before in tried):
            tried.append(value)
            yield value


def choices(one: KeyEntry) -> list[str]:
    """The names that a setting chooses from; none where it is a number or a text."""
    named = [
        choice
        for hint in alternatives(one.hint)
        if typing.get_origin(hint) is Literal
        for choice in typing.get_args(hint)
    ]
    flags = ["true", "false"] if bool in alternatives(one.hint) else []
    return [*one.kinds, *map(str, named), *flags]


def _candidates(one: KeyEntry) -> Iterator[Any]:
    default = one.default
    dimension = dimension_of(one.hint)
    if dimension is not None:
        if isinstance(default, float) and default:
            yield from (dimension.write(default * factor) for factor in (2, 0.5, 3, 1.25))
        yield from UNITS[dimension.name]
    if one.name.endswith("bits"):
        yield from (6, 4)
    yield from one.kinds
    yield from ({"kind": kind} for kind in one.kinds)
    for hint in alternatives(one.hint):
        yield from _of_type(hint, default)


def _of_type(hint: Any, default: Any) -> Iterator[Any]:
    if typing.get_origin(hint) is Literal:
        yield from typing.get_args(hint)
    elif hint is bool:
        yield from (value for value in (True, False) if value is not default)
    elif hint is int:
        if isinstance(default, int) and default:
            yield from (2 * default, default // 2, default + 1)
        yield from WHOLE
    elif hint is float:
        if isinstance(default, float) and default:
            yield from (_short(default * factor) for factor in (2, 0.5, 1.1, 0.9))
        yield from NUMBERS
    elif typing.get_origin(hint) in (tuple, list):
        inner = [each for each in typing.get_args(hint) if each is not Ellipsis]
        yield from _lists(inner[0] if inner else Any, default)


def _lists(inner: Any, default: Any) -> Iterator[Any]:
    if isinstance(default, tuple) and default:
        yield [_short(value * 0.5) if isinstance(value, float) else value for value in default]
        yield [*default[:-1], default[-1] * 0.5] if isinstance(default[-1], float) else [*default, default[-1]]
        yield [*default, default[-1]]
    for value in _of_type(inner, None):
        yield [value]
        yield [value, value]


def _short(value: float) -> float:
    return float(f"{value:.6g}")
