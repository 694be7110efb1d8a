"""Where the time of a sparse write goes, and what other layouts of a cell would give.

    python benchmarks/pulsed_stages.py         a minute

The online step of ``neuroperturb bench`` (soft-bounds cells, one in ten pulsed, two columns read) is built up stage by stage from the
library's own kernels, without anything around them; each column is the time with that stage and all before it, in ns a synapse, so
the last is the least that the step can take as it is laid out now. Rows differ in one thing each:

    apart       four parameters of a cell in four arrays, counters of 32 bits up and down, 32 random bits a cell: as in the library
    together    the four parameters of a cell side by side: one cache line a visited cell in place of four
    narrow      both counters in 16 bits, to be emptied into wide ones every 255 writes (not counted here)

Counted: a pulse needs w, four parameters and a counter (24 bytes) and writes 8. A cache line holds 16 cells, of which one in ten is
visited: 81 % of all lines are moved all the same, 26 bytes a synapse. 500 units: 7 MB of state, 1,000 units: 28 MB.

Also tried, in the library itself: 8 random bits a cell with further ones where they do not decide (one cell in 256) costs 0.65 ns to
round, 32 bits at once 0.62: what is saved in bits goes into finding the undecided.
"""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.fused import read_four
from hardware_models.crossbar.pulses import count_some
from hardware_models.numerics import memory, random
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.nonzero import find_beyond
from hardware_models.numerics.random import uniform_from_bits

STAGES = ("round", "places", "normals", "visit", "count", "read")
REPEATS, STEPS, NOISE = 9, 20, np.float32(0.3)


class Layout(NamedTuple):
    """What a row of the table is compiled for."""

    together: bool = False
    narrow: bool = False


LAYOUTS = {
    "apart": Layout(), "together": Layout(together=True), "narrow": Layout(narrow=True),
}  # fmt: skip


class State(NamedTuple):
    """Arrays of one square array of cells, and rows to work in."""

    w: np.ndarray
    step_up: np.ndarray
    step_down: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    side_by_side: np.ndarray  # (m, n, 4)
    up: np.ndarray
    down: np.ndarray
    both: np.ndarray
    post: np.ndarray
    pre: np.ndarray
    change: np.ndarray
    words: np.ndarray
    steps: np.ndarray
    chosen: np.ndarray
    draws: np.ndarray
    x: np.ndarray
    acc: np.ndarray


def state(n: int) -> State:
    rng = np.random.default_rng(0)
    square = lambda kind=np.float32, value=0: memory.zeros((n, n), kind, matrix=kind == np.float32) + kind(value)  # noqa: E731
    row = lambda kind=np.float32: memory.zeros((1, n), kind)[0]  # noqa: E731
    w = square()
    cells = memory.zeros((1, n * w.shape[1] * 4), np.float32)[0][: n * w.shape[1] * 4].reshape(n, -1, 4)
    cells[:] = 1e-3, 1e-3, 1, -1
    post, pre = row(), (rng.choice((-1, 1), n) * 0.1).astype(np.float32)
    post[:n] = rng.choice((-1, 1), n)
    return State(
        w=w, step_up=square(value=1e-3), step_down=square(value=1e-3), upper=square(value=1), lower=square(value=-1), side_by_side=cells,
        up=square(np.uint32), down=square(np.uint32), both=square(np.uint16), post=post, pre=pre, change=row(), words=row(np.uint32),
        steps=row(), chosen=row(np.int32), draws=row(), x=rng.normal(size=(2, n)).astype(np.float32),
        acc=memory.zeros((2, n), np.float32),
    )  # fmt: skip


@kernel
def round_row(change, words, steps):
    for i in range(change.shape[0]):
        steps[i] = np.floor(change[i] + uniform_from_bits(words[i], change[i]))


@kernel
def pulse(w, up, step_up, step_down, upper, lower, xi):
    one = np.float32(1)
    gain = one + NOISE * xi
    moved, sunk = w + step_up * (one - w / upper) * gain, w - step_down * (one - w / lower) * gain
    w = moved if up else sunk
    w = w if w > lower else lower
    return w if w < upper else upper


@kernel
def visit_apart(w, step_up, step_down, upper, lower, steps, chosen, count, xi):
    for c in range(count):
        i = chosen[c]
        w[i] = pulse(w[i], steps[i] > 0, step_up[i], step_down[i], upper[i], lower[i], xi[c])


@kernel
def visit_together(w, cells, steps, chosen, count, xi):
    for c in range(count):
        i = chosen[c]
        w[i] = pulse(w[i], steps[i] > 0, cells[i, 0], cells[i, 1], cells[i, 2], cells[i, 3], xi[c])


@kernel
def count_narrow(steps, chosen, count, both):
    for c in range(count):
        i = chosen[c]
        both[i] += np.uint16(1) if steps[i] > 0 else np.uint16(256)


fill_bits, fill_normal_at, find, visit_row, visit_cells = map(
    separate, (random.fill_bits, random.fill_normal_at, find_beyond, visit_apart, visit_together)
)


def make_step(layout: Layout, stages: int):
    """step(state, steps, first): the first so many stages."""
    together, narrow = layout

    @kernel
    def step(s, steps, first):
        rows, width = s.w.shape[0], s.change.shape[0]
        for t in range(first, first + steps):
            for j in range(0, rows - 3, 4):
                for row in range(j, j + 4):
                    for i in range(width):
                        s.change[i] = s.post[i] * s.pre[row]
                    fill_bits(1, 3, t, row, s.words)
                    round_row(s.change, s.words, s.steps)
                    count = find(s.steps, np.float32(0), s.chosen) if stages > 1 else 0
                    if stages > 2:
                        fill_normal_at(1, 4, t, row, s.chosen, count, s.words, s.draws)
                    if stages > 3:
                        if together:
                            visit_cells(s.w[row], s.side_by_side[row], s.steps, s.chosen, count, s.draws)
                        else:
                            visit_row(
                                s.w[row], s.step_up[row], s.step_down[row], s.upper[row], s.lower[row], steps=s.steps,
                                chosen=s.chosen, count=count, xi=s.draws,
                            )  # fmt: skip
                    if stages > 4:
                        if narrow:
                            count_narrow(s.steps, s.chosen, count, s.both[row])
                        else:
                            count_some(s.steps, s.chosen, count, s.up[row], s.down[row])
                if stages > 5:
                    read_four(s.w[j], s.w[j + 1], s.w[j + 2], s.w[j + 3], s.x, j, s.acc)

    return step


def measure(actions: list, synapses: int) -> list[str]:
    """Median (least) ns a synapse of each; in turns, so that what else the machine does weighs on all."""
    took = [[] for _ in actions]
    for turn in range(REPEATS):
        for times, action in zip(took, actions, strict=True):
            start = time.perf_counter()
            action(turn)
            times.append((time.perf_counter() - start) / (STEPS * synapses) * 1e9)
    return [f"{statistics.median(times):.2f} ({min(times):.2f})" for times in took]


def main() -> None:
    for n in (500, 1000):
        cells = state(n)
        print(f"\nn = {n}, one cell in ten, ns a synapse: median (least)")
        print(f"{'':9}" + "".join(f"{name:>14}" for name in STAGES))
        for name, layout in LAYOUTS.items():
            steps = [make_step(layout, stages) for stages in range(1, len(STAGES) + 1)]
            for step in steps:
                step(cells, 1, 0)
            row = measure([lambda turn, f=f, c=cells: f(c, STEPS, STEPS * turn) for f in steps], n * n)
            print(f"{name:9}" + "".join(f"{entry:>14}" for entry in row), flush=True)


if __name__ == "__main__":
    main()
