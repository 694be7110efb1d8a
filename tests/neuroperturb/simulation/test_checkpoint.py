"""Checkpoints: names that records of before have, and arrays that do not fit."""

import numpy as np
import pytest
from rule_cases import PLAIN, simulate, trials, weights

from neuroperturb import rules

pytestmark = pytest.mark.kernels


def simulation(sequence, **parts):
    rule = rules.make("np-trace", noise_std=0.01, learning_rate=0.01, **parts)
    return simulate(PLAIN, rule, weights(PLAIN), sequence, seed=2, total_steps=2 * len(sequence.mask))


def test_a_checkpoint_of_before_goes_on():
    """Once a step's own number, β or the bound of a clip, was an array of the state: it is the rule's, and passed over."""
    sequence = trials(6, 2, gaps=False)
    first, whole = simulation(sequence), simulation(sequence)
    assert first.present_all(sequence) and whole.present_all(sequence)
    state = first.checkpoint()
    assert not [name for name in state if name.endswith(".beta")]
    old = state | {f"memories.{name}.beta": np.full(1, 0.5) for name in ("W_in", "W_rec", "W_out", "D_in", "D_rec")}
    second = simulation(sequence)
    second.restore(old)
    assert second.present_all(sequence) and whole.present_all(sequence)
    for left, right in zip(second.weights(), whole.weights(), strict=True):
        assert left.tobytes() == right.tobytes()


def test_a_checkpoint_of_another_run_is_refused():
    sequence = trials(6, 2, gaps=False)
    state = simulation(sequence).checkpoint()
    with pytest.raises(ValueError, match=r"'memories\.W_in\.square' is missing or has another shape"):
        simulation(sequence).restore(state | {"memories.W_in.square": np.zeros((3, 3))})
    del state["counters.step"]
    with pytest.raises(ValueError, match=r"'counters\.step' is missing"):
        simulation(sequence).restore(state)
