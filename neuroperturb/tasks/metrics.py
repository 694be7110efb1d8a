"""Scores of outputs against targets, over the scored steps only.

Every function takes ``outputs, targets`` of shape (T, B, n_out) and ``mask`` of shape (T, B), and returns one float.
Masked steps enter neither sums nor counts; without any scored step the score is nan. A diverged network gives inf or
nan, never a warning; a scored target that is not finite raises an error, since it is not a fault of the network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neuroperturb.spec import SpecError
from neuroperturb.tasks import door
from neuroperturb.tasks.contract import Sequence

OWNER = "a score"
ROWS = 1 << 12  # scored at a time


def mse(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared error over scored steps, trials and outputs:  mean (y − y*)²."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean(_of_steps(lambda y, wanted: (y - wanted) ** 2, outputs, targets, mask))


def nmse(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared error in units of the targets' variance:  1 is predicting their mean."""
    _, wanted = _scored(targets, targets, mask)
    variance = _mean((wanted - wanted.mean(axis=0)) ** 2) if wanted.size else 0.0
    return mse(outputs, targets, mask) / variance if variance > 0 else float("nan")


def cross_entropy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Mean over scored steps and trials of −Σ_k y*_k log softmax(y)_k  [nats]."""

    def of_rows(y, wanted):
        y = y - y.max(axis=1, keepdims=True)  # softmax is invariant to a common shift; avoids overflow of exp
        log_softmax = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return -(wanted * log_softmax).sum(axis=1)

    with np.errstate(over="ignore", invalid="ignore"):
        return _mean(_of_steps(of_rows, outputs, targets, mask))


def accuracy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Fraction of scored steps whose largest output is the target class."""
    return _mean(_of_steps(lambda y, wanted: y.argmax(axis=1) == wanted.argmax(axis=1), outputs, targets, mask))


def sign_accuracy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Fraction of scored ±1 targets with the sign of the output; an output of exactly 0, or nan, is wrong."""
    return _mean(_of_steps(lambda y, wanted: y * wanted > 0, outputs, targets, mask))


def usual(loss: str, outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """``loss`` and ``nmse`` for the mean squared error; ``loss`` and ``accuracy`` for the cross-entropy."""
    scored = (outputs, targets, mask)
    if loss == "cross_entropy":
        return {"loss": cross_entropy(*scored), "accuracy": accuracy(*scored)}
    return {"loss": mse(*scored), "nmse": nmse(*scored)}


def of_a_constant(loss: str, mean: np.ndarray, **parts: Sequence) -> dict[str, dict[str, float]]:
    """The loss of always predicting the mean target: ``mean``, or of the odds of classes: ``guess``; by part."""
    odds = loss == "cross_entropy"
    name, output = ("guess", np.log(np.maximum(mean, 1e-12))) if odds else ("mean", mean)
    scores = {
        part: usual(loss, np.broadcast_to(output, s.targets.shape), s.targets, s.mask)["loss"]
        for part, s in parts.items()
    }
    return {name: scores}


def error_bits(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Wrong ±1 bits per trial, averaged over trials [bits]."""
    y, wanted = _scored(outputs, targets, mask)
    trials = np.shape(targets)[1]
    owners = np.nonzero(door.yes_or_no("mask", mask, np.shape(targets)[:2], "(T, B)", OWNER))[1]
    with np.errstate(invalid="ignore"):
        wrong = (~(y * wanted > 0)).sum(axis=1)
    return _mean(np.bincount(owners, wrong, trials))


def _of_steps(of_rows: Callable, outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """of_rows(y, wanted) of all scored rows, in their order; a few steps at a time, so that nothing of (T, B, n_out) is copied."""
    outputs, targets, mask = _checked(outputs, targets, mask)
    each = max(1, ROWS // max(1, targets.shape[1]))
    parts = [slice(t, t + each) for t in range(0, max(1, len(targets)), each)]
    return np.concatenate(
        [of_rows(door.real("outputs", outputs[t][mask[t]], OWNER), targets[t][mask[t]]) for t in parts]
    )


def _scored(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets of the scored steps, each (scored, n_out), float64."""
    outputs, targets, mask = _checked(outputs, targets, mask)
    return door.real("outputs", outputs[mask], OWNER), targets[mask]


def _checked(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrays that fit each other; outputs keep their dtype if it is one of real numbers."""
    targets = door.real("targets", targets, OWNER)
    if targets.ndim != 3:
        raise SpecError("targets", OWNER, "(T, B, n_out)", targets.shape, verb="must have the shape")
    outputs = outputs if _floats(outputs) else door.real("outputs", outputs, OWNER)
    door.require_shape("outputs", outputs, targets.shape, "of the targets, (T, B, n_out)", OWNER)
    mask = door.yes_or_no("mask", mask, targets.shape[:2], "(T, B)", OWNER)
    door.require_finite("targets", targets, OWNER, mask)
    return outputs, targets, mask


def _floats(outputs: object) -> bool:
    """Whether they are an array of floats, which is converted where it is scored."""
    return type(outputs) is np.ndarray and outputs.dtype in (np.float32, np.float64)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
