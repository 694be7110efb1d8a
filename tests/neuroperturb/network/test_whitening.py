"""The whitened presynaptic trace: naive transcription, what P comes to rest at, and that its two halves stay alike."""

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.rules import RMS, CleanTwin, Inverse, Plain, Recursive, Trace, Whitened
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import SpecError
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels
N, N_IN, N_OUT, BATCH, STEPS, SEED, SIGMA, ETA = 5, 2, 2, 3, 12, 7, 0.01, 0.02
NUMBER = random.stream(random.Stream.PERTURBATION, 10)


def trials():
    rng = np.random.default_rng(0)
    reset = np.zeros(STEPS, bool)
    reset[[0, 7]] = True
    mask = rng.random((STEPS, BATCH)) < 0.8
    return Sequence(rng.normal(size=(STEPS, BATCH, N_IN)), rng.normal(size=(STEPS, BATCH, N_OUT)), mask, reset)


def rule_with(presynaptic, schedule):
    return rules.make(
        "np-p", None, schedule, presynaptic=presynaptic, baseline=CleanTwin(), step=Plain(), credit=Trace(decay=0.9),
        noise_std=SIGMA, learning_rate=ETA,
    )  # fmt: skip


def exactly(W, x):
    return x @ W.T


def through_converters(W, x):
    """6 bits on ±1 to the lines of x, 7 bits on ±4 from those of W x, in units of a cell."""
    rounded = lambda v, bits, bound: np.clip(np.round(v / (s := bound / (2 ** (bits - 1) - 1))) * s, -bound, bound)  # noqa: E731
    return SCALE * rounded(rounded(x, 6, 1.0) @ (W / SCALE).T, 7, 4.0)


SCALE = 2.0  # weight units of a cell of P
CONVERTERS = hw.Hardware(
    reading=hw.Reading(dac=hw.Converter(bits=6, bound=1.0), adc=hw.Converter(bits=7, bound=4.0)), weight_scale=SCALE
)


def read_p(P, own, x, step, read=exactly):
    """z or the gain vector of every trial (B, n), and the change of P that this step asks for; read(P, x), read(P.T, x)."""
    if own.kind == "recursive":
        q = read(P, x)
        s = 1 + np.sum(x * q, axis=1)
        g, back = own.growth, read(P.T, x)
        change = g * P - (1 + g) * sum(np.outer(q[b], back[b]) / s[b] for b in range(len(x))) / len(x)
        return q / s[:, None], change
    if own.kind == "inverse":
        return x @ P.T, x.T @ x / len(x)
    noisy = x + np.sqrt(own.ridge) * random.normal(SEED, NUMBER, step, x.shape, np.float64)
    z, back = read(P, noisy), read(P.T, noisy)
    return read(P, x), own.rate * (P - sum(np.outer(z[b], back[b]) for b in range(len(x))) / len(x))


def naive(own, schedule, initial, sequence, xi, xi_y, read=exactly):
    """Node perturbation, clean twin, trace 0.9 on whitened activity, plain step: every equation as it stands."""
    W_in, W_rec, W_out = initial.W_in.copy(), initial.W_rec.copy(), initial.W_out.copy()
    P = getattr(own, "initial", 1.0) * np.eye(N)
    x, xt = np.zeros((BATCH, N)), np.zeros((BATCH, N))
    z_before = np.zeros((BATCH, N))
    sums, change_P, steps = [0, 0, 0], 0, 0
    for t in range(STEPS):
        u = sequence.inputs[t]
        if sequence.reset[t]:
            x, xt, z_before = np.zeros((BATCH, N)), np.zeros((BATCH, N)), np.zeros((BATCH, N))
            e_in, e_rec = np.zeros((BATCH, N, N_IN)), np.zeros((BATCH, N, N))
        x = np.tanh(u @ W_in.T + x @ W_rec.T)
        xt = np.tanh(u @ W_in.T + xt @ W_rec.T + SIGMA * xi[t])
        y, yt = x @ W_out.T, xt @ W_out.T + SIGMA * xi_y[t]
        target = sequence.targets[t]
        dL = np.where(sequence.mask[t], np.mean((yt - target) ** 2 - (y - target) ** 2, axis=1), 0)
        z, asked = read_p(P, own, x, t + 1, read)
        e_in = 0.9 * e_in + np.einsum("bi,bj->bij", xi[t] / SIGMA, u)
        e_rec = 0.9 * e_rec + np.einsum("bi,bj->bij", xi[t] / SIGMA, z_before)
        e_out = np.einsum("bi,bj->bij", xi_y[t] / SIGMA, z)
        changes = [-ETA * np.einsum("b,bij->ij", dL, e) / BATCH for e in (e_in, e_rec, e_out)]
        z_before = z
        if schedule == "online":
            W_in, W_rec, W_out, P = W_in + changes[0], W_rec + changes[1], W_out + changes[2], P + asked
        else:
            sums, change_P, steps = [s + c for s, c in zip(sums, changes, strict=True)], change_P + asked, steps + 1
    if schedule == "episode":
        W_in, W_rec, W_out = W_in + sums[0], W_rec + sums[1], W_out + sums[2]
        P = np.linalg.inv(change_P / steps + own.ridge * np.eye(N)) if own.kind == "inverse" else P + change_P / steps
    return W_in, W_rec, W_out, P


def simulation(own, schedule, **options):
    initial = initial_weights(RNN(size=N), N_IN, N_OUT, 3)
    sim = Simulation(
        RNN(size=N), rule_with(own, schedule), initial, schedule=schedule, batch=BATCH, steps=STEPS, total_steps=STEPS,
        dtype="float64", seed=SEED, **options,
    )  # fmt: skip
    return sim, initial


LOCAL, RECURSIVE, INVERSE = (
    Whitened(rate=0.05, ridge=0.1),
    Recursive(growth=0.01, initial=2.0),
    Inverse(rate=0.25, ridge=0.1),
)
# Compiling one takes 10 s: with the JIT on one is compiled, with the JIT off there are all of them.
slow = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")


FORMS = [
    (LOCAL, "episode"),
    pytest.param(RECURSIVE, "online", marks=slow),
    pytest.param(LOCAL, "online", marks=slow),
    pytest.param(RECURSIVE, "episode", marks=slow),
]
named = {"ids": lambda value: getattr(value, "kind", value)}
ALL = pytest.mark.parametrize(("own", "schedule"), [*FORMS, pytest.param(INVERSE, "episode", marks=slow)], **named)


@ALL
def test_the_kernel_is_its_transcription(own, schedule):
    require_transcription(own, schedule)


@pytest.mark.parametrize(("own", "schedule"), FORMS, **named)  # what is inverted is no read of P
def test_p_is_read_through_converters_on_both_sides(own, schedule):
    """z = P x̂ and the column read Pᵀx̂, each through a DAC and an ADC of its own."""
    sim = require_transcription(own, schedule, through_converters, hardware=Chip(P=CONVERTERS))
    exact, _ = simulation(own, schedule)
    assert exact.present_all(trials())
    assert np.abs(sim.lateral() - exact.lateral()).max() > 1e-4
    counts = sim.whitening.ledger().counts
    assert counts["back_columns"] == STEPS * BATCH
    assert counts["columns"] == STEPS * BATCH * (2 if own.private else 1)
    assert counts["outputs"] == (counts["columns"] + counts["back_columns"]) * N


@pytest.mark.parametrize("schedule", [pytest.param("online", marks=slow), "episode"])
def test_a_reading_of_p_without_noise_or_levels_changes_no_bit(schedule):
    plain, read = (
        simulation(LOCAL, schedule, hardware=chip)[0] for chip in (None, Chip(P=hw.Hardware(reading=hw.Reading())))
    )
    for one in (plain, read):
        assert one.present_all(trials())
    assert plain.lateral().tobytes() == read.lateral().tobytes()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(plain.weights(), read.weights(), strict=True))


def require_transcription(own, schedule, read=exactly, **options):
    rng = np.random.default_rng(1)
    xi, xi_y = rng.normal(size=(STEPS, BATCH, N)), rng.normal(size=(STEPS, BATCH, N_OUT))
    sim, initial = simulation(own, schedule, recorded={"hidden": xi, "output": xi_y}, **options)
    sequence = trials()
    assert sim.present_all(sequence)
    W, P = sim.weights(), sim.lateral()
    expected = naive(own, schedule, initial, sequence, xi, xi_y, read)
    began = (*initial[:3], getattr(own, "initial", 1.0) * np.eye(N))
    for after, reference, before in zip((*W[:3], P), expected, began, strict=True):
        assert np.abs(after - reference).max() <= 1e-10 * np.abs(reference - before).max()
    return sim


PULSED = {
    "dw_min": 1e-5,
    "dw_min_std": 0.0,
    "dw_min_dtod": 0.0,
    "up_down_dtod": 0.0,
    "w_max_dtod": 0.0,
    "w_min_dtod": 0.0,
}


@pytest.mark.parametrize("weight", [None, pytest.param(hw.DifferentialPair(), marks=slow)], ids=["single", "pair"])
@pytest.mark.parametrize("schedule", [pytest.param("online", marks=slow), "episode"])
def test_p_on_pulsed_cells_is_p(schedule, weight):
    """With pulses small enough P is what it is on ideal cells, and it was written by pulses."""
    cells = hw.ConstantStep(**PULSED, rounding="nearest", most_pulses=65535)
    (ideal, _), (pulsed, _) = (
        simulation(Whitened(rate=0.05, ridge=0.1), schedule, hardware=chip)
        for chip in (None, Chip(P=hw.Hardware(cells=cells, weight=weight)))
    )
    for one in (ideal, pulsed):
        assert one.present_all(trials())
    assert np.abs(ideal.lateral() - np.eye(N)).max() > 0.01
    assert np.allclose(pulsed.lateral(), ideal.lateral(), atol=0.01)
    assert pulsed.whitening.ledger().counts["pulses_up"] > 0


@pytest.mark.skipif(not COMPILED, reason="thousands of steps take a minute without the compiler")
def test_p_comes_to_rest_at_the_inverse_of_the_ridged_covariance():
    """E[z zᵀ] = I up to the ridge: P (C + ρI) = I within what ε leaves of the noise."""
    own, rng = Whitened(rate=0.005, ridge=0.2), np.random.default_rng(4)
    sim, _ = simulation(own, "episode")
    sequence = Sequence(
        rng.normal(size=(STEPS, BATCH, N_IN)), np.zeros((STEPS, BATCH, N_OUT)), np.zeros((STEPS, BATCH), bool),
        np.arange(STEPS) == 0,
    )  # fmt: skip
    states = []
    for k in range(1000):
        fresh = sequence._replace(inputs=rng.normal(size=sequence.inputs.shape))
        assert sim.present_all(fresh)
        if k == 999:
            W, x = sim.weights(), np.zeros((BATCH, N))
    for _ in range(3000):
        u = rng.normal(size=(BATCH, N_IN))
        x = np.tanh(u @ W.W_in.T + x @ W.W_rec.T)
        states.append(x)
    states = np.concatenate(states)
    C = states.T @ states / len(states) + own.ridge * np.eye(N)
    assert np.abs(sim.lateral() @ C - np.eye(N)).max() < 0.15
    assert np.abs(C - np.eye(N)).max() > 0.4  # what it began as


@pytest.mark.parametrize("schedule", [pytest.param("online", marks=slow), "episode"])
def test_what_is_not_symmetric_in_p_decays(schedule):
    """With z' z'ᵀ alone an antisymmetric part grows as (1 + ε)^t, from nothing but rounding."""
    sim, _ = simulation(Whitened(rate=0.05, ridge=0.3), schedule)
    w = sim.whitening.state.cells.w[0]
    w[1, 0] += 0.1
    first = np.abs(sim.lateral() - sim.lateral().T).max()
    for _ in range(6 if schedule == "online" else 60):
        assert sim.present_all(trials())
    assert np.abs(sim.lateral() - sim.lateral().T).max() < 0.3 * first


@pytest.mark.parametrize(
    ("own", "schedule"), [pytest.param(RECURSIVE, "online", marks=slow), pytest.param(LOCAL, "episode", marks=slow),
     pytest.param(INVERSE, "episode", marks=slow)],
)  # fmt: skip
def test_interrupted_and_resumed_it_gives_the_same_bits(own, schedule):
    whole, _ = simulation(own, schedule)
    parts, _ = simulation(own, schedule)
    later, _ = simulation(own, schedule)
    sequence = trials()
    assert whole.present_all(sequence)
    data = parts.prepare(sequence)
    parts.present(data, "learn", 0, 5)
    later.restore(parts.checkpoint())
    later.present(data, "learn", 5, STEPS)
    assert np.array_equal(whole.lateral(), later.lateral())
    assert all(np.array_equal(a, b) for a, b in zip(whole.weights(), later.weights(), strict=True))


@slow
def test_the_inverse_is_of_a_running_mean_that_begins_as_a_plain_one():
    """After k writes C is the mean of k episodes, from 1/ε on an exponential one; P = (C + ρI)⁻¹ whatever the size of C."""
    sim, _ = simulation(INVERSE, "episode")
    C, sequence = np.zeros((N, N)), trials()
    big = sequence._replace(inputs=100 * sequence.inputs)  # saturated: the local form would not be stable at this ε
    for k in range(1, 8):
        W, x, total = sim.weights(), np.zeros((BATCH, N)), np.zeros((N, N))
        for t in range(STEPS):
            x = np.tanh(big.inputs[t] @ W.W_in.T + (~big.reset[t] * x) @ W.W_rec.T)
            total += x.T @ x / BATCH
        assert sim.present_all(big)
        C += max(INVERSE.rate, 1 / k) * (total / STEPS - C)
        assert np.allclose(sim.lateral(), np.linalg.inv(C + INVERSE.ridge * np.eye(N)), rtol=1e-9)


def test_the_inverse_is_for_episodes():
    with pytest.raises(
        SpecError, match=r"'rule\.presynaptic' parameter must be of another kind in the online schedule"
    ):
        simulation(INVERSE, "online")


def test_weight_noise_has_no_presynaptic_factor():
    with pytest.raises(SpecError, match="'presynaptic' parameter of a rule with weight noise must be 'activity'"):
        rules.make("wp", presynaptic=Whitened())


def test_the_preset_is_a_trace_on_whitened_activity_with_a_local_step():
    rule = rules.make("np-p")
    assert (rule.presynaptic.kind, rule.credit.kind, rule.step.kind) == ("whitened", "trace", RMS().kind)
