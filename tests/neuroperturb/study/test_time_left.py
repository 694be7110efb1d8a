"""What is said of time: clocks that compiling does not move, and how long a study still takes."""

from __future__ import annotations

import math
import threading
import time

import numba
import numpy as np
import pytest

from hardware_models.numerics.compile_clock import working
from neuroperturb.study.grid import Cell
from neuroperturb.study.time_left import RunTimes

SIZES, RULES = (64, 128, 256, 512), ("np", "anp", "wp")
TIMES = {"np": 1.0, "anp": 2.0, "wp": 10.0}


def cell(size=64, rule="np", control=""):
    return Cell("", control, {}, {"network.size": size, "rule": rule}, {}, ({},), ({},), (("x",),), (), 1, 1)


def truth(cell):
    size, rule = cell.levels["network.size"], cell.levels["rule"]
    return TIMES[rule] * (size / 64) ** 2 * (0.5 if cell.control else 1.0)


def cells():
    return [cell(size, rule, control) for control in ("", "frozen") for size in SIZES for rule in RULES]


def fresh():
    """A kernel that nobody compiled yet, and that takes a while to compile."""

    @numba.njit
    def kernel(x):
        for k in range(x.size):
            x[k] = np.sin(x[k]) + np.exp(-x[k])
        return np.sort(x)[::-1].sum()

    return kernel


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_compiling_takes_no_time():
    kernel, x = fresh(), np.ones(8)
    start, worked = time.perf_counter(), working()
    kernel(x)
    took, worked = time.perf_counter() - start, working() - worked
    assert took > 0.1
    assert worked < took / 3
    start, worked = time.perf_counter(), working()
    time.sleep(0.05)
    worked = working() - worked
    assert 0.05 <= worked <= time.perf_counter() - start


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_waiting_for_another_thread_to_compile_takes_no_time_either():
    kernel, took = fresh(), []

    def call():
        start, worked = time.perf_counter(), working()
        kernel(np.ones(8))
        took.append((time.perf_counter() - start, working() - worked))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(worked for _, worked in took) < sum(whole for whole, _ in took) / 2


def test_nothing_is_known_before_a_run_has_ended():
    pace = RunTimes(cells())
    pace.note(0, math.nan)
    assert np.isnan(pace.seconds()).all()
    pace.note(0, 3.0)
    assert pace.seconds() == pytest.approx(3.0)


def test_a_cell_goes_by_the_median_of_its_own_runs_and_what_is_beside_training_by_that_of_all():
    pace = RunTimes(cells())
    for seconds in (5.0, 7.0, 100.0):
        pace.note(0, seconds, seconds + 0.5)
    pace.note(1, 1.0, 30.0)  # compiled
    assert pace.seconds()[:2] == pytest.approx([7.5, 1.5])


def test_cells_not_yet_seen_go_by_those_that_share_their_levels():
    those = cells()
    pace = RunTimes(those)
    for number, one in enumerate(those):
        if not one.control or one.levels["rule"] == "np":  # of the frozen ones, one rule only
            pace.note(number, truth(one))
    told = pace.seconds() / [truth(one) for one in those]
    assert told == pytest.approx(1.0, rel=0.35)


def test_a_number_not_yet_seen_goes_by_the_line_through_those_that_were():
    those = cells()
    pace = RunTimes(those)
    for number, one in enumerate(those):
        if one.levels["network.size"] < 512:
            pace.note(number, truth(one))
    told = {
        one.levels["rule"]: t for one, t in zip(those, pace.seconds(), strict=True) if one.levels["network.size"] == 512
    }
    for rule, factor in TIMES.items():
        assert told[rule] == pytest.approx(factor * 64 * 0.5, rel=0.35)  # the last of a rule is frozen
