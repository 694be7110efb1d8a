"""Statistics, references and words of alignment: closed forms, a naive transcription, coverage; the kernels are in test_estimates."""

from types import SimpleNamespace

import numpy as np
import pytest

from neuroperturb import rules
from neuroperturb.analysis.alignment import align as alignment
from neuroperturb.analysis.alignment import statistics
from neuroperturb.analysis.alignment.reference import references
from neuroperturb.baselines import from_matrices, run_clean
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.results.figures.alignment import COLOURS
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence

DIMENSIONS, GROUPS, PER_GROUP, SPREAD = 30, 40, 25, 2.0


def drawn(rng):
    """An estimate whose mean is 0.5 g plus something orthogonal of length 0.3, and whose samples are N(μ, SPREAD²)."""
    g, mu = np.zeros(DIMENSIONS), np.zeros(DIMENSIONS)
    g[0], mu[0], mu[1] = 2.0, 1.0, 0.3
    samples = mu + SPREAD * rng.normal(size=(GROUPS, PER_GROUP, DIMENSIONS))
    return g, statistics.products(g, samples.mean(1), samples[0])


EXACT = {
    "limit": 1 / np.hypot(1, 0.3),
    "gain": 0.5,
    "bias": (1 + 0.09) / 4,
    "variance": DIMENSIONS * SPREAD**2 / 4,
}


def test_intervals_hold_the_truth_as_often_as_they_say():
    """300 repetitions: 95 % ± 4 standard errors (5 %); and the means are right, within 4 of theirs."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        found.append(statistics.estimates(drawn(rng)[1], PER_GROUP))
    for name, exact in EXACT.items():
        inside = np.mean([row[name + "_low"] <= exact <= row[name + "_high"] for row in found])
        assert inside == pytest.approx(0.95, abs=0.05), name
        values = np.array([row[name] for row in found])
        bias = 0.01 if name == "limit" else 0  # a ratio: unbiased to first order only
        assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(len(values)) + bias, name


def test_the_cosine_of_a_mean_is_shortened_by_its_noise():
    """‖M‖² = ‖μ‖² + V/N, so cos = ⟨μ, g⟩/‖g‖√(‖μ‖² + V/N); the limit is not."""
    rng = np.random.default_rng(1)
    rows = [statistics.estimates(drawn(rng)[1], PER_GROUP) for _ in range(100)]
    noise = DIMENSIONS * SPREAD**2 / (GROUPS * PER_GROUP)
    assert np.mean([row["cosine"] for row in rows]) == pytest.approx(1 / np.sqrt(1 + 0.09 + noise), abs=0.01)
    assert np.mean([row["limit"] for row in rows]) > np.mean([row["cosine"] for row in rows]) + 0.02


def test_a_mean_that_cannot_be_told_from_noise_has_no_limit():
    g = np.array([1.0, 0.0])
    signs = np.array([1.0, -1.0] * 5)[:, None]
    found = statistics.estimates(statistics.products(g, signs * g, signs * g), 1)
    assert np.isnan(found["limit"])
    assert found["gain"] == 0
    assert found["variance"] == pytest.approx(10 / 9)


def test_matrices_together_are_one_vector():
    rng = np.random.default_rng(2)
    parts = [(rng.normal(size=k), rng.normal(size=(5, k)), rng.normal(size=(7, k))) for k in (2, 3)]
    whole = statistics.products(*(np.concatenate([p[i] for p in parts], axis=-1) for i in range(3)))
    for a, b in zip(statistics.together(statistics.products(*p) for p in parts), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_metrics_are_traces_with_the_covariance_of_what_synapses_see():
    """tr(u C vᵀ), C from states recomputed one step at a time, a reset inside."""
    network, rng, T, B = RNN(size=4, leak=0.6, bias=True), np.random.default_rng(3), 6, 2
    initial = initial_weights(network, 2, 3, 5)
    inputs = rng.normal(size=(T, B, 2))
    reset = np.isin(np.arange(T), [0, 3])
    sequence = Sequence(inputs, rng.normal(size=(T, B, 3)), np.ones((T, B), bool), reset)
    seen = {"W_in": [], "W_rec": [], "W_out": []}
    x = np.zeros((B, 4))
    for t in range(T):
        x = np.zeros((B, 4)) if reset[t] else x
        u = np.concatenate([inputs[t], np.ones((B, 1))], axis=1)
        seen["W_in"].append(u)
        seen["W_rec"].append(x)
        x = 0.4 * x + 0.6 * np.tanh(u @ initial.W_in.T + x @ initial.W_rec.T)
        seen["W_out"].append(x)
    y = run_clean(from_matrices(initial), sequence, leak=0.6, bias=True)[0]
    np.testing.assert_allclose(x @ initial.W_out.T, y[-1], rtol=1e-12)
    found = references(network, initial, sequence, "mse")
    assert [(r.name, r.metric) for r in found] == [
        ("bptt", "plain"), ("bptt", "C_x"), ("bptt(1)", "plain"), ("bptt(1)", "C_x"),
    ]  # fmt: skip
    for name, rows in seen.items():
        q = np.concatenate(rows)
        C, g, root = q.T @ q / len(q), found[1].gradient[name], found[1].root[name]
        v = rng.normal(size=g.shape)
        assert np.vdot(g @ root, v @ root) == pytest.approx(np.trace(g @ C @ v.T), rel=1e-9)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"rules": "npp"}, "'rule.name' parameter cannot be 'npp'"),
        ({"rules": "bptt"}, "must hold perturbation rules. Got 'bptt' instead. It is a gradient itself."),
        ({"over": "sigma"}, "'over' parameter of align cannot be 'sigma'"),
        ({"values": [1]}, "'values' parameter of align must be left out"),
        ({"over": "size", "values": []}, "must hold at least one value"),
        ({"samples": 39}, "'samples' parameter of align must be at least 40. Got 39"),
        ({"task": "delayed-xor", "steps": 3}, "must reach a step that is scored. Got 3"),
        ({"hardware": "nothing"}, "cannot be 'nothing'"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(options, sentence):
    with pytest.raises(SpecError, match=sentence.replace("(", r"\(")):
        alignment.align(**{"rules": "np", **options})


def test_random_trials_of_two_lengths_begin_alike():
    short, long = (alignment._random(steps, 3, 1)[0] for steps in (4, 9))
    np.testing.assert_array_equal(short.inputs, long.inputs[:4])
    np.testing.assert_array_equal(short.targets, long.targets[:4])
    assert not np.array_equal(long.inputs, long.targets)


@pytest.mark.parametrize("over", [None, "noise_std", "hardware"])
def test_table_figure_and_csv_hold_what_was_measured(monkeypatch, tmp_path, over):
    """With a measurement that is made up: where it goes is what is tested."""
    import pandas as pd

    names = [*statistics.NAMES, "single"]
    numbers = {
        f"{n}{end}": 0.1 * k + d
        for k, n in enumerate(names)
        for end, d in (("", 0.0), ("_low", -0.01), ("_high", 0.01))
    }

    def measure(rule, setting, samples):
        return [
            {"matrix": m, "reference": r, "metric": c, "samples": samples, **numbers}
            for r in ("bptt", "bptt(1)") for c in ("plain", "C_x") for m in ("W_in", "W_rec", "W_out", "all")
        ]  # fmt: skip

    monkeypatch.setattr(alignment, "measure", measure)
    values = {None: None, "noise_std": (0.01, 0.1), "hardware": ("ideal", "pcm")}[over]
    found = alignment.align(["np", rules.make("anp")], over=over, values=values, samples=100)
    count = 1 if over is None else 2
    assert len(found.frame) == 2 * count * 16
    pd.testing.assert_frame_equal(
        pd.read_csv(found.to_csv(tmp_path / "a.csv"), keep_default_na=False), found.frame, check_dtype=False
    )
    lines = [line for line in str(found).splitlines() if line.startswith(("np", "anp"))]
    assert len(lines) == 2 * (4 if over is None else count)
    assert "0.000 ± 0.010" in lines[0]
    if over is None:
        assert found.save(tmp_path / "a.png").stat().st_size > 10_000
        return
    panels = found.figure().axes
    assert len(panels) == 8
    drawn = {line.get_color() for line in panels[0].get_lines()}
    assert set(COLOURS[:2]) <= drawn


def test_what_cannot_be_estimated_is_a_dash():
    row = {
        "limit": float("nan"),
        "limit_low": float("nan"),
        "limit_high": float("nan"),
        "bptt": 0.5,
        "bptt_low": 0.4,
        "bptt_high": 0.6,
    }
    assert alignment._cell(SimpleNamespace(**row), "limit") == "–"
    assert alignment._cell(SimpleNamespace(**row), "bptt") == "0.500 ± 0.100"
