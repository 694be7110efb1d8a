"""A perturbation rule: one point in the grid of probe × credit × normaliser × baseline × noise × step.

    per step    δL_t,b   the loss difference of trial b, broadcast        (`broadcast`: of each trial, or one for the batch)
                p_t,b    what the probe tells a unit, normalised
    update      Δw_ij = −η step( Σ_t Σ_b δL_t,b  p_i  x̂_j )              with or without a trace between p x̂ and δL

Each axis is its own small record; every published rule is one choice on each (:mod:`neuroperturb.rules.catalogue`). What units
tell and what synapses make of it may be the user's own (:mod:`neuroperturb.rules.formula.signatures`); the other axes stay as they are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_serializer, model_validator

from neuroperturb.rules.axes.baseline import Antithetic, CleanTwin, PerCondition, RunningMean, SecondRun
from neuroperturb.rules.axes.clock import Clock
from neuroperturb.rules.axes.credit import Instant, Trace
from neuroperturb.rules.axes.normaliser import AsTold, LayerNorm, NoiseStd, NoiseVariance, RunningVariance
from neuroperturb.rules.axes.presynaptic import Activity, Recursive, Whitened
from neuroperturb.rules.axes.probe import (
    ActivityDifference,
    ArrayNoise,
    Deviation,
    InjectedNoise,
    WeightNoise,
    WeightNoiseFelt,
)
from neuroperturb.rules.axes.rate import Constant, Cosine, Exponential
from neuroperturb.rules.axes.step import RMS, Clipped, Plain
from neuroperturb.rules.noise.independent import Gaussian, Noise
from neuroperturb.rules.user.user_rule import OwnFormula
from neuroperturb.spec import Spec

KIND = Field(discriminator="kind")


class PerturbationRule(Spec):
    """A rule that learns from forward passes, a perturbation and one broadcast scalar.

    label : what tables call it
    formula : functions of one's own in the place of `credit`, and of what the probe tells
    learning_rate : η ≥ 0
    noise_std : σ > 0, in units of the pre-activation (of the weight, for weight noise)
    broadcast : ``"trial"``: every trial of a batch is credited with its own loss difference;  ``"batch"``: one scalar, the
        batch mean, for all (as published)
    batch_divisor : what the sum over a batch is divided by.  ``"mean"``: B, the gradient of the mean loss;  ``"sum"``: 1, as the
        published NP, WP and episodic ANP, whose `broadcast` is ``"batch"``.  One scalar for the batch is a mean already,
        so with ``"batch"`` the unbiased divisor is ``"sum"``
    """

    name: Literal["perturbation"] = "perturbation"
    label: str = "custom"
    learning_rate: float = Field(1e-3, ge=0)
    noise_std: float = Field(1e-3, gt=0)
    probe: Annotated[
        InjectedNoise | ActivityDifference | Deviation | ArrayNoise | WeightNoise | WeightNoiseFelt, KIND
    ] = InjectedNoise()
    presynaptic: Annotated[Activity | Whitened | Recursive, KIND] = Activity()
    credit: Annotated[Instant | Trace, KIND] = Instant()
    normaliser: Annotated[NoiseStd | NoiseVariance | LayerNorm | RunningVariance | AsTold, KIND] = NoiseVariance()
    baseline: Annotated[CleanTwin | Antithetic | SecondRun | RunningMean | PerCondition, KIND] = CleanTwin()
    noise: Annotated[Noise, KIND] = Gaussian()
    step: Annotated[Plain | RMS | Clipped, KIND] = Plain()
    rate: Annotated[Constant | Cosine | Exponential, KIND] = Constant()
    broadcast: Literal["trial", "batch"] = "trial"
    batch_divisor: Literal["mean", "sum"] = "mean"
    clock: Clock = Clock()
    formula: OwnFormula | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, write) -> dict:
        """A rule of the grid, at its plain clock, has no word of either, and so the same table and digest as ever."""
        absent = {name for name, plain in (("formula", None), ("clock", Clock())) if getattr(self, name) == plain}
        return {key: value for key, value in write(self).items() if key not in absent}

    @model_validator(mode="after")
    def _own_formula_credits(self):
        if self.formula is not None and isinstance(self.credit, Trace):
            raise ValueError(
                "The 'credit' parameter of a rule of one's own must be left out: its synapse function says what is credited. "
                "Got 'trace' instead."
            )
        return self

    @model_validator(mode="after")
    def _the_arrays_noise_is_measured(self):
        if isinstance(self.probe, ArrayNoise) and isinstance(self.normaliser, NoiseStd | NoiseVariance):
            raise ValueError(
                "The 'normaliser' parameter of a rule whose probe is 'array' must be layer_norm, running_variance or as_told: nobody knows "
                f"the σ of the array's own noise. Got {self.normaliser.kind!r} instead."
            )
        return self

    @model_validator(mode="after")
    def _single_pass_is_told_noise(self):
        if self.baseline.passes == 1 and not isinstance(self.probe, InjectedNoise | Deviation | WeightNoise):
            raise ValueError(
                f"The 'probe' parameter of a rule whose baseline is {self.baseline.kind!r} must be 'injected', 'deviation' or 'weights': "
                f"one pass has no other to differ from. Got {self.probe.kind!r} instead."
            )
        return self

    @model_validator(mode="after")
    def _second_run_has_noise_of_its_own(self):
        if isinstance(self.baseline, SecondRun) and isinstance(self.probe, WeightNoise | WeightNoiseFelt | ArrayNoise):
            raise ValueError(
                "The 'probe' parameter of a rule whose baseline is 'second_run' must be 'injected', 'activity' or 'deviation': both runs "
                f"read the same weights. Got {self.probe.kind!r} instead."
            )
        return self

    @model_validator(mode="after")
    def _parts_fit(self):
        if isinstance(self.probe, WeightNoise):
            if not isinstance(self.normaliser, NoiseStd | NoiseVariance | AsTold):
                raise ValueError(
                    "The 'normaliser' parameter of a rule with weight noise must be noise_std, noise_variance or as_told. "
                    f"Got {self.normaliser.kind!r} instead."
                )
            if isinstance(self.credit, Trace):
                raise ValueError(
                    "The 'credit' parameter of a rule with weight noise must be instant: hold the noise for the episode or the "
                    "trial instead, and the whole loss is credited to it. Got 'trace' instead."
                )
            if self.presynaptic.kind != "activity":
                raise ValueError(
                    "The 'presynaptic' parameter of a rule with weight noise must be 'activity': its update has no presynaptic "
                    f"factor. Got {self.presynaptic.kind!r} instead."
                )
            if self.probe.hold == "trial" and self.broadcast == "batch":
                raise ValueError(
                    "The 'broadcast' parameter of a rule whose weight noise is held per trial must be 'trial'. "
                    "Got 'batch' instead."
                )
        return self
