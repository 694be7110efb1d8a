"""Encodings say what they cannot carry."""

import numpy as np
import pytest

from neuroperturb.network.lif import LIF
from neuroperturb.spec import SpecError
from neuroperturb.spiking.encoding import input_spikes


def poisson(rate, **change):
    return LIF.parse({"encoding": {"kind": "poisson", "rate": rate}, **change})


@pytest.mark.parametrize("rate", ["0 Hz", "-5 Hz", "\u22125 Hz"])
def test_a_rate_is_positive(rate):
    with pytest.raises(SpecError, match=r"'encoding\.rate' parameter of Poisson must be positive"):
        poisson(rate)


@pytest.mark.parametrize(
    ("rate", "dt", "most"), [("2000 Hz", "1 ms", "1000 Hz"), ("5 kHz", "1 ms", "1000 Hz"), ("501 Hz", "2 ms", "500 Hz")]
)
def test_a_line_spikes_at_most_once_a_step(rate, dt, most):
    with pytest.raises(
        SpecError, match=rf"'encoding\.rate' parameter of LIF must be at most {most}, a spike every 'dt' of {dt}"
    ):
        poisson(rate, dt=dt)


def test_the_highest_rate_arrives_whole():
    lif = poisson("1000 Hz")
    assert input_spikes(lif, np.ones((20, 1, 1)), 0, 0).all()  # rate dt = 1
    half = input_spikes(lif, np.full((200, 1, 1), 0.5), 0, 0)
    assert (half != 0).mean() == pytest.approx(0.5, abs=0.05)


def test_complex_inputs_are_refused():
    with pytest.raises(SpecError, match="'inputs' parameter of input_spikes must be real numbers"):
        input_spikes(poisson("100 Hz"), np.ones((2, 1, 1)) * 1j, 0, 0)
