"""A run as an xarray DataTree: the same groups as its file, with named dimensions, units and what each variable is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neuroperturb.results.columns import Record
from neuroperturb.results.loss import of_run

if TYPE_CHECKING:
    import xarray

DIMENSIONS = {
    "W_in": ("unit", "input"), "W_rec": ("unit", "from_unit"), "W_out": ("output", "unit"),
    "D_in": ("decorrelated_input", "bare_input"), "D_rec": ("decorrelated_unit", "from_unit"),  # a bias is no bare input
}  # fmt: skip
MEANINGS = {  # of the history: what a column is, and its unit
    "step": ("time steps trained on so far", "1"),
    "train_loss": ("mean loss of training in the epoch", ""),
    "validation_loss": ("loss on validation data at the end of the epoch", ""),
    "dW_in": ("Frobenius norm of the change of W_in over the epoch", "weight"),
    "dW_rec": ("Frobenius norm of the change of W_rec over the epoch", "weight"),
    "dW_out": ("Frobenius norm of the change of W_out over the epoch", "weight"),
    "twin_distance": ("mean distance of the twin passes, in σ", "1"),
    "spectral_radius": ("spectral radius of W_rec", "1"),
    "skipped": ("singular steps", "1"),
    "seconds": ("training time, without compilation", "s"),
}


def tree(run: Record) -> xarray.DataTree:
    """Groups ``history``, ``weights``, ``initial_weights`` and ``results``; names of the run as attributes of the root."""
    import xarray

    loss = of_run(run)
    groups = {
        "/": xarray.Dataset(attrs={"status": run.status, "loss": loss["name"], "loss_unit": loss.get("unit", "")}),
        "/history": _history(run, loss.get("unit", "")),
        "/results": xarray.Dataset.from_dataframe(run.results.set_index("name"))
        if len(run.results)
        else xarray.Dataset(),
    }
    for name in ("weights", "initial_weights"):
        groups[f"/{name}"] = xarray.Dataset({key: _matrix(key, w) for key, w in getattr(run, name).items()})
    return xarray.DataTree.from_dict(groups)


def _history(run: Record, unit: str) -> xarray.Dataset:
    import xarray

    columns = {}
    for name in run.history.columns:
        if name != "epoch":
            meaning, its = MEANINGS.get(name, (name.replace("_", " "), "1"))
            attributes = {"long_name": meaning, "units": its or unit or "1"}
            columns[name] = ("epoch", run.history[name].to_numpy(), attributes)
    return xarray.Dataset(columns, coords={"epoch": run.history["epoch"].to_numpy()})


def _matrix(name: str, weights: np.ndarray) -> tuple:
    axes = DIMENSIONS.get(name, tuple(f"{name}_{k}" for k in range(weights.ndim)))
    return axes, weights, {"long_name": f"{name}, from the second axis to the first", "units": "weight"}
