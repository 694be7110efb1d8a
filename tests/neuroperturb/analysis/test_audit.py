"""The locality audit: expressions against the functions they were traced from, verdicts, costs by hand, engines, and cheats."""

import json
import math
import types
from typing import NamedTuple

import numpy as np
import pytest

from hardware_models.numerics import maths
from hardware_models.numerics.compiled import COMPILED, kernel
from neuroperturb import audit, rules
from neuroperturb.analysis.audit import bptt as exact
from neuroperturb.analysis.audit import quantities
from neuroperturb.analysis.audit.engines import ENGINES
from neuroperturb.analysis.audit.products import NotSumOfProducts, sum_of_products
from neuroperturb.baselines import GRADIENTS, Bptt, Eprop, Rflo, Sgd
from neuroperturb.cli.app import app
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.rules.contract import AXES
from neuroperturb.rules.formula import graph
from neuroperturb.rules.formula.captures import captures
from neuroperturb.rules.formula.tracing import NotTraced, trace
from neuroperturb.rules.plan import choices
from neuroperturb.spec import SpecError

# ----------------------------------------------------------------------------------------------------------------------
# Tracing


class Numbers(NamedTuple):
    rate: float = 0.3
    decay: float = 0.9


@kernel
def squared(x):
    return x * x


def bounded(params, trace, pre, post):
    T = type(trace)
    e = params.decay * trace + pre * post
    if e > T(1):
        e = T(1)
    elif e < T(-1):
        e = -T(1)
    return e


def mixed(params, trace, pre, post):
    return (
        params.rate * maths.tanh(pre) / (np.sqrt(squared(trace)) + type(pre)(1)) - abs(post) ** 2 + math.exp(-pre) + 2.0
    )


def sided(params, trace, pre, post):
    return (
        min(pre, post, trace) + max(pre, 0.5)
        if pre > post or trace <= 0
        else np.float32(2) * pre - np.minimum(post, trace)
    )


def looped(params, trace, pre, post):
    total = trace
    for k in range(3):
        total = total + k * pre
    return total, not pre > post and 1.0


@pytest.mark.parametrize("function", [bounded, mixed, sided, looped], ids=lambda f: f.__name__)
def test_an_expression_computes_what_its_function_does(function):
    nodes = trace(function, Numbers(), ("trace", "pre", "post"))
    for x in np.random.default_rng(3).normal(size=(40, 3)):
        expected = np.atleast_1d(function(Numbers(), *map(np.float64, x)))
        values = dict(zip(("trace", "pre", "post"), x, strict=True))
        for form in (nodes, tuple(map(graph.fold, nodes))):
            np.testing.assert_allclose([graph.evaluate(node, values) for node in form], expected, rtol=1e-6)


def test_compiled_functions_trace_as_the_plain_ones():
    names = ("trace", "pre", "post")
    assert trace(kernel(bounded), Numbers(), names) == trace(bounded, Numbers(), names)


def test_expressions_read_as_written():
    (node,) = trace(lambda p, e, x, r: r * (p.decay * e + x) - (e - x) / 2, Numbers(), ("e", "x", "r"))
    assert graph.text(node) == "r·(decay·e + x) − (e − x)/2"
    assert graph.where("x", node) == "decay·e + x"


def test_what_occurs_twice_is_one_operation():
    (node,) = trace(lambda p, a, b: (a * b + 1) * (a * b), Numbers(), ("a", "b"))
    assert [n.op for n in graph.operations(node)] == ["multiply", "add", "multiply"]


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda p, x: x[0], "indexes one of its arguments"),
        (lambda p, x: np.sum(x), "calls np.sum"),
        (lambda p, x: int(x), "makes an integer"),
        (lambda p, x: x * np.ones(3), "computes with a ndarray"),
        (lambda p, x: x + "1", "cannot be traced|computes with a str"),
        (lambda p, x: endless(x), "more than 64 paths"),
    ],
)
def test_what_cannot_be_traced_is_said(function, sentence):
    with pytest.raises(NotTraced, match=sentence):
        trace(function, Numbers(), ("x",), what="synapse")


def endless(x):
    while x > 0:
        x = x - 1
    return x


# ----------------------------------------------------------------------------------------------------------------------
# Sums of products


def test_terms_are_those_of_the_expanded_product():
    (node,) = trace(lambda p, a, b, r: r * (p.decay * a - b / 2) * (a + 1) ** 2, Numbers(), ("a", "b", "r"))
    terms = {term.factors: term.coefficient for term in sum_of_products(node)}
    by_hand = {  # r (0.9 a − b/2)(a² + 2 a + 1)
        ("a", "a", "a", "r"): 0.9, ("a", "a", "r"): 1.8, ("a", "r"): 0.9, ("a", "a", "b", "r"): -0.5, ("a", "b", "r"): -1.0, ("b", "r"): -0.5,
    }  # fmt: skip
    assert terms == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda p, x: 1 / x, "divides by x"),
        (lambda p, x: np.sqrt(x), "takes the square root of x"),
        (lambda p, x: x if x > 0 else -x, "branches on x > 0"),
        (lambda p, x: maths.tanh(x), "takes tanh of x"),
    ],
)
def test_what_is_no_sum_of_products_is_named(function, operation):
    (node,) = trace(function, Numbers(), ("x",))
    with pytest.raises(NotSumOfProducts) as error:
        sum_of_products(node)
    assert error.value.operation == operation


# ----------------------------------------------------------------------------------------------------------------------
# Verdicts


def kinds(found):
    return {quantity.kind for quantity in found.quantities}


def named(found, kind):
    return [quantity for quantity in found.quantities if quantity.kind == kind]


def test_node_perturbation_is_local_with_one_broadcast():
    found = audit("np")
    assert found.is_local and found.passed
    assert found.verdict == "local, with one broadcast scalar."
    assert kinds(found) == {quantities.PRE, quantities.POST, quantities.SCALAR}
    seen = {check.what for check in found.checks if check.seen}
    assert seen == {"unit: perturbation (own)", "W_rec: post (own)", "W_rec: pre (own)", "W_rec: reward (own)"}


def test_published_anp_is_local_but_for_its_layer_norm():
    found = audit("anp published")
    assert not found.is_local and found.passed
    (norm,) = named(found, quantities.LAYER)
    assert norm.name == "‖p‖²" and norm.replacement.startswith("running_variance")
    assert [q for q in found.quantities if not q.is_local] == [norm]
    others = next(check for check in found.checks if check.what == "unit: perturbation of other units")
    assert others.seen and others.because == "layer reduction"
    assert audit("anp", test=False).verdict == found.verdict  # rescaled: another gain, the same sum


def test_its_local_replacement_is_local():
    rule = rules.make("anp", normaliser=rules.RunningVariance())
    found = audit(rule)
    assert found.is_local and found.passed


def test_the_column_read_of_decorrelation_is_named():
    found = audit("dnp")
    (column,) = named(found, quantities.COLUMN)
    assert column.name == "v_j = (Dᵀx̂)_j"
    assert found.passed
    reads = {check.what: check.seen for check in found.checks if check.what.startswith("D_rec")}
    assert reads["D_rec: weight of other synapses of the same input"] and not reads["D_rec: weight of other synapses"]


def test_bptt_is_not_local():
    found = audit("bptt")
    assert not found.is_local and found.passed
    names = " ".join(quantity.name for quantity in named(found, quantities.FAR))
    for needed in ("W_recᵀ", "W_outᵀ", "future losses", "stored history"):
        assert needed in names
    assert all(check.seen for check in found.checks)
    assert not any(fit.runs for fit in found.engines)


def test_one_step_bptt_needs_the_readout_only():
    seen = {finding.quantity: finding.seen for finding in exact.findings(1)}
    assert seen == {"W_recᵀ": False, "W_outᵀ": True, "future losses": False, "activity of other units": False}
    assert audit(Bptt(window=1)).passed
    assert not audit(Bptt(window=1), test=False).is_local
    assert "(C + ρI)⁻¹" in str(audit(Bptt(presynaptic={"kind": "inverse"}), test=False))


@pytest.mark.parametrize(
    ("name", "local", "kept"),
    [
        ("np-trace", True, 2),  # the trace, and the running square of its step
        ("anp-trace", False, 2),
        ("np-p", False, 2),  # the column read of P, with its local replacement
        ("anp-p", False, 2),
        ("wp", True, 0),
        ("wp-held", True, 2),  # the running square, and the draw that is held
    ],
)
def test_other_rules(name, local, kept):
    found = audit(name, test=False)
    assert found.is_local == local
    assert found.costs[0].state_synapse == kept
    assert all(quantity.replacement for quantity in found.quantities if not quantity.is_local)


NORM, READ_P, READ_D = "‖p‖², a layer reduction", "Pᵀ(x̂ + √ρ ν), a column read", "v_j = (Dᵀx̂)_j, a column read"
CATALOGUE = {  # verdict; Loihi, BrainScaleS-2, analog; online: state of a synapse and of a neuron, draws of either
    "np": ("local, with one broadcast scalar", "yes yes yes", (0, 1, 0, 1)),
    "np published": ("local, with one broadcast scalar", "yes yes yes", (0, 1, 0, 1)),
    "wp": ("local, with one broadcast scalar", "no yes no", (0, 1, 1, 0)),
    "wp published": ("local, with one broadcast scalar", "no yes no", (0, 1, 1, 0)),
    "anp": (f"local with 2 broadcast scalars, except for {NORM}", "no yes yes", (0, 1, 0, 1)),
    "anp published": (f"local with 2 broadcast scalars, except for {NORM}", "no yes yes", (0, 1, 0, 1)),
    "np-trace": ("local, with 2 broadcast scalars", "no no no", (2, 1, 0, 1)),
    "anp-trace": (f"local with 3 broadcast scalars, except for {NORM}", "no no no", (2, 1, 0, 1)),
    "np-p": (f"local with 2 broadcast scalars, except for {READ_P}", "no no no", (2, 2, 0, 2)),
    "anp-p": (f"local with 3 broadcast scalars, except for {NORM}; {READ_P}", "no no no", (2, 2, 0, 2)),
    "wp-held": ("local, with 2 broadcast scalars", "no no no", (2, 1, 1, 0)),
    "wp0": ("local, with 2 broadcast scalars", "no no no", (3, 1, 1, 0)),
    "hybrid": ("local, with 2 broadcast scalars", "no no no", (3, 1, 1, 0)),
    "oua": ("local, with one broadcast scalar", "no yes no", (1, 0, 1, 0)),
    "hebbian": ("local, with one broadcast scalar", "no yes no", (1, 1, 0, 1)),
    "dnp": (f"local with one broadcast scalar, except for {READ_D}", "no no no", (0, 1, 0, 1)),
    "dwp": (f"local with one broadcast scalar, except for {READ_D}", "no no no", (0, 1, 1, 0)),
    "danp": (f"local with 2 broadcast scalars, except for {NORM}; {READ_D}", "no no no", (0, 1, 0, 1)),
    "bptt": ("not local: a synapse would need W_outᵀ; W_recᵀ; future losses, g_a(t+1); stored history of all steps", "no no no", None),
    "rtrl": ("not local: a synapse would need W_outᵀ; f'(a_k) of all units; W_rec, of all synapses; s_k of all units", "no no no", None),
    "rflo": ("local, with one broadcast scalar per output and one more", "no no no", None),  # of its Adam
    "eprop": ("not local: a synapse would need W_outᵀ", "no no no", None),
}  # fmt: skip


@pytest.mark.kernels
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_rule_of_the_catalogue(name):
    """Compiling each takes seconds: with the compiler on two of them are tested below, here the formulas alone."""
    verdict, engines, costs = CATALOGUE[name]
    found = audit(name, test=not COMPILED or costs is None)
    assert found.verdict == f"{verdict}."
    assert " ".join("yes" if fit.runs else "no" for fit in found.engines) == engines
    assert all(fit.runs or fit.reasons for fit in found.engines)
    assert found.passed, [check for check in found.checks if not check.passed]
    if costs is not None:
        online = found.costs[0]
        assert (online.state_synapse, online.state_neuron, online.draws_synapse, online.draws_neuron) == costs


def test_no_rule_of_the_catalogue_is_left_out():
    assert {*rules.RULES, *rules.DECORRELATED, *GRADIENTS} == {name.partition(" ")[0] for name in CATALOGUE}


@pytest.mark.parametrize(("rule", "feedback"), [(Rflo, "random"), (Eprop, "random"), (Rflo, "readout")])
def test_random_feedback_makes_a_forward_gradient_local(rule, feedback):
    found = audit(rule(feedback=feedback, optimiser=Sgd()))
    assert found.passed and found.is_local == (feedback == "random")
    assert [fit.runs for fit in found.engines] == [found.is_local, found.is_local, False]
    assert "digital memory" in found.engines[2].reasons[-1]


@pytest.mark.parametrize("axis", AXES)
def test_every_value_of_an_axis_says_of_itself_what_travels_and_how_it_is_written(axis):
    """Where values of an axis measure or keep something, each of them says what; none leaves it to the audit."""
    for value in choices(axis):
        assert all(quantity.kind in quantities.KINDS and quantity.where for quantity in value.facts.quantities)
        assert {argument for argument, _ in value.facts.symbols} <= set(quantities.ARGUMENTS)
        assert bool(value.facts.lateral_share) == (value.facts.lateral_work > 0)


# ----------------------------------------------------------------------------------------------------------------------
# The permutation test


@pytest.mark.parametrize("name", ["wp", "np-p"])
def test_kernels_see_what_the_formulas_say(name):
    found = audit(name)
    assert found.checks and found.passed, [check for check in found.checks if not check.passed]


# ----------------------------------------------------------------------------------------------------------------------
# Cheats


WEIGHTS = np.linspace(-1, 1, 12)
TABLE = {"w": 1.0}
ELSEWHERE = types.ModuleType("elsewhere")
ELSEWHERE.weights = WEIGHTS


class ReadsGlobal(NamedTuple):
    """Its neighbour's weight, through a global array."""

    rate: float = 0.1

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * post * pre + params.rate * WEIGHTS[3]


class ReadsModule(NamedTuple):
    rate: float = 0.1

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * post * pre + params.rate * ELSEWHERE.weights[3]


@kernel
def neighbour(pre):
    return WEIGHTS[0] * pre


class ReadsByHelper(NamedTuple):
    rate: float = 0.1

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * post * neighbour(pre)


def reads_closure():
    hidden = np.zeros(5)

    class ReadsClosure(NamedTuple):
        rate: float = 0.1

        @staticmethod
        def synapse(params, trace, weight, pre, post, reward, draw):
            return trace, reward * post * pre + hidden[2]

    return ReadsClosure


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ReadsGlobal, "reads the ndarray 'WEIGHTS' through a global"),
        (ReadsModule, "reads the ndarray 'ELSEWHERE.weights' through a global"),
        (ReadsByHelper, "'neighbour' reads the ndarray 'WEIGHTS' through a global"),
        (reads_closure(), "reads the ndarray 'hidden' through a closure"),
    ],
    ids=["global", "module", "helper", "closure"],
)
def test_a_hidden_read_is_found(rule, words):
    (found,) = captures(rule.synapse)
    assert words in str(found)


FACTOR = 0.5


def honest(params, trace, weight, pre, post, reward, draw):
    return trace, FACTOR * reward * math.tanh(post) * np.sqrt(pre) * squared(maths.exp(pre))


def test_numbers_and_functions_of_numbers_are_no_cheat():
    assert captures(honest) == ()
    assert [capture.name for capture in captures(lambda x: x * TABLE["w"])] == ["TABLE"]


@pytest.mark.parametrize("rule", [ReadsGlobal, ReadsByHelper(), reads_closure()], ids=["global", "helper", "closure"])
def test_a_cheating_rule_is_not_local(rule):
    found = audit(rule)
    assert not found.is_local and not any(fit.runs for fit in found.engines)
    assert "reads the ndarray" in found.verdict
    assert not found.passed and [check.seen for check in found.checks] == [True]  # other contents, another change


@kernel
def cheating_row(pending, memory, w, scale, j, change):
    """A row that helps itself: the change of a synapse holds its neighbour's weight."""
    for i in range(change.shape[0]):
        change[i] = pending.reward[0] * pending.post[0, i] * pending.pre[0, j] + w[(i + 1) % change.shape[0]]


def test_a_kernel_that_reads_its_neighbour_is_found_by_permutation():
    from neuroperturb.analysis.audit.permutation import find, small_simulation

    simulation = small_simulation(rules.make("np"), None, 0)
    sweep = simulation.arrays["W_rec"].kernel(cheating_row).sweep
    simulation.updates.sweeps = simulation.updates.sweeps._replace(W_rec=sweep)
    seen = {(finding.quantity, finding.region) for finding in find(simulation) if finding.seen}
    assert ("weight", "row") in seen
    assert ("weight", "others") not in seen


# ----------------------------------------------------------------------------------------------------------------------
# Costs and engines


def test_costs_of_node_perturbation_by_hand():
    online, episode = audit("np", test=False, bits=8).costs
    assert (online.broadcasts, online.broadcast_bits) == (1, 8)
    assert (online.state_synapse, episode.state_synapse, episode.state_synapse_bits) == (0, 1, 8)  # an episode adds up
    assert (online.draws_synapse, online.draws_neuron) == (0, 1)
    assert online.step.multiply_adds == 2 and online.write.multiply_adds == 1  # r p x, then η times it
    assert online.step.others == online.write.others == {}
    assert (online.writes, episode.writes) == ("1 per step", "1 per sequence")


def test_costs_of_a_trace_and_an_rms_step_by_hand():
    online, _ = audit("np-trace", test=False, bits=4).costs
    assert (online.state_synapse, online.state_synapse_bits) == (2, 8)
    assert online.step.multiply_adds == 2  # p x onto e (λ = 1), and r e
    assert online.write.others == {"divide": 1, "sqrt": 1}
    assert online.broadcasts == 2  # δL, and the correction of the step


def test_costs_of_held_weight_noise_and_a_branch_by_hand():
    online, episode = audit("wp0", test=False).costs
    assert online.step.multiply_adds == 3  # w + σΞ; r Ξ, times what was seen
    assert online.step.others == {"equal": 1, "select": 1}
    assert online.state_synapse == episode.state_synapse == 3  # seen, v, and Ξ while it is held
    assert online.write.others == {"sqrt": 1, "divide": 1}


def test_costs_of_a_cubed_trace_by_hand():
    online, episode = audit("hebbian", test=False, bits=5).costs
    assert online.step == (4, {})  # x p; its square; its cube, onto H; r H
    assert online.write == (1, {"minimum": 1, "maximum": 1})
    assert online.neuron.multiply_adds == 3  # σξ onto a; a − ā; ρ of it onto ā
    assert (online.passes, online.broadcast_bits, episode.state_synapse_bits) == (1, 5, 10)


def test_costs_of_matrices_beside_the_network_by_hand():
    for name, lateral, neuron in (
        ("dnp", 3, 3),  # Dᵀx̂, and two terms of the change;  σξ onto a, p/σ², x̂²
        ("np-p", 5, 5),  # P x̂, P x', Pᵀx', and two terms;  those two, a pair's mean and half difference, ν onto x̂
    ):
        online = audit(name, test=False).costs[0]
        assert (online.lateral, online.lateral_step) == (1, (lateral, {}))
        assert online.neuron == (neuron, {})
    assert audit("dnp", test=False).costs[0].state_neuron == audit("np", test=False).costs[0].state_neuron


def test_noise_that_remembers_is_kept_where_it_is_drawn():
    noise = rules.OrnsteinUhlenbeck(tau=5.0)

    def kept(name, **parts):
        online = audit(rules.make(name, **parts), test=False).costs[0]
        return online.state_synapse, online.state_neuron

    assert kept("wp") == (0, 1) and kept("wp", noise=noise) == (1, 1)
    assert kept("np") == (0, 1) and kept("np", noise=noise) == kept("np", clock=rules.Clock(hold=3)) == (0, 2)


def test_a_matrix_that_decays_is_no_pulsed_write():
    assert any(
        reason.startswith("D changes by ε x̂_i² D_ij, in proportion to itself")
        for reason in runs("dnp")["analog"].reasons
    )


def test_fewer_writes_keep_a_sum():
    online, _ = audit(rules.make("np", baseline=rules.RunningMean(), clock=rules.Clock(write=10)), test=False).costs
    assert (online.state_synapse, online.writes, online.passes) == (1, "1 every 10 steps", 1)
    assert online.step.multiply_adds == 3


def test_weight_noise_draws_at_every_synapse():
    online, _ = audit("wp", test=False).costs
    assert (online.draws_synapse, online.draws_neuron) == (1, 0)


def runs(rule):
    return dict(zip(ENGINES, audit(rule, test=False).engines, strict=True))


def test_which_engines_run_what():
    assert {key: fit.runs for key, fit in runs("np").items()} == {"loihi": True, "brainscales-2": True, "analog": True}
    trace = runs(rules.make("np", credit=rules.Trace(decay=0.9)))
    assert trace["loihi"].runs and trace["brainscales-2"].runs and not trace["analog"].runs
    assert "digital memory" in " ".join(trace["analog"].reasons)
    assert "divides by" in " ".join(runs("np-trace")["loihi"].reasons)
    assert "sum over the layer" in " ".join(runs("anp published")["loihi"].reasons)
    weights = runs("wp")
    assert not weights["loihi"].runs and "share one random number" in " ".join(weights["loihi"].reasons)
    assert all(fit.reasons for rule in ("np-trace", "np-p", "wp", "anp") for fit in runs(rule).values() if not fit.runs)
    assert all("doi:" in source for engine in ENGINES.values() for source in engine.sources)


# ----------------------------------------------------------------------------------------------------------------------
# Doors


def test_a_page_and_its_json_say_the_same(capsys):
    found = audit("anp published", decorrelation=Decorrelation(), test=False)
    page, table = str(found), json.loads(json.dumps(found.table()))
    assert table["verdict"] in page and not table["local"]
    for quantity in table["quantities"]:
        assert quantity["kind"] in page and quantity["kind"] in quantities.KINDS


def test_a_notebook_shows_the_page():
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    found = audit("np", test=False)
    assert pretty(found) == str(found)


def test_the_command_prints_json(capsys):
    with pytest.raises(SystemExit) as done:
        app(["audit", "np", "--json"])
    table = json.loads(capsys.readouterr().out)
    assert done.value.code == 0 and table["local"]
    assert all(check["passed"] for check in table["permutation"])


def test_a_run_in_integers_that_cannot_be_is_said_on_the_page(capsys):
    with pytest.raises(SystemExit) as done:
        app(["audit", "np-trace", "--fixed-point", "--json"])
    refused = json.loads(capsys.readouterr().out)["fixed_point"]["refused"]
    assert done.value.code == 0
    assert "the change of np-trace unbiased divides by sqrt(state·correction)" in refused
    assert refused.endswith("choose the plain step.")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rule": "np-trac"}, "Did you mean"),
        ({"rule": 3}, "record with a .synapse. function"),
        ({"rule": "np", "bits": 0}, "at least 1"),
    ],
)
def test_what_is_no_rule_is_said(given, sentence):
    with pytest.raises(SpecError, match=sentence):
        audit(**given)


def test_steps_with_a_state_are_local_and_counted():
    """Momentum holds one number per synapse more than the plain step, Adam two; products only, or a root and a division."""
    from neuroperturb.analysis.audit.anatomy import dissect
    from neuroperturb.analysis.audit.costs import costs
    from neuroperturb.analysis.audit.fixed_point import require_integers
    from neuroperturb.rules import LocalAdam, Momentum, Plain

    found = {step.kind: dissect(rules.make("np", step=step), None) for step in (Plain(), Momentum(), LocalAdam())}
    held = {kind: costs(anatomy, "online", 8).state_synapse for kind, anatomy in found.items()}
    assert held == {"plain": 0, "momentum": 1, "adam": 2}
    assert all(quantity.is_local for anatomy in found.values() for quantity in anatomy.quantities)
    assert found["adam"].expressions["second ←"] and found["momentum"].traced.refused is None
    assert found["adam"].traced.refused[0] in ("change", "gradient")
    with pytest.raises(SpecError, match="'plain' or 'clipped' to run in fixed point"):
        require_integers(rules.make("np", step=Momentum()))


def test_a_rule_of_worlds_is_audited_but_for_the_permutation():
    found = audit("nrl")
    assert not found.checks and "Not tested by permutation." in str(found) and found.verdict.startswith("local with 3")
