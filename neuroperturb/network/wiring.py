"""The wiring of a network: which units a unit listens to, and with which sign.

    density        share of the recurrent synapses that exist, or which of them, (n, n)
    input_density  the same of the input synapses, (n, n_in); the bias reaches every unit
    excitatory     Dale's law: this share of the units excites, W_rec ≥ 0 in their columns; the others inhibit, W_rec ≤ 0
    layers         units in layers of these sizes; layer 1 has the inputs, the readout has the last layer
    recurrent      whether the units of a layer listen to each other

Synapses that do not exist have no cell: they are not written, perturbed, counted or paid for. Random wiring is drawn from `wiring_seed`, not
from the seed of a run, so that a record, a chip and another seed have the same.

**Layers.** A network of layers is one network whose W_rec is block lower triangular:

    a_l(t) = W_l,l−1 x_{l−1}(t−1) + W_l,l x_l(t−1)            W_l,l = 0 if not `recurrent`

so that a layer hears the one before it one step later: an input takes as many steps as there are layers to reach the readout. This is *not* a
stack whose layers all move within one step. Without recurrence, a still input that is shown for as many steps as there are layers is read,
at the last of them, as by a feed-forward network of these layers; perturbations of other steps have no effect there, and add to the
variance of an update that is credited with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from hardware_models.crossbar.sites import NEGATIVE, POSITIVE, Sites
from hardware_models.numerics import random
from hardware_models.numerics.checks import is_number
from neuroperturb.spec import SpecError, Words

WIRING = 4  # array numbers of the INIT stream, beyond those of weights and of feedback: W_in, then W_rec

Chosen = tuple[tuple[bool, ...], ...]  # rows of units, columns of what they listen to


def read_density(given: Any) -> float | Chosen:
    """A density from a number, or from rows of 0 and 1."""
    if isinstance(given, tuple):
        try:
            chosen = np.array(given)
            fits = chosen.ndim == 2 and np.isin(chosen, (0, 1)).all() and chosen.any()
        except ValueError:
            fits = False
        if not fits:
            raise SpecError("", "RNN", "a share, or equally long rows of 0 and 1, not all 0", given)
        return tuple(tuple(bool(value) for value in row) for row in given)
    if not is_number(given) or not 0 < given <= 1:
        raise SpecError("", "RNN", "a share above 0 and at most 1, or rows of 0 and 1", given)
    return float(given)


def _written(density: float | Chosen) -> Any:
    return [[int(value) for value in row] for row in density] if isinstance(density, tuple) else density


Density = Annotated[float | Chosen, PlainValidator(read_density), PlainSerializer(_written)]


def in_layers(layers: tuple[int, ...], size: int) -> list[slice]:
    """The units of every layer; one layer of all if there are none."""
    ends = np.cumsum([0, *(layers or (size,))])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def blocks(layers: list[slice], recurrent: bool) -> list[tuple[slice, slice]]:
    """(listening, heard) layers of W_rec, the recurrent ones first."""
    own = [(layer, layer) for layer in layers] if recurrent else []
    return own + [(later, layer) for layer, later in pairwise(layers)]


def exists(density: float | Chosen, shape: tuple[int, int], seed: int, number: int, name: str) -> np.ndarray:
    """Which synapses (n, m) exist; drawn from the seed if the density is a share."""
    if isinstance(density, tuple):
        chosen = np.array(density, bool)
        if chosen.shape != shape:
            raise SpecError(name, "RNN", f"{shape[0]} rows of {shape[1]} numbers", Words(f"{chosen.shape}"))
        return chosen
    if density == 1:
        return np.ones(shape, bool)
    return random.uniform(seed, random.stream(random.Stream.INIT, WIRING + number), 0, shape, np.float64) < density


def signs(excitatory: float | None, size: int) -> np.ndarray:
    """Sign of the synapses of every unit, (n,) int8: the first ones excite; 0 without Dale's law."""
    if excitatory is None:
        return np.zeros(size, np.int8)
    return np.where(np.arange(size) < round(excitatory * size), POSITIVE, NEGATIVE).astype(np.int8)


def sites_of(present: Mapping[str, np.ndarray], sign: np.ndarray) -> dict[str, Sites | None]:
    """Sites of W_in, W_rec and W_out from which synapses exist, and the signs of units; None for a matrix of all."""
    found: dict[str, Sites | None] = {}
    for name, there in present.items():
        sides = np.broadcast_to(sign, there.shape) if name == "W_rec" else np.zeros(there.shape, np.int8)
        found[name] = None if there.all() and not sides.any() else Sites.of(there, sides)
    return found


def with_signs(W: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Recurrent weights (n, n) that keep to the signs of their units, |W_ij| sign_j, balanced row by row and of the spectral radius of W.

    In every row the inhibitory weights are scaled so that they sum to as much as the excitatory ones: 80 excite and 20 inhibit with four
    times their weight, as in H. F. Song, G. R. Yang & X.-J. Wang, PLoS Comput. Biol. 12, e1004792 (2016), doi:10.1371/journal.pcbi.1004792, but
    exactly, and for each unit. A row that has one of the two only stays as it is. Of equal norm, weights of one sign a column would have about
    half the radius, since most of their norm is in means that cancel: states would fade, and with them what has to be remembered.
    """
    excites = sign == POSITIVE
    signed = np.abs(W) * sign
    more, less = signed[:, excites].sum(axis=1), -signed[:, ~excites].sum(axis=1)
    both = (more > 0) & (less > 0)
    scale = np.where(both, more / np.where(both, less, 1.0), 1.0)
    signed[:, ~excites] *= scale[:, None]
    radius = spectral_radius(signed)
    return signed * (spectral_radius(W) / radius) if radius > 0 else signed


def spectral_radius(W: np.ndarray) -> float:
    """Largest absolute eigenvalue; dense below 200 units, Arnoldi with a fixed start above, to 1e-4 there.

    Eigenvalues of a random matrix are dense at the edge of their circle: with the usual Krylov space of 20 vectors Arnoldi converges to a
    wrong one, 2 % too small; 96 vectors find the right one, in the same time.
    """
    n = len(W)
    if not np.isfinite(W).all():
        return float("nan")
    if n < 200:
        return float(np.abs(np.linalg.eigvals(W)).max())
    from scipy.sparse.linalg import ArpackNoConvergence, eigs

    try:
        values = eigs(W.astype(np.float64), k=1, ncv=96, v0=np.ones(n), tol=1e-4, return_eigenvectors=False)
    except ArpackNoConvergence:
        values = np.linalg.eigvals(W)
    return float(np.abs(values).max())
