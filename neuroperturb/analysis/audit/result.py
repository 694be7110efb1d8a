"""The result of an audit, as a record, as text and as plain data."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from neuroperturb.analysis.audit.checks import Check
from neuroperturb.analysis.audit.costs import RuleCosts
from neuroperturb.analysis.audit.feasibility import Fit
from neuroperturb.analysis.audit.fixed_point import FixedPoint
from neuroperturb.analysis.audit.quantities import Quantity
from neuroperturb.analysis.audit.verdict import verdict
from neuroperturb.results.grid import line_width

WIDTH = 118  # of a page


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Locality, costs and requirements of a rule.

    rule : its label
    expressions : the traced formulas, as text
    quantities : with their kind, where they enter, and a local replacement where there is one
    costs : of the online and the episode schedule; empty for a rule without a synaptic formula
    engines : whether each could run it, and why not
    checks : of the permutation test; empty if it was not run
    captured : hidden inputs of the formulas, a sentence each
    bits : bits per transmitted or stored number, for the costs
    """

    rule: str
    expressions: dict[str, str] = field(default_factory=dict)
    quantities: tuple[Quantity, ...]
    broadcasts: int
    costs: tuple[RuleCosts, ...] = ()
    engines: tuple[Fit, ...]
    checks: tuple[Check, ...]
    captured: tuple[str, ...] = ()
    bits: int

    @property
    def is_local(self) -> bool:
        """Whether every quantity is available at the synapse, at one of its units, or broadcast."""
        return not self.captured and all(quantity.is_local for quantity in self.quantities)

    @property
    def passed(self) -> bool:
        """Whether the permutation test confirmed the audit."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        return verdict(self.quantities, self.broadcasts, self.captured)

    def table(self) -> dict:
        """The audit as plain data, for JSON."""
        return plain(self)

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        """The page, for a notebook."""
        del cycle
        printer.text(str(self))

    def __str__(self) -> str:
        return text(self)


def text(audit: Audit) -> str:
    """Verdict, formulas, quantities, costs, engines and the permutation test."""
    parts = [
        f"{audit.rule}: {audit.verdict}",
        _formulas(audit),
        _quantities(audit),
        _costs(audit),
        _engines(audit),
        _checks(audit),
    ]
    return "\n\n".join(part for part in parts if part)


def _formulas(audit: Audit) -> str:
    width = max(map(len, audit.expressions), default=0)
    return "\n".join(f"  {name:>{width}} {expression}" for name, expression in audit.expressions.items())


def _quantities(audit: Audit) -> str:
    rows = [(quantity.name, quantity.kind, quantity.where, quantity.replacement) for quantity in audit.quantities]
    return _grid(("quantity", "kind", "where it enters", "local replacement"), rows)


def _costs(audit: Audit) -> str:
    if not audit.costs:
        return ""
    columns = [_column(cost) for cost in audit.costs]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    return _grid((f"costs, {audit.bits} bits per number", *(cost.schedule for cost in audit.costs)), rows)


def _column(cost: RuleCosts) -> dict[str, str]:
    """The costs of one schedule, as text."""
    more = f", and {'' if cost.lateral == 1 else cost.lateral}n lateral synapses" if cost.lateral else ""
    lateral = {"operations per lateral synapse and step": str(cost.lateral_step)} if cost.lateral else {}
    return {
        "broadcast scalars per step": _amount(cost.broadcasts, cost.broadcast_bits),
        "state per synapse, besides the weight": _amount(cost.state_synapse, cost.state_synapse_bits),
        "state per neuron, besides the activity": _amount(cost.state_neuron, cost.state_neuron_bits) + more,
        "random draws per step": f"{cost.draws_synapse} per synapse, {cost.draws_neuron} per neuron",
        "operations per synapse and step": str(cost.step),
        "operations per synapse and write": str(cost.write),
        "operations per neuron and step": str(cost.neuron),
        **lateral,
        "writes per synapse": cost.writes,
        "parallel forward passes": str(cost.passes),
    }


def _amount(count: int, bits: int) -> str:
    return f"{count} ({bits} bits)" if count else "none"


def _engines(audit: Audit) -> str:
    rows = []
    for fit in audit.engines:
        lines = list(fit.reasons) or ["unchanged"]
        rows.append((fit.engine.name, "yes" if fit.runs else "no", "\n".join([*lines, *fit.notes])))
    return _grid(("engine", "can run it", "reasons and notes"), rows)


def _checks(audit: Audit) -> str:
    if not audit.checks:
        return "Not tested by permutation."
    rows = [
        (check.what, "differs" if check.seen else "identical", "pass" if check.passed else "FAIL", check.because)
        for check in audit.checks
    ]
    return _grid(("redrawn quantity", "weight change", "", "reason"), rows)


def _grid(names: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """Columns under their names, long texts wrapped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", min_width=min(len(name), 24))
    for row in rows:
        table.add_row(*row)
    page = Console(
        file=io.StringIO(), width=line_width(WIDTH), color_system=None, markup=False, highlight=False, emoji=False
    )
    page.print(table)
    return "\n".join(line.rstrip() for line in page.file.getvalue().rstrip().splitlines())


def plain(audit: Audit) -> dict:
    """The audit as plain data, for JSON."""
    return {
        "rule": audit.rule, "verdict": audit.verdict, "local": audit.is_local, "formulas": dict(audit.expressions),
        "quantities": [{**quantity._asdict(), "local": quantity.is_local} for quantity in audit.quantities],
        "broadcast_scalars": audit.broadcasts, "bits": audit.bits,
        "costs": {cost.schedule: _plain_costs(cost) for cost in audit.costs},
        "engines": [
            {"name": f.engine.name, "runs": f.runs, "reasons": list(f.reasons), "notes": list(f.notes), "sources": list(f.engine.sources)}
            for f in audit.engines
        ],
        "permutation": [{**check._asdict(), "passed": check.passed} for check in audit.checks],
        "captured": list(audit.captured),
    }  # fmt: skip


def _plain_costs(cost: RuleCosts) -> dict:
    work = {name: getattr(cost, name)._asdict() for name in ("step", "write", "neuron", "lateral_step")}
    return {**{name: value for name, value in cost._asdict().items() if name != "schedule"}, **work}


def fixed_point(run: FixedPoint, of: str) -> str:
    """How far a fixed-point run is from the one in floating point."""
    saturated = ", ".join(f"{name} {count}" for name, count in run.saturated.items())
    rows = [
        ("sequence", of),
        ("engine", f"{run.engine.name}, {run.rounding} stochastic rounding"),
        ("weight error", f"{run.rms_lsb:.3g} LSB rms, of which {run.common_lsb:+.2g} common to all"),
        ("learned change", f"correlation {run.correlation:.3f} with floating point"),
        ("writes without effect", f"{run.unmoved:.1%}"),
        ("saturated", saturated),
        ("LSB", ", ".join(f"{name} {size:.3g}" for name, size in run.lsb.items())),
    ]
    return _grid(("fixed point", f"{run.steps} steps"), rows)


def plain_fixed_point(run: FixedPoint, of: str) -> dict:
    return {
        "sequence": of, "engine": run.engine.name, "rounding": run.rounding, "steps": run.steps, "rms_lsb": run.rms_lsb,
        "common_lsb": run.common_lsb, "correlation": run.correlation, "unmoved": run.unmoved, "saturated": run.saturated, "lsb": run.lsb,
    }  # fmt: skip
