"""The source of a class, including the code it uses and the values it reads by name, and a hash of its behaviour.

Two texts that differ only in comments, docstrings and layout have the same hash, :func:`what_it_does`. Functions and classes of
installed libraries are not part of a text: they are identified by the versions in a record.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import linecache
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = {"numpy", "math", "numba", "hardware_models", "neuroperturb", "builtins"}  # recorded by their versions
STANDARD, PACKAGES = (
    Path(sysconfig.get_paths()["stdlib"]),
    {"site-packages", "dist-packages"},
)  # folders of installed packages
GENERATED = "<string>"  # file of the functions that dataclasses and NamedTuples are given

Functions = tuple[types.FunctionType, ...]


def plain(function) -> types.FunctionType:
    """The Python function under a compiled one, or itself."""
    return getattr(function, "py_func", function)


def methods(cls: type) -> Functions:
    """The functions that a class defines itself."""
    found = []
    for value in vars(cls).values():
        value = getattr(value, "wrapped", value)  # pydantic's validators
        ends = (value.fget, value.fset) if isinstance(value, property) else (value,)
        found += [plain(getattr(end, "__func__", end)) for end in ends]
    return tuple(f for f in found if isinstance(f, types.FunctionType) and not _is_generated(f))


def _is_generated(function: types.FunctionType) -> bool:
    """Whether it is one of those that dataclasses and NamedTuples generate."""
    return function.__code__.co_filename == GENERATED and function.__name__.startswith("_")


@lru_cache(maxsize=256)
def what_it_does(written: str) -> str:
    """sha256 of source without comments, docstrings and layout."""
    with contextlib.suppress(SyntaxError):  # of a function that is part of a line: unchanged
        written = stripped(ast.parse(written))
    return hashlib.sha256(written.encode()).hexdigest()


def stripped(tree: ast.AST) -> str:
    """Source of a tree without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def classes(tree: ast.AST, name: str) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]


def definitions(tree: ast.AST, name: str) -> list[ast.ClassDef | ast.FunctionDef]:
    """The classes of this name, and the functions that a module defines under it."""
    found = [node for node in getattr(tree, "body", ()) if isinstance(node, ast.FunctionDef) and node.name == name]
    return [*classes(tree, name), *found]


def itself(function) -> Functions:
    """The functions of a function given by name: the function."""
    return (plain(function),)


@lru_cache
def text(cls: type, functions: Functions) -> str:
    """The source text of a class; empty if Python has no source, for example of one typed at a prompt."""
    own = _class_text(cls, functions) if isinstance(cls, type) else _source(plain(cls))
    if not own:
        return ""
    values, pieces, belong = {}, [], {cls, *(thing for thing in reached(cls, functions) if isinstance(thing, type))}
    for thing in reached(cls, functions):
        if isinstance(thing, type):
            pieces.append(_class_text(thing, methods(thing)))
            continue
        data = {name: _value(value) for name, value in _reads(thing).items() if not name.startswith("__")}
        values |= {name: value for name, value in data.items() if value is not None}
        if thing is not plain(cls) and not any(
            thing.__qualname__.startswith(f"{owner.__qualname__}.") for owner in belong
        ):
            pieces.append(_function_text(thing))
    lines = "\n".join(f"{name} = {value}" for name, value in sorted(values.items()))
    return "\n\n".join(textwrap.dedent(part).strip() for part in (lines, *pieces, own) if part) + "\n"


def compiled(cls: type, functions: Functions) -> str:
    """sha256 of the compiled code of a class without text, or of its values if it has no code either."""
    codes = [thing.__code__ for thing in reached(cls, functions) if isinstance(thing, types.FunctionType)]
    code = [
        (c.co_code, c.co_names, c.co_varnames, tuple(v for v in c.co_consts if not isinstance(v, types.CodeType)))
        for c in codes
    ]
    held = [
        (name, _value(value))
        for name, value in sorted(vars(cls).items())
        if not name.startswith("__") and _value(value)
    ]
    return hashlib.sha256(repr(code or held).encode()).hexdigest()


def reached(cls: type, functions: Functions) -> Iterator[types.FunctionType | type]:
    """The functions of a class, and the author's functions and classes that they and its bases use, each once."""
    root = cls.__module__.split(".")[0]
    bases = getattr(cls, "__mro__", (cls,))[1:]  # a function has none
    waiting = [*functions, *(base for base in bases if _is_the_authors(base, root))]
    seen = {cls} if isinstance(cls, type) else set()
    while waiting:
        thing = waiting.pop(0)
        if thing in seen or not isinstance(thing, types.FunctionType | type):
            continue
        seen.add(thing)
        yield thing
        if isinstance(thing, type):
            waiting += [*methods(thing), *(base for base in thing.__mro__[1:] if _is_the_authors(base, root))]
            continue
        waiting += [plain(value) for value in _reads(thing).values() if _is_the_authors(plain(value), root)]


def _reads(function: types.FunctionType) -> dict[str, Any]:
    """Names that a function, and functions inside it, read: globals, variables of enclosing functions, members of modules."""
    names, codes = {}, [function.__code__]
    while codes:
        code = codes.pop(0)
        names |= dict.fromkeys(code.co_names)
        codes += [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            found[name] = cell.cell_contents
    root = (function.__module__ or "").split(".")[0]
    for name, module in list(found.items()):
        if isinstance(module, types.ModuleType) and _is_the_authors(module, root):
            found |= {f"{name}.{inner}": getattr(module, inner) for inner in names if hasattr(module, inner)}
    return found


def _is_the_authors(value: Any, root: str) -> bool:
    """Whether a function, a class or a module belongs to the package `root`, or is outside of installed packages."""
    if not isinstance(value, types.FunctionType | types.ModuleType | type):
        return False
    module = value.__name__ if isinstance(value, types.ModuleType) else value.__module__ or ""
    home = module.split(".")[0]
    file = (
        value.__code__.co_filename
        if isinstance(value, types.FunctionType)
        else getattr(sys.modules.get(module), "__file__", None)
    )
    if home in LIBRARIES or (isinstance(value, types.FunctionType) and _is_generated(value)):
        return False
    return home in (root, "__main__") or (file is not None and not _is_installed(Path(file)))


def _is_installed(file: Path) -> bool:
    return file.is_relative_to(STANDARD) or not PACKAGES.isdisjoint(file.parts)


def _value(value: Any) -> str | None:
    """A value that a function reads by name, as text; None if it is not data."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        hashed = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return repr(f"{value.dtype} {value.shape} sha256 {hashed}")
    if isinstance(value, np.generic):
        return f"{value.dtype}({value.item()!r})"
    if isinstance(value, dict):
        pairs = [(_value(key), _value(inner)) for key, inner in value.items()]
        return None if any(None in pair for pair in pairs) else "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    if is_dataclass(value) and not isinstance(value, type):
        held = _value({field.name: getattr(value, field.name) for field in fields(value)})
        return held and f"{type(value).__name__}(**{held})"
    if isinstance(value, tuple | list | set | frozenset):
        inner = [_value(part) for part in value]
        inner = sorted(inner, key=str) if isinstance(value, set | frozenset) else inner
        return None if None in inner else f"{type(value).__name__}([{', '.join(inner)}])"
    return repr(value) if isinstance(value, bool | int | float | complex | str | bytes | None) else None


def _class_text(cls: type, functions: Functions) -> str:
    """Source of a class in a module or a notebook cell: found by the location of one of its functions, or by name if it has none."""
    own = next((f for f in functions if f.__qualname__.startswith(f"{cls.__qualname__}.")), None)
    if own is None:
        return _source(cls)
    lines, line = linecache.getlines(own.__code__.co_filename), own.__code__.co_firstlineno
    try:
        nodes = classes(ast.parse("".join(lines)), cls.__name__)
    except SyntaxError:  # a cell with magic
        nodes = []
    around = [node for node in nodes if node.lineno <= line <= node.end_lineno]
    if not around:
        return ""
    first = min([around[-1].lineno, *(decorator.lineno for decorator in around[-1].decorator_list)])
    return "".join(lines[first - 1 : around[-1].end_lineno])


def _function_text(function: types.FunctionType) -> str:
    return _source(function) or f"# {function.__qualname__}: no source"


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return ""
