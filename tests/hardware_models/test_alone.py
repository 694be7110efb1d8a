"""The models of hardware are of use with NumPy, Numba and SciPy alone: nothing else is imported, by any of their files."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, importlib.abc, pkgutil, sys

ALLOWED = {"numpy", "numba", "llvmlite", "scipy", "hardware_models", "neuroperturb", *sys.stdlib_module_names}


class Others(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        top = name.split(".")[0]  # how Python was built is a module of the standard library that is not on its list
        if top not in ALLOWED and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Others())
import hardware_models as hw

for module in pkgutil.walk_packages(hw.__path__, "hardware_models."):
    importlib.import_module(module.name)
assert "neuroperturb" not in sys.modules  # asked for by the key of cached kernels, which need not find it
array = hw.SynapseArray((3, 2), hw.PRESETS["ecram"].cells, seed=1)
print(array.shape)
"""


def test_it_imports_with_numpy_numba_and_scipy_only():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(3, 2)"
