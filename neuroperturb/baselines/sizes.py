"""How many synapses and units a network has: what the arithmetic of a rule goes by."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    """w_in, w_rec, w_out : synapses that exist, those of a bias included;  units : of the recurrence;  length : steps of a sequence."""

    w_in: int
    w_rec: int
    w_out: int
    units: int
    length: int

    @property
    def synapses(self) -> int:
        """All of them: multiply–adds of a forward pass."""
        return self.w_in + self.w_rec + self.w_out

    @property
    def hidden(self) -> int:
        """Synapses onto units."""
        return self.w_in + self.w_rec
