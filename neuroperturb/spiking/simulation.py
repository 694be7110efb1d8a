"""A spiking network on its arrays, learning by one rule: the loops of :mod:`neuroperturb.simulation.simulation` around the spiking step."""

from __future__ import annotations

import numpy as np

from hardware_models.numerics.record import record
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import LEARNT, RNN, Matrices
from neuroperturb.rules import ActivityDifference, Antithetic, InjectedNoise, PerturbationRule
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import SpecError
from neuroperturb.spiking.kernel import SpikingPlan
from neuroperturb.spiking.model import EVALUATION, SpikingActivity, spiking_activity, spiking_numbers
from neuroperturb.tasks.contract import Sequence


class SpikingSimulation(Simulation):
    """The state of a spiking network and its learning; parameters as in :class:`neuroperturb.simulation.simulation.Simulation`, and

    lif : the neurons
    recorded_steps : steps of the task whose spikes are recorded while learning, from the first
    """

    def __init__(
        self, network: RNN, rule: PerturbationRule, initial: Matrices, *, lif: LIF, recorded_steps: int = 0, **options
    ):
        check(network, rule, options)
        self.lif, self.recorded_steps = lif, recorded_steps
        super().__init__(network, rule, initial, **options)

    def _make_run(self):
        run = super()._make_run()
        circuits = spiking_numbers(self.lif, self.setup.seed, self.dtype)
        return run._replace(
            act=self._activity(self.setup.passes, self.batch, 0, self.recorded_steps),
            neurons=run.neurons._replace(circuits=circuits),
        )

    def _activity(self, passes: int, batch: int, clock: int = EVALUATION, steps: int = 0) -> SpikingActivity:
        rows = steps * self.lif.substeps
        return spiking_activity(passes, batch, self.setup.sizes, self.network.bias, self.dtype, clock=clock, rows=rows)

    def raster(self, sequence: Sequence) -> np.ndarray:
        """Spikes of the clean network, bool (B, T · substeps, n), from rest unless the sequence says otherwise."""
        data = self.prepare(sequence)
        T, B = data.inputs.shape[:2]
        act, outputs = self._activity(1, B, steps=T), np.zeros((T, B, self.setup.sizes[2]), self.dtype)
        with self.look():
            self._evaluate(
                *self._evaluation, self._clean_memories, record(act), self._neurons, data.inputs, data.reset, outputs
            )
        return act.raster.astype(bool)

    def recorded(self) -> np.ndarray:
        """Spikes of the recorded steps of learning, bool (K, steps · substeps, n)."""
        return self.run.act.raster.astype(bool)

    def _forward_plan(self, sweeps) -> SpikingPlan:
        if self.rule.baseline.kind == "second_run":
            raise SpecError(
                "The 'rule.baseline' parameter cannot be 'second_run' with spiking neurons, whose passes share their noise."
            )
        return SpikingPlan(sweeps, self.lif.encoding.kind, self.compiled.structure.noise.injected)

    def twin_distance(self) -> float:
        """Root mean square over trials of ‖δr‖/σ between the two passes; nan of a single one."""
        if self.setup.passes == 1:
            return float("nan")
        r = self.run.act.xh.astype(np.float64)
        delta = r[self.batch :] - r[: self.batch]
        return float(np.sqrt(np.mean(np.sum(delta**2, axis=1))) / self.rule.noise_std)


def check(network: RNN, rule: PerturbationRule, options: dict) -> None:
    """Refuse what spiking neurons cannot do, in one sentence."""
    if not isinstance(rule.probe, InjectedNoise | ActivityDifference):
        raise SpecError(
            "The 'rule.probe' parameter must be 'injected' or 'activity' for spiking neurons: a spike reads a row of weights "
            f"as they are. Got {rule.probe.kind!r} instead."
        )
    if rule.baseline.kind == "second_run":
        raise SpecError(
            "The 'rule.baseline' parameter must be 'clean_twin', 'antithetic', 'running_mean' or 'per_condition' for spiking neurons. "
            "Got 'second_run' instead."
        )
    if rule.presynaptic.kind != "activity":
        raise SpecError(
            "The 'rule.presynaptic' parameter must be 'activity' for spiking neurons: what a matrix P would whiten is a mean of "
            f"filtered spikes over a step, which has no P yet. Got {rule.presynaptic.kind!r} instead."
        )
    if options.get("decorrelation") is not None:
        raise SpecError(
            "The 'decorrelation' parameter must be left out for spiking neurons: a spike is not decorrelated."
        )
    if network.leak != 1:
        raise SpecError(
            "The 'network.leak' parameter must be 1 for spiking neurons, whose leak is 'spiking.tau_membrane'. "
            f"Got {network.leak!r} instead."
        )
    if options.get("resynchronise") and isinstance(rule.baseline, Antithetic):
        raise SpecError(
            "The 'training.resynchronise' parameter must be 0 for an antithetic pair of spiking neurons: between two spike "
            f"trains there is no mean to go on from. Got {options['resynchronise']!r} instead."
        )
    check_chip(options.get("hardware"))


def check_chip(chip: Chip | None) -> None:
    """Refuse hardware whose reads are more than a row of weights for a spike."""
    if chip is None:
        return
    if chip.neurons != type(chip.neurons)():
        raise SpecError(
            "The 'hardware.neurons' parameter must be left out for spiking neurons, which are circuits of their own."
        )
    for name in LEARNT:
        made_of = chip.of(name)
        for part in ("reading", "time"):
            if getattr(made_of, part) is not None and name != "W_out":
                raise SpecError(
                    f"The 'hardware.{part}' parameter must be left out for spiking neurons: the spikes of a dt read rows of {name}, "
                    f"and {type(getattr(made_of, part)).__name__} is a model of reads of a whole array."
                )
