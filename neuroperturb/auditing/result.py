"""An audit: what was found about a rule, as a record, as text and as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from neuroperturb.auditing.checks import Check
from neuroperturb.auditing.costs import Costs
from neuroperturb.auditing.fits import Fit
from neuroperturb.auditing.quantities import Quantity
from neuroperturb.auditing.verdict import verdict


@dataclass(frozen=True)
class Audit:
    """What a rule uses, costs and needs.

    rule : its label
    expressions : the traced formulas, as text
    quantities : with their kind, where they enter, and a local replacement where there is one
    costs : of the online and the episode schedule; none of a rule that has no synapse's formula
    engines : whether each could run it, and why not
    checks : of the permutation test; none where it was not asked for
    captured : sentences on what the formulas read beside their arguments
    bits : of a number sent or kept, in the costs
    """

    rule: str
    expressions: dict[str, str]
    quantities: tuple[Quantity, ...]
    broadcasts: int
    costs: tuple[Costs, ...]
    engines: tuple[Fit, ...]
    checks: tuple[Check, ...]
    captured: tuple[str, ...]
    bits: int

    @property
    def is_local(self) -> bool:
        """Whether every quantity is at the synapse, at one of its units, or broadcast."""
        return not self.captured and all(quantity.is_local for quantity in self.quantities)

    @property
    def passed(self) -> bool:
        """Whether the permutation test found what the audit says."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        return verdict(self.quantities, self.broadcasts, self.captured)

    def table(self) -> dict:
        """As plain data, for JSON."""
        from neuroperturb.auditing.show import plain

        return plain(self)

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        """What a notebook's cell shows: the page."""
        del cycle
        printer.text(str(self))

    def __str__(self) -> str:
        from neuroperturb.auditing.show import text

        return text(self)
