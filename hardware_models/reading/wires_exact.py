"""Kirchhoff's laws for every node of an array of word and bit lines: the reference for the fast form of :mod:`hardware_models.reading.wiring`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.numerics.checks import ParameterError, Words
from hardware_models.reading.wiring import Wires, checked_operands, fast_read


class Network(NamedTuple):
    """A solved network of resistors, for p bit lines to an output and K columns of inputs.

    currents : (K, p, n) what the sense amplifiers take [A]
    word_volts : (K, m, n) and bit_volts : (K, p, m, n), at the cells [V]
    """

    currents: np.ndarray
    word_volts: np.ndarray
    bit_volts: np.ndarray


def solve_network(conductances: ArrayLike, volts: ArrayLike, wires: Wires) -> Network:
    """Solve Kirchhoff's current law at every node; O((m n)^1.5) or so: 2 s for 256 × 256 pairs of cells.

    Parameters
    ----------
    conductances : (p, m, n) or (m, n), of cells between word line j and bit line i, p cells side by side [S]
    volts : (K, m) or (m,), at the drivers [V]; for (m,) the results have no axis K
    wires : resistances and ends; its `conductance` has no part in this

    Raises
    ------
    ParameterError
        if a conductance is negative or not finite, or sizes do not match
    """
    wires.check()
    G, V = np.asarray(conductances, float), np.asarray(volts, float)
    G, single = G if G.ndim == 3 else G[None], V.ndim == 1
    V = np.atleast_2d(V)
    if not (np.isfinite(G).all() and (G >= 0).all()):
        raise ParameterError("conductances", "solve_network", "finite and 0 or more")
    if V.shape[1] != G.shape[1]:
        raise ParameterError("volts", "solve_network", f"rows of {G.shape[1]} numbers", Words(V.shape))
    nodes = _Nodes(G.shape, wires)
    volts = _node_volts(nodes, _resistors(G, nodes, wires), V)
    found = Network(_sensed(G, nodes, volts), volts[:, nodes.word], volts[:, nodes.bit])
    return Network(*(part[0] for part in found)) if single else found


class _Nodes:
    """Numbers of the nodes: ground 0, drivers 1 … m, then cells. Ends of lines without resistance are one node with them."""

    def __init__(self, shape, wires: Wires):
        _, m, n = shape
        self.driver = np.arange(1, m + 1)
        self.word = np.broadcast_to(self.driver[:, None], (m, n))
        self.bit = np.zeros(shape, int)
        self.count = m + 1
        self.fixed = m + 1  # of known voltage
        if wires.word_resistance > 0:
            self.word = self._next((m, n))
        if wires.bit_resistance > 0:
            self.bit = self._next(shape)

    def _next(self, shape):
        first, self.count = self.count, self.count + int(np.prod(shape))
        return np.arange(first, self.count).reshape(shape)


def _resistors(G, nodes: _Nodes, wires: Wires):
    """Every resistor: from node, to node, conductance."""
    parts = [(np.broadcast_to(nodes.word, G.shape), nodes.bit, G)]
    if wires.word_resistance > 0:
        g, word = 1 / wires.word_resistance, nodes.word
        parts.append((word[:, :-1], word[:, 1:], g))
        if wires.driver != "right":
            parts.append((nodes.driver, word[:, 0], g))
        if wires.driver != "left":
            parts.append((nodes.driver, word[:, -1], g))
    if wires.bit_resistance > 0:
        g, bit = 1 / wires.bit_resistance, nodes.bit
        parts.append((bit[:, :-1], bit[:, 1:], g))
        end = bit[:, -1 if wires.sense == "bottom" else 0]
        parts.append((end, np.zeros_like(end), g))
    flat = [(a.ravel(), b.ravel(), np.broadcast_to(g, a.shape).ravel()) for a, b, g in parts]
    return [np.concatenate(column) for column in zip(*flat, strict=True)]


def _node_volts(nodes: _Nodes, resistors, V) -> np.ndarray:
    """Voltage of every node, (K, nodes): Σ_b g_ab (v_a − v_b) = 0 at every node that is neither driver nor ground."""
    from scipy.sparse import coo_array  # where circuits are solved, and only there: importing it takes a while
    from scipy.sparse.linalg import splu

    a, b, g = resistors
    ends = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
    laplacian = coo_array((np.concatenate([g, g, -g, -g]), ends), shape=(nodes.count, nodes.count)).tocsr()
    known = np.zeros((nodes.fixed, len(V)))
    known[1:] = V.T
    free = laplacian[nodes.fixed :]
    A, rhs = free[:, nodes.fixed :].tocsc(), -(free[:, : nodes.fixed] @ known)
    if nodes.count == nodes.fixed:
        return known.T
    # symmetric and diagonally dominant: no pivoting, and an ordering that keeps the symmetry
    factors = splu(A, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    v = factors.solve(rhs)
    v += factors.solve(rhs - A @ v)  # one step of refinement
    return np.concatenate([known, v]).T


def _sensed(G, nodes: _Nodes, volts) -> np.ndarray:
    """(K, p, n): all that flows into a bit line leaves it at the sense amplifier."""
    return np.einsum("pji,Kpji->Kpi", G, volts[:, nodes.word][:, None] - volts[:, nodes.bit])


def exact_read(w: ArrayLike, x: ArrayLike, wires: Wires, gains: Sequence[float] = (1.0,)) -> np.ndarray:
    """The read of an array through its wires, by the exact solution; parameters and result as in `fast_read`."""
    w, x, single = checked_operands(w, x, wires, gains)
    halves = np.concatenate([np.stack([np.maximum(wk, 0), np.maximum(-wk, 0)]) for wk in w])
    found = solve_network(wires.siemens * halves, x, wires).currents / wires.siemens
    y = np.einsum("k,Kki->Ki", gains, found[:, 0::2] - found[:, 1::2])
    return y[0] if single else y


def error_of_fast_form(cells: int, wires: Wires, low: float = 0.0, seed: int = 1) -> tuple[float, float]:
    """(no wires, fast form): relative error against the exact solve, for cells × cells weights uniform on ±1.

    low : inputs are uniform on (low, 1)
    """
    rng = np.random.default_rng(seed)
    w, x = rng.uniform(-1, 1, (cells, cells)), rng.uniform(low, 1, cells)
    exact = exact_read(w, x, wires)
    size = np.linalg.norm(exact)
    return tuple(float(np.linalg.norm(y - exact) / size) for y in (x @ w, fast_read(w, x, wires)))


def main() -> None:
    """Print the table of this module's docstring."""
    for ohm, siemens in ((0.35, 5e-6), (1.0, 1e-4)):
        wires = Wires(word_resistance=ohm, bit_resistance=ohm, conductance=siemens)
        for cells in (64, 128, 256):
            errors = [*error_of_fast_form(cells, wires, 0), *error_of_fast_form(cells, wires, -1)]
            print(f"{ohm:.2f} Ω  {siemens * 1e6:g} µS  {cells}", *(f"{error:.1e}" for error in errors), sep="  ")


if __name__ == "__main__":
    main()
