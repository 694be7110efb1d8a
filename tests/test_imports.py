"""Who may import whom, how long it takes, and whether the README and CI say the same."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A room imports rooms above it in this list, and its own. Rooms not listed are free, but for the doors at the bottom.
FLOORS = [
    {"spec"},
    {"glance", "kinds", "parts", "png", "units", "rules", "tasks", "decorrelation", "losses", "reward"},
    {"network", "hardware", "lif"},
    {"dynamics"},
    {"whitening"},
    {"presentation"},
    {"stepwise"},
    {"episode"},
    {"state"},
    {"simulation"},
    {"baselines"},
    {"diagnostics"},
    {"compiling", "config", "terminal"},
    {"ablation", "recipes", "run"},
    {"report", "plots", "progress", "training", "timing"},
    {"array_bench"},
    {
        "ageing_figure",
        "alignment",
        "alignment_figure",
        "auditing",
        "comparison",
        "deployment",
        "device_card",
        "verify",
        "bench",
    },
    {"job", "study"},
    {"cli"},
]
HARDWARE_FOR = {
    "rules": {"compiled", "dots", "maths", "memory", "random", "record", "sweep"},
    "tasks": {"compiled", "random"},
}
HEAVY = ("pandas", "xarray", "matplotlib", "h5py", "h5netcdf", "sklearn", "brian2", "distributed", "optuna")


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
    return path.relative_to(ROOT / "neuroperturb").with_suffix("").parts[0]


def floor(name):
    return next((k for k, names in enumerate(FLOORS) if name in names), None)


@pytest.mark.parametrize("path", modules("hardware_models"), ids=str)
def test_hardware_knows_nothing_of_learning(path):
    allowed = {"hardware_models", "numpy", "numba", "scipy", "llvmlite", "pydantic", *sys.stdlib_module_names}
    assert {name.split(".")[0] for name in imported(path)} <= allowed


@pytest.mark.parametrize("path", modules("neuroperturb"), ids=str)
def test_imports_point_one_way(path):
    own = floor(room(path))
    for name in imported(path, top_level=True):
        first, second, *_ = [*name.split("."), ""]
        if first == "neuroperturb" and own is not None and floor(second) is not None and second != room(path):
            assert floor(second) < own, f"{room(path)} imports {second}"
        if first == "hardware_models" and room(path) in HARDWARE_FOR:
            assert second in HARDWARE_FOR[room(path)], f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", [*modules("neuroperturb"), *modules("hardware_models")], ids=str)
def test_nobody_imports_the_doors(path):
    names = {".".join(name.split(".")[:2]) for name in imported(path)}
    assert "neuroperturb.cli.app" not in names or room(path) in ("cli", "__main__")
    # spiking is entered when an experiment asks for it, and never by an import at the top
    assert "neuroperturb.spiking" not in names or room(path) in ("job", "spiking", "training", "bench")
    at_once = {".".join(name.split(".")[:2]) for name in imported(path, top_level=True)}
    assert "neuroperturb.spiking" not in at_once or room(path) == "spiking"


def run_python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, cwd=ROOT)


def fastest(*arguments, tries=4):
    """Processor seconds of the fastest of some tries: whatever else the machine is doing takes none of them."""
    times = []
    for _ in range(tries):
        start = os.times()
        run_python(*arguments)
        end = os.times()
        times.append(end.children_user + end.children_system - start.children_user - start.children_system)
    return min(times)


def test_import_is_light():
    code = f"import neuroperturb, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert run_python("-c", code).stdout.strip() == "[]"


def test_import_takes_less_than_a_second():
    assert fastest("-c", "import neuroperturb") < 1


def test_help_takes_less_than_a_second():
    assert fastest("-m", "neuroperturb", "--help") < 1


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


def test_the_version_is_said_once():
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
