"""Seeds of the shipped studies: what is reported was not chosen on, and was not seen before."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import pytest

from neuroperturb.study import declaration

STUDIES = Path(__file__).parents[1] / "studies"
LIST = tomllib.loads((STUDIES / "results" / "seeds.toml").read_text(encoding="utf-8"))


def numbers(ranges):
    return {seed for low, high in ranges for seed in range(low, high + 1)}


TUNING, BEFORE = numbers(LIST["tuning"]["seeds"]), set(LIST["before"]["seeds"])
REPORTED = {name: numbers(ranges) for name, ranges in LIST["reported"].items()}


def test_no_seed_is_spent_twice():
    for (one, ours), (other, theirs) in itertools.combinations(REPORTED.items(), 2):
        assert not ours & theirs, (one, other)
    for name, seeds in REPORTED.items():
        assert not seeds & (TUNING | BEFORE), name


PATHS = pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)


@PATHS
def test_a_quick_version_spends_no_seed_that_is_reported(path):
    axes = [
        axis for grid in declaration.load(path, "quick").grids for axis in grid.axes if "training.seed" in axis.keys
    ]
    used = {point[axis.keys.index("training.seed")] for axis in axes for point in axis.points}
    assert used and used <= TUNING


@PATHS
def test_a_study_keeps_to_its_seeds(path):
    grids = declaration.load(path).grids
    free = set() if any(grid.search for grid in grids) else BEFORE  # a study that chooses nothing may report them, too
    for grid in grids:
        axes = [axis for axis in grid.axes if "training.seed" in axis.keys]
        reported = {point[axis.keys.index("training.seed")] for axis in axes for point in axis.points}
        tuned = set(grid.search.seeds) if grid.search else set()
        if path.stem in REPORTED:
            assert tuned <= TUNING and reported <= REPORTED[path.stem] | free
            assert tuned or grid.search is None, "it chooses on the seeds it reports"
        else:
            assert grid.search is None, "a study that chooses takes a range of its own in studies/results/seeds.toml"
            assert reported <= BEFORE
