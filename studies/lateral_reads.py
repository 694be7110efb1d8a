"""Does NP+P survive a P that is read by a chip? Delayed XOR, the network on ideal arrays, P on 16-bit cells behind converters and noise.

    python studies/lateral_reads.py                        # 4 seeds, about a minute of one core for each row of the table

P starts at 1 and its cells reach 1/ρ. Reads of P and column reads of P pass the same DAC (bound 2) and ADC. An ADC's bound and its noise
are given in units of z: 10 for ρ = 0.1, 17 for ρ = 0.03, three standard deviations of z' = P(x̂ + √ρ ν) at their largest, √(1/ρ).
Read noise is a part of that bound on every output (``output``), or a part of 1/ρ on every cell (``cell``).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from neuroperturb.experiments.toml import resolve
from neuroperturb.training.trainer import Trainer

OUT = Path(__file__).parent / "results" / "lateral-reads" / "runs.csv"
SEEDS = (1, 2, 3, 4)  # tuning seeds: what is found is no claim
BOUND = {0.1: 10.0, 0.03: 17.0}
# name → (bits of DAC and ADC, read noise of outputs, read noise of cells), and the ADC's bound in the BOUND above where it is not 1
ROWS = {
    "16-bit cells, exact reads": (0, 0.0, 0.0),
    "8 bits": (8, 0.0, 0.0),
    "6 bits": (6, 0.0, 0.0),
    "output noise 0.01": (0, 0.01, 0.0),
    "output noise 0.02": (0, 0.02, 0.0),
    "output noise 0.05": (0, 0.05, 0.0),
    "cell noise 0.01": (0, 0.0, 0.01),
    "cell noise 0.05": (0, 0.0, 0.05),
    "8 bits, output noise 0.01": (8, 0.01, 0.0),
    "8 bits, twice the bound": (8, 0.0, 0.0, 2.0),
    "6 bits, twice the bound": (6, 0.0, 0.0, 2.0),
}


def experiment(seed: int, rho: float, bits: int, output: float, cell: float, wider: float = 1.0):
    """NP+P with a P that is read so."""
    bound = wider * BOUND[rho] * rho  # in units of a cell, whose range is 1/ρ
    reading = {"kind": "analog", "output_noise_std": output * bound}
    if bits:
        reading |= {"dac": {"bits": bits, "bound": 2.0}, "adc": {"bits": bits, "bound": bound}}
    if cell:
        reading["weight_noise"] = {"kind": "constant", "std": cell}
    return resolve(
        {
            "task": {"name": "delayed-xor", "trials_per_epoch": 1280},
            "network": {"size": 20, "gain": 1.1, "bias": True},
            "training": {"schedule": "episode", "batch_size": 64, "epochs": 40, "seed": seed},
            "rule": {
                "name": "np-p", "noise_std": 0.05, "learning_rate": 0.02, "rate": {"kind": "cosine", "final": 0.0},
                "presynaptic": {"kind": "whitened", "ridge": rho},
            },
            "hardware": {"name": "ideal", "P": {"name": "ideal", "cells": {"kind": "digital", "bits": 16}, "reading": reading}},
        }
    )  # fmt: skip


def test_loss(what) -> float:
    """Of a run to its end; infinite if it diverges."""
    trainer = Trainer(what)
    for _ in trainer:
        pass
    return trainer.score(trainer.dataset.test)["loss"] if trainer.run().status == "finished" else float("inf")


def main() -> None:
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with OUT.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["ridge", "reads of P", *(f"seed {seed}" for seed in SEEDS)])
        for rho in BOUND:
            for name, reads in ROWS.items():
                losses = [test_loss(experiment(seed, rho, *reads)) for seed in SEEDS]
                table.writerow([rho, name, *(f"{loss:.4g}" for loss in losses)])
                file.flush()
                print(
                    f"ρ {rho:<5} {name:<28} median {np.median(losses):.3g}",
                    *(f"{x:.3g}" for x in losses),
                    file=sys.stderr,
                )


if __name__ == "__main__":
    main()
