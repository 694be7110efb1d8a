"""Probe: what is perturbed, and what the synapse is told of it."""

from __future__ import annotations

from typing import Literal

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


class WeightNoise(Spec):
    """Every weight is perturbed by σΞ_ij, its own draw, and is told that draw (weight perturbation).

    hold : how long one draw lasts.  ``"step"``: redrawn at every step, as published;  ``"episode"``: one draw for the whole
        sequence, shared by the batch;  ``"trial"``: one draw for each trial of the batch, held for the sequence (Züge, Klos,
        Memmesheimer, Phys. Rev. X 13:021006 (2023)).
    """

    kind: Literal["weights"] = "weights"
    hold: Literal["step", "episode", "trial"] = "step"
