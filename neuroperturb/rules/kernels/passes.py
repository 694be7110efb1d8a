"""Common part and difference of two parallel passes; rows are ordered by pass, then by trial."""

from __future__ import annotations

from hardware_models.numerics.compiled import kernel


@kernel
def divide_passes(values, paired, size, centre, delta):
    """Centre and perturbation of the passes: clean and noisy − clean, or mean and half difference; for a single pass itself and 0."""
    batch = centre.shape[0]
    half, last = type(values[0, 0])(0.5), values.shape[0] - batch  # first row of the second pass, or of the only one
    for b in range(batch):
        first, second = values[b], values[last + b]
        if paired:
            for i in range(size):
                centre[b, i] = half * (first[i] + second[i])
                delta[b, i] = half * (second[i] - first[i])
        else:
            for i in range(size):
                centre[b, i] = first[i]
                delta[b, i] = second[i] - first[i]


@kernel
def centre_rows(values, paired, out):
    """Presynaptic activity: of the clean pass, or the mean of a pair."""
    batch = out.shape[0]
    half = type(values[0, 0])(0.5)
    for b in range(batch):
        if paired:
            for i in range(out.shape[1]):
                out[b, i] = half * (values[b, i] + values[batch + b, i])
        else:
            for i in range(out.shape[1]):
                out[b, i] = values[b, i]
