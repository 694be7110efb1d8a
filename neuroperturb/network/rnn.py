"""The network: one recurrent layer, and its initial weights.

    û_t = D_in u_t                                input decorrelation, optional
    a_t = W_in û_t + W_rec x̂_{t−1}                pre-activation
    x_t = (1 − α) x_{t−1} + α f(a_t)              leak α, one or one a unit; activation f; α = 1 and tanh in the published network
    x̂_t = D_rec x_t                               input of the recurrence and of the readout
    y_t = W_out x̂_t                               linear readout

Rows are units: W[i, j] is from j to i. Arrays hold the transpose (presynaptic-major), see hardware_models.array.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, model_serializer, model_validator

from hardware_models.crossbar.sites import Sites
from hardware_models.numerics import memory, random
from neuroperturb.network.activation import TANH, AnyActivation
from neuroperturb.network.initial import NORMAL, AnyInitial
from neuroperturb.network.timescales import Leak, leaks_of
from neuroperturb.network.wiring import Density, blocks, exists, in_layers, signs, sites_of, spectral_radius, with_signs
from neuroperturb.spec import Spec, SpecError, Words, require_memory

LEARNT, DECORRELATING = ("W_in", "W_rec", "W_out"), ("D_in", "D_rec")

ALL = "all"  # the three matrices as one vector
FIRST = ("size", "leak", "bias", "gain", "spectral_radius")  # parameters of the first version, which every table has


class RNN(Spec):
    """Sizes and initial weights of a recurrent network.

    size : n, hidden units
    leak : α, in (0, 1]; or one for every unit; or ``LogSpaced(slowest=20)``, ``{kind = "log-spaced", slowest = 20}`` in tables
    activation : f, by name, see :mod:`neuroperturb.network.activation`
    bias : whether a constant input of 1 is added to the task's inputs
    gain : factor on the Xavier standard deviation √(2/(fan_in + fan_out)) of W_rec
    spectral_radius : if given, W_rec is scaled to this spectral radius instead
    input_gain : factor on the initial input weights, W_in without its column of the bias
    bias_gain : factor on the initial weights of the bias, the last column of W_in; needs `bias`
    initial : initial weights, by name, see :mod:`neuroperturb.network.initial`
    layers : sizes of several layers, each heard by the next one step later, see :mod:`neuroperturb.network.wiring`; `size` is their sum
    recurrent : whether the units of a layer hear each other; without, the network is a feed-forward one
    density : share of the recurrent synapses that exist, above 0 and at most 1; or rows of 0 and 1
    input_density : share of the input synapses that exist, above 0 and at most 1; or rows of 0 and 1
    excitatory : Dale's law, the share of units that excite, above 0 and below 1; None: synapses may have either sign
    wiring_seed : seed of the draw of which synapses exist
    """

    size: int = Field(default=100, ge=1)
    leak: Leak = 1.0
    bias: bool = False
    gain: float = Field(default=1.0, ge=0)
    spectral_radius: float | None = Field(default=None, ge=0)
    input_gain: float = Field(default=1.0, ge=0)
    bias_gain: float = Field(default=1.0, ge=0)
    activation: AnyActivation = TANH
    initial: AnyInitial = NORMAL
    layers: tuple[Annotated[int, Field(ge=1)], ...] = ()
    recurrent: bool = True
    density: Density = 1.0
    input_density: Density = 1.0
    excitatory: float | None = Field(default=None, gt=0, lt=1)
    wiring_seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _size_of_layers(cls, data: Any) -> Any:
        """The size follows from that of the layers."""
        layers = data.get("layers") if isinstance(data, dict) else None
        if not isinstance(layers, list | tuple) or not layers or "size" in data:
            return data
        return {**data, "size": sum(layers)} if all(type(n) is int and n > 0 for n in layers) else data

    @model_validator(mode="after")
    def _layers_are_its_units(self):
        if self.layers and sum(self.layers) != self.size:
            raise SpecError("size", "RNN", f"left out, or {sum(self.layers)}, the sum of its layers", self.size)
        if isinstance(self.density, tuple):
            exists(self.density, (self.size, self.size), 0, 1, "density")
        if isinstance(self.input_density, tuple) and len(self.input_density) != self.size:
            raise SpecError(
                "input_density", "RNN", f"{self.size} rows, one a unit", Words(f"{len(self.input_density)}")
            )
        if self.excitatory is not None and not self.recurrent:
            wanted = "left out without recurrence, whose synapses it gives their signs"
            raise SpecError("excitatory", "RNN", wanted, self.excitatory)
        return self

    @model_validator(mode="after")
    def _has_a_bias_to_scale(self):
        if self.bias_gain != 1 and not self.bias:
            raise SpecError("bias_gain", "RNN", "left out, or 1, in a network without 'bias'", self.bias_gain)
        return self

    @model_validator(mode="after")
    def _leaks_are_of_units(self):
        if isinstance(self.leak, tuple) and len(self.leak) != self.size:
            raise SpecError("leak", "RNN", f"one number for each of {self.size} units", Words(f"{len(self.leak)}"))
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, write) -> dict:
        """Parameters that came later are left out where they change nothing: a table of before stays what it was."""
        usual = type(self).model_fields
        return {k: v for k, v in write(self).items() if k in FIRST or getattr(self, k) != usual[k].default}

    @property
    def shared_leak(self) -> bool:
        """Whether all units have one leak."""
        return isinstance(self.leak, float)

    @property
    def leaks(self) -> float | np.ndarray:
        """α of all units, or (n,) of every one."""
        return leaks_of(self.leak, self.size)

    def leak_pair(self, dtype: np.dtype) -> tuple[Any, Any]:
        """α and 1 − α for kernels: numbers of the dtype of the run, or (n,) arrays of them."""
        one, alpha = dtype.type(1), self.leaks
        if isinstance(alpha, float):
            return dtype.type(alpha), one - dtype.type(alpha)
        alpha = alpha.astype(dtype)
        return memory.place(alpha, dtype), memory.place(one - alpha, dtype)

    def structure(self, n_in: int, n_out: int) -> dict[str, np.ndarray]:
        """What the layers leave of W_in (n, n_in [+ 1]), W_rec and W_out, bool each."""
        n, units = self.size, in_layers(self.layers, self.size)
        W_in, W_rec, W_out = np.zeros((n, n_in + self.bias), bool), np.zeros((n, n), bool), np.zeros((n_out, n), bool)
        W_in[units[0]], W_in[:, n_in:], W_out[:, units[-1]] = True, True, True
        for listening, heard in blocks(units, self.recurrent):
            W_rec[listening, heard] = True
        return {"W_in": W_in, "W_rec": W_rec, "W_out": W_out}

    def present(self, n_in: int, n_out: int) -> dict[str, np.ndarray]:
        """Which synapses exist, bool as above."""
        found, n, seed = self.structure(n_in, n_out), self.size, self.wiring_seed
        found["W_in"][:, :n_in] &= exists(self.input_density, (n, n_in), seed, 0, "input_density")
        found["W_rec"] &= exists(self.density, (n, n), seed, 1, "density")
        return found

    def sites(self, n_in: int, n_out: int) -> dict[str, Sites | None]:
        """Which synapses of W_in, W_rec and W_out exist, and of which sign; None where all do, of any."""
        return sites_of(self.present(n_in, n_out), signs(self.excitatory, self.size))

    @property
    def is_wired(self) -> bool:
        """Whether some synapses do not exist, or have a sign."""
        return any(found is not None for found in self.sites(1, 1).values()) or self.input_density != 1


class Matrices(NamedTuple):
    """Weights of one network, W[i, j] from j to i: W_in (n, n_in [+ 1 with bias]), W_rec (n, n), W_out (n_out, n), D_in
    (n_in, n_in), D_rec (n, n)."""

    W_in: np.ndarray
    W_rec: np.ndarray
    W_out: np.ndarray
    D_in: np.ndarray
    D_rec: np.ndarray


def require_room(network: RNN, n_in: int, n_out: int, batch: int = 1) -> None:
    """Reject a network that does not fit into memory with the states of `batch` trials; a lower bound."""
    n = network.size
    squares = (4, n, n)  # W_rec and D_rec, initial and present
    require_memory(f"a network of {n} units and {batch} trials", squares, (2, n, n_in + n_out), (4, n, batch))


def initial_weights(network: RNN, n_in: int, n_out: int, seed: int) -> Matrices:
    """Initial weights, Xavier-normal by default, and identity D's, float64, from the `init` stream of the seed."""
    require_room(network, n_in, n_out)
    n, m, law = network.size, n_in + network.bias, network.initial
    W_in, W_rec, W_out = law.weights(seed, m, n, n_out) if law.gives_all else _drawn(network, n_in, n_out, seed)
    if not network.recurrent and network.spectral_radius is not None:
        wanted = "left out without recurrence: without a loop there is no eigenvalue but 0"
        raise SpecError("network.spectral_radius", wanted=wanted, got=network.spectral_radius)
    W_rec *= network.gain if network.spectral_radius is None else network.spectral_radius / spectral_radius(W_rec)
    W_in[:, :n_in] *= network.input_gain
    W_in[:, n_in:] *= network.bias_gain
    sites = network.sites(n_in, n_out)
    made = (W if at is None else at.settled(W) for W, at in zip((W_in, W_rec, W_out), sites.values(), strict=True))
    return Matrices(*made, np.eye(n_in), np.eye(n))


def _drawn(network: RNN, n_in: int, n_out: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights by the law of the network, every block of layers with the standard deviation of its own size and density."""
    n, m, law, units = network.size, n_in + network.bias, network.initial, in_layers(network.layers, network.size)
    shapes, first, last = [(n, m), (n, n), (n_out, n)], units[0].stop, network.size - units[-1].start
    xi = [
        random.normal(seed, random.stream(random.Stream.INIT, k), 0, s, dtype=np.float64) for k, s in enumerate(shapes)
    ]
    there = network.present(n_in, n_out)

    def std(block: np.ndarray, a: int, b: int) -> float:
        """√(2/(a + b)) of a block (a, b), and more where synapses are missing: the sums keep their variance."""
        return np.sqrt(2 / (a + b)) / np.sqrt(block.mean() or 1.0)

    W_rec = np.zeros((n, n))
    for listening, heard in blocks(units, network.recurrent):
        block = there["W_rec"][listening, heard]
        W_rec[listening, heard] = law.block(xi[1][listening, heard], std(block, *block.shape))
    W_rec = with_signs(W_rec, signs(network.excitatory, n)) if network.excitatory is not None else W_rec
    return std(there["W_in"][units[0]], first, m) * xi[0], W_rec, std(there["W_out"][:, units[-1]], n_out, last) * xi[2]
