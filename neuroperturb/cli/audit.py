"""`neuroperturb audit RULE`: the page, or JSON, and the run in integers where it is asked for."""

from __future__ import annotations

import json as encoding
from collections.abc import Callable, Sequence

from neuroperturb.analysis.audit.auditor import audit
from neuroperturb.analysis.audit.fixed_point import require_integers, run_fixed_point
from neuroperturb.analysis.audit.recording import record_run
from neuroperturb.analysis.audit.result import fixed_point, plain_fixed_point
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.experiment.toml import resolve
from neuroperturb.spec import SpecError

FAILED = 1  # exit code where the permutation test contradicts the page


def conduct(
    rule: str, assign: Sequence[str], *, bits: int, seed: int, fixed_point: bool, rounding: str, json: bool,
    say: Callable[[str], None],
) -> int:  # fmt: skip
    """Audit a rule by its name and print what was found; the exit code."""
    experiment = experiment_of(rule, assign)
    found = audit(experiment.rule, decorrelation=experiment.decorrelation, bits=bits, seed=seed)
    page, table = [str(found)], found.table()
    if fixed_point:
        words, table["fixed_point"] = _in_integers(experiment, rounding, seed)
        page.append(words)
    say(encoding.dumps(table, indent=2, ensure_ascii=False) if json else "\n\n".join(page))
    return 0 if found.passed else FAILED


def experiment_of(rule: str, assign: Sequence[str]) -> Experiment:
    """A rule by name ("anp", "anp published", "module:Class") with settings on top, as a table would hold it."""
    name, _, form = rule.partition(" ")
    table = {"name": name, **({"form": form} if form else {})}
    return resolve({"task": "delayed-xor", "rule": table}, assign)


def _in_integers(experiment: Experiment, rounding: str, seed: int) -> tuple[str, dict]:
    """A run in integers in words and as plain data; why there is none, where the rule is no sum of products."""
    rule = experiment.rule
    try:
        require_integers(rule)
    except SpecError as error:
        return f"In integers: none. {error}", {"refused": str(error)}
    recorded = record_run(rule, seed=seed)
    told = recorded.sequence
    run = run_fixed_point(
        rule, told.pre, told.post, told.reward, recorded.weight, reset=told.reset, rounding=rounding, seed=seed
    )  # fmt: skip
    return fixed_point(run, recorded.source), plain_fixed_point(run, recorded.source)
