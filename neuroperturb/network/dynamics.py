"""The compiled time step: one or two parallel passes, from input to readout.

    task ─ u_t ─▶ D_in ─ û_t ─▶ W_in ─┐
                                      ├─ a_t + σξ_t ─▶ neurons ─ x_t ─▶ D_rec ─ x̂_t ─▶ W_out ─ y_t + σξ^y_t
    x̂_{t−1} ────────────────▶ W_rec ──┘

Every matrix is an array of hardware_models, accessed by its sweep: it writes the pending update, then reads all
columns. Column h·B + b is trial b of pass h: one pass is a clean evaluation, two are a clean twin (0, +ξ) or an antithetic
pair (−ξ, +ξ). Equations: :mod:`neuroperturb.network.rnn`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from hardware_models import neurons
from hardware_models.numerics import maths, memory
from hardware_models.numerics.compiled import kernel, separate
from hardware_models.numerics.per_unit import of_unit


class Layers(NamedTuple):
    """One item for each matrix: array states, pending updates, memories, sweeps."""

    W_in: object
    W_rec: object
    W_out: object
    D_in: object
    D_rec: object


class NetworkActivity(NamedTuple):
    """State and signals of K = passes · B columns; last axes padded.

    u (K, n_in) raw input;  du (K, n_in) decorrelated;  uh (K, n_in [+ 1]) inputs of W_in, including the bias
    a, r (K, n) pre-activation, recurrent part;  x (K, n) state;  xh (K, n) decorrelated state;  before (K, n) xh of the previous step
    y (K, n_out) output;  xi (B, n), xi_y (B, n_out) injected noise σξ
    """

    u: np.ndarray
    du: np.ndarray
    uh: np.ndarray
    a: np.ndarray
    r: np.ndarray
    x: np.ndarray
    xh: np.ndarray
    before: np.ndarray
    y: np.ndarray
    xi: np.ndarray
    xi_y: np.ndarray


class NeuronNumbers(NamedTuple):
    """leak α, keep 1 − α: numbers, or (n,) of every unit;  sign (2,) of the noise in each pass;  circuits: a layer of
    hardware_models.neurons, or nothing.
    """

    leak: Any
    keep: Any
    sign: np.ndarray
    circuits: NamedTuple


def make_activity(passes: int, batch: int, n_in: int, n: int, n_out: int, bias: bool, dtype) -> NetworkActivity:
    """Zero state; the bias input is set here once and never written again."""
    zeros = lambda rows, size: memory.zeros((rows, size), dtype)  # noqa: E731
    K = passes * batch
    uh = zeros(K, n_in + bias)
    if bias:
        uh[:, n_in] = 1
    a, r, x, xh, before = (zeros(K, n) for _ in range(5))
    return NetworkActivity(
        u=zeros(K, n_in), du=zeros(K, n_in), uh=uh, a=a, r=r, x=x, xh=xh, before=before, y=zeros(K, n_out), xi=zeros(batch, n),
        xi_y=zeros(batch, n_out),
    )  # fmt: skip


@kernel
def silence(act):
    """Reset to zero state."""
    act.x[:] = 0
    act.xh[:] = 0


@kernel
def resynchronise(act, paired):
    """The noisy twin continues from the clean one; a pair continues from its mean."""
    batch = act.x.shape[0] // 2
    half = type(act.x[0, 0])(0.5)
    for values in (act.x, act.xh):
        for b in range(batch):
            for i in range(values.shape[1]):
                if paired:
                    values[b, i] = half * (values[b, i] + values[batch + b, i])
                values[batch + b, i] = values[b, i]


@kernel
def copy_rows(source, size, target):
    """target[k, :size] = source[k mod rows, :size]"""
    rows = source.shape[0]
    for k in range(target.shape[0]):
        for i in range(size):
            target[k, i] = source[k % rows, i]


@kernel
def add_signed(xi, sign, out):
    """out[h·B + b] += sign_h ξ_b; an unperturbed pass is left untouched."""
    batch = xi.shape[0]
    for h in range(out.shape[0] // batch):
        s = sign[h]
        if s != 0:
            for b in range(batch):
                row, noise = out[h * batch + b], xi[b]
                for i in range(row.shape[0]):
                    row[i] += s * noise[i]


@lru_cache
def make_fire(value):
    """fire(circuits, a, leak, keep, x): x ← (1 − α) x + α f(a), of units without spread; `value` is f."""

    @kernel
    def fire(circuits, a, leak, keep, x):
        for k in range(x.shape[0]):
            for i in range(x.shape[1]):
                x[k, i] = of_unit(keep, i) * x[k, i] + of_unit(leak, i) * value(a[k, i])

    return fire


fire = make_fire(maths.tanh)


class ForwardPlan(NamedTuple):
    """Parameters that a step is compiled for: sweeps of the arrays, which D are used, noise from act.xi, neurons that are circuits;
    value : the activation f;  shared_leak : whether all units have one leak
    """

    sweeps: Layers
    decorrelate_input: bool
    decorrelate_state: bool
    injected: bool
    circuits: bool
    value: Any = maths.tanh
    shared_leak: bool = True

    def make(self):
        """The compiled step; other neurons have their own plan (neuroperturb.spiking)."""
        return make_forward(self)


@lru_cache
def make_forward(plan: ForwardPlan):
    """forward(arrays, pending, memories, act, numbers, u): one step of every column."""
    sweep_in, sweep_rec, sweep_out, sweep_d_in, sweep_d_rec = (separate(sweep) for sweep in plan.sweeps)
    _, decorrelate_input, decorrelate_state, injected, circuits, value, _ = plan
    activate = neurons.make_fire(value) if circuits else make_fire(value)

    @kernel
    def forward(arrays, pending, memories, act, numbers, u):
        n_in = u.shape[1]
        if decorrelate_input:
            copy_rows(u, n_in, act.u)
            sweep_d_in(arrays.D_in, pending.D_in, memories.D_in, act.u, act.du)
            copy_rows(act.du, n_in, act.uh)
        else:
            copy_rows(u, n_in, act.uh)
        sweep_in(arrays.W_in, pending.W_in, memories.W_in, act.uh, act.a)
        copy_rows(act.xh, act.xh.shape[1], act.before)
        sweep_rec(arrays.W_rec, pending.W_rec, memories.W_rec, act.xh, act.r)
        for k in range(act.a.shape[0]):
            a, r = act.a[k], act.r[k]  # bound before the loop, or it would load addresses instead of vectors
            for i in range(a.shape[0]):
                a[i] += r[i]
        if injected:
            add_signed(act.xi, numbers.sign, act.a)
        activate(numbers.circuits, act.a, numbers.leak, numbers.keep, act.x)
        if decorrelate_state:
            sweep_d_rec(arrays.D_rec, pending.D_rec, memories.D_rec, act.x, act.xh)
        else:
            copy_rows(act.x, act.x.shape[1], act.xh)
        sweep_out(arrays.W_out, pending.W_out, memories.W_out, act.xh, act.y)
        if injected:
            add_signed(act.xi_y, numbers.sign, act.y)

    return forward


@lru_cache
def make_evaluate(forward):
    """evaluate(arrays, pending, memories, act, numbers, inputs, reset, outputs): a clean pass over a range of steps."""
    forward = separate(forward)

    @kernel
    def evaluate(arrays, pending, memories, act, numbers, inputs, reset, outputs):
        for t in range(inputs.shape[0]):
            if reset[t]:
                silence(act)
            forward(arrays, pending, memories, act, numbers, inputs[t])
            for b in range(outputs.shape[1]):
                for o in range(outputs.shape[2]):
                    outputs[t, b, o] = act.y[b, o]

    return evaluate


@lru_cache
def make_record(forward):
    """record(arrays, pending, memories, act, numbers, inputs, reset, passed): a clean pass that stores every step.

    passed : `Passed` arrays of baselines.bptt, with a in place of its slope
    """
    forward = separate(forward)

    @kernel
    def keep(rows, out):
        for b in range(out.shape[0]):
            for i in range(out.shape[1]):
                out[b, i] = rows[b, i]

    @kernel
    def record(arrays, pending, memories, act, numbers, inputs, reset, passed):
        keep(act.xh, passed.before)
        for t in range(inputs.shape[0]):
            if reset[t]:
                silence(act)
            forward(arrays, pending, memories, act, numbers, inputs[t])
            keep(act.uh, passed.u[t])
            keep(act.a, passed.slope[t])
            keep(act.xh, passed.xhat[t])
            keep(act.y, passed.outputs[t])

    return record
