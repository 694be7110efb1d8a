"""Files of few tests that take long come first: begun last, they would keep one core busy long after the other is done."""

from __future__ import annotations

import gc
from collections import Counter

LONG = (
    "test_study_interrupted.py",
    "test_dask_workers.py",
    "test_fuzz.py",
    "test_interrupts.py",
    "test_kernel_cache.py",
    "test_many_runs.py",
    "test_same_bits.py",
    "test_user_code.py",
)  # few tests, which take long
# Objects between two looks for cycles. Numba keeps millions for as long as the process lives; walking them as often as Python
# does by default took a fifth of all time.
GARBAGE = (200_000, 50, 50)


def pytest_configure(config):
    gc.set_threshold(*GARBAGE)
    if hasattr(config.option, "loadscopereorder"):  # xdist would put files of many tests first
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name not in LONG, -tests[item.path], item.path))
