"""BPTT(k) online: one update at every step, ∂L_t through the last k of them, in a compiled loop.

    a window of k steps is a ring buffer: step t is in slot t mod k, with û, x̂ before it and α f'(a)
    at every step: forward → ∂L_t back through the live slots, newest first → decorrelation → update

The weights are the present ones, the activities are those stored at each step.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from hardware_models.crossbar.sites import ABSENT, settle
from hardware_models.numerics.compiled import kernel
from neuroperturb.baselines.bptt import add_scaled, loss_step
from neuroperturb.baselines.forward import copy_rows, make_leaky_step, product, product_back, product_over_rows
from neuroperturb.baselines.optimisers import Numbers
from neuroperturb.network.activation import Nonlinearity


class GradientMemory(NamedTuple):
    """Stored activity of the last k steps for the gradient, and the state; arrays written in place, step t in slot t mod k.

    drive (k, B, m) û; previous (k, B, n) x̂ of the previous step; slope (k, B, n) α f'(a); g_a (k, B, n) work space;
    place (2,) newest slot and number of live slots; x, xhat (B, n)
    """

    drive: np.ndarray
    previous: np.ndarray
    slope: np.ndarray
    g_a: np.ndarray
    place: np.ndarray
    x: np.ndarray
    xhat: np.ndarray


class Settings(NamedTuple):
    """Constants of the online loop, in the dtype of the run, so that kernels preserve it."""

    cross_entropy: bool
    decorrelated: bool
    alpha: np.ndarray  # (n,)
    keep: np.ndarray  # (n,) 1 − alpha
    rate: float  # decorrelation, over the batch size
    clip: float  # inf: never
    one: float


@kernel(allocates=True)
def decorrelate(d, signal, rate):
    """d ← d − rate · d offdiag(signalᵀ signal), in place, in O(R n²): d (n, n) presynaptic-major, signal (R, n)."""
    v = np.dot(signal, d.T)
    change = np.dot(v.T, signal)
    power = np.zeros_like(signal[0])
    for r in range(signal.shape[0]):
        for i in range(signal.shape[1]):
            power[i] += signal[r, i] * signal[r, i]
    for j in range(d.shape[0]):
        for i in range(d.shape[1]):
            d[j, i] -= rate * (change[j, i] - d[j, i] * power[i])


@kernel(allocates=True)
def without(codes, g):
    """No gradient (m, n) where there is no synapse."""
    for j in range(g.shape[0]):
        for i in range(g.shape[1]):
            g[j, i] = 0 if codes[j, i] == ABSENT else g[j, i]


@kernel(allocates=True)
def settle_rows(codes, w):
    """Weights (m, n) as their sites have them."""
    for j in range(w.shape[0]):
        settle(codes[j], type(w[j, 0])(0), w[j])


@cache
def make_online_loop(formula, keeps: tuple[bool, bool], curve: Nonlinearity, placed: bool):
    """The online schedule, compiled around one optimiser's formula and an activation; placed: some synapses have sites.

    keeps : whether the optimiser has a first and a second moment. An update is bound by memory: it touches only those that there are.
    """
    formula, forward_step = kernel(formula), make_forward_step(curve)
    has_first, has_second = keeps

    @kernel(allocates=True)
    def apply(w, first, second, g, numbers, scale):
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                before = first[j, i] if has_first else w.dtype.type(0)
                power = second[j, i] if has_second else w.dtype.type(0)
                moment, power, change = formula(numbers, g[j, i] * scale, before, power)
                if has_first:
                    first[j, i] = moment
                if has_second:
                    second[j, i] = power
                w[j, i] += change

    @kernel(allocates=True)
    def loop(u, targets, mask, reset, weights, first, second, trained, numbers, memory, settings, codes):
        """A block of steps: forward, ∂L_t through the memory, decorrelation, update.  Returns summed loss, updates."""
        y = np.empty_like(targets[0])
        error = np.empty_like(y)
        g_in, g_rec, g_out = np.empty_like(weights.w_in), np.empty_like(weights.w_rec), np.empty_like(weights.w_out)
        total = 0.0
        done = 0
        for t in range(u.shape[0]):
            forward_step(u[t], reset[t], weights, memory, settings)
            product(memory.xhat, weights.w_out, y)
            total += loss_step(y, targets[t], mask[t], settings.cross_entropy, error)
            scored = False
            for b in range(mask.shape[1]):
                scored = scored or mask[t, b]
            if scored:
                _gradient_step(error, weights, memory, settings, g_in, g_rec, g_out)
            if settings.rate > 0:
                decorrelate(weights.d_rec, memory.xhat, settings.rate)
            if scored:
                if placed:
                    without(codes[0], g_in)
                    without(codes[1], g_rec)
                    without(codes[2], g_out)
                row = numbers[done]
                now = Numbers(row[0], row[1], row[2], row[3], row[4], row[5])
                scale = _clip_scale(g_in, g_rec, g_out, trained, settings)
                if trained[0]:
                    apply(weights.w_in, first[0], second[0], g_in, now, scale)
                if trained[1]:
                    apply(weights.w_rec, first[1], second[1], g_rec, now, scale)
                if trained[2]:
                    apply(weights.w_out, first[2], second[2], g_out, now, scale)
                if placed:
                    settle_rows(codes[0], weights.w_in)
                    settle_rows(codes[1], weights.w_rec)
                    settle_rows(codes[2], weights.w_out)
                done += 1
        return total, done

    return loop


@cache
def make_forward_step(curve: Nonlinearity):
    """forward_step(u, reset, weights, memory, settings): one clean step, written into the next slot of the memory."""
    leaky_step = make_leaky_step(curve)

    @kernel(allocates=True)
    def forward_step(u, reset, weights, memory, settings):
        """One clean step, written into the next slot of the memory."""
        place = memory.place
        if reset:
            memory.x.fill(0)
            memory.xhat.fill(0)
            memory.g_a.fill(0)  # slots that are not live add nothing to the sums
            place[1] = 0
        slots = memory.drive.shape[0]
        place[0] = (place[0] + 1) % slots
        place[1] = min(place[1] + 1, slots)
        slot = place[0]
        copy_rows(u, memory.drive[slot])
        copy_rows(memory.xhat, memory.previous[slot])
        drive, recurrent = np.empty_like(memory.x), np.empty_like(memory.x)
        product(u, weights.w_in, drive)
        product(memory.xhat, weights.w_rec, recurrent)
        leaky_step(drive, recurrent, memory.x, memory.slope[slot], settings.alpha, settings.keep)
        if settings.decorrelated:
            product(memory.x, weights.d_rec, memory.xhat)
        else:
            copy_rows(memory.x, memory.xhat)

    return forward_step


@kernel(allocates=True)
def _gradient_step(error, weights, memory, settings, g_in, g_rec, g_out):
    """∂L_t through the live steps of the memory, newest first, with the present weights and the stored activities."""
    slots, batch_size, n = memory.slope.shape
    newest, live = memory.place[0], memory.place[1]
    product_over_rows(memory.xhat, error, g_out)
    g_xhat, g_x, back = np.empty_like(memory.x), np.empty_like(memory.x), np.empty_like(memory.x)
    product_back(error, weights.w_out, g_xhat)
    _to_state(g_xhat, weights, settings, g_x)
    for lag in range(live):
        slot = (newest - lag) % slots
        g_a, slope = memory.g_a[slot], memory.slope[slot]
        for b in range(batch_size):
            for i in range(n):
                g_a[b, i] = g_x[b, i] * slope[b, i]
        if lag + 1 < live:
            product_back(g_a, weights.w_rec, g_xhat)
            _to_state(g_xhat, weights, settings, back)
            add_scaled(back, settings.keep, g_x)
    rows = slots * batch_size
    all_g_a = memory.g_a.reshape(rows, n)
    product_over_rows(memory.drive.reshape(rows, memory.drive.shape[2]), all_g_a, g_in)
    product_over_rows(memory.previous.reshape(rows, n), all_g_a, g_rec)


@kernel(allocates=True)
def _to_state(g_xhat, weights, settings, g_x):
    """∂/∂x from ∂/∂x̂."""
    if settings.decorrelated:
        product_back(g_xhat, weights.d_rec, g_x)
    else:
        copy_rows(g_xhat, g_x)


@kernel(allocates=True)
def _clip_scale(g_in, g_rec, g_out, trained, settings):
    """min(1, clip / ‖g‖) over the trained matrices."""
    if settings.clip == np.inf:
        return settings.one
    total = settings.one - settings.one
    for k, g in enumerate((g_in, g_rec, g_out)):
        if trained[k]:
            for j in range(g.shape[0]):
                for i in range(g.shape[1]):
                    total += g[j, i] * g[j, i]
    return min(settings.clip / np.sqrt(total), settings.one)
