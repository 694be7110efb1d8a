"""A run as text and tables, from its record only."""

from __future__ import annotations

import html as escaping
import math
import textwrap

import numpy as np

from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.essence import user_code
from neuroperturb.experiments.toml import dumps, plain
from neuroperturb.network.chip.chip import words
from neuroperturb.network.rnn import LEARNT
from neuroperturb.results import loss
from neuroperturb.results.ablation_table import is_row, table
from neuroperturb.results.columns import IN_THE_LOOP, RESULTS, Record
from neuroperturb.results.grid import grid, line_width, number
from neuroperturb.results.quantities import low_to_high
from neuroperturb.spec.user_code import UserCode
from neuroperturb.tasks.user_task import SOURCE

LAYER = {
    "credited": "credited",
    "loss SNR": "loss_snr",
    "dead": "dead",
    "σ known": "told_std",
    "σ unknown": "extra_std",
}
MATRIX = {
    "request/step": "request_per_step",
    "fidelity": "fidelity",
    "weight error": "weight_error",
    "asymmetry": "asymmetry",
    "forgets": "forgets",
}
ROUNDING, LARGE = 1e-4, 10_000  # of ratios that are said to be 0; loss SNR beyond which there is no other noise
WIDTH = 100  # characters per line of text
CONSTANT = ("guess", "mean", "random")  # how rows that learned nothing are called
METRICS = {"nmse": "NMSE", "accuracy": "accuracy", "error_bits": "error bits"}


def text(run: Record) -> str:
    """The main contents of a record: experiment, outcome, comparisons, hardware, provenance."""
    parts = [
        headline(run), configuration(run.experiment), loss.line(run), results_table(run), hardware(run), ablation_table(run),
        history_table(run), provenance(run),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def headline(run: Record) -> str:
    """One sentence: rule, task, and how the run ended."""
    done = int(run.history["epoch"].iloc[-1]) if len(run.history) else 0
    total = run.experiment.training.epochs
    end = {"finished": "finished", "interrupted": "interrupted", "diverged": f"diverged at step {run.diverged_step}"}
    name, task = config.label(run.experiment), run.experiment.task.label
    return f"{name} on {task}: {end[run.status]}, {done} of {total} epochs."


def configuration(experiment: config.Experiment) -> str:
    """The full experiment, a line for each part."""
    rows = []
    for section, value in plain(experiment).items():
        named = value.get("label") or value.get("name")  # a rule is named by its label
        known = {"name", "label"} | ({"credit"} if "formula" in value else set())  # a formula implies what is credited
        rest = {key: inner for key, inner in value.items() if key not in known and inner not in ([], None)}
        if section == "hardware":
            rows.append((section, words(experiment.hardware)))
            rows += [("", [text]) for text in _publications(experiment)]
            continue
        if section == "task":
            rest.pop(SOURCE, None)  # of a custom class: its source is in the record
        rows.append((section, [named] * bool(named) + [f"{key}={_value(inner)}" for key, inner in rest.items()]))
    width = max(len(section) for section, _ in rows) + 2
    return "\n".join(_wrapped(section.ljust(width), items) for section, items in rows)


def _publications(experiment: config.Experiment) -> list[str]:
    """The publications of the hardware's parameters."""
    chip = experiment.hardware
    origins = (chip.origin(matrix) for matrix in ("", *LEARNT))
    texts = dict.fromkeys(origin.publication for origin in origins if origin is not None)
    return [line for text in texts for line in textwrap.wrap(text, line_width() - 10)]


def results_table(run: Record) -> str:
    """Validation and test loss of the rule and of its comparisons, and the task's other metrics on the test set."""
    if not len(run.results):
        return ""
    frame = run.results[[not is_row(name) for name in run.results["name"]]]
    columns = {"": frame["name"], "validation": frame["validation"].map(number), "test": frame["test"].map(number)}
    for name in frame.columns:
        metric = name.removeprefix("test_")
        if name not in RESULTS and name.startswith("test_"):
            columns[METRICS.get(metric, metric)] = frame[name].map(number)
    columns["seconds"] = frame["seconds"].map(lambda s: "" if math.isnan(s) else f"{s:.1f}")
    columns["settings"] = [
        ", ".join(part for part in ("" if status == "finished" else status, settings) if part)
        for status, settings in zip(frame["status"], frame["settings"], strict=True)
    ]
    return grid(columns, tones=_tones(frame))


def _tones(frame) -> list[str]:
    """The rule is bold, red if it is no better than a constant output; what it is compared with is dim."""
    names, tests = list(frame["name"]), list(frame["test"])
    constant = [test for name, test in zip(names[1:], tests[1:], strict=True) if str(name).startswith(CONSTANT)]
    lost = any(not tests[0] < test for test in constant if test == test)
    return ["bad" if lost else "own", *["dim"] * (len(names) - 1)]


def ablation_table(run: Record) -> str:
    """The cost of each non-ideality, if the run has an ablation."""
    costs = table(run.results)
    if not costs:
        return ""
    columns = {"source": [cost.source for cost in costs]}
    for label, key in (("alone", "alone"), ("costs", "cost"), ("removed", "removed"), ("regains", "regained")):
        columns[label] = [number(getattr(cost, key)) for cost in costs]
    return grid(columns)


def hardware(run: Record) -> str:
    """Operation of the hardware and its effect on the rule: layers, matrices, totals."""
    section = run.ledger.get("hardware")
    if not section:
        return ""
    parts = [_layers(section), _matrices(section), _totals(section["total"])]
    return "\n\n".join(part for part in parts if part)


def _layers(section: dict) -> str:
    layers = section.get("diagnosis", {}).get("layers")
    if not layers:
        return ""
    columns = {"layer": list(layers)}
    for label, key in LAYER.items():
        columns[label] = [_ratio(key, ratios) for ratios in layers.values()]
    return grid(columns)


def _ratio(key: str, ratios: dict) -> str:
    """A ratio of a layer; what is only the rounding of sums is 0, and a ratio to it has no digits."""
    value, known = ratios[key], ratios["told_std"] or 0.0
    if (key == "extra_std" and value is not None and value < ROUNDING * known) or (
        key == "dead" and value is not None and value < ROUNDING
    ):
        return "0"
    return f"> {LARGE:,.0f}" if key == "loss_snr" and value is not None and value > LARGE else number(value)


def _matrices(section: dict) -> str:
    arrays, ratios = section["arrays"], section.get("diagnosis", {}).get("matrices", {})
    columns = {"matrix": list(arrays), "cells": [a["cells"] for a in arrays.values()]}
    for label, key in MATRIX.items() if ratios else ():
        columns[label] = [_of_matrix(ratios.get(name, {}).get(key)) for name in arrays]
    for label, key in (("at bound", "at_bound"), ("stuck", "stuck")):
        columns[label] = [f"{100 * a[key]:.1f} %" for a in arrays.values()]
    columns["pulses/cell"] = [number(a["ledger"]["pulses_per_cell"]["mean"]) for a in arrays.values()]
    return grid(columns)


def _of_matrix(value: float | None) -> str:
    """A ratio of a matrix; one to a step of cells that have none is none."""
    return "–" if value is not None and math.isinf(value) else number(value)


def _totals(total: dict) -> str:
    """Counts summed over all arrays, and their cost where estimates exist: low – typical – high."""
    counts = total["counts"]
    lines = [
        f"updates {counts['updates']:,}   pulses {counts['pulses_up'] + counts['pulses_down']:,}   "
        f"columns read {counts['columns']:,}   conversions {counts['inputs'] + counts['outputs']:,}"
    ]
    if counts.get("clipped") or counts.get("unreached"):
        lines.append(
            f"programming clipped {counts['clipped']:,} of {counts['synapses'] * counts['programs'] // counts['arrays']:,} weights, "
            f"gave up on {counts['unreached']:,} cells"
        )
    for what, unit in (("energy", "J"), ("time", "s")):
        if total[what]:
            low, typical, high = (sum(part[end] for part in total[what].values()) for end in ("low", "typical", "high"))
            lines.append(f"{what} {low_to_high((low, typical, high), unit)}")
    used = total["endurance_used"].get("busiest")
    if used:
        shares = low_to_high((used["low"], used["typical"], used["high"]), "share")
        lines.append(f"endurance used by the most-written cell {shares}")
    return "\n".join(("ledger    " if k == 0 else " " * 10) + line for k, line in enumerate(lines))


def history_table(run: Record, rows: int = 8) -> str:
    """Some epochs, evenly spaced over the run, including the first and the last."""
    frame = run.history
    if not len(frame):
        return ""
    picked = sorted({round(k * (len(frame) - 1) / (rows - 1)) for k in range(rows)})
    frame = frame.iloc[picked]
    return grid({c: frame[c].map(number if np.issubdtype(frame[c].dtype, np.floating) else str) for c in frame.columns})


def provenance(run: Record) -> str:
    """Versions, processor and seeds."""
    made = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    lines = [f"made by   {made}", f"on        {run.cpu.get('name', '?')} (features {run.cpu.get('features', '?')})"]
    lines += [
        f"class     {code.name} (sha256 {code.sha256[:12]}){_kept(code)}" for code in user_code(run.experiment.table())
    ]
    lines += [f"data      {path} ({note.words})" for path, note in run.data.items()]
    if (box := run.ledger.get(IN_THE_LOOP)) is not None:
        lines.append(f"chip      in the loop, {box.get('door', 'unknown')}")
    if run.seeds:
        lines.append("seeds     " + ", ".join(f"{name} {seed}" for name, seed in run.seeds.items()))
    return "\n".join(lines)


def _kept(code: UserCode) -> str:
    return "" if code.stays else ", defined in a script, a notebook or a function: its source exists only in the record"


def html(run: Record, answer: str = "") -> str:
    """The run as HTML for a notebook, with its answer in words."""
    parts = (results_table(run), hardware(run), ablation_table(run), history_table(run))
    tables = "".join(f"<pre>{escaping.escape(part)}</pre>" for part in parts if part)
    toml = escaping.escape(dumps(run.experiment))
    made = escaping.escape(provenance(run))
    words, *commands = map(escaping.escape, answer.split("\n"))
    said = "".join([f"<p>{words}</p>" if words else "", *(f"<pre>{one}</pre>" for one in commands)])
    more = f"<details><summary>Experiment</summary><pre>{toml}</pre><pre>{made}</pre></details>"
    return f"<div><b>{escaping.escape(headline(run))}</b>{said}{tables}{more}</div>"


def _value(value) -> str:
    if isinstance(value, dict) and "source" in value:  # a formula
        return f"{value['source']}({', '.join(f'{name}={number:g}' for name, number in value['parameters'].items())})"
    if isinstance(value, dict):
        inner = ", ".join(f"{k}={_value(v)}" for k, v in value.items() if k != "kind" and v is not None)
        return f"{value.get('kind', '')}({inner})" if inner else str(value.get("kind", "{}"))
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _wrapped(head: str, items: list[str]) -> str:
    width = line_width(110)
    lines, line = [], head
    for item in items:
        if len(line) + len(item) > width and line.strip():
            lines.append(line)
            line = " " * len(head)
        *whole, item = textwrap.wrap(item, max(width - len(head), 20), break_on_hyphens=False) or [
            ""
        ]  # an item may be longer than a line
        lines += [(line if k == 0 else " " * len(head)) + one for k, one in enumerate(whole)]
        line = (" " * len(head) if whole else line) + item + "  "
    return "\n".join(piece.rstrip() for piece in [*lines, line])
