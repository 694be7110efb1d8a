"""audit: analyse a rule, count what it costs, and test every claim about it on the compiled kernels."""

from __future__ import annotations

from neuroperturb import rules
from neuroperturb.analysis.audit import bptt as exact
from neuroperturb.analysis.audit import forward_gradients as forward
from neuroperturb.analysis.audit.anatomy import dissect
from neuroperturb.analysis.audit.checks import Check, check
from neuroperturb.analysis.audit.costs import costs
from neuroperturb.analysis.audit.engines import ENGINES
from neuroperturb.analysis.audit.feasibility import fit, unfit
from neuroperturb.analysis.audit.formulas import resolve
from neuroperturb.analysis.audit.permutation import NETWORK, permute
from neuroperturb.analysis.audit.quantities import FAR, SCALAR, Quantity
from neuroperturb.analysis.audit.result import Audit
from neuroperturb.baselines import FORWARD, GRADIENTS, Bptt, Eprop, Rflo, Rtrl
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.formula import captures
from neuroperturb.rules.user.source import RULE
from neuroperturb.spec import SpecError, plugins
from neuroperturb.spec.user_code import find, is_name

HIDDEN = "an argument of the function; for a parameter of the rule, a field of its class"
SCHEDULES = ("online", "episode")
Gradient = Bptt | Rtrl | Rflo | Eprop


MOST_UNITS = 32  # of the network of the permutation test


def audit(
    rule: PerturbationRule | Gradient | str, *, decorrelation: Decorrelation | None = None, bits: int = 8, test: bool = True, seed: int = 0,
    network: RNN = NETWORK,
) -> Audit:  # fmt: skip
    """Analyse which quantities a rule uses, what it costs on chip, and which engines could run it.

    Parameters
    ----------
    rule : a rule; its name, with a form or without ("np", "anp published", "bptt", "rflo", "module:Class"); or a record with the functions of
        :mod:`neuroperturb.rules.formula.signatures`. The name of a decorrelated rule includes decorrelation
    decorrelation : decorrelation that the rule is trained with
    bits : bits per transmitted or stored number, for the costs
    test : whether to run the permutation test on the compiled kernels, which takes a few seconds
    seed : seed of that test
    network : a small network of that test, by default 7 units of one layer

    Returns
    -------
    audit : Audit; print it, or use its `table()`

    Raises
    ------
    SpecError : if a formula cannot be traced; the message says which and why

    Examples
    --------
    >>> found = audit("anp published", test=False)
    >>> found.verdict
    'local with 2 broadcast scalars, except for ‖p‖², a layer reduction.'
    >>> [fit.runs for fit in found.engines]
    [False, True, True]
    """
    if bits < 1:
        raise SpecError("bits", "audit", "at least 1", bits)
    if seed < 0:
        raise SpecError("seed", "audit", "a whole number, 0 or more", seed)
    if network.size > MOST_UNITS:
        raise SpecError(
            "network.size",
            "audit",
            f"at most {MOST_UNITS}: its test writes all synapses thousands of times",
            network.size,
        )
    if hidden := captures.of_rule(_own(rule)):
        return _of_hidden(_own(rule), hidden, test, bits)
    rule, decorrelation = _resolved(rule, decorrelation)
    if isinstance(rule, Gradient):
        return _OF_GRADIENTS[rule.name](rule, test, bits, seed)
    anatomy = dissect(rule, decorrelation)
    # the permutation is of a few steps, without a world whose moments a timed baseline could tell apart
    tested = test and not rule.baseline.timed
    findings = permute(rule, decorrelation, seed=seed, network=network) if tested else ()
    return Audit(
        rule=_label(rule, decorrelation),
        expressions=anatomy.expressions,
        quantities=anatomy.quantities,
        broadcasts=anatomy.broadcasts,
        costs=tuple(costs(anatomy, schedule, bits) for schedule in SCHEDULES),
        engines=tuple(fit(anatomy, engine) for engine in ENGINES.values()),
        checks=tuple(check(finding, anatomy) for finding in findings),
        bits=bits,
    )


def _resolved(rule, decorrelation):
    """The rule of a name, and the decorrelation that some names include."""
    if isinstance(rule, Gradient):
        return rule, None
    if isinstance(rule, str) and rule in GRADIENTS:
        return GRADIENTS[rule](), None
    if isinstance(rule, str) and rule.partition(" ")[0] in rules.DECORRELATED and decorrelation is None:
        decorrelation = Decorrelation()
    return resolve(rule), decorrelation


def _label(rule: PerturbationRule, decorrelation: Decorrelation | None) -> str:
    return f"{rule.label}, decorrelated" if decorrelation is not None else rule.label


def _own(rule):
    """A custom rule as it was given; None for others."""
    if isinstance(rule, str):
        rule = plugins.located("rule", rule, (*rules.RULES, *rules.DECORRELATED))
        return find(rule, RULE) if is_name(rule) else None
    return None if isinstance(rule, PerturbationRule | Gradient) else rule


def _of_hidden(rule, hidden: tuple[captures.Capture, ...], test: bool, bits: int) -> Audit:
    """The audit of a rule with hidden inputs: nothing else about it is analysed, and no kernel is compiled."""
    used = tuple(
        Quantity(
            f"{found.name!r}, {type(found.value).__name__}", FAR, f"{found.function}, through a {found.through}", HIDDEN
        )
        for found in hidden
    )
    checks = tuple(
        Check(f"{found.function}: value of {found.name!r}", captures.moves(rule, found), False, "") for found in hidden
    )
    name = (rule if isinstance(rule, type) else type(rule)).__name__
    return Audit(
        rule=name,
        quantities=used,
        broadcasts=0,
        engines=tuple(unfit(used, engine) for engine in ENGINES.values()),
        checks=checks if test else (),
        captured=tuple(map(str, hidden)),
        bits=bits,
    )


def _of_exact(rule: Bptt, test: bool, bits: int, seed: int) -> Audit:
    """Backpropagation has no synaptic formula: its non-local requirements are listed, and tested on its own kernels."""
    used = (*exact.quantities(rule.window), *rule.presynaptic.facts.quantities)
    fits = tuple(unfit(used, engine) for engine in ENGINES.values())
    checks = tuple(
        Check(f"W_rec: {finding.quantity}", finding.seen, exact.expected(finding.quantity, rule.window), "non-local")
        for finding in (exact.findings(rule.window, seed) if test else ())
    )
    label = "bptt" if rule.window is None else f"bptt({rule.window})"
    return Audit(rule=label, quantities=used, broadcasts=_scalars(used), engines=fits, checks=checks, bits=bits)


def _of_forward(rule: Rtrl | Rflo | Eprop, test: bool, bits: int, seed: int) -> Audit:
    """Forward-mode gradients: the dependencies of their own steps."""
    used, checks = forward.quantities(rule), []
    for found in forward.findings(rule, seed) if test else ():
        because = forward.expected(found.quantity, rule)
        checks.append(Check(f"W_rec: {found.quantity}", found.seen, because != "", because))
    label = f"{rule.name}, {rule.feedback} feedback" if hasattr(rule, "feedback") else rule.name
    fits = tuple(forward.fit(rule, engine) for engine in ENGINES.values())
    return Audit(rule=label, quantities=used, broadcasts=_scalars(used), engines=fits, checks=tuple(checks), bits=bits)


def _scalars(used: tuple[Quantity, ...]) -> int:
    """Broadcast scalars, the errors of all outputs as one."""
    return sum(quantity.is_any(SCALAR) for quantity in used)


_OF_GRADIENTS = {"bptt": _of_exact, **dict.fromkeys(FORWARD, _of_forward)}
