r"""IR drop: the loss of a read by the resistance of word and bit lines.

A weight w is a pair of neighbouring cells on one word line, of conductance G⁺ = g max(w, 0) and G⁻ = g max(−w, 0), whose
currents leave through two bit lines and are subtracted. Word line j is driven with x_j volts at one end (or both), bit line i is
held at 0 V at one end; between neighbouring cells, and between the last cell and the end, lies a segment of wire.

    driver "left", sense "bottom"        x_j ─R_w─┬──R_w─┬──R_w─┬── …     word line j, cells i = 0, 1, 2 …
                                                  G      G      G
                                              │   │  │   │  │   │         bit lines run on to row m − 1, then R_b to ground

Kirchhoff's laws for all 3 m n nodes are a sparse linear system (:mod:`hardware_models.reading.wires_exact`), as in D. Joksas &
A. Mehonic, SoftwareX 12, 100617 (2020), doi:10.1016/j.softx.2020.100617. That is the reference; the fast form, derived here, replaces
the network by ladders, which are solved exactly from end to end. With y the conductance of a line as seen from a node, looking
away from where it is driven or held,

    word lines     y_i = G_ji + y_{i+1} / (1 + R_w y_{i+1})                   G_ji: both cells of a weight
                   u_ji = u_{j,i−1} / (1 + R_w y_i),  u_{j,−1} = 1            share of x_j that arrives at cell i, bit lines at 0 V
    mean bit line  a ladder of conductances C_j = Σ_i G_ji u_ji / n, one to each x_j, gives b_j: by how much bit lines rise
    cell voltages  V_ji = b_j + u_ji (x_j − b_j)                              exact for bit lines that rise alike
    bit lines      y, I ← (y + G_ji) f, (I + G_ji V_ji) f,  f = 1 / (1 + R_b (y + G_ji)),  row by row, towards the sense amplifier

The last I is what is sensed; there is one mean bit line for G⁺ and one for G⁻, and b is their mean, weighted by C. The form is exact
if only one kind of line has resistance, or if every bit line rises like the mean one; it is always exact to first order in the
resistances, and costs two passes over the weights, 3 to 5 ns per weight with two columns in float32 (AVX2, one core).

Error against the exact solve, ‖fast − exact‖ / ‖exact‖, next to ‖no wires − exact‖ / ‖exact‖; weights uniform on ±1 device unit
of conductance g, driver left, sense bottom; ``python -m hardware_models.reading.wires_exact``:

    R_w = R_b  g        cells      inputs on (0, 1)        inputs on ±1
                                   no wires  fast form     no wires  fast form
    0.35 Ω     5 µS      64 × 64   2.4e-03   5.3e-08       1.9e-03   7.8e-08
    0.35 Ω     5 µS     128 × 128  9.6e-03   4.9e-07       7.5e-03   5.2e-07
    0.35 Ω     5 µS     256 × 256  3.8e-02   3.4e-06       3.0e-02   4.0e-06
    1.00 Ω     100 µS    64 × 64   1.4e-01   1.3e-04       1.1e-01   2.2e-04
    1.00 Ω     100 µS   128 × 128  5.5e-01   8.5e-04       4.3e-01   9.8e-04
    1.00 Ω     100 µS   256 × 256  2.1e+00   1.5e-02       1.7e+00   2.5e-03
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.crossbar.arguments import as_numbers
from hardware_models.crossbar.contract import Site
from hardware_models.numerics import memory
from hardware_models.numerics.checks import (
    HardwareWarning,
    ParameterError,
    Words,
    refuse,
    require_not_negative,
    require_positive,
)
from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.dots import dot
from hardware_models.numerics.record import record

UNKNOWN = 5e-6  # S: of a cell that nothing is known of
LIMIT = 0.05  # relative error that the fast form may have without a warning


@dataclass(frozen=True, kw_only=True)
class Wires:
    """Word and bit lines of an array; with both resistances 0 nothing is lost.

    word_resistance : of one segment of a word line, from a weight to the next: a pair of cells lies between [Ω]. Published figures
        are often for the pitch of one cell: here such a figure counts twice
    bit_resistance : of one segment of a bit line, from a cell to its neighbour [Ω]
    conductance : of a cell that holds a weight of one device unit [S]; None: the largest that its programming model or its cell model
        knows, 5 µS where neither does
    driver : end of the word lines that is driven, ``"left"`` is that at output 0; ``"both"``
    sense : end of the bit lines that is held at 0 V, ``"bottom"`` is that at the last input, ``"top"`` that at input 0
    """

    word_resistance: float = 0.35
    bit_resistance: float = 0.35
    conductance: float | None = None
    driver: Literal["left", "right", "both"] = "left"
    sense: Literal["bottom", "top"] = "bottom"

    def check(self) -> None:
        require_not_negative(self, "word_resistance bit_resistance")
        if self.conductance is not None:
            require_positive(self, "conductance")
        if self.driver not in ("left", "right", "both"):
            refuse(self, "driver", "'left', 'right' or 'both'")
        if self.sense not in ("bottom", "top"):
            refuse(self, "sense", "'bottom' or 'top'")

    @property
    def siemens(self) -> float:
        """Conductance of a cell that holds one device unit, as far as it is known [S]."""
        return UNKNOWN if self.conductance is None else self.conductance

    def numbers(self, dtype: type[np.floating]) -> WireNumbers:
        """What kernels take."""
        return WireNumbers(
            dtype(self.word_resistance * self.siemens), dtype(self.bit_resistance * self.siemens),
            int(self.driver != "right"), int(self.driver != "left"), int(self.sense == "bottom"),
        )  # fmt: skip


# -------------------------------------------------------------------------------------------------- where the fast form holds


def error_bound(shape: tuple[int, int], wires: Wires, devices: int = 1, largest: float = 1.0) -> float:
    """What the relative error of the fast form stays below, for an array of n outputs and m inputs.

        s² / (12 + 14 s + 2 s²),   s² = (R_w g n²) (R_b g m²),   g the conductance of the largest weight

    An envelope of what was measured against the exact solve: the form is exact to first order, and where one of the two resistances
    is 0. The worst weights found were all alike in one half of the array and 0 in the other; independent random ones are some ten
    times better. In parts of what inputs of one sign read: ‖fast(x) − exact(x)‖ / ‖exact(|x|)‖.

    shape : (n, m);  devices : of a weight;  largest : weight of a device [device units]
    """
    (n, m), g = shape, wires.siemens * largest
    s = g * n * m * math.sqrt(devices * wires.word_resistance * wires.bit_resistance)
    return s**2 / (12 + 14 * s + 2 * s**2)


def warn_of_error(site: Site) -> None:
    """Warn where the fast form is not to be relied on for an array."""
    wires, devices, (n, m) = site.parts.readout.wires, len(site.weight.gains), site.shape
    bound = error_bound(site.shape, wires, devices, site.cell.bound or 1.0)
    if bound > LIMIT and n * m > 1:  # parts are also checked on paper, without a size
        warnings.warn(
            f"What is read through the wires of {n} × {m} weights of {1e6 * wires.siemens:.3g} µS may be wrong by up to {100 * bound:.2g} % "
            f"(more than {100 * LIMIT:g} %): the fast form of wires is for smaller arrays or resistances; hardware_models.exact_read solves "
            "them exactly.",
            HardwareWarning, stacklevel=6,
        )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ fast form


class WireNumbers(NamedTuple):
    """word, bit : resistance of a segment times conductance of a device unit;  left, right, bottom : 1 where it is so."""

    word: float
    bit: float
    left: int
    right: int
    bottom: int


class WireScratch(NamedTuple):
    """Work space of the fast form; n padded, K columns, d devices a weight.

    row, size : (n,) a row of weights and its magnitudes;  total, factor, arrived : (4, n) for four word lines
    u : (m, n) share of a word line's voltage that arrives;  load : (2 d, m) C;  rise : (K, m) b
    line : (2, m) f and I of a mean bit line;  y : (2 d, n), current : (2 d K, n) and step : (n,) y, I and f of bit lines
    lost : (K, n) what wires take from a read [device units · input units]
    """

    row: np.ndarray
    size: np.ndarray
    total: np.ndarray
    factor: np.ndarray
    arrived: np.ndarray
    u: np.ndarray
    load: np.ndarray
    rise: np.ndarray
    line: np.ndarray
    y: np.ndarray
    current: np.ndarray
    step: np.ndarray
    lost: np.ndarray


def make_scratch(devices: int, m: int, n: int, columns: int, dtype) -> WireScratch:
    """Work space for `devices` a weight, m inputs, n outputs and K columns."""
    zeros = lambda *shape: memory.zeros(shape, dtype)  # noqa: E731
    planes = 2 * devices
    return WireScratch(
        row=zeros(1, n)[0], size=zeros(1, n)[0], total=zeros(4, n), factor=zeros(4, n), arrived=zeros(4, n), u=zeros(m, n),
        load=zeros(planes, m), rise=zeros(columns, m), line=zeros(2, m), y=zeros(planes, n), current=zeros(planes * columns, n),
        step=zeros(1, n)[0], lost=zeros(columns, n),
    )  # fmt: skip


@kernel
def device_row(w, slow, k, j, out):
    """The visible weights of row j of device k, with their slow offset where there is one."""
    row = w[k, j]
    for i in range(out.shape[0]):
        out[i] = row[i]
    if slow.shape[2] > 1:
        offset = slow[k, j]
        for i in range(out.shape[0]):
            out[i] += offset[i]


@kernel
def ladders(g, factor, r, ground, first, step, n, out):
    """Four word lines driven with 1 at the end before cell `first`: adds the voltages of their cells to `out`.

    ground : conductance to 0 V beyond the last cell, 0 where the line ends there. Four at a time hide the latency of a scan.
    """
    g0, g1, g2, g3 = g[0], g[1], g[2], g[3]
    q0, q1, q2, q3 = factor[0], factor[1], factor[2], factor[3]
    out0, out1, out2, out3 = out[0], out[1], out[2], out[3]
    one = type(r)(1)
    y0 = y1 = y2 = y3 = ground
    for t in range(n - 1, -1, -1):
        i = first + step * t
        y0, y1, y2, y3 = y0 + g0[i], y1 + g1[i], y2 + g2[i], y3 + g3[i]
        f0, f1, f2, f3 = one / (one + r * y0), one / (one + r * y1), one / (one + r * y2), one / (one + r * y3)
        q0[i], q1[i], q2[i], q3[i] = f0, f1, f2, f3
        y0, y1, y2, y3 = y0 * f0, y1 * f1, y2 * f2, y3 * f3
    v0 = v1 = v2 = v3 = one
    for t in range(n):
        i = first + step * t
        v0, v1, v2, v3 = v0 * q0[i], v1 * q1[i], v2 * q2[i], v3 * q3[i]
        out0[i] += v0
        out1[i] += v1
        out2[i] += v2
        out3[i] += v3


@kernel
def word_lines(w, slow, wires, n, s):
    """s.u: share of a word line's voltage that arrives at each cell;  s.load: conductance of the lines as driven, C."""
    total, arrived, size, row, m = s.total, s.arrived, s.size, s.row, w.shape[1]
    r, zero = wires.word, type(wires.word)(0)
    for first in range(0, m, 4):
        last = min(first + 4, m)
        for c in range(4):
            total[c, :] = 0
            arrived[c, :] = 0 if r > zero else 1
        for j in range(first, last):
            sums = total[j - first]
            for k in range(w.shape[0]):
                device_row(w, slow, k, j, row)
                for i in range(row.shape[0]):
                    sums[i] += abs(row[i])
        if r > zero and wires.left != 0:
            ground = type(r)(1) / r if wires.right != 0 else zero
            ladders(total, s.factor, r, ground, first=0, step=1, n=n, out=arrived)
        if r > zero and wires.right != 0:
            ground = type(r)(1) / r if wires.left != 0 else zero
            ladders(total, s.factor, r, ground, first=n - 1, step=-1, n=n, out=arrived)
        for j in range(first, last):
            u, share = s.u[j], arrived[j - first]
            for i in range(u.shape[0]):
                u[i] = share[i]
            for k in range(w.shape[0]):
                device_row(w, slow, k, j, row)
                for i in range(row.shape[0]):
                    size[i] = abs(row[i])
                both, difference = dot(size, u), dot(row, u)
                s.load[2 * k, j] = (both + difference) / type(r)(2 * n)
                s.load[2 * k + 1, j] = (both - difference) / type(r)(2 * n)


@kernel
def mean_bit_lines(x, wires, m, s):
    """s.rise: voltage of the mean bit line at every row, for each column; mean over lines weighted by what hangs on them."""
    load, rise, r = s.load, s.rise, wires.bit
    factor, current, one = s.line[0], s.line[1], type(wires.bit)(1)
    for c in range(x.shape[0]):
        for j in range(m):
            rise[c, j] = 0
        for p in range(load.shape[0]):
            y = into = type(r)(0)
            for t in range(m):
                j = t if wires.bottom != 0 else m - 1 - t
                y, into = y + load[p, j], into + load[p, j] * x[c, j]
                f = one / (one + r * y)
                factor[j], current[j] = f, into
                y, into = y * f, into * f
            b = type(r)(0)
            for t in range(m - 1, -1, -1):
                j = t if wires.bottom != 0 else m - 1 - t
                b = (b + r * current[j]) * factor[j]
                rise[c, j] += load[p, j] * b
        for j in range(m):
            hanging = type(r)(0)
            for p in range(load.shape[0]):
                hanging += load[p, j]
            rise[c, j] = rise[c, j] / hanging if hanging > type(r)(0) else type(r)(0)


@kernel
def bit_lines(w, slow, gain, x, wires, s):
    """s.lost: what an ideal read gives, less what arrives through the wires."""
    row, f, y, current, lost, u = s.row, s.step, s.y, s.current, s.lost, s.u
    r, m, K = wires.bit, w.shape[1], x.shape[0]
    one, zero = type(r)(1), type(r)(0)
    for t in range(m):
        j = t if wires.bottom != 0 else m - 1 - t
        share = u[j]
        for k in range(w.shape[0]):
            device_row(w, slow, k, j, row)
            for c in range(K):
                out, a = lost[c], gain[k] * x[c, j]
                for i in range(row.shape[0]):
                    out[i] += row[i] * a
            for half in range(2):
                p, sign = 2 * k + half, one if half == 0 else -one
                seen = y[p]
                for i in range(row.shape[0]):
                    v = seen[i] + max(sign * row[i], zero)
                    f[i] = one / (one + r * v)
                    seen[i] = v * f[i]
                for c in range(K):
                    into, b, a = current[p * K + c], s.rise[c, j], x[c, j] - s.rise[c, j]
                    for i in range(row.shape[0]):
                        into[i] = (into[i] + max(sign * row[i], zero) * (b + a * share[i])) * f[i]
    for k in range(w.shape[0]):
        for c in range(K):
            out, plus, minus, a = lost[c], current[2 * k * K + c], current[(2 * k + 1) * K + c], gain[k]
            for i in range(out.shape[0]):
                out[i] -= a * (plus[i] - minus[i])


@kernel
def lose(w, slow, gain, n, x, wires, s):
    """s.lost[:K]: what the wires take from a read of columns x (K, m) [device units · input units].

    w (d, m, n), slow (d, m, n) or (1, 1, 1), gain (d,);  wires : WireNumbers;  s : WireScratch
    """
    s.y[:] = 0
    s.current[:] = 0
    s.lost[:] = 0
    word_lines(w, slow, wires, n, s)
    mean_bit_lines(x, wires, w.shape[1], s)
    bit_lines(w, slow, gain, x, wires, s)


def fast_read(w: ArrayLike, x: ArrayLike, wires: Wires, gains: Sequence[float] = (1.0,)) -> np.ndarray:
    """What an array reads through its wires, by the fast form.

    Parameters
    ----------
    w : (d, m, n) or (m, n), weights of d devices [device units]; float32 is worked in as such
    x : (K, m) or (m,), inputs
    gains : (d,), how devices add up

    Returns
    -------
    (K, n) or (n,), Σ_k gain_k Σ_j w_kji x_j less what the wires take [device units · input units]
    """
    dtype = np.dtype(np.float32 if getattr(w, "dtype", None) == np.float32 else np.float64)
    w, x, single = checked_operands(w, x, wires, gains)
    d, m, n = w.shape
    s = make_scratch(d, m, n, len(x), dtype)
    lose(
        memory.place(w, dtype), np.zeros((1, 1, 1), dtype), np.asarray(gains, dtype), n, memory.place(x, dtype),
        record(wires.numbers(dtype.type)), record(s),
    )  # fmt: skip
    y = np.einsum("k,kji,cj->ci", gains, w, x) - s.lost[:, :n]
    return y[0] if single else y


def checked_operands(w, x, wires: Wires, gains):
    """w (d, m, n), x (K, m), and whether x came as one column."""
    wires.check()
    w, x = (as_numbers(name, "", given, "numbers").astype(float) for name, given in (("w", w), ("x", x)))
    if w.ndim not in (2, 3) or w.size == 0:
        raise ParameterError("w", "", "numbers (m, n) or (d, m, n)", Words(f"shape {w.shape}"))
    w, single = w if w.ndim == 3 else w[None], x.ndim == 1
    x = np.atleast_2d(x)
    if len(gains) != len(w):
        raise ParameterError("gains", "", f"one number for each of {len(w)} devices", gains)
    if x.ndim != 2 or x.shape[1] != w.shape[1]:
        raise ParameterError("x", "", f"rows of {w.shape[1]} numbers", Words(f"shape {x.shape}"))
    return w, x, single
