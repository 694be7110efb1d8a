"""What a record does by rooms that stand on floors above: they provide it where they are imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class FromAbove:
    """A place for one function, which ``import neuroperturb.training``, and so ``neuroperturb.load``, fills.

    needed_to : what a record cannot do without it
    """

    def __init__(self, needed_to: str):
        self.needed_to = needed_to
        self._provided: Callable[..., Any] | None = None

    def provide(self, function: Callable[..., Any]) -> None:
        """Have records do it by this function."""
        self._provided = function

    @property
    def is_there(self) -> bool:
        """Whether it was provided."""
        return self._provided is not None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self._provided is None:
            raise RuntimeError(f"import neuroperturb.training first: a record needs it to {self.needed_to}")
        return self._provided(*arguments, **options)


answer = FromAbove("say what was found")  # of a run
predict = FromAbove("predict")  # of (run, inputs, *, reset, hardware)
