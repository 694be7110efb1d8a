"""Linear least squares on asymmetric, noisy cells: how far from the target every way of writing ends, against the asymmetry.

    y = W* x + ν,  x ~ N(0, 1)ᵐ,  ν ~ N(0, 0.3²)ⁿ           Δ = η (y − W x) xᵀ, one sample a write

The gradient's mean vanishes at W*, its noise does not: pulses up and down go on in equal numbers, and where they differ in size they
drag a weight towards the symmetry point of its cell. Soft bounds of 200 states, pulse noise 0.3, steps that differ by 30 % between cells
and by 0.1 steps between up and down, 16 × 16 weights, targets of std 0.2 within ± 0.5; the asymmetry is that of the mean cell: at 0.6 a
step down at w = 0 is 0.4 of one up. What is measured is the root mean square of W − W* over weights and the last quarter of the writes;
the best float32 weights at this η end at the line "digital". Rates and settings of every method are those of `METHODS`, chosen at asymmetry 0.4 with
seed 100, of those in `TRIED`; what is drawn are other seeds. The curve of Rasch et al., Nat. Commun. 15, 7133 (2024), Fig. 4, is the
same experiment against the offset of the reference, with the same order of methods.

    python studies/transfer.py [--out studies/results/transfer] [--tune] [--only METHOD]
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import hardware_models as hw

SIZE, WRITES, NOISE = 16, 10_000, 0.3
ASYMMETRIES = (0.0, 0.2, 0.4, 0.6, 0.8)
SEEDS, TUNING_SEED, TUNED_AT = (1, 2), 100, 0.4
CELL = hw.SoftBounds(
    dw_min=0.01, dw_min_std=0.3, dw_min_dtod=0.3, up_down_dtod=0.1, w_max=1.0, w_min=-1.0, w_max_dtod=0.0, w_min_dtod=0.0
)  # fmt: skip
SHIFTED, FAST = "symmetry-point", {"fast_rate": 3.0, "auto_granularity": 300.0}


class Method(NamedTuple):
    """A way of writing; rate : η;  ideal : on exact cells;  colour, dash : of its line."""

    rate: float
    writing: object
    colour: str
    dash: str = "-"
    ideal: bool = False


METHODS = {
    "digital": Method(0.003, None, "#8a8a8a", ":", ideal=True),
    "plain pulses": Method(0.003, None, "#222222"),
    "mixed precision": Method(0.003, hw.MixedPrecision(), "#e69f00"),
    "closed loop": Method(0.003, hw.ClosedLoop(), "#f0c400"),
    "v1": Method(0.01, hw.Transfer(method="v1", **FAST), "#0072b2", "--"),
    "v1, reference": Method(0.01, hw.Transfer(method="v1", reference=SHIFTED, **FAST), "#0072b2"),
    "v2": Method(0.01, hw.Transfer(**FAST), "#009e73", "--"),
    "v2, reference": Method(0.01, hw.Transfer(reference=SHIFTED, **FAST), "#009e73"),
    "chopped": Method(0.01, hw.Transfer(method="chopped", fast_rate=10.0, auto_granularity=300.0), "#d55e00"),
    "AGAD": Method(
        0.01, hw.Transfer(method="agad", fast_rate=10.0, auto_granularity=100.0, chopper=0.3, regular=True), "#cc79a7"
    ),
    "tracked": Method(
        0.01,
        hw.Transfer(method="tracked", fast_rate=10.0, auto_granularity=100.0, chopper=0.3, regular=True, tail=0.5),
        "#7f5539",
    ),
    "two tiles": Method(0.003, hw.Tiles(gamma=0.25, every=10, threshold=0.03), "#56b4e9"),
}


def tried(name: str) -> Iterator[Method]:
    """Settings among which a method's are chosen."""
    method = METHODS[name]
    if name == "tracked":  # the flips and the fast rate of AGAD, which came out best of more
        for memory, tail in (*itertools.product((100.0, 300.0), (1.0, 2.0, 5.0, 10.0)), (100.0, 0.25), (100.0, 0.5)):
            fields = vars(method.writing) | {"auto_granularity": memory, "tail": tail}
            yield method._replace(writing=hw.Transfer(**fields))
        return
    for rate in (0.01,) if isinstance(method.writing, hw.Transfer) else (0.003, 0.01):
        if isinstance(method.writing, hw.Transfer):
            for memory, fast in itertools.product((100.0, 300.0), (1.0, 3.0, 10.0)):
                changed = {"auto_granularity": memory, "fast_rate": fast}
                flips = itertools.product((0.1, 0.3), (False, True)) if method.writing.flip else [(None, False)]
                for chopper, regular in flips:
                    fields = vars(method.writing) | changed | {"chopper": chopper, "regular": regular}
                    yield method._replace(rate=rate, writing=hw.Transfer(**fields))
        elif isinstance(method.writing, hw.Tiles):
            for gamma, every, threshold in itertools.product((0.1, 0.25, 0.5), (1, 10), (None, 0.1, 0.03)):
                yield method._replace(rate=rate, writing=hw.Tiles(gamma=gamma, every=every, threshold=threshold))
        else:
            yield method._replace(rate=rate)


def final_error(method: Method, asymmetry: float, seed: int) -> float:
    """Root mean square of W − W* at the end."""
    rng = np.random.default_rng(seed)
    target = np.clip(0.2 * rng.normal(size=(SIZE, SIZE)), -0.5, 0.5)
    cell = hw.Ideal() if method.ideal else hw.SoftBounds(**vars(CELL) | {"up_down": asymmetry})
    array = hw.SynapseArray((SIZE, SIZE), cell, writing=method.writing, seed=seed, weight_scale=1.0)
    array.program(np.zeros((SIZE, SIZE)))
    squares, count, x = 0.0, 0, rng.normal(size=SIZE)
    y = array.matvec(x)
    for write in range(WRITES):
        error, after = target @ x + NOISE * rng.normal(size=SIZE) - y, rng.normal(size=SIZE)
        y = array.sweep(after, error, x, method.rate)  # written, and read for the next sample
        x = after
        if write >= 3 * WRITES // 4 and write % 20 == 0:
            squares, count = squares + float(np.mean((array.read() - target) ** 2)), count + 1
    return float(np.sqrt(squares / count))


class Table:
    """A CSV file that is written method by method; rows of methods that are not asked for stay."""

    def __init__(self, path: Path, columns: tuple[str, ...], only: str):
        self.path, self.columns, self.rows = path, columns, []
        self.methods = [name for name in METHODS if only in name]
        if path.exists():
            with path.open(encoding="utf-8") as file:
                self.rows = [row for row in list(csv.reader(file))[1:] if row[0] not in self.methods]

    def add(self, rows: list[tuple]) -> None:
        """Rows of one method; the file is whole afterwards."""
        self.rows += [[str(value) for value in row] for row in rows]
        with self.path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self.columns, *self.rows])


def measure(path: Path, only: str) -> None:
    """Methods with `only` in their names at every asymmetry and seed."""
    table = Table(path, ("method", "asymmetry", "seed", "error"), only)
    for name in table.methods:
        places = itertools.product(ASYMMETRIES, SEEDS)
        table.add([(name, a, seed, f"{final_error(METHODS[name], a, seed):.5f}") for a, seed in places])


def tune(path: Path, only: str) -> None:
    """Every setting that is tried, best first by method."""
    table = Table(path, ("method", "rate", "writing", "error"), only)
    for name in table.methods:
        found = [(final_error(m, TUNED_AT, TUNING_SEED), m) for m in tried(name)]
        table.add([(name, m.rate, m.writing, f"{e:.5f}") for e, m in sorted(found, key=lambda pair: pair[0])])


def draw(folder: Path) -> None:
    """The figure, from the table alone."""
    from matplotlib.figure import Figure

    with (folder / "asymmetry.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    beside = folder / "asymmetry_aihwkit.csv"
    theirs = list(csv.DictReader(beside.read_text(encoding="utf-8").splitlines())) if beside.exists() else []
    figure = Figure((7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    for name, method in METHODS.items():
        mine = [row for row in rows if row["method"] == name]
        places = sorted({float(row["asymmetry"]) for row in mine})
        values = [[float(row["error"]) for row in mine if float(row["asymmetry"]) == place] for place in places]
        axes.plot(places, [np.mean(v) for v in values], method.dash, color=method.colour, lw=1.8, label=name)
        for place, some in zip(places, values, strict=True):
            axes.plot([place] * len(some), some, ".", color=method.colour, ms=4, alpha=0.6)
        peer = [(float(row["asymmetry"]), float(row["error"])) for row in theirs if row["method"] == name]
        means = [
            np.mean([error for place, error in peer if place == at]) for at in sorted({place for place, _ in peer})
        ]
        axes.plot(sorted({place for place, _ in peer}), means, "o", mfc="none", color=method.colour, ms=7)
    axes.plot([], [], "o", mfc="none", color="#444444", ms=7, label="the same in aihwkit")
    axes.set(
        xlabel="asymmetry of the mean cell, 1 − step down / step up at w = 0",
        ylabel="rms of W − W* at the end",
        yscale="log",
    )
    axes.set_title("Linear least squares by noisy gradients, soft bounds of 200 states", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(folder / "asymmetry.png", dpi=150)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("studies/results/transfer"))
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.tune:
        tune(options.out / "tuning.csv", options.only)
        return
    measure(options.out / "asymmetry.csv", options.only)
    draw(options.out)


if __name__ == "__main__":
    main()
