"""Neurons that are not computed: their states, and the losses, were measured on something else, a chip in the loop.

    x̂_t ← measured x_t        y_t[0] ← measured loss of the pass

The step reads no matrix: whatever the rule computes follows from what was measured, and from the perturbation, which it knows.
Column h·B + b is trial b of pass h, as in :mod:`neuroperturb.network.dynamics`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import memory
from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.dynamics import NetworkActivity, copy_rows
from neuroperturb.simulation.configuration import Setup
from neuroperturb.simulation.neurons import RateNeurons
from neuroperturb.spec import SpecError


class MeasuredNumbers(NamedTuple):
    """What was measured, for the kernels.

    sign : (2,) of the noise in each pass
    x : (T, K, n) states;  loss : (T, K);  place : (1,) int64, the step that comes next
    """

    sign: np.ndarray
    x: np.ndarray
    loss: np.ndarray
    place: np.ndarray


class MeasuredPlan(NamedTuple):
    """Parameters that a step is compiled for: none but its name, and that noise is drawn."""

    injected: bool
    measured: bool = True

    def make(self):
        """The compiled step."""
        return make_measured()


@lru_cache
def make_measured():
    """forward(arrays, pending, memories, act, numbers, u): the next step, as it was measured."""

    @kernel
    def forward(arrays, pending, memories, act, numbers, u):
        t = numbers.place[0]
        copy_rows(u, u.shape[1], act.uh)
        copy_rows(act.xh, act.xh.shape[1], act.before)
        for k in range(act.xh.shape[0]):
            for i in range(act.xh.shape[1]):
                act.xh[k, i] = numbers.x[t, k, i]
            act.y[k, 0] = numbers.loss[t, k]
        numbers.place[0] = t + 1

    return forward


@lru_cache
def make_drawn(fill):
    """drawn(source, first, each, hold, sigma, n, out): the draws σξ of units, (T, rows, n), of steps first, first + 1 …"""
    fill = separate(fill)

    @kernel
    def drawn(source, first, hold, sigma, out):
        for t in range(out.shape[0]):
            for b in range(out.shape[1]):
                fill(source, (first + t) // hold, b, out[t, b])
                for i in range(out.shape[2]):
                    out[t, b, i] *= sigma

    return drawn


@lru_cache
def make_shifts(fill):
    """shifts(source, number, out): the draws Ξ of the synapses of one matrix, (rows of trials, m, n)."""
    fill = separate(fill)

    @kernel
    def shifts(source, number, out):
        for b in range(out.shape[0]):
            for j in range(out.shape[1]):
                fill(source, number, b * out.shape[1] + j, out[b, j])

    return shifts


class MeasuredNeurons(RateNeurons):
    """Units of a chip in the loop, of `steps` measured steps a presentation."""

    def require_fit(self, network, rule, *, decorrelation, resynchronise, hardware) -> None:
        del network
        if decorrelation is not None:
            raise SpecError("decorrelation", verb="must be left out with a chip in the loop, whose weights are its own")
        if resynchronise:
            raise SpecError("training.resynchronise", wanted="0 with a chip in the loop", got=resynchronise)
        if hardware is not None:
            raise SpecError("hardware", verb="must be left out with a chip in the loop: it is the hardware")
        if not (rule.probe.knows_noise or rule.probe.lasts):
            wanted = "'injected', or 'weights' with a hold, with a chip in the loop, which is told what is added and not asked what came of it"
            raise SpecError("rule.probe", wanted=wanted, got=rule.probe.kind)

    def state(self, setup: Setup) -> tuple[NetworkActivity, MeasuredNumbers]:  # type: ignore[override]
        n, K = setup.network.size, setup.passes * setup.batch
        x = memory.zeros((setup.steps, K, n), setup.dtype)
        loss = np.zeros((setup.steps, K), setup.dtype)
        return self.activity(setup, setup.passes, setup.batch), MeasuredNumbers(
            setup.sign, x, loss, np.zeros(1, np.int64)
        )

    def forward_plan(self, setup: Setup, sweeps) -> MeasuredPlan:  # type: ignore[override]
        del sweeps  # nothing is read
        return MeasuredPlan(setup.rule.structure.noise.injected)

    def is_plain(self, setup: Setup) -> bool:
        del setup
        return False

    def has_circuits(self, chip) -> bool:
        del chip
        return False
