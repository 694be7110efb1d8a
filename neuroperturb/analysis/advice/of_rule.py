"""What is known of one rule on one device: what was learned with plain pulses, and what the rule asks of a chip besides weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

from neuroperturb import rules
from neuroperturb.analysis.advice import evidence
from neuroperturb.results.grid import number
from neuroperturb.rules.plan import facts_of
from neuroperturb.spec import SpecError

P_STUDY = "studies/lateral_reads.py"


def on_device(rule: str, hardware: str) -> Iterator[str]:
    """Sentences on a perturbation rule by name on hardware by name.

    Raises
    ------
    SpecError : if there is no perturbation rule of that name
    """
    known = (*rules.RULES, *rules.DECORRELATED)
    if rule not in known:
        raise SpecError.no_choice("rule", "advise", rule, known)
    made = rules.make(rule)
    yield _plainly(rule, hardware)
    if rule != evidence.RULE:
        yield f"{evidence.STUDY} ran {evidence.RULE} only: with the writing above, {rule} was not measured"
    if made.presynaptic.lateral:
        yield "its matrix P lies on an ideal array until [hardware.P] says otherwise; P needs 8 bits of storage or more,"
        yield f"its reads 8 bits with room in the ADC, and noise below 0.05 of the range ({P_STUDY}, four tuning seeds)"
    if rule in rules.DECORRELATED:
        yield "its matrix D lies on an ideal array until [hardware.D_rec] says otherwise"
    if not facts_of(made).perturbs_units:
        yield "it perturbs weights: reads that see shifted weights, and no weights on slices that are read apart"


def _plainly(rule: str, hardware: str) -> str:
    if rule == evidence.RULE:
        for row in evidence.table():
            if (row.hardware, row.writing) == (hardware, evidence.PLAINLY):
                return _sentence(rule, row, row.study)
    row = evidence.plain().get((hardware, rule))
    if row is None:
        return f"with plain pulses on this device nothing was measured of {rule}"
    return _sentence(
        rule, row, f"a first study; rates were chosen on these seeds, which flatters; frozen {number(row.frozen)}"
    )


def _sentence(rule: str, row: evidence.Evidence | evidence.PlainEvidence, source: str) -> str:
    worst = "diverges" if math.isinf(row.worst) else number(row.worst)
    return (
        f"with plain pulses, delayed XOR by {rule} ends at {number(row.median)} in the median (guessing 1), {row.solved} of {row.seeds} seeds "
        f"below 0.5, worst {worst} ({source})"
    )
