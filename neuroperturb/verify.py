"""Replay recorded cases through the kernels that train, and compare the weights they end with.

A case (tests/golden, written by the published code of the rules) holds inputs, targets, weights before and after one
presentation, and every random draw. Its draws take the place of the generator; everything else is what a run does.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from neuroperturb import rules
from neuroperturb.decorrelation import Decorrelation
from neuroperturb.network import RNN, Matrices
from neuroperturb.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

TOLERANCE = 1e-10  # max |Δ| / max |reference|, float64
NEEDED = ("meta", "inputs", "targets", *(f"{when}_{name}" for when in ("before", "after") for name in Matrices._fields))
SETTINGS = ("rule", "schedule", "learning_rate", "noise_std", "decorrelation_rate", "decorrelate_input")


class CaseError(ValueError):
    """A file that is no recorded case: the message is one sentence."""


def load_case(path: str | Path) -> dict:
    """Arrays of a case by name, and its settings under ``meta``."""
    try:
        with np.load(path, allow_pickle=False) as file:
            case = {name: file[name] for name in file.files}
        case["meta"] = json.loads(str(case["meta"]))
    except OSError as error:
        raise CaseError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError):
        raise CaseError(
            f"The file {str(path)!r} is not a recorded case: see tests/golden for what one holds."
        ) from None
    missing = [name for name in NEEDED if name not in case] + [name for name in SETTINGS if name not in case["meta"]]
    if missing:
        raise CaseError(f"The recorded case {str(path)!r} lacks {missing[0]!r}.")
    return case


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
    """Print the error of every matrix of every case; 0 if all are within the tolerance, 1 if not."""
    cases = [load_case(path) for path in files]
    worst = 0.0
    width = max(len(Path(f).name) for f in files)
    print(f"{'max |Δ| / max |reference|':{width}}  " + "  ".join(f"{name:>8}" for name in Matrices._fields))
    for path, case in zip(files, cases, strict=True):
        found = errors(case)
        worst = max(worst, *(e if np.isfinite(e) else np.inf for e in found.values()))
        verdict = "ok" if all(e <= TOLERANCE for e in found.values()) else "MISMATCH"
        print(
            f"{Path(path).name:{width}}  " + "  ".join(f"{e:8.1e}" for e in found.values()) + f"  {verdict}", flush=True
        )
    print(f"worst {worst:.1e}, tolerance {TOLERANCE:.0e}")
    return 0 if worst <= TOLERANCE else 1
