"""Sequential digits: classify a handwritten digit that is presented one pixel at a time.

The 8 × 8 digits included in scikit-learn (the UCI test set of E. Alpaydin, C. Kaynak, Optical Recognition of
Handwritten Digits, 1998, doi:10.24432/C50P49; CC BY 4.0): 1,797 images of 64 grey values from 0 to 16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from neuroperturb.spec import InputError, SpecError
from neuroperturb.spec.data_file import FileNote
from neuroperturb.tasks import metrics
from neuroperturb.tasks.contract import Dataset, Sequence, Task
from neuroperturb.tasks.randomness import check_number, check_request, generator

Scored = Literal["last", "every"]
CLASSES = 10
VALIDATION_FRACTION, TEST_FRACTION = 0.1, 0.2  # of each class


class SequentialDigits(Task):
    """Classify a handwritten digit that is presented as 64 steps of one pixel.

    Input: one grey value in [0, 1] per step, row by row. Output: ten logits, scored at the last step by the
    cross-entropy; log 10 = 2.30 is guessing. Each class is split by the seed into 70 % training, 10 % validation and
    20 % test. Each epoch presents the training images in a new order, in whole batches; the few that are left over
    are skipped in that epoch.

    Parameters
    ----------
    permute : bool, present the pixels in one fixed random order, drawn from the seed, instead of row by row: neighbours
        in the image are then far apart in time
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 10

    name: Literal["digits"] = "digits"
    permute: bool = False

    def data(self, seed: int, batch_size: int) -> DigitsData:
        """The images, split and ordered by the seed."""
        check_request(self, seed, batch_size)
        pixels, labels = _load()
        if self.permute:
            pixels = pixels[:, generator(seed, "digits/permutation").permutation(pixels.shape[1])]
        return DigitsData(pixels, labels, seed, batch_size)


class DigitsData(Dataset):
    """Images as sequences; scored by cross-entropy.

    pixels, labels : (images, …), and (images,)
    shown : from some of the pixels to grey values in [0, 1], (images, steps); of few images at a time, since they take 8 bytes a step
    scored : at the ``"last"`` step, or at ``"every"`` one
    test : pixels and labels of images for the test; None: a fifth of the images
    files : which the images are of, by path
    """

    loss = "cross_entropy"
    n_in, n_out = 1, CLASSES

    def __init__(
        self, pixels: np.ndarray, labels: np.ndarray, seed: int, batch_size: int, *, scored: Scored = "last",
        test: tuple[np.ndarray, np.ndarray] | None = None, files: Mapping[str, FileNote] = MappingProxyType({}),
        shown: Callable[[np.ndarray], np.ndarray] = np.asarray,
    ) -> None:  # fmt: skip
        self._pixels, self._labels, self._seed, self._batch_size = pixels, labels, seed, batch_size
        self._scored, self.files, self._values = scored, files, shown
        self._train, validation, held_out = stratified(labels, generator(seed, "digits/split"))
        if test is not None:
            self._train = np.sort(np.concatenate([self._train, held_out]))
        if batch_size > len(self._train):
            wanted = f"at most {len(self._train)}, the number of training images"
            raise SpecError("batch_size", "SequentialDigits data", wanted, batch_size)
        self.batches_per_epoch = len(self._train) // batch_size
        self.validation = self._sequence(validation)
        self.test = self._sequence(held_out) if test is None else self._shown(*test)

    def batch(self, number: int) -> Sequence:
        """Images of training batch `number`, in the order of its epoch."""
        check_number(number)
        epoch, index = divmod(number, self.batches_per_epoch)
        order = generator(self._seed, "digits/order", epoch).permutation(self._train)
        return self._sequence(order[index * self._batch_size : (index + 1) * self._batch_size])

    def _sequence(self, images: np.ndarray) -> Sequence:
        return self._shown(self._pixels[images], self._labels[images])

    def _shown(self, pixels: np.ndarray, labels: np.ndarray) -> Sequence:
        inputs = np.ascontiguousarray(self._values(pixels).T)[:, :, None]  # (T, B, 1)
        steps, trials = inputs.shape[:2]
        targets = np.broadcast_to(np.eye(CLASSES)[labels], (steps, trials, CLASSES))  # one row of memory for all steps
        mask, reset = np.full((steps, trials), self._scored == "every"), np.zeros(steps, bool)
        mask[-1], reset[0] = True, True
        return Sequence(inputs, targets, mask, reset)

    def metrics(self, outputs: np.ndarray, sequence: Sequence) -> dict[str, float]:
        """``loss`` (cross-entropy, nats) and ``accuracy``."""
        scored = (outputs, sequence.targets, sequence.mask)
        return {"loss": metrics.cross_entropy(*scored), "accuracy": metrics.accuracy(*scored)}

    def trivial(self) -> dict[str, dict[str, float]]:
        """``guess``: the class frequencies of the training set."""
        odds = np.log(np.bincount(self._labels[self._train], minlength=CLASSES) / len(self._train))
        parts = {"validation": self.validation, "test": self.test}
        return {"guess": {n: self.metrics(np.broadcast_to(odds, s.targets.shape), s)["loss"] for n, s in parts.items()}}


def stratified(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of training, validation and test, each class split in the same proportions."""
    parts: tuple[list, list, list] = ([], [], [])
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        test = round(TEST_FRACTION * len(members))
        validation = test + round(VALIDATION_FRACTION * len(members))
        for kept, some in zip(parts, (members[validation:], members[test:validation], members[:test]), strict=True):
            kept.append(some)
    train, validation, test = (np.sort(np.concatenate(p)) for p in parts)
    return train, validation, test


def _load() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (images, 64) in [0, 1] and labels (images,)."""
    try:
        from sklearn.datasets import load_digits  # optional, and slow to import: only this task needs it
    except ImportError:
        raise InputError(
            "The task 'digits' uses images of scikit-learn, which is not installed: pip install 'neuroperturb[digits]'."
        ) from None
    digits = load_digits()
    return digits.data / 16.0, digits.target
