"""WP0: weight perturbation that does not change weights without effect on the loss.

    Δw_ij = −η δL Ξ_ij/σ        if x_j has been nonzero in this trial, else 0

A weight whose input is silent does not affect δL; crediting it with its draw nevertheless makes it diffuse. The synapse stores one bit:
whether its input has been nonzero. A reward before the first input is not credited, since it cannot depend on the weight.

P. Züge, C. Klos, R.-M. Memmesheimer, Phys. Rev. X 13, 021006 (2023), doi:10.1103/PhysRevX.13.021006, where the loss is scored at the end
of a trial, so that both interpretations agree.
"""

from __future__ import annotations

from typing import NamedTuple


class SeenInput(NamedTuple):
    """trace: 1 from the first nonzero input of a trial on."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        seen = trace if pre == 0 else type(trace)(1)
        return seen, reward * draw * seen
