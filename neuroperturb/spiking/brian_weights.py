"""Weights supported in Brian2: cells of hardware_models as code for a synapse, ``dw`` in weight units → the new ``w``.

    Ideal                 w += dw
    Digital               w ← clip(level + ⌊dw/s + U⌋, ± top) s,   U = ½ or the array's own uniform draw
    ConstantStep          n = ⌊dw/s + U⌋ pulses;  w ← clip(w + n s + c √|n| s ξ, bounds):  bounds, rounding and noise of updates, for
                          identical cells

Draws are those of the array: Philox of (seed, stream and array, write, presynaptic, postsynaptic), as :mod:`hardware_models.numerics.random`
defines them, in code of each target; so a digital array is bit-identical here and in the kernel. The noise of n pulses is drawn once,
with their total variance, which is exact unless a bound is reached. Cells that differ from each other, or with weight-dependent steps,
are supported only by the kernel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import hardware_models as hw
from hardware_models.array import SynapseArray
from hardware_models.numerics import random
from hardware_models.writing import ByCell
from neuroperturb.spec import SpecError

IDEAL = "w += dw"
ROUNDED = "floor(dw/step_size + {draw})"
DIGITAL = "w = clip(floor(w/step_size + 0.5) + {rounded}, -top, top)*step_size"
CONSTANT = """pulses = clip({rounded}, -most_pulses, most_pulses)
w = clip(w + step_size*(pulses + step_noise*sqrt(abs(pulses))*gauss_draw({cycle}, number_post, i, j)), low, high)"""
UNIFORM = "uniform_draw({stream}, number_post, i, j)"


class WriteCode(NamedTuple):
    """Code that writes a weight, and its constants."""

    code: str
    numbers: dict[str, float]


def writing(array: SynapseArray, name: str) -> WriteCode:
    """The code of an array's cells; raises, in one sentence, if they have none."""
    cell, scale = array.cell, float(array.state.scale[0])
    for part, plain in (("weight", hw.Single()), ("writing", ByCell()), ("reading", None), ("time", None)):
        if getattr(array, part) != plain:
            _refuse(f"{name}.{part}", getattr(array, part))
    if isinstance(cell, hw.Ideal):
        return WriteCode(IDEAL, {})
    rounding, cycle = (int(key) for key in (array.state.rounding, array.state.cycle))
    draw = UNIFORM.format(stream=rounding) if getattr(cell, "rounding", "nearest") == "stochastic" else "0.5"
    rounded = ROUNDED.format(draw=draw)
    if isinstance(cell, hw.Digital):
        top = 2 ** (cell.bits - 1) - 1
        return WriteCode(DIGITAL.format(rounded=rounded), {"step_size": scale * cell.w_max / top, "top": float(top)})
    if isinstance(cell, hw.ConstantStep) and _all_alike(cell):
        numbers = {
            "step_size": scale * cell.dw_min, "step_noise": cell.dw_min_std, "low": scale * cell.w_min, "high": scale * cell.w_max,
            "most_pulses": float(cell.most_pulses),
        }  # fmt: skip
        return WriteCode(CONSTANT.format(rounded=rounded, cycle=cycle), numbers)
    _refuse(f"{name}.cells", cell)


def _all_alike(cell: Any) -> bool:
    spreads = ("dw_min_dtod", "up_down", "up_down_dtod", "w_max_dtod", "w_min_dtod", "write_noise_std", "corrupt_prob")
    return not any(getattr(cell, spread) for spread in spreads)


def _refuse(name: str, got: Any) -> None:
    wanted = "ideal, digital or constant-step without differences between cells on the backend 'brian2'; the backend 'kernel' supports the others"
    raise SpecError(f"hardware.{name}", "", wanted, got)


# ------------------------------------------------------------------------------------------------------ draws, as code

_ROUNDS = """
    for (int round = 0; round < 10; round++) {
        const uint64_t even = 0xD2511F53ull*c0, odd = 0xCD9E8D57ull*c2;
        c0 = (odd >> 32) ^ c1 ^ k0;  c1 = odd & 0xFFFFFFFFull;
        c2 = (even >> 32) ^ c3 ^ k1;  c3 = even & 0xFFFFFFFFull;
        k0 = (k0 + 0x9E3779B9ull) & 0xFFFFFFFFull;  k1 = (k1 + 0xBB67AE85ull) & 0xFFFFFFFFull;
    }"""
CPP = (
    """
static inline uint64_t %NAME%_word(const int stream, const double number, const int row, const int i) {
    const uint64_t step = (uint64_t)number;
    uint64_t c0 = (uint64_t)((i/64)*16 + i%16), c1 = (uint64_t)row, c2 = step & 0xFFFFFFFFull;
    uint64_t c3 = (uint64_t)(stream & 0xFFFF) | (((step >> 32) & 0xFFFFull) << 16);
    uint64_t k0 = %LOW%ull, k1 = %HIGH%ull;"""
    + _ROUNDS
    + """
    const uint64_t words[4] = {c0, c1, c2, c3};
    return words[(i%64)/16];
}
"""
)
CPP_UNIFORM = """
static inline double uniform_draw(const int stream, const double number, const int row, const int i) {
    return ((double)uniform_draw_word(stream, number, row, i) + 0.5)*2.3283064365386963e-10;
}
"""
CPP_GAUSS = """
static inline double gauss_draw(const int stream, const double number, const int row, const int i) {
    const double u = ((double)gauss_draw_word(stream, number, row, 2*i) + 0.5)*2.3283064365386963e-10;
    const double v = ((double)gauss_draw_word(stream, number, row, 2*i + 1) + 0.5)*2.3283064365386963e-10;
    return sqrt(-2.0*log(u))*cos(6.283185307179586*v);
}
"""
CYTHON = """
cdef unsigned long long %NAME%_word(int stream, double number, int row, int i):
    cdef unsigned long long mask = 0xFFFFFFFF, step = <unsigned long long>number, even, odd
    cdef unsigned long long c0 = (i//64)*16 + i%64%16, c1 = row, c2 = step & mask
    cdef unsigned long long c3 = (stream & 0xFFFF) | (((step >> 32) & 0xFFFF) << 16)
    cdef unsigned long long k0 = %LOW%, k1 = %HIGH%
    cdef int turn
    for turn in range(10):
        even = <unsigned long long>0xD2511F53*c0
        odd = <unsigned long long>0xCD9E8D57*c2
        c0 = (odd >> 32) ^ c1 ^ k0
        c1 = odd & mask
        c2 = (even >> 32) ^ c3 ^ k1
        c3 = even & mask
        k0 = (k0 + <unsigned long long>0x9E3779B9) & mask
        k1 = (k1 + <unsigned long long>0xBB67AE85) & mask
    turn = (i%64)//16
    return c0 if turn == 0 else c1 if turn == 1 else c2 if turn == 2 else c3
"""
CYTHON_UNIFORM = """
cdef double uniform_draw(int stream, double number, int row, int i):
    return (<double>uniform_draw_word(stream, number, row, i) + 0.5)*2.3283064365386963e-10
"""
CYTHON_GAUSS = """
cdef double gauss_draw(int stream, double number, int row, int i):
    cdef double u = (<double>gauss_draw_word(stream, number, row, 2*i) + 0.5)*2.3283064365386963e-10
    cdef double v = (<double>gauss_draw_word(stream, number, row, 2*i + 1) + 0.5)*2.3283064365386963e-10
    return (-2.0*log(u))**0.5*cos(6.283185307179586*v)
"""


def draw_functions(seed: int) -> dict[str, Any]:
    """`uniform_draw` and `gauss_draw` as Brian2 functions: (stream, number, presynaptic, postsynaptic) → a draw."""
    from brian2 import Function

    def words(stream, number, row, i):
        """Draws of all synapses; those of one presynaptic row are made together."""
        stream, number, row, i = np.broadcast_arrays(stream, np.asarray(number, np.int64), row, i)
        if not row.size:
            return np.zeros(0)
        drawn = random.bits_array(
            seed, int(stream.flat[0]), int(number.flat[0]), (int(row.max()) + 1, int(i.max()) + 1)
        )
        return drawn[row, i].astype(np.float64)

    def uniform(stream, number, row, i):
        return (words(stream, number, row, i) + 0.5) * 2.0**-32

    def gauss(stream, number, row, i):
        u, v = uniform(stream, number, row, 2 * np.asarray(i)), uniform(stream, number, row, 2 * np.asarray(i) + 1)
        return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)

    made = {}
    for name, python, cpp, cython in (
        ("uniform_draw", uniform, CPP_UNIFORM, CYTHON_UNIFORM), ("gauss_draw", gauss, CPP_GAUSS, CYTHON_GAUSS)
    ):  # fmt: skip
        function = Function(
            python, arg_units=[1, 1, 1, 1], return_unit=1, arg_types=["integer", "float", "integer", "integer"]
        )
        key = {"%NAME%": name, "%LOW%": str(seed & 0xFFFFFFFF), "%HIGH%": str(seed >> 32)}
        headers = {"headers": ["<stdint.h>", "<math.h>"]}
        function.implementations.add_implementation("numpy", python)
        function.implementations.add_implementation("cpp", _filled(CPP, key) + cpp, compiler_kwds=headers)
        imports = "from libc.math cimport log, cos\n"
        function.implementations.add_implementation("cython", imports + _filled(CYTHON, key) + cython)
        made[name] = function
    return made


def _filled(code: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        code = code.replace(name, value)
    return code
