"""Source of a custom rule: its functions, and the functions of the same author that they call.

Finding it and storing its text are the same for all custom classes: :mod:`neuroperturb.spec.user_code`.
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


RULE = Sought(
    "rule", "rule.name", lambda cls: hasattr(cls, "synapse"), "It has no class with a 'synapse' function.", _functions
)


def reached(cls: type) -> list[types.FunctionType]:
    """The functions of a rule's class, and the functions of the same author that they call, each once."""
    return [thing for thing in all_reached(cls, _functions(cls)) if isinstance(thing, types.FunctionType)]
