"""Memory does not grow with the length of a sequence, beyond the sequence itself."""

import functools
import tracemalloc

import numpy as np
import pytest
from slow_cases import slow

from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.tasks.contract import Sequence

MEGABYTE = 2**20
SHORT, LONG = 5_000, 50_000  # steps
PEAK = "/proc/self/status"


def series(steps):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, steps, 1, 1))
    return Sequence(*values, np.ones((steps, 1), bool), np.arange(steps) == 0, np.zeros((steps, 1), np.int64))


def resident(field):
    """VmRSS, what is in memory now, or VmHWM, the most there has been [bytes]."""
    with open(PEAK) as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


@functools.cache
def initial(size):
    return initial_weights(RNN(size=size), 1, 1, 0)


def build(name, schedule, size, steps):
    return Simulation(
        RNN(size=size), rules.make(name, None, schedule, learning_rate=1e-9), initial(size),
        schedule=schedule, steps=steps, total_steps=steps,
    )  # fmt: skip


def allocated(name, schedule, size, steps):
    """Most memory of Python and NumPy while a simulation is built and a sequence made ready [bytes]."""
    tracemalloc.start()
    build(name, schedule, size, steps).prepare(series(steps))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("schedule", ["online", "episode"])
@pytest.mark.parametrize("name", rules.RULES)
def test_nothing_allocated_grows(name, schedule):
    """All that a run allocates, at 1000 units; its kernels are compiled without an allocator."""
    allocated(name, schedule, 1000, 100)
    assert allocated(name, schedule, 1000, LONG) - allocated(name, schedule, 1000, SHORT) < 5 * MEGABYTE


@pytest.mark.skipif(not COMPILED, reason="50,000 steps in plain Python")
@pytest.mark.parametrize(
    ("name", "schedule", "size", "tenth"),
    [*slow(("anp", "online", 1000, 1)), ("np", "episode", 200, 1)],
)
def test_a_whole_run_does_not_grow(name, schedule, size, tenth):
    """The process in step 50,000 against itself in step 5,000; WP draws n² numbers a step, so it gets a tenth of both."""
    short, long = SHORT // tenth, LONG // tenth
    assert build(name, schedule, size, 100).present_all(series(100))  # compiles
    simulation = build(name, schedule, size, long)
    sequence = simulation.prepare(series(long))
    learn = simulation.phases[-1]
    assert simulation.present(sequence, learn, 0, short) == short
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the high-water mark begins anew
    before = resident("VmRSS")
    assert simulation.present(sequence, learn, short, long) == long
    growth = resident("VmHWM") - before
    assert growth < 5 * MEGABYTE / tenth, growth / MEGABYTE
