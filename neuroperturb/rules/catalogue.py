"""Named rules: each a point in the grid of :mod:`neuroperturb.rules.contract`; strings live here.

Forms
-----
published : the rule as the reference code of García Fernández, Keemink and van Gerven (2024) computes it: one scalar a batch,
    NP and WP divided by σ once, ANP with √(n_in + n + n_out) and, in the online schedule, a further 1/B.
unbiased : NP and WP divided by σ², each trial credited with its own loss.
rescaled : ANP with the layer's own size instead of the network's, each trial credited with its own loss. ANP has no
    unbiased form: its mean direction is coloured by the recurrent Jacobian.
"""

from __future__ import annotations

import difflib
from typing import Literal

from neuroperturb.rules.baseline import Antithetic
from neuroperturb.rules.contract import PerturbationRule
from neuroperturb.rules.credit import Trace
from neuroperturb.rules.normaliser import LayerNorm, NoiseStd, NoiseVariance
from neuroperturb.rules.presynaptic import Whitened
from neuroperturb.rules.probe import ActivityDifference, InjectedNoise, WeightNoise
from neuroperturb.rules.step import RMS
from neuroperturb.spec import SpecError

Schedule = Literal["online", "episode"]


def np(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Node perturbation: noise in, the same noise credited."""
    return _rule("np", form, {"published": NoiseStd(), "unbiased": NoiseVariance()}, InjectedNoise(), "sum", changes)


def wp(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Weight perturbation, redrawn at every step unless `probe` says otherwise."""
    return _rule("wp", form, {"published": NoiseStd(), "unbiased": NoiseVariance()}, WeightNoise(), "sum", changes)


def anp(form: str = "rescaled", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Activity-based node perturbation: the difference of two activities is credited, over its squared layer norm."""
    normalisers = {"published": LayerNorm(gain="network"), "rescaled": LayerNorm(gain="layer")}
    divisor = "mean" if schedule == "online" else "sum"
    return _rule("anp", form, normalisers, ActivityDifference(), divisor, changes)


def np_trace(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Node perturbation with a causal eligibility trace, antithetic noise and a synapse-local RMS step (learning-rules §8)."""
    return _credit_rule("np-trace", np, form, schedule, {"credit": Trace(), **changes})


def anp_trace(form: str = "rescaled", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Activity-based node perturbation with a causal trace, antithetic noise and a synapse-local RMS step."""
    return _credit_rule("anp-trace", anp, form, schedule, {"credit": Trace(), **changes})


def np_p(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """NP+P: node perturbation with a causal trace on whitened presynaptic activity; strictly local (learning-rules §8)."""
    return _credit_rule("np-p", np, form, schedule, {**WHITENED, **changes})


def anp_p(form: str = "rescaled", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """ANP+P: activity-based node perturbation with a causal trace on whitened presynaptic activity."""
    return _credit_rule("anp-p", anp, form, schedule, {**WHITENED, **changes})


def wp_held(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Weight perturbation held over the trial and drawn for each, credited with the trial's whole loss."""
    return _credit_rule("wp-held", wp, form, schedule, {"probe": WeightNoise(hold="trial"), **changes})


WHITENED = {"credit": Trace(), "presynaptic": Whitened()}
RULES = {
    "np-p": np_p,
    "anp-p": anp_p,
    "np": np,
    "wp": wp,
    "anp": anp,
    "np-trace": np_trace,
    "anp-trace": anp_trace,
    "wp-held": wp_held,
}
DECORRELATED = {
    f"d{name}": name for name in ("np", "wp", "anp")
}  # the paper's DNP, DWP, DANP: decorrelation rides beside


def make(name: str, form: str | None = None, schedule: Schedule = "online", **changes) -> PerturbationRule:
    """The rule of that name; parts given by keyword replace the preset's."""
    base = DECORRELATED.get(name, name)
    if base not in RULES:
        known = sorted([*RULES, *DECORRELATED])
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]!r}" if close else f"one of {', '.join(known)}"
        raise SpecError(f"The 'rule' parameter must be the name of a rule: {hint}. Got {name!r} instead.")
    return RULES[base](**({"form": form} if form else {}), schedule=schedule, **changes)


def _rule(name, form, normalisers, probe, published_divisor, changes) -> PerturbationRule:
    if form not in normalisers:
        raise SpecError(
            f"The 'form' parameter of rule {name!r} must be {' or '.join(map(repr, normalisers))}. Got {form!r} instead."
        )
    parts = {"label": f"{name} {form}", "probe": probe, "normaliser": normalisers[form]}
    if form == "published":
        parts |= {"broadcast": "batch", "batch_divisor": published_divisor}
    return PerturbationRule(**{**parts, **changes})


def _credit_rule(name, rule, form, schedule, changes) -> PerturbationRule:
    parts = {"baseline": Antithetic(), "step": RMS(), "noise_std": 0.05, "learning_rate": 0.01}
    return rule(form, schedule, **{**parts, "label": f"{name} {form}", **changes})
