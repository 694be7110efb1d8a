"""Records of a world show the return, and call it that."""

from __future__ import annotations

import numpy as np

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.results.figures.learning_curve import learning_curve
from neuroperturb.results.figures.style import blank
from neuroperturb.results.run import load
from neuroperturb.training.comparison import result_row, trivial_rows
from neuroperturb.training.trainer import Trainer

TABLE = {
    "task": {"name": "t-maze", "length": 1, "steps": 3, "trials_per_epoch": 4, "validation_trials": 4, "test_trials": 4},
    "network": {"size": 3}, "rule": {"name": "np", "noise_std": 1.0}, "training": {"epochs": 2, "batch_size": 4},
}  # fmt: skip


def test_a_record_shows_returns(tmp_path):
    trainer = Trainer(Experiment.parse(TABLE))
    for _ in trainer:
        pass
    run = trainer.run()
    run.set_results([result_row(trainer, run), *trivial_rows(trainer.dataset)])
    run = load(run.save(tmp_path / "maze.nc"))
    assert "4 − return; the random policy scores" in run.report() and "return" in run.report()
    ax = learning_curve(run, blank(4, 3).subplots())
    assert (ax.get_ylabel(), ax.get_yscale()) == ("return of a trial", "linear")
    shown = ax.get_lines()[1].get_ydata()
    assert np.array_equal(shown, 4 - run.history["validation_loss"])
    random_policy = 4 - run.results.set_index("name")["validation"]["random"]
    assert any(np.allclose(line.get_ydata(), random_policy) for line in ax.get_lines()[2:])
