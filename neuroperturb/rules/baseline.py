"""Baseline: what the perturbed loss is compared with."""

from __future__ import annotations

from typing import Literal

from neuroperturb.spec import Spec


class CleanTwin(Spec):
    """A clean trajectory beside the noisy one: δ = noisy − clean, presynaptic activity from the clean one."""

    kind: Literal["clean_twin"] = "clean_twin"


class Antithetic(Spec):
    """Two noisy trajectories, +ξ and −ξ: δ = half their difference, presynaptic activity from their mean.

    The second-order error of a clean twin cancels, at the same cost of two passes.
    """

    kind: Literal["antithetic"] = "antithetic"
