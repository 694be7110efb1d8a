"""Clocks of a perturbation rule: how long a perturbation is held, and how often weights are written.

    ξ(t) = draw number ⌊t / τ_p⌋                 w ← w + step( Σ over τ_θ steps of the update of each )

Any perturbation rule is a combination of clocks and a code (:mod:`neuroperturb.rules.noise.codes`): A. N. McCaughan et al.,
"Multiplexed gradient descent", APL Mach. Learn. 1, 026118 (2023), arXiv:2303.03986; the duration of an input is set by the task. With
τ_θ equal to a code's frame times τ_p a write is one finite difference in every direction; with τ_θ ≫ τ_p, writes are traded for averaging.
One pass, a running mean of the loss as high-pass (:class:`neuroperturb.rules.axes.baseline.RunningMean`) and τ_θ as low-pass are the
analog form: a lock-in without a clean run.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.spec import Spec


class Clock(Spec):
    """The duration of a draw, and the number of steps integrated into one write.

    A held perturbation of a unit is credited at every step with the activity of that step: exact if the activity changes
    little meanwhile. In the online schedule updates are summed over `write` steps, across sequences, and cost a load and a store per
    synapse and step whether or not anything is written; in the episode schedule they are summed over `write` episodes. An update still
    pending at the end of a run is not written.

    hold : τ_p, duration of a draw in time steps; in episodes for weight noise held over an episode or a trial
    write : τ_θ, number of steps (online) or episodes summed into a write
    """

    hold: int = Field(default=1, ge=1)
    write: int = Field(default=1, ge=1)


@lru_cache
def make_integrated(gather, step_row):
    """change_row(pending, memory, w, scale, j, change): sums the results of `gather`; a write if memory.due is 1, else nothing."""

    @kernel
    def change_row(pending, memory, w, scale, j, change):
        gather(pending, memory, w, scale, j, change)
        total = memory.gradient[j]
        for i in range(change.shape[0]):
            total[i] += change[i]
        if memory.due[0] == 0:
            change[:] = 0
            return
        for i in range(change.shape[0]):
            change[i] = total[i]
            total[i] = 0
        step_row(memory, j, scale, memory.due, change)

    return change_row
