"""Names that a shell completes: of devices and of ways of writing; light, for commands that read no experiment."""

from __future__ import annotations

from collections.abc import Iterable

import hardware_models as hw
from hardware_models.writing import KINDS


def hardware(incomplete: str) -> list[str]:
    """Presets and models of cells."""
    return beginning([*hw.PRESETS, *hw.CELLS], incomplete)


def writings(incomplete: str) -> list[str]:
    """Ways of writing cells."""
    return beginning(["recommended", *KINDS], incomplete)


def beginning(names: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin as what was typed, whatever their case."""
    typed = incomplete.casefold()
    return [name for name in dict.fromkeys(names) if name.casefold().startswith(typed)]
