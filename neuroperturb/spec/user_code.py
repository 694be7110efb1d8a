"""Custom classes (rules, tasks and devices): where they are found, and their source text.

    module:Class   or   path/to/file.py:Class

is searched for next to the TOML file that names it, in the current folder, and on Python's path. An experiment stores such a class as
data, a :class:`UserCode`: its name and its text, which is the source of the class, of every function and class of the author's that it
uses, and the values that it reads by name. Opening a record imports and runs nothing (:func:`opening`). Code that has to run the
class calls :meth:`UserCode.bind`, which rejects a class that has changed, by the text of its file before that is imported.

Two classes whose texts differ only in comments, docstrings and layout are interchangeable.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import linecache
import logging
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from neuroperturb.spec.errors import InputError, SpecError, suggest
from neuroperturb.spec.source_text import Functions, compiled, definitions, methods, plain, stripped, text, what_it_does

HOUSE = ("hardware_models", "neuroperturb")  # packages whose classes are not custom
_log = logging.getLogger("neuroperturb")
NOWHERE = ("__main__", "<locals>")  # of a script, a notebook or a function: cannot be found again


class Sought(NamedTuple):
    """A sort of class that can be given by name.

    noun : its name in error messages;  path : dotted key of its name
    fits : whether a class is of this sort;  lacking : message for a module that has none
    functions : the functions of the class; the code they use belongs to its text
    made_of : "class", or "function" for a sort of function, which is given by name in the same way
    """

    noun: str
    path: str
    fits: Callable[[type], bool]
    lacking: str
    functions: Callable[[type], Functions] = methods
    made_of: str = "class"

    def is_one(self, thing: Any) -> bool:
        """Whether a thing of a module is a class, or a function."""
        return isinstance(thing, type) if self.made_of == "class" else isinstance(thing, types.FunctionType)


# ----------------------------------------------------------------------------------------------------------------------
# Places

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
_closed: ContextVar[bool] = ContextVar("closed", default=False)
_importing = (
    threading.RLock()
)  # a second thread would meet a module that is half executed, or a path that is removed again
_met: dict[Path, None] = {}  # folders of all files read so far, where a class that is bound later may be


@contextlib.contextmanager
def beside(folder: Path | None) -> Iterator[None]:
    """Context in which modules and files are searched for in `folder` first: that of a TOML file that names them."""
    if folder is not None:
        _met[Path(folder).resolve()] = None
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


@contextlib.contextmanager
def opening(folder: Path | None) -> Iterator[None]:
    """Context in which nothing is imported: a record is data. Its folder is added to the search path for later."""
    token = _closed.set(True)
    try:
        with beside(folder):
            yield
    finally:
        _closed.reset(token)


def looked_beside() -> Path | None:
    """The folder of the file that is being read."""
    return _folder.get()


def blame(error: Exception) -> str | None:
    """A sentence about an error that custom code raised, with the line; None if no class that was imported here is involved."""
    files = {getattr(sys.modules.get(cls.__module__), "__file__", None) for cls in _names} - {None}
    step, place = error.__traceback__, ""
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        place = f"line {step.tb_lineno} of {Path(file).name!r}" if file in files else place
        step = step.tb_next
    told = " ".join(str(error).split())
    return f"Custom code failed in {place}: {type(error).__name__}{told and f': {told}'}." if place else None


def is_name(text: Any) -> bool:
    """Whether a name is the location of a custom class."""
    return isinstance(text, str) and ":" in text


def _folders(everywhere: bool = False) -> list[Path]:
    """Folders to search before Python's path; `everywhere`: also the folders of other files read so far."""
    met = _met if everywhere else ()
    return [Path(folder) for folder in (_folder.get(), Path.cwd(), *met) if folder is not None]


def _split(name: str, sought: Sought) -> tuple[str, str]:
    place, _, cls = name.rpartition(":")
    if not place or not all(step.isidentifier() for step in cls.split(".")):
        raise SpecError(sought.path, wanted="module:Class or path/to/file.py:Class", got=name, verb="must look like")
    return place, cls


def _files(place: str, folders: list[Path]) -> list[Path]:
    """Candidate files of a module, the most likely first; without importing anything."""
    if place.endswith(".py"):
        return list(dict.fromkeys((folder / place).resolve() for folder in folders if (folder / place).is_file()))
    importlib.invalidate_caches()
    name, paths, spec = "", None, None
    with _on_path(folders):
        for step in place.split("."):
            name = f"{name}.{step}".lstrip(".")
            spec = _spec(name, paths)
            if spec is None:
                return []
            paths = list(spec.submodule_search_locations or ())
    return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []


def _spec(name: str, paths: list[str] | None):
    """Where Python would find a module; the packages that it is in are not imported."""
    for finder in sys.meta_path:
        found = finder.find_spec(name, paths)
        if found is not None:
            return found
    return None


def find(name: str, sought: Sought) -> type:
    """The present class of ``module:Class`` or ``path.py:Class``."""
    return _find(name, sought, _folders())


def _find(name: str, sought: Sought, folders: list[Path], file: Path | None = None) -> type:
    """The same; `file`: which of several candidates it is in, if known."""
    place, cls_name = _split(name, sought)
    if _closed.get():
        raise SpecError(sought.path, verb=f"names code, {name!r}, without its text: opening a record runs no code")
    if place.endswith(".py"):
        file = file or next(iter(_files(place, folders)), None)
        if file is None:
            raise SpecError(sought.path, verb=f"names a file {place!r} that does not exist")
    with _importing:
        module = _file(file, name, sought) if place.endswith(".py") else _module(place, name, sought, folders)
    cls = plain(reduce(lambda inner, step: getattr(inner, step, None), cls_name.split("."), module))
    if not sought.is_one(cls):
        known = [
            key for key, value in vars(module).items() if sought.is_one(plain(value)) and sought.fits(plain(value))
        ]
        hint = suggest(cls_name, known) if known else sought.lacking
        raise SpecError(sought.path, verb=f"names no {sought.made_of} {cls_name!r} in {place!r}", hint=hint)
    _names.setdefault(cls, name)
    return cls


@contextlib.contextmanager
def _on_path(folders: list[Path]) -> Iterator[None]:
    """Context in which Python searches these folders first, whether they are on its path already or not."""
    paths = [str(folder) for folder in folders]
    sys.path[:0] = paths
    try:
        yield
    finally:
        for path in paths:
            with contextlib.suppress(ValueError):  # a module may change the path, too
                sys.path.remove(path)


def _module(place: str, name: str, sought: Sought, folders: list[Path]):
    try:
        with _on_path(folders):
            importlib.invalidate_caches()
            return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not (place == error.name or place.startswith(f"{error.name}.")):
            raise InputError(f"The module of the {sought.noun} {name!r} cannot be imported: {error}.") from None
        raise _nowhere(place, sought) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() too: it is a file that cannot be used
        raise _broken(name, sought, error) from None


def _nowhere(place: str, sought: Sought) -> SpecError:
    return SpecError(
        sought.path,
        verb=f"names a module {place!r} that cannot be found: put {place}.py next to the TOML file or into the current folder, "
        "or name the file, as in path/to/file.py:Class",
    )


def _file(path: Path, name: str, sought: Sought):
    """A file as a module, under a name derived from its contents: an edited file is another module."""
    digest = hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:12]
    key = f"{path.stem}_{digest}"
    if key not in sys.modules:
        linecache.checkcache(str(path))
        spec = importlib.util.spec_from_file_location(key, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[key] = module
        try:
            with _on_path([path.parent]):  # the author's other files may be there
                spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[key]
            if isinstance(error, KeyboardInterrupt):
                raise
            raise _broken(name, sought, error) from None
    return sys.modules[key]


def _broken(name: str, sought: Sought, error: BaseException) -> InputError:
    return InputError(f"The module of the {sought.noun} {name!r} cannot be imported: {type(error).__name__}: {error}.")


def _contents(tree: ast.Module) -> dict[str, set[str]]:
    """Functions, classes and plain values of a text, by name, each in all the ways in which it is written there."""
    found: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.setdefault(node.name, set()).add(stripped(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            with contextlib.suppress(
                ValueError, TypeError, SyntaxError, RecursionError
            ):  # computed: known when it has run
                value = repr(ast.literal_eval(node.value))
                for name in names:
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, set()).add(value)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# A class as data

_names: dict[type, str] = {}  # names of the classes found here
_known: dict[tuple[str, str], type] = {}  # (class name, hash of its behaviour) → class, as found in this process


@dataclass(frozen=True, eq=False)
class UserCode:
    """A custom class as stored in a record; equal to another with the same name and behaviour.

    name : ``module:Class`` or ``path/to/file.py:Class``
    sha256, text : of its source; without text if Python has none, and then the hash is of the compiled code
    """

    name: str
    sha256: str
    text: str

    @classmethod
    def of(cls, made_of: type, sought: Sought) -> UserCode:
        """From an existing class."""
        functions = sought.functions(made_of)
        written = text(made_of, functions)
        hashed = hashlib.sha256(written.encode()).hexdigest() if written else compiled(made_of, functions)
        made = cls(_names.get(made_of, f"{made_of.__module__}:{made_of.__qualname__}"), hashed, written)
        _known[made._key] = made_of
        return made

    @property
    def label(self) -> str:
        """The name of the class."""
        return self.name.rpartition(":")[2].rpartition(".")[2]

    @property
    def does(self) -> str:
        """Hash of its behaviour, independent of comments and location."""
        return what_it_does(self.text) if self.text else self.sha256

    @property
    def _key(self) -> tuple[str, str]:
        return self.label, self.does

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, UserCode) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def stays(self) -> bool:
        """Whether another process can find it: classes defined in a script, a notebook or a function cannot be found."""
        return not any(where in self.name for where in NOWHERE)

    def bind(self, sought: Sought) -> type:
        """The class itself; raises if it is not the one this experiment was made with."""
        if self._key in _known:
            return _known[self._key]
        if not self.stays:
            raise InputError(
                f"The {sought.noun} {self.label!r} was defined in a script, a notebook or a function, where no other process can find it. "
                f"The record contains its source: put that into a file, and give it as path/to/file.py:{self.label}."
            )
        folders = _folders(everywhere=True)
        file = None if _closed.get() else self._compared(sought, folders)
        if file is not None:
            _log.warning("neuroperturb runs %s, which has the %s %r of the record.", file, sought.noun, self.label)
        cls = _find(self.name, sought, folders, file)
        if UserCode.of(cls, sought) != self and compiled(cls, sought.functions(cls)) != self.sha256:
            raise self._changed(sought)
        _known[self._key] = cls
        return cls

    def _compared(self, sought: Sought, folders: list[Path]) -> Path | None:
        """The file that is going to be run, compared with the text of the record; None where nothing is."""
        place, _ = _split(self.name, sought)
        by_module = not place.endswith(".py")
        if by_module and place in sys.modules:
            return None
        files = _files(place, folders)
        if not files:
            if by_module:
                raise _nowhere(place, sought)
            return None  # there is no such file, which is said where it is opened
        if not self._has_class:
            raise InputError(
                f"The {sought.noun} {self.name!r} cannot be compared with the record, which does not hold its text, and is not run: "
                f"give the class itself, as in load(path, {sought.path.partition('.')[0]}={self.label})."
            )
        likely = [file for file in files if self._is_in(file)]
        if not likely:
            raise self._changed(sought)
        return likely[0]

    @property
    def _has_class(self) -> bool:
        """Whether the class is in the text."""
        try:
            return bool(definitions(ast.parse(self.text), self.label))
        except (SyntaxError, ValueError, RecursionError):
            return False

    def _is_in(self, file: Path) -> bool:
        """Whether a file has this class, and what it reaches there, as the record has them; told without running it."""
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError, RecursionError):
            return False
        text = ast.parse(self.text)
        own, inside = ({stripped(node) for node in definitions(one, self.label)} for one in (text, tree))
        kept, there = _contents(text), _contents(tree)
        return bool(own & inside) and all(kept[name] & there[name] for name in kept.keys() & there.keys())

    def _changed(self, sought: Sought) -> InputError:
        return InputError(
            f"The {sought.noun} {self.name!r} has changed since this experiment was written; its record contains the original source "
            f"(sha256 {self.sha256[:12]}): restore that, or give the {sought.noun} by name again to run its present version."
        )
