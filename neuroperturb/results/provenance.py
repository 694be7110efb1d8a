"""Provenance of a record: versions and processor."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib import metadata


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that compute."""
    names = ("neuroperturb", "numpy", "numba", "llvmlite", "scipy")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def cpu() -> dict[str, str]:
    """The processor as the compiler sees it: results may differ in their last bits between processors."""
    from llvmlite import binding

    features = binding.get_host_cpu_features().flatten()
    return {"name": binding.get_host_cpu_name(), "features": hashlib.sha256(features.encode()).hexdigest()[:12]}


@functools.cache  # searching the installed packages takes 10 ms
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
