"""A key that the kind of a part does not have, and another kind does: which, in the error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from neuroperturb.network.chip.fields import hints
from neuroperturb.spec import SpecError


def check_known(cls: type, keys: Iterable[str], kinds: Mapping[str, Any], path: str) -> None:
    """Refuse a key that only other kinds have, with their names; only where no kind was given."""
    own = hints(cls)
    others = {kind: hints(one) for kind, one in kinds.items() if isinstance(one, type) and one is not cls}
    for key in keys:
        if key in own or (own and hasattr(cls, "fields_of")):  # which may take other keys, such as a file
            continue
        fields = dict.fromkeys(field for its in others.values() for field in its)
        meant = key if key in fields else next(iter(difflib.get_close_matches(key, fields, 1)), None)
        if meant is None or difflib.get_close_matches(key, own, 1):
            continue
        having = [kind for kind, its in others.items() if meant in its]
        named = ", ".join(map(repr, having[:3])) + (" and others" if len(having) > 3 else "")
        asked = "" if meant == key else f"Did you mean {meant!r}? "
        hint = f"{asked}It belongs to the kind {named}, which must be given as its 'kind'."
        raise SpecError(f"{path}.{key}" if path else key, cls.__name__, hint=hint, verb="is unknown")
