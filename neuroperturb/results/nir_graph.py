"""NIR, the neuromorphic intermediate representation: trained networks as graphs that other tools read, and back.

    leaky units, f identity       input ▸ Affine ▸ LI ▸ Linear ▸ output                         LI ▸ Linear ▸ LI: the recurrence
        x ← (1 − α) x + α (W_in û + W_rec x̂)       is   τ dv/dt = (v_leak − v) + R I  by a step of Euler's with α = dt/τ, R = 1, v_leak = 0
    leaky integrate-and-fire      input ▸ Affine ▸ LIF ▸ LI ▸ Linear ▸ output                   LIF ▸ Linear ▸ LI ▸ LIF: the recurrence
        τ_s dg/dt = −g + (θ/ν) W_rec S             LI of the synapses, S = Σ δ(t − t_spike)
        τ_m dv/dt = (v_rest − v) + I + g           LIF, R = 1;  I = v_input W_in u + I_background  [V]
        τ_r dr/dt = −r + S/ν                       LI of the readout,  y = W_out r

Matrices of decorrelation are multiplied into the weights that read through them. The standard has no unit with an activation such as tanh,
and no refractory time: the first cannot be written, the second is written as metadata of the graph, which another tool ignores. What only
this package knows (dt, θ's unit of inputs) is metadata, too; graphs of other tools lack it and are read with arguments in its place.

References
----------
.. [1] J. E. Pedersen et al., Neuromorphic intermediate representation: A unified instruction set for interoperable brain-inspired
   computing, Nature Communications 15:8122 (2024). doi:10.1038/s41467-024-52259-9, table 1 (Affine, Linear, LI, LIF)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroperturb.network.activation import Identity
from neuroperturb.network.lif import LIF, Current
from neuroperturb.network.quantities import Si
from neuroperturb.network.rnn import RNN
from neuroperturb.results.run import Run
from neuroperturb.spec import InputError, SpecError, Words

MISSING = "Graphs of the NIR standard need the package nir: pip install 'neuroperturb[nir]'."
VERSION = 1  # of the metadata
STEP = 1e-3  # [s] of a leaky unit, whose time is counted in steps
LINEAR, UNITS = ("Linear", "Affine"), ("LI", "LIF")


class Imported(NamedTuple):
    """A network read from a graph.

    network : RNN
    weights : W_in (n, n_in [+ 1 with bias]), W_rec (n, n), W_out (n_out, n), as of a record
    spiking : its neurons, or None of leaky units
    """

    network: RNN
    weights: dict[str, np.ndarray]
    spiking: LIF | None

    def save(self, path: str | Path) -> Path:
        """Write the weights as an ``.npz`` that a network begins with: ``initial = {kind = "file", path = …}``."""
        np.savez(path, **self.weights)  # type: ignore[arg-type]
        return Path(path)


def _nir():
    try:
        import nir
    except ImportError:
        raise InputError(MISSING) from None
    return nir


def export(run: Run, *, dt: float = STEP):
    """The trained network of a record as a graph.

    Parameters
    ----------
    run : of units with the activation ``identity``, or of spiking neurons whose inputs are currents
    dt : duration of a step of leaky units, which only sets the unit of τ = dt/α [s]

    Returns
    -------
    nir.NIRGraph
        :func:`write` writes it, as ``nir.write`` does.
    """
    nir, spiking, network = _nir(), run.experiment.spiking, run.experiment.network
    if spiking is None and not isinstance(network.activation, Identity):
        raise InputError(
            f"Units with the activation {network.activation.kind!r} are outside the NIR standard, whose units are linear, thresholds or spiking: "
            "networks of 'identity' units and of LIF neurons can be exported."
        )
    if spiking is not None and not isinstance(spiking.encoding, Current):
        raise InputError(
            f"Inputs coded as {spiking.encoding.kind!r} spikes are outside the NIR standard, whose graphs begin after the coding: "
            "networks with the encoding 'current' can be exported."
        )
    if spiking is not None and spiking.adapts:
        raise InputError("Adaptive thresholds are outside the NIR standard, whose LIF neurons have constant ones.")
    if spiking is not None and spiking.slots:
        raise InputError(
            "Delays of spikes are not exported: 'spiking.delay' must be 0 ms in a run that is written as a NIR graph."
        )
    weights = folded(run.weights)
    n_in = weights["W_in"].shape[1] - network.bias
    W_in, bias = weights["W_in"][:, :n_in], weights["W_in"][:, n_in:].sum(axis=1)
    nodes: dict[str, Any] = {
        "input": nir.Input(input_type={"input": np.array([n_in])}),
        "output": nir.Output(output_type={"output": np.array([len(weights["W_out"])])}),
        "w_rec": nir.Linear(weight=weights["W_rec"]),
        "w_out": nir.Linear(weight=weights["W_out"]),
    }
    if spiking is None:
        tau = dt / np.broadcast_to(np.asarray(network.leaks, float), (network.size,)).copy()
        nodes |= {"w_in": nir.Affine(weight=W_in, bias=bias), "units": _leaky(nir, tau, 1.0)}
        edges = [
            ("input", "w_in"),
            ("w_in", "units"),
            ("units", "w_rec"),
            ("w_rec", "units"),
            ("units", "w_out"),
            ("w_out", "output"),
        ]
        known = {"dt": dt, "bias": int(network.bias)}
    else:
        theta, full = spiking.v_threshold - spiking.v_rest, lambda value: np.full(network.size, float(value))
        nodes |= {
            "w_in": nir.Affine(weight=spiking.v_input * W_in, bias=spiking.background + theta * bias),
            "synapses": _leaky(nir, full(spiking.tau_synapse), theta / spiking.rate),
            "neurons": nir.LIF(
                tau=full(spiking.tau_membrane), r=full(1), v_leak=full(spiking.v_rest), v_threshold=full(spiking.v_threshold),
                v_reset=full(spiking.v_reset),
            ),
            "traces": _leaky(nir, full(spiking.tau_readout), 1 / spiking.rate),
        }  # fmt: skip
        edges = [
            ("input", "w_in"),
            ("w_in", "neurons"),
            ("neurons", "w_rec"),
            ("w_rec", "synapses"),
            ("synapses", "neurons"),
        ]
        edges += [("neurons", "traces"), ("traces", "w_out"), ("w_out", "output")]
        kept = ("v_input", "background", "rate", "refractory", "dt", "step")
        known = {name: getattr(spiking, name) for name in kept} | {"bias": int(network.bias)}
    return nir.NIRGraph(nodes, edges, metadata={"neuroperturb": VERSION, **known})


def write(path: str | Path, graph: Any) -> None:
    """Write a graph to a file of the standard, HDF5."""
    _nir().write(str(path), graph)


def folded(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """W_in, W_rec and W_out, float64, with decorrelation multiplied in: W_in D_in, W_rec D_rec, W_out D_rec."""
    W = {name: np.array(w, np.float64) for name, w in weights.items()}
    n_in, D = len(W["D_in"]), W["D_rec"]
    W["W_in"][:, :n_in] = W["W_in"][:, :n_in] @ W["D_in"]
    return {"W_in": W["W_in"], "W_rec": W["W_rec"] @ D, "W_out": W["W_out"] @ D}


def _leaky(nir, tau: np.ndarray, r: float):
    return nir.LI(tau=tau, r=np.full(len(tau), float(r)), v_leak=np.zeros(len(tau)))


def read(graph: Any, *, dt: float | None = None, **spiking: Any) -> Imported:
    """A network from a graph of linear maps with LI or LIF units: one recurrent layer and a linear readout.

    Parameters
    ----------
    graph : nir.NIRGraph, or the path of a file that `nir.write` wrote
    dt : step of leaky units [s]; by default that of the metadata
    spiking : settings of :class:`neuroperturb.network.lif.LIF` that a graph does not have, ``rate``, ``step``, …; by default those of the metadata

    Returns
    -------
    Imported
    """
    nir = _nir()
    if isinstance(graph, str | Path):
        graph = nir.read(str(graph))
    found = _Found(graph.nodes, graph.edges)
    known = {name: _plain(value) for name, value in (graph.metadata or {}).items()}
    neurons = [name for name, node in graph.nodes.items() if type(node).__name__ == "LIF"]
    if len(neurons) > 1:
        raise _refused(f"one layer of LIF units, not {len(neurons)}: {', '.join(neurons)}")
    return _spiking(found, neurons[0], known, spiking) if neurons else _of_leaky(found, known, dt)


class _Found:
    """What a graph is made of: the nodes, and who follows whom."""

    def __init__(self, nodes: Mapping[str, Any], edges: Iterable[tuple[str, str]]):
        self.nodes, self.edges = nodes, [tuple(edge) for edge in edges]
        for name, node in nodes.items():
            kind = type(node).__name__
            if kind not in (*LINEAR, *UNITS, "Input", "Output"):
                raise _refused(f"Linear, Affine, LI and LIF nodes only; {name!r} is {kind}")

    def kind(self, name: str) -> str:
        return type(self.nodes[name]).__name__

    def after(self, name: str, *kinds: str) -> list[str]:
        return [b for a, b in self.edges if a == name and self.kind(b) in kinds]

    def before(self, name: str, *kinds: str) -> list[str]:
        return [a for a, b in self.edges if b == name and self.kind(a) in kinds]

    def from_input(self, units: str) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of the map from the input to these units."""
        maps = [m for m in self.before(units, *LINEAR) if self.before(m, "Input")]
        return self.map(self.one(maps, f"one map from the input to {units!r}"))

    def to_output(self, source: str) -> np.ndarray:
        maps = [m for m in self.after(source, *LINEAR) if self.after(m, "Output")]
        weight, bias = self.map(self.one(maps, f"one map from {source!r} to the output"))
        if bias.any():
            raise _refused("a readout without a bias")
        return weight

    def recurrent(self, source: str, target: str, size: int) -> np.ndarray:
        maps = [m for m in self.after(source, *LINEAR) if target in self.after(m, *UNITS)]
        if not maps:
            return np.zeros((size, size))
        weight, bias = self.map(self.one(maps, f"one map from {source!r} to {target!r}"))
        if bias.any():
            raise _refused("recurrent maps without a bias")
        return weight

    def map(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        node = self.nodes[name]
        weight = np.array(node.weight, np.float64)
        return weight, np.array(getattr(node, "bias", np.zeros(len(weight))), np.float64)

    @staticmethod
    def one(names: list[str], wanted: str) -> str:
        if len(names) != 1:
            raise _refused(wanted, Words(f"{len(names)}"))
        return names[0]


def _of_leaky(found: _Found, known: dict, dt: float | None) -> Imported:
    units = found.one([name for name in found.nodes if found.kind(name) == "LI"], "one layer of LI units")
    dt = known.get("dt") if dt is None else dt
    if dt is None:
        raise SpecError("dt", "read", "the step of the leaky units in seconds, which this graph does not have", None)
    node = found.nodes[units]
    alpha, r, rest = (np.array(part, np.float64) for part in (dt / node.tau, node.r, node.v_leak))
    if alpha.max() > 1 + 1e-12:
        raise SpecError("dt", "read", f"at most the shortest time constant, {float(node.tau.min()):g} s", dt)
    W_in, bias = found.from_input(units)
    W_rec = found.recurrent(units, units, len(alpha))
    return _imported(
        r[:, None] * W_in, r * bias + rest, r[:, None] * W_rec, found.to_output(units), known, None, leak=_shared(np.minimum(alpha, 1)),
        activation={"kind": "identity"},
    )  # fmt: skip


def _spiking(found: _Found, neurons: str, known: dict, given: dict) -> Imported:
    node, synapses = found.nodes[neurons], found.before(neurons, "LI")
    traces = found.one(found.after(neurons, "LI"), f"one LI of the readout after {neurons!r}")
    readout = found.nodes[traces]
    tau_r, scale = _same("tau", readout.tau), _same("r", readout.r)
    settings = {
        "tau_membrane": _same("tau", node.tau), "tau_readout": tau_r, "v_rest": _same("v_leak", node.v_leak), "rate": 1 / scale,
        "v_threshold": _same("v_threshold", node.v_threshold), "v_reset": _same("v_reset", node.v_reset),
    }  # fmt: skip
    theta, size = settings["v_threshold"] - settings["v_rest"], len(node.tau)
    r = _same("r", node.r)
    W_rec = np.zeros((size, size))
    if synapses:
        made = found.nodes[found.one(synapses, f"one LI of the synapses before {neurons!r}")]
        settings["tau_synapse"] = _same("tau", made.tau)
        W_rec = found.recurrent(neurons, synapses[0], size) * (r * _same("r", made.r) * settings["rate"] / theta)
    kept = ("v_input", "background", "rate", "refractory", "dt", "step")
    settings = {"v_input": theta, "background": 0.0} | settings | {k: known[k] for k in kept if k in known} | given
    lif = LIF(**{name: Si(value) if isinstance(value, float) else value for name, value in settings.items()})
    W_in, bias = found.from_input(neurons)
    bias = (r * bias - lif.background) / theta
    return _imported(r * W_in / lif.v_input, bias, W_rec, found.to_output(traces), known, lif)


def _imported(W_in, bias, W_rec, W_out, known: dict, lif: LIF | None, **network: Any) -> Imported:
    """With a column of the bias if there is one, or the network had one."""
    biased = bool(known.get("bias", np.abs(bias).max() > 1e-12))
    W_in = np.column_stack([W_in, bias]) if biased else W_in
    made = RNN(size=len(W_rec), bias=biased, **network)
    return Imported(made, {"W_in": W_in, "W_rec": W_rec, "W_out": W_out}, lif)


def _shared(values: np.ndarray) -> float | tuple[float, ...]:
    return float(values[0]) if np.ptp(values) <= 1e-15 else tuple(map(float, values))


def _same(name: str, values: np.ndarray) -> float:
    values = np.asarray(values, float)
    if np.ptp(values) > 1e-12 * np.abs(values).max():
        raise _refused(f"neurons that are alike; {name!r} differs between them")
    return float(values.flat[0])


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _refused(wanted: str, got: Any = None) -> InputError:
    return InputError(f"The graph must have {wanted}." + ("" if got is None else f" Got {got} instead."))
