"""A key that is not known, but what it is called elsewhere is: the key of the setting, in the error."""

from __future__ import annotations

from hardware_models.numerics.names import listed, near, question
from neuroperturb.experiments.glossary import SYNONYMS
from neuroperturb.experiments.settings import settings
from neuroperturb.spec import SpecError

MOST = 3  # keys in a hint


def told(error: SpecError) -> SpecError:
    """The same error, with the key that was probably meant where the table of the error has none of that name."""
    if (
        error.verb != "is unknown" or "It belongs to" in error.hint or ".parameters." in error.name
    ):  # those are one's own
        return error
    keys = meant(error.name)
    hint = f"It is {listed(keys)}." if keys else ""
    if not keys and not error.hint.startswith("Did you mean"):  # nothing there is spelt alike, but elsewhere
        names = near(error.name.rpartition(".")[2], {one.name for one in settings()})
        keys = [key for name in names for key in meant(name)]
        hint = question(keys[:MOST])
    return SpecError(error.name, **error.parts | {"hint": hint}) if hint else error


def meant(key: str) -> list[str]:
    """Settings that go by the last step of a key: as users call them, or by their own last step; those of its own table first.

    >>> meant("lr"), meant("hardware.time.stuck_zero")
    (['rule.learning_rate'], ['hardware.time.faults.stuck_zero'])
    """
    last = key.rpartition(".")[2].casefold()
    synonym = SYNONYMS.get(last) or SYNONYMS.get(last.replace("_", " "))
    if synonym is not None:
        return [synonym]
    top = key.partition(".")[0]
    having = dict.fromkeys(one.key for one in settings() if one.name.casefold() == last and "." in one.key)
    return sorted((other for other in having if other != key), key=lambda other: not other.startswith(f"{top}."))[:MOST]
