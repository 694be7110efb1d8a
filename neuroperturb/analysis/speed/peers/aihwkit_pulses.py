"""One online step of an array of pulsed cells, one write and two exact reads: ours, and a tile of aihwkit, float32.

Cells are those of :mod:`~neuroperturb.analysis.speed.array_bench`; the request is ± a share of a step for every cell. The peer sends it by
coincidences of random trains, ours by a random whole number a cell, and (`trains`) by coincidences, too. `difference` is by how much the mean
changes that were found differ. Processor time of all threads.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hardware_models import CoincidenceTrains, SynapseArray
from hardware_models.crossbar.contract import Writing
from neuroperturb.analysis.speed.array_bench import CELL, STEPS, step
from neuroperturb.analysis.speed.timing import compare

SIZE, SHARES, ROUNDS, WRITES = 500, (0.1, 1.0), 9, 20


def measure() -> dict[str, dict]:
    """Microseconds a step, by size and the share of a step that is requested."""
    ways = {"": None, "_trains": CoincidenceTrains()}
    return {f"{SIZE}_{share:g}{name}": _measure(share, way) for share in SHARES for name, way in ways.items()}


def _measure(share: float, writing: Writing | None) -> dict:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        theirs, size = _theirs(share)
        own, other = compare(step(SIZE, share, writing=writing, turning=True), theirs, ROUNDS, clock=time.process_time)
    finally:
        torch.set_num_threads(threads)
    own, other = 1e6 * float(own) / STEPS, 1e6 * float(other) / STEPS
    difference = abs(size / _size_of_ours(share, writing) - 1)
    return {"ours_us": own, "theirs_us": other, "ratio": other / own, "difference": difference}


def _factors(share: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.choice((-1.0, 1.0), SIZE), share * CELL.granularity * rng.choice((-1.0, 1.0), SIZE)


def _size_of_ours(share: float, writing: Writing | None) -> float:
    """Mean change of a weight by one write, in the direction of its request."""
    array = SynapseArray((SIZE, SIZE), CELL, seed=1, weight_scale=1.0, writing=writing)
    array.program(np.zeros((SIZE, SIZE)))
    post, pre = _factors(share)
    for _ in range(WRITES):
        array.update(post, pre)
    return float(np.mean(array.read() * np.sign(np.outer(post, pre)))) / WRITES


def _theirs(share: float) -> tuple[Any, float]:
    """Steps of a tile, in turn up and down, and the mean change of one write."""
    import torch
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.configs.devices import SoftBoundsDevice
    from aihwkit.simulator.parameters import IOParameters
    from aihwkit.simulator.tiles import AnalogTile

    exact = IOParameters(is_perfect=True)
    names = ("dw_min", "dw_min_std", "dw_min_dtod", "up_down_dtod", "w_max", "w_min", "w_max_dtod", "w_min_dtod")
    device = SoftBoundsDevice(**{name: getattr(CELL, name) for name in names})
    tile = AnalogTile(SIZE, SIZE, SingleRPUConfig(device=device, forward=exact, backward=exact))
    tile.set_weights(torch.zeros(SIZE, SIZE))
    post, pre = _factors(share)
    d, x = (torch.tensor(row[None], dtype=torch.float32) for row in (post, pre / np.abs(pre)))
    read = torch.randn(2, SIZE)
    tile.set_learning_rate(float(np.abs(pre[0])))
    sign = -1.0
    for _ in range(WRITES):
        tile.update(x, sign * d)
    size = float((tile.get_weights()[0].numpy() * np.sign(np.outer(post, pre))).mean()) / WRITES

    def steps() -> None:
        nonlocal sign
        sign = -sign
        with torch.no_grad():
            for _ in range(STEPS):
                tile.update(x, sign * d)
                tile.forward(read)

    return steps, size
