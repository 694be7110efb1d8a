"""Studies in processes of their own that are killed, interrupted, run out of disk, and run side by side."""

from __future__ import annotations

import os
import resource
import signal
import time

import pytest
from slow_cases import slow
from study_cases import assert_same, declare, files, finish, helper, start

from neuroperturb.results.run import load

KILLS = int(os.environ.get("NEUROPERTURB_KILLS", "3"))  # 20 for the whole form
TRAINER = () if "NEUROPERTURB_REAL" in os.environ else ("--stand-in",)  # what learns, or what only takes its time


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("runs", [24, *slow(60)])
def test_killed_again_and_again(tmp_path, runs):
    file = declare(tmp_path, rules=("np", "anp", "wp", "bptt"), sizes=(2, 3, 4), seeds=range(runs // 12))
    helper(file, tmp_path / "whole", *TRAINER)
    said = helper(file, tmp_path / "killed", *TRAINER, "--kills", KILLS, "--last", runs * 3 // 4).stdout
    assert f"killed {KILLS} times" in said
    assert_same(tmp_path / "whole", tmp_path / "killed")
    assert len(list((tmp_path / "whole" / "runs").iterdir())) == runs


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of two longer runs, and where it ran undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    file = declare(folder, epochs=8, rules=("np",), sizes=(3,))
    helper(file, folder / "out")
    return file, folder / "out"


@pytest.mark.parametrize("number", [signal.SIGTERM, *slow(signal.SIGINT)])
def test_a_signal_leaves_checkpoints_and_the_rest_goes_on_from_them(whole, tmp_path, number):
    file, undisturbed = whole
    process, claims = start(file, tmp_path / "out", "--workers", 2), tmp_path / "out" / "claims"
    wait_for(lambda: claims.is_dir() and len([p for p in claims.iterdir() if p.name[0] != "."]) == 2, process)
    time.sleep(0.1)
    process.send_signal(number)
    code, output, errors = finish(process)
    assert (code, "stopping after this chunk" in errors) == (130, True), (output, errors)
    assert not any(claims.iterdir())
    assert "interrupted" in [load(path).status for path in (tmp_path / "out" / "runs").iterdir()]
    helper(file, tmp_path / "out")
    assert_same(undisturbed, tmp_path / "out")


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once_and_loses_nothing(whole, tmp_path):
    file, undisturbed = whole
    process, claims = start(file, tmp_path / "out", "--workers", 2), tmp_path / "out" / "claims"
    wait_for(lambda: claims.is_dir() and len([p for p in claims.iterdir() if p.name[0] != "."]) == 2, process)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, output, errors = finish(process)
    assert code in (130, -signal.SIGINT), (output, errors)
    assert "Traceback" not in errors
    assert [name for name in files(tmp_path / "out") if ".part-" in name] == []
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


@pytest.mark.slow
def test_two_processes_side_by_side_share_the_work(tmp_path):
    file = declare(tmp_path, sizes=(2, 3, 4))
    both = [start(file, tmp_path / "out", "--workers", 1, "--quiet") for _ in range(2)]
    shards = [start(file, tmp_path / "shards", "--workers", 1, "--shard", f"{i}/2") for i in (1, 2)]
    for process in (*both, *shards):
        code, output, errors = finish(process)
        assert code == 0, (output, errors)
    assert_same(tmp_path / "out", tmp_path / "shards")
