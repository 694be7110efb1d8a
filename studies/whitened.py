"""The rule that goes beyond the paper: a causal trace on whitened presynaptic activity (learning-rules §8), ten seeds a row.

    python studies/whitened.py credit|further|forecast|weather|figures [--out studies/results/whitened] [--only TEXT] [--again]

Five tasks that only credit through time solves. Rows are searched as :mod:`rows` says. With P, and compared with it: the same without P,
with frozen recurrence, without a trace (λ → 0), published ANP, true BPTT with as many trials, a third and a tenth of them, BPTT(1).

further: delayed XOR in what the prototypes left open, five seeds a row: one trial at a time and a single pass with a running mean of the
loss for a baseline, 40 steps, 128 and 500 units, read noise, and arrays of 4 bits for the weights and for P.

forecast: Mackey–Glass, 15 steps ahead, 200 units, ten epochs online; ANP of the readout (recurrence as it began), its presynaptic
activity as it is, whitened by the local P, or by the recursive one. Five seeds.

weather: the same rules 24 hours ahead on the weather series, two passes over it; compared with BPTT of the whole network, ridge on 48 hours, and
an echo state. Five seeds.
"""

from __future__ import annotations

import os
from pathlib import Path

from rows import SEEDS, Row, grid, main, with_control

WTH = os.environ.get("NEUROPERTURB_WTH", "../shared/data/WTH.csv")
TEN = (*SEEDS, 1, 2, 3, 4, 5)
EPOCH = 1280  # trials between two looks at the validation data
TASKS = {  # name: task, network, batches of 64
    "A": ({"name": "delayed-xor"}, {"size": 20, "gain": 1.1}, 400),
    "B": ({"name": "context-integration"}, {"size": 16, "gain": 1.0}, 800),
    "C": ({"name": "bit-copying"}, {"size": 20, "gain": 1.0}, 300),
    "A20": ({"name": "delayed-xor", "steps": 20, "cues": [0, 8]}, {"size": 24, "gain": 1.2}, 800),
    "A50": ({"name": "delayed-xor"}, {"size": 50, "gain": 1.1}, 600),
}
ADAM = {"kind": "adam", "clip_norm": 1.0}


def credit() -> list[Row]:
    return [row for name in TASKS for row in _rows(name)]


def _rows(name: str) -> list[Row]:
    task, network, batches = TASKS[name]
    epochs = batches * 64 // EPOCH
    base = {
        "task": {**task, "trials_per_epoch": EPOCH},
        "network": {**network, "bias": True},
        "training": {"schedule": "episode", "batch_size": 64, "epochs": epochs},
    }
    rule = lambda **r: {**base, "rule": {"rate": {"kind": "cosine", "final": 0.0}, **r}}  # noqa: E731
    exact = lambda window=None: {**base, "rule": {"name": "bptt", "window": window, "optimiser": ADAM}}  # noqa: E731
    row = lambda *parts, **more: Row(name, *parts, first=2, keep=2, seeds=TEN, **more)  # noqa: E731
    noise = (0.05, 0.2) if name in "AB" else (0.05,)  # 0.2 was chosen once, for np-p on B: the other tasks try 0.05
    rates = grid(rule__learning_rate=(0.003, 0.006, 0.01, 0.02), rule__noise_std=noise)
    whitened = grid(
        rule__learning_rate=(0.006, 0.01, 0.015), rule__noise_std=noise, rule__presynaptic__rate=(0.03, 0.1)
    )
    none = [{**g, "rule.credit": {"kind": "trace", "decay": 1e-6}} for g in whitened]
    adam = grid(rule__optimiser__learning_rate=(3e-4, 1e-3, 3e-3, 1e-2, 3e-2))
    shorter = lambda part: [{**g, "training.epochs": max(1, epochs // part)} for g in adam]  # noqa: E731
    plain = grid(rule__learning_rate=(1e-3, 1e-2, 0.1), rule__noise_std=(1e-3, 0.05))
    with_p = [row("np-p", rule(name="np-p"), whitened), row("anp-p", rule(name="anp-p"), whitened)]
    return [
        *(pair for r in with_p for pair in with_control(r)),
        row("np-p, no trace", rule(name="np-p"), none),
        row("np-trace", rule(name="np-trace"), rates),
        row("anp-trace", rule(name="anp-trace"), rates),
        row("anp published", rule(name="anp", form="published"), plain),
        row("bptt", exact(), adam),
        row("bptt, a third of the trials", exact(), shorter(3)),
        row("bptt, a tenth of the trials", exact(), shorter(10)),
        row("bptt(1)", exact(1), adam),
    ]


RUNNING = {"kind": "running_mean", "rate": 0.02}
PER_CONDITION = {"kind": "per_condition", "rate": 0.1, "conditions": 4}
FOUR_BITS = {"name": "digital-4", "writing": {"kind": "mixed-precision"}}


def further() -> list[Row]:
    return [*_one_trial(), *_many_steps(), *_many_units(), *_on_hardware()]


def _xor(batch: int, epochs: int, task: dict, network: dict, **more) -> dict:
    """Delayed XOR; `more` are further tables of the run, `rule` among them."""
    return {
        "task": {"name": "delayed-xor", "trials_per_epoch": EPOCH, **task},
        "network": {"size": 20, "gain": 1.1, "bias": True, **network},
        "training": {"schedule": "episode", "batch_size": batch, "epochs": epochs},
        **more,
    }


def _cosine(**rule) -> dict:
    return {"rate": {"kind": "cosine", "final": 0.0}, "noise_std": 0.05, **rule}


def _one_trial() -> list[Row]:
    """Weights written after every trial; as many trials as in task A, 25,600."""
    base = lambda **rule: _xor(1, 20, {}, {}, rule=_cosine(**rule))  # noqa: E731
    rates = grid(rule__learning_rate=(1e-3, 3e-3, 6e-3))
    row = lambda name, base, settings=rates: Row("one trial a write", name, base, settings, keep=1)  # noqa: E731
    exact = _xor(1, 20, {}, {}, rule={"name": "bptt", "optimiser": ADAM})
    return [
        *with_control(row("np-p, two passes", base(name="np-p"))),
        *with_control(row("np-p, one pass, running mean", base(name="np-p", baseline=RUNNING))),
        row("np-p, one pass, mean of each condition", base(name="np-p", baseline=PER_CONDITION)),
        row("np-trace, one pass, running mean", base(name="np-trace", baseline=RUNNING)),
        row("bptt", exact, grid(rule__optimiser__learning_rate=(3e-4, 1e-3, 3e-3))),
    ]


def _many_steps() -> list[Row]:
    """Cues 25 steps apart, 14 more to remember them."""
    base = lambda rule: _xor(64, 40, {"steps": 40, "cues": [0, 25]}, {"size": 24, "gain": 1.2}, rule=rule)  # noqa: E731
    rates = grid(rule__learning_rate=(0.006, 0.015), rule__presynaptic__rate=(0.03, 0.1))
    adam = grid(rule__optimiser__learning_rate=(1e-3, 3e-3, 1e-2))
    row = lambda name, rule, settings: Row("40 steps", name, base(rule), settings, first=1, keep=1)  # noqa: E731
    return [
        *with_control(row("np-p", _cosine(name="np-p"), rates)),
        row("anp-p", _cosine(name="anp-p"), rates),
        row("bptt", {"name": "bptt", "optimiser": ADAM}, adam),
        row("bptt(1)", {"name": "bptt", "optimiser": ADAM, "window": 1}, adam),
    ]


def _many_units() -> list[Row]:
    """One trial at a time, one pass. P learns more slowly where ε ‖z'‖² would pass 1; the control says what width alone does."""
    rows = []
    for n, epochs, rates, slow in ((128, 20, (5e-4, 1.5e-3), 5e-3), (500, 5, (2e-4, 6e-4), 1e-3)):
        base = _xor(1, epochs, {}, {"size": n, "gain": 1.1}, rule=_cosine(name="np-p", baseline=RUNNING))
        rows += with_control(
            Row(
                f"{n} units",
                "np-p, one pass, running mean",
                base,
                grid(rule__learning_rate=rates, rule__presynaptic__rate=(slow,)),
                first=1,
                keep=1,
            )
        )
    return rows


def _on_hardware() -> list[Row]:
    """What the reads of every array of weights, and of P, are worth."""
    rates = grid(rule__learning_rate=(0.006, 0.015), rule__presynaptic__ridge=(0.03, 0.1))
    on = lambda rule, hardware: _xor(64, 20, {}, {}, rule=_cosine(**rule), hardware=hardware)  # noqa: E731
    rows = []
    for task, hardware in (
        ("read noise 0.01", {"reading": {"output_noise_std": 0.01}}),
        ("read noise 0.03", {"reading": {"output_noise_std": 0.03}}),
        ("read noise 0.03, of P too", {"reading": {"output_noise_std": 0.03}, "P": {"reading": {"output_noise_std": 0.03}}}),
        ("4 bits, mixed precision", FOUR_BITS),
        ("4 bits, mixed precision, P too", {**FOUR_BITS, "P": FOUR_BITS}),
    ):  # fmt: skip
        rows += with_control(Row(task, "np-p", on({"name": "np-p"}, hardware), rates, first=1, keep=1))
        if "P" not in hardware:
            plain = grid(rule__learning_rate=(0.003, 0.01))
            rows.append(Row(task, "np-trace", on({"name": "np-trace"}, hardware), plain, first=1, keep=1))
    return rows


def forecast() -> list[Row]:
    base = {
        "task": {"name": "mackey-glass", "variant": "forecast"},
        "network": {"size": 200, "spectral_radius": 1.0, "bias": True},
        "rule": {"name": "anp", "noise_std": 1e-5, "rate": {"kind": "cosine", "final": 0.0}},
        "training": {"epochs": 10, "dtype": "float64", "frozen": ["W_in", "W_rec"]},
    }
    leaks = {"network__leak": (0.5, 0.7)}
    rates = grid(rule__learning_rate=(0.003, 0.01, 0.03, 0.1), **leaks)
    local = grid(rule__presynaptic=[{"kind": "whitened", "rate": 1e-3, "ridge": r} for r in (0.003, 0.01)],
                 rule__learning_rate=(0.003, 0.01, 0.03), **leaks)  # fmt: skip
    recursive = grid(
        rule__presynaptic=[{"kind": "recursive", "growth": g, "initial": i} for g in (1e-4, 2e-4) for i in (1e3, 1e4)],
        rule__learning_rate=(0.5,),
        **leaks,
    )
    row = lambda name, settings: Row("mackey-glass forecast", name, base, settings, first=1, keep=2)  # noqa: E731
    return [row("anp readout", rates), row("anp readout, local P", local), row("anp readout, recursive P", recursive)]


def weather() -> list[Row]:
    base = {
        "task": {"name": "weather", "path": WTH, "horizon": 24},
        "network": {"size": 200, "spectral_radius": 0.9, "bias": True},
        "training": {"epochs": 2, "dtype": "float64"},
    }
    readout = {
        **base,
        "rule": {"name": "anp", "noise_std": 1e-5, "rate": {"kind": "cosine", "final": 0.0}},
        "training": {**base["training"], "frozen": ["W_in", "W_rec"]},
    }
    leaks = {"network__leak": (0.1, 0.2, 0.5)}
    row = lambda name, base, settings: Row("weather 24 h", name, base, settings, first=1, keep=2)  # noqa: E731
    return [
        row("anp readout", readout, grid(rule__learning_rate=(0.003, 0.01, 0.03, 0.1), **leaks)),
        row("anp readout, local P", readout, grid(
            rule__presynaptic=[{"kind": "whitened", "rate": 1e-3, "ridge": r} for r in (0.003, 0.01)],
            rule__learning_rate=(0.003, 0.01, 0.03), **leaks)),
        row("anp readout, recursive P", readout, grid(
            rule__presynaptic=[{"kind": "recursive", "growth": g, "initial": i} for g in (0.0, 2e-4) for i in (10.0, 30.0, 1e2)],
            rule__learning_rate=(0.5,), network__leak=(0.2, 0.3, 0.5)))._replace(first=3, keep=3),
        row("bptt(100)", {**base, "rule": {"name": "bptt", "chunk": 100, "optimiser": ADAM}},
            grid(rule__optimiser__learning_rate=(3e-4, 1e-3, 3e-3), **leaks)),
    ]  # fmt: skip


STUDIES = {"credit": credit, "further": further, "forecast": forecast, "weather": weather}


def _draw(folder: Path) -> None:
    import whitened_figures

    whitened_figures.draw(folder)


if __name__ == "__main__":
    main(__doc__, STUDIES, Path("studies/results/whitened"), _draw, rules_only=("credit", "further", "forecast"))
