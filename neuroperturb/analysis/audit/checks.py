"""Results of the permutation test against the claims of the audit: pass or fail, quantity by quantity."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.analysis.audit.anatomy import Anatomy
from neuroperturb.analysis.audit.permutation import Finding

REGIONS = {"others": "of other {}", "row": "of other synapses of the same input", "own": "(own)"}
OF = {"post": "units", "pre": "units", "decay": "units", "perturbation": "units"}
COLUMN = {("weight", "row"), ("pre", "others")}  # what a column read of an array sums
LATERAL = ("D_rec", "P")


class Check(NamedTuple):
    """what : the changed quantity;  seen : whether the tested synapse's change differed;  expected;  because : the reason"""

    what: str
    seen: bool
    expected: bool
    because: str

    @property
    def passed(self) -> bool:
        return self.seen == self.expected


def check(finding: Finding, anatomy: Anatomy) -> Check:
    """A finding against the dependencies of the traced formulas, or of the array's own update."""
    what = f"{finding.array}: {finding.quantity} {REGIONS[finding.region].format(OF.get(finding.quantity, 'synapses'))}"
    if finding.array in LATERAL:
        column = (finding.quantity, finding.region) in COLUMN
        return Check(what, finding.seen, finding.region == "own" or column, "column read" if column else "")
    if finding.array == "unit":
        norm = anatomy.rule.normaliser.facts.reduces
        return Check(what, finding.seen, norm or finding.region == "own", "layer reduction" if norm else "")
    used = finding.region == "own" and finding.quantity in _arguments(anatomy)
    return Check(what, finding.seen, used, "traced" if used else "")


def _arguments(anatomy: Anatomy) -> set[str]:
    """Arguments of the traced formulas, by their names in the kernels."""
    names = {"state": "square"}
    return {names.get(name, name) for name in anatomy.traced.used}
