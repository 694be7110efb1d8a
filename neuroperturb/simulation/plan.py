"""Key of a pair of compiled loops."""

from __future__ import annotations

from typing import NamedTuple

from neuroperturb.network.dynamics import ForwardPlan, Layers
from neuroperturb.rules.structure import RuleStructure


class Plan(NamedTuple):
    """Key of a pair of compiled loops: everything hashable that selects code.

    rule : structure of the rule;  forward : plan of a time step;  loss : kernel of a trial's loss and its change
    whiten : kernel that reads P and computes its update; None: presynaptic factors are the activity itself
    learns : Layers of bool, which matrices learn in the loop;  delayed : rewards arrive late
    measured : the channel of the reward has noise, a range or levels
    dtype : of the run
    lanes : an episode is computed with its trials innermost, see :mod:`neuroperturb.simulation.episode_lanes`
    """

    rule: RuleStructure
    forward: ForwardPlan
    loss: object
    whiten: object
    learns: Layers
    delayed: bool
    measured: bool
    dtype: str
    lanes: bool = False
