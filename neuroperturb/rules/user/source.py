"""What a rule of one's own is made of: its functions, and those of the author's that they call.

Where it is found, and how its text is kept, is the same for all classes of one's own: :mod:`neuroperturb.spec.user_code`.
"""

from __future__ import annotations

import types

from neuroperturb.rules.formula.signatures import FORMS
from neuroperturb.spec.source_text import Functions, plain
from neuroperturb.spec.source_text import reached as all_reached
from neuroperturb.spec.user_code import Sought


def _functions(cls: type) -> Functions:
    found = (plain(getattr(cls, name)) for name in FORMS if hasattr(cls, name))
    return tuple(function for function in found if isinstance(function, types.FunctionType))


RULE = Sought("rule", "rule.name", lambda cls: hasattr(cls, "synapse"), "It has no class with a synapse.", _functions)


def reached(cls: type) -> list[types.FunctionType]:
    """The functions of a rule's class, and what they call that the author wrote, each once."""
    return [thing for thing in all_reached(cls, _functions(cls)) if isinstance(thing, types.FunctionType)]
