"""Do spiking networks learn? Five seeds a row, every row next to what it is compared with.

    python studies/spiking.py series|credit|figures [--out studies/results/spiking] [--only TEXT] [--again]

series: Mackey–Glass, 15 samples ahead, 100 leaky integrate-and-fire neurons, online; compared with the untrained network, and the same rule
with a frozen recurrence. credit: delayed XOR of 8 steps (cues at 0 and 3, answer at 7), 100 neurons, causal traces, compared with its frozen
recurrence. Both also on arrays of 4-bit weights, rounded stochastically (series), or written from a digital sum of what was asked of
them (mixed precision). How a row is searched and what is written: :mod:`rows`.
"""

from __future__ import annotations

from pathlib import Path

from rows import FROZEN, Row, grid, main

SERIES_NEURONS = {"tau_synapse": "30 ms", "tau_readout": "100 ms", "v_input": "200 mV"}
CREDIT_NEURONS = {"tau_synapse": "50 ms", "tau_readout": "30 ms", "v_input": "40 mV"}
COSINE = {"kind": "cosine", "final": 0.0}
FOUR_BITS = {"cells": {"kind": "digital", "bits": 4}}
SUMMED = {**FOUR_BITS, "writing": {"kind": "mixed-precision"}}  # requested changes are summed next to the weight


def series() -> list[Row]:
    """Forecasting online: the readout, and everything."""
    base = {
        "task": {"name": "mackey-glass"},
        "network": {"size": 100, "gain": 0.5},
        "training": {"schedule": "online", "epochs": 10},
        "spiking": SERIES_NEURONS,
    }
    rule = lambda **changes: {**base, "rule": {"noise_std": 0.05, "rate": COSINE, **changes}}  # noqa: E731
    row = lambda name, table, tried, control="untrained": Row("mackey-glass", name, table, tried, control, 1, 2)  # noqa: E731
    np_rates, rms_rates = grid(rule__learning_rate=(1e-4, 3e-4, 1e-3)), grid(rule__learning_rate=(1e-3, 3e-3))
    readout = [{**settings, **FROZEN} for settings in np_rates]
    anp = rule(name="anp", step={"kind": "rms", "decay": 0.99})
    return [
        row("untrained", rule(name="np", learning_rate=0.0), [{"training.epochs": 1}], None),
        row("np of the readout", rule(name="np"), readout),
        row("np", rule(name="np"), np_rates),
        row("anp, rms, of the readout", anp, [{**settings, **FROZEN} for settings in rms_rates]),
        row("np, 4 bits, of the readout", {**rule(name="np"), "hardware": FOUR_BITS}, readout),
        row("np, 4 bits", {**rule(name="np"), "hardware": FOUR_BITS}, np_rates),
        row("anp, rms, 4 bits summed, of the readout", {**anp, "hardware": SUMMED}, [{**settings, **FROZEN} for settings in rms_rates]),
        row("np, 4 bits summed", {**rule(name="np"), "hardware": SUMMED}, np_rates),
    ]  # fmt: skip


def credit() -> list[Row]:
    """A task that only credit through time solves; 64 trials a batch."""
    base = {
        "task": {"name": "delayed-xor", "steps": 8, "cues": [0, 3], "trials_per_epoch": 25600},
        "network": {"size": 100, "bias": True},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": 8},
        "spiking": CREDIT_NEURONS,
    }
    rule = {**base, "rule": {"name": "np-trace", "noise_std": 0.1, "rate": COSINE}}
    rates = grid(rule__learning_rate=(1e-3, 2e-3, 4e-3))
    wider = [{**settings, **FROZEN} for settings in grid(rule__learning_rate=(1e-3, 2e-3, 4e-3, 1e-2, 3e-2))]
    row = lambda name, table, tried, control=None: Row("delayed-xor", name, table, tried, control, 1, 2)  # noqa: E731
    on_four = {**rule, "hardware": SUMMED}
    return [
        row("np-trace, frozen", rule, wider),
        row("np-trace", rule, rates, "np-trace, frozen"),
        row(
            "np-trace, 4 bits summed, frozen",
            on_four,
            [{**settings, **FROZEN} for settings in grid(rule__learning_rate=(4e-3, 1e-2))],
        ),
        row(
            "np-trace, 4 bits summed",
            on_four,
            grid(rule__learning_rate=(1e-3, 2e-3)),
            "np-trace, 4 bits summed, frozen",
        ),
    ]


STUDIES = {"series": series, "credit": credit}
GUESS = {"series": ("foretold mean", 0.047), "credit": ("guessing", 1.0)}


def draw(folder: Path) -> None:
    """Validation loss of every seed, a picture a study."""
    import matplotlib
    import pandas as pd

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    for study, (word, level) in GUESS.items():
        path = folder / f"{study}_curves.csv"
        if not path.exists():
            continue
        fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
        curves = pd.read_csv(path)
        names = [name for name in curves.rule.unique() if name != "untrained"]
        for colour, name in enumerate(names):
            for k, (_, part) in enumerate(curves[curves.rule == name].groupby("seed")):
                ax.plot(
                    part.presented, part.validation, color=f"C{colour}", lw=1, alpha=0.6, label=name if k == 0 else None
                )
        ax.axhline(level, color="0.5", lw=1, ls=":", label=word)
        untrained = curves[curves.rule == "untrained"].validation
        if len(untrained):
            ax.axhline(untrained.mean(), color="0.5", lw=1, ls="--", label="untrained")
        ax.set(xlabel="trials" if study == "credit" else "steps presented", ylabel="validation loss", yscale="log")
        ax.locator_params(axis="x", nbins=5)
        fig.legend(frameon=False, loc="outside right upper")
        fig.savefig(folder / f"{study}.png", dpi=150)
        plt.close(fig)


if __name__ == "__main__":
    main(__doc__, STUDIES, Path("studies/results/spiking"), draw, rules_only=tuple(STUDIES))
