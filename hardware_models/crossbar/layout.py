"""The state of a new array, laid out in memory: cells of this chip, all at 0, and the state of every part."""

from __future__ import annotations

import numpy as np

from hardware_models.crossbar.contract import Site
from hardware_models.crossbar.state import Absent, ArrayState, Cells, Scratch
from hardware_models.crossbar.travel import travel_state
from hardware_models.numerics import memory, panels, random


def lay_out(site: Site, seed: int) -> ArrayState:
    """The state of an array of chip `seed`, before its weights and time are fabricated."""
    (n, m), dtype, number, parts = site.shape, site.dtype, site.number, site.parts
    weight, cell = parts.weight, parts.cell
    d = len(weight.gains)
    count = lambda: np.zeros(1, np.int64)  # noqa: E731
    of_weight = weight.state((d, m, n), cell, dtype)
    weight.draw(of_weight, (d, m, n), seed, number)
    return ArrayState(
        cells=_cells(site, (d, m, n), seed, dtype), numbers=cell.numbers(dtype.type), scale=np.ones(1, dtype),
        gain=np.asarray(weight.gains, dtype), share=weight.shares().astype(dtype), seed=seed,
        rounding=random.stream(random.Stream.ROUNDING, number), cycle=random.stream(random.Stream.CYCLE, number),
        showing=random.stream(random.Stream.WRITE, number), programming=random.stream(random.Stream.PROGRAM, number),
        writes=count(), programs=count(), reads=count(), columns=count(), back_reads=count(),
        correction=memory.zeros((1, n), dtype)[0] + dtype.type(1), weight=of_weight,
        writing=parts.writing.state(site), reading=parts.readout.state((n, m), site.columns, seed, number, dtype, d),
        slow=parts.time.slow_state((d, m, n), seed, number, dtype), programmed=parts.programming.state((d, m, n), number, dtype),
        travel=travel_state(d, m, n, dtype) if site.tracks else Absent(), size=np.array([n]), scratch=_scratch(site),
    )  # fmt: skip


def _cells(site: Site, shape: tuple[int, int, int], seed: int, dtype) -> Cells:
    """Cells (d, m, n), all at 0; what nothing needs is one unused number."""
    n, number, cell, time = shape[2], site.number, site.parts.cell, site.parts.time
    one = lambda kind=dtype: np.zeros((1, 1, 1), kind)  # noqa: E731
    full = lambda kind=dtype: memory.zeros(shape, kind, matrix=kind == dtype)  # noqa: E731
    fate = lambda there, kind: memory.zeros(shape, kind, matrix=True) if there else one(kind)  # noqa: E731

    def place(values, padding):
        if values is None:
            return one()
        out = full()
        out[:, :, :n], out[:, :, n:] = values, padding  # cells that do not exist have a range, for division
        return out

    chip, counter = cell.fabricate(shape, seed, number), full if cell.is_pulsed else one
    of_each = (None,) * 6 if chip is None else chip
    step_up, step_down, bound_up, bound_low, a, b = map(place, of_each, (0, 0, 1, -1, 0, 0))
    stuck = fate(time.fails, dtype)
    stuck[:] = np.nan
    return Cells(
        w=full(), held=full() if cell.write_noise > 0 else one(), step_up=step_up, step_down=step_down, bound_up=bound_up,
        bound_low=bound_low, a=a, b=b, up=counter(np.uint32), down=counter(np.uint32), slow=fate(time.is_noisy, dtype), stuck=stuck,
        limit=fate(time.wears, np.uint32), sites=np.zeros((1, 1), np.int8) if site.sites is None else site.sites.codes.T.copy(),
    )  # fmt: skip


def _scratch(site: Site) -> Scratch:
    (n, m), dtype = site.shape, site.dtype
    row = lambda count=1, kind=dtype: memory.zeros((count, n), kind)  # noqa: E731
    return Scratch(
        change=row()[0], share=row()[0], rows=row(4), steps=row()[0], draws=row()[0], chosen=row(kind=np.int32)[0],
        words=row(kind=np.uint32)[0], back=memory.zeros((site.columns, m), dtype),
        panel=panels.zeros(site.columns, m, dtype), sizes=np.zeros(6, np.int32),
    )  # fmt: skip
