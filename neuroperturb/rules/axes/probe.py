"""Probe: what is perturbed, and what the synapse is told of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neuroperturb.spec import Spec


class InjectedNoise(Spec):
    """Noise σξ is added to the pre-activation; the synapse is told σξ_i of its postsynaptic unit (node perturbation)."""

    kind: Literal["injected"] = "injected"


class ActivityDifference(Spec):
    """Noise σξ is added; the synapse is told δa_i = ã_i − a_i, which also holds what arrived through the network.

    Activity-based node perturbation: García Fernández, Keemink, van Gerven, Front. Neurosci. 18:1439155 (2024).
    """

    kind: Literal["activity"] = "activity"


class ArrayNoise(Spec):
    """Nothing is added: two reads of the same array differ by their own noise, and that is the perturbation.

    The synapse is told δa_i = ã_i − a_i, as in `ActivityDifference`. How strong the noise is, is a matter of the hardware; a
    normaliser has to measure it, and `noise_std` is only where a running estimate begins.
    """

    kind: Literal["array"] = "array"


class Deviation(Spec):
    """Noise σξ is added; the synapse is told how far its unit is from what it was lately, a_i − ā_i, with ā_i ← ā_i + ρ (a_i − ā_i).

    One pass is enough, and nobody has to know the noise: what the unit itself measures, signal and noise together. ā is kept for
    each trial and starts at 0, where a unit rests. Under the baselines of two passes it is the last pass that tells.

    T. Miconi, eLife 6, e20899 (2017), doi:10.7554/eLife.20899.

    rate : ρ, in (0, 1]
    """

    kind: Literal["deviation"] = "deviation"
    rate: float = Field(0.5, gt=0, le=1)


class WeightNoise(Spec):
    """Every weight is perturbed by σΞ_ij, its own draw, and is told that draw (weight perturbation).

    hold : how long one draw lasts.  ``"step"``: redrawn at every step, as published;  ``"episode"``: one draw for the whole
        sequence, shared by the batch;  ``"trial"``: one draw for each trial of the batch, held for the sequence (Züge, Klos,
        Memmesheimer, Phys. Rev. X 13:021006 (2023)).
    """

    kind: Literal["weights"] = "weights"
    hold: Literal["step", "episode", "trial"] = "step"


class WeightNoiseFelt(Spec):
    """Every weight is perturbed by σΞ_ij, and the synapse is told what that did to its unit, δa_i = ã_i − a_i, not its own draw.

    Hybrid perturbation: weights are perturbed, so that the noise of a unit has the time course of its inputs, and the update is that
    of node perturbation. In a readout, or wherever the activity is fixed, δa_i = σ Σ_k Ξ_ik x_k, as in Züge, Klos, Memmesheimer, Phys.
    Rev. X 13, 021006 (2023); in a recurrent layer δa also holds what arrived through the network, as in `ActivityDifference`.

    hold : how long one draw lasts, as in `WeightNoise`
    """

    kind: Literal["weights_felt"] = "weights_felt"
    hold: Literal["step", "episode", "trial"] = "trial"
