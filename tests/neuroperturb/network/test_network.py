"""Sizes of the initial weights. The spectral radius, which is followed in every epoch, too: against a dense solver."""

import numpy as np
import pytest

from neuroperturb.network.rnn import RNN, initial_weights, spectral_radius
from neuroperturb.spec import SpecError


def random_recurrence(seed, n):
    return np.random.default_rng(seed).normal(size=(n, n)) / np.sqrt(n)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [200, 301])
def test_it_is_the_largest_of_all_eigenvalues(seed, n):
    """Eigenvalues crowd at the edge of the circle: a small Krylov space finds another one, up to 2 % short."""
    W = random_recurrence(seed, n)
    assert spectral_radius(W) == pytest.approx(np.abs(np.linalg.eigvals(W)).max(), rel=3e-4)


def test_a_known_spectrum():
    """A rotation by 1 rad scaled to 0.7 in a random basis, beside eigenvalues below 0.5: a complex pair leads."""
    n, rng = 240, np.random.default_rng(1)
    D = np.diag(rng.uniform(-0.5, 0.5, n))
    D[:2, :2] = 0.7 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    assert spectral_radius(basis @ D @ basis.T) == pytest.approx(0.7, rel=1e-4)


def test_weights_that_are_no_numbers_have_none():
    W = random_recurrence(0, 3)
    W[1, 2] = np.inf
    assert np.isnan(spectral_radius(W))


@pytest.mark.parametrize("initial", ["gaussian", "uniform"])
def test_gains_of_inputs_and_of_the_bias(initial):
    plain = RNN(size=7, bias=True, initial=initial)
    made, scaled = (initial_weights(n, 2, 1, 3) for n in (plain, plain.replace(input_gain=16.0, bias_gain=0.5)))
    np.testing.assert_array_equal(scaled.W_in, made.W_in * [16, 16, 0.5])
    np.testing.assert_array_equal(scaled.W_rec, made.W_rec)
    np.testing.assert_array_equal(scaled.W_out, made.W_out)
    of_inputs = initial_weights(plain.replace(bias=False, input_gain=3.0), 2, 1, 3).W_in
    np.testing.assert_array_equal(of_inputs, 3 * initial_weights(plain.replace(bias=False), 2, 1, 3).W_in)


def test_a_gain_of_one_leaves_a_table_as_it_was():
    assert "input_gain" not in RNN(bias=True).table() and "bias_gain" not in RNN(bias=True).table()
    assert RNN.parse(RNN(bias=True, bias_gain=2.0).table()).bias_gain == 2.0
    with pytest.raises(
        SpecError, match="'bias_gain' parameter of RNN must be left out, or 1, in a network without 'bias'"
    ):
        RNN(bias_gain=2.0)
