"""Small studies in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from neuroperturb.results.run import differences, load
from neuroperturb.study.store import StudyFolder

HERE = Path(__file__).parent


ENVIRONMENT = {
    **os.environ,
    "NUMBA_DISABLE_JIT": "1",
    "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
    "OMP_NUM_THREADS": "1",
}  # small and uncompiled


TOML = """
baselines = ["ridge"]
[base]
task = {{name = "delayed-xor", trials_per_epoch = 8, validation_trials = 8, test_trials = 8}}
network = {{size = 3, bias = true}}
training = {{schedule = "episode", batch_size = 4, epochs = {epochs}}}
[axes]
rule = {rules}
network.size = {sizes}
seed = {seeds}
"""


TWO_RULES = """
[base]
task = {name = "delayed-xor", trials_per_epoch = 8, validation_trials = 8, test_trials = 8}
network = {size = 3, bias = true}
training = {schedule = "episode", batch_size = 4, epochs = 2}
[axes]
rule = ["np", "anp"]
seed = [1, 2, 3]
"""


def declare(folder, epochs=2, rules=("np",), sizes=(2, 3), seeds=(1, 2)):
    lists = {
        name: str(list(values)).replace("'", '"')
        for name, values in (("rules", rules), ("sizes", sizes), ("seeds", seeds))
    }
    file = folder / "s.toml"
    text = TOML.format(epochs=epochs, **lists).replace("\nnetwork.size", '\n"network.size"')
    file.write_text(text)
    return file


def helper(file, out, *options):
    """The study in a forked child of a helper process, see there."""
    command = [sys.executable, HERE / "study_process.py", file, out, *map(str, options)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)


def start(file, out, *options, **more):
    command = [sys.executable, "-m", "neuroperturb", "study", file, "--out", out, *map(str, options)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=ENVIRONMENT, **pipes, **more)


def finish(process, timeout=120):
    output, errors = process.communicate(timeout=timeout)
    return process.returncode, output, errors


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def assert_same(one, other):
    """Every cell once, no litter, and the same in everything but time."""
    assert files(one) == files(other)
    names = {name for cell in StudyFolder(one).read_index()[1] for names in cell.names for name in names}
    assert {path.stem for path in (one / "runs").iterdir()} == names
    assert (one / "cells.json").read_text() == (other / "cells.json").read_text()
    for name in names:
        a, b = (load(StudyFolder(folder).run_file(name)) for folder in (one, other))
        assert a.status == "finished"
        assert differences(a, b) == []
