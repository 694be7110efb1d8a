"""What `neuroperturb advise` knows, and the Pareto front of writings: published runs of three studies as one table, figures and a page.

    python studies/evidence.py

From studies/results/{robustness,closed-loop,no-accumulator}/runs.csv into neuroperturb/analysis/advice/evidence.csv, and figures and tables
into studies/results/robustness. Losses are test losses, a run that diverged counts as guessing; a seed is solved below 0.5.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroperturb.analysis.advice import evidence
from neuroperturb.analysis.advice.evidence import Evidence, front
from neuroperturb.network.chip import chip as chips
from neuroperturb.results.figures import style
from neuroperturb.results.grid import number
from neuroperturb.study import declaration, grid
from neuroperturb.study.labels import value_label

HERE = Path(__file__).parent
RESULTS = HERE / "results"
STUDIES = ("closed-loop", "robustness", "no-accumulator")  # where two have the same, the first counts
SOLVED, GUESSING = 0.5, 1.0
LOOK = {  # of a writing: colour, marker
    "plain pulses": (style.GREY, "o"), "digital sum": (style.ORANGE, "s"), "closed loop": (style.BLUE, "^"), "tiles": (style.GREEN, "D"),
}  # fmt: skip
WORDS = {"": "plain pulses", "mixed-precision": "digital sum", "closed-loop": "closed loop", "tiles": "tiles"}
HEAD = "| array | writing | cells a weight | mean | solved | rate | energy, J | pulses a cell | endurance used | bits a weight | front |"
COSTS = {
    "energy": "energy of training [J]", "pulses": "pulses a cell", "endurance": "endurance used, busiest cell [share]",
    "bits": "digital bits a weight",
}  # fmt: skip


def rows() -> list[Evidence]:
    """One row an array, writing and number of cells, of the first study that has it; in the order of arrays of that study."""
    made: dict[tuple, Evidence] = {}
    for study in STUDIES:
        for row in _of_study(study):
            made.setdefault((row.hardware, row.writing, row.cells), row)
    order = list(dict.fromkeys(hardware for hardware, _, _ in made))
    return sorted(made.values(), key=lambda row: order.index(row.hardware))


def _of_study(study: str) -> list[Evidence]:
    runs = pd.read_csv(RESULTS / study / "runs.csv", keep_default_na=False)
    runs["loss"] = pd.to_numeric(runs["test"], errors="coerce").where(runs["status"] == "finished", GUESSING)
    if not runs["status"].isin(["finished", "diverged"]).all():
        raise SystemExit(f"The study {study} is not done.")
    hardware = {value_label(made.point["hardware"]): made.point["hardware"] for made in _cells(study)}
    rule = runs[(runs["control"] == "") & (runs["grid"].isin(["np-p", ""]))]
    return [_row(study, hardware[label], runs[runs["hardware"] == label], own) for label, own in rule.groupby("hardware", sort=False)]  # fmt: skip


def _cells(study: str) -> list[grid.Cell]:
    return grid.lay_out(declaration.load(HERE / f"{study}.toml"))


def _row(study: str, hardware: Any, runs: pd.DataFrame, own: pd.DataFrame) -> Evidence:
    table = hardware if isinstance(hardware, dict) else {"name": hardware}
    array = chips.read(table).array((1, 1), weight_scale=1.0)
    writing = WORDS[table.get("writing", {}).get("kind", "")]
    test = own["loss"].to_numpy()
    mean = lambda key: float(pd.to_numeric(own[key], errors="coerce").mean()) if key in own else float("nan")  # noqa: E731
    of = lambda which: float(runs.loc[which, "loss"].mean())  # noqa: E731
    return Evidence(
        hardware=table["name"], writing=writing, cells=int(array.pulse_counts()[0].shape[0]), bits=_bits(array),
        rate=mean("learning_rate"), seeds=len(test), solved=int((test < SOLVED).sum()), mean=float(test.mean()),
        median=float(np.median(test)), worst=float(test.max()), frozen=of(runs["control"] == "frozen"), gradient=of(runs["grid"] == "bptt"),
        pulses=mean("pulses_per_cell"), energy_low=mean("energy_low"), energy=mean("energy"), energy_high=mean("energy_high"),
        endurance=mean("endurance_used"), study=f"studies/{study}.toml",
    )  # fmt: skip


def _bits(array: Any) -> int:
    return int(array.ledger().counts["accumulator_bits"])


# ----------------------------------------------------------------------------------------------------------------------
# Figures and the page


def draw(found: list[Evidence], cost: str) -> None:
    """Test loss against a cost, a panel an array; the line joins the front of loss and this cost."""
    from matplotlib.lines import Line2D

    arrays = list(dict.fromkeys(row.hardware for row in found))
    figure = style.blank(13.0, 7.2)
    axes = figure.subplots(3, 5, sharex=True, sharey=True).ravel()
    for ax, name in zip(axes, arrays, strict=True):
        own = [row for row in found if row.hardware == name and np.isfinite(getattr(row, cost))]
        ax.axhline(GUESSING, color=style.PALE, lw=1.2)
        _step(ax, own, cost)
        for row in own:
            colour, marker = LOOK[row.writing]
            x = getattr(row, cost)
            ax.plot(x, row.mean, marker, color=colour, ms=6)
            if row.cells > 1:
                ax.annotate(
                    f"{row.cells}",
                    (x, row.mean),
                    xytext=(4, 3),
                    textcoords="offset points",
                    fontsize=7,
                    color=style.DARK,
                )
        ax.set_title(name, fontsize=9, loc="left")
        ax.set_yscale("log")
        ax.set_xscale("symlog", linthresh=8) if cost == "bits" else ax.set_xscale("log")
        if not own:
            ax.text(0.5, 0.5, "no figure known", transform=ax.transAxes, ha="center", fontsize=8, color=style.GREY)
        style.tidy(ax, "both")
    figure.supxlabel(COSTS[cost], fontsize=10)
    figure.supylabel("test loss, mean of 20 seeds", fontsize=10)
    handles = [Line2D([], [], color=colour, marker=marker, ls="") for colour, marker in LOOK.values()]
    figure.legend(handles, LOOK, loc="outside upper right", ncols=4, fontsize=9)
    what = COSTS[cost].split(" [")[0]
    title = f"Delayed XOR by NP+P, test loss against {what}; numbers: cells a weight"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.savefig(RESULTS / "robustness" / f"front-{cost}.png", dpi=130)


def _step(ax: Any, own: list[Evidence], cost: str) -> None:
    """The front of two things as stairs."""
    best, x, y = np.inf, [], []
    for row in sorted(own, key=lambda row: (getattr(row, cost), row.mean)):
        if row.mean < best:
            best = row.mean
            x.append(getattr(row, cost))
            y.append(best)
    ax.step(x, y, where="post", color=style.PALE, lw=2, zorder=0)


def page(found: list[Evidence]) -> str:
    """A table of all rows, those on the front of everything marked, and the least energy that learns."""
    lines = [HEAD, "|---|---|---|---|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row.hardware for row in found):
        own = [row for row in found if row.hardware == name]
        kept, first = front(own), next(iter(evidence.choices(name)), None)
        for row in own:
            mark = (
                "**least energy that learns**" if row == first else "yes" if row in kept and row.mean < SOLVED else ""
            )
            figures = [number(value) if np.isfinite(value) else "" for value in (row.energy, row.pulses, row.endurance)]
            lines.append(
                f"| {name} | {row.writing} | {row.cells} | {number(row.mean)} | {row.solved} of {row.seeds} | {number(row.rate)} | "
                + " | ".join([*figures, str(row.bits), mark]) + " |"
            )  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    made = rows()
    with evidence.FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Evidence._fields)
        for row in made:
            writer.writerow([f"{value:.4g}" if isinstance(value, float) else value for value in row])
    evidence.table.cache_clear()
    found = list(evidence.table())
    for cost in COSTS:
        draw(found, cost)
    readme = RESULTS / "robustness" / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text[: text.index(HEAD)] + page(found), encoding="utf-8")
    print(f"{len(made)} rows in {evidence.FILE.name}, figures and a table in {RESULTS / 'robustness'}")


if __name__ == "__main__":
    main()
