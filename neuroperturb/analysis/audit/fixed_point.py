"""A rule run in the fixed-point arithmetic of an engine, and the same run in floating point.

    A = 2^g E + Σ_k clip(M_k Π Q ⋙ shift_k)          the accumulator, with g fractional bits below a code
    E ← clip((A + r) ⋙ g),  r uniform in 0 … 2^g − 1  stochastic rounding: unbiased

First for the trace, then for the weight, which reads the trace just stored. ⋙ keeps the sign and rounds down. r is the same for all
synapses of a step (``"shared"``, one random number per step, as on Loihi) or one for each (``"independent"``). Shared
rounding is correlated between synapses: its error is common to all, and does not average out over synapses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hardware_models.numerics.compiled import kernel
from hardware_models.numerics.random import Stream, bits
from hardware_models.numerics.record import record
from neuroperturb.analysis.audit.engines import LOIHI, Engine
from neuroperturb.analysis.audit.formulas import formulas, resolve, traced
from neuroperturb.analysis.audit.program import (
    QUANTITIES,
    TARGETS,
    Program,
    code_bits,
    compile_program,
    scale_of,
    terms,
)
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of
from neuroperturb.spec import SpecError, Words

ACCUMULATOR, REQUESTED, MOVED = 2, 3, 4  # counters of a run, after saturated traces (0) and weights (1)
ROUNDING = int(Stream.ROUNDING)


class SynapticInputs(NamedTuple):
    """Inputs of the synapses of one array, step by step.

    pre : (T, m);  post : (T, n);  reward : (T,) the broadcast −δL;  reset : (T,) bool, steps at which the trace starts anew
    draw : (T, m, n), the synapses' own draws; (1, 1, 1) if there are none
    """

    pre: np.ndarray
    post: np.ndarray
    reward: np.ndarray
    reset: np.ndarray
    draw: np.ndarray


@dataclass(frozen=True)
class FixedPoint:
    """A run in fixed point, and how far it is from the one in floating point.

    weight, trace : (m, n) final values, codes times their LSB;  float_weight, float_trace : the same in floating point
    lsb : least significant bit of every quantity
    saturated : number of saturations of traces, of weights and of the accumulator
    unmoved : share of the requested writes (with a nonzero product) that did not change the weight's code
    steps : length of the sequence
    """

    engine: Engine
    rounding: str
    weight: np.ndarray
    trace: np.ndarray
    float_weight: np.ndarray
    float_trace: np.ndarray
    start: np.ndarray
    lsb: dict[str, float]
    saturated: dict[str, int]
    unmoved: float
    steps: int

    @property
    def rms_lsb(self) -> float:
        """Root mean square distance of the weights from those in floating point, in LSB of the weight."""
        return float(np.sqrt(np.mean((self.weight - self.float_weight) ** 2)) / self.lsb["weight"])

    @property
    def common_lsb(self) -> float:
        """The part of that distance that all synapses share: its mean over the array, in LSB."""
        return float(np.mean(self.weight - self.float_weight) / self.lsb["weight"])

    @property
    def correlation(self) -> float:
        """Correlation of the learned change, w(T) − w(0), with that in floating point; nan if one of them is constant."""
        a, b = (w - self.start for w in (self.weight, self.float_weight))
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            return float("nan")
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def run_fixed_point(
    rule: PerturbationRule | tuple | str, pre: ArrayLike, post: ArrayLike, reward: ArrayLike, weight: ArrayLike, *, draw: ArrayLike | None = None,
    reset: ArrayLike | None = None, engine: Engine = LOIHI, rounding: Literal["shared", "independent"] = "shared", seed: int = 0,
    ranges: Mapping[str, float] | None = None,
) -> FixedPoint:  # fmt: skip
    """Run a rule's synapses over a recorded sequence in an engine's fixed-point arithmetic, and in floating point for comparison.

    Parameters
    ----------
    rule : a rule, its name, or a record with the functions of :mod:`neuroperturb.rules.formula.signatures`; a sum of products at the synapse
    pre : (T, m), presynaptic factors;  post : (T, n), postsynaptic factors
    reward : (T,), the broadcast −δL
    weight : (m, n), initial weights, from j to i at [j, i]
    draw : (T, m, n), the synapses' own draws, if the rule uses them
    reset : (T,) bool, steps before which the traces are set to 0; always before the first
    engine : with weight, trace, state, reward and accumulator widths
    rounding : one random number per step for all synapses, or one for each
    seed : of the rounding
    ranges : full-scale magnitudes of ``pre``, ``post``, ``reward``, ``draw``, ``trace`` and ``weight``; by default the largest
        magnitudes of the floating-point run

    Returns
    -------
    run : FixedPoint

    Raises
    ------
    SpecError : if the rule is not a sum of products, naming the operation and its place; if shapes or widths do not fit
    """
    if rounding not in ("shared", "independent"):
        raise SpecError("rounding", "run_fixed_point", "'shared' or 'independent'", rounding)
    if not engine.accumulator_bits:
        raise SpecError("engine", "run_fixed_point", "one with fixed-point arithmetic", Words(f"the {engine.name}"))
    rule = resolve(rule)
    sequence = _sequence(pre, post, reward, weight, draw, reset)
    added = terms(traced(rule), rule.label)
    exact = _in_float(rule, sequence, weight)
    largest = {**_largest(sequence, exact), **(ranges or {})}
    widths = code_bits(engine)
    scales = {name: scale_of(largest[name.removeprefix("new ")], widths[name]) for name in QUANTITIES}
    program = compile_program(added, scales, engine)
    return _in_integers(
        program, sequence, exact, engine=engine, scales=scales, widths=widths, rounding=rounding, seed=seed
    )


def require_integers(rule) -> None:
    """Reject a rule that cannot run in fixed point: one without a postsynaptic factor, or not a sum of products."""
    if not isinstance(rule, PerturbationRule):
        raise SpecError("rule", "", "one with a synaptic formula, to run in fixed point", Words(rule.name))
    if not facts_of(rule).perturbs_units:
        raise SpecError("rule.probe", "", "units for its run to be recorded", rule.probe.kind, verb="must perturb")
    found = traced(rule)
    if found.keeps_state and found.refused is None:
        wanted = "'plain' or 'clipped' to run in fixed point, where a synapse has its weight and a trace"
        raise SpecError("rule.step", "", wanted, rule.step.kind)
    terms(found, rule.label)


def _sequence(pre, post, reward, weight, draw, reset) -> SynapticInputs:
    """Arrays in the kernels' types, with matching shapes."""
    weight = np.asarray(weight)
    if weight.ndim != 2:
        raise SpecError("weight", "", "(m, n)", weight.shape, verb="must have shape")
    pre, post, reward = (np.ascontiguousarray(a, np.float64) for a in (pre, post, reward))
    steps, (m, n) = len(pre), weight.shape
    draw = np.zeros((1, 1, 1)) if draw is None else np.ascontiguousarray(draw, np.float64)
    reset = np.zeros(steps, np.bool_) if reset is None else np.array(reset, np.bool_)
    shapes = {
        "pre": (pre, (steps, m)),
        "post": (post, (steps, n)),
        "reward": (reward, (steps,)),
        "reset": (reset, (steps,)),
    }
    if draw.size > 1:
        shapes["draw"] = draw, (steps, m, n)
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise SpecError(name, "", f"{shape}, to match pre and weight", array.shape, verb="must have shape")
    return SynapticInputs(pre, post, reward, reset, draw)


class _Exact(NamedTuple):
    """The run in floating point: initial and final state, and the largest trace and weight."""

    start: np.ndarray
    weight: np.ndarray
    trace: np.ndarray
    largest: np.ndarray


def _in_float(rule, sequence: SynapticInputs, weight: ArrayLike) -> _Exact:
    _, synapse, step = formulas(rule)
    start = np.array(weight, np.float64)
    now, trace, largest = start.copy(), np.zeros_like(start), np.array([0.0, np.abs(start).max(initial=0.0)])
    run = make_float_run(synapse.function, step.function)
    run(synapse.numbers(np.float64), step.numbers(np.float64), record(sequence), now, trace, largest)
    return _Exact(start, now, trace, largest)


@lru_cache
def make_float_run(synapse, step):
    """run(params, step_params, received, weight, trace, largest): the formulas over a sequence, in place; a write every step."""

    @kernel
    def run(params, step_params, received, weight, trace, largest):
        drawn = received.draw.shape[0] > 1
        for t in range(received.pre.shape[0]):
            for j in range(weight.shape[0]):
                for i in range(weight.shape[1]):
                    e = 0.0 if received.reset[t] else trace[j, i]
                    own = received.draw[t, j, i] if drawn else 0.0
                    e, gradient = synapse(
                        params, e, weight[j, i], received.pre[t, j], received.post[t, i], received.reward[t], own
                    )
                    change = step(step_params, 0.0, gradient, 1.0)[1]
                    trace[j, i] = e
                    weight[j, i] += change
                    largest[0] = max(largest[0], abs(e))
                    largest[1] = max(largest[1], abs(weight[j, i]))

    return run


def _largest(sequence: SynapticInputs, exact: _Exact) -> dict[str, float]:
    size = lambda a: float(np.max(np.abs(a), initial=0.0))  # noqa: E731
    largest = {name: size(getattr(sequence, name)) for name in ("pre", "post", "reward", "draw")}
    return {**largest, "trace": float(exact.largest[0]), "weight": float(exact.largest[1])}


# ----------------------------------------------------------------------------------------------------------------------
# In fixed point


def _in_integers(
    program: Program, sequence: SynapticInputs, exact: _Exact, *, engine: Engine, scales: Mapping[str, int],
    widths: Mapping[str, int], rounding: str, seed: int,
) -> FixedPoint:  # fmt: skip
    """Run an integer program over a sequence, from the initial state of the floating-point run."""
    codes = {
        name: _codes(getattr(sequence, name), scales[name], widths[name]) for name in ("pre", "post", "reward", "draw")
    }
    weight = _codes(exact.start, scales["weight"], widths["weight"])
    trace, counts = np.zeros_like(weight), np.zeros(5, np.int64)
    received = record(sequence._replace(**codes))
    run_integers(record(program), received, weight, trace, rounding == "shared", seed, counts)
    lsb = {name: 2.0 ** scales[name] for name in QUANTITIES if not name.startswith("new")}
    values = {"weight": weight * lsb["weight"], "trace": trace * lsb["trace"], "start": exact.start}
    return FixedPoint(
        engine, rounding, float_weight=exact.weight, float_trace=exact.trace, lsb=lsb,
        saturated=dict(zip((*TARGETS, "accumulator"), counts[:3].tolist(), strict=True)),
        unmoved=float(1 - counts[MOVED] / counts[REQUESTED]) if counts[REQUESTED] else 0.0, steps=len(sequence.pre), **values,
    )  # fmt: skip


def _codes(values, scale: int, bits: int) -> np.ndarray:
    """The nearest codes, saturated."""
    limit = 2**bits - 1
    return np.clip(np.rint(np.asarray(values, np.float64) * 2.0**-scale), -limit, limit).astype(np.int64)


@kernel
def shifted(value, shift, most, counts):
    """value · 2^shift rounded down, saturated to the accumulator."""
    if shift <= 0:
        value = value >> min(-shift, 63)
    elif abs(value) > (most >> min(shift, 63)):
        value = most if value > 0 else -most
        counts[ACCUMULATOR] += 1
        return value
    else:
        value = value << shift
    return clipped(value, most, ACCUMULATOR, counts)


@kernel
def clipped(value, most, which, counts):
    if value > most or value < -most:
        counts[which] += 1
        return most if value > 0 else -most
    return value


@kernel
def accumulate(program, target, old, codes, counts):
    """Accumulator of a target: its old code and every product, and whether any was not zero."""
    total, requested = old << program.guard[target], False
    for k in range(program.target.shape[0]):
        if program.target[k] != target:
            continue
        product = program.mantissa[k]
        for f in range(program.factors.shape[1]):
            if program.factors[k, f] >= 0:
                product *= codes[program.factors[k, f]]
        requested = requested or product != 0
        product = shifted(product, program.shift[k], program.most, counts)
        total = clipped(total + product, program.most, target, counts)  # the range of the target's codes
    return total, requested


@kernel
def rounded(program, target, total, word, counts):
    """The code of an accumulator after rounding with a random word."""
    guard = program.guard[target]
    fraction = word & ((1 << guard) - 1)
    return clipped((total + fraction) >> guard, program.limit[target], target, counts)


@kernel(allocates=True)
def run_integers(program, received, weight, trace, shared, seed, counts):
    """All steps, in place; the trace and the weight use a random word each."""
    codes, drawn, n = np.zeros(7, np.int64), received.draw.shape[0] > 1, weight.shape[1]
    pre, post, reward, draw, reset = received.pre, received.post, received.reward, received.draw, received.reset
    for t in range(pre.shape[0]):
        for j in range(weight.shape[0]):
            for i in range(n):
                row, place = (0, 0) if shared else (j, 2 * i)
                e = 0 if reset[t] else trace[j, i]
                codes[0], codes[1], codes[2], codes[4], codes[6] = pre[t, j], post[t, i], reward[t], e, weight[j, i]
                codes[3] = draw[t, j, i] if drawn else 0
                total, _ = accumulate(program, 0, e, codes, counts)
                word = np.int64(bits(seed, ROUNDING, t, row, place))
                e = rounded(program, 0, total, word, counts)
                codes[5] = e
                total, requested = accumulate(program, 1, weight[j, i], codes, counts)
                word = np.int64(bits(seed, ROUNDING, t, row, place + 1))
                w = rounded(program, 1, total, word, counts)
                counts[REQUESTED] += requested
                counts[MOVED] += w != weight[j, i]
                trace[j, i], weight[j, i] = e, w
