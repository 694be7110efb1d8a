"""Access to Brian2: imported when needed, its active device restored afterwards, no preference changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuroperturb.spec import InputError, SpecError

COMPILERS = ("g++", "c++", "clang++")
STANDALONE = "cpp_standalone"


def load() -> Any:
    """The module `brian2`; if it is absent, or does not import, the error says what to do."""
    try:
        import brian2
    except ImportError as error:
        if getattr(error, "name", None) == "brian2":
            raise InputError(
                "The backend 'brian2' needs Brian2: install it with pip install 'neuroperturb[brian2]'."
            ) from None
        raise InputError(
            f"Brian2 is installed but does not import ({error}): pip install 'neuroperturb[brian2]' installs compatible versions."
        ) from None
    return brian2


def check_target(target: str) -> None:
    """Reject a target that needs a compiler if there is none."""
    if target == "numpy":
        return
    wanted = (os.environ["CXX"].split()[0],) if os.environ.get("CXX") else COMPILERS
    missing = None if any(map(shutil.which, wanted)) else f"a C++ compiler ({' or '.join(wanted)})"
    if target == STANDALONE and not shutil.which("make"):
        missing = missing or "make"
    if missing:
        hint = "It is not on the PATH: install it, or choose 'numpy'."
        raise SpecError("spiking.backend.target", "", f"{target!r} only with {missing}", hint=hint, verb="can be")


def code_class(target: str) -> Any:
    """The code-generation target of one object; given to each, so that Brian2's own default is unchanged."""
    if target == STANDALONE:
        return None  # the device decides
    if target == "numpy":
        from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

        return NumpyCodeObject
    from brian2.codegen.runtime.cython_rt import CythonCodeObject

    return CythonCodeObject


class BuildFolder:
    """A new folder for one standalone program, deleted with its owner."""

    def __init__(self):
        self._owner = tempfile.TemporaryDirectory(prefix="neuroperturb-brian2-")
        self.path = Path(self._owner.name)

    def remove(self) -> None:
        self._owner.cleanup()


@contextlib.contextmanager
def borrowed(target: str) -> Iterator[Any]:
    """Activate the device of a target while objects are created for it; the previous device is restored afterwards.

    A standalone program gets its own device, so that several can coexist.
    """
    from brian2.devices.device import get_device, reset_device, set_device

    if target != STANDALONE:
        yield get_device()
        return
    from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

    device = CPPStandaloneDevice()
    set_device(device, build_on_run=False)
    try:
        yield device
    finally:
        reset_device()
