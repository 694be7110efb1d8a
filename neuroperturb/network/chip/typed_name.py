"""The name by which cells are asked for, where one stands for them."""

from __future__ import annotations

from typing import Any

from neuroperturb.network.chip.fields import required
from neuroperturb.network.chip.part_tables import PART, Kinds, OwnPart, is_own, kind_of
from neuroperturb.spec.user_code import UserCode


def typed_name(part: Any, kinds: Kinds) -> str:
    """The name of a kind or of a custom class; "" if it needs parameters or has those of a file, or if no other process could find
    the class.
    """
    if isinstance(part, OwnPart) or is_own(part, kinds):
        code = part.code if isinstance(part, OwnPart) else UserCode.of(type(part), PART)
        return code.name if code.stays else ""
    of_a_file = hasattr(type(part), "from_csv")
    return "" if of_a_file or required(type(part)) else kind_of(part, kinds)
