"""Other people's libraries, where they are installed: the same work by both, in turn, in one process, and the same numbers out of it.

A peer is one file and one line of `PEERS`. Brian2 has its own, :mod:`neuroperturb.spiking.bench`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import NamedTuple

from neuroperturb.analysis.speed.peers import aihwkit_pulses, reservoirpy_run, torch_gradient


class Peer(NamedTuple):
    """name : of the package, as installed;  module : of the library;  work : what is compared;  measure : () -> rows by size"""

    name: str
    module: str
    work: str
    measure: Callable[[], dict[str, dict]]


PEERS = (
    Peer("aihwkit", "aihwkit", "an online step of pulsed cells", aihwkit_pulses.measure),
    Peer("torch", "torch", "gradient through time of a batch of delayed XOR", torch_gradient.measure),
    Peer("reservoirpy", "reservoirpy", "states of a reservoir", reservoirpy_run.measure),
)


def measure() -> dict[str, dict]:
    """Rows by peer and size: ``ours_us``, ``theirs_us``, their ``ratio`` theirs over ours, and the largest relative ``difference``."""
    found = {}
    for peer in PEERS:
        if importlib.util.find_spec(peer.module) is not None:
            rows = peer.measure()
            found |= {f"peer_{peer.name}_{size}": row | {"work": peer.work} for size, row in rows.items()}
    return found


def absent() -> list[str]:
    """A sentence for each peer that is not installed."""
    missing = [peer for peer in PEERS if importlib.util.find_spec(peer.module) is None]
    return [
        f"{peer.work}: not compared, since {peer.name} is not installed (pip install {peer.name})" for peer in missing
    ]
