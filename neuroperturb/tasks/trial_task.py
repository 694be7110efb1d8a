"""A task of one's own in one method: ``draw`` makes trials, and everything else follows from them.

    class Parity(TrialTask):
        steps: int = 6

        def draw(self, rng, trials):
            x = rng.choice([-1.0, 1.0], (self.steps, trials, 1))      # (T, B, n_in)
            return x, -np.prod(-x, axis=0)                            # (B, n_out): scored at the last step

Training batch k, validation and test are separate streams of the seed, so that no trial of one is drawn for another.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from neuroperturb.spec import SpecError
from neuroperturb.tasks import metrics
from neuroperturb.tasks.array_parts import LAYOUTS, GivenPart, read_part
from neuroperturb.tasks.contract import Dataset, Sequence, Task
from neuroperturb.tasks.randomness import check_number, check_request, generator

TRIVIAL = 1000  # trials of the training stream from which the constant guess is taken


class TrialTask(Task):
    """Trials that are drawn anew, from one method, :meth:`draw`; parameters are fields of the class.

    Parameters
    ----------
    classes : int, class variable: the number of classes where targets are labels; 0: targets are numbers
    trials_per_epoch : int, trials presented in one epoch, rounded up to whole batches
    validation_trials : int, fresh trials to validate on after every epoch
    test_trials : int, fresh trials to test on at the end
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 32
    classes: ClassVar[int] = 0

    trials_per_epoch: int = Field(default=1280, ge=1)
    validation_trials: int = Field(default=512, ge=1)
    test_trials: int = Field(default=1024, ge=1)

    def draw(self, rng: np.random.Generator, trials: int) -> tuple[Any, ...] | Sequence:
        """Make trials: ``x, y`` or ``x, y, mask``; or a whole :class:`Sequence`, with conditions for instance.

        Parameters
        ----------
        rng : Generator, the only source of randomness
        trials : int, B

        Returns
        -------
        x : inputs, shape (T, B, n_in)
        y : numbers, (T, B, n_out), or (B, n_out) or (B,) for targets at the last step; with `classes`, labels, (T, B) or (B,)
        mask : bool, shape (T, B), the scored steps; by default all, or the last one
        """
        del rng, trials
        hint = "It makes trials: draw(rng, trials) -> x, y."
        raise SpecError("draw", type(self).__name__, verb="is missing", hint=hint)

    def data(self, seed: int, batch_size: int) -> DrawnTrials:
        """Trials from the seed."""
        check_request(self, seed, batch_size)
        return DrawnTrials(self, seed, batch_size)

    def sequence(self, rng: np.random.Generator, trials: int) -> Sequence:
        """What `draw` makes, checked."""
        made, owner = self.draw(rng, trials), f"{type(self).__name__}.draw"
        if isinstance(made, Sequence):
            return made
        if not isinstance(made, tuple) or len(made) not in (2, 3):
            raise SpecError("draw", type(self).__name__, "x, y or x, y, mask", type(made).__name__, verb="must return")
        kind = "classification" if self.classes else "regression"
        part = read_part("", GivenPart(*made), LAYOUTS[0], kind, self.classes, owner=owner)
        if part.trials != trials:
            raise SpecError("x", owner, f"(T, {trials}, n_in)", part.inputs.shape, verb="must have the shape")
        return part.take(slice(None))


class DrawnTrials(Dataset):
    """Trials of one task and seed.

    Parameters
    ----------
    task : TrialTask
    seed, batch_size : int
    """

    def __init__(self, task: TrialTask, seed: int, batch_size: int) -> None:
        self._task, self._seed, self._batch_size = task, seed, batch_size
        self.loss = "cross_entropy" if task.classes else "mse"
        self.batches_per_epoch = -(-task.trials_per_epoch // batch_size)
        self.validation = self._draw("validation", 0, task.validation_trials)
        self.test = self._draw("test", 0, task.test_trials)
        self.n_in, self.n_out = self.test.inputs.shape[2], self.test.targets.shape[2]

    def _draw(self, part: str, number: int, trials: int) -> Sequence:
        return self._task.sequence(generator(self._seed, f"{self._task.label}/{part}", number), trials)

    def batch(self, number: int) -> Sequence:
        """Training batch `number`, a function of the seed and that number only."""
        check_number(number)
        return self._draw("train", number, self._batch_size)

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss`` (mean squared error) and ``nmse``; of classes ``loss`` (cross-entropy, nats) and ``accuracy``."""
        return metrics.usual(self.loss, outputs, sequence.targets, sequence.mask)

    def trivial(self) -> dict[str, dict[str, float]]:
        """``mean``, or ``guess`` of classes: the mean target of training trials."""
        seen = self._draw("trivial", 0, TRIVIAL)
        mean = seen.targets[seen.mask].mean(axis=0)
        return metrics.of_a_constant(self.loss, mean, validation=self.validation, test=self.test)
