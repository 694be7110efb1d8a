"""Many runs in one process (200 with NEUROPERTURB_RUNS=200): no memory and no open file is left behind by any of them."""

from __future__ import annotations

import gc
import os
import sys

import pytest

from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import load
from neuroperturb.training.trainer import Trainer

TASK = {
    "name": "delayed-xor",
    "steps": 4,
    "cues": [0, 1],
    "trials_per_epoch": 4,
    "validation_trials": 4,
    "test_trials": 4,
}
TABLES = (
    {"rule": "np-trace"},
    {"rule": "np", "hardware": "ecram", "training": {"schedule": "online"}},
    {"rule": "bptt"},
    {"rule": "np", "spiking": "kernel"},
)
FIRST, RUNS = (
    40,
    int(os.environ.get("NEUROPERTURB_RUNS", "80")),
)  # growth counts after the first few, which fill caches
MOST = 8 * 2**20  # bytes


def resident() -> int:
    """Memory of this process now [bytes]."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one_run(number: int, path) -> None:
    """Trained, saved, loaded, reported; sizes of networks differ as those of a study do."""
    table = TABLES[number % len(TABLES)]
    training = {"epochs": 1, "batch_size": 2, "seed": number, **table.get("training", {})}
    trainer = Trainer(resolve({"task": TASK, "network": {"size": 2 + number % 3}, **table, "training": training}))
    for _ in trainer:
        pass
    trainer.run().save(path)
    assert "finished" in load(path).report()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.slow
def test_many_runs_leave_nothing_behind(tmp_path):
    for number in range(FIRST):
        one_run(number, tmp_path / "run.nc")
    gc.collect()
    memory, files = resident(), sorted(os.listdir("/proc/self/fd"))
    for number in range(FIRST, RUNS):
        one_run(number, tmp_path / "run.nc")
    gc.collect()
    assert sorted(os.listdir("/proc/self/fd")) == files
    assert resident() - memory < MOST, f"{(resident() - memory) / 2**20:.1f} MiB"
    assert os.listdir(tmp_path) == ["run.nc"]
