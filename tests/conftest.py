"""Files that take minutes come first: begun last, they would keep one core busy long after the other is done."""

from __future__ import annotations

from collections import Counter

LONG = (
    "test_study_interrupted.py",
    "test_dask_workers.py",
    "test_fuzz.py",
    "test_many_runs.py",
)  # few tests, minutes each


def pytest_configure(config):
    if hasattr(config.option, "loadscopereorder"):  # xdist would put files of many tests first
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name not in LONG, -tests[item.path], item.path))
