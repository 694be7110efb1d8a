"""The realised changes of a write scheme, measured on a copy of the array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from hardware_models.numerics.checks import ParameterError


class Realised(NamedTuple):
    """Changes of every weight, (n, m), weight units, over repetitions of one write.

    requested : the changes requested
    mean, variance : of the changes realised;  bias : mean − requested;  error : standard error of the mean
    """

    requested: np.ndarray
    mean: np.ndarray
    bias: np.ndarray
    variance: np.ndarray
    error: np.ndarray


def report(array: SynapseArray, post, pre, reward=None, *, samples: int = 1000) -> Realised:
    """Write the same update many times, each time from the present weights; the array itself is not changed.

    Parameters
    ----------
    array : SynapseArray
    post, pre, reward : the update, as in :meth:`SynapseArray.update`
    samples : 2 or more

    Examples
    --------
    >>> import hardware_models as hw
    >>> array = hw.SynapseArray((2, 3), hw.SoftBounds(), writing=hw.CoincidenceTrains(), seed=1)
    >>> array.program(np.zeros((2, 3)))
    >>> report(array, [0.002, -0.004], [1.0, 0.5, 0.0], samples=100).mean.round(4)
    array([[ 0.0018,  0.0011,  0.    ],
           [-0.0027, -0.0026,  0.    ]])
    """
    if not (isinstance(samples, int) and samples >= 2):
        raise ParameterError("samples", "report", "2 or more", samples)
    rows, columns = np.atleast_2d(np.asarray(post, float)), np.atleast_2d(np.asarray(pre, float))
    factors = np.broadcast_to(1.0 if reward is None else np.asarray(reward, float), len(rows))
    twin, W = _twin(array), array.read()
    total, square = np.zeros(array.shape), np.zeros(array.shape)
    for _ in range(samples):
        for own, cells in zip(twin.state.cells, array.state.cells, strict=True):
            if own.shape == cells.shape:  # ageing of the array is not part of its copy
                own[...] = cells
        twin.update(rows, columns, factors)
        change = twin.read().astype(np.float64) - W
        total += change
        square += change * change
    mean = total / samples
    variance = np.maximum(square - samples * mean * mean, 0) / (samples - 1)
    requested = np.einsum("r,ri,rj->ij", factors, rows, columns)
    return Realised(requested, mean, mean - requested, variance, np.sqrt(variance / samples))


def _twin(array: SynapseArray) -> SynapseArray:
    """An array of the same chip and scale without any writes."""
    return type(array)(
        array.shape, array.cell, weight=array.weight, writing=array.writing, dtype=array.dtype, seed=array.state.seed,
        number=array.number, weight_scale=float(array.state.scale[0]), columns=array.columns,
    )  # fmt: skip
