"""The spectral radius, which scales a recurrence and is followed in every epoch, against a dense solver."""

import numpy as np
import pytest

from neuroperturb.network.rnn import spectral_radius


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
