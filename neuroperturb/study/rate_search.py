"""The next runs of a cell, and its choice of a setting: pure functions of the outcomes so far.

With seeds of its own, the search runs every setting on all of them, chooses the smallest mean validation loss, and that setting alone
runs on the seeds that are reported. Without, it chooses on those:

    1   every candidate setting, on the first seeds
    2   the `keep` best of them by mean validation loss, on all seeds; while all of those break, the next best
    3   chosen: the smallest mean validation loss over all seeds, of these and of settings that other grids ran on all of them

A run that diverged or failed has a validation loss of ∞, so that a setting that breaks on any seed loses to one that does not. One
that ends with finite numbers on every seed, but with a mean far above that of the first round, blew up on one of them and counts as
broken, too. The test data are never used here. Without a search, there is one setting and every seed is run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuroperturb.study.grid import Cell, GridPlace
from neuroperturb.study.store import RunOutcome

Outcomes = Mapping[str, RunOutcome]  # by name of a run
BEYOND = 10.0  # a mean over all seeds this many times that of the first round is not chance


def wanted(cell: Cell, outcomes: Outcomes) -> list[GridPlace]:
    """Runs to do now; empty when the cell is done."""
    seeds = range(len(cell.seeds))
    if len(cell.candidates) == 1:
        return _unknown(cell, outcomes, [GridPlace(0, s) for s in seeds])
    first = [GridPlace(c, s) for s in range(cell.tuned or cell.first) for c in range(len(cell.candidates))]
    missing = _unknown(cell, outcomes, first)
    if cell.tuned:
        return missing or _unknown(cell, outcomes, [GridPlace(_best_tuned(cell, outcomes), s) for s in cell.reported])
    return missing or _unknown(cell, outcomes, [GridPlace(c, s) for c in _finalists(cell, outcomes) for s in seeds])


def size(cell: Cell) -> tuple[int, int]:
    """Smallest and largest number of runs of a cell: a search may go down its ranking."""
    seeds, tried = len(cell.seeds), len(cell.candidates)
    if tried == 1:
        return seeds, seeds
    if cell.tuned:
        return (whole := tried * cell.tuned + len(cell.reported)), whole
    first, rest = tried * cell.first, seeds - cell.first
    return first + min(cell.keep, tried) * rest, first + tried * rest


def chosen(cell: Cell, outcomes: Outcomes) -> int | None:
    """Number of the chosen setting; None while the cell is not done."""
    if wanted(cell, outcomes):
        return None
    if len(cell.candidates) == 1:
        return 0
    if cell.tuned:
        return _best_tuned(cell, outcomes)
    seeds = range(len(cell.seeds))
    # Settings that another grid ran on all seeds compete, too. If all break on some seed, the one that breaks on fewest wins.
    whole = {*_finalists(cell, outcomes), *(c for c in range(len(cell.candidates)) if _known(cell, outcomes, c))}
    return min(sorted(whole), key=lambda c: (_broken(cell, outcomes, c), _mean(cell, outcomes, c, seeds)))


def at_the_edge(cell: Cell, candidate: int) -> list[str]:
    """Keys whose chosen value is the smallest or largest of three or more candidates: the best may lie beyond."""
    edges = []
    for key, value in cell.candidates[candidate].items():
        tried = [one[key] for one in cell.candidates]
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in tried)
        if numbers and len(set(tried)) > 2 and value in (min(tried), max(tried)):
            edges.append(key)
    return edges


def _best_tuned(cell: Cell, outcomes: Outcomes) -> int:
    """The setting with the smallest mean over the seeds that choose; where all break on some seed, that which breaks on fewest."""
    tuned = range(cell.tuned)
    broken = [sum(math.isinf(_loss(outcomes.get(names[s]))) for s in tuned) for names in cell.names]
    return min(range(len(cell.candidates)), key=lambda c: (broken[c], _mean(cell, outcomes, c, tuned)))


def _finalists(cell: Cell, outcomes: Outcomes) -> list[int]:
    """Settings to run on all seeds, as far as known; ties go to the earlier one."""
    first = range(cell.first)
    ranked = sorted(range(len(cell.candidates)), key=lambda c: _mean(cell, outcomes, c, first))
    going = ranked[: cell.keep]
    for candidate in ranked[cell.keep :]:
        if any(not _known(cell, outcomes, c) or _holds(cell, outcomes, c) for c in going):
            break
        if math.isinf(_mean(cell, outcomes, candidate, first)):
            break
        going.append(candidate)
    return going


def _holds(cell: Cell, outcomes: Outcomes, candidate: int) -> bool:
    everywhere, at_first = (_mean(cell, outcomes, candidate, range(n)) for n in (len(cell.seeds), cell.first))
    return math.isfinite(everywhere) and everywhere <= BEYOND * at_first


def _known(cell: Cell, outcomes: Outcomes, candidate: int) -> bool:
    return all(name in outcomes for name in cell.names[candidate])


def _broken(cell: Cell, outcomes: Outcomes, candidate: int) -> int:
    return sum(math.isinf(_loss(outcomes.get(name))) for name in cell.names[candidate])


def _mean(cell: Cell, outcomes: Outcomes, candidate: int, seeds: range) -> float:
    return sum(_loss(outcomes.get(cell.names[candidate][s])) for s in seeds) / len(seeds)


def _loss(outcome: RunOutcome | None) -> float:
    good = outcome is not None and outcome.status == "finished" and math.isfinite(outcome.validation)
    return outcome.validation if good else math.inf


def _unknown(cell: Cell, outcomes: Outcomes, places: list[GridPlace]) -> list[GridPlace]:
    return [place for place in places if cell.name(place) not in outcomes]
