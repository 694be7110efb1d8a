"""What a record needs to answer in sentences, which is on a floor above: analysis provides it where it is imported."""

from __future__ import annotations

from collections.abc import Callable

_provided: list[Callable[..., str]] = []


def provide(answer: Callable[..., str]) -> None:
    """Have records answer by this function of a run."""
    _provided[:] = [answer]


def answerer() -> Callable[..., str]:
    """The function; ``import neuroperturb.training``, which ``neuroperturb.load`` does, provides it."""
    if not _provided:
        raise RuntimeError("import neuroperturb.training first: with it records can say what they found")
    return _provided[0]


def answer_if_any(run: object) -> str:
    """The answer of a run, for a report that can do without; "" where nothing provides one."""
    return _provided[0](run) if _provided else ""
