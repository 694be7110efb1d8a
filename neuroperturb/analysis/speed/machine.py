"""What figures of speed depend on: the processor, the vectors kernels are compiled for, and how fast it makes random numbers."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import numpy as np
from numba.core.registry import cpu_target

from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED, kernel
from neuroperturb.analysis.speed.timing import compare
from neuroperturb.results.provenance import versions

VECTORS = {"avx512f": 512, "avx2": 256, "avx": 256, "neon": 128, "sse2": 128}  # bits, widest first
ROW = 1024  # numbers of a row that is drawn
ROWS = 200


def machine() -> dict:
    """The processor, what kernels are compiled for, and versions.

    vector_bits : width of its vectors, None if what it can do was not asked (``NUMBA_CPU_NAME``), or nothing is compiled
    """
    target, found = "", ""
    if COMPILED:
        _, target, found = cpu_target.target_context.codegen().magic_tuple()
    return {
        "processor": processor(), "processors": os.cpu_count(), "target": target, "vector_bits": vector_bits(found),
        "versions": versions(),
    }  # fmt: skip


def processor() -> str:
    """Its name, as the system has it."""
    table = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.+)$", table.read_text(), re.MULTILINE) if table.exists() else None
    return name[1] if name else platform.processor() or platform.machine()


def vector_bits(features: str) -> int | None:
    """Width of the widest vectors in a list of LLVM's, ``"+avx2,-avx512f,…"``."""
    present = features.split(",")
    return next((bits for name, bits in VECTORS.items() if f"+{name}" in present), None)


def random_rates() -> dict[str, float]:
    """Nanoseconds of processor time a random number, float32, in rows of 1024; NumPy's own normal numbers beside them."""
    row, words, own = np.zeros(ROW, np.float32), np.zeros(ROW, np.uint32), np.random.default_rng(0)

    @kernel
    def draw_words(out):
        for number in range(ROWS):
            random.fill_bits(1, 2, 3, number, out)

    @kernel
    def draw_uniform(out):
        for number in range(ROWS):
            random.fill_uniform(1, 2, 3, number, out)

    @kernel
    def draw_normal(out):
        for number in range(ROWS):
            random.fill_normal(1, 2, 3, number, out)

    def draw_numpy():
        for _ in range(ROWS):
            own.standard_normal(out=row, dtype=np.float32)

    seconds = (
        *compare(lambda: draw_words(words), lambda: draw_uniform(row)), *compare(lambda: draw_normal(row), draw_numpy),
    )  # fmt: skip
    names = "words_ns", "uniform_ns", "normal_ns", "numpy_normal_ns"
    return {name: 1e9 * one / (ROWS * ROW) for name, one in zip(names, seconds, strict=True)}
