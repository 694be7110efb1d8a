"""Closed forms for perturbed linear readouts, and what mismatch does, by the updates that the kernels ask for.

P. Züge, C. Klos & R.-M. Memmesheimer, "Weight versus node perturbation learning in temporally extended tasks: weight perturbation
often performs similarly or better", Phys. Rev. X 13, 021006 (2023), doi:10.1103/PhysRevX.13.021006.

A readout y_t = W r_t of M outputs learns in trials of T steps from one number, the change of E = Σ_it (y_it − y*_it)²/2T. Inputs are of
strength α²: S = Σ_t r_t r_tᵀ/T is α² on N directions and 0 on all others. D is W minus the best weights there, so that what can be
learnt of E is α²‖D‖²/2 and its gradient G = α² D; e is the error of the outputs, R the matrix of the r_t. With small σ

    weight perturbation   ΔW = −η ⟨Ξ, G⟩ Ξ                                  Ξ held over the trial
    node perturbation     ΔW = −η (Σ_is ξ_is e_is/T) Σ_t ξ_t r_tᵀ                  ξ of all steps, credited with the trial's one number

The mean of both is −η G. By ⟨ξ_a ξ_b ξ_c ξ_d⟩ = δ_ab δ_cd + δ_ac δ_bd + δ_ad δ_bc their second moments in the metric of S are

    E ⟨Ξ, G⟩² ‖Ξ‖²_S = α² ‖G‖² (M N + 2)
    E (Σ ξ e/T)² ‖Σ ξ rᵀ‖²_S = Σ_i [‖e‖² tr Q/T² + 2 e_iᵀ Q e_i/T²],  Q_ts = r_tᵀ S r_s:  the same for e = R Dᵀ

    E E' = E (1 − 2 η α² + η² α⁴ (M N + 2)),    least at η* = 1/[(M N + 2) α²], where E' = E (1 − 1/(M N + 2))

N is their N_eff. Of a task of several trials whose inputs share no direction, WP's update also moves the
weights that the other trials see: its N is that of the task, α² that of one trial; NP moves along the inputs of its trial only.

An error d that no weights remove, with E_opt = ‖d‖²/2T, is orthogonal to the inputs: G, and so WP, does not see it. NP does, and in the
second moment ‖e‖² grows by ‖d‖². At η* what can be learnt then rests where E/(M N + 2) = E_opt M N/(M N + 2)²: NP's error ends at
E_opt (1 + M N/(M N + 2)), nearly twice the optimum, and WP's at the optimum.

The tested quantities are N, α² and the one-step expected change of E. The readout is the input matrix of a network without recurrence
whose activity is kept so small that tanh is linear (below 1e-5), read out by a large constant; the reward comes when the trial is over.

Mismatch in two layers: N. Hiratani, Y. Mehta, T. Lillicrap & P. E. Latham, "On the stability and scalability of node perturbation
learning", NeurIPS 35 (2022). An error that no weights remove keeps the updates noisy for ever; weights wander along what does not change
the function, and grow, and larger weights make noisier updates. Weights of fixed length do not, at the price of a bias.
"""

from typing import NamedTuple

import numpy as np
import pytest

from neuroperturb import Chip, rules
from neuroperturb.analysis.alignment.estimate import Estimator, Setting
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.rnn import RNN, Matrices
from neuroperturb.tasks.contract import Sequence

OUTPUTS, INPUTS, STEPS, DIRECTIONS = 3, 9, 12, 4  # M, all inputs, T, N
STRENGTH = 0.7  # α²
LARGE = 1e3  # y = LARGE · a
SIGMA = 1e-6
DIMENSIONS = OUTPUTS * DIRECTIONS


def rule(name):
    if name == "np":
        return rules.make("np", schedule="episode", credit=rules.Trace(decay=1.0), noise_std=SIGMA)
    return rules.make("wp-held", schedule="episode", noise_std=SIGMA)


class Readout(NamedTuple):
    """inputs r (T, INPUTS); best (M, INPUTS) the weights that are best;  rest (T, M) what no weights reach;  start (M, INPUTS)"""

    inputs: np.ndarray
    best: np.ndarray
    rest: np.ndarray
    start: np.ndarray

    def error(self, W, inputs=None):
        """What can be learnt of E."""
        r = self.inputs if inputs is None else inputs
        return np.sum((r @ (W - self.best).T) ** 2) / (2 * STEPS)


def orthogonal(rng, rows, columns):
    return np.linalg.qr(rng.normal(size=(max(rows, columns), max(rows, columns))))[0][:rows, :columns]


@pytest.fixture(scope="module")
def readout():
    rng = np.random.default_rng(5)
    times, places = orthogonal(rng, STEPS, STEPS), orthogonal(rng, INPUTS, INPUTS)
    inputs = np.sqrt(STRENGTH * STEPS) * times[:, :DIRECTIONS] @ places[:DIRECTIONS]
    best, start = rng.normal(size=(2, OUTPUTS, INPUTS))
    return Readout(inputs, best, 0.3 * np.sqrt(STEPS) * times[:, DIRECTIONS : DIRECTIONS + OUTPUTS], start)


@pytest.fixture(scope="module")
def elsewhere():
    """The inputs of a second trial of the same strength, which share no direction with the first's."""
    rng = np.random.default_rng(5)
    times, places = orthogonal(rng, STEPS, STEPS), orthogonal(rng, INPUTS, INPUTS)
    return np.sqrt(STRENGTH * STEPS) * times[:, :DIRECTIONS] @ places[DIRECTIONS : 2 * DIRECTIONS]


def estimator(name, readout, rest):
    """The network of a readout, one trial at a time; `rest` is what of the target no weights reach."""
    n = OUTPUTS
    initial = Matrices(readout.start / LARGE, np.zeros((n, n)), LARGE * np.eye(n), np.eye(INPUTS), np.eye(n))
    targets = readout.inputs @ readout.best.T + rest
    sequence = Sequence(readout.inputs[:, None], targets[:, None], np.ones((STEPS, 1), bool), np.arange(STEPS) == 0)
    late = Chip(reward=RewardChannel(delay=STEPS - 1))
    return Estimator(rule(name), Setting(RNN(size=n), initial, sequence, hardware=late, seed=3), samples=40)


def update(estimator):
    """−ΔW/η of a trial, of W = LARGE · W_in and E: the kernels' loss is Σ_t mean_i e_it², 2T/M times E."""
    return estimator.mean()["W_in"] / LARGE * OUTPUTS / (2 * STEPS)


def best_rate(dimensions):
    return 1 / ((dimensions + 2) * STRENGTH)


@pytest.mark.parametrize("name", ["np", "wp"])
def test_optimal_rates_and_the_contraction_they_give(name, readout, elsewhere):
    """Of 6,000 trials from the same weights; E is quadratic in η, so its mean is known at every η."""
    found = estimator(name, readout, 0 * readout.rest)
    updates = np.array([update(found) for _ in range(6000)])
    W, E = readout.start, readout.error(readout.start)
    mean = updates.mean(0)
    gradient = STRENGTH * (W - readout.best) @ np.linalg.pinv(readout.inputs) @ readout.inputs
    assert np.vdot(mean, gradient) / np.vdot(gradient, gradient) == pytest.approx(1, abs=0.06)

    def expected(rate, *inputs):
        return np.mean([sum(readout.error(W - rate * u, r) for r in inputs) for u in updates[::2]])

    own, rate = readout.inputs, best_rate(DIMENSIONS)
    assert expected(rate, own) / E == pytest.approx(1 - 1 / (DIMENSIONS + 2), abs=0.1 / (DIMENSIONS + 2))
    assert expected(2 * rate, own) / E == pytest.approx(
        1, abs=0.4 / (DIMENSIONS + 2)
    )  # at twice the best rate nothing is learnt
    for inputs, dimensions in (((own,), DIMENSIONS), ((own, elsewhere), DIMENSIONS * (2 if name == "wp" else 1))):
        slope = np.mean([np.vdot(u, gradient) for u in updates])
        curvature = np.mean([sum(np.sum((r @ u.T) ** 2) for r in inputs) for u in updates]) / STEPS
        assert slope / curvature == pytest.approx(best_rate(dimensions), rel=0.1)


def descend(estimator, readout, rate, trials):
    """Errors that can be learnt, trial by trial, of weights that are programmed as the kernels ask."""
    W, errors = readout.best.copy(), []
    for _ in range(trials):
        W -= rate * update(estimator)
        estimator.simulation.arrays["W_in"].program(W / LARGE)
        errors.append(readout.error(W))
    return np.array(errors)


@pytest.mark.parametrize("name, ratio", [("np", 1 + DIMENSIONS / (DIMENSIONS + 2)), ("wp", 1.0)])
def test_node_perturbation_rests_at_twice_the_least_error_and_weight_perturbation_at_it(name, ratio, readout):
    """From the best weights, at the optimal rate: the mean of 5,000 trials after 100."""
    found = estimator(name, readout, readout.rest)
    least = np.sum(readout.rest**2) / (2 * STEPS)
    errors = descend(found, readout, best_rate(DIMENSIONS), 5100)[100:]
    assert 1 + errors.mean() / least == pytest.approx(ratio, rel=0.1)
    if name == "np":
        assert 1 + errors.mean() / least == pytest.approx(2, rel=0.1)


class Course(NamedTuple):
    """Of a descent, at `LOOKS` times: ‖W_in‖² + ‖W_out‖², and the mean squared error."""

    norm: np.ndarray
    error: np.ndarray


UNITS, LOOKS, TRIALS, RATE = 8, 40, 8000, 2e-3


def two_layers(mismatch):
    """Six inputs, each shown twice, with targets a linear teacher's ± mismatch: mismatch² is the least error of any network."""
    rng = np.random.default_rng(1)
    n_in, n_out = 4, 2
    inputs = np.repeat(rng.normal(size=(STEPS // 2, n_in)), 2, axis=0)
    teacher = 0.5 * rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)
    targets = inputs @ teacher.T + mismatch * np.where(np.arange(STEPS) % 2, 1, -1)[:, None]
    w_in, w_out = (
        0.3 * rng.normal(size=(UNITS, n_in)) / np.sqrt(n_in),
        0.3 * rng.normal(size=(n_out, UNITS)) / np.sqrt(UNITS),
    )
    initial = Matrices(w_in, np.zeros((UNITS, UNITS)), w_out, np.eye(n_in), np.eye(UNITS))
    sequence = Sequence(inputs[:, None], targets[:, None], np.ones((STEPS, 1), bool), np.arange(STEPS) == 0)
    late = Chip(reward=RewardChannel(delay=STEPS - 1))
    chosen = rule("np").replace(noise_std=1e-3)
    return Estimator(chosen, Setting(RNN(size=UNITS), initial, sequence, hardware=late, seed=2), samples=40)


def wander(mismatch, *, normalised):
    """Descend in both layers; where asked for, every unit's weights are programmed at twice the length they began with."""
    found = two_layers(mismatch)
    data = found.simulation.prepare(found.sequence)
    W = {name: np.array(getattr(found.weights(), name)) for name in ("W_in", "W_out")}
    length = {name: 2 * np.linalg.norm(w, axis=1, keepdims=True) for name, w in W.items()}
    norms, errors = [], []
    for trial in range(TRIALS):
        asked = found.mean()
        for name, w in W.items():
            w -= RATE * asked[name]
            if normalised:
                w *= length[name] / np.linalg.norm(w, axis=1, keepdims=True)
            found.simulation.arrays[name].program(w)
        if (trial + 1) % (TRIALS // LOOKS) == 0:
            y = np.tanh(data.inputs[:, 0] @ W["W_in"].T) @ W["W_out"].T
            norms.append(sum(np.sum(w**2) for w in W.values()))
            errors.append(np.mean((y - data.targets[:, 0]) ** 2))
    return Course(np.array(norms), np.array(errors))


@pytest.mark.slow
def test_under_mismatch_the_weights_of_node_perturbation_grow_without_bound_unless_normalised():
    matched, grown = wander(0.0, normalised=False), wander(1.0, normalised=False)
    bounded, bias = wander(1.0, normalised=True), wander(0.0, normalised=True)
    quarters = grown.norm.reshape(4, -1).mean(1)
    assert (np.diff(quarters) > 0).all()
    assert quarters[3] > 3 * quarters[0]
    assert quarters[3] > 20 * matched.norm.max()
    late = slice(-LOOKS // 2, None)
    assert np.ptp(matched.norm[late]) < 0.1 * matched.norm.max()  # without mismatch they come to rest
    assert matched.error[late].max() < 1e-3
    assert np.ptp(bounded.norm) < 1e-9
    assert bounded.error[late].mean() < 1.15 < grown.error[late].mean()  # 1 is the least
    assert bias.error[late].min() > 1e-2  # a network without mismatch, held back
