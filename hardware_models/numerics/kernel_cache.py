"""Compiled kernels cached on disk: compiled once, in the first process that needs them, and never stale.

A file goes by the key of all that its machine code depends on (:mod:`hardware_models.numerics.kernel_key`); what changes has another
key, so a file is never wrong, only unused. Kept are *roots*: kernels that Python calls, and those across
:func:`hardware_models.numerics.compiled.separate`; what they call is inside them. Kernels find one another by symbol,
``neuroperturb_<key>``, and no address is ever in a file:

    file = sha256 of the rest · pickle of (symbols it needs, name of its function, what Numba needs to load it)

A file is used if all it needs can be had, from memory or from other files; anything else (torn, unreadable, of another user) is a
miss, and the kernel is compiled. Files are written under another name and renamed; writers of one name write the same. The folder is
the user's own, mode 0700; opening a pickle of somebody else's would run their code, so a folder that others own or may write to is not
used. ``NEUROPERTURB_CACHE`` names the folder, or is 0: nothing is read or written.

This rests on parts of Numba that are not public, and switches itself off where they are missing: :func:`problem` says why.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import pickle
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import llvmlite.binding
import numba
from numba.core import bytecode, sigutils
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher

from hardware_models.numerics.kernel_key import key_of, stamp
from hardware_models.numerics.lean_compiler import is_for_python, is_root

VARIABLE = "NEUROPERTURB_CACHE"
PREFIX = "neuroperturb_"
LIMIT = 512 * 2**20  # bytes that all versions together may take
SUFFIX, PART = ".kernel", ".part"  # of whole files, and of those being written
LEFT = 3600.0  # seconds after which the writer of a part is dead
PRIVATE = ("_reduce", "_rebuild")  # of CompileResult


# ----------------------------------------------------------------------------------------------------------------------
# Whether, and where


@functools.cache
def problem() -> str:
    """Why kernels are not cached, in one sentence; empty if they are."""
    if numba.config.DISABLE_JIT:
        return "Nothing is compiled: NUMBA_DISABLE_JIT is set."
    if os.environ.get(VARIABLE, "").strip() == "0":
        return f"Kernels are not cached: {VARIABLE} is 0."
    missing = [name for name in PRIVATE if not hasattr(CompileResult, name)]
    if missing or not hasattr(bytecode.FunctionIdentity, "_unique_ids"):
        return f"Kernels are not cached: Numba {numba.__version__} has no {(missing or ['FunctionIdentity._unique_ids'])[0]}."
    try:
        _make_private(root())
    except OSError as error:
        return f"Kernels are not cached: {root()} cannot be used ({error.strerror or error})."
    return ""


def root() -> Path:
    """The folder of all versions."""
    asked = os.environ.get(VARIABLE, "").strip()
    if asked and asked != "0":
        return Path(asked).expanduser()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "neuroperturb" / "kernels"


def folder() -> Path:
    """Of kernels that this version, on this processor, can use."""
    return root() / stamp()[:16]


def _make_private(path: Path) -> None:
    """Make the folder, for the user alone; OSError where it is, or may be written by, somebody else's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not hasattr(os, "getuid"):
        return
    found = path.stat()
    if found.st_uid != os.getuid():
        raise PermissionError(0, "it belongs to somebody else")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise PermissionError(0, "others may write to it")


class Other(Protocol):
    """A process that compiles at the same time (:mod:`hardware_models.numerics.compile_ahead`)."""

    def wait(self, key: str) -> bool:
        """Called for a kernel that is not there, before it is compiled: whether to look again, since it was compiled meanwhile."""

    def part(self) -> None:
        """Called for what is compiled into another kernel, before it is."""

    def done(self, key: str) -> None:
        """Called for one that was compiled, and kept."""


elsewhere: Other | None = None


class KernelCache:
    """The place of Numba's own cache in a dispatcher; see :class:`numba.core.caching.NullCache`."""

    cache_path = None

    def __init__(self, dispatcher: Dispatcher):
        self._dispatcher = dispatcher

    def load_overload(self, signature, target_context) -> CompileResult | None:
        """The kernel of a file, or None."""
        if problem():
            return None
        if not is_root():
            if elsewhere is not None:
                elsewhere.part()
            return None
        arguments, _ = sigutils.normalize_signature(signature)
        key = key_of(self._dispatcher, arguments, is_for_python())
        if key is None:
            return None
        target_context.refresh()  # what kernels call of Numba's own is there before they are
        found = _load(key, arguments, target_context)
        if found is None and elsewhere is not None and elsewhere.wait(key):
            return _load(key, arguments, target_context)
        return found

    def save_overload(self, signature, compiled: CompileResult) -> None:
        """Keep a kernel that was compiled."""
        if not is_root() or problem():
            return
        arguments, _ = sigutils.normalize_signature(signature)
        key = key_of(self._dispatcher, arguments, is_for_python())
        if key is not None:
            _save(key, compiled)
            if elsewhere is not None:
                elsewhere.done(key)

    def enable(self) -> None:
        """There is nothing to switch on."""

    def disable(self) -> None:
        """There is nothing to switch off."""

    def flush(self) -> None:
        """Nothing waits."""


# ----------------------------------------------------------------------------------------------------------------------
# Symbols

_symbols: dict[str, object] = {}  # registered with the linker, each with what keeps its code alive
_sources: dict[str, Callable[[], int]] = {}  # addresses of what is no kernel, by symbol
_anonymous = itertools.count()


def declare(symbol: str, address: Callable[[], int]) -> None:
    """Say where the linker finds a function that is no kernel, asked for when it is first needed."""
    _sources[symbol] = address


def require(symbol: str) -> None:
    """Register the symbol of a declared function."""
    if symbol not in _symbols:
        _symbols[symbol] = None
        llvmlite.binding.add_symbol(symbol, _sources[symbol]())


def symbol_of(dispatcher: Dispatcher, arguments: tuple) -> str:
    """The symbol by which callers find a version of a kernel that is compiled, registered."""
    compiled = dispatcher.overloads[arguments]
    key = None if problem() else key_of(dispatcher, arguments, False)
    if key is None:
        symbol = (
            next((name for name, kept in _symbols.items() if kept is compiled), None)
            or f"{PREFIX}only_here_{next(_anonymous)}"
        )
    else:
        symbol = PREFIX + key
        if not _file(key).exists():  # it was compiled inside another one before
            _save(key, compiled)
    _register(symbol, compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name), compiled)
    return symbol


def _register(symbol: str, address: int, keep: object) -> None:
    if symbol not in _symbols:
        llvmlite.binding.add_symbol(symbol, address)
        _symbols[symbol] = keep


# ----------------------------------------------------------------------------------------------------------------------
# Files


class Kept(NamedTuple):
    """What a file holds."""

    needs: tuple[str, ...]  # symbols it calls
    function: str  # name of its function
    reduced: tuple  # what Numba rebuilds it from


def _file(key: str) -> Path:
    return folder() / (key + SUFFIX)


def _read(key: str) -> Kept | None:
    """A whole file of ours; None for anything else."""
    try:
        data = _file(key).read_bytes()
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        os.utime(_file(key))
        return Kept(*pickle.loads(data[32:]))
    except Exception:  # whatever a damaged or foreign file can raise: it is a miss
        return None


def _load(key: str, arguments: tuple, target_context) -> CompileResult | None:
    kept = _read(key)
    if kept is None or not all(_obtain(symbol, target_context) for symbol in kept.needs):
        return None
    try:
        compiled = CompileResult._rebuild(target_context, *kept.reduced)
    except Exception:  # of another Numba, or not what it says it is
        return None
    # classes of __main__ are other objects here: what was asked for is what the overload goes by
    return compiled._replace(signature=compiled.signature.replace(args=tuple(arguments)))


def _obtain(symbol: str, target_context) -> bool:
    """Whether a symbol can be called: it is registered, or declared, or in a file."""
    if symbol in _symbols:
        return True
    if symbol in _sources:
        require(symbol)
        return True
    kept = _read(symbol.removeprefix(PREFIX))
    if kept is None or not all(_obtain(inner, target_context) for inner in kept.needs):
        return False
    try:
        compiled = CompileResult._rebuild(target_context, *kept.reduced)
        _register(symbol, compiled.library.get_pointer_to_function(kept.function), compiled)
    except Exception:
        return False
    return True


def _save(key: str, compiled: CompileResult) -> None:
    """Write a file, whole or not at all; what cannot be written is compiled again next time."""
    needs = tuple(
        f.name for f in compiled.library._final_module.functions if f.is_declaration and f.name.startswith(PREFIX)
    )
    if any(name.startswith(f"{PREFIX}only_here_") for name in needs):
        return
    part = None
    try:
        data = pickle.dumps(
            tuple(Kept(needs, compiled.fndesc.llvm_func_name, compiled._reduce())), pickle.HIGHEST_PROTOCOL
        )
        _make_private(folder())
        handle, part = tempfile.mkstemp(dir=folder(), suffix=PART)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        os.replace(part, _file(key))
        part = None
        _trim()
    except Exception:  # a full disk, a class that cannot be pickled: nothing is kept
        pass
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                os.unlink(part)


def files() -> list[tuple[Path, int, float]]:
    """(path, bytes, last use) of every kernel of every version."""
    found = []
    for path in root().glob(f"*/*{SUFFIX}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((path, status.st_size, status.st_mtime))
    return found


def clear() -> int:
    """Delete every kernel of every version; returns how many."""
    count = 0
    for path, _, _ in files():
        with contextlib.suppress(OSError):
            path.unlink()
            count += 1
    _drop_parts(0.0)
    for inner in root().glob("*"):
        with contextlib.suppress(OSError):
            inner.rmdir()
    return count


def _drop_parts(age: float) -> None:
    """Delete what writers that were killed have left; one that lives, and loses its part, keeps nothing."""
    for path in root().glob(f"*/*{PART}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= age:
                path.unlink()


@functools.cache  # once a process
def _trim() -> None:
    """Drop what was not used for longest, where there is too much, and parts of files."""
    _drop_parts(LEFT)
    kept = sorted(files(), key=lambda file: file[2])
    total = sum(size for _, size, _ in kept)
    for path, size, _ in kept:
        if total <= LIMIT:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
