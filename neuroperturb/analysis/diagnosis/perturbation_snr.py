"""The share of all perturbations that a rule is credited with, and the share of the reward they explain: three ratios per layer.

Two passes differ by δ = second − first (a clean twin) or half of that (an antithetic pair, two runs). Part of a layer's δa_t, W δx̂, is
propagated from before; the rest was added by this layer at this step:

    e_t = δa_t − W_in δû_t − W_rec δx̂_{t−1}          e^y_t = δy_t − W_out δx̂_t

injected noise, and the noise and rounding of two reads; e^y at the steps that are scored in a trial, since at others the output need not be
computed. Neurons add the difference of their own input noise, c σ_ν² with c = 2 for a
twin and ½ for a pair. The synapses receive only p: σξ in node perturbation, their own Ξ in weight perturbation, δa itself for activity
differences, which thus learn from read noise as well as from injected noise.

    (a) credited fraction    φ = var p / (var p + var (e − p) + c σ_ν²)      injected noise
                             φ = σ²|x|² / (var e + c σ_ν²)                   weight noise, which contributes Ξ x to e
                             φ = var δa / (var δa + c σ_ν²)                  activity differences
                             times the share that a delayed reward leaves (:mod:`neuroperturb.analysis.diagnosis.reward_delay`)
    (b) loss SNR             √(φ var δL_layer) / √(Σ_layers (1 − φ) var δL_layer + σ_c² + rounding²)
                             δL_layer: the change of the loss by this layer's part of δy alone, W_out δx̂ or e^y;  σ_c and rounding are
                             those of the reward channel
    (c) dead fraction        units whose state changes by exactly 0 although they are perturbed; for the output: scored trials whose
                             reward is exactly 0

A single pass has no reference. There e_t = a_t − W_in û_t − W_rec x̂_{t−1} itself is measured, with its mean at every unit removed, since
offsets and wire resistance are not perturbations; c = 1; the loss SNR and the dead fraction cannot be measured with one pass, and
are NaN.

On ideal hardware they are 1, ∞ and 0. Perturbations that a rule is not credited with do not bias it, but make its estimate noisier, by a
factor of at least 1/φ in variance, which no step size averages away within the run.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.diagnosis.reward_delay import left_after
from neuroperturb.simulation.simulation import Prepared, Simulation


class Layer(NamedTuple):
    """Ratios of one layer.

    credited, loss_snr, dead : see above
    told_std, extra_std : standard deviations of the perturbation that synapses receive, and of all others of the layer [pre-activation]
    """

    credited: float
    loss_snr: float
    dead: float
    told_std: float
    extra_std: float


class Perturbation(NamedTuple):
    """Ratios of both layers;  reward_std : of the transmitted δL [loss];  channel_std : noise and rounding of its channel."""

    hidden: Layer
    output: Layer
    reward_std: float
    channel_std: float


class Signals:
    """Collects mean squares over the steps of a simulation, and computes the ratios."""

    def __init__(self, simulation: Simulation):
        self.simulation = simulation
        self.facts = facts = simulation.compiled.facts
        self.pair = facts.paired
        self.single = facts.passes == 1
        self.means: dict[str, list[float]] = {}  # over steps
        self.residuals: dict[str, list[np.ndarray]] = defaultdict(list)  # of a single pass
        self.received: list[np.ndarray] = []
        self.count: dict[str, int] = defaultdict(int)

    def note(self, data: Prepared, t: int) -> None:
        """Measure step `t`, just presented; its update is not written yet."""
        sim, act = self.simulation, self.simulation.run.act
        W_in, W_rec, W_out = (sim.arrays[name].read().astype(np.float64) for name in ("W_in", "W_rec", "W_out"))
        self._add_mean("hidden.input", _lengths(act.uh[: sim.batch]) + _lengths(act.before[: sim.batch]))
        scored = bool(data.mask[t].any())
        if scored:
            self._add_mean("output.input", _lengths(act.xh[: sim.batch]))
        if self.single:
            self._note_single(data, t, W_in, W_rec, W_out)
            return
        da, dy, du, dx, dbefore = (
            self._difference(rows, size)
            for rows, size in ((act.a, len(W_rec)), (act.y, len(W_out)), (act.uh, W_in.shape[1]), (act.xh, len(W_rec)),
                               (act.before, len(W_rec)))
        )  # fmt: skip
        e, e_y = da - du @ W_in.T - dbefore @ W_rec.T, dy - dx @ W_out.T
        for layer, fresh, injected in (("hidden", e, act.xi), ("output", e_y, act.xi_y))[: 1 + scored]:
            self._add(f"{layer}.fresh", fresh)
            self._add(f"{layer}.extra", fresh - self._injected(injected, fresh.shape[1]))
            self.count[layer] += fresh.size
        self._add("hidden.difference", da)
        if scored:
            self._add("output.difference", dy)
        self._add_mean("hidden.dead", act.x[sim.batch :, : len(W_rec)] == act.x[: sim.batch, : len(W_rec)])
        self._note_loss(data, t, dx @ W_out.T, e_y, dy)

    def _note_single(self, data: Prepared, t: int, W_in, W_rec, W_out) -> None:
        """For a single pass: the perturbation added to each layer, and the transmitted loss."""
        sim, act = self.simulation, self.simulation.run.act
        a, y, u, x, before = (
            rows[: sim.batch, :size].astype(np.float64)
            for rows, size in ((act.a, len(W_rec)), (act.y, len(W_out)), (act.uh, W_in.shape[1]), (act.xh, len(W_rec)), (act.before, len(W_rec)))
        )  # fmt: skip
        e, e_y = a - u @ W_in.T - before @ W_rec.T, y - x @ W_out.T
        scored = bool(data.mask[t].any())
        for layer, fresh, injected in (("hidden", e, act.xi), ("output", e_y, act.xi_y))[: 1 + scored]:
            self.residuals[f"{layer}.fresh"].append(fresh)
            self.residuals[f"{layer}.extra"].append(fresh - injected[: sim.batch, : fresh.shape[1]])
            self.count[layer] += fresh.size
        if scored:
            self.received.append(np.array(sim.run.signal.dL, np.float64)[data.mask[t]])
            self._add("sent", self.received[-1])

    def _spread(self, name: str) -> float:
        """Variance of a single pass's residuals about the mean of each unit."""
        values = np.concatenate(self.residuals[name])
        return float(np.mean(np.square(values - values.mean(axis=0))))

    def _note_loss(self, data: Prepared, t: int, by_hidden, by_output, dy) -> None:
        """The change of the loss due to each layer's part of δy, in the scored trials."""
        sim, scored = self.simulation, data.mask[t]
        if not scored.any():
            return
        y, targets = (
            sim.run.signal.y[scored, : dy.shape[1]].astype(np.float64),
            data.targets[t][scored].astype(np.float64),
        )
        change = lambda delta: np.array(  # noqa: E731
            [sim.loss(c, d, target)[1] for c, d, target in zip(y, delta[scored], targets, strict=True)]
        )
        sent = change(dy)
        sent = np.full_like(sent, sent.mean()) if sim.rule.broadcast == "batch" else sent
        self.received.append(sim.chip.reward.quantised(sent))
        self._add("sent", sent)
        self._add("rounding", self.received[-1] - sent)
        self._add("hidden.loss", change(by_hidden))
        self._add("output.loss", change(by_output))

    def _difference(self, rows, size: int) -> np.ndarray:
        first, second = rows[: self.simulation.batch, :size], rows[self.simulation.batch :, :size]
        return (second.astype(np.float64) - first) / (2 if self.pair else 1)

    def _injected(self, noise, size: int) -> np.ndarray:
        """The injected part of δ: the noise itself; passes with independent noise have two."""
        return self._difference(noise, size) if self.facts.independent else noise[:, :size]

    def _add(self, name: str, values) -> None:
        self._add_mean(name, np.square(values, dtype=np.float64))

    def _add_mean(self, name: str, values) -> None:
        self.means.setdefault(name, []).append(float(np.mean(values)))

    def ratios(self) -> Perturbation:
        """The ratios over all steps so far."""
        var = defaultdict(float, {name: float(np.mean(values)) for name, values in self.means.items()})
        for name in self.residuals:
            var[name] = self._spread(name)
            var[name.replace("fresh", "difference")] = var[name]
        channel = self.simulation.chip.reward
        noise = var["rounding"] + channel.noise_std**2
        credited = {layer: self._credited(layer, var) for layer in ("hidden", "output")}
        uncredited = sum((1 - phi) * var[f"{layer}.loss"] for layer, (phi, *_) in credited.items())
        unseen = np.nan if self.single else 0.0
        dead = {"hidden": var["hidden.dead"] + unseen, "output": self._without_reward()}
        layers = {
            layer: Layer(phi, unseen + _ratio(np.sqrt(phi * var[f"{layer}.loss"]), np.sqrt(uncredited + noise)), dead[layer], *stds)
            for layer, (phi, *stds) in credited.items()
        }  # fmt: skip
        return Perturbation(**layers, reward_std=float(np.sqrt(var["sent"])), channel_std=float(np.sqrt(noise)))

    def _credited(self, layer: str, var: dict[str, float]) -> tuple[float, float, float]:
        """(φ, std of the perturbation that synapses receive, std of all others)."""
        sim, rule = self.simulation, self.simulation.rule
        passes = 1.0 if self.single else 0.5 if self.pair else 2.0
        neurons = passes * sim.chip.neurons.noise_std**2 if layer == "hidden" else 0.0
        if not self.facts.perturbs_units:
            received = rule.noise_std**2 * var[f"{layer}.input"]
            beyond_chance = received * (
                1 + 3 * np.sqrt(2 / max(self.count[layer], 1))
            )  # three standard errors of a variance
            extra = var[f"{layer}.fresh"] - received if var[f"{layer}.fresh"] > beyond_chance else 0.0
        elif self.facts.knows_noise:
            received, extra = self.facts.effective_noise_std**2, var[f"{layer}.extra"]
        else:
            received, extra = var[f"{layer}.difference"], 0.0
        extra += neurons
        in_time = left_after(rule, sim.chip.reward.delay)
        return _ratio(received, received + extra, empty=0.0) * in_time, float(np.sqrt(received)), float(np.sqrt(extra))

    def _without_reward(self) -> float:
        received = np.concatenate(self.received) if self.received else np.zeros(0)
        noisy = self.simulation.chip.reward.noise_std > 0
        return 0.0 if noisy or not len(received) else float(np.mean(received == 0))


def _lengths(rows) -> np.ndarray:
    """Squared length of every row."""
    return np.sum(np.square(rows, dtype=np.float64), axis=1)


def _ratio(a: float, b: float, empty: float = 1.0) -> float:
    """a/b; infinite if b is 0, `empty` if both are."""
    return float(a / b) if b > 0 else float("inf") if a > 0 else empty
