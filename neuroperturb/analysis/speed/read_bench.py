"""Speed of reads: 128 columns of an array of 512 × 512, float32, against NumPy's matrix product of the same sizes.

ideal     exact reads.  Floor: the product itself, with multiplication and addition contracted by BLAS; here sums keep their order
noisy     converters of 8 bits, noise of each cell in proportion to its weight, and of each output.  Floor: two products
"""

from __future__ import annotations

import numpy as np

from hardware_models import AbsMax, Converter, ProportionalReadNoise, Reading, SynapseArray
from neuroperturb.analysis.speed.timing import compare

SIZE, COLUMNS = 512, 128
NOISY = Reading(
    dac=Converter(bits=8), adc=Converter(bits=8, bound=12.0), scaling=AbsMax(),
    weight_noise=ProportionalReadNoise(std=0.02), output_noise_std=0.05,
)  # fmt: skip
READINGS = {"ideal": None, "noisy": NOISY}


def read(name: str, size: int = SIZE, columns: int = COLUMNS) -> dict[str, float]:
    """One read, and its ratio to the product."""
    rng = np.random.default_rng(0)
    array = SynapseArray((size, size), seed=1, columns=columns, reading=READINGS[name])
    array.program(0.1 * rng.normal(size=(size, size)))
    x, w = rng.normal(size=(columns, size)).astype(np.float32), np.ascontiguousarray(array.read().T)
    out = np.empty((columns, size), np.float32)
    one, product = compare(lambda: array.matvec(x), lambda: np.matmul(x, w, out=out))
    return {"read_us": 1e6 * one, "product_us": 1e6 * product, "ratio": one / product}
