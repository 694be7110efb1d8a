"""Nanoseconds per element of the random-number and mathematics kernels, one core.

Usage: python benchmarks/random_numbers.py
"""

import time

import numpy as np

from hardware_models.numerics import maths, normal, random
from hardware_models.numerics.compiled import kernel

FILLS = (
    (random.fill_bits, (np.uint32,)),
    (random.fill_uniform, (np.float32, np.float64)),
    (random.fill_normal, (np.float32, np.float64)),
    (random.fill_rademacher, (np.float32, np.float64)),
    (random.fill_uniform_symmetric, (np.float32, np.float64)),
)
LENGTHS = (1024, 1000, 20)


def best_of(repeat, calls, trials=7):
    """Fastest of some trials of a compiled loop, in ns per call."""
    repeat(1)
    times = []
    for _ in range(trials):
        start = time.perf_counter()
        repeat(calls)
        times.append(time.perf_counter() - start)
    return min(times) / calls * 1e9


def time_fill(fill, out):
    @kernel
    def rows(seed, count, out):
        for row in range(count):
            fill(seed, 2, 3, row, out)

    return best_of(lambda count: rows(1, count, out), 2_000_000 // out.size) / out.size


def time_function(function, x):
    @kernel
    def sweep(count, x, y):
        for _ in range(count):
            for i in range(x.size):
                y[i] = function(x[i])

    y = np.empty_like(x)
    return best_of(lambda count: sweep(count, x, y), 2_000_000 // x.size) / x.size


def main():
    for fill, dtypes in FILLS:
        for dtype in dtypes:
            figures = "  ".join(f"{time_fill(fill, np.empty(n, dtype)):7.2f}" for n in LENGTHS)
            print(f"{fill.__name__:24}{np.dtype(dtype).name:8} {figures}")
    x = random.uniform(0, random.Stream.DATA, 0, 1024)
    for function in (maths.tanh, maths.exp, maths.log, normal.normal_quantile):
        for dtype in (np.float32, np.float64):
            print(f"{function.__name__:24}{np.dtype(dtype).name:8} {time_function(function, x.astype(dtype)):7.2f}")


if __name__ == "__main__":
    main()
