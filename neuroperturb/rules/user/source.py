"""Where a rule of one's own is found, and the text that made it.

A rule goes by ``module:Class`` or ``path/to/file.py:Class``. Its text is what its functions are made of: the source of the class, of
every function of the author's that they call, and the numbers they read by name. The hash of the text is part of every experiment,
so that an edited rule is another experiment.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import linecache
import sys
import textwrap
import types
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from neuroperturb.rules.formula.signatures import FORMS, plain
from neuroperturb.spec import InputError, SpecError, suggest

LIBRARIES = {"numpy", "math", "numba", "hardware_models", "builtins"}  # recorded by their versions


_folder: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextlib.contextmanager
def beside(folder: Path | None) -> Iterator[None]:
    """Inside, modules and files are looked for in `folder` first: that of a TOML file that names them."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def find(source: str) -> type:
    """The class that ``module:Class`` or ``path.py:Class`` names; looked for where Python looks, and in the current folder."""
    place, _, name = source.rpartition(":")
    if not place or not name.isidentifier():
        raise SpecError("rule.name", wanted="look like module:Class or path/to/file.py:Class", got=source, verb="must")
    folders = [folder for folder in (_folder.get(), Path.cwd()) if folder is not None]
    module = _file(place, source, folders) if place.endswith(".py") else _module(place, source, folders)
    cls = getattr(module, name, None)
    if not isinstance(cls, type):
        known = [key for key, value in vars(module).items() if isinstance(value, type) and hasattr(value, "synapse")]
        hint = suggest(name, known) if known else "It has no class with a synapse."
        raise SpecError("rule.name", wanted=f"class {name!r} in {place!r}", hint=hint, verb="names no")
    return cls


def _module(place: str, source: str, folders: list[Path]):
    paths = [str(path) for path in folders if str(path) not in sys.path]
    sys.path[:0] = paths
    try:
        importlib.invalidate_caches()
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not (place == error.name or place.startswith(f"{error.name}.")):
            raise InputError(f"The module of the rule {source!r} cannot be imported: {error}.") from None
        what = (
            f"a module {place!r} that is nowhere to be found: put {place}.py beside the TOML file or into the current folder, "
            "or name the file, as in path/to/file.py:Class"
        )
        raise SpecError("rule.name", wanted=what, verb="names") from None
    except (Exception, SystemExit) as error:
        raise _broken(source, error) from None
    finally:
        for path in paths:
            sys.path.remove(path)


def _file(place: str, source: str, folders: list[Path]):
    """A file as a module, under a name that its contents determine: an edited file is another module."""
    path = next((path.resolve() for folder in folders if (path := folder / place).is_file()), None)
    if path is None:
        raise SpecError("rule.name", wanted=f"a file {place!r} that does not exist", verb="names")
    digest = hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:12]
    name = f"{path.stem}_{digest}"
    if name not in sys.modules:
        linecache.checkcache(str(path))
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if not isinstance(error, Exception | SystemExit):
                raise
            raise _broken(source, error) from None
    return sys.modules[name]


def _broken(source: str, error: Exception) -> InputError:
    return InputError(f"The module of the rule {source!r} cannot be imported: {type(error).__name__}: {error}.")


# ----------------------------------------------------------------------------------------------------------------------
# Text


@lru_cache
def text(cls: type) -> str:
    """What the functions of a class are made of; empty where Python has no source of it, as of one typed at a prompt."""
    own = _class_text(cls)
    if not own:
        return ""
    numbers, functions = {}, []
    for function in reached(cls):
        found = inspect.getclosurevars(function)
        numbers |= {k: v for k, v in {**found.globals, **found.nonlocals}.items() if isinstance(v, int | float)}
        if not function.__qualname__.startswith(f"{cls.__qualname__}."):
            functions.append(_function_text(function))
    lines = "\n".join(f"{name} = {value!r}" for name, value in sorted(numbers.items()))
    return "\n\n".join(textwrap.dedent(part).strip() for part in (lines, *functions, own) if part) + "\n"


def _class_text(cls: type) -> str:
    """Of a module or a notebook's cell alike: found by the place of one of its functions."""
    function = next(reached(cls), None)
    if function is None:
        return ""
    lines, line = linecache.getlines(function.__code__.co_filename), function.__code__.co_firstlineno
    try:
        nodes = [node for node in ast.walk(ast.parse("".join(lines))) if isinstance(node, ast.ClassDef)]
    except SyntaxError:  # a cell with magic
        nodes = []
    around = [node for node in nodes if node.name == cls.__name__ and node.lineno <= line <= node.end_lineno]
    return "".join(lines[around[-1].lineno - 1 : around[-1].end_lineno]) if around else ""


def sha256(cls: type) -> str:
    """Of the text; where there is none, of the compiled code."""
    written = text(cls)
    if not written:
        codes = [function.__code__ for function in reached(cls)]
        written = repr([(code.co_code, code.co_names, code.co_varnames, _plain(code.co_consts)) for code in codes])
    return hashlib.sha256(written.encode()).hexdigest()


def _plain(constants: tuple) -> tuple:
    return tuple(value for value in constants if not isinstance(value, types.CodeType))


def _function_text(function) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return f"# {function.__qualname__}: no source"


def reached(cls: type) -> Iterator[types.FunctionType]:
    """The functions of a rule's class, and what they call that the author wrote, each once."""
    waiting, seen = [plain(getattr(cls, name)) for name in FORMS if hasattr(cls, name)], set()
    while waiting:
        function = waiting.pop(0)
        if function in seen or not isinstance(function, types.FunctionType):
            continue
        seen.add(function)
        yield function
        found = inspect.getclosurevars(function)
        waiting += [plain(v) for v in (*found.globals.values(), *found.nonlocals.values()) if _is_the_authors(plain(v))]


def _is_the_authors(value) -> bool:
    return isinstance(value, types.FunctionType) and value.__module__.split(".")[0] not in LIBRARIES
