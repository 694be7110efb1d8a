"""A search that an earlier version began: its trials, under the name that the search has now.

Names of searches hold names of runs, and these change with the naming scheme (:mod:`neuroperturb.study.run_name`). Whether an Optuna
study of another name is the same search is told from its trials: they were drawn from the same ranges, and every completed one has its
runs in the folder, with the loss that it reports. Then its trials are copied, and none is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neuroperturb.study.tune_table import Choice, Range

Value = Callable[
    [Mapping[str, Any]], float | None
]  # parameters of a trial → loss of the runs in the folder, None without them


def take_over(optuna: Any, searched: Any, storage: Any, over: Mapping[str, Range | Choice], value: Value) -> int:
    """Copy the trials of the same search into one that has none; how many.

    Parameters
    ----------
    optuna : the library
    searched : Study of Optuna, named ``"study cell [key]"``
    storage : its database, open
    over : what is searched
    value : loss of a trial's settings
    """
    cell = searched.study_name.rpartition(" [")[0]
    if searched.get_trials(deepcopy=False):
        return 0
    done = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    for name in optuna.get_all_study_names(storage):
        if name == searched.study_name or name.rpartition(" [")[0] != cell:
            continue
        trials = optuna.load_study(study_name=name, storage=storage).get_trials(states=done)
        if _are_of(trials, optuna, over, value):
            searched.add_trials(trials)
            return len(trials)
    return 0


def _are_of(trials: list, optuna: Any, over: Mapping[str, Range | Choice], value: Value) -> bool:
    """Whether trials are of this search: at least one is complete, and all agree with it."""
    ranges = {key: one.distribution(optuna.distributions) for key, one in over.items()}
    complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    same = all(trial.distributions == ranges for trial in trials)
    return bool(complete) and same and all(value(trial.params) == trial.value for trial in complete)
