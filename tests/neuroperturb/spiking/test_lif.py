"""Neurons as people write them: physical units, and one sentence where something cannot be. Needs no Brian2."""

from __future__ import annotations

import numpy as np
import pytest

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import dumps, load
from neuroperturb.network import quantities as units
from neuroperturb.network.lif import LIF, Brian2, Poisson
from neuroperturb.network.rnn import RNN
from neuroperturb.rules import make
from neuroperturb.spiking.neurons import require_fit


@pytest.mark.parametrize(
    ("text", "dimension", "number"),
    [("20 ms", "time", 0.02), ("0.3ms", "time", 0.0003), ("150 us", "time", 0.00015), ("1 s", "time", 1.0), ("-70 mV", "voltage", -0.07),
     ("-.07 V", "voltage", -0.07), ("1e3 mV", "voltage", 1.0), ("0.2 kHz", "rate", 200.0), ("20 msecond", "time", 0.02)],
)  # fmt: skip
def test_what_is_written_is_what_is_read(text, dimension, number):
    assert units.parse(text, dimension) == number
    assert units.parse(units.write(number, dimension), dimension) == number


@pytest.mark.parametrize("got", ["20 mV", "20", 20, 0.02, True, "ms", "20 xs", "", "20 ms s", None])
def test_what_is_no_time_is_one_sentence(got):
    with pytest.raises(
        ValueError,
        match=r"^The 'tau_membrane' parameter must be a time with its unit, such as '20 ms'\. Got .* instead\.$",
    ):
        LIF(tau_membrane=got)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            {"dt": "3 ms"},
            "The 'spiking.step' parameter of LIF must be a whole number of steps 'dt' of 3 ms. Got '10 ms' instead.",
        ),
        (
            {"tau_synapse": "20 ms"},
            "The 'spiking.tau_synapse' parameter of LIF must be different from 'tau_membrane'",
        ),
        ({"v_reset": "0 mV"}, "The 'spiking.v_threshold' parameter of LIF must be above both 'v_rest' and 'v_reset'."),
        ({"step": "-1 ms"}, "The 'spiking.step' parameter of LIF must be positive. Got '-1 ms' instead."),
        ({"backend": "brain2"}, "The 'spiking.backend.kind' parameter cannot be 'brain2'. Did you mean 'brian2'?"),
        (
            {"backend": {"kind": "brian2", "target": "cuda"}},
            "The 'spiking.backend.target' parameter of Brian2 must be 'numpy'",
        ),
        (
            {"delay": "1.5 ms"},
            "The 'spiking.delay' parameter of LIF must be a whole number of steps 'dt' of 1 ms, from 0 to 10000 ms. Got '1.5 ms' instead.",
        ),
        (
            {"delay": ["1 ms", "-1 ms"]},
            "The 'spiking.delay' parameter of LIF must be a whole number of steps 'dt' of 1 ms",
        ),
        ({"delay": "11 s"}, "The 'spiking.delay' parameter of LIF must be a whole number of steps 'dt' of 1 ms"),
        ({"delay": []}, "The 'spiking.delay' parameter of LIF must be a time or a list of times. Got [] instead."),
        (
            {"delay": ["1 ms", 2]},
            "The 'spiking.delay' parameter must be a time with its unit, such as '20 ms'. Got 2 instead.",
        ),
        (
            {"delay": [["1 ms", "2 ms"]]},
            "The 'spiking.delay' parameter of LIF must be rows of as many times as there are rows",
        ),
        ({"delay": {"kind": "normal"}}, "The 'spiking.delay.kind' parameter of LIF cannot be 'normal'"),
        (
            {"delay": {"kind": "uniform", "least": "4 ms", "most": "3 ms"}},
            "The 'spiking.delay.least' parameter of UniformDelays must be at most 'most', 3 ms. Got '4 ms' instead.",
        ),
        (
            {"delay": {"kind": "uniform", "least": "0.5 ms"}},
            "The 'spiking.delay' parameter of LIF must be a whole number of steps 'dt' of 1 ms",
        ),
        ({"rate": "50 mV"}, "The 'spiking.rate' parameter must be a rate with its unit, such as '50 Hz'."),
        ({"tau": "1 ms"}, "The 'spiking.tau' parameter of LIF is unknown."),
    ],
)
def test_errors_name_the_key(table, sentence):
    with pytest.raises(ValueError) as error:
        Experiment.parse({"task": "mackey-glass", "spiking": table})
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


def test_tables_and_names(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('task = "mackey-glass"\nspiking = "brian2"\n', encoding="utf-8")
    assert load(path).spiking == LIF(backend=Brian2())
    made = Experiment.parse({
        "task": "mackey-glass",
        "spiking": {"backend": {"kind": "brian2", "target": "numpy"}, "encoding": {"kind": "poisson", "rate": "100 Hz"}, "dt": "0.1 ms"},
    })  # fmt: skip
    assert made.spiking == LIF(backend=Brian2(target="numpy"), encoding=Poisson(rate="100 Hz"), dt="0.1 ms")
    path.write_text(dumps(made), encoding="utf-8")
    assert load(path) == made and "100 Hz" in dumps(made)


def test_without_spikes_there_is_no_word_of_them():
    assert "spiking" not in Experiment.parse({"task": "mackey-glass"}).table()


def test_delays_are_one_or_taken_in_turn(tmp_path):
    assert "delay" not in LIF().table() and LIF(delay="0 ms") == LIF() and LIF().slots == 0
    lif = LIF(delay=["0 ms", "3 ms"])
    assert lif.lags(5).tolist() == [0, 3, 0, 3, 0] and lif.slots == 4
    path = tmp_path / "run.toml"
    made = Experiment.parse({"task": "mackey-glass", "spiking": {"delay": ["0 ms", "3 ms"]}})
    path.write_text(dumps(made), encoding="utf-8")
    assert load(path) == made and made.spiking == lif
    with pytest.raises(
        ValueError, match=r"'spiking\.delay' parameter must be a list of at most 1, one time for each neuron"
    ):
        require_fit(RNN(size=1), make("np"), lif=lif)


def test_delays_of_synapses_are_rows_or_drawn(tmp_path):
    drawn = {"kind": "uniform", "least": "2 ms", "most": "4 ms", "per": "synapse", "seed": 1}
    rows = [["0 ms", "3 ms"], ["1 ms", "1 ms"]]
    path = tmp_path / "run.toml"
    for delay in (drawn, rows):
        made = Experiment.parse({"task": "mackey-glass", "spiking": {"delay": delay}})
        path.write_text(dumps(made), encoding="utf-8")
        assert load(path) == made and made.spiking == LIF(delay=delay) and made.spiking.late_by_synapse
        assert made.table()["spiking"]["delay"] == delay
    assert LIF(delay=rows).wires(2).tolist() == [[0, 3], [1, 1]] and LIF(delay=rows).lags(2).tolist() == [1, 2]
    many = LIF(delay=drawn).wires(300)
    assert np.array_equal(many, LIF(delay=drawn).wires(300)) and LIF(delay=drawn).slots == 5
    assert not np.array_equal(many, LIF(delay={**drawn, "seed": 2}).wires(300))
    values, counts = np.unique(many, return_counts=True)
    assert values.tolist() == [2, 3, 4] and np.abs(counts / 90_000 - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 90_000)
    axons = LIF(delay={**drawn, "per": "neuron"})
    assert not axons.late_by_synapse and np.array_equal(axons.wires(7), np.tile(axons.lags(7), (7, 1)))
    with pytest.raises(ValueError, match=r"'spiking\.delay' parameter must be 3 rows of 3 times\. Got 2 rows"):
        require_fit(RNN(size=3), make("np"), lif=LIF(delay=rows))


def test_derived_numbers():
    lif = LIF(dt="0.1 ms", refractory="1.5 ms", step="7 ms")
    assert (lif.substeps, lif.wait) == (70, 15)
