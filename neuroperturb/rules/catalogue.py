"""Named rules: each a point in the grid of :mod:`neuroperturb.rules.contract`.

Forms
-----
published : the rule as in the reference code of García Fernández, Keemink and van Gerven (2024): one scalar per batch,
    NP and WP divided by σ once, ANP with √(n_in + n + n_out) and, in the online schedule, a further 1/B.
unbiased : NP and WP divided by σ², each trial credited with its own loss.
rescaled : ANP with the layer's own size instead of the network's, each trial credited with its own loss. ANP has no
    unbiased form: its mean direction is coloured by the recurrent Jacobian.
"""

from __future__ import annotations

from typing import Any, Literal

from neuroperturb.rules.axes.baseline import Antithetic, PerCondition, PolicyTwin, RunningMean
from neuroperturb.rules.axes.credit import Trace
from neuroperturb.rules.axes.normaliser import AsTold, LayerNorm, NoiseStd, NoiseVariance
from neuroperturb.rules.axes.presynaptic import Whitened
from neuroperturb.rules.axes.probe import ActivityDifference, Deviation, InjectedNoise, WeightNoise, WeightNoiseFelt
from neuroperturb.rules.axes.step import RMS, Clipped
from neuroperturb.rules.contract import PerturbationRule
from neuroperturb.rules.noise.correlated import OrnsteinUhlenbeck
from neuroperturb.rules.noise.independent import Sparse
from neuroperturb.rules.published.hebbian import CubedTrace
from neuroperturb.rules.published.seen_input import SeenInput
from neuroperturb.rules.user.user_rule import OwnFormula
from neuroperturb.spec import SpecError, plugins

Schedule = Literal["online", "episode"]


def np(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Node perturbation: the injected noise is credited."""
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
    """Node perturbation with a causal eligibility trace, antithetic noise and a synapse-local RMS step."""
    return _credit_rule("np-trace", np, form, schedule, {"credit": Trace(), **changes})


def anp_trace(form: str = "rescaled", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Activity-based node perturbation with a causal trace, antithetic noise and a synapse-local RMS step."""
    return _credit_rule("anp-trace", anp, form, schedule, {"credit": Trace(), **changes})


def np_p(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """NP+P: node perturbation with a causal trace on whitened presynaptic activity; local except for a column read of P."""
    return _credit_rule("np-p", np, form, schedule, {**WHITENED, **changes})


def anp_p(form: str = "rescaled", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """ANP+P: activity-based node perturbation with a causal trace on whitened presynaptic activity."""
    return _credit_rule("anp-p", anp, form, schedule, {**WHITENED, **changes})


def wp_held(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Weight perturbation drawn for each trial and held over it, credited with the trial's whole loss."""
    return _credit_rule("wp-held", wp, form, schedule, {"probe": WeightNoise(hold="trial"), **changes})


def wp0(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Weight perturbation held over the trial that credits a synapse only after its input was nonzero (Züge et al. 2023)."""
    return _credit_rule(
        "wp0",
        wp,
        form,
        schedule,
        {"probe": WeightNoise(hold="trial"), "formula": OwnFormula.of(SeenInput()), **changes},
    )


def hybrid(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Hybrid perturbation: weight noise held over the trial, credited as in node perturbation (Züge et al. 2023)."""
    parts = {"probe": WeightNoiseFelt(hold="trial"), "credit": Trace(), "normaliser": NoiseVariance()}
    return _credit_rule("hybrid", np, form, schedule, {**parts, **changes})


def oua(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Ornstein–Uhlenbeck adaptation: in one pass, weights fluctuate about their means, and the means follow the reward.

    dθ = λ (μ − θ) dt + s dW,  dμ = η (r − r̄)(θ − μ) dt,  dr̄ = ρ (r − r̄) dt, with the reward r = −L (García Fernández, Ahmad, van Gerven,
    Entropy 26, 1125 (2024), doi:10.3390/e26121125). The array stores μ and reads yield θ = μ + σΞ: Ξ is Ornstein–Uhlenbeck noise of
    relaxation time 1/λ, σ = s/√(2λ), ρ the rate of the baseline, and η of the equation is `learning_rate`/σ². Here θ moves
    with its mean at once, while in the equation θ follows with the lag 1/λ: a difference of second order in η.
    """
    parts = {
        "probe": WeightNoise(hold="step"),
        "noise": OrnsteinUhlenbeck(tau=10.0),
        "baseline": RunningMean(rate=0.05),
    }
    return wp(form, schedule, **{**parts, "label": f"oua {form}", "noise_std": 0.05, "learning_rate": 1e-3, **changes})


def hebbian(form: str = "published", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Reward-modulated Hebbian learning with a cubed trace, one pass and a baseline for each condition (Miconi 2017)."""
    _require_form("hebbian", form, ("published",))
    parts = {
        "label": "hebbian", "probe": Deviation(rate=0.5), "normaliser": AsTold(), "baseline": PerCondition(rate=0.25, weighted=True),
        "noise": Sparse(share=0.1), "step": Clipped(bound=0.01), "noise_std": 0.3, "learning_rate": 0.03, "batch_divisor": "sum",
    }  # fmt: skip
    return PerturbationRule(**{**parts, "formula": OwnFormula.of(CubedTrace()), **changes})


def nrl(form: str = "unbiased", schedule: Schedule = "online", **changes) -> PerturbationRule:
    """Noise-based reward-modulated learning: the noise is credited with the log-probability it adds to rewarded actions; in worlds only."""
    parts = {"credit": Trace(), "baseline": PolicyTwin(), "normaliser": LayerNorm(gain="layer")}
    return _credit_rule("nrl", np, form, schedule, {**parts, **changes})


def own(
    rule: tuple | str,
    parameters: dict | None = None,
    *,
    like: str | None = None,
    schedule: Schedule = "online",
    **changes: Any,
) -> PerturbationRule:
    """A custom rule, written with the functions of :mod:`neuroperturb.rules.formula.signatures`.

    Parameters
    ----------
    rule : ``MyRule(decay=0.8)``, or the location of its class: ``"my_module:MyRule"``, ``"path/to/my_rules.py:MyRule"``
    parameters : its numbers, if only its class is given
    like : name of a preset, ``"np-trace"`` or ``"anp published"``, whose probe, baseline, normaliser, noise, step, σ, η and all else but
        the formula it takes, so that both differ in their formulas alone; None: plain settings, the defaults of a rule
    schedule : of that preset
    changes : any other field of a :class:`PerturbationRule`; what is given here goes before `like`
    """
    found = OwnFormula.named(rule, parameters) if isinstance(rule, str) else OwnFormula.of(rule)
    parts = {} if like is None else settings_of(like, schedule)
    return PerturbationRule(**{**parts, "label": found.source.rpartition(":")[2], "formula": found, **changes})


def settings_of(like: str, schedule: Schedule = "online") -> dict[str, Any]:
    """All of a preset but its formula and its name, by field: what a custom rule may take."""
    if not isinstance(like, str):
        raise SpecError("like", "a custom rule", "the name of a preset", like)
    name, _, form = like.partition(" ")
    if name not in RULES | OF_WORLDS:
        raise SpecError.no_choice("like", "a custom rule", like, sorted(RULES | OF_WORLDS))
    preset = make(name, form or None, schedule)
    return {
        key: getattr(preset, key)
        for key in type(preset).model_fields
        if key not in ("name", "label", "credit", "formula")
    }


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
    "wp0": wp0,
    "hybrid": hybrid,
    "oua": oua,
    "hebbian": hebbian,
}
OF_WORLDS = {"nrl": nrl}  # rules that need actions and rewards
DECORRELATED = {f"d{name}": name for name in ("np", "wp", "anp")}  # the paper's DNP, DWP, DANP: with decorrelation


def make(
    rule: str | tuple,
    form: str | None = None,
    schedule: Schedule = "online",
    *,
    parameters: dict | None = None,
    like: str | None = None,
    **changes: Any,
) -> PerturbationRule:
    """A rule: one of the presets, one of an installed package, or one of your own.

    Parameters
    ----------
    rule : a name, ``"np-trace"``; a rule of your own, ``MyRule(decay=0.8)``, or the location of its class, ``"path/to/my_rules.py:MyRule"``
    form, schedule : of a preset
    parameters, like : of a rule of your own, as in :func:`own`
    changes : fields of a :class:`PerturbationRule`, in the place of those of the preset
    """
    presets = RULES | OF_WORLDS
    known = [*presets, *DECORRELATED]
    name = plugins.located("rule", rule, known)
    if not isinstance(name, str) or ":" in name:
        if form is not None:
            raise SpecError("form", "a custom rule", got=form, verb="must be left out")
        return own(name, parameters, like=like, schedule=schedule, **changes)
    for key, given in (("parameters", parameters), ("like", like)):
        if given is not None:
            raise SpecError(key, f"rule {name!r}", got=given, verb="must be left out")
    base = DECORRELATED.get(name, name)
    if base not in presets:
        raise SpecError.no_choice("rule", "", name, sorted([*known, *plugins.names("rule")]))
    return presets[base](**({"form": form} if form else {}), schedule=schedule, **changes)


def _require_form(name, form, known) -> None:
    if form not in known:
        raise SpecError("form", f"rule {name!r}", " or ".join(map(repr, known)), form)


def _rule(name, form, normalisers, probe, published_divisor, changes) -> PerturbationRule:
    _require_form(name, form, normalisers)
    parts = {"label": f"{name} {form}", "probe": probe, "normaliser": normalisers[form]}
    if form == "published":
        parts |= {"broadcast": "batch", "batch_divisor": published_divisor}
    return PerturbationRule(**{**parts, **changes})


def _credit_rule(name, rule, form, schedule, changes) -> PerturbationRule:
    parts = {"baseline": Antithetic(), "step": RMS(), "noise_std": 0.05, "learning_rate": 0.01}
    return rule(form, schedule, **{**parts, "label": f"{name} {form}", **changes})
