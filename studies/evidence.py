"""What `neuroperturb advise` knows: the rows of studies/closed-loop.toml as one CSV inside the package.

    neuroperturb study studies/closed-loop.toml && python studies/evidence.py [runs/closed-loop]

    python studies/evidence.py --plain          # rules with plain pulses, from studies/results/robustness/runs.csv

Losses are test losses; a seed is solved below the study's threshold. The file is written only if every cell has all its seeds.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from neuroperturb.analysis.advice.evidence import FILE, PLAIN_FILE, Evidence, PlainEvidence
from neuroperturb.study import table
from neuroperturb.study.store import StudyFolder

SOLVED = 0.5  # test loss
CORRECTED = ("pcm", "reram-sb")  # presets that were corrected after studies/robustness.toml ran


def rows(folder: Path) -> list[Evidence]:
    """One row a preset, in the order of the study."""
    tables = table.read(StudyFolder(folder))
    made = {
        (cell.grid, cell.control, cell.point["hardware"]["name"]): number for number, cell in enumerate(tables.cells)
    }
    losses = {place: _losses(tables, number) for place, number in made.items()}
    threshold = float(tables.study["threshold"])
    return [
        _row(tables, name, losses, made, threshold) for grid, control, name in made if (grid, control) == ("np-p", "")
    ]


def _losses(tables: table.Tables, number: int) -> np.ndarray:
    runs = tables.runs[tables.runs["cell"] == number]
    if not (runs["status"].isin(["finished", "diverged"])).all():
        raise SystemExit(f"The cell {tables.cells[number].label!r} is not done.")
    return np.where(runs["status"] == "finished", runs["test"].astype(float), np.inf)


def _row(tables: table.Tables, name: str, losses: dict, made: dict, threshold: float) -> Evidence:
    number = made["np-p", "", name]
    runs, test = tables.runs[tables.runs["cell"] == number], losses["np-p", "", name]
    mean = lambda key: float(runs[key].astype(float).mean()) if key in runs else float("nan")  # noqa: E731
    return Evidence(
        hardware=name, rate=tables.cells[number].candidates[tables.chosen[number] or 0]["learning_rate"], seeds=len(test),
        solved=int((test < threshold).sum()), mean=float(test.mean()), median=float(np.median(test)), worst=float(test.max()),
        frozen=float(losses["np-p", "frozen", name].mean()), gradient=float(losses["bptt", "", name].mean()), pulses=mean("pulses_per_cell"),
        energy_low=mean("energy_low"), energy=mean("energy"), energy_high=mean("energy_high"), endurance=mean("endurance_used"),
    )  # fmt: skip


def plain_rows(path: Path) -> list[PlainEvidence]:
    """One row for each rule on each array."""
    losses: dict[tuple[str, str, str], list[float]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["grid"] and " " not in row["hardware"] and row["hardware"] not in CORRECTED:
                place = row["hardware"], row["rule"].split()[0], row["control"]
                losses.setdefault(place, []).append(float(row["test"]) if row["status"] == "finished" else float("inf"))
    return [
        PlainEvidence(
            hardware=name, rule=rule, seeds=len(test), solved=sum(loss < SOLVED for loss in test), median=float(np.median(test)),
            worst=max(test), frozen=float(np.mean(losses[name, rule, "frozen"])),
        )
        for (name, rule, control), test in losses.items()
        if not control
    ]  # fmt: skip


def main() -> None:
    if "--plain" in sys.argv:
        write(PLAIN_FILE, plain_rows(Path(__file__).parent / "results" / "robustness" / "runs.csv"))
    else:
        write(FILE, rows(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/closed-loop")))


def write(path: Path, made: list) -> None:
    """Rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(made[0]._fields)
        for row in made:
            writer.writerow([f"{value:.4g}" if isinstance(value, float) else value for value in row])
    print(f"{len(made)} rows in {path}")


if __name__ == "__main__":
    main()
