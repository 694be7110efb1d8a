"""The state of a run for the compiled loops: nested NamedTuples of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.rules.plan import RuleNumbers
from neuroperturb.tasks.worlds.environment import WorldState


class Signal(NamedTuple):
    """Signals of one step for the synapses. centre, delta: of the passes; post: the postsynaptic factor."""

    a: np.ndarray  # (B, n) centre of the pre-activation
    da: np.ndarray  # (B, n) its perturbation
    y: np.ndarray  # (B, n_out)
    dy: np.ndarray
    post: np.ndarray  # (B, n)
    post_y: np.ndarray  # (B, n_out)
    dL: np.ndarray  # (B,) float64
    variance: np.ndarray  # (n,) running estimates of the per-neuron normaliser
    variance_y: np.ndarray
    mean: np.ndarray  # (B, n) running mean of a unit
    mean_y: np.ndarray


class EpisodeBlock(NamedTuple):
    """The pending steps of an episode: S · B rows."""

    post: np.ndarray
    post_y: np.ndarray
    pre_in: np.ndarray
    pre_rec: np.ndarray
    pre_out: np.ndarray
    reward: np.ndarray  # (S · B,) of this step
    go: np.ndarray  # (S · B,) reward-to-go
    gain: np.ndarray  # (S · B,) log-probability gained by the noise; empty if no rule asks for it
    weighted: np.ndarray  # (S · B, n or m) scratch
    sizes: np.ndarray  # (6,) int32 scratch of BLAS
    filled: np.ndarray  # (1,) int64 steps in the block
    carried: np.ndarray  # (1,) int64 1 if the traces contain credit from before the block


class LaneScratch(NamedTuple):
    """What an episode with its trials innermost works in, P lanes of trials last; see :mod:`neuroperturb.simulation.episode_lanes`.

    drive, xi (n, P);  r, x (passes · n, P);  y (passes · n_out, P);  xi_y (n_out, P);  row (n or n_out,) one trial's draw
    factor_… (units,) what sums over cells are multiplied by
    block_in (S, m, P), block_post (S, n, P), block_post_y (S, n_out, P), block_centre (S + 1, n, P): of every step
    go (S, P);  pre, post (units, S · P): of the matrix products
    …_flat : the same memory as one row, or one a pass or step
    """

    drive: np.ndarray
    xi: np.ndarray
    r: np.ndarray
    x: np.ndarray
    y: np.ndarray
    xi_y: np.ndarray
    row: np.ndarray
    factor_in: np.ndarray
    factor_rec: np.ndarray
    factor_out: np.ndarray
    block_in: np.ndarray
    block_post: np.ndarray
    block_post_y: np.ndarray
    block_centre: np.ndarray
    go: np.ndarray
    pre: np.ndarray
    post: np.ndarray
    drive_flat: np.ndarray
    xi_flat: np.ndarray
    r_flat: np.ndarray
    x_flat: np.ndarray
    post_flat: np.ndarray
    centre_flat: np.ndarray


class Counters(NamedTuple):
    """step: of the whole run, keys the noise; sequence: keys held noise; loss: (sum, count); skipped: singular layers;
    expected: (2C,) for each of C conditions the running mean of the loss, and 1 once it exists; waiting: episodes summed but not
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


class RunNumbers(NamedTuple):
    """Parameters of a run other than those of its rule.

    steps : length of the run;  resynchronise : interval in steps, 0 is never;  decorrelation : ε, in the dtype of the run
    length : steps of a sequence
    """

    steps: float
    resynchronise: int
    decorrelation: float
    length: float


class RunState(NamedTuple):
    """All state of a run for the loops; every array in it except scratch belongs to a checkpoint.

    arrays : Layers of ArrayState;  pending : Layers of Pending;  memories : Layers of rules.kernels.synapse.SynapseMemory
    act : activity of the passes;  neurons : their parameters, and the state of their circuits
    rule : rules.plan.RuleNumbers;  training : RunNumbers
    channel : reward_channel.ChannelState;  whitener : whitening.Whitener
    source, source_y : noise of the hidden layer, and of the output
    scratch : LaneScratch
    world : tasks.worlds.environment.WorldState, empty without a world
    """

    arrays: object
    pending: object
    memories: object
    act: object
    neurons: object
    rule: RuleNumbers
    training: RunNumbers
    signal: Signal
    counters: Counters
    channel: object
    block: EpisodeBlock
    whitener: object
    source: object
    source_y: object
    scratch: LaneScratch
    world: WorldState
