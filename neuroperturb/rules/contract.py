"""A perturbation rule: one point in the grid of probe × credit × normaliser × baseline × noise × step.

    per step    δL_t,b   the loss difference of trial b, broadcast        (`broadcast`: of each trial, or one for the batch)
                p_t,b    the perturbation of a unit according to the probe, normalised
    update      Δw_ij = −η step( Σ_t Σ_b δL_t,b  p_i  x̂_j )              with or without a trace between p x̂ and δL

Each axis is a small record, and each of its values rejects the values of other axes that it is incompatible with; a published rule is one
value per axis (:mod:`neuroperturb.rules.catalogue`). The functions of units and synapses may be custom
(:mod:`neuroperturb.rules.formula.signatures`); the other axes are unaffected. :mod:`neuroperturb.rules.plan` compiles a rule.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_serializer, model_validator

from hardware_models.costs.html_table import html_table
from neuroperturb.rules.axes.baseline import (
    Antithetic,
    CleanTwin,
    PerCondition,
    PerStep,
    PolicyTwin,
    RunningMean,
    SecondRun,
)
from neuroperturb.rules.axes.clock import Clock
from neuroperturb.rules.axes.credit import Instant, Trace
from neuroperturb.rules.axes.inverse import Inverse
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
from neuroperturb.rules.axes.rate import AnyRate, Constant
from neuroperturb.rules.axes.step import RMS, BoundedRMS, Clipped, LargestRMS, LocalAdam, Momentum, Plain
from neuroperturb.rules.noise.codes import OneAtATime, Sinusoid, Walsh
from neuroperturb.rules.noise.correlated import OrnsteinUhlenbeck, Telegraph
from neuroperturb.rules.noise.independent import Gaussian, Rademacher, Sparse, Uniform
from neuroperturb.rules.noise.remembered import Remembered
from neuroperturb.rules.user.user_rule import OwnFormula
from neuroperturb.spec import Spec

KIND = Field(discriminator="kind")
AXES = (
    "credit",
    "probe",
    "normaliser",
    "presynaptic",
    "baseline",
    "noise",
    "step",
    "rate",
)  # values that need no keys


COMPARED = (
    "probe",
    "normaliser",
    "baseline",
    "step",
    "noise_std",
    "learning_rate",
)  # what a custom rule can take from a preset


class PerturbationRule(Spec):
    """A rule that learns from forward passes, with a perturbation and one broadcast scalar.

    label : name of the rule in tables and figures
    formula : custom functions in place of `credit` and of the probe's factor
    learning_rate : η ≥ 0, how far a weight moves along the estimated gradient in one update
    noise_std : σ > 0, in units of the pre-activation (of the weight, for weight noise)
    probe : what is perturbed, and what of it synapses are told
    presynaptic : the presynaptic factor of a synapse: activity, plain or whitened
    credit : whether a reward is credited to the present step alone, or to a trace of earlier ones
    normaliser : by what the perturbation is divided, so that the estimate has the size of the gradient
    baseline : what the loss is compared with: a clean twin, an antithetic pair, a running mean
    noise : the distribution of the perturbation
    step : from an estimate to a change of the weight, local to the synapse
    rate : schedule of η over the run
    broadcast : ``"trial"``: every trial of a batch is credited with its own loss difference;  ``"batch"``: one scalar, the
        batch mean, for all (as published)
    batch_divisor : divisor of the sum over a batch.  ``"mean"``: B, the gradient of the mean loss;  ``"sum"``: 1, as the
        published NP, WP and episodic ANP, whose `broadcast` is ``"batch"``.  One scalar for the batch is a mean already,
        so with ``"batch"`` the unbiased divisor is ``"sum"``
    """

    name: Literal["perturbation"] = "perturbation"
    label: str = "custom"
    learning_rate: float = Field(default=1e-3, ge=0)
    noise_std: float = Field(default=1e-3, gt=0)
    probe: Annotated[
        InjectedNoise | ActivityDifference | Deviation | ArrayNoise | WeightNoise | WeightNoiseFelt, KIND
    ] = InjectedNoise()
    presynaptic: Annotated[Activity | Whitened | Recursive | Inverse, KIND] = Activity()
    credit: Annotated[Instant | Trace, KIND] = Instant()
    normaliser: Annotated[NoiseStd | NoiseVariance | LayerNorm | RunningVariance | AsTold, KIND] = NoiseVariance()
    baseline: Annotated[
        CleanTwin | Antithetic | SecondRun | RunningMean | PerCondition | PerStep | PolicyTwin, KIND
    ] = CleanTwin()
    noise: Annotated[
        Gaussian
        | Rademacher
        | Uniform
        | Sparse
        | Walsh
        | OneAtATime
        | Sinusoid
        | OrnsteinUhlenbeck
        | Telegraph
        | Remembered,
        KIND,
    ] = Gaussian()
    step: Annotated[Plain | RMS | BoundedRMS | LargestRMS | Momentum | LocalAdam | Clipped, KIND] = Plain()
    rate: AnyRate = Constant()
    broadcast: Literal["trial", "batch"] = "trial"
    batch_divisor: Literal["mean", "sum"] = "mean"
    clock: Clock = Clock()
    formula: OwnFormula | None = None

    @property
    def is_plain(self) -> bool:
        """Whether a custom rule has the defaults of everything beside its formula, as no preset with a trace has."""
        own = self.formula is not None and self.formula.code is not None
        fields = {name: field for name, field in type(self).model_fields.items() if name in COMPARED}
        return own and all(getattr(self, name) == field.default for name, field in fields.items())

    def __repr_args__(self):
        """What differs from the plain rule."""
        return [
            (key, value) for key, value in super().__repr_args__() if value != type(self).model_fields[str(key)].default
        ]

    def _repr_html_(self) -> str:
        rows = [(str(key), value) for key, value in self.__repr_args__() if key != "label"]
        return html_table(f"Rule {self.label}: what differs from the plain one", rows)

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, write) -> dict:
        """Leave out the formula and the clock if they are the defaults, so that tables and digests are the same as before."""
        absent = {name for name, plain in (("formula", None), ("clock", Clock())) if getattr(self, name) == plain}
        return {key: value for key, value in write(self).items() if key not in absent}

    @model_validator(mode="after")
    def _values_fit(self):
        for axis in AXES:
            error = getattr(self, axis).fits(self)
            if error is not None:
                raise error
        return self
