"""P for spiking neurons: it whitens the traces that synapses measure, against a transcription of neurons and rule, trial by trial."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hardware_models.numerics import random
from hardware_models.numerics.compiled import COMPILED
from neuroperturb import RNN, rules
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import initial_weights
from neuroperturb.rules import CleanTwin, Inverse, Plain, Recursive, Trace, Whitened
from neuroperturb.spec import SpecError
from neuroperturb.spiking import SpikingSimulation
from neuroperturb.spiking.model import decays
from neuroperturb.tasks.contract import Sequence

pytestmark = pytest.mark.kernels
N, N_IN, N_OUT, BATCH, STEPS, SEED, SIGMA, ETA = 6, 2, 2, 3, 12, 7, 0.3, 0.02
NUMBER = random.stream(random.Stream.PERTURBATION, 10)
NEURONS = LIF(v_input="40 mV", tau_synapse="30 ms")


def trials():
    rng = np.random.default_rng(0)
    reset = np.zeros(STEPS, bool)
    reset[[0, 7]] = True
    mask = rng.random((STEPS, BATCH)) < 0.8
    return Sequence(rng.normal(size=(STEPS, BATCH, N_IN)), rng.normal(size=(STEPS, BATCH, N_OUT)), mask, reset)


class Neuron:
    """One network of one trial and pass."""

    def __init__(self):
        self.d, self.theta = decays(NEURONS), NEURONS.v_threshold - NEURONS.v_rest
        self.rest()

    def rest(self):
        self.v, self.g, self.s, self.r, self.wait = (np.zeros(N) for _ in range(5))

    def step(self, W_in, W_rec, u, xi):
        """One step of the task: the mean trace s̄ of the step, and r at its end."""
        lif, mean = NEURONS, np.zeros(N)
        E_m, E_s, E_r = (math.exp(-lif.dt / tau) for tau in (lif.tau_membrane, lif.tau_synapse, lif.tau_readout))
        share = lif.tau_synapse * (E_s - E_m) / (lif.tau_synapse - lif.tau_membrane)
        drive = lif.background + lif.v_input * W_in @ u + self.theta * xi
        for _ in range(self.d.substeps):
            self.wait = np.maximum(self.wait - 1, 0)
            moved = (1 - E_m) * drive + E_m * self.v + share * self.g
            self.v = np.where(self.wait == 0, moved, lif.v_reset - lif.v_rest)
            mean += lif.tau_synapse * (1 - E_s) / lif.step * self.s
            self.g, self.s, self.r = E_s * self.g, E_s * self.s, E_r * self.r
            spiked = self.v > self.theta
            self.g = self.g + self.theta * W_rec @ spiked / (lif.rate * lif.tau_synapse)
            self.s = self.s + spiked / (lif.rate * lif.tau_synapse)
            self.r = self.r + spiked / (lif.rate * lif.tau_readout)
            self.v, self.wait = (
                np.where(spiked, lif.v_reset - lif.v_rest, self.v),
                np.where(spiked, self.d.wait, self.wait),
            )
        return mean, self.r.copy()


def asked(P, own, x, step):
    """The change of P that a step asks for, of traces x (B, n); of the inverse, the covariance that it sums."""
    if own.kind == "inverse":
        return x.T @ x / BATCH
    noisy = x + np.sqrt(own.ridge) * random.normal(SEED, NUMBER, step, x.shape, np.float64)
    z, back = noisy @ P.T, noisy @ P
    return own.rate * (P - sum(np.outer(z[b], back[b]) for b in range(BATCH)) / BATCH)


def naive(own, schedule, initial, sequence, xi, xi_y):
    """Node perturbation, clean twin, trace 0.9 on whitened traces, plain step: every equation as it stands."""
    W_in, W_rec, W_out, P = initial.W_in.copy(), initial.W_rec.copy(), initial.W_out.copy(), np.eye(N)
    clean, noisy = [Neuron() for _ in range(BATCH)], [Neuron() for _ in range(BATCH)]
    sums, change_P = [0, 0, 0], 0
    for t in range(STEPS):
        u = sequence.inputs[t]
        if sequence.reset[t]:
            for one in (*clean, *noisy):
                one.rest()
            e_in, e_rec = np.zeros((BATCH, N, N_IN)), np.zeros((BATCH, N, N))
        s, r = (np.array(a) for a in zip(*(c.step(W_in, W_rec, u[b], 0 * xi[t, b]) for b, c in enumerate(clean))))
        rt = np.array([c.step(W_in, W_rec, u[b], SIGMA * xi[t, b])[1] for b, c in enumerate(noisy)])
        y, yt, target = r @ W_out.T, rt @ W_out.T + SIGMA * xi_y[t], sequence.targets[t]
        dL = np.where(sequence.mask[t], np.mean((yt - target) ** 2 - (y - target) ** 2, axis=1), 0)
        z, z_out = s @ P.T, r @ P.T
        e_in = 0.9 * e_in + np.einsum("bi,bj->bij", xi[t] / SIGMA, u * NEURONS.v_input / 0.02)
        e_rec = 0.9 * e_rec + np.einsum("bi,bj->bij", xi[t] / SIGMA, z)
        e_out = np.einsum("bi,bj->bij", xi_y[t] / SIGMA, z_out)
        changes = [-ETA * np.einsum("b,bij->ij", dL, e) / BATCH for e in (e_in, e_rec, e_out)]
        more = asked(P, own, s, t + 1)
        if schedule == "online":
            W_in, W_rec, W_out, P = W_in + changes[0], W_rec + changes[1], W_out + changes[2], P + more
        else:
            sums, change_P = [a + c for a, c in zip(sums, changes, strict=True)], change_P + more
    if schedule == "episode":
        W_in, W_rec, W_out = W_in + sums[0], W_rec + sums[1], W_out + sums[2]
        mean = change_P / STEPS
        P = np.linalg.inv(mean + own.ridge * np.eye(N)) if own.kind == "inverse" else P + mean
    return W_in, W_rec, W_out, P


def rule_with(presynaptic, schedule):
    return rules.make(
        "np-p", None, schedule, presynaptic=presynaptic, baseline=CleanTwin(), step=Plain(), credit=Trace(decay=0.9),
        noise_std=SIGMA, learning_rate=ETA,
    )  # fmt: skip


def simulation(rule, schedule, **options):
    network = RNN(size=N)
    initial = initial_weights(network, N_IN, N_OUT, 3)
    sim = SpikingSimulation(
        network, rule, initial, lif=NEURONS, schedule=schedule, batch=BATCH, steps=STEPS, total_steps=STEPS, dtype="float64", seed=SEED,
        **options,
    )  # fmt: skip
    return sim, initial


slow = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")


@pytest.mark.parametrize(
    ("own", "schedule"),
    [
        (Whitened(rate=0.05, ridge=0.1), "episode"),
        pytest.param(Whitened(rate=0.05, ridge=0.1), "online", marks=slow),
        pytest.param(Inverse(ridge=0.1), "episode", marks=slow),
    ],
    ids=["whitened-episode", "whitened-online", "inverse-episode"],
)
def test_the_kernel_is_its_transcription(own, schedule):
    rng = np.random.default_rng(1)
    xi, xi_y = rng.normal(size=(STEPS, BATCH, N)), rng.normal(size=(STEPS, BATCH, N_OUT))
    sim, initial = simulation(rule_with(own, schedule), schedule, recorded={"hidden": xi, "output": xi_y})
    assert sim.present_all(trials())
    expected = naive(own, schedule, initial, trials(), xi, xi_y)
    began = (*initial[:3], np.eye(N))
    for after, reference, before in zip((*sim.weights()[:3], sim.lateral()), expected, began, strict=True):
        change = np.abs(reference - before).max()
        assert change > 1e-4 and np.abs(after - reference).max() <= 1e-9 * change
    assert np.abs(sim.lateral() - np.eye(N)).max() > 0.01


@slow
def test_at_rest_p_is_the_inverse_covariance_of_the_synaptic_trace():
    """Taught nothing, P of many steps is (C + ρI)⁻¹ of s̄, not of r."""
    rule = rule_with(Inverse(rate=1.0, ridge=0.05), "episode")
    sim, _ = simulation(rule, "episode")
    sequence = trials()._replace(mask=np.zeros((STEPS, BATCH), bool), reset=np.arange(STEPS) == 0)
    assert sim.present_all(sequence)
    neurons, W = [Neuron() for _ in range(BATCH)], sim.weights()
    steps = [[c.step(W.W_in, W.W_rec, sequence.inputs[t, b], 0) for b, c in enumerate(neurons)] for t in range(STEPS)]
    s, r = (np.array([[pair[k] for pair in step] for step in steps]).reshape(-1, N) for k in (0, 1))
    ideal = [np.linalg.inv(x.T @ x / len(x) + 0.05 * np.eye(N)) for x in (s, r)]
    np.testing.assert_allclose(sim.lateral(), ideal[0], rtol=0, atol=1e-9)
    assert np.abs(sim.lateral() - ideal[1]).max() > 0.1


def test_other_forms_of_p_are_refused_in_one_sentence():
    with pytest.raises(
        SpecError,
        match=r"'rule.presynaptic' .*must be 'activity', 'whitened' or 'inverse' for spiking.*Got 'recursive'",
    ):
        simulation(rule_with(Recursive(), "online"), "online")
