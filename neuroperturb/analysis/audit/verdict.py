"""One sentence: is the rule local, and if not, why."""

from __future__ import annotations

from neuroperturb.analysis.audit.quantities import ERRORS, FAR, Quantity


def verdict(quantities: tuple[Quantity, ...], broadcasts: int, captured: tuple[str, ...] = ()) -> str:
    """The verdict on the quantities of a rule."""
    if captured:
        return f"not local: {'; '.join(captured)}."
    beyond = [quantity for quantity in quantities if not quantity.is_local]
    far = [quantity.name for quantity in beyond if quantity.is_any(FAR)]
    if far:
        return f"not local: a synapse would need {'; '.join(far)}."
    scalars = "one broadcast scalar" if broadcasts == 1 else f"{broadcasts} broadcast scalars"
    if ERRORS in quantities:
        scalars = "one broadcast scalar per output" + (" and one more" if broadcasts > 1 else "")
    if not beyond:
        return f"local, with {scalars}."
    needs = "; ".join(f"{quantity.name}, a {quantity.kind}" for quantity in beyond)
    return f"local with {scalars}, except for {needs}."
