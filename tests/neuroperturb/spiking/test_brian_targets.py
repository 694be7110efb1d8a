"""Targets of Brian2 do the same: numpy, cython, and one compiled program that is run again. A small network: every equation is a file."""

from __future__ import annotations

import shutil

import brian2
import numpy as np
import pytest
from spiking_cases import make_case, rows_of, session

from neuroperturb import rules
from neuroperturb.network.lif import LIF
from neuroperturb.rules import RunningMean

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
ONE_PASS = rules.make("np", noise_std=0.1, learning_rate=1e-4, baseline=RunningMean())
READOUT = {"lif": LIF(), "frozen": ("W_in", "W_rec")}


@pytest.fixture(autouse=True)
def compiled_in_a_hurry():
    """What is compiled here runs for milliseconds."""
    before = brian2.prefs["codegen.cpp.extra_compile_args"]
    brian2.prefs["codegen.cpp.extra_compile_args"] = ["-w", "-O0"]
    yield
    brian2.prefs["codegen.cpp.extra_compile_args"] = before


def compare(one, other, case, scales=(1.0,)):
    """Both present the case, with other noise every time, from the state that the presentation before left."""
    rows, states = rows_of(case, ONE_PASS, lif=LIF()), [one.initial(), other.initial()]
    for scale in scales:
        again = rows._replace(noise_y=scale * rows.noise_y)
        (a, states[0]), (b, states[1]) = one.present(again, states[0]), other.present(again, states[1])
        assert np.abs(a.y).max() > 0.1 and np.abs(a.y - b.y).max() < 1e-9
        assert all(np.abs(states[0][name] - states[1][name]).max() < 1e-9 for name in states[0])
    assert np.abs(states[0]["W_out.w"] - one.initial()["W_out.w"]).max() > 1e-6


def test_a_standalone_program_is_run_again_without_compiling():
    case = make_case(20, size=12)
    plain, compiled = session(case, ONE_PASS, **READOUT), session(case, ONE_PASS, **READOUT, target="cpp_standalone")
    program = compiled._folder.path / "main"
    made = program.stat().st_mtime_ns
    compare(plain, compiled, case, scales=(1.0, 0.5))
    assert program.stat().st_mtime_ns == made
    compiled.close()
    assert not program.exists()


def test_cython_does_the_same():
    case = make_case(20, size=12)
    compare(session(case, ONE_PASS, **READOUT), session(case, ONE_PASS, **READOUT, target="cython"), case)
