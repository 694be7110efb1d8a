"""The error of a read relative to the product of the stored weights with the inputs, and its sources.

    e = (y_read − W x) / rms(W x)        W the stored weights, normal with a quarter of the smaller bound; x uniform in ±1

for the whole readout; and for each of its parts alone, relative to an exact read of the same cells, whose own read noise, if they
have any, is a part, too. Errors of independent parts add in quadrature.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hardware_models.hardware import Hardware
from hardware_models.numerics import random
from hardware_models.reading.converters import AbsMax, Converter, Iterative
from hardware_models.reading.reading import Reading

# For hardware without its own readout: the converters and noise of T. Gokmen, M. Onen & W. Haensch, "Training deep convolutional
# neural networks with resistive cross-point devices", Front. Neurosci. 11:538 (2017), doi:10.3389/fnins.2017.00538.
TYPICAL = Reading(
    dac=Converter(bits=7), adc=Converter(bits=9, bound=12.0), scaling=AbsMax(), bound_management=Iterative(), output_noise_std=0.06
)  # fmt: skip
ROUNDING = 1e-5  # of the signal: error of sums in single precision
WORDS = {
    "dac": "DAC", "adc": "ADC", "input_noise_std": "input noise", "weight_noise": "weight noise",
    "output_noise_std": "output noise", "gain_std": "line gains", "offset_std": "line offsets", "wires": "wire resistance",
    "compression": "compression",
}  # fmt: skip


class ReadError(NamedTuple):
    """A read against the exact product.

    exact, read : (outputs · columns,) device units · input units;  rms : of e;  parts : rms of e by each part alone
    inputs : of every sum;  typical : the readout is `TYPICAL`, for hardware without its own
    """

    exact: np.ndarray
    read: np.ndarray
    rms: float
    parts: dict[str, float]
    inputs: int
    typical: bool


def read_error(hardware: Hardware, seed: int = 0, side: int = 64) -> ReadError:
    """The error of reads of an array of `side` inputs and outputs, for as many columns of inputs."""
    reading = hardware.reading or TYPICAL
    exact, read = _read(hardware, reading, seed, side)
    _, bare = _read(hardware, Reading(), seed, side)
    rms = lambda error: float(np.sqrt(np.mean(error**2) / np.mean(exact**2)))  # noqa: E731
    parts = {"cells": rms(bare - exact)} if rms(bare - exact) > ROUNDING else {}
    parts |= {
        words: rms(_read(hardware, _alone(reading, name), seed, side)[1] - bare) for name, words in _present(reading)
    }
    return ReadError(exact, read, rms(read - exact), parts, side, hardware.reading is None)


def _present(reading: Reading):
    exact = Reading()
    return [(name, words) for name, words in WORDS.items() if getattr(reading, name) != getattr(exact, name)]


def _alone(reading: Reading, name: str) -> Reading:
    managed = {"bound_management": reading.bound_management} if name == "adc" else {}
    return replace(Reading(scaling=reading.scaling), **{name: getattr(reading, name)}, **managed)


def _read(hardware: Hardware, reading: Reading, seed: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The exact product and the read, (outputs · columns,) each."""
    array = replace(hardware, reading=reading, weight_scale=1.0, cells_file=None).array(
        (side, side), seed=seed, columns=side
    )
    draw = lambda stream: random.normal(seed, stream, 0, (side, side), np.float64)  # noqa: E731
    array.program((array.cell.bound or 1.0) / 4 * draw(random.Stream.INIT))
    x = _uniform(draw(random.Stream.DATA))
    return (x @ array.read().astype(np.float64).T).ravel(), array.matvec(x).astype(np.float64).ravel()


def _uniform(xi) -> np.ndarray:
    """Ranks of normal numbers, −1 … 1."""
    order = np.argsort(np.argsort(xi, axis=None)).reshape(xi.shape)
    return (order + 0.5) / xi.size * 2 - 1
