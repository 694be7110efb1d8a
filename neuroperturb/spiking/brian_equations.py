"""The model as text for Brian2: equations assembled from the rule. Nothing here needs Brian2.

A *tick* is the boundary between two steps of the task. At a tick, in the order of its phases (all in Brian2's slot ``start``):

    READ      outputs read the traces r:  y_h = Σ W_out r_h                   a pass h is one population; all share the weights
    SEND      perturbation p of every unit; outputs: the change of the loss
    SUM       the critic sums over units: the change of the loss, and the norms that a rule may need
    REWARD    the critic computes the reward
    RECEIVE   every unit receives it, with the other broadcast numbers, and normalises its factor
    LEARN     synapses:  eligibility ← presynaptic trace × postsynaptic factor;  weight ← weight + rate · reward · eligibility
    LOAD      inputs, noise and targets of the next step; states are reset to zero at the start of a trial
    DRIVE     currents of the inputs, constant over the step
    BEGIN     means of the step start from zero

and in each dt, before Brian2's own ``groups``, ``thresholds``, ``synapses``, ``resets``: EACH. Values loaded for a step are used at the tick
that ends it, so that one run over T steps has T + 1 ticks. The state of neurons is saved at every tick: after the last they advance by one
more dt, which is discarded.

Names: `factor` is the postsynaptic factor, p normalised; `pre` the presynaptic activity, `centre` that of the two passes; `learn`, `fresh`
and `finish` are 1 where a step counts, where it began a trial, and where an episode is written.
"""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.rules import Instant, PerturbationRule
from neuroperturb.rules.axes.credit import Credit
from neuroperturb.rules.axes.step import Step
from neuroperturb.rules.facts import AxisValue
from neuroperturb.rules.plan import choices, facts_of
from neuroperturb.spec import SpecError
from neuroperturb.spiking import brian_delays as delays

READ, SEND, SUM, REWARD, RECEIVE, LEARN, LOAD, DRIVE, BEGIN, EACH = range(-20, -10)  # order in the slot "start"

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
KEPT = ("v", "g", "s", "r", "wait")  # state of a spiking neuron
RATE_KEPT = ("x",)
INPUT_KEPT = ("q",)
RESET = "v = v_reset; s += kick_s; r += kick_r; wait = refractory_steps"
ADAPTING = "\n    db/dt = -b/tau_adaptation : volt"  # and what it adds to the texts above and below
ADAPTIVE_THRESHOLD = "v > v_threshold + b"
ADAPTIVE_RESET = f"{RESET}; b += rise"
ADAPTIVE_KEPT = (*KEPT, "b")
ADAPTIVE_LOAD = "\n    b = b*(1 - begins(t))"
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
INPUT_SEND = "x_bar = mean_q + u"
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
)  # broadcast by the critic to every synapse
LINKED = "_broadcast"  # suffix of a linked variable of the critic; each unit has its own copy, which synapses read


def keep(names: tuple[str, ...]) -> str:
    """Code that saves the state at the start of a step."""
    return "".join(f"\n    {name}_kept = {name}" for name in names)


def kept(names: tuple[str, ...]) -> str:
    """The variables for the saved state."""
    return "".join(f"\n    {name}_kept : {'volt' if name in ('v', 'g', 'b') else '1'}" for name in names)


class Text(NamedTuple):
    """Code of one learning rule: additional equations of units (first pass) and outputs, and the code run at a tick."""

    unit: str
    unit_send: str
    unit_receive: str
    output: str
    output_send: str
    output_receive: str
    reward: str
    synapse: str
    learn: str
    learn_readout: str


class Names(NamedTuple):
    """Names of a neuron's pre-activation (dimensionless), of its trace for synapses, and of its trace for the readout."""

    activity: str
    trace: str
    out: str


SPIKING_NAMES = Names("(current + mean_g)/theta", "mean_s", "r")
RATE_NAMES = Names("a", "before", "x")


HELD = (
    "probe",
    "presynaptic",
    "credit",
    "normaliser",
    "baseline",
    "noise",
    "step",
)  # axes supported by the equations; rates come as rows
CONSTANTS = {
    "decay": 0.0,
    "beta": 0.0,
    "variance_rate": 0.0,
    "baseline_rate": 0.0,
}  # defaults if no value of an axis defines them


class Cells(NamedTuple):
    """Texts of spiking neurons: equations, threshold, reset, their state, and how it is loaded."""

    model: str
    threshold: str
    reset: str
    kept: tuple[str, ...]
    load: str


def cells(adapts: bool, delayed: bool) -> Cells:
    """Of neurons with constant or with adaptive thresholds; the trace s of late spikes is raised when they arrive."""
    made = Cells(SPIKING, THRESHOLD, RESET, KEPT, SPIKE_LOAD)
    if adapts:
        made = Cells(SPIKING + ADAPTING, ADAPTIVE_THRESHOLD, ADAPTIVE_RESET, ADAPTIVE_KEPT, SPIKE_LOAD + ADAPTIVE_LOAD)
    if delayed:
        reset = made.reset.replace("s += kick_s; ", "")
        made = made._replace(model=made.model + delays.STATE, reset=reset, load=made.load + delays.LOAD)
    return made


def check(rule: PerturbationRule) -> None:
    """Reject settings that the equations do not support, in one sentence."""
    for axis in HELD:
        value = getattr(rule, axis)
        if value.facts.brian is None:
            known = [choice.model_fields["kind"].default for choice in choices(axis) if choice.facts.brian is not None]
            raise SpecError(f"rule.{axis}", "", f"{' or '.join(map(repr, known))} on the backend 'brian2'", value.kind)
    for part, plain in (("formula", None), ("clock", type(rule.clock)())):
        if getattr(rule, part) != plain:
            wanted = "on the backend 'brian2'; the backend 'kernel' supports it"
            raise SpecError(f"rule.{part}", "", wanted, getattr(rule, part), verb="must be left out")


def constants(rule: PerturbationRule) -> dict[str, float]:
    """Constants in the texts of the rule's values, by name."""
    own = [(name, getattr(value, field)) for value in _held(rule) for name, field in value.facts.brian.constants]
    return CONSTANTS | dict(own)


def _held(rule: PerturbationRule) -> list[AxisValue]:
    return [getattr(rule, axis) for axis in HELD]


def broadcast(rule: PerturbationRule) -> tuple[str, ...]:
    """Numbers broadcast by the critic to every synapse; a sum over the layer is one more number for each layer."""
    return (*BROADCAST, *["square"] * rule.normaliser.facts.reduces)


def text(rule: PerturbationRule, names: Names, *, online: bool, write: str = "w += dw") -> Text:
    """The rule's code.

    Parameters
    ----------
    rule : PerturbationRule
    names : of the neurons
    online : whether weights change at every step, or once a batch of trials
    write : code that computes the new `w` from `dw`
    """
    facts, received = facts_of(rule), broadcast(rule)
    two, pair, probe = facts.passes == 2, facts.paired, rule.probe.facts.brian.code
    equations = "".join(f"\n    {name} : 1\n    {name}{LINKED} : 1 (linked)" for name in received)
    receive = _code(*(f"{name} = {name}{LINKED}" for name in received), rule.normaliser.facts.brian.code)
    return Text(
        unit=_unit(names, two) + equations,
        unit_send=_code(
            _centre("x_bar", names.trace, "trace_1", pair),
            _centre("r_bar", names.out, "out_1", pair),
            probe.format(difference=_difference(pair)),
        ),
        unit_receive=receive,
        output="".join(f"\n    {line} : 1" for line in ("y_0", *["y_1"] * two, *OUTPUT)) + equations,
        output_send=_code(*_compare(pair, two), probe.format(difference="dy")),
        output_receive=receive,
        reward=_reward(two),
        synapse=_synapse(rule, online),
        learn=_learn(rule.credit, rule.step, "x_bar_pre", online, write),
        learn_readout=_learn(
            Instant(), rule.step, "r_bar_pre", online, write
        ),  # outputs do not feed back: no later loss depends on them
    )


OUTPUT = ("noise", "target", "c", "dy", "value", "change", "p", "factor", "variance")


def _unit(names: Names, two: bool) -> str:
    own = [
        "noise : 1",
        "p : 1",
        "factor : 1",
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


def _reward(two: bool) -> str:
    """The reward, and the number of writes; a single pass is compared with a running mean."""
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
    kept = [name for value in _held(rule) for name in value.facts.brian.variables]
    return "".join(f"\n    {name} : 1" for name in ["w", *kept, *["gradient"] * (not online)])


def _learn(credit: Credit, step: Step, pre: str, online: bool, write: str) -> str:
    """Code of a synapse at a tick: all variables are its own, its unit's, its input's, or broadcast."""
    code = [credit.facts.brian.code.format(pre=pre)]
    if not online:
        code += ["gradient += estimate", "estimate = finish_post*gradient", "gradient = (1 - finish_post)*gradient"]
    return _code(*code, step.facts.brian.code, write)
