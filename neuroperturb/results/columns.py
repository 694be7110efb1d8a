"""The contents of a record for its readers: columns of its tables, and the attributes that reports and figures may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.spec.data_file import FileNote

if TYPE_CHECKING:
    import pandas as pd

HISTORY = {  # column: type
    "epoch": np.int64,
    "step": np.int64,  # time steps trained on so far
    "train_loss": np.float64,
    "validation_loss": np.float64,
    "dW_in": np.float64,  # Frobenius norm of the change over the epoch
    "dW_rec": np.float64,
    "dW_out": np.float64,
    "twin_distance": np.float64,  # mean ‖δx‖/σ
    "spectral_radius": np.float64,
    "skipped": np.int64,  # singular steps
    "seconds": np.float64,  # of training, without compilation
}
RESULTS = ("name", "validation", "test", "status", "settings", "seconds")
TEXT = ("name", "status", "settings")
IN_THE_LOOP = "black box"  # part of the ledger of a record that a chip in the loop has
Status = Literal["finished", "interrupted", "diverged"]


class Record(Protocol):
    """What reports and figures need of a run; :class:`neuroperturb.results.run.Run` provides it."""

    experiment: Experiment
    history: pd.DataFrame
    results: pd.DataFrame
    status: Status
    diverged_step: int | None
    seeds: dict[str, int]
    ledger: dict[str, Any]
    loss: dict[str, Any]
    versions: dict[str, str]
    cpu: dict[str, str]
    data: dict[str, FileNote]
