"""The compiled time step of spiking neurons: equations and order of :mod:`neuroperturb.spiking.model`, spikes read one row at a time.

    task ─ u_t ─▶ W_in ─┐                                          ┌─▶ s̄, ā  measured by synapses and units
                        ├─ I_i + σξ_i ─▶ substeps of dt: v, g, s ──┤
             W_rec ◀─ one row for every spike ───────────▲─────────┘─▶ r ─▶ W_out ─ y_t + σξ^y_t

It replaces :func:`neuroperturb.network.dynamics.make_forward` of rate units, so that rules, schedules, tasks and arrays are the
same: every matrix is an array of hardware_models, written by its sweep. Only a spike reads W_rec: the row of its neuron is added to
the currents of all others in order of presynaptic index.

Cost of one dt and pass: about 1 ns per neuron and 0.1 ns per synapse of a spiking neuron.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import random
from hardware_models.numerics.compiled import kernel, separate
from neuroperturb.network.dynamics import Layers, add_signed, copy_rows

fill_uniform = separate(random.fill_uniform)


class SpikingPlan(NamedTuple):
    """Parameters that a step is compiled for: sweeps of the arrays, input coding, noise from act.xi, adaptive thresholds, delays, and
    whether synapses have their own.
    """

    sweeps: Layers
    encoding: str
    injected: bool
    adapts: bool = False
    delayed: bool = False
    by_synapse: bool = False

    def make(self):
        """The compiled step."""
        return make_spiking_forward(self)


@kernel
def amplify(u, gain, out):
    """out[h·B + b] = gain · u[b]; the bias input, if there is one, is unchanged."""
    for k in range(out.shape[0]):
        row = u[k % u.shape[0]]
        for j in range(row.shape[0]):
            out[k, j] = gain * row[j]


@kernel
def membranes(v, g, wait, drive, numbers):
    """v ← (1 − E_m) I + E_m v + C g, or v_reset while refractory."""
    keep, lift, share, reset = numbers.membrane, numbers.lift, numbers.current, numbers.reset
    one, zero = type(keep)(1), type(keep)(0)
    for i in range(v.shape[0]):
        left = max(wait[i] - one, zero)
        moved = drive[i] * lift + v[i] * keep + g[i] * share
        v[i] = moved if left == zero else reset
        wait[i] = left


@kernel
def decay(trace, mean, keep, share):
    """mean += D x, then x ← E x."""
    for i in range(trace.shape[0]):
        mean[i] += trace[i] * share
        trace[i] *= keep


@kernel
def add_row(array, j, factor, out):
    """out += factor · (weights from presynaptic unit j), in weight units."""
    cells, gain = array.cells.w, array.gain
    for k in range(cells.shape[0]):
        f, w = factor * array.scale[0] * gain[k], cells[k, j]
        for i in range(out.shape[0]):
            out[i] += f * w[i]


@kernel
def has_fired(r, v, wait, rises, j, numbers):
    """What a spike leaves in neuron j itself: its readout's trace, its membrane, its refractory time, its threshold."""
    r[j] += numbers.kick_r
    v[j] = numbers.reset
    wait[j] = numbers.wait
    if rises.shape[0]:
        rises[j] += numbers.rise


@kernel
def fire(array, act, k, row, numbers, rises):
    """For every neuron of column k above threshold: add its row to the currents, increment its traces, reset its membrane.

    row : of the raster, this dt
    rises : (N,) of the thresholds, or without any
    """
    N, x, r, raster = act.a.shape[1], act.x[k], act.xh[k], act.raster
    v, g, s, wait = x[:N], x[N : 2 * N], x[2 * N : 3 * N], x[3 * N : 4 * N]
    one, recording = type(numbers.reset)(1), k < raster.shape[0] and row < raster.shape[1]
    for j in range(array.size[0]):
        if v[j] > (one + rises[j] if rises.shape[0] else one):
            add_row(array, j, numbers.kick_s, g)
            s[j] += numbers.kick_s
            has_fired(r, v, wait, rises, j, numbers)
            if recording:
                raster[k, row, j] = 1


@kernel
def fire_late(array, act, k, step, row, numbers, rises):
    """The same with delays: neurons above threshold send spikes into the ring, then those that are due in `step` of dt arrive."""
    N, x, r, raster = act.a.shape[1], act.x[k], act.xh[k], act.raster
    v, g, s, wait = x[:N], x[N : 2 * N], x[2 * N : 3 * N], x[3 * N : 4 * N]
    slots, end = numbers.slots, x.shape[0] - rises.shape[0]
    ring = x[end - slots * N : end]
    one, recording = type(numbers.reset)(1), k < raster.shape[0] and row < raster.shape[1]
    for j in range(array.size[0]):
        if v[j] > (one + rises[j] if rises.shape[0] else one):
            ring[(step + numbers.lags[j]) % slots * N + j] = one
            has_fired(r, v, wait, rises, j, numbers)
            if recording:
                raster[k, row, j] = 1
    due = ring[step % slots * N : (step % slots + 1) * N]
    for j in range(array.size[0]):
        if due[j] != 0:
            add_row(array, j, numbers.kick_s, g)
            s[j] += numbers.kick_s
            due[j] = 0


@kernel
def add_some(array, j, factor, some, out):
    """out += factor · (weights from presynaptic unit j) of some units, in weight units."""
    cells, gain = array.cells.w, array.gain
    for k in range(cells.shape[0]):
        f, w = factor * array.scale[0] * gain[k], cells[k, j]
        for i in some:
            out[i] += f * w[i]


@kernel
def fire_apart(array, act, k, step, row, numbers, rises):
    """The same with a delay for every synapse: the ring holds when spikes were sent, and the oldest arrive first."""
    N, x, r, raster = act.a.shape[1], act.x[k], act.xh[k], act.raster
    v, g, s, wait = x[:N], x[N : 2 * N], x[2 * N : 3 * N], x[3 * N : 4 * N]
    slots, end = numbers.slots, x.shape[0] - rises.shape[0]
    ring = x[end - slots * N : end]
    one, recording = type(numbers.reset)(1), k < raster.shape[0] and row < raster.shape[1]
    now = ring[step % slots * N : (step % slots + 1) * N]
    for j in range(array.size[0]):
        now[j] = 0
        if v[j] > (one + rises[j] if rises.shape[0] else one):
            now[j] = one
            has_fired(r, v, wait, rises, j, numbers)
            if recording:
                raster[k, row, j] = 1
    for d in range(slots - 1, -1, -1):
        sent = ring[(step - d) % slots * N : ((step - d) % slots + 1) * N]
        for j in range(array.size[0]):
            if sent[j] != 0:
                if numbers.lags[j] == d:
                    s[j] += numbers.kick_s
                some = numbers.order[j, numbers.starts[j, d] : numbers.starts[j, d + 1]]
                add_some(array, j, numbers.kick_s, some, g)


@kernel
def no_kicks(numbers, clock, sub, row, u, kicks):
    """Inputs that are currents send no spikes."""


@kernel
def poisson_kicks(numbers, clock, sub, row, u, kicks):
    """±1 with probability |u| · rate · dt."""
    fill_uniform(numbers.seed, numbers.stream, clock * numbers.substeps + sub, row, kicks)
    for k in range(kicks.shape[0]):
        kicks[k] = np.sign(u[k]) if kicks[k] < abs(u[k]) * numbers.rate else type(numbers.rate)(0)


@kernel
def latency_kicks(numbers, clock, sub, row, u, kicks):
    """±1 in the dt nearest to (1 − |u|) of the step; no spike at 0."""
    last, one = numbers.substeps - 1, type(numbers.rate)(1)
    for k in range(kicks.shape[0]):
        size = min(abs(u[k]), one)
        now = size > 0 and int(np.floor((one - size) * last + 0.5)) == sub
        kicks[k] = np.sign(u[k]) if now else type(one)(0)


KICKS = {
    "current": no_kicks,
    "poisson": poisson_kicks,
    "latency": latency_kicks,
}  # (…) fills ±1 or 0 for a row of inputs


@lru_cache
def make_spiking_forward(plan: SpikingPlan):
    """forward(arrays, pending, memories, act, neurons, u): one step of the task, every column."""
    sweep_in, sweep_rec, sweep_out = (
        separate(sweep) for sweep in (plan.sweeps.W_in, plan.sweeps.W_rec, plan.sweeps.W_out)
    )
    injected, coded, fill_kicks = plan.injected, plan.encoding != "current", KICKS[plan.encoding]
    adapts, delayed, by_synapse = plan.adapts, plan.delayed, plan.by_synapse

    @kernel
    def bias_only(array, act, n_in):
        """With input spikes, only the bias input is a current."""
        for k in range(act.a.shape[0]):
            act.a[k, :] = 0
            act.uh[k, :n_in] = 0
            if array.cells.w.shape[1] > n_in:
                add_row(array, n_in, act.uh[k, n_in], act.a[k])

    @kernel
    def drive(arrays, pending, memories, act, neurons, u):
        """I/θ of the step, into act.r and act.a."""
        if coded:
            sweep_in(arrays.W_in, pending.W_in, memories.W_in, act.uh[:0], act.a[:0])  # writes without reading
            bias_only(arrays.W_in, act, u.shape[1])
        else:
            amplify(u, neurons.circuits.gain, act.uh)
            sweep_in(arrays.W_in, pending.W_in, memories.W_in, act.uh, act.a)
        for k in range(act.a.shape[0]):
            for i in range(arrays.W_rec.size[0]):
                act.a[k, i] += neurons.circuits.background
        if injected:
            add_signed(act.xi, neurons.sign, act.a)
        copy_rows(act.a, act.a.shape[1], act.r)

    @kernel
    def receive(arrays, act, numbers, k, sub, u):
        """Input spikes of one dt, added to currents and their traces."""
        N, batch, n_in = act.a.shape[1], act.xi.shape[0], u.shape[1]
        g, q = act.x[k, N : 2 * N], act.x[k, 4 * N : 4 * N + n_in]
        decay(q, act.uh[k], numbers.synapse, numbers.mean)
        kicks = act.kicks[0, :n_in]
        fill_kicks(numbers, act.clock[0], sub, k % batch, u[k % batch], kicks)
        for j in range(n_in):
            if kicks[j] != 0:
                add_row(arrays.W_in, j, kicks[j] * numbers.kick, g)
                q[j] += kicks[j] * numbers.kick

    @kernel
    def advance(arrays, act, numbers, k, sub, u):
        """One dt of one column."""
        N, x, r, keep = act.a.shape[1], act.x[k], act.xh[k], numbers.readout
        v, g, s, wait = x[:N], x[N : 2 * N], x[2 * N : 3 * N], x[3 * N : 4 * N]
        membranes(v, g, wait, act.r[k], numbers)
        decay(g, act.a[k], numbers.synapse, numbers.mean)
        decay(s, act.before[k], numbers.synapse, numbers.mean)
        for i in range(N):
            r[i] *= keep
        if coded:
            receive(arrays, act, numbers, k, sub, u)
        rises = x[x.shape[0] - N :] if adapts else x[:0]
        for i in range(rises.shape[0]):
            rises[i] *= numbers.adaptation
        row = (act.clock[0] - act.clock[1]) * numbers.substeps + sub
        if by_synapse:
            fire_apart(arrays.W_rec, act, k, act.clock[0] * numbers.substeps + sub, row, numbers, rises)
        elif delayed:
            fire_late(arrays.W_rec, act, k, act.clock[0] * numbers.substeps + sub, row, numbers, rises)
        else:
            fire(arrays.W_rec, act, k, row, numbers, rises)

    @kernel
    def forward(arrays, pending, memories, act, neurons, u):
        numbers = neurons.circuits
        drive(arrays, pending, memories, act, neurons, u)
        sweep_rec(arrays.W_rec, pending.W_rec, memories.W_rec, act.xh[:0], act.a[:0])
        act.before[:] = 0
        for k in range(act.x.shape[0]):
            for sub in range(numbers.substeps):
                advance(arrays, act, numbers, k, sub, u)
        act.clock[0] += 1
        sweep_out(arrays.W_out, pending.W_out, memories.W_out, act.xh, act.y)
        if injected:
            add_signed(act.xi_y, neurons.sign, act.y)

    return forward
