"""`neuroperturb audit RULE`: the audit as text or JSON, with a fixed-point run on request."""

from __future__ import annotations

import json as encoding
from collections.abc import Sequence
from typing import Annotated

import typer

from neuroperturb.analysis.audit import auditor
from neuroperturb.analysis.audit.fixed_point import require_integers, run_fixed_point
from neuroperturb.analysis.audit.recording import record_run
from neuroperturb.analysis.audit.result import fixed_point as fixed_point_text
from neuroperturb.analysis.audit.result import plain_fixed_point
from neuroperturb.cli import setting_names
from neuroperturb.cli.terminal import DONE, FAILED, say
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.spec import InputError


def audit(
    rule: Annotated[
        str,
        typer.Argument(
            autocompletion=setting_names.rules,
            metavar="RULE",
            help='Name of a rule; "anp published" selects a published form, module:Class your own rule.',
        ),
    ],
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            autocompletion=setting_names.assignments,
            metavar="KEY=VALUE",
            help="Change a setting, e.g. rule.step=plain; repeatable.",
        ),
    ] = None,
    bits: Annotated[int, typer.Option(min=1, help="Bits per transmitted or stored number, for the costs.")] = 8,
    fixed_point: Annotated[
        bool,
        typer.Option(
            "--fixed-point", help="Also run the rule with 8-bit weights, 7-bit traces and a 15-bit accumulator."
        ),
    ] = False,
    rounding: Annotated[
        str, typer.Option(help="Stochastic rounding of that run: shared or independent random numbers.")
    ] = "shared",
    seed: Annotated[int, typer.Option(help="Seed of the tests.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Is a rule local, what would it cost on chip, and which engines could run it?

    Exit code: 0 done, 1 the compiled kernels disagree with the formulas, 2 bad input.

    Example: neuroperturb audit np-trace --fixed-point
    """
    experiment = _experiment(rule, assign or [])
    network = experiment.network if experiment.network.is_wired else auditor.NETWORK
    found = auditor.audit(
        experiment.rule, decorrelation=experiment.decorrelation, bits=bits, seed=seed, network=network
    )
    page, table = [str(found)], found.table()
    if fixed_point:
        text, table["fixed_point"] = _in_integers(experiment, rounding, seed)
        page.append(text)
    say(encoding.dumps(table, indent=2, ensure_ascii=False) if json else "\n\n".join(page))
    return DONE if found.passed else FAILED


def _experiment(rule: str, assign: Sequence[str]) -> Experiment:
    """A rule by name ("anp", "anp published", "module:Class") with settings on top, as a TOML table would give it."""
    name, _, form = rule.partition(" ")
    table = {"name": name, **({"form": form} if form else {})}
    return resolve({"task": "delayed-xor", "rule": table}, assign)


def _in_integers(experiment: Experiment, rounding: str, seed: int) -> tuple[str, dict]:
    """The fixed-point run as text and as plain data; the reason instead, if the rule is not a sum of products."""
    rule = experiment.rule
    try:
        require_integers(rule)
    except InputError as error:
        return f"Fixed point: not available. {error}", {"refused": str(error)}
    recorded = record_run(rule, seed=seed)
    sequence = recorded.sequence
    run = run_fixed_point(
        rule, sequence.pre, sequence.post, sequence.reward, recorded.weight, reset=sequence.reset, rounding=rounding, seed=seed
    )  # fmt: skip
    return fixed_point_text(run, recorded.source), plain_fixed_point(run, recorded.source)
