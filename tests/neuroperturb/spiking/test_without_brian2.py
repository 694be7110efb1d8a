"""What is said where Brian2 is absent, or does not import: one sentence that says how to install it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from neuroperturb.spec import InputError
from neuroperturb.spiking import brian_device as device

HIDE = "import sys; sys.modules['brian2'] = None; from neuroperturb.cli.app import main; main()"


def test_the_command_says_how_to_install_it(tmp_path):
    """As in an environment without it: `None` in sys.modules is how Python says that a module is not there."""
    arguments = ["run", "mackey-glass", "--backend", "brian2", "--out", "out.nc"]
    done = subprocess.run([sys.executable, "-c", HIDE, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert (
        last == "neuroperturb: The backend 'brian2' needs Brian2: install it with pip install 'neuroperturb[brian2]'."
    )
    assert not list(tmp_path.iterdir())


def test_versions_that_do_not_fit_are_named(monkeypatch):
    import builtins

    real = builtins.__import__

    def broken(name, *rest):
        if name == "brian2":
            raise ImportError("cannot import name 'in1d' from 'numpy'", name="numpy")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(
        InputError,
        match=r"^Brian2 is installed but does not import \(.*in1d.*\): pip install 'neuroperturb\[brian2\]'",
    ):
        device.load()


def test_a_wrong_backend_is_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "neuroperturb", "run", "mackey-glass", "--backend", "nest"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "neuroperturb: The '--backend' option must be one of spiking, kernel, brian2. Got 'nest' instead."
    )


def test_equations_are_shown_without_it(tmp_path):
    arguments = ["run", "delayed-xor", "--backend", "brian2", "--show-equations"]
    done = subprocess.run([sys.executable, "-c", HIDE, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "dv/dt" in done.stdout
