"""Does it learn? Five seeds a row, every row compared with its frozen-recurrence control.

    python studies/part1.py credit|weather|mackey-glass|figures [--out studies/results/part1] [--only TEXT] [--again]

How a row is searched and what is written: :mod:`rows`.
"""

from __future__ import annotations

import os
from pathlib import Path

from rows import Row, frozen, grid, main, with_control  # noqa: F401

WTH = os.environ.get("NEUROPERTURB_WTH", "../shared/data/WTH.csv")

EPOCH = 640  # trials between two looks at the validation data


def credit() -> list[Row]:
    """Tasks that only credit through time solves; 64 trials a batch."""
    sizes = {  # name: units, gain, batches
        "delayed-xor": (20, 1.1, 400),
        "context-integration": (16, 1.0, 800),
        "bit-copying": (20, 1.0, 300),
    }
    return [row for task, (n, gain, batches) in sizes.items() for row in _credit_rows(task, n, gain, batches)]


def _credit_rows(task: str, n: int, gain: float, batches: int) -> list[Row]:
    epochs = batches * 64 // EPOCH
    base = {
        "task": {"name": task, "trials_per_epoch": EPOCH},
        "network": {"size": n, "gain": gain, "bias": True},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": epochs},
    }
    cosine = {"kind": "cosine", "final": 1.0}  # a final factor of 1 is a constant rate, without another compilation
    rule = lambda **r: {**base, "rule": {"rate": cosine, **r}}  # noqa: E731
    exact = lambda window=None: {**base, "rule": {"name": "bptt", "window": window, "optimiser": ADAM}}  # noqa: E731
    rates = {"rule__learning_rate": (0.002, 0.005, 0.01, 0.02, 0.04), "rule__rate__final": (0.0, 1.0)}
    alone = {**rates, "rule__learning_rate": (0.002, 0.005, 0.01, 0.02, 0.04, 0.1)}
    few = {"rule__learning_rate": (0.005, 0.01, 0.015, 0.02, 0.04), "rule__rate__final": (0.0, 1.0)}
    plain = grid(
        rule__learning_rate=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
        rule__noise_std=(1e-3, 0.05),
        rule__rate__final=(0.0,),
    )
    adam = grid(rule__optimiser__learning_rate=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3))
    tenth = [{**g, "training.epochs": max(1, epochs // 10)} for g in adam]
    trace = Row(task, "np-trace", rule(name="np-trace"), grid(**rates, rule__noise_std=(0.02, 0.05, 0.2)))
    bptt = Row(task, "bptt", exact(), adam)
    return [
        *with_control(trace, grid=grid(**alone)),
        *with_control(
            Row(task, "wp-held", rule(name="wp-held"), grid(**few, rule__noise_std=(0.05,)), first=1, keep=2)
        ),
        *with_control(Row(task, "anp-trace", rule(name="anp-trace"), grid(**rates)), grid=grid(**alone)),
        *with_control(Row(task, "anp published", rule(name="anp", form="published"), plain)),
        *with_control(bptt),
        Row(task, "bptt, a tenth of the trials", exact(), tenth, "bptt, frozen"),
        Row(task, "bptt(1)", exact(1), adam, "bptt, frozen"),
    ]


ADAM = {"kind": "adam", "clip_norm": 1.0}


def weather() -> list[Row]:
    """WTH.csv, 100 units, ten epochs."""
    return [row for horizon in (24, 1) for row in _weather_rows(f"weather {horizon} h", horizon)]


def _weather_rows(task: str, horizon: int) -> list[Row]:
    base = {
        "task": {"name": "weather", "path": WTH, "horizon": horizon},
        "network": {"size": 100},
        "training": {"epochs": 10},
    }
    cosine = {"kind": "cosine", "final": 0.0}
    danp = lambda form: {  # noqa: E731
        **base,
        "rule": {"name": "danp", "form": form, "noise_std": 1e-3, "rate": cosine},
        "decorrelation": {"rate": 1e-6},
    }
    published = grid(rule__learning_rate=(5e-4, 1e-3, 2e-3, 4e-3), decorrelation__rate=(1e-6, 1e-5, 1e-4))
    inputs = {
        "decorrelation__rate": (3e-5, 1e-4),
        "decorrelation__input": (True,),
        "decorrelation__state": (False,),
        "network__spectral_radius": (0.0, 0.3),
    }
    both = {**inputs, "decorrelation__state": (True,), "decorrelation__rate": (1e-6, 1e-5)}
    decorrelated_inputs = [
        *grid(rule__learning_rate=(4e-3, 7e-3, 1e-2, 1.4e-2), **inputs),
        *grid(rule__learning_rate=(4e-3, 7e-3, 1e-2), **both),
    ]
    rescaled = grid(rule__learning_rate=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2), **inputs)
    exact = lambda **cut: {**base, "rule": {"name": "bptt", "optimiser": ADAM, **cut}}  # noqa: E731
    adam = grid(rule__optimiser__learning_rate=(3e-5, 1e-4, 3e-4))
    chunks = grid(rule__optimiser__learning_rate=(1e-3, 3e-3, 1e-2))
    rows = [
        *with_control(Row(task, "danp published", danp("published"), published)),
        *with_control(Row(task, "danp published, inputs too", danp("published"), decorrelated_inputs)),
        *with_control(Row(task, "danp rescaled, inputs too", danp("rescaled"), rescaled)),
        *with_control(Row(task, "bptt(1)", exact(window=1), adam)),
        Row(task, "bptt, cut every 100 steps", exact(chunk=100), chunks, "bptt(1), frozen"),
    ]
    return [row._replace(first=1, keep=2) for row in rows]


RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
VARIANTS = ("recall", "forecast")


def mackey_glass() -> list[Row]:
    """Mackey–Glass, 200 units, ten epochs: what is free; the published protocol and rules at their own rates."""
    rows = [row for variant in VARIANTS for row in _free_rows(variant)]
    for names in (("np", "anp", "dnp", "danp"), ("wp", "dwp")):
        rows += [row for variant in VARIANTS for name in names for row in _published_rows(variant, name)]
    return sorted(rows, key=lambda row: "wp" in row.name and "frozen" in row.name)  # what takes longest comes last


def _mackey_glass(variant: str) -> dict:
    return {
        "task": {"name": "mackey-glass", "variant": variant},
        "network": {"size": 200},
        "training": {"epochs": 10},
    }


def _published_rows(variant: str, name: str) -> list[Row]:
    """The published form of one rule at the published rate, and at its own; the control is the latter's."""
    rule = {"name": name, "form": "published", "noise_std": 1e-3, "rate": {"kind": "cosine", "final": 1.0}}
    base = {**_mackey_glass(variant), "rule": rule}
    more = {"decorrelation__rate": (1e-6,)} if name.startswith("d") else {}
    slow = "wp" in name  # 0.3 ms a step
    wide = grid(rule__learning_rate=(3e-4, 1e-3, 3e-3, 3e-2, 0.3) if slow else RATES, **more)
    task = f"mackey-glass {variant}"
    own = Row(task, f"{name} published, own rate", base, wide, first=1, keep=1)
    control, own = with_control(own)
    once = grid(rule__learning_rate=(1e-3,), **more)
    equal = own._replace(name=f"{name} published, equal rate", grid=once)
    return [equal, own, control]


def _free_rows(variant: str) -> list[Row]:
    """Decorrelated ANP, and BPTT(1), with rate, schedule, radius, decorrelation and re-synchronisation to choose."""
    task, base = f"mackey-glass {variant}", _mackey_glass(variant)
    rule = {"name": "danp", "form": "published", "noise_std": 1e-3, "rate": {"kind": "cosine", "final": 0.0}}
    some = {"decorrelation__rate": (1e-6, 1e-5, 1e-4), "network__spectral_radius": (0.6, 1.0)}
    rates = {"rule__learning_rate": (1e-3, 2e-3, 4e-3)}
    free, fewer = grid(**rates, **some, training__resynchronise=(0, 50)), grid(**rates, **some)
    exact = lambda **cut: {**base, "rule": {"name": "bptt", "optimiser": ADAM, **cut}}  # noqa: E731
    adam = grid(rule__optimiser__learning_rate=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2))
    one = grid(
        rule__optimiser__learning_rate=(3e-5, 1e-4, 1e-3), rule__decorrelation_rate=(0.0, 1e-5, 1e-4),
        network__spectral_radius=(0.6, 1.0),
    )  # fmt: skip
    rows = [
        *with_control(Row(task, "danp, tuned", {**base, "rule": rule}, free), grid=fewer),
        *with_control(Row(task, "bptt(1), tuned", exact(window=1), one)),
        Row(task, "bptt, cut every 100 steps", exact(chunk=100), adam, "bptt(1), tuned, frozen"),
    ]
    return [row._replace(first=1, keep=2) for row in rows]


STUDIES = {"credit": credit, "weather": weather, "mackey-glass": mackey_glass}


def _draw(folder: Path) -> None:
    import part1_figures

    part1_figures.draw(folder)


if __name__ == "__main__":
    main(__doc__, STUDIES, Path("studies/results/part1"), _draw)
