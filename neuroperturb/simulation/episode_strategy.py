"""How an episode is summed: the contract of a strategy, around which the loop over steps is compiled."""

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
    """Nothing waits from one step to the next."""
