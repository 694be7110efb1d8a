"""A rule that learns on a chip it knows nothing of:  ask, measure, tell.

    request = session.ask(sequence)        a perturbation, and the trials to present with it
    update = session.tell(measurement)     losses, and activities where synapses need them → the change of every weight

Draws, codes, clocks, baselines, credit, whitening and steps are those of any run, computed by the same kernels
(:class:`neuroperturb.simulation.simulation.Simulation`), in which only the neurons are measured ones. The weights are a copy of those
that the chip has been told: no step reads them, unless the formula of a synapse uses its own weight.
"""

from __future__ import annotations

import numpy as np

from hardware_models.numerics.record import record
from neuroperturb.network.rnn import LEARNT, RNN, Matrices, initial_weights
from neuroperturb.network.scalar_losses import ScalarLoss
from neuroperturb.rules import PerturbationRule
from neuroperturb.simulation.measured import MeasuredNeurons, make_drawn, make_shifts
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.black_box.presentation import Measurement, Presentation, Update, activity_of, losses_of


class AskTell:
    """The rule's side of a chip in the loop.

    Parameters
    ----------
    rule : PerturbationRule with noise injected into units, or weight noise that is held for a trial
    network : sizes, and initial weights
    n_in, n_out : inputs and outputs of the chip
    steps, batch : of a presentation; in the online schedule every step is one of its own
    loss : what is computed where outputs are told, the name of a task's loss or a scalar one
    schedule : ``"episode"``: one update a presentation;  ``"online"``: one a step
    total_steps : of all training, for learning-rate schedules
    initial : weights to begin with, by default those of the network and seed
    keeps_weights : the chip keeps its weights, and is told changes

    Examples
    --------
    >>> from neuroperturb import RNN, rules, tasks
    >>> from neuroperturb.tasks import Sequence
    >>> session = AskTell(rules.make("wp-held"), RNN(size=3), n_in=1, n_out=1, steps=4, batch=2)
    >>> request = session.ask(Sequence(np.ones((4, 2, 1)), np.ones((4, 2, 1)), np.ones((4, 2)), [1, 0, 0, 0]))
    >>> request.shifts["W_rec"].shape, request.passes
    ((2, 2, 3, 3), 2)
    >>> update = session.tell([[0.5, 0.4], [0.6, 0.3]])
    >>> update.change["W_rec"].shape
    (3, 3)
    """

    def __init__(
        self, rule: PerturbationRule, network: RNN, *, n_in: int, n_out: int, steps: int, batch: int = 1, loss: str | ScalarLoss = "mse",
        schedule: str = "episode", total_steps: int = 1, seed: int = 0, dtype: str = "float64", frozen: tuple[str, ...] = (),
        initial: Matrices | None = None, keeps_weights: bool = False,
    ):  # fmt: skip
        initial = initial_weights(network, n_in, n_out, seed) if initial is None else initial
        self.rule, self.loss, self.keeps_weights = rule, loss, keeps_weights
        self.window = steps if schedule == "episode" else 1
        self.simulation = Simulation(
            network, rule, initial, loss="told", schedule=schedule, batch=batch, steps=self.window, total_steps=total_steps,
            dtype=dtype, seed=seed, frozen=frozen, neurons=MeasuredNeurons(),
        )  # fmt: skip
        self._asked: tuple[Presentation, Sequence] | None = None
        self._change: dict[str, np.ndarray] | None = None
        self._told = False  # whether the chip has been sent weights

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """What the chip's weights are, as far as it has done what it was told, by matrix."""
        found = self.simulation.weights()
        return {name: np.array(getattr(found, name)) for name in LEARNT}

    def ask(self, sequence: Sequence, number: int | None = None) -> Presentation:
        """What to present next.

        sequence : trials of the task, (T, B, …): a whole episode, or one step of it in the online schedule
        number : of the presentation, by which held draws are keyed; by default one more than before
        """
        sim = self.simulation
        steps, trials = sequence.inputs.shape[:2]
        if trials != sim.batch or steps > self.window:
            wanted = f"at most {self.window} steps of {sim.batch} trials"
            raise SpecError("sequence", "ask", wanted, (steps, trials), verb="must have")
        if self._asked is not None:
            raise InputError("A chip in the loop was asked twice: tell what was measured before asking again.")
        counters = sim.run.counters
        counters.sequence[0] = counters.sequence[0] + self._begun if number is None else number
        request = Presentation(
            kind="learn", number=int(counters.sequence[0]), inputs=sequence.inputs, targets=sequence.targets, mask=sequence.mask,
            reset=sequence.reset, noise=self._noise("source", sim.network.size, steps),
            noise_out=self._noise("source_y", sequence.targets.shape[2], steps), shifts=self._shifts(), **self._sent(),
        )  # fmt: skip
        self._asked, self._begun = (request, sequence), 1
        return request

    _begun = 0

    def tell(self, measurement: Measurement | dict | object) -> Update:
        """Learn from what was measured.

        measurement : :class:`Measurement`, a table of its fields, or the loss alone
        """
        if self._asked is None:
            raise InputError("A chip in the loop was told something before it was asked: call ask(sequence) first.")
        request, sequence = self._asked
        told, sim = Measurement.of(measurement), self.simulation
        losses = losses_of(told, request, self.loss)
        measured, steps = sim.run.neurons, len(sequence.inputs)
        if self.needs_activity:
            activity = activity_of(told, request, sim.network.size)
            measured.x[:steps, :, : sim.network.size] = _columns(activity)
        measured.loss[:steps] = _columns(losses)
        measured.place[0] = 0
        self._asked = None
        before = self.weights
        data = sim.prepare(sequence._replace(targets=np.zeros_like(sequence.targets)))
        if sim.present(data, "learn", 0, steps) == steps:
            sim.flush()
        after = self.weights
        self._change = {name: after[name] - before[name] for name in LEARNT}
        scored = int(sequence.mask.sum())
        centre = losses.mean(axis=0) if self.rule.baseline.passes == 2 and sim.compiled.facts.paired else losses[0]
        return Update(change=self._change, loss=float(centre.sum() / scored) if scored else float("nan"))

    def withdraw(self) -> None:
        """Forget what was asked and not answered; the next request asks the same again."""
        self._asked, self._begun = None, 0

    def look(self, sequence: Sequence) -> Presentation:
        """A presentation without perturbation, to score the chip; it is not told here."""
        return Presentation(
            kind="evaluate", number=0, inputs=sequence.inputs, targets=sequence.targets, mask=sequence.mask, reset=sequence.reset,
            **self._sent(),
        )  # fmt: skip

    @property
    def needs_activity(self) -> bool:
        """Whether synapses are credited by the activity of the unit before them, which has to be measured."""
        compiled = self.simulation.compiled
        return compiled.facts.perturbs_units or "pre" in compiled.structure.synapse.formula.used

    @property
    def diverged(self) -> bool:
        """Whether a loss was told that is not finite."""
        return self.simulation.run.counters.diverged[0] >= 0

    def _sent(self) -> dict:
        """Weights, or their last change; a change is sent once."""
        if not self.keeps_weights or not self._told:
            self._told, self._change = True, None
            return {"weights": self.weights}
        change, self._change = self._change, None
        return {"change": change}

    def _noise(self, source: str, units: int, steps: int) -> np.ndarray | None:
        """(P, T, B, units) of a layer; None where units are not perturbed."""
        sim = self.simulation
        noise, facts = sim.compiled.structure.noise, sim.compiled.facts
        if not noise.injected:
            return None
        rows = sim.batch * (2 if facts.independent else 1)
        numbers = sim.compiled.numbers
        drawn = np.zeros((steps, rows, units), sim.dtype)
        make_drawn(noise.fill)(
            record(getattr(sim.run, source)), int(sim.run.counters.step[0]), numbers.hold, numbers.noise_std, drawn
        )
        by_pass = drawn.reshape(steps, -1, sim.batch, units).swapaxes(0, 1)
        return sim.setup.sign[: facts.passes, None, None, None] * np.broadcast_to(
            by_pass, (facts.passes, *by_pass.shape[1:])
        )

    def _shifts(self) -> dict[str, np.ndarray]:
        """(P, B or 1, units, inputs) of every learnt matrix, where weights are perturbed."""
        sim = self.simulation
        noise = sim.compiled.structure.noise
        if not noise.shifted:
            return {}
        number = int(sim.run.counters.sequence[0]) // sim.compiled.numbers.hold
        return {name: self._shift(name, number) for name in LEARNT}

    def _shift(self, name: str, number: int) -> np.ndarray:
        sim = self.simulation
        synapses = getattr(sim.run.memories, name)
        n, m = sim.arrays[name].shape
        drawn = np.zeros((sim.batch if self.rule.probe.per_trial else 1, m, n), sim.dtype)
        make_shifts(sim.compiled.structure.noise.fill)(record(synapses.source), number, drawn)
        return synapses.offset[:, None, None, None] * drawn.swapaxes(1, 2)


def _columns(measured: np.ndarray) -> np.ndarray:
    """(P, T, B, …) → (T, P · B, …)"""
    by_step = measured.swapaxes(0, 1)
    return by_step.reshape(by_step.shape[0], -1, *by_step.shape[3:])
