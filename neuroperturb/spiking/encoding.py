"""Input spikes generated in advance as an array for Brian2, equal to those that the compiled kernel draws as it runs."""

from __future__ import annotations

import numpy as np

from neuroperturb.network.lif import LIF
from neuroperturb.spiking.kernel import KICKS
from neuroperturb.spiking.model import spiking_numbers
from neuroperturb.tasks.door import real


def input_spikes(lif: LIF, inputs: np.ndarray, seed: int, clock: int) -> np.ndarray:
    """±1 for a spike of an input line, 0 elsewhere, (T, substeps, B, n_in).

    inputs : (T, B, n_in);  clock : steps of the task before the first
    """
    numbers, kick = spiking_numbers(lif, seed, np.float64), KICKS[lif.encoding.kind]
    inputs = real("inputs", inputs, "input_spikes")
    T, B, n_in = inputs.shape
    inputs, kicks = np.ascontiguousarray(inputs), np.zeros((T, numbers.substeps, B, n_in))
    for t, sub, b in np.ndindex(T, numbers.substeps, B):
        kick(numbers, clock + t, sub, b, inputs[t, b], kicks[t, sub, b])
    return kicks
