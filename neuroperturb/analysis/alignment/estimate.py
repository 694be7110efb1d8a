"""What a rule estimates: many samples of its update at fixed weights, and the gradient they are compared with.

    u_s = the update of the weights for one presentation, over −η                             sample s, fresh perturbations
    M = mean of N of them        μ = E u        V = E‖u − μ‖²        g = the gradient
    cosine = ⟨M, g⟩/‖M‖‖g‖       limit = ⟨μ, g⟩/‖μ‖‖g‖       gain = ⟨μ, g⟩/‖g‖²       bias = ‖μ − g‖²/‖g‖²       variance = V/‖g‖²

The updates are those of the training kernels in the episode schedule: the pending update (:meth:`Simulation.pending_update`) at the end
of a sequence. Weights stay fixed: the learning rate is `RATE`. The gradient estimate is measured, so the rule's optimiser and
learning-rate schedule are replaced by a plain step and a constant. For a rule that credits every trial with its own loss, many copies of
the trials run in parallel: each copy is a sample, and the update of a pass is their mean. A single sample is a pass with only one copy scored.

On hardware the gradient is that of the ideal network with the stored weights: coping with read noise, converters and neurons is up to
the rule.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neuroperturb.analysis.alignment import statistics
from neuroperturb.analysis.alignment.reference import Reference, references
from neuroperturb.analysis.alignment.statistics import Products
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import ALL, LEARNT, RNN, Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.axes.rate import Constant
from neuroperturb.rules.axes.step import Plain
from neuroperturb.rules.plan import facts_of
from neuroperturb.simulation.simulation import Prepared, Simulation
from neuroperturb.spec import InputError, SpecError, Words
from neuroperturb.tasks.contract import Loss, Sequence

RATE = 1e-12  # η: updates are read, and never change the weights
GROUPS = 40  # groups of samples, whose means give the intervals
COLUMNS = 64  # largest number of parallel trials where copies of them are samples
SINGLES = 100  # samples measured one by one
SETTLING = 200  # passes before the first sample of a rule that keeps state from one to the next


class Setting(NamedTuple):
    """Setting of an estimate: a network with its weights, trials, and hardware."""

    network: RNN
    initial: Matrices
    sequence: Sequence
    loss: Loss = "mse"
    hardware: Chip | None = None
    seed: int = 0


def measure(rule: PerturbationRule, setting: Setting, samples: int) -> list[dict]:
    """Alignment of one rule: a row for every matrix, reference and metric.

    Parameters
    ----------
    rule : its optimiser step is replaced by a plain one, its rate by a constant
    setting : Setting
    samples : number of samples to average, at least `GROUPS`; rounded up to whole passes

    Returns
    -------
    list of dict
        ``matrix`` (``"all"``: the three as one vector), ``reference`` (``"bptt"`` or ``"bptt(1)"``), ``metric`` (``"plain"`` or
        ``"C_x"``), ``samples``, and ``cosine``, ``limit``, ``single``, ``gain``, ``bias``, ``variance``, each also with ``_low`` and
        ``_high``, the ends of its 95 % interval.
    """
    if samples < GROUPS:
        raise SpecError("samples", "align", f"at least {GROUPS}", samples)
    estimator = Estimator(rule, setting, samples)
    known = references(setting.network, estimator.weights(), setting.sequence, setting.loss)
    means, per_group = estimator.group_means(samples)
    singles = estimator.singles()
    estimator.check_weights_stayed()
    rows = []
    for reference in known:
        products = {name: _products(reference, name, means[name], singles[name]) for name in LEARNT}
        products[ALL] = statistics.together(products.values())
        for name, found in products.items():
            which = {"matrix": name, "reference": reference.name, "metric": reference.metric}
            rows.append({**which, "samples": per_group * GROUPS, **statistics.estimates(found, per_group)})
    return rows


def _products(reference: Reference, name: str, means: np.ndarray, singles: np.ndarray) -> Products:
    """Inner products of one matrix, in the metric of the reference."""
    g, root = reference.gradient[name], reference.root[name]
    return statistics.products(
        g if root is None else g @ root, *(a if root is None else a @ root for a in (means, singles))
    )


class Estimator:
    """A simulation whose updates are read but never written.

    Parameters
    ----------
    rule, setting : as in :func:`measure`
    samples : number to be drawn; if it is small, fewer copies run in parallel
    """

    def __init__(self, rule: PerturbationRule, setting: Setting, samples: int):
        self.sequence, self.trials = setting.sequence, setting.sequence.inputs.shape[1]
        rule, self.copies = _copied(_plain(rule), self.trials, samples)
        # if all trials share one draw, there is one reward, their mean, whatever the divisor
        self._factor = self.trials if rule.batch_divisor == "sum" and not facts_of(rule).one_draw_a_batch else 1
        self.simulation = Simulation(
            setting.network, rule.replace(batch_divisor="mean"), setting.initial, loss=setting.loss, schedule="episode",
            batch=self.trials * self.copies, steps=len(setting.sequence.inputs), dtype="float64", seed=setting.seed,
            hardware=setting.hardware,
        )  # fmt: skip
        sequence = _repeated(setting.sequence, self.copies)
        self._data = self.simulation.prepare(sequence)
        self._stored, self._passes = self.weights(), 0
        for _ in range(0 if facts_of(rule).separable else SETTLING):
            self.mean()

    def weights(self) -> Matrices:
        """The stored weights, W[i, j] from j to i."""
        return self.simulation.weights()

    def group_means(self, samples: int) -> tuple[dict[str, np.ndarray], int]:
        """Means of `GROUPS` groups of samples, (GROUPS, n, m) for every matrix, and how many samples a group has."""
        passes = -(-samples // (GROUPS * self.copies))
        means = {name: np.zeros((GROUPS, *self.simulation.arrays[name].shape)) for name in LEARNT}
        for k in range(GROUPS):
            for _ in range(passes):
                for name, update in self.mean().items():
                    means[name][k] += update / passes
        return means, passes * self.copies

    def singles(self) -> dict[str, np.ndarray]:
        """Single samples, (SINGLES, n, m) for every matrix."""
        found = [self.single() for _ in range(SINGLES)]
        return {name: np.stack([update[name] for update in found]) for name in LEARNT}

    def mean(self) -> dict[str, np.ndarray]:
        """Mean of the samples of one pass, (n, m) for every matrix."""
        return self._pass(self._data, 1)

    def single(self, copy: int = 0) -> dict[str, np.ndarray]:
        """One sample: the update of a pass in which one copy of the trials is scored and the others are not."""
        own = np.arange(self.trials * self.copies) // self.trials == copy
        return self._pass(self._data._replace(mask=self._data.mask & own), self.copies)

    def _pass(self, data: Prepared, factor: int) -> dict[str, np.ndarray]:
        """−ΔW/η of one presentation, times a factor."""
        self._passes += 1
        simulation, T = self.simulation, len(data.inputs)
        simulation.run.counters.sequence[0] = self._passes
        if simulation.gather(data, 0, T) < T:
            raise InputError("The loss of these weights on these trials is not finite: there is no update to measure.")
        update = simulation.pending_update()
        simulation.finish()
        return {name: update[name] * (-factor * self._factor / RATE) for name in LEARNT}

    def check_weights_stayed(self) -> None:
        """Reject hardware whose weights move even for a vanishing requested change."""
        for name, before, now in zip(LEARNT, self._stored, self.weights(), strict=False):
            if not np.allclose(now, before, rtol=0, atol=1e-4 * float(np.abs(before).max())):
                wanted, got = "weights as they are where no update is requested", Words(f"a {name} that moved")
                raise SpecError("hardware", "align", wanted, got, verb="must leave")


def _plain(rule: PerturbationRule) -> PerturbationRule:
    if not isinstance(rule, PerturbationRule):
        raise SpecError("rules", "align", "perturbation rules", rule, verb="must hold")
    return rule.replace(step=Plain(), rate=Constant(), learning_rate=RATE)


def _copied(rule: PerturbationRule, trials: int, samples: int) -> tuple[PerturbationRule, int]:
    """The rule for several copies of the trials, each its own sample, and the number of copies."""
    if trials == 1:  # one scalar, or one draw, per batch is one per trial
        rule = rule.replace(broadcast="trial")
        rule = rule.replace(probe=rule.probe.with_a_draw_for_each_trial())
    facts = facts_of(rule)
    if rule.broadcast == "batch" or facts.one_draw_a_batch or not facts.separable:
        return rule, 1
    return rule, max(1, min(COLUMNS // trials, samples // GROUPS))


def _repeated(sequence: Sequence, copies: int) -> Sequence:
    """Several copies of the trials in parallel, from zero state."""
    reset = np.array(sequence.reset)
    reset[0] = True
    inputs, targets = (np.tile(part, (1, copies, 1)) for part in (sequence.inputs, sequence.targets))
    return Sequence(inputs, targets, np.tile(sequence.mask, (1, copies)), reset)
