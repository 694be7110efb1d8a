"""The model as Brian2 reads it: equations as text, put together from the rule. Nothing here needs Brian2.

A *tick* is the boundary between two steps of the task. At it, in the order of its phases (all in Brian2's slot ``start``):

    READ     outputs read the traces r:  y_h = Σ W_out r_h                    a pass h is one population; all share the weights
    TELL     units say what they were perturbed by, outputs how the loss changed
    SUM      the critic sums over units: the change of the loss, and the norms that a rule may ask for
    JUDGE    the critic makes the reward
    HEAR     every unit hears it, with whatever else is one number for all, and normalises what it tells
    LEARN    synapses:  eligibility ← presynaptic trace × what the postsynaptic unit tells;  weight ← weight + rate · reward · eligibility
    LOAD     inputs, noise and targets of the step that begins; states are set to zero where a trial begins
    DRIVE    currents of the inputs, constant over the step
    BEGIN    means of the step start from zero

and in each dt, before Brian2's own ``groups``, ``thresholds``, ``synapses``, ``resets``: EACH. What a step loads is used at the tick
that ends it, so that one run over T steps has T + 1 ticks. What neurons carry on is kept at every tick: after the last they move by one
dt more, which nobody sees.

Names: `told` is p of the rule, `pre` the presynaptic activity, `centre` that of the two passes; `learn`, `fresh` and `finish` are 1 where
a step counts, where it began a trial, and where an episode is written.
"""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.rules import (
    RMS,
    ActivityDifference,
    Antithetic,
    LayerNorm,
    NoiseStd,
    NoiseVariance,
    PerturbationRule,
    RunningVariance,
    Trace,
)
from neuroperturb.spec import SpecError

READ, TELL, SUM, JUDGE, HEAR, LEARN, LOAD, DRIVE, BEGIN, EACH = range(-20, -10)  # order in the slot "start"

SPIKING = """
    dv/dt = free*(v_rest - v + g + current)/tau_membrane : volt
    dg/dt = -g/tau_synapse : volt
    ds/dt = -s/tau_synapse : 1
    dr/dt = -r/tau_readout : 1
    current : volt
    drive : 1
    mean_s : 1
    mean_g : volt
    wait : 1
    free : 1"""
THRESHOLD = "v > v_threshold"
KEPT = ("v", "g", "s", "r", "wait")  # what a spiking neuron carries on
RATE_KEPT = ("x",)
INPUT_KEPT = ("q",)
RESET = "v = v_reset; s += kick_s; r += kick_r; wait = refractory_steps"
ON_SPIKE = "g_post += theta*kick_s*w"
SPIKE_EACH = """
    mean_s += D*s
    mean_g += D*g
    wait = clip(wait - 1, 0, refractory_steps)
    free = int(wait < 0.5)"""
SPIKE_LOAD = """
    v = v*(1 - begins(t)) + v_rest*begins(t)
    g = g*(1 - begins(t))
    s = s*(1 - begins(t))
    r = r*(1 - begins(t))
    wait = wait*(1 - begins(t))"""
SPIKE_BEGIN = """
    current = v_background + theta*(drive + polarity*noise)
    mean_s = 0
    mean_g = 0*volt"""

INPUTS = """
    u : 1
    x_bar : 1"""
CURRENT_LOAD = """
    u = inputs(t, i)
    x_bar = inputs(t, i)"""
SPIKE_INPUTS = """
    dq/dt = -q/tau_synapse : 1
    kick = input_spikes(t, i) : 1
    u : 1
    mean_q : 1
    x_bar : 1"""
INPUT_RESET = "q += kick"
ON_INPUT = "g_post += theta*kick_pre*w"
INPUT_EACH = "mean_q += D*q"
INPUT_TELL = "x_bar = mean_q + u"
SPIKE_INPUT_LOAD = """
    u = inputs(t, i)
    q = q*(1 - begins(t))
    mean_q = 0"""

RATE = """
    x : 1
    before : 1
    a : 1
    drive : 1
    back : 1"""
RATE_LOAD = "x = x*(1 - begins(t))"
RATE_BEGIN = """
    before = x
    a = drive + back + polarity*noise
    x = (1 - leak)*x + leak*tanh(a)"""

DRIVE_CODE = "\n    drive_post = w*u_pre : 1 (summed)"
BACK_CODE = "\n    back_post = w*x_pre : 1 (summed)"
READ_CODE = "\n    y_{h}_post = w*{seen}_pre : 1 (summed)"
SENT_CODE = """
    sent_post = change_pre/N_pre : 1 (summed)
    loss_post = value_pre/N_pre : 1 (summed)"""
SQUARE_Y_CODE = "\n    square_y_post = p_pre**2 : 1 (summed)"
SQUARE_P_CODE = "square_p_post = p_pre**2 : 1 (summed)"
TWIN = """
    noise : 1
    activity_0 = {activity} : 1"""

NOISE_LOAD = "\nnoise = noises(t, i)"
OUTPUT_LOAD = """
    noise = noises_y(t, i)
    target = targets(t, i)"""

CRITIC = """
    sent : 1
    loss : 1
    square_p : 1
    square_y : 1
    scored : 1
    learn : 1
    fresh : 1
    finish : 1
    reward : 1
    eta : 1
    writes : 1
    writing : 1
    correction : 1
    difference : 1
    baseline : 1
    started : 1
    number : 1
    counted : 1
    written : 1"""
CRITIC_LOAD = """
    scored = masks(t)
    learn = learns(t)
    fresh = begins(t)
    finish = finishes(t)
    eta = etas(t)"""
BROADCAST = (
    "reward",
    "eta",
    "writing",
    "correction",
    "learn",
    "fresh",
    "finish",
    "number",
)  # what every synapse hears from the critic
SAID = "_said"  # what the critic says, linked; what a unit heard is a variable of its own, which synapses see


def keep(names: tuple[str, ...]) -> str:
    """Code that keeps the state with which a step begins."""
    return "".join(f"\n    {name}_kept = {name}" for name in names)


def kept(names: tuple[str, ...]) -> str:
    """The variables it is kept in."""
    return "".join(f"\n    {name}_kept : {'volt' if name in ('v', 'g') else '1'}" for name in names)


class Text(NamedTuple):
    """Code of one learning rule: equations of units (first pass) and outputs beside their own, and what happens at a tick."""

    unit: str
    unit_tell: str
    unit_hear: str
    output: str
    output_tell: str
    output_hear: str
    judge: str
    synapse: str
    learn: str
    learn_readout: str


class Names(NamedTuple):
    """What a kind of neuron calls its pre-activation (dimensionless), what its synapses see of it, and what the readout sees."""

    activity: str
    trace: str
    out: str


SPIKING_NAMES = Names("(current + mean_g)/theta", "mean_s", "r")
RATE_NAMES = Names("a", "before", "x")


HOLDS = {  # parts of a rule that the equations hold
    "probe": ("injected", "activity"),
    "presynaptic": ("activity",),
    "credit": ("instant", "trace"),
    "normaliser": ("noise_std", "noise_variance", "layer_norm", "running_variance"),
    "baseline": ("clean_twin", "antithetic", "running_mean"),
    "noise": ("gaussian",),
    "step": ("plain", "rms"),
}


def check(rule: PerturbationRule) -> None:
    """Refuse what the equations do not hold, in one sentence."""
    for part, kinds in HOLDS.items():
        got = getattr(rule, part).kind
        if got not in kinds:
            known = " or ".join(map(repr, kinds))
            raise SpecError(f"rule.{part}", "", f"{known} on the backend 'brian2'", got)
    for part, plain in (("formula", None), ("clock", type(rule.clock)())):
        if getattr(rule, part) != plain:
            wanted = "on the backend 'brian2'; the backend 'kernel' takes it"
            raise SpecError(f"rule.{part}", "", wanted, getattr(rule, part), verb="must be left out")


def passes(rule: PerturbationRule) -> int:
    """Populations side by side."""
    return rule.baseline.passes


def broadcast(rule: PerturbationRule) -> tuple[str, ...]:
    """What every synapse hears from the critic; a layer norm is one more number, for a layer each."""
    return (*BROADCAST, *["square"] * isinstance(rule.normaliser, LayerNorm))


def text(rule: PerturbationRule, names: Names, *, online: bool, write: str = "w += dw") -> Text:
    """The rule's code.

    Parameters
    ----------
    rule : PerturbationRule
    names : of the neurons
    online : whether weights change at every step, or once a batch of trials
    write : code that makes the new `w` out of `dw`
    """
    two, pair = passes(rule) == 2, isinstance(rule.baseline, Antithetic)
    difference, heard = isinstance(rule.probe, ActivityDifference), broadcast(rule)
    equations = "".join(f"\n    {name} : 1\n    {name}{SAID} : 1 (linked)" for name in heard)
    hear = _code(*(f"{name} = {name}{SAID}" for name in heard), _normalise(rule))
    return Text(
        unit=_unit(names, two) + equations,
        unit_tell=_code(
            _centre("x_bar", names.trace, "trace_1", pair),
            _centre("r_bar", names.out, "out_1", pair),
            f"p = {_difference(pair)}" if difference else "p = noise",
        ),
        unit_hear=hear,
        output="".join(f"\n    {line} : 1" for line in ("y_0", *["y_1"] * two, *OUTPUT)) + equations,
        output_tell=_code(*_compare(pair, two), "p = dy" if difference else "p = noise"),
        output_hear=hear,
        judge=_judge(two),
        synapse=_synapse(rule, online),
        learn=_learn(rule, "x_bar_pre", isinstance(rule.credit, Trace), online, write),
        learn_readout=_learn(rule, "r_bar_pre", False, online, write),
    )


OUTPUT = ("noise", "target", "c", "dy", "value", "change", "p", "told", "variance")


def _unit(names: Names, two: bool) -> str:
    own = [
        "noise : 1",
        "p : 1",
        "told : 1",
        "variance : 1",
        "x_bar : 1",
        "r_bar : 1",
        f"activity_0 = {names.activity} : 1",
    ]
    other = [f"{name}_1 : 1 (linked)" for name in ("trace", "out", "activity")] if two else []
    return "".join(f"\n    {line}" for line in own + other)


def _code(*lines: str) -> str:
    return "\n".join(lines)


def _centre(name: str, own: str, twin: str, pair: bool) -> str:
    """Presynaptic activity: of the first pass, or the mean of a pair."""
    return f"{name} = 0.5*({own} + {twin})" if pair else f"{name} = {own}"


def _difference(pair: bool) -> str:
    return "0.5*(activity_1 - activity_0)" if pair else "activity_1 - activity_0"


def _compare(pair: bool, two: bool) -> list[str]:
    """Centre c of the outputs, their perturbation dy, and the change of the loss, see :mod:`neuroperturb.network.losses`."""
    if not two:
        return ["c = y_0 + noise", "dy = 0", "value = (c - target)**2", "change = value"]
    if pair:
        return [
            "c = 0.5*((y_0 - noise) + (y_1 + noise))", "dy = 0.5*((y_1 + noise) - (y_0 - noise))", "value = (c - target)**2",
            "change = 2*dy*(c - target)",
        ]  # fmt: skip
    return ["c = y_0", "dy = (y_1 + noise) - y_0", "value = (c - target)**2", "change = dy*(2*(c - target) + dy)"]


def _normalise(rule: PerturbationRule) -> str:
    """Code for `told` out of p."""
    normaliser = rule.normaliser
    if isinstance(normaliser, NoiseStd):
        return "told = p/sigma"
    if isinstance(normaliser, NoiseVariance):
        return "told = p/sigma**2"
    if isinstance(normaliser, RunningVariance):
        return _code("told = p/variance", "variance += learn*variance_rate*(p**2 - variance)")
    assert isinstance(normaliser, LayerNorm)
    # within the resolution of the numbers there is no direction left: nothing is told
    return "told = p*gain*int(square > resolution**2)/(square + int(square <= resolution**2))"


def _judge(two: bool) -> str:
    """The reward, and how many writes there were; a single pass is compared with a running mean."""
    code = ["difference = scored*sent"]
    if not two:
        code = [
            "first = scored*learn*(1 - started)",
            "baseline += first*(sent - baseline)",
            "started += first",
            "difference = scored*(sent - baseline)",
            "baseline += scored*learn*baseline_rate*(sent - baseline)",
        ]
    code += [
        "reward = -learn*difference/divisor",
        "writing = learn*int(difference != 0)*(1 - episodic) + finish*episodic",
        "writes += writing",
        "correction = 1/(1 - beta**clip(writes, 1, inf))",
        "counted = clip(writing + learn*(1 - episodic)*tracing, 0, 1)",
        "written += counted",
        "number = written - counted",  # before it: a name for `written` would follow it, in NumPy's code
    ]
    return _code(*code)


def _synapse(rule: PerturbationRule, online: bool) -> str:
    names = [
        "w",
        *["trace"] * isinstance(rule.credit, Trace),
        *["mean_square"] * isinstance(rule.step, RMS),
        *["gradient"] * (not online),
    ]
    return "".join(f"\n    {name} : 1" for name in names)


def _learn(rule: PerturbationRule, pre: str, traced: bool, online: bool, write: str) -> str:
    """What a synapse does at a tick: everything is its own, its unit's, its input's, or broadcast."""
    if traced:
        code = [
            f"trace = (1 - learn_post)*trace + learn_post*(decay*(1 - fresh_post)*trace + told_post*{pre})",
            "estimate = reward_post*trace",
        ]
    else:
        code = [f"estimate = reward_post*told_post*{pre}"]
    if not online:
        code += ["gradient += estimate", "estimate = finish_post*gradient", "gradient = (1 - finish_post)*gradient"]
    if isinstance(rule.step, RMS):
        code += [
            "mean_square = (1 - writing_post)*mean_square + writing_post*(beta*mean_square + (1 - beta)*estimate**2)",
            "dw = writing_post*eta_post*estimate/(sqrt(mean_square*correction_post) + 1e-30)",
        ]
    else:
        code += ["dw = eta_post*estimate"]
    return _code(*code, write)
