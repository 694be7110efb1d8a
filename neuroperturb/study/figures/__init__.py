"""Figures of a study, each from tables alone; every seed is visible, and broken seeds are marked.

ranking       test loss of every cell, its seeds and interval, with controls and baselines
curves        a panel per cell: validation loss of every seed, their median, the control's median
against_axis  test loss against one axis, a line per series
heat_map      mean test loss over two axes
cost          test loss against energy, endurance used or pulses
ageing        test loss of trained weights on other chips, as these age

A figure is a file with ``draw(facet)``, which yields the figures of one task, none if there is nothing to draw, and a line in
:data:`FIGURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neuroperturb.results.figures.style import styled
from neuroperturb.study.figures import against_axis, ageing, cost, curves, heat_map, ranking
from neuroperturb.study.figures.canvas import Drawn, Facet, file_name
from neuroperturb.study.summary import baselines, facets, lines
from neuroperturb.study.table import Tables

FIGURES = (ranking, curves, against_axis, heat_map, cost, ageing)  # in the order of the page


def draw(tables: Tables, narrow: bool = False) -> Iterator[Drawn]:
    """Every figure that the study has data for; `narrow`: as a phone shows it."""
    made = lines(tables)
    for name in facets(made):
        facet = Facet(name, [line for line in made if line.facet == name], baselines(tables, name), tables, narrow)
        for figure in FIGURES:
            yield from _drawn(figure.draw, facet)


@styled
def _drawn(draw: Callable[[Facet], Iterator[Drawn]], facet: Facet) -> list[Drawn]:
    return [one._replace(task=facet.name) for one in draw(facet)]
