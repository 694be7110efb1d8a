"""The reward channel: the broadcast is measured with noise, quantised, and delayed.

    δL_b ← δL_b + σ ν_b                                     ν standard normal, one draw for each broadcast number
    δL_b ← s · round(δL_b / s),  |δL_b| ≤ bound             s = bound/(2ⁿ⁻¹ − 1): 2ⁿ − 1 levels, including zero
    received at step t:  the number sent at step t − k

A step that is not scored sends nothing, not even noise. A delayed reward is combined with the *present* state of the synapse: with instant
credit that is the activity of step t, which is unrelated to the reward; a trace, e ← λ e + p x̂, still contains p x̂ of step t − k, times
λᵏ, in addition to later terms. So with a delay the readout has a trace, too, if the rule has one: this costs variance, but adds
no bias. An episode is written when its last reward has arrived, k silent steps after its end; in the online schedule rewards simply
arrive later, also in the next sequence.

A. N. McCaughan et al., "Multiplexed gradient descent", APL Mach. Learn. 1, 026118 (2023), arXiv:2303.03986, train feed-forward
networks through noise on the broadcast cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hardware_models.numerics import random
from hardware_models.numerics.checks import refuse, require_not_negative, require_positive
from hardware_models.numerics.compiled import kernel, separate

MOST_BITS = 16

fill_normal = separate(random.fill_normal)


class ChannelState(NamedTuple):
    """A channel for kernels, float64.

    noise_std; bound : inf if there is none;  level : distance between levels, 0 if there are none
    seed, stream : key of the noise
    line : (k + 1, B) delay line;  place : (1,) int64, the row sent next
    scratch : (B,) one step's noise
    """

    noise_std: float
    bound: float
    level: float
    seed: int
    stream: int
    line: np.ndarray
    place: np.ndarray
    scratch: np.ndarray


@kernel
def measure(channel, step, mask, shared, dL):
    """Apply noise, range and levels to the numbers sent at this step; with one number for the batch, there is one draw."""
    if channel.noise_std == 0 and channel.bound == np.inf:
        return
    some = False
    for b in range(dL.shape[0]):
        some = some or mask[b]
    if channel.noise_std != 0:
        fill_normal(channel.seed, channel.stream, step, 0, channel.scratch)
    bound, level = channel.bound, channel.level
    for b in range(dL.shape[0]):
        if mask[b] or (shared and some):
            value = dL[b] + channel.noise_std * channel.scratch[0 if shared else b]
            value = bound if value > bound else (-bound if value < -bound else value)
            dL[b] = np.floor(value / level + 0.5) * level if level > 0 else value


@kernel
def delay(channel, dL):
    """Put the numbers sent now into the delay line, and return those sent k steps ago."""
    line, rows = channel.line, channel.line.shape[0]
    if rows == 1:
        return
    now = channel.place[0]
    last = (now + 1) % rows
    for b in range(dL.shape[0]):
        line[now, b] = dL[b]
        dL[b] = line[last, b]
    channel.place[0] = last


@dataclass(frozen=True, kw_only=True)
class RewardChannel:
    """The channel that transmits the change of the loss to the synapses.

    noise_std : noise of each number, in units of the loss
    bound : largest magnitude that can be sent, in units of the loss; None: unbounded. The hardware section of a record has the standard
        deviation of the sent numbers: 3 to 4 of them are a good bound
    bits : resolution of a number within the bound, 2 … 16 bits; 0: not rounded
    delay : k, time steps from a loss to its reward

    Examples
    --------
    >>> RewardChannel(bits=4, bound=0.02, delay=2).delay
    2
    """

    noise_std: float = 0.0
    bound: float | None = None
    bits: int = 0
    delay: int = 0

    @property
    def is_ideal(self) -> bool:
        return self == RewardChannel()

    @property
    def alters(self) -> bool:
        """Whether numbers are received that were not sent."""
        return self.noise_std > 0 or self.bound is not None

    @property
    def level(self) -> float:
        """Distance between the numbers that can be sent [loss]; 0 if not quantised."""
        return self.bound / (2 ** (self.bits - 1) - 1) if self.bits else 0.0

    def quantised(self, dL) -> np.ndarray:
        """δL clipped and rounded, without noise."""
        bound = math.inf if self.bound is None else self.bound
        clipped = np.clip(dL, -bound, bound)
        return np.floor(clipped / self.level + 0.5) * self.level if self.bits else clipped

    def state(self, batch: int, seed: int) -> ChannelState:
        """A channel for `batch` trials of chip `seed`, with an empty delay line."""
        return ChannelState(
            noise_std=float(self.noise_std), bound=math.inf if self.bound is None else float(self.bound), level=float(self.level),
            seed=int(seed), stream=random.stream(random.Stream.CHANNEL), line=np.zeros((self.delay + 1, batch)),
            place=np.zeros(1, np.int64), scratch=np.zeros(batch),
        )  # fmt: skip

    def check(self) -> None:
        """Raise ValueError for an invalid parameter."""
        require_not_negative(self, "noise_std")
        if self.bound is not None:
            require_positive(self, "bound")
        if not isinstance(self.bits, int) or self.bits not in (0, *range(2, MOST_BITS + 1)):
            refuse(self, "bits", f"0, or a whole number from 2 to {MOST_BITS}")
        if self.bits and self.bound is None:
            refuse(self, "bound", "given together with bits: they divide the range ± bound")
        if not isinstance(self.delay, int) or self.delay < 0:
            refuse(self, "delay", "a whole number of time steps, 0 or more")
