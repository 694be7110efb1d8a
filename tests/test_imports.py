"""Who may import whom, how long it takes, and whether the README and CI say the same."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A room imports rooms of lower floors, rooms beside it without a circle, and its own files.
HARDWARE = [
    {"numerics"},
    {"crossbar"},
    {"devices", "writing", "programming", "reading", "ageing", "neurons"},
    {"costs"},
    {"saving"},
    {"array"},
    {"hardware", "presets"},
    {"characterise"},
]
LABORATORY = [
    {"hardware_models", "spec"},
    {"rules", "network", "tasks"},
    {"simulation"},
    {"baselines"},
    {"experiments"},
    {"results", "spiking"},
    {"analysis"},
    {"training"},
    {"study"},
    {"cli"},
]
ENTRIES = {
    "hardware_models": {"__init__", "py.typed", *(room for floor in HARDWARE for room in floor)},
    "neuroperturb": {"__init__", "__main__", "py.typed", *(room for floor in LABORATORY[1:] for room in floor), "spec"},
}
# What a function may import, and why it is not at the top: optional, or slow to import and not always needed.
LATE = {
    "aihwkit", "brian2", "distributed", "gymnasium", "h5netcdf", "h5py", "jinja2", "llvmlite", "markupsafe", "matplotlib", "nir", "optuna",
    "pandas", "pyarrow", "reservoirpy", "rich", "scipy", "sklearn", "sqlalchemy", "threadpoolctl", "tomli_w", "torch", "xarray",
}  # fmt: skip
HEAVY = (
    "pandas",
    "xarray",
    "matplotlib",
    "h5py",
    "h5netcdf",
    "sklearn",
    "brian2",
    "distributed",
    "optuna",
    "gymnasium",
    "aihwkit",
    "torch",
    "reservoirpy",
    "nir",
)


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imported(path, *, top_level=False):
    """Dotted names of everything a file imports, as written (relative ones made absolute)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).parent.parts
    nodes = tree.body if top_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            source = (base + (node.module or "")).strip(".")
            yield from (f"{source}.{alias.name}" for alias in node.names)


def room(path):
    """Of a file: the first step below its package."""
    return path.relative_to(ROOT).with_suffix("").parts[1]


@functools.cache
def targets(path):
    """(file, inside a function) for every file of ours that a file imports, wherever the import stands."""
    return list(_targets(path))


def _targets(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {n for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, node in inside


def file_of(name):
    """The file that a dotted name comes from; None where it is not ours."""
    steps = name.split(".")
    if steps[0] not in ("hardware_models", "neuroperturb"):
        return None
    for end in range(len(steps), 0, -1):
        base = ROOT.joinpath(*steps[:end])
        if base.with_suffix(".py").is_file():
            return base.with_suffix(".py")
        if (base / "__init__.py").is_file():
            return base / "__init__.py"
    return None


FILES = [*modules("hardware_models"), *modules("neuroperturb")]


def level(path):
    """(package, floor) of a file; the table of contents of a package is above all."""
    package = path.relative_to(ROOT).parts[0]
    floors = HARDWARE if package == "hardware_models" else LABORATORY
    if room(path) in ("__init__", "__main__"):
        return package, len(floors)
    return package, next(k for k, rooms in enumerate(floors) if room(path) in rooms)


@pytest.mark.parametrize("package", ENTRIES)
def test_the_roots_hold_what_the_layout_names(package):
    found = {path.name.removesuffix(".py") for path in (ROOT / package).iterdir() if path.name != "__pycache__"}
    assert found == ENTRIES[package]
    assert len(found) <= 16


def test_no_public_name_is_a_room():
    """Once a room is imported, the package has an attribute of its name: a function of that name would be gone."""
    import hardware_models
    import neuroperturb

    for package in (hardware_models, neuroperturb):
        rooms = {path.stem for path in (ROOT / package.__name__).iterdir()} - {"__init__", "__main__"}
        public = set(getattr(package, "__all__", ())) or {name for name in vars(package) if not name.startswith("_")}
        found = {name for name in public & rooms if not isinstance(getattr(package, name), type(package))}
        assert found == set()
        for name in getattr(package, "__all__", ()):
            assert getattr(package, name) is not None


def test_there_are_at_most_eleven_floors():
    assert max(len(HARDWARE), len(LABORATORY)) <= 11


def wrong_imports(path):
    """What a file imports and must not."""
    if room(path) in ("__init__", "__main__"):
        return
    package, own = level(path)
    for name, _ in targets(path):
        file = file_of(name)
        if file is None or room(file) == room(path):
            continue
        other, floor = level(file)
        if other == package and room(file) == "__init__":
            yield f"{name}, the table of contents"
        elif other == package and floor > own:
            yield f"{name}, which is above"
        elif other != package and package != "neuroperturb":
            yield f"{name}: hardware knows nothing of learning"


def offences(found):
    """What was found, by file, for files where something was."""
    by_file = {str(path.relative_to(ROOT)): list(found(path)) for path in FILES}
    return {name: those for name, those in by_file.items() if those}


def test_imports_point_down():
    assert offences(wrong_imports) == {}


def strongly_connected(graph):
    """Groups of nodes that reach one another (Tarjan 1972), those of two and more."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(map(str, group)))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def test_no_circle_of_files():
    graph = {path: set() for path in FILES if path.name != "__init__.py"}
    for path in graph:
        found = {file_of(name) for name, _ in targets(path)}
        graph[path] = {file for file in found if file in graph and file != path}
    assert strongly_connected(graph) == []


def test_no_circle_of_rooms():
    graph = {}
    for path in FILES:
        if room(path) in ("__init__", "__main__"):
            continue
        mine = (path.relative_to(ROOT).parts[0], room(path))
        for name, _ in targets(path):
            file = file_of(name)
            if file is not None and room(file) not in ("__init__", "__main__"):
                other = (file.relative_to(ROOT).parts[0], room(file))
                graph.setdefault(mine, set()).add(other)
                graph.setdefault(other, set())
    graph = {node: others - {node} for node, others in graph.items()}
    assert strongly_connected(graph) == []


def test_functions_import_heavy_libraries_only():
    def others(path):
        return {name.split(".")[0] for name, inside in targets(path) if inside} - LATE

    assert offences(others) == {}


def run_python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)


def least(*commands, tries=3):
    """Processor seconds of every command, the least of some tries in turn: a busy machine makes all of them slower."""
    times = {command: [] for command in commands}
    for _ in range(tries):
        for command, found in times.items():
            start = os.times()
            run_python(*command)
            end = os.times()
            found.append(end.children_user + end.children_system - start.children_user - start.children_system)
    return [min(found) for found in times.values()]


def test_import_is_light():
    code = f"import neuroperturb, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert run_python("-c", code).stdout.strip() == "[]"


def test_import_and_help_are_quick():
    """Neither needs the compiler, whose import takes half a second on a quiet machine."""
    compiler, package, words = least(
        ("-c", "import numba"), ("-c", "import neuroperturb"), ("-m", "neuroperturb", "--help")
    )
    assert package < compiler
    assert words < 2 * compiler


def test_ci_runs_the_command_of_the_readme():
    commands = [
        line.strip()
        for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("    ")
    ]
    run, test = commands[:2]
    assert run.endswith(".venv/bin/neuroperturb run delayed-xor --baselines")
    assert test.endswith("-m pytest -n auto --dist loadfile")
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_all_places_say_the_same_version():
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'__version__ = "{version}"\n' in (ROOT / "neuroperturb" / "__init__.py").read_text(encoding="utf-8")
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
