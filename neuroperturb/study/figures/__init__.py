"""Figures of a study, each from tables alone; every seed is visible, and what broke keeps its place.

ranking    test loss of every cell, its seeds and interval; controls and baselines beside them
curves     a panel a cell: validation loss of every seed, their median, the control's median
along      test loss against one axis, a line a series
heat map   mean test loss over two axes
cost       test loss against energy, endurance used or pulses
ageing     test loss of trained weights on other chips, as these age
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neuroperturb.results.figures.style import spread
from neuroperturb.results.grid import number
from neuroperturb.study.figures.against_axis import along, series_for
from neuroperturb.study.figures.ageing import ageing
from neuroperturb.study.figures.axes import axes_of, names_of
from neuroperturb.study.figures.canvas import Drawn, file_name
from neuroperturb.study.figures.cost import COSTS, cost
from neuroperturb.study.figures.curves import curves
from neuroperturb.study.figures.heat_map import heat_map
from neuroperturb.study.figures.ranking import ranking
from neuroperturb.study.labels import words
from neuroperturb.study.summary import Line, baselines, facets, floor_of, lines
from neuroperturb.study.table import Curve, Tables


def draw(tables: Tables) -> Iterator[Drawn]:
    """Every figure that the study has something to show in."""
    made = lines(tables)
    for facet in facets(made):
        here = [line for line in made if line.facet == facet]
        beside = baselines(tables, facet)
        if any(np.isfinite(line.test).any() for line in here):
            yield ranking(facet, here, beside, tables)
        if any(name in tables.curves for line in here for name in names_of(tables, line)):
            yield curves(facet, here, tables)
        yield from _over_axes(facet, here, beside, tables)
        yield from (cost(facet, here, key) for key in COSTS if sum(key in line.extra for line in here) > 1)
        if len(tables.ages) and tables.ages["cell"].isin([line.cell for line in here]).any():
            yield ageing(facet, here, tables)


def _over_axes(facet: str, here: Sequence[Line], beside: Sequence[Line], tables: Tables) -> Iterator[Drawn]:
    own = [line for line in here if not line.control]
    axes = axes_of(own)
    for axis in axes:
        series = series_for(axis, axes)
        yield along(facet, own, beside, axis, series, [a for a in axes if a not in (axis, series)])
    numeric = [axis for axis in axes if axis.numeric]
    for pair in combinations(axes if len(axes) == 2 else numeric, 2):
        yield heat_map(facet, own, *pair, [a for a in axes if a not in pair], floor_of(tables, facet))
