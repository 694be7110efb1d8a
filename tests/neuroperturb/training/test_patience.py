"""A run that ends when its validation loss no longer falls."""

import pytest

from neuroperturb import RNN, Experiment, Trainer, Training, rules, tasks
from neuroperturb.training.history import History

SMALL = {"trials_per_epoch": 2, "validation_trials": 2, "test_trials": 2}


def made(epochs, learning_rate=0.0, **training):
    rule = rules.make("np-trace", schedule="episode", learning_rate=learning_rate)
    training = Training(epochs=epochs, batch_size=2, seed=1, schedule="episode", **training)
    return Experiment(network=RNN(size=2), task=tasks.DelayedXOR(**SMALL), rule=rule, training=training)


@pytest.mark.parametrize(
    ("losses", "patience", "stalled"),
    [
        ([3, 2, 1], 1, False),
        ([3, 2, 2], 1, True),  # as small is not smaller
        ([3, 1, 2], 2, False),  # the best is one of the last two
        ([1, 2, 3], 2, True),
        ([1, 2], 2, False),  # nothing before them
        ([1, 1, 1, 1], None, False),
        ([1, float("nan")], 1, True),
    ],
)
def test_patience_is_counted_from_the_best_epoch(losses, patience, stalled):
    history = History(None)
    history.rows = [{"validation_loss": float(loss)} for loss in losses]
    assert history.stalled(patience) is stalled


def test_a_run_that_learns_nothing_ends_early_and_is_finished():
    trainer = Trainer(made(9, patience=3))
    for _ in trainer:
        pass
    run = trainer.run()
    assert (len(run.history), run.status) == (4, "finished")  # one epoch, and three that are no better
    assert trainer.ended and Trainer(run.experiment, resume=run).ended


def test_without_patience_it_goes_to_its_last_epoch():
    trainer = Trainer(made(5))
    for _ in trainer:
        pass
    assert len(trainer.run().history) == 5
    assert "patience" not in Training().table() and Training(patience=2).table()["patience"] == 2
