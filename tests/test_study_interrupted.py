"""Studies in processes of their own that are killed, interrupted, run out of disk, and run side by side."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neuroperturb.run import differences, load
from neuroperturb.study.folder import Folder

HERE = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    "NUMBA_DISABLE_JIT": "1",
    "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
    "OMP_NUM_THREADS": "1",
}  # small and uncompiled
KILLS = int(os.environ.get("NEUROPERTURB_KILLS", "3"))  # 20 for the whole form
TRAINER = () if "NEUROPERTURB_REAL" in os.environ else ("--stand-in",)  # what learns, or what only takes its time
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
    command = [sys.executable, "-m", "neuroperturb.cli", "study", file, "--out", out, *map(str, options)]
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
    names = {name for cell in Folder(one).read_index()[1] for names in cell.names for name in names}
    assert {path.stem for path in (one / "runs").iterdir()} == names
    assert (one / "cells.json").read_text() == (other / "cells.json").read_text()
    for name in names:
        a, b = (load(Folder(folder).run_file(name)) for folder in (one, other))
        assert a.status == "finished"
        assert differences(a, b) == []


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_killed_again_and_again_over_sixty_runs(tmp_path):
    file = declare(tmp_path, rules=("np", "anp", "wp", "bptt"), sizes=(2, 3, 4), seeds=(1, 2, 3, 4, 5))
    helper(file, tmp_path / "whole", *TRAINER)
    said = helper(file, tmp_path / "killed", *TRAINER, "--kills", KILLS).stdout
    assert f"killed {KILLS} times" in said
    assert_same(tmp_path / "whole", tmp_path / "killed")
    assert len(list((tmp_path / "whole" / "runs").iterdir())) == 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of two longer runs, and where it ran undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    file = declare(folder, epochs=15, rules=("np",), sizes=(3,))
    helper(file, folder / "out")
    return file, folder / "out"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_checkpoints_and_the_rest_goes_on_from_them(whole, tmp_path, number):
    file, undisturbed = whole
    process, claims = start(file, tmp_path / "out", "--workers", 2), tmp_path / "out" / "claims"
    wait_for(lambda: claims.is_dir() and len([p for p in claims.iterdir() if p.name[0] != "."]) == 2, process)
    time.sleep(0.2)
    process.send_signal(number)
    code, output, errors = finish(process)
    assert (code, "stopping after this chunk" in errors) == (130, True), (output, errors)
    assert not any(claims.iterdir())
    assert "interrupted" in [load(path).status for path in (tmp_path / "out" / "runs").iterdir()]
    helper(file, tmp_path / "out")
    assert_same(undisturbed, tmp_path / "out")


def test_a_full_disk_loses_the_runs_in_flight_only(tmp_path):
    file = declare(tmp_path, sizes=(2,))

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))

    code, output, errors = finish(start(file, tmp_path / "out", preexec_fn=small_files_only))
    assert code == 2, (output, errors)
    assert "Results cannot be written to" in errors
    assert len(errors.strip().splitlines()) == 1
    assert [name for name in files(tmp_path / "out") if ".part-" in name] == []
    helper(file, tmp_path / "out")
    helper(file, tmp_path / "whole")
    assert_same(tmp_path / "whole", tmp_path / "out")


def test_two_processes_side_by_side_share_the_work(tmp_path):
    file = declare(tmp_path, sizes=(2, 3, 4), seeds=(1, 2, 3))
    both = [start(file, tmp_path / "out", "--workers", 1, "--quiet") for _ in range(2)]
    shards = [start(file, tmp_path / "shards", "--workers", 1, "--shard", f"{i}/2") for i in (1, 2)]
    for process in (*both, *shards):
        code, output, errors = finish(process)
        assert code == 0, (output, errors)
    assert_same(tmp_path / "out", tmp_path / "shards")
