"""The ratios that may limit a rule on its hardware, and their remedies.

Each ratio has a limit beyond which one rule did not learn one task, delayed XOR. What such a warning is worth was measured since, on 45 kinds of
hardware, two tasks and fresh seeds (studies/results/warning): runs that failed, of those that were warned.

    ratio               limit     delayed XOR   bit copying   remedy: the σ, or other change, that brings it back to its limit
    credited fraction   ≥ 0.3     9 of 9        9 of 10       σ √(0.3 (1 − φ)/(0.7 φ))
    weight error        ≤ 0.25    9 of 9        7 of 7        finer levels, less write noise
    wander              ≤ 1.8     3 of 3        3 of 3        larger requested changes: fewer and larger ones, mixed precision; finer steps
    forgets             ≤ 1.5     21 of 23      14 of 26      a larger weight scale, so that weights stay closer to their symmetry points; a
                                                              smaller learning rate
    loss SNR            ≥ 0.75    4 of 9        0 of 8        σ times 0.75/SNR, of the layer that has the largest
    request/step        ≥ 0.05    1 of 1        –             larger or accumulated changes; only where the cells realised less than half of them
                                                              (fidelity)
    dead fraction       ≤ 0.5     –             –             a larger σ

The first three hold on both tasks: they are findings. *Forgets* and the last two are hints, and say so. *Loss SNR* was wrong more often than
right: it is kept in records, for studies, and nobody is told of it.

The limits were drawn with np-trace on delayed XOR, 40 epochs, 2 seeds, on the presets of cells and over sweeps of read noise, neuron noise,
reward noise, bits and delay. They are properties of the rule, not of the device: an exact gradient learns beyond those of writing. That of
request/step is no finding: below it a request of a twentieth of a step is lost more often than not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from neuroperturb.analysis.diagnosis.diagnosis import Diagnosis

CREDITED, LOSS_SNR, DEAD, WANDER, WEIGHT_ERROR, FORGETS = 0.3, 0.75, 0.5, 1.8, 0.25, 1.5
# request/step below which cells are asked for what they cannot do, and fidelity that shows that they do not
REQUEST, REALISED = 0.05, 0.5
LARGEST = 1.0  # σ beyond which a perturbation is no longer small: tanh saturates

LEAST = ("credited fraction", "loss SNR", "request/step")  # ratios that are to be above their limits
# (failed, warned) on delayed XOR and on bit copying, by ratio: studies/results/warning/runs.csv
WORTH: dict[str, tuple[tuple[int, int], ...]] = {
    "credited fraction": ((9, 9), (9, 10)),
    "weight error": ((9, 9), (7, 7)),
    "wander": ((3, 3), (3, 3)),
    "forgets": ((21, 23), (14, 26)),
    "loss SNR": ((4, 9), (0, 8)),
    "request/step": ((1, 1), (0, 0)),
}
FEWEST, HOLDS = 5, 0.9  # warnings of a ratio, over both tasks, and share of them that came true, for it to be a finding
WRONG = 0.5  # share that came true, below which a ratio is not worth a word


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

    @property
    def holds(self) -> bool:
        """Whether such warnings came true on both tasks on which that was measured."""
        _, warned = self._counts
        return warned >= FEWEST and all(f >= HOLDS * w and w for f, w in WORTH[self.ratio])

    @property
    def is_told(self) -> bool:
        """Whether it is worth a word: not if most such warnings were false."""
        failed, warned = self._counts
        return warned < FEWEST or failed >= WRONG * warned

    @property
    def measured(self) -> str:
        """What the ratio is, and on which side of its limit."""
        side = "below" if self.ratio in LEAST else "above"
        return f"{self.ratio} {self.value:.3g} ({self.where}) is {side} {self.line:g}"

    def __str__(self) -> str:
        failed, warned = self._counts
        if self.holds:
            return f"{self.measured}, and {failed} of {warned} runs like that did not learn: {self.cure}"
        if warned < FEWEST:
            return f"{self.measured}, a hint of which too few runs were measured: {self.cure}"
        tasks = zip(("delayed XOR", "bit copying"), WORTH[self.ratio], strict=True)
        said = " and ".join(f"{f} of {w} on {task}" for task, (f, w) in tasks)
        return f"{self.measured}, a hint only: of runs like that {said} did not learn: {self.cure}"

    @property
    def _counts(self) -> tuple[int, int]:
        """Runs that failed, and runs that were warned, of both tasks."""
        failed, warned = zip(*WORTH.get(self.ratio, ((0, 0),)), strict=True)
        return sum(failed), sum(warned)


def limits(diagnosis: Diagnosis, noise_std: float | None) -> list[Limit]:
    """Ratios beyond their limits that are worth a word: those that hold first, and of each kind the worst first.

    noise_std : σ of the rule, or None if it injects nothing
    """
    found = [*_of_perturbation(diagnosis, noise_std), *_of_writing(diagnosis), *_of_requests(diagnosis)]
    return sorted((each for each in found if each.is_told), key=lambda each: (not each.holds, -each.beyond))


def limit(diagnosis: Diagnosis, noise_std: float | None) -> Limit | None:
    """The ratio that is furthest beyond its limit, or None; small requests only where no limit that was found is passed.

    noise_std : σ of the rule, or None if it injects nothing
    """
    found = [*_of_perturbation(diagnosis, noise_std), *_of_writing(diagnosis)] or [*_of_requests(diagnosis)]
    return max(found, key=lambda each: each.beyond, default=None)


def _of_perturbation(diagnosis: Diagnosis, sigma: float | None) -> Iterator[Limit]:
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


def _of_writing(diagnosis: Diagnosis) -> Iterator[Limit]:
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


def _of_requests(diagnosis: Diagnosis) -> Iterator[Limit]:
    for name, writing in diagnosis.writing.items():
        if writing.request_per_step < REQUEST and writing.fidelity < REALISED:
            cure = (
                f"cells realise little of what is requested (fidelity {writing.fidelity:.2g}); use a larger learning rate, a writing that "
                "accumulates requests, or finer steps"
            )
            beyond = _over(REQUEST, writing.request_per_step)
            yield Limit("request/step", name, writing.request_per_step, REQUEST, beyond, cure)
