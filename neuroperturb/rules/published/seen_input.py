"""WP0: weight perturbation that leaves alone what cannot have mattered.

    Δw_ij = −η δL Ξ_ij/σ        where x_j has been other than 0 in this trial, else 0

A weight whose input is silent has no part in δL; crediting it with its draw all the same lets it diffuse. The synapse keeps one bit:
whether its input has been seen. A reward that comes before the first input is not credited, for it cannot be owed to the weight.

P. Züge, C. Klos, R.-M. Memmesheimer, Phys. Rev. X 13, 021006 (2023), doi:10.1103/PhysRevX.13.021006, there scored at the end of a
trial, where both readings agree.
"""

from __future__ import annotations

from typing import NamedTuple


class SeenInput(NamedTuple):
    """trace: 1 from the first input of a trial that is not 0."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        seen = trace if pre == 0 else type(trace)(1)
        return seen, reward * draw * seen
