"""Names that installed packages add: entry points of the groups ``neuroperturb.tasks``, ``.rules`` and ``.cells``.

    [project.entry-points."neuroperturb.tasks"]          in the pyproject.toml of such a package
    parity = "my_package.tasks:Parity"

A name stands for its ``module:Class``, and from there on is code of one's own like any other: an experiment keeps the place and
the source, so that a record can be read where the package is not installed. Names are looked for only where no part that ships
has them, and nothing is imported to list them.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any, NamedTuple

from neuroperturb.spec.errors import InputError

GROUPS = {"task": "neuroperturb.tasks", "rule": "neuroperturb.rules", "cells": "neuroperturb.cells"}


class Plugin(NamedTuple):
    """A name of an installed package.

    name : as it is typed;  location : ``module:Class``;  package : which has it, with its version
    """

    name: str
    location: str
    package: str


def installed(sort: str) -> list[Plugin]:
    """What installed packages add of a sort, "task", "rule" or "cells", by name."""
    found = {
        Plugin(
            point.name, point.value.replace(" ", ""), f"{point.dist.name} {point.dist.version}" if point.dist else ""
        )
        for point in metadata.entry_points(group=GROUPS[sort])
    }
    return sorted(found)


def located(sort: str, name: Any, known: Any) -> Any:
    """The ``module:Class`` that a name stands for; the name itself where it is known, or no package has it."""
    if not isinstance(name, str) or name in known or ":" in name:
        return name
    there = [plugin for plugin in installed(sort) if plugin.name == name]
    if len(there) > 1:
        raise InputError(
            f"The name {name!r} is added by {' and by '.join(plugin.package for plugin in there)}: give its place, "
            f"as in {there[0].location}."
        )
    return there[0].location if there else name


def names(sort: str) -> list[str]:
    """Names that installed packages add, for suggestions."""
    return [plugin.name for plugin in installed(sort)]
