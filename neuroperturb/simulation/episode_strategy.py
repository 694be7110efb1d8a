"""The contract of a strategy that sums an episode; the loop over steps is compiled around it."""

from __future__ import annotations

from typing import NamedTuple

from hardware_models.numerics.compiled import kernel


class EpisodeStrategy(NamedTuple):
    """Kernels that sum an episode: begin_step(run, reset), add_step(run, reset), end_sequence(run)."""

    begin_step: object
    add_step: object
    end_sequence: object


@kernel
def begin_nothing(run, reset):
    """Nothing is pending from one step to the next."""
