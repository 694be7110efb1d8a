"""The one ratio that limits a rule on its hardware, and what would cure it.

Each ratio has a line beyond which the rules here did not learn. A run is warned of the ratio that is furthest beyond its line, and
of nothing where none is.

    ratio               line      cure: the σ, or what else, that brings it back to the line
    credited fraction   ≥ 0.3     σ √(0.3 (1 − φ)/(0.7 φ))
    loss SNR            ≥ 0.75    σ times 0.75/SNR, of the layer that has the largest
    dead fraction       ≤ 0.5     a larger σ
    wander              ≤ 1.8     requests of more steps: fewer and larger ones, mixed precision; finer steps
    weight error        ≤ 0.25    finer levels, less write noise
    forgets             ≤ 1.5     a larger weight scale, so that weights stay nearer their symmetry points; a smaller learning rate

The lines were found with np-trace on the delayed XOR task, 40 epochs, 2 seeds, on the presets of cells and over sweeps of read
noise, neuron noise, reward noise, bits and delay: on their good side the loss on the test went below 0.5 (1 is guessing), on their
bad side it did not. They are a rule's and not a device's: an exact gradient learns across the last three.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroperturb.analysis.diagnosis.diagnosis import Diagnosis

CREDITED, LOSS_SNR, DEAD, WANDER, WEIGHT_ERROR, FORGETS = 0.3, 0.75, 0.5, 1.8, 0.25, 1.5
LARGEST = 1.0  # a σ beyond which a perturbation is no small one: tanh saturates


class Limit(NamedTuple):
    """A ratio beyond its line.

    ratio : its name;  where : layer or matrix;  value, line;  beyond : by which factor, above 1;  cure : a sentence
    """

    ratio: str
    where: str
    value: float
    line: float
    beyond: float
    cure: str

    def __str__(self) -> str:
        return f"{self.ratio} {self.value:.3g} ({self.where}) is beyond {self.line:g}: {self.cure}"


def limit(diagnosis: Diagnosis, noise_std: float | None) -> Limit | None:
    """The ratio that is furthest beyond its line, or None.

    noise_std : σ of the rule, or None where it injects nothing
    """
    found = [*_of_perturbation(diagnosis, noise_std), *_of_writing(diagnosis)]
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
        return "the array's own noise would have to be larger"
    if not sigma * factor < LARGEST:
        return "no σ cures it that is still a small perturbation"
    return f"σ ≥ {sigma * factor:.2g} would cure it"


def _of_writing(diagnosis: Diagnosis):
    if diagnosis.wander > WANDER:
        steps = min(w.request_per_step for w in diagnosis.writing.values())
        cure = f"requests are {steps:.2g} steps; larger or accumulated ones, or finer steps, would cure it"
        yield Limit("wander", "all matrices", diagnosis.wander, WANDER, diagnosis.wander / WANDER, cure)
    for name, writing in diagnosis.writing.items():
        if writing.weight_error > WEIGHT_ERROR:
            cure = "finer levels or less write noise would cure it"
            yield Limit(
                "weight error", name, writing.weight_error, WEIGHT_ERROR, writing.weight_error / WEIGHT_ERROR, cure
            )
        if writing.forgets > FORGETS:
            cure = "a larger weight scale or a smaller learning rate would cure it"
            yield Limit("forgets", name, writing.forgets, FORGETS, writing.forgets / FORGETS, cure)
