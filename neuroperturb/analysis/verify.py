"""Replay recorded cases through the training kernels, and compare the final weights.

A case (tests/golden, written by the published code of the rules) holds inputs, targets, weights before and after one
presentation, and every random draw. Its draws replace the generator; everything else is as in a run.

A file of pulse curves (`hardware_models.characterise.pulse_curves`) is recognised by its tables and compared preset by preset.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from hardware_models.characterise import pulse_curves as curves
from hardware_models.presets import PRESETS
from neuroperturb import rules
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, Matrices
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError
from neuroperturb.tasks.contract import Sequence

TOLERANCE = 1e-10  # max |Δ| / max |reference|, float64
NEEDED = ("meta", "inputs", "targets", *(f"{when}_{name}" for when in ("before", "after") for name in Matrices._fields))
SETTINGS = ("rule", "schedule", "learning_rate", "noise_std", "decorrelation_rate", "decorrelate_input")


class CaseError(InputError):
    """A file that is not a recorded case: the message is one sentence."""


def load_case(path: str | Path) -> dict:
    """Arrays of a case by name, and its settings under ``meta``."""
    try:
        # opened here: np.load leaves the file of a broken archive open
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            case = {name: file[name] for name in file.files}
        case["meta"] = json.loads(str(case["meta"]))
        if not isinstance(case["meta"], dict):
            raise ValueError("no table")
    except OSError as error:
        raise CaseError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except (zipfile.BadZipFile, zlib.error, AttributeError, TypeError, ValueError, KeyError, EOFError):
        raise CaseError(f"The file {str(path)!r} is not a recorded case: see tests/golden for its contents.") from None
    missing = [name for name in NEEDED if name not in case] + [name for name in SETTINGS if name not in case["meta"]]
    if missing:
        raise CaseError(f"The recorded case {str(path)!r} lacks {missing[0]!r}.")
    try:
        _check(case)
    except CaseError as error:
        raise CaseError(f"The recorded case {str(path)!r} cannot be replayed: {error}") from None
    return case


def _check(case: dict) -> None:
    """Schedule, and the shape of every array given the sizes of inputs, targets and W_rec."""
    if case["meta"]["schedule"] not in ("online", "episode"):
        raise CaseError(f"its schedule must be online or episode, got {case['meta']['schedule']!r}.")
    if case["inputs"].ndim != 3 or case["targets"].ndim != 3 or not case["inputs"].size or not case["targets"].size:
        raise CaseError("inputs and targets must have shape (steps, trials, units), none of them 0.")
    (T, B, n_in), n_out, n = case["inputs"].shape, case["targets"].shape[2], len(np.atleast_1d(case["before_W_rec"]))
    matrices = dict(zip(Matrices._fields, [(n, n_in), (n, n), (n_out, n), (n_in, n_in), (n, n)], strict=True))
    shapes = {f"{when}_{name}": shape for when in ("before", "after") for name, shape in matrices.items()}
    shapes |= {"targets": (T, B, n_out)}
    if "noise_hidden" in case:
        shapes |= {"noise_hidden": (T, B, n), "noise_output": (T, B, n_out)}
    else:
        shapes |= {f"noise_{name}": (T, *matrices[name]) for name in ("W_in", "W_rec", "W_out")}
    for name, shape in shapes.items():
        if name not in case:
            raise CaseError(f"it lacks {name!r}.")
        if case[name].shape != shape:
            raise CaseError(f"{name} must have shape {shape}, got {case[name].shape}.")
    for name in ("inputs", *shapes):
        if case[name].dtype.kind not in "fiu":
            raise CaseError(f"{name} must hold numbers.")
        if not name.startswith("after") and not np.isfinite(case[name]).all():
            raise CaseError(f"{name} must be finite.")


def replay(case: dict) -> Matrices:
    """The weights after the presentation, W[i, j] from j to i, float64."""
    meta = case["meta"]
    name, schedule = meta["rule"].lower(), meta["schedule"]
    rule = rules.make(
        name, "published", schedule, learning_rate=float(meta["learning_rate"]), noise_std=float(meta["noise_std"])
    )
    rate = float(meta["decorrelation_rate"])
    learns_d = Decorrelation(rate=rate, state=True, input=bool(meta["decorrelate_input"]) and schedule == "episode")
    initial = Matrices(*(case[f"before_{name}"] for name in Matrices._fields))
    inputs, targets = case["inputs"], case["targets"]
    T, B = inputs.shape[:2]
    simulation = Simulation(
        RNN(size=len(initial.W_rec)), rule, initial, decorrelation=learns_d if rate else None, schedule=schedule, batch=B,
        steps=T, total_steps=T, dtype="float64", recorded=_draws(case),
    )  # fmt: skip
    simulation.present_all(Sequence(inputs, targets, np.ones((T, B), bool), np.arange(T) == 0))
    return simulation.weights()


def _draws(case: dict) -> dict[str, np.ndarray]:
    """Recorded standard draws by layer, (steps, rows, units): rows are trials, or presynaptic units for weights."""
    if "noise_hidden" in case:
        return {"hidden": case["noise_hidden"], "output": case["noise_output"]}
    return {name: np.swapaxes(case[f"noise_{name}"], 1, 2) for name in ("W_in", "W_rec", "W_out")}


def errors(case: dict) -> dict[str, float]:
    """max |Δ| / max |reference| of every matrix."""
    after = replay(case)
    return {
        name: float(np.abs(W - case[f"after_{name}"]).max() / np.abs(case[f"after_{name}"]).max())
        for name, W in after._asdict().items()
    }


def main(files: list[str | Path]) -> int:
    """Print the error of every recorded case and pulse curve; return 0 if all are within their tolerance, 1 if not."""
    recordings = [path for path in files if curves.is_curves(path)]
    cases = {path: load_case(path) for path in files if path not in recordings}
    passed = _report_cases(cases) if cases else True
    for path in recordings:
        passed &= _report_curves(path)
    return 0 if passed else 1


def _report_curves(path: str | Path) -> bool:
    try:
        recorded = curves.load(path)
    except curves.CurveError as error:
        raise CaseError(str(error)) from None
    print(f"{Path(path).name}: largest difference relative to its tolerance (means | spreads | percentiles)")
    passed = True
    for name, table in recorded.items():
        one_tile = name in recorded.of_one_tile
        mean, percentile, spread = deviation = curves.compare(PRESETS[name].cells, table, one_tile=one_tile)
        on_curve = max(deviation) <= 1
        verdict = ("ok" if on_curve else "MISMATCH") + "; one tile, allowed for" * one_tile
        print(f"{name:<18}  {mean:6.2f} | {spread:6.2f} | {percentile:6.2f}  {verdict}", flush=True)
        passed &= on_curve
    return passed


def _report_cases(cases: dict) -> bool:
    worst = 0.0
    width = max(len(Path(f).name) for f in cases)
    print(f"{'max |Δ| / max |reference|':{width}}  " + "  ".join(f"{name:>8}" for name in Matrices._fields))
    for path, case in cases.items():
        found = errors(case)
        worst = max(worst, *(e if np.isfinite(e) else np.inf for e in found.values()))
        verdict = "ok" if all(e <= TOLERANCE for e in found.values()) else "MISMATCH"
        print(
            f"{Path(path).name:{width}}  " + "  ".join(f"{e:8.1e}" for e in found.values()) + f"  {verdict}", flush=True
        )
    print(f"worst {worst:.1e}, tolerance {TOLERANCE:.0e}")
    return worst <= TOLERANCE
