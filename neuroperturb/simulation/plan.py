"""Key of a pair of compiled loops."""

from __future__ import annotations

from typing import Any, NamedTuple

from neuroperturb.network.dynamics import ForwardPlan, Layers
from neuroperturb.rules.structure import RuleStructure


class Plan(NamedTuple):
    """Key of a pair of compiled loops: everything hashable that selects code.

    rule : structure of the rule;  forward : plan of a time step;  loss : kernel of a trial's loss and its change
    whiten : kernel that reads P and computes its update; None: presynaptic factors are the activity itself
    learns : Layers of bool, which matrices learn in the loop;  delayed : rewards arrive late
    measured : the channel of the reward has noise, a range or levels
    dtype : of the run
    world : WorldPlan of the world that outputs act in; None for a task with targets
    lanes : an episode is computed with its trials innermost, see :mod:`neuroperturb.simulation.episode_lanes`
    draws_by_lanes : the noise of all trials is drawn in one loop;  resynchronises : the twin does, now and then
    whole : a sequence of an episode is summed at once
    own_traces : recurrent synapses have a presynaptic trace of their own
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
    draws_by_lanes: bool = False
    resynchronises: bool = False
    whole: bool = False
    own_traces: bool = False
    world: Any = None

    @property
    def late(self) -> bool:
        """Whether the perturbation of an output affects later losses: by a delayed reward, or by what is seen next."""
        return self.delayed or self.world is not None
