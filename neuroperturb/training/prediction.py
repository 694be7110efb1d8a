"""Prediction: outputs of a trained network for inputs of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neuroperturb.network.chip.chip import Chip
from neuroperturb.results import from_above
from neuroperturb.results.run import Run
from neuroperturb.tasks.unscored import unscored
from neuroperturb.training.deployment import Deployed

if TYPE_CHECKING:
    import pandas as pd


def predict(run: Run, inputs: ArrayLike, *, reset: ArrayLike | None = None, hardware: Chip | None = None) -> np.ndarray:
    """Outputs of a trained network, on the hardware it was trained on, if any.

    Parameters
    ----------
    run : a record with finite weights
    inputs : (T, B, n_in), scaled as the task's are; (T, n_in) is one trial
    reset : (T,) bool, where the state is reset to zero before the step; by default before the first
    hardware : program the weights on this chip first

    Returns
    -------
    ndarray, shape (T, B, n_out), or (T, n_out) for one trial
    """
    deployed = Deployed(run, hardware)
    sequence, one = unscored(inputs, reset, deployed.dataset)
    outputs = deployed.outputs(sequence)
    return outputs[:, 0] if one else outputs


from_above.predict.provide(predict)


def forecast(run: Run, path: str | Path, *, hardware: Chip | None = None) -> pd.DataFrame:
    """Forecasts for the rows of another file, by a network trained on data of your own.

    Parameters
    ----------
    run : a record of the task `series` or `arrays`
    path : CSV or parquet file with the input columns of the task; npz file with an array ``x``. Targets are not needed
    hardware : program the weights on this chip first

    Returns
    -------
    DataFrame
        Of a series, one row per row of the file without missing values: ``row``, its time or line, and for each target column
        ``COLUMN + h``, its forecast h rows later, in its own units. Of arrays, one row per ``trial`` and ``step`` that the task
        would score: ``output 0`` …, or ``class`` and the probabilities ``p 0`` … of classes.
    """
    import pandas as pd

    rows = run.experiment.task.new_rows(str(path))
    return pd.DataFrame(rows.columns(predict(run, rows.inputs, reset=rows.reset, hardware=hardware)))
