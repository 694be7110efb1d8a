"""A small record with everything in it, made without training."""

from __future__ import annotations

import numpy as np

from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import Run


def record(**changes):
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(size=shape).astype(np.float32) for name, shape in {"W_rec": (20, 20), "W_out": (1, 20)}.items()
    }
    columns = (
        "train_loss",
        "validation_loss",
        "dW_in",
        "dW_rec",
        "dW_out",
        "twin_distance",
        "spectral_radius",
        "seconds",
    )
    history = [{"epoch": e, "step": 10 * e, "skipped": 0, **dict.fromkeys(columns, 1.0 / e)} for e in (1, 2, 3)]
    results = [
        {
            "name": "np-trace unbiased",
            "validation": 0.1,
            "test": 0.2,
            "seconds": 1.0,
            "test_accuracy": 0.9,
            "status": "finished",
        },
        {"name": "guess", "validation": 1.0, "test": 1.0},
    ]
    state = {
        "step": np.int64(7),
        "key": np.array([2**64 - 1], np.uint64),
        "empty": np.zeros((0, 3)),
        "flags": np.array([[True], [False]]),
        "flag": np.bool_(True),
        "odd": np.array([np.nan, -0.0, np.inf, 5e-324]),
        "pending.post": np.ones((2, 3), np.float32),
    }
    fields = {
        "experiment": resolve({"task": "delayed-xor", "rule": "np-trace"}),
        "history": history,
        "weights": weights,
        "initial_weights": weights,
        "results": results,
        "seeds": {"init": 2**63 - 1},
        "state": state,
        "ledger": {"writes": {"W_rec": 3}},
        "timestamps": {"started": "2025-01-01T00:00:00Z"},
    }
    return Run(**fields | changes)
