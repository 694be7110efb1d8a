"""The experiment of transfer.py in aihwkit, where it is installed (1.1.0 is what the table is of; it needs PyTorch): its devices, its kernels.

Same problem, size, samples a write, cell and asymmetries; pulses are sent as stochastic trains of 31 slots, which is how the peer writes. A row is
read every write, exactly, as in transfer.py. Settings of every method were chosen at asymmetry 0.4 with seed 100 among those of `TRIED`.

    python studies/transfer_peer.py [--tune]    # into studies/results/transfer/{asymmetry,tuning}_aihwkit.csv
"""

from __future__ import annotations

import csv
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from aihwkit.simulator.configs import SingleRPUConfig, UnitCellRPUConfig
from aihwkit.simulator.configs.compounds import (
    BufferedTransferCompound,
    ChoppedTransferCompound,
    DynamicTransferCompound,
    TransferCompound,
)
from aihwkit.simulator.configs.devices import SoftBoundsDevice, SoftBoundsReferenceDevice
from aihwkit.simulator.parameters import IOParameters
from aihwkit.simulator.tiles import AnalogTile

SIZE, WRITES, NOISE = 16, 10_000, 0.3
ASYMMETRIES, SEEDS, TUNING_SEED, TUNED_AT = (0.0, 0.2, 0.4, 0.6, 0.8), (1, 2), 100, 0.4
CELL = {
    "dw_min": 0.01, "dw_min_std": 0.3, "dw_min_dtod": 0.3, "up_down_dtod": 0.1, "w_max": 1.0, "w_min": -1.0, "w_max_dtod": 0.0,
    "w_min_dtod": 0.0,
}  # fmt: skip
OUT = Path(__file__).parent / "results" / "transfer"
EXACT = IOParameters(is_perfect=True)
KINDS = {
    "v1": TransferCompound, "v2": BufferedTransferCompound, "chopped": ChoppedTransferCompound, "AGAD": DynamicTransferCompound,
}  # fmt: skip
GRID = tuple({"fast_lr": fast, "memory": memory} for fast in (0.01, 0.03, 0.1) for memory in (30.0, 100.0, 300.0))
TRIED: dict[str, tuple[dict[str, float], ...]] = {
    "plain pulses": ({"rate": 0.003}, {"rate": 0.01}),
    "v1": GRID, "v1, reference": GRID, "v2": GRID, "v2, reference": GRID,
    "chopped": tuple({**one, "in_chop_prob": p} for one in GRID for p in (0.02, 0.1)),
    "AGAD": tuple({**one, "in_chop_prob": p} for one in GRID for p in (0.02, 0.1)),
}  # fmt: skip


def config(name: str, asymmetry: float, fast_lr: float = 0.0, memory: float = 0.0, **options: float) -> Any:
    """The peer's configuration of a method; memory : writes that A is taken to remember."""
    cell = lambda: SoftBoundsDevice(up_down=asymmetry, **CELL)  # noqa: E731
    if name == "plain pulses":
        return SingleRPUConfig(device=cell(), forward=EXACT, backward=EXACT)
    kind, *referenced = name.split(", ")
    fast = SoftBoundsReferenceDevice(up_down=asymmetry, subtract_symmetry_point=True, **CELL) if referenced else cell()
    same = {
        "unit_cell_devices": [fast, cell()], "transfer_every": 1.0, "units_in_mbatch": False, "transfer_forward": EXACT, "fast_lr": fast_lr,
    }  # fmt: skip
    if kind in ("v1", "v2"):  # what is read moves C by its share in what A forgets
        same |= {"scale_transfer_lr": False, "transfer_lr": 0.01 * SIZE / (fast_lr * memory)}
    else:
        same |= {"auto_granularity": memory, **options}
    if kind == "v2":
        same |= {"thres_scale": 1.0, "momentum": 0.0}
    return UnitCellRPUConfig(device=KINDS[kind](**same), forward=EXACT, backward=EXACT)


def final_error(name: str, asymmetry: float, seed: int, rate: float = 0.01, **options: float) -> float:
    """Root mean square of W − W* at the end."""
    rng = np.random.default_rng(seed)
    target = torch.tensor(np.clip(0.2 * rng.normal(size=(SIZE, SIZE)), -0.5, 0.5), dtype=torch.float32)
    torch.manual_seed(seed)
    made = config(name, asymmetry, **options)
    made.mapping.weight_scaling_omega = 0.0
    made.device.construction_seed = seed
    tile = AnalogTile(SIZE, SIZE, made)
    tile.set_weights(torch.zeros(SIZE, SIZE))
    tile.set_learning_rate(rate)
    x = torch.tensor(rng.normal(size=(WRITES, 1, SIZE)), dtype=torch.float32)
    noise = torch.tensor(NOISE * rng.normal(size=(WRITES, 1, SIZE)), dtype=torch.float32)
    squares, count = 0.0, 0
    with torch.no_grad():
        for write in range(WRITES):
            error = tile.forward(x[write]) - x[write] @ target.T - noise[write]
            tile.update(x[write], error)
            if write >= 3 * WRITES // 4 and write % 20 == 0:
                squares, count = squares + float(((tile.get_weights()[0] - target) ** 2).mean()), count + 1
    return float(np.sqrt(squares / count))


def tune() -> dict[str, dict[str, float]]:
    """The best setting of every method; all that was tried is written down."""
    best, rows = {}, []
    for name, settings in TRIED.items():
        found = sorted(
            ((final_error(name, TUNED_AT, TUNING_SEED, **one), one) for one in settings), key=lambda pair: pair[0]
        )
        best[name] = found[0][1]
        rows += [
            (name, " ".join(f"{key}={value:g}" for key, value in one.items()), f"{error:.5f}") for error, one in found
        ]
        print(name, found[0], flush=True)
    _write(OUT / "tuning_aihwkit.csv", ("method", "settings", "error"), rows)
    return best


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def chosen() -> dict[str, dict[str, float]]:
    """Settings by the table of what was tried."""
    best: dict[str, dict[str, float]] = {}
    with (OUT / "tuning_aihwkit.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            pairs = (pair.split("=") for pair in row["settings"].split())
            best.setdefault(row["method"], {key: float(value) for key, value in pairs})
    return best


def main() -> None:
    """Measure every method at every asymmetry."""
    best = tune() if "--tune" in sys.argv[1:] else chosen()
    rows = [
        (name, asymmetry, seed, f"{final_error(name, asymmetry, seed, **best[name]):.5f}")
        for name, asymmetry, seed in itertools.product(best, ASYMMETRIES, SEEDS)
    ]
    _write(OUT / "asymmetry_aihwkit.csv", ("method", "asymmetry", "seed", "error"), rows)


if __name__ == "__main__":
    main()
