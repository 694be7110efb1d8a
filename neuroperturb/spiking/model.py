"""The spiking network: its equations, and the factors that integrate them exactly over one `dt`.

    τ_m dv/dt = −(v − v_rest) + g + I          membrane [V]; held at v_reset for `refractory` after a spike
    τ_s dg/dt = −g                             synaptic current, as the voltage R·I [V]
    τ_s ds/dt = −s                             trace of a neuron's own spikes, with the time constant of its synapses [1]
    τ_r dr/dt = −r                             the same with the time constant of the readout [1]
    τ_b db/dt = −b                             rise of the neuron's own threshold, if it adapts [V]
    spike of j, when v_j > v_threshold + b_j:  r_j += k_r,  b_j += adaptation,  v_j = v_reset,
                             and d_j later:    g_i += θ k_s W_ij for every i,  s_j += k_s
    I_i = I_background + v_input Σ_k W_in,ik u_k + θ σ ξ_i   constant over a step of the task [V];  θ = v_threshold − v_rest
    y_o = Σ_j W_out,oj r_j + σ ξ^y_o           at the end of a step of the task [1]

Weights are dimensionless: θ is the voltage of 1, so that a constant input of 1 keeps the membrane at threshold. One spike adds
k_s = 1/(ν τ_s) and k_r = 1/(ν τ_r), so that a neuron that fires at ν, the `rate`, has traces of mean 1. Input spikes enter g like those of
other neurons, and have a trace q. All passes (clean and noisy, or +ξ and −ξ, or one) share the weights and receive the same inputs.

d_j is the `delay` of the axon of j: its recurrent synapses and their trace s_j get the spike late, the readout does not. Spikes under way
are a ring of L = max d/dt + 1 rows: that of neuron j in step m of dt is noted at [(m + d_j/dt) mod L, j], and step m delivers, and clears,
row m mod L. The start of a trial clears them all. With a delay d_ij of every synapse the ring holds when spikes were sent: step m notes its own
in row m mod L and delivers those of row (m − d) mod L to the synapses of delay d, d = L − 1 … 0, the oldest first. The trace s_j, which all synapses
of j learn with, is one and gets the spike after d_j, the mean of its d_ij: what a synapse learns from is early or late by the difference.

Learning is local: a synapse measures its input over a step of the task as the mean of the trace that its current consists of,

    s̄_j = (1/T) ∫ s_j dt,        ū_k = u_k v_input/θ (or the mean of q_k),        r_j at the end of the step for the readout,

so that a perturbation ξ_i of the current, held over the step, and a change ΔW_ij with Σ_j ΔW_ij s̄_j = ξ_i deliver the same charge. The
factor a unit gives its synapses depends on the rule's probe: σ ξ_i, or the difference of its mean current
ā_i = (1/T) ∫ (g_i + I_i) dt / θ between passes.

Over one dt, with E_x = exp(−dt/τ_x) and all currents except g constant:

    v ← (1 − E_m) I + E_m v + C g,   C = τ_s (E_s − E_m)/(τ_s − τ_m)         g ← E_s g,  s ← E_s s,  r ← E_r r,  b ← E_b b
    s̄ += D s,  ā += D g/θ,           D = τ_s (1 − E_s)/T                     (of the values before the decay)

Order within a dt: decay and membranes; thresholds; input spikes, then spikes of neurons that arrive, each in the order of their index;
resets. A delay of 0 arrives in the dt of its spike.
W. Gerstner, W. Kistler, R. Naud & L. Paninski, Neuronal Dynamics, Cambridge University Press (2014), eqs 1.5 – 1.9 (membrane,
threshold, reset); adaptive thresholds: G. Bellec et al., Nat. Commun. 11:3625 (2020), doi:10.1038/s41467-020-17236-y, Methods, "Network
models" (ALIF: b = β a, with a ← ρ a + z at every spike z); S. Rotter & M. Diesmann, Biol. Cybern. 81, 381 (1999),
doi:10.1007/s004220050570 (exact integration); A. Morrison et al., Neural Comput. 17, 1776 (2005), doi:10.1162/0899766054026648 (delays as
ring buffers).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import memory, random
from neuroperturb.network.lif import LIF, Current, Poisson

EVALUATION = 1 << 40  # input spikes of an evaluation have separate step numbers


class Decays(NamedTuple):
    """Factors of one dt, float64; voltages in units of θ above rest."""

    membrane: float  # E_m
    synapse: float  # E_s
    readout: float  # E_r
    current: float  # C
    mean: float  # D
    reset: float
    background: float
    gain: float  # v_input/θ
    wait: int  # refractory steps of dt
    substeps: int  # steps of dt in a step of the task
    kick_s: float  # of one spike, into synapses
    kick_r: float  # into the readout
    kick: float  # of one input spike
    adaptation: float  # E_b
    rise: float  # of a threshold by one spike


class SpikingNumbers(NamedTuple):
    """Parameters of the neurons for the kernel, in the dtype of the run; fields as in `Decays`, and the key of input spikes.

    rate : probability of an input spike in one dt, for a channel at 1
    lags : (n,) int64, delays of neurons in steps of dt;  slots : L, rows of the ring of spikes under way, 0 without delays
    order, starts : (n, n), (n, L + 1) int64, of synapses with delays of their own: those of j are sorted by delay, and those of d steps of
        dt are order[j, starts[j, d] … starts[j, d + 1] − 1]; else empty
    """

    membrane: float
    lift: float  # 1 − E_m
    synapse: float
    readout: float
    current: float
    mean: float
    reset: float
    background: float
    gain: float
    wait: float
    kick_s: float
    kick_r: float
    kick: float
    rate: float
    adaptation: float
    rise: float
    substeps: int
    seed: int
    stream: int
    lags: np.ndarray
    slots: int
    order: np.ndarray
    starts: np.ndarray


def decays(lif: LIF) -> Decays:
    """The factors of one dt."""
    theta, tau_m, tau_s = lif.v_threshold - lif.v_rest, lif.tau_membrane, lif.tau_synapse
    E_m, E_s, E_r = (math.exp(-lif.dt / tau) for tau in (tau_m, tau_s, lif.tau_readout))
    return Decays(
        membrane=E_m,
        synapse=E_s,
        readout=E_r,
        current=tau_s * (E_s - E_m) / (tau_s - tau_m),
        mean=tau_s * (1 - E_s) / lif.step,
        reset=(lif.v_reset - lif.v_rest) / theta,
        background=lif.background / theta,
        gain=lif.v_input / theta,
        wait=lif.wait,
        substeps=lif.substeps,
        kick_s=1 / (lif.rate * tau_s),
        kick_r=1 / (lif.rate * lif.tau_readout),
        kick=kick(lif),
        adaptation=math.exp(-lif.dt / lif.tau_adaptation),
        rise=lif.adaptation / theta,
    )


def kick(lif: LIF) -> float:
    """Increment of the trace q of an input line by one spike, so that the mean of q is u v_input/θ."""
    if isinstance(lif.encoding, Current):
        return 0.0
    rate = lif.encoding.rate if isinstance(lif.encoding, Poisson) else 1 / lif.step
    return lif.v_input / (lif.v_threshold - lif.v_rest) / (rate * lif.tau_synapse)


def spiking_numbers(lif: LIF, seed: int, dtype: np.dtype, n: int = 0) -> SpikingNumbers:
    """The same, for the kernel and n neurons."""
    d, t = decays(lif), np.dtype(dtype).type
    rate = lif.encoding.rate * lif.dt if isinstance(lif.encoding, Poisson) else 0.0
    return SpikingNumbers(
        membrane=t(d.membrane),
        lift=t(1 - d.membrane),
        synapse=t(d.synapse),
        readout=t(d.readout),
        current=t(d.current),
        mean=t(d.mean),
        reset=t(d.reset),
        background=t(d.background),
        gain=t(d.gain),
        wait=t(d.wait),
        kick_s=t(d.kick_s),
        kick_r=t(d.kick_r),
        kick=t(d.kick),
        rate=t(rate),
        adaptation=t(d.adaptation),
        rise=t(d.rise),
        substeps=d.substeps,
        seed=int(seed),
        stream=random.stream(random.Stream.DATA, 1),
        lags=lif.lags(n),
        slots=lif.slots,
        **dict(zip(("order", "starts"), by_delay(lif, n), strict=True)),
    )


def by_delay(lif: LIF, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The synapses of every neuron by their delay, `order` and `starts` of `SpikingNumbers`; empty if they have none of their own."""
    if not lif.late_by_synapse:
        return np.zeros((0, 0), np.int64), np.zeros((0, 0), np.int64)
    of = lif.wires(n).T  # [j, i]
    order = np.argsort(of, axis=1, kind="stable")
    starts = [np.searchsorted(row, np.arange(lif.slots + 1)) for row in np.sort(of, axis=1)]
    return np.ascontiguousarray(order), np.array(starts, np.int64)


class SpikingActivity(NamedTuple):
    """State and signals of K = passes · B columns for the learning loops; last axes padded.

    u, du, uh, a, before, xh, y, xi, xi_y : as in :class:`neuroperturb.network.dynamics.NetworkActivity`: uh holds ū, before s̄, xh the traces r
    r : (K, n) constant input I/θ of the step
    x : (K, 4 N + M [+ L N] [+ N]) state of the neurons, N and M padded: v/θ above rest, g/θ, s, refractory steps left; traces q of inputs;
        ring of spikes under way, 1 for each; b/θ of adaptive thresholds, last
    kicks : (1, n_in) scratch, the input spikes of one dt
    clock : (2,) int64, steps of the task so far, which key input spikes, and of those the first that is recorded
    raster : (K, rows of dt, n) uint8, 1 for a spike; as many rows and columns as are allocated
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
    kicks: np.ndarray
    clock: np.ndarray
    raster: np.ndarray


def spiking_activity(
    passes: int,
    batch: int,
    sizes: tuple[int, int, int],
    bias: bool,
    dtype,
    *,
    clock: int = 0,
    rows: int = 0,
    adapts: bool = False,
    slots: int = 0,
) -> SpikingActivity:
    """Neurons at rest; sizes are (n, n_in, n_out); the bias input is set here once and never written again.

    rows : steps of dt to record;  adapts : whether thresholds have a state;  slots : L, rows of the ring of spikes under way
    """
    n, n_in, n_out = sizes
    zeros = lambda rows, size: memory.zeros((rows, size), dtype)  # noqa: E731
    K, room = passes * batch, (4 + slots + adapts) * memory.padded(n, dtype) + memory.padded(n_in, dtype)
    uh = zeros(K, n_in + bias)
    if bias:
        uh[:, n_in] = 1
    return SpikingActivity(
        u=zeros(K, n_in),
        du=zeros(K, n_in),
        uh=uh,
        a=zeros(K, n),
        r=zeros(K, n),
        x=zeros(K, room),
        xh=zeros(K, n),
        before=zeros(K, n),
        y=zeros(K, n_out),
        xi=zeros(batch, n),
        xi_y=zeros(batch, n_out),
        kicks=zeros(1, n_in),
        clock=np.full(2, clock, np.int64),
        raster=np.zeros((K if rows else 0, rows, n), np.uint8),
    )
