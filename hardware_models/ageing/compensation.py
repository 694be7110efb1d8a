"""Global drift compensation: reads are multiplied, digitally, by the average loss of the array.

    α = Σ_ij |y_ij(t_0)| / Σ_ij |y_ij(t)|          y_ij the read of output i with only input j at 1

One factor per array, or one per output (Σ over j only), as in V. Joshi et al., "Accurate deep neural network inference using
computational phase-change memory", Nat. Commun. 11, 2473 (2020), doi:10.1038/s41467-020-16108-9, and M. Le Gallo et al.,
"Compressed sensing with approximate message passing using in-memory computing", IEEE Trans. Electron Devices 65, 4304 (2018),
doi:10.1109/TED.2018.2865352. The read-outs are reads like any other, with their noise and conversions, and are counted: m
columns each time. No weight changes.
"""

from __future__ import annotations

import numpy as np

from hardware_models.crossbar.contract import Site


def read_out(site: Site) -> np.ndarray:
    """Σ_j |y_ij| of every output (n,), float64, without compensation: m reads of unit inputs, as many at once as the array allows."""
    correction = site.state.correction
    before = correction.copy()
    correction[:] = 1
    m, at_once = site.shape[1], len(site.state.scratch.back)
    total = np.zeros(site.shape[0])
    for first in range(0, m, at_once):
        units = np.eye(min(at_once, m - first), m, first, dtype=site.dtype)
        total += np.abs(site.matvec(units)).sum(axis=0, dtype=np.float64)
    correction[:] = before
    return total


def factors(reference, now, *, per_output: bool) -> np.ndarray:
    """α (n,) from two read-outs; 1 if nothing is left to scale."""
    if not per_output:
        reference, now = (np.full(len(x), x.sum()) for x in (reference, now))
    return np.divide(reference, now, out=np.ones(len(now)), where=now > 0)
