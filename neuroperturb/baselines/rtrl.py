"""Real-time recurrent learning: the exact gradient in forward mode.

    J_k,ji(t) = ∂x_k(t)/∂w_ji = (1 − α) J_k,ji(t−1) + α f'(a_k) [ δ_ki q_j + Σ_l J_l,ji(t−1) (D W_rec)_lk ]
    ∂L_t/∂w_ji = Σ_k s_k J_k,ji

R. J. Williams & D. Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural Computation 1
(1989) 270–280, doi:10.1162/neco.1989.1.2.270. Over a sequence it equals true BPTT up to rounding; if weights change between
steps it does not, since J is that of earlier weights. n² (m + n) numbers per trial, and n³ (m + n) multiplications per step: for small n.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import DTypeLike

from neuroperturb.baselines.eligibility import Passage
from neuroperturb.baselines.forward import Weights
from neuroperturb.baselines.optimisers import Adam, AnyOptimiser
from neuroperturb.baselines.sizes import Sizes
from neuroperturb.rules.facts import FAR, OWN, Quantity
from neuroperturb.spec import Spec, SpecError, Words

LARGEST = 1 << 30  # bytes of J


class Rtrl(Spec):
    """The exact gradient, forward in time: real-time recurrent learning, for small networks.

    optimiser : how weights follow the gradient: Sgd, Rms or Adam
    """

    name: Literal["rtrl"] = "rtrl"
    optimiser: AnyOptimiser = Adam()
    keeps: ClassVar[str] = "n numbers J_k,ji"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("f'(a_k) of all units", FAR, "J_k,ji ← … α f'(a_k) Σ_l J_l,ji (W_rec)_lk", "only that of the unit itself (rflo, eprop)"),
        Quantity("W_rec, of all synapses", FAR, "J_k,ji ← … α f'(a_k) Σ_l J_l,ji (W_rec)_lk", "only the self-connection (eprop)"),
        Quantity("s_k of all units", FAR, "∂L/∂w_ji = Σ_k s_k J_k,ji", "s_i of the synapse's own unit (rflo, eprop)"),
        Quantity("J_k,ji, one for every unit", OWN, "n numbers per synapse"),
    )  # fmt: skip
    passes: ClassVar[int] = 1
    local: ClassVar[bool] = False
    own_feedback: ClassVar[bool] = True

    def zeros(self, batch: int, sources: int, units: int, dtype: DTypeLike) -> np.ndarray:
        """J, shape (B, n, m + n, n): of unit k, with respect to the synapse from j to i."""
        shape = (batch, units, sources, units)
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if size > LARGEST:
            got = Words(f"{units} units and {batch} trials, {size >> 20:,} MiB,")
            wanted = f"smaller with the rule 'rtrl', which stores n² (n + inputs) numbers per trial, at most {LARGEST >> 20} MiB"
            raise SpecError("network.size", wanted=wanted, got=got)
        return np.zeros(shape, dtype)

    def advance(self, trace: np.ndarray, passage: Passage) -> None:
        """One step of J, in place."""
        batch, n = passage.slope.shape
        through = (passage.back.T @ trace.reshape(batch, n, -1)).reshape(trace.shape)
        trace *= np.asarray(passage.keep)[..., None, None]  # of the unit whose state it is
        trace += passage.slope[:, :, None, None] * through
        own = np.arange(n)
        trace[:, own, :, own] += passage.slope.T[:, :, None] * passage.pre

    def credit(self, trace: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """Σ_b Σ_k s_bk J_bk,ji"""
        return np.tensordot(signal, trace, axes=2)

    def multiply_adds(self, sizes: Sizes) -> int:
        """Of a trial and step: the network, W_outᵀ s, J W_rec and its decay, the credit Σ_k s_k J_k, the readout."""
        return sizes.synapses + sizes.w_out + sizes.hidden * (sizes.w_rec + 2 * sizes.units) + sizes.w_out

    def fixed_feedback(self, weights: Weights, seed: int) -> None:
        """None: that of the readout."""
        del weights, seed
