"""The ratio that may limit a rule on its hardware, and its remedy.

Each ratio has a limit beyond which one rule did not learn one task. A run gets a warning about the ratio that is furthest beyond its limit,
and none if all are within theirs. It is a hint where to look, not a forecast: on the task of the limits 51 of 54 warnings were right, on
another task 41 of 74, and 24 of 48 about cells that forget (studies/results/verdict).

    ratio               limit     remedy: the σ, or other change, that brings it back to its limit
    credited fraction   ≥ 0.3     σ √(0.3 (1 − φ)/(0.7 φ))
    loss SNR            ≥ 0.75    σ times 0.75/SNR, of the layer that has the largest
    dead fraction       ≤ 0.5     a larger σ
    wander              ≤ 1.8     larger requested changes: fewer and larger ones, mixed precision; finer steps
    weight error        ≤ 0.25    finer levels, less write noise
    forgets             ≤ 1.5     a larger weight scale, so that weights stay closer to their symmetry points; a smaller learning rate
    request/step        ≥ 0.05    larger or accumulated changes; only where the cells realised less than half of them (fidelity)

The limits were found with np-trace on the delayed XOR task, 40 epochs, 2 seeds, on the presets of cells and over sweeps of read
noise, neuron noise, reward noise, bits and delay: within them the test loss went below 0.5 (1 is guessing), beyond them it did not.
They are properties of the rule, not of the device: an exact gradient learns beyond the last three. The limits of request/step are no finding:
below them a request of a twentieth of a step is lost more often than not, which is what its warning says.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroperturb.analysis.diagnosis.diagnosis import Diagnosis

CREDITED, LOSS_SNR, DEAD, WANDER, WEIGHT_ERROR, FORGETS = 0.3, 0.75, 0.5, 1.8, 0.25, 1.5
# request/step below which cells are asked for what they cannot do, and fidelity that shows that they do not
REQUEST, REALISED = 0.05, 0.5
LARGEST = 1.0  # σ beyond which a perturbation is no longer small: tanh saturates


class Limit(NamedTuple):
    """A ratio beyond its limit.

    ratio : its name;  where : layer or matrix;  value;  line : the limit;  beyond : by which factor, above 1;  cure : the remedy
    """

    ratio: str
    where: str
    value: float
    line: float
    beyond: float
    cure: str

    def __str__(self) -> str:
        found = f"{self.ratio} {self.value:.3g} ({self.where}) is beyond {self.line:g}"
        return f"{found}, where delayed XOR was not learnt; on other tasks a hint: {self.cure}"


def limit(diagnosis: Diagnosis, noise_std: float | None) -> Limit | None:
    """The ratio that is furthest beyond its limit, or None; small requests only where no limit that was found is passed.

    noise_std : σ of the rule, or None if it injects nothing
    """
    found = [*_of_perturbation(diagnosis, noise_std), *_of_writing(diagnosis)] or [*_of_requests(diagnosis)]
    return max(found, key=lambda each: each.beyond, default=None)


def _of_perturbation(diagnosis: Diagnosis, sigma: float | None):
    layers = {layer: getattr(diagnosis.perturbation, layer) for layer in ("hidden", "output")}
    for layer, ratios in layers.items():
        phi, dead = ratios.credited, ratios.dead
        if phi < CREDITED:
            factor = math.sqrt(CREDITED * (1 - phi) / ((1 - CREDITED) * phi)) if phi > 0 else math.inf
            yield Limit("credited fraction", layer, phi, CREDITED, _over(CREDITED, phi), _louder(sigma, factor))
        if dead > DEAD:
            yield Limit("dead fraction", layer, dead, DEAD, dead / DEAD, _louder(sigma, _over(1, 1 - dead)))
    layer, ratios = max(layers.items(), key=lambda item: item[1].loss_snr)
    snr = ratios.loss_snr
    if snr < LOSS_SNR:
        yield Limit("loss SNR", layer, snr, LOSS_SNR, _over(LOSS_SNR, snr), _louder(sigma, _over(LOSS_SNR, snr)))


def _over(a: float, b: float) -> float:
    return a / b if b > 0 else math.inf


def _louder(sigma: float | None, factor: float) -> str:
    if sigma is None:
        return "the array's own noise, which the rule learns from, is too small"
    if not sigma * factor < LARGEST:
        return "no small perturbation σ is enough"
    return f"use σ ≥ {sigma * factor:.2g}"


def _of_writing(diagnosis: Diagnosis):
    if diagnosis.wander > WANDER:
        steps = min(w.request_per_step for w in diagnosis.writing.values())
        cure = f"requested changes are {steps:.2g} steps; use larger or accumulated changes, or finer steps"
        yield Limit("wander", "all matrices", diagnosis.wander, WANDER, diagnosis.wander / WANDER, cure)
    for name, writing in diagnosis.writing.items():
        if writing.weight_error > WEIGHT_ERROR:
            cure = "use finer levels or less write noise"
            yield Limit(
                "weight error", name, writing.weight_error, WEIGHT_ERROR, writing.weight_error / WEIGHT_ERROR, cure
            )
        if writing.forgets > FORGETS:
            cure = "use a larger weight scale or a smaller learning rate"
            yield Limit("forgets", name, writing.forgets, FORGETS, writing.forgets / FORGETS, cure)


def _of_requests(diagnosis: Diagnosis):
    for name, writing in diagnosis.writing.items():
        if writing.request_per_step < REQUEST and writing.fidelity < REALISED:
            cure = "use a larger learning rate, a writing that accumulates requests (--writing recommended), or finer steps"
            beyond = _over(REQUEST, writing.request_per_step)
            yield Limit("request/step", name, writing.request_per_step, REQUEST, beyond, cure)
