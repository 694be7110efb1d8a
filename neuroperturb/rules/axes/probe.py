"""Probe: the perturbation, and the part of it that the synapse receives.

    noise        p = σξ                                  injected, and known to the unit
    difference   p = ã − a, or a − ā                     measured by the unit
    draw         g = r Ξ                                 of weight noise, known to the synapse; units have no factor

p, normalised, is the postsynaptic factor of the update.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.rules.facts import DRAW, Axes, AxisValue, BrianText, Facts, Quantity, Scales, UnitWork
from neuroperturb.rules.kernels.passes import divide_passes
from neuroperturb.spec import SpecError


class Probe(AxisValue):
    """A value of this axis.

    injects : σξ is added to pre-activations
    shifts : weights are shifted by σΞ while they are read
    knows_noise : a unit gives its synapses the noise injected into it
    single_pass : one pass is enough
    measure : kernel of a unit's measurement of its activity in all passes, (values, paired, size, params, mean, centre, delta):
        values (passes · B, n), mean (B, n) the running mean, centre and delta (B, n) the result. None: it measures nothing
    keeps_mean : whether it updates `mean`
    neuron : record with the scalar function `neuron`, the factor a unit gives its synapses; None: none, they make their own draws
    synapse : record with the scalar function `synapse`; None: that of the rule's credit
    """

    injects: ClassVar[bool] = True
    shifts: ClassVar[bool] = False
    knows_noise: ClassVar[bool] = False
    single_pass: ClassVar[bool] = False
    measure: ClassVar[object] = None
    keeps_mean: ClassVar[bool] = False
    neuron: ClassVar[tuple | None]
    synapse: ClassVar[tuple | None] = None

    @property
    def lasts(self) -> bool:
        """Whether a draw lasts an episode or a trial."""
        return False

    @property
    def per_trial(self) -> bool:
        """Whether each trial of a batch has its own draw; for units always."""
        return not self.shifts

    def with_a_draw_for_each_trial(self) -> Probe:
        """The same for an episode of a single trial."""
        return self

    @property
    def perturbs_units(self) -> bool:
        """Whether units have a postsynaptic factor."""
        return self.neuron is not None


class NoiseFactor(NamedTuple):
    """A unit gives its synapses the injected noise."""

    @staticmethod
    def neuron(params, clean, noisy, noise):
        return noise


class DifferenceFactor(NamedTuple):
    """A unit gives its synapses its change in activity, relative to the clean pass or to its mean."""

    @staticmethod
    def neuron(params, clean, noisy, noise):
        return noisy - clean


class DrawCredit(NamedTuple):
    """The function of a synapse with its own perturbation."""

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * draw


# ----------------------------------------------------------------------------------------------------------------------
# Units are perturbed


@kernel
def difference(
    values: np.ndarray, paired: bool, size: int, params: NamedTuple, mean: np.ndarray, centre: np.ndarray, delta: np.ndarray,
) -> None:  # fmt: skip
    """ã − a: the difference between the passes."""
    divide_passes(values, paired, size, centre, delta)


class InjectedNoise(Probe):
    """Noise σξ is added to the pre-activation; the synapse receives σξ_i of its postsynaptic unit (node perturbation)."""

    kind: Literal["injected"] = "injected"
    knows_noise: ClassVar[bool] = True
    single_pass: ClassVar[bool] = True
    neuron: ClassVar[tuple] = NoiseFactor()
    facts: ClassVar[Facts] = Facts(unit_draws=1, unit_work=UnitWork(1), brian=BrianText("p = noise"))


class ActivityDifference(Probe):
    """Noise σξ is added; the synapse receives δa_i = ã_i − a_i, which also contains the perturbation propagated by the network.

    Activity-based node perturbation: García Fernández, Keemink, van Gerven, Front. Neurosci. 18:1439155 (2024).
    """

    kind: Literal["activity"] = "activity"
    measure: ClassVar[object] = staticmethod(difference)
    neuron: ClassVar[tuple] = DifferenceFactor()
    facts: ClassVar[Facts] = Facts(unit_draws=1, unit_work=UnitWork(1), brian=BrianText("p = {difference}"))


class ArrayNoise(Probe):
    """Nothing is added: the noise of two reads of the same array is the perturbation.

    The synapse receives δa_i = ã_i − a_i, as in `ActivityDifference`. The strength of the noise depends on the hardware; a
    normaliser has to measure it, and `noise_std` is only the start of a running estimate.
    """

    kind: Literal["array"] = "array"
    injects: ClassVar[bool] = False
    measure: ClassVar[object] = staticmethod(difference)
    neuron: ClassVar[tuple] = DifferenceFactor()
    facts: ClassVar[Facts] = Facts(spiking=False)

    def fits(self, rule: Axes) -> SpecError | None:
        if not rule.normaliser.needs_noise_std:
            return None
        wanted = "layer_norm, running_variance or as_told: the σ of the array's own noise is unknown"
        return SpecError("normaliser", "a rule whose probe is 'array'", wanted, rule.normaliser.kind)


class DeviationNumbers(NamedTuple):
    """rate : ρ"""

    rate: float


@kernel
def deviate(
    values: np.ndarray, paired: bool, size: int, params: DeviationNumbers, mean: np.ndarray, centre: np.ndarray, delta: np.ndarray,
) -> None:  # fmt: skip
    """The distance of the last pass from its running mean, which is then updated."""
    batch, rate = centre.shape[0], params.rate
    last = values.shape[0] - batch
    for b in range(batch):
        for i in range(size):
            centre[b, i] = mean[b, i]
            delta[b, i] = values[last + b, i] - mean[b, i]
            mean[b, i] += rate * delta[b, i]


class Deviation(Probe):
    """Noise σξ is added; the synapse receives the distance of its unit from its running mean, a_i − ā_i, with ā_i ← ā_i + ρ (a_i − ā_i).

    One pass is enough, and the noise need not be known: the unit measures signal and noise together. ā is kept for
    each trial and starts at 0, the resting activity. With a baseline of two passes, the last pass is used.

    T. Miconi, eLife 6, e20899 (2017), doi:10.7554/eLife.20899.

    rate : ρ, in (0, 1], weight of the newest activity in the running mean that a unit deviates from
    """

    kind: Literal["deviation"] = "deviation"
    rate: float = Field(default=0.5, gt=0, le=1)
    single_pass: ClassVar[bool] = True
    measure: ClassVar[object] = staticmethod(deviate)
    keeps_mean: ClassVar[bool] = True
    neuron: ClassVar[tuple] = DifferenceFactor()
    facts: ClassVar[Facts] = Facts(
        symbols=(("clean", "ā_i, a running mean"),), unit_state=1, unit_draws=1, unit_work=UnitWork(2), spiking=False
    )

    def numbers(self, scales: Scales) -> DeviationNumbers:
        return DeviationNumbers(scales.t(self.rate))


# ----------------------------------------------------------------------------------------------------------------------
# Weights are perturbed


class WeightProbe(Probe):
    """Every weight is perturbed by σΞ_ij, its own draw.

    hold : how long one draw lasts.  ``"step"``: redrawn at every step;  ``"episode"``: one draw for the whole sequence, shared
        by the batch;  ``"trial"``: one draw for each trial of the batch, held for the sequence
    """

    hold: Literal["step", "episode", "trial"]
    injects: ClassVar[bool] = False
    shifts: ClassVar[bool] = True

    @property
    def lasts(self) -> bool:
        return self.hold != "step"

    @property
    def per_trial(self) -> bool:
        return self.hold == "trial"


class WeightNoise(WeightProbe):
    """Every weight is perturbed by σΞ_ij, its own draw, and credited with that draw (weight perturbation).

    hold : how long one draw lasts.  ``"step"``: redrawn at every step, as published;  ``"episode"``: one draw for the whole
        sequence, shared by the batch;  ``"trial"``: one draw for each trial of the batch, held for the sequence (Züge, Klos,
        Memmesheimer, Phys. Rev. X 13:021006 (2023)).
    """

    kind: Literal["weights"] = "weights"
    hold: Literal["step", "episode", "trial"] = "step"
    single_pass: ClassVar[bool] = True
    neuron: ClassVar[None] = None
    synapse: ClassVar[tuple] = DrawCredit()
    facts: ClassVar[Facts] = Facts(synapse_draws=1, spiking=False)

    def with_a_draw_for_each_trial(self) -> WeightNoise:
        return self.replace(hold="trial") if self.hold == "episode" else self

    def fits(self, rule: Axes) -> SpecError | None:
        owner = "a rule with weight noise"
        if not rule.normaliser.takes_draws:
            return SpecError("normaliser", owner, "noise_std, noise_variance or as_told", rule.normaliser.kind)
        if rule.credit.discount:
            wanted = "instant: hold the noise for the episode or the trial instead, so that it is credited with the whole loss"
            return SpecError("credit", owner, wanted, rule.credit.kind)
        if rule.presynaptic.lateral:
            wanted = "'activity': its update has no presynaptic factor"
            return SpecError("presynaptic", owner, wanted, rule.presynaptic.kind)
        if self.per_trial and rule.broadcast == "batch":
            return SpecError("broadcast", "a rule whose weight noise is held per trial", "'trial'", rule.broadcast)
        return None


class WeightNoiseFelt(WeightProbe):
    """Every weight is perturbed by σΞ_ij, and the synapse receives the effect on its unit, δa_i = ã_i − a_i, not its own draw.

    Hybrid perturbation: weights are perturbed, so that the noise of a unit has the time course of its inputs, and the update is that
    of node perturbation. In a readout, or wherever the activity is fixed, δa_i = σ Σ_k Ξ_ik x_k, as in Züge, Klos, Memmesheimer, Phys.
    Rev. X 13, 021006 (2023); in a recurrent layer δa also contains the perturbation propagated by the network, as in `ActivityDifference`.

    hold : how long one draw lasts, as in `WeightNoise`
    """

    kind: Literal["weights_felt"] = "weights_felt"
    hold: Literal["step", "episode", "trial"] = "trial"
    measure: ClassVar[object] = staticmethod(difference)
    neuron: ClassVar[tuple] = DifferenceFactor()
    facts: ClassVar[Facts] = Facts(
        quantities=(Quantity("Ξ_ij", DRAW, "added to the weight while it is read"),), synapse_draws=1, spiking=False
    )
