"""Kernels compiled by a child ahead of the process that needs them: found or waited for, and never more than time lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hardware_models.numerics import compile_ahead, compile_clock, kernel_cache
from hardware_models.numerics.compiled import COMPILED
from neuroperturb.results.run import differences, load

ROOT = Path(__file__).parents[3]
COUNT = """
from numba.core import event
compiled = []
event.register("numba:compile", type("L", (event.Listener,), {
    "on_start": lambda s, e: compiled.append(e.data["dispatcher"].py_func.__name__), "on_end": lambda s, e: None})())
"""
PROGRAM = """
import itertools, json, os, signal, sys, time
import numpy as np
from numba import types
from numba.extending import intrinsic
from hardware_models.numerics import compile_ahead, kernel_cache
from hardware_models.numerics.compiled import kernel, separate

ME = os.getpid()
os.sched_getaffinity = lambda pid: {0, 1}
os.getloadavg = lambda: (0.0, 0.0, 0.0)

numbers = itertools.count()

def made(name, here=lambda: None):
    number = next(numbers)  # of another kernel, though it gives the same

    @intrinsic  # one for each kernel: it is typed once
    def slowly(typingctx, x):
        while os.getpid() != ME and not os.path.exists(GATE):  # a child takes its time
            time.sleep(0.002)
        if os.getpid() == ME:
            here()
        return x(x), lambda context, builder, signature, arguments: arguments[0]

    def function(x):
        return slowly(x[0]) + 1 + 0 * number
    function.__name__ = name
    return kernel(function)

def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)

def begun():
    return bool(kernel_cache.elsewhere._board.read())

def alone():
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return "alone"

one, said = np.ones(3), {}

def case(label, work, meanwhile, beside=None):
    first = made("first_of_" + label)
    compiled.clear()
    with compile_ahead.allowed(), compile_ahead.ahead(work, beside):
        first(one)
        value = meanwhile()
    said[label] = [value, list(compiled), alone(), kernel_cache.elsewhere is None]
"""
CASES = """
GATE = __file__  # open
kept, asked, left, lost, hung = map(made, ("kept", "asked", "left", "lost", "hung"))

def speaks():
    print("a word of the child's")
    os.write(1, b"another")
    kept(one)
    open("done", "w").close()

def find_it():
    until(lambda: os.path.exists("done"))
    return kept(one)

def wait_for_it():
    until(begun)
    sleep = time.sleep
    compile_ahead.time.sleep = lambda seconds: (open("gate", "w").close(), sleep(seconds))
    try:
        return asked(one)
    finally:
        compile_ahead.time.sleep = sleep

def kill_it():
    until(begun)
    os.kill(kernel_cache.elsewhere._pid, signal.SIGKILL)
    return left(one)

def interrupt_it():
    until(begun)
    os.kill(kernel_cache.elsewhere._pid, signal.SIGINT)
    return lost(one)

def lose_patience():
    until(begun)
    return hung(one)

def nested(name, *inner):
    first, second = map(separate, inner)

    def function(x):
        return part(x) * first(x) + second(x) - 4
    part = made("part_of_" + name)
    function.__name__ = name
    return kernel(function)

def there(name):
    return lambda: until(lambda: os.path.exists(name))

# the second kernel inside is the child's: this process is at the first until the child is at what is later
both = nested("both", made("one", here=there("later")), made("two"))

case("kept", speaks, find_it)
case("shared", lambda: open("later", "w").close(), lambda: both(one), beside=lambda: both(one))
GATE = "gate"  # opens when somebody waits
case("asked", lambda: asked(one), wait_for_it)
GATE = "never"
case("left", lambda: left(one), kill_it)
case("lost", lambda: lost(one), interrupt_it)
compile_ahead.PATIENCE = 0.1
case("hung", lambda: hung(one), lose_patience)
case("failed", lambda: 1 / 0, lambda: 2.0)
case("sleeps", lambda: time.sleep(1000), lambda: 2.0)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What became of every case, in a process of its own: it forks."""
    if not COMPILED or sys.platform != "linux":
        pytest.skip("nothing is compiled ahead")
    folder = tmp_path_factory.mktemp("ahead")
    (folder / "program.py").write_text(COUNT + PROGRAM + CASES)
    environment = {**os.environ, "NEUROPERTURB_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", folder / "program.py"],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not list((folder / "cache").rglob("*.part"))
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("label", "here"),
    [
        ("kept", []),  # compiled by the child before
        ("asked", []),  # waited for
        ("left", ["left"]),  # the child was killed over it
        ("lost", ["lost"]),  # and interrupted
        ("hung", ["hung"]),  # and takes too long
        ("shared", ["both", "part_of_both", "one"]),
        ("failed", []),
        ("sleeps", []),
    ],
)
def test_what_is_compiled_here(said, label, here):
    value, compiled, children, over = said[label]
    assert value == 2.0
    assert compiled == [f"first_of_{label}", *here]
    assert children == "alone" and over


@pytest.mark.parametrize("why", ["", "not allowed", "one processor", "busy", "no cache", "threads", "elsewhere"])
def test_nothing_waits_for_a_kernel_to_compile_where_it_does_not_pay(monkeypatch, why):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0} if why == "one processor" else {0, 1}, raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (2.0 if why == "busy" else 0.1, 0.0, 0.0), raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 3 if why == "threads" else 2)  # a display's and its own
    monkeypatch.setattr(kernel_cache, "problem", lambda: "There is none." if why == "no cache" else "")
    monkeypatch.setattr(sys, "platform", "darwin" if why == "elsewhere" else "linux")
    monkeypatch.setattr(compile_ahead, "_threads", 0 if why == "not allowed" else 2)
    waiting = compile_clock._kernels().waiting
    before = len(waiting)
    with compile_ahead.ahead(lambda: None):
        assert len(waiting) == before + (not why)
    assert len(waiting) == before


@pytest.mark.slow
@pytest.mark.skipif(not COMPILED or sys.platform != "linux", reason="nothing is compiled ahead")
@pytest.mark.parametrize(
    "options",
    [["--hardware", "ecram"], [], ["--rule", "bptt"], ["--rule", "np-p"], ["--set", "training.schedule=online"]],
    ids=" ".join,
)
def test_a_command_gives_the_same_bits_with_and_without(tmp_path, options):
    settings = ["network.size=4", "task.trials_per_epoch=64", "task.validation_trials=16", "task.test_trials=16"]
    idle = "import os; os.getloadavg = lambda: (0.0, 0.0, 0.0); from neuroperturb.cli.app import main; main()"
    command = [sys.executable, "-c", idle, "run", "delayed-xor", *options, "--epochs", "2"]
    runs, counts = [], []
    for number, cores in enumerate((os.sched_getaffinity(0), {min(os.sched_getaffinity(0))})):
        out = tmp_path / f"{number}.nc"
        done = subprocess.run(
            [*command, *(word for one in settings for word in ("--set", one)), "--out", out],
            env=os.environ | {"NEUROPERTURB_CACHE": str(tmp_path / f"kernels-{number}"), "PYTHONPATH": str(ROOT)},
            preexec_fn=lambda cores=cores: os.sched_setaffinity(0, cores), capture_output=True, text=True, check=True,
        )  # fmt: skip
        runs.append(load(out))
        counts.append(len(list((tmp_path / f"kernels-{number}").glob("*/*.kernel"))))
        assert "compiling kernels" in done.stdout and done.stderr == ""
    assert [key for key in differences(*runs) if "seconds" not in key] == []
    assert counts[0] == counts[1]
