"""The state of a run, as the compiled loops take it: nested NamedTuples of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Signal(NamedTuple):
    """What one step tells the synapses. centre, delta: of the passes; post: normalised."""

    a: np.ndarray  # (B, n) centre of the pre-activation
    da: np.ndarray  # (B, n) its perturbation
    y: np.ndarray  # (B, n_out)
    dy: np.ndarray
    post: np.ndarray  # (B, n)
    post_y: np.ndarray  # (B, n_out)
    dL: np.ndarray  # (B,) float64
    variance: np.ndarray  # (n,) running estimates of the per-neuron normaliser
    variance_y: np.ndarray
    mean: np.ndarray  # (B, n) what a unit was lately
    mean_y: np.ndarray


class Block(NamedTuple):
    """The steps of an episode that wait to be summed: S · B rows."""

    post: np.ndarray
    post_y: np.ndarray
    pre_in: np.ndarray
    pre_rec: np.ndarray
    pre_out: np.ndarray
    reward: np.ndarray  # (S · B,) of this step
    go: np.ndarray  # (S · B,) reward-to-go
    weighted: np.ndarray  # (S · B, n or m) scratch
    sizes: np.ndarray  # (6,) int32 scratch of BLAS
    filled: np.ndarray  # (1,) int64 steps in the block
    carried: np.ndarray  # (1,) int64 1 if the traces hold something from before the block


class Counters(NamedTuple):
    """step: of the whole run, keys the noise; sequence: keys held noise; loss: (sum, count); skipped: singular layers;
    expected: (2C,) running mean of the loss and 1 once there is one, for each of C conditions; waiting: episodes summed up and not
    yet written; condition: (B,) int64.
    """

    step: np.ndarray
    sequence: np.ndarray
    loss: np.ndarray
    skipped: np.ndarray
    expected: np.ndarray
    diverged: np.ndarray
    waiting: np.ndarray
    condition: np.ndarray


class RuleNumbers(NamedTuple):
    """Numbers of the rule, in the dtype of the run where they meet arrays."""

    sigma: float
    resolution: float  # 32 rounding errors of the dtype
    gain: float  # of the layer norm; 0: the layer's own size
    gain_y: float
    variance_rate: float
    trace: float  # λ
    scale: float  # of the reward of weight noise: 1 or 1/σ
    rate: float  # η
    final: float  # of the learning-rate schedule
    steps: float  # length of the run
    resynchronise: int
    decorrelation: float  # ε
    baseline_rate: float  # of the running mean of the loss
    hold: int  # τ_p, draws
    write: int  # τ_θ
    injected: float  # σ; `sigma` is that of what is told
    deviation_rate: float  # of the running mean of a unit


class Run(NamedTuple):
    """All state of a run, as the loops take it; every array in it except scratch belongs to a checkpoint."""

    arrays: object  # Layers of ArrayState
    pending: object  # Layers of Pending
    memories: object  # Layers of rules.synapse.Memory
    act: object  # Activity of two passes
    neurons: object
    rule: RuleNumbers
    told: object  # numbers of the neuron's formula
    signal: Signal
    counters: Counters
    channel: object  # reward.ChannelState
    block: Block
    whitener: object  # whitening.Whitener
    source: object  # noise of the hidden layer
    source_y: object  # noise of the output
