"""Optimiser step: from a synapse's estimate g of its gradient to its change; everything is the synapse's own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuroperturb.spec import Spec


class Plain(Spec):
    """Δw = −η g."""

    kind: Literal["plain"] = "plain"


class RMS(Spec):
    """v ← β v + (1 − β) g²;   Δw = −η g / √(v / (1 − βᵏ))   at the k-th write.

    One number a synapse and no reduction. The factor 1 − βᵏ corrects the zero start (Kingma and Ba 2015, §3), so that the
    first step is η for every synapse; it depends on k alone and is broadcast.

    decay : β, in [0, 1).
    """

    kind: Literal["rms"] = "rms"
    decay: float = Field(0.99, ge=0, lt=1)


class Clipped(Spec):
    """Δw = −η clip(g, ±bound): no single estimate moves a synapse by more than η · bound.

    bound : of |g|, in units of the gradient
    """

    kind: Literal["clipped"] = "clipped"
    bound: float = Field(1.0, gt=0)
