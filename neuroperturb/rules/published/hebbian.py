"""Reward-modulated Hebbian learning: a supralinear product of input and fluctuation, gated by the reward at the end.

    H_ij ← H_ij + [x_j (a_i − ā_i)]³                at every step, 0 at the start of a trial
    Δw_ij = −clip(η R̄ (R − R̄) H_ij, ±bound)          R the error, R̄ its running mean for this condition

The cube passes rare large fluctuations but suppresses slow drifts of a − ā, so that the synapse need not know the noise.
ā is :class:`neuroperturb.rules.axes.probe.Deviation`, R̄ is :class:`neuroperturb.rules.axes.baseline.PerCondition`, and the clip, of
g = R̄ (R − R̄) H summed over the trials of a batch, is :class:`neuroperturb.rules.axes.step.Clipped`.

T. Miconi, "Biologically plausible learning in recurrent neural networks reproduces neural dynamics observed during cognitive tasks",
eLife 6, e20899 (2017), doi:10.7554/eLife.20899: one trial at a time, clip at 3e-4.
"""

from __future__ import annotations

from typing import NamedTuple


class CubedTrace(NamedTuple):
    """trace: H."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        product = pre * post
        trace = trace + product * product * product
        return trace, reward * trace
