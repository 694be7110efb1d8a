"""Delays in Brian2: texts of late spikes, and the spikes that a presentation leaves under way. Nothing here needs Brian2.

Within a presentation, `delay` of Brian2's synapses holds a spike back; one that was sent before the start of the trial is dropped on
arrival. Brian2's queues cannot be read or given a state on every target, so that spikes under way at the end of a presentation are
computed from the spikes it sent, and arrive in the next one as rows, from a group `flight` on synapses of their own with the same weights.
Rows hold one arrival a neuron: where every synapse has a delay of its own, each presentation has to start with a trial.
"""

from __future__ import annotations

import numpy as np

STATE = """
    lag : second
    began : second"""
LOAD = "\n    began = began*(1 - begins(t)) + t*begins(t)"
SENT_IN_TRIAL = "int(t - lag_pre > began_post - 0.5*dt)"
WIRE = "\n    wire : second (constant)"  # delay of a synapse
SENT_IN_TRIAL_BY_WIRE = "int(t - wire > began_post - 0.5*dt)"
NOT_BEGUN = "int(began_post < 0*second)"  # no trial has begun in this presentation
ON_SPIKE = "g_post += theta*kick_s*w*{gate}"
ON_OWN_SPIKE = "s_post += kick_s*{gate}"
FLIGHT = "arriving = arrivals_{h}(t, i) : 1"
FLIES = "arriving > 0.5"


def arrivals(h: int) -> str:
    """Name of the spikes under way of pass h: in a state, and as a function of time."""
    return f"arrivals_{h}"


def left_under_way(sent: np.ndarray, before: np.ndarray, lags: np.ndarray, steps: int, began: int) -> np.ndarray:
    """Spikes under way after a presentation of some steps of dt, (longest lag, n), 1 for each: the row is the step in which it arrives.

    Parameters
    ----------
    sent : (count, 2) spikes of it: step of dt, neuron
    before : (longest lag, n) those under way when it began
    lags : (n,) delays in steps of dt
    steps : of dt of the presentation
    began : step of dt in which the last trial began; -1: it continues from before
    """
    after = np.zeros_like(before)
    if began < 0:
        kept = before[steps:]
        after[: len(kept)] = kept
    sent = sent[(sent[:, 0] >= began) & (sent[:, 0] < steps)]
    rows = sent[:, 0] + lags[sent[:, 1]] - steps
    late = rows >= 0
    after[rows[late], sent[late, 1]] = 1
    return after
