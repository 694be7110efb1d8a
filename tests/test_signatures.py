"""Public signatures are typed: every parameter and every result of what both packages, and their public rooms, offer."""

from __future__ import annotations

import inspect
import types

import hardware_models
import neuroperturb

PLACES = [hardware_models, neuroperturb, *(getattr(neuroperturb, room) for room in neuroperturb._ROOMS)]
OURS = ("hardware_models", "neuroperturb")
SCALAR = {"synapse", "neuron", "step", "probe", "pulse_up", "pulse_down"}  # formulas: Numba types their numbers


def public():
    """(name, function) of every public function, and of every public method of a public class, inherited ones once."""
    seen = set()
    for place in PLACES:
        for name in sorted(n for n in dir(place) if not n.startswith("_")):
            thing = getattr(place, name)
            if isinstance(thing, types.FunctionType):
                yield f"{place.__name__}.{name}", thing
            elif isinstance(thing, type) and thing.__module__.split(".")[0] in OURS:
                for cls in thing.__mro__:
                    for key, member in vars(cls).items():
                        function = getattr(member, "__func__", getattr(member, "fget", None) or member)
                        offered = not key.startswith("_") or key in ("__init__", "__iter__")
                        if not offered or key in SCALAR or not isinstance(function, types.FunctionType):
                            continue
                        if function.__module__.split(".")[0] in OURS and function not in seen:
                            seen.add(function)
                            yield f"{function.__module__}.{function.__qualname__}", function


FUNCTIONS = dict(public())


def untyped(name):
    """Parameters of a function, and its result, that have no type."""
    signature = inspect.signature(FUNCTIONS[name])
    parameters = [
        p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")
    ]
    result = [] if signature.return_annotation is not signature.empty or name.endswith("__init__") else ["result"]
    return parameters + result


def test_public_signatures_are_typed():
    assert len(FUNCTIONS) > 500
    assert {name: those for name in FUNCTIONS if (those := untyped(name))} == {}
