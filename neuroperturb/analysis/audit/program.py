"""A formula as an integer program: the codes to multiply, the mantissa of each term, and its shift.

    quantity        q = Q 2^s                          Q an integer code, s chosen so that the largest q still fits
    constant        c = M 2^e                          M a signed mantissa of a few bits
    product         c Π q_f = M Π Q_f · 2^(e + Σ s_f)
    accumulator     in units of 2^(s − g), s of the target, g = accumulator bits − target bits: fractional bits

A target is updated in place, as such engines do: its old value needs no constant, so that λ e + p x runs as
e + ((λ − 1) e + p x), and a mantissa rounds 1 − λ instead of λ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.audit.engines import Engine
from neuroperturb.analysis.audit.formulas import TracedRule
from neuroperturb.analysis.audit.products import Term, sum_of_products
from neuroperturb.rules.formula.graph import Node, fold, input_, substitute
from neuroperturb.spec import SpecError, Words

QUANTITIES = ("pre", "post", "reward", "draw", "trace", "new trace", "weight")  # in the order of codes in a kernel
TARGETS = ("trace", "weight")
WORD = 62  # bits of a product, at most


class Program(NamedTuple):
    """Terms of the trace, then of the weight, as arrays for a kernel.

    target : (K,) 0 trace, 1 weight;  factors : (K, F) indices of quantities, padded with −1
    mantissa, shift : (K,) int64, to the left if positive;  guard, limit : (2,) of the accumulators, of the codes of the targets
    """

    target: np.ndarray
    factors: np.ndarray
    mantissa: np.ndarray
    shift: np.ndarray
    guard: np.ndarray
    limit: np.ndarray
    most: int  # 2^accumulator bits − 1


def terms(expressions: TracedRule, label: str) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Products that are added to the trace and to the weight.

    The trace is written before the weight: a change that contains the new trace reads its stored value.

    Raises
    ------
    SpecError : naming the operation that is not a sum of products, and its place
    """
    if expressions.refused is not None:
        line, error = expressions.refused
        remedy = "; choose the plain step" if line in ("state", "change") else ""
        where = f"the {line} of {label} {error.operation}, in {error.expression}{remedy}"
        raise SpecError("rule", "", f"a sum of products at the synapse, to run in fixed point: {where}")
    new, change = fold(expressions.trace), fold(expressions.change)
    if not new.is_leaf:
        change = substitute(change, new, input_("new trace"))
    return sum_of_products(Node("subtract", (new, input_("trace")))), sum_of_products(change)


def code_bits(engine: Engine) -> dict[str, int]:
    """Bits of the code of each quantity, without sign."""
    state = engine.state_bits - 1
    return {
        "pre": engine.trace_bits, "post": engine.trace_bits, "reward": engine.reward_bits - 1, "draw": engine.trace_bits, "trace": state,
        "new trace": state, "weight": engine.weight_bits - 1,
    }  # fmt: skip


def scale_of(largest: float, bits: int) -> int:
    """The smallest exponent s for which codes of `bits` bits reach the largest value: (2^bits − 1) 2^s ≥ largest."""
    return math.ceil(math.log2(largest / (2**bits - 1))) if largest > 0 else -bits


def mantissa_of(value: float, bits: int) -> tuple[int, int]:
    """(M, e) with M 2^e nearest to the value, M signed with `bits` bits and normalised."""
    if value == 0:
        return 0, 0
    exponent = math.floor(math.log2(abs(value))) - (bits - 2)
    mantissa = round(value * 2.0**-exponent)
    if abs(mantissa) == 2 ** (bits - 1):  # rounded up to the next power of two
        mantissa, exponent = mantissa // 2, exponent + 1
    return mantissa, exponent


def compile_program(
    added: tuple[tuple[Term, ...], tuple[Term, ...]], scales: Mapping[str, int], engine: Engine
) -> Program:
    """The integer program of the terms added to trace and weight, with the scale 2^s of every quantity."""
    bits = code_bits(engine)
    guard = [engine.accumulator_bits - bits[name] for name in TARGETS]
    rows = [(k, term) for k, part in enumerate(added) for term in part]
    width = max([1, *(len(term.factors) for _, term in rows)])
    factors = np.full((len(rows), width), -1, np.int64)
    mantissa, shift = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for row, (k, term) in enumerate(rows):
        _require_fit(term, bits, engine)
        factors[row, : len(term.factors)] = [QUANTITIES.index(name) for name in term.factors]
        mantissa[row], exponent = mantissa_of(term.coefficient, engine.mantissa_bits)
        unit = scales[TARGETS[k]] - guard[k]
        shift[row] = exponent + sum(scales[name] for name in term.factors) - unit
    return Program(
        np.array([k for k, _ in rows], np.int64), factors, mantissa, shift, np.array(guard, np.int64),
        np.array([2 ** bits[name] - 1 for name in TARGETS], np.int64), 2**engine.accumulator_bits - 1,
    )  # fmt: skip


def _require_fit(term: Term, bits: Mapping[str, int], engine: Engine) -> None:
    total = engine.mantissa_bits + sum(bits[name] for name in term.factors)
    if total > WORD:
        wanted = f"widths whose products fit {WORD} bits"
        raise SpecError("engine", "", wanted, Words(f"{total} for {term}"), verb="must have")
