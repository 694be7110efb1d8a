"""A key that is not known, but what it is called elsewhere is: the key of the setting, in the error."""

from __future__ import annotations

from hardware_models.numerics.names import listed, near, question
from neuroperturb.experiments.entry import KeyEntry
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
    keys = meant(error.name, error.owner)
    hint = f"It is {listed(keys)}." if keys else ""
    if not keys and not error.hint.startswith("Did you mean"):  # nothing there is spelt alike, but elsewhere
        table, dot, last = error.name.rpartition(".")
        names = near(last, {one.name for one in settings()})
        keys = [key for name in names for key in meant(f"{table}{dot}{name}", error.owner)]
        hint = question(keys[:MOST])
    return SpecError(error.name, **error.parts | {"hint": hint}) if hint else error


def meant(key: str, owner: str = "") -> list[str]:
    """Settings that go by the last step of a key: as users call them, or by their own last step; those of its own table first.

    Parameters
    ----------
    key : dotted, as it was written
    owner : the record whose table the key stands in, whose other kinds have settings that it has not

    >>> meant("lr"), meant("hardware.time.stuck_zero"), meant("rule.learning_rate", "Bptt")
    (['rule.learning_rate'], ['hardware.time.faults.stuck_zero'], ['rule.optimiser.learning_rate'])
    """
    table, _, last = key.casefold().rpartition(".")
    synonym = SYNONYMS.get(last) or SYNONYMS.get(last.replace("_", " "))
    known = _within_reach(table, owner)
    if synonym is not None and synonym != key and any(one.key == synonym for one in known):
        return [synonym]
    top, name = key.partition(".")[0], synonym.rpartition(".")[2] if synonym else last
    if synonym is not None or any(one.key == key for one in settings()):  # it is known what is meant, and who has it
        known = [one for one in known if one.key.startswith(f"{top}.")]
    having = dict.fromkeys(one.key for one in known if one.name.casefold() == name and "." in one.key)
    return sorted((other for other in having if other != key), key=lambda other: not other.startswith(f"{top}."))[:MOST]


def _within_reach(table: str, owner: str) -> list[KeyEntry]:
    """What can be meant in a table of that record: settings of other tables, and of its own those that it has."""
    needs = [set(own.needs) for own in settings() if own.owner == owner and own.key.rpartition(".")[0] == table]
    if not (table and needs):
        return list(settings())
    has = lambda one: any(need <= set(one.needs) for need in needs)  # noqa: E731
    return [one for one in settings() if not one.key.startswith(f"{table}.") or has(one)]
