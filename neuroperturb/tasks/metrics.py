"""Scores of outputs against targets, over the scored steps only.

Every function takes ``outputs, targets`` of shape (T, B, n_out) and ``mask`` of shape (T, B), and returns one float.
Masked steps enter neither sums nor counts; without any scored step the score is nan. A diverged network gives inf or
nan, never a warning; a scored target that is not finite raises an error, since it is not a fault of the network.
"""

from __future__ import annotations

import numpy as np

from neuroperturb.spec import SpecError
from neuroperturb.tasks import door
from neuroperturb.tasks.contract import Sequence

OWNER = "a score"


def mse(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared error over scored steps, trials and outputs:  mean (y − y*)²."""
    y, wanted = _scored(outputs, targets, mask)
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean((y - wanted) ** 2)


def nmse(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Mean squared error in units of the targets' variance:  1 is predicting their mean."""
    _, wanted = _scored(targets, targets, mask)
    variance = _mean((wanted - wanted.mean(axis=0)) ** 2) if wanted.size else 0.0
    return mse(outputs, targets, mask) / variance if variance > 0 else float("nan")


def cross_entropy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Mean over scored steps and trials of −Σ_k y*_k log softmax(y)_k  [nats]."""
    y, wanted = _scored(outputs, targets, mask)
    with np.errstate(over="ignore", invalid="ignore"):
        y = y - y.max(axis=1, keepdims=True)  # softmax is invariant to a common shift; avoids overflow of exp
        log_softmax = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return _mean(-(wanted * log_softmax).sum(axis=1))


def accuracy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Fraction of scored steps whose largest output is the target class."""
    y, wanted = _scored(outputs, targets, mask)
    return _mean(y.argmax(axis=1) == wanted.argmax(axis=1))


def sign_accuracy(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Fraction of scored ±1 targets with the sign of the output; an output of exactly 0, or nan, is wrong."""
    y, wanted = _scored(outputs, targets, mask)
    return _mean(y * wanted > 0)


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


def _scored(outputs: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets of the scored steps, each (scored, n_out), float64."""
    targets = door.real("targets", targets, OWNER)
    if targets.ndim != 3:
        raise SpecError("targets", OWNER, "(T, B, n_out)", targets.shape, verb="must have the shape")
    outputs = door.real("outputs", outputs, OWNER)
    door.require_shape("outputs", outputs, targets.shape, "of the targets, (T, B, n_out)", OWNER)
    mask = door.yes_or_no("mask", mask, targets.shape[:2], "(T, B)", OWNER)
    door.require_finite("targets", targets, OWNER, mask)
    return outputs[mask], targets[mask]


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
