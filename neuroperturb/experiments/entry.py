"""One setting of an experiment, as `neuroperturb explain`, the reference, the schema and templates have it."""

from __future__ import annotations

from typing import Any, NamedTuple

REQUIRED = object()  # in the place of a default


class KeyEntry(NamedTuple):
    """One setting.

    key : dotted, as in ``--set KEY=VALUE``;  owner : name of the record it belongs to
    meaning : text;  form : what it must be, in words;  hint : its type;  default : or `REQUIRED`
    needs : the kinds of the records around it, as ``"hardware.writing.kind = 'closed-loop'"``; empty if it is always there
    kinds : kind → what it is, for a field that chooses one
    """

    key: str
    owner: str
    meaning: str
    form: str
    hint: Any
    default: Any
    needs: tuple[str, ...]
    kinds: dict[str, str]

    @property
    def name(self) -> str:
        """The last step of the key."""
        return self.key.rpartition(".")[2]

    @property
    def table(self) -> str:
        """The steps before it."""
        return self.key.rpartition(".")[0]
