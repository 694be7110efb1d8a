"""Clocks, baselines and rules beyond the grid of the paper: naive transcriptions, limits, and seen learning."""

import naive
import numpy as np
import pytest
from rule_cases import LEARNT, N_IN, N_OUT, PLAIN, SIZE, draw, every, off_by, simulate, trials, weights

from neuroperturb import rules
from neuroperturb.rules import RMS, Clock, Plain, Trace

pytestmark = pytest.mark.kernels
ONLINE, EPISODE = "online", "episode"


def assert_same(sim, reference, initial, tolerance=1e-10):
    found = off_by(sim.weights(), reference, initial)
    assert max(found[k] for k in LEARNT) <= tolerance, found


# ----------------------------------------------------------------------------------------------------------------------
# Clocks


def held_draws(sim, T, B, hold):
    """The draws of units, each row of every draw `hold` times."""

    def rows(source, units):
        out = np.empty((T, B, units))
        for t in range(T):
            for b in range(B):
                sim.rule.noise.kernel(source, t // hold, b, out[t, b])
        return out

    return {"hidden": rows(sim.run.source, SIZE), "output": rows(sim.run.source_y, N_OUT)}


@every
@pytest.mark.parametrize("schedule", [ONLINE, EPISODE])
def test_a_held_draw_is_the_same_at_several_steps(schedule):
    rule = rules.make("np", None, schedule, clock=Clock(hold=3), noise_std=0.01, learning_rate=0.01)
    sequence, initial = trials(), weights(PLAIN)
    sim = simulate(PLAIN, rule, initial, sequence, schedule=schedule, seed=3)
    assert sim.present_all(sequence)
    reference, _ = naive.learn(PLAIN, rule, initial, sequence, held_draws(sim, 20, 3, 3), schedule=schedule)
    assert_same(sim, reference, initial)


def learn_integrated(rule, initial, sequence, draws, write):
    """Node perturbation with a trace and a step, online: a write of the sum of every `write` steps, by the book."""
    W = {k: np.array(w, float) for k, w in initial._asdict().items()}
    T, B, _ = sequence.inputs.shape
    x = np.zeros((2, B, SIZE))
    xh = np.zeros((2, B, SIZE))
    total, square = {k: np.zeros_like(W[k]) for k in LEARNT}, {k: np.zeros_like(W[k]) for k in LEARNT}
    trace, writes = {k: np.zeros((B, *W[k].shape)) for k in LEARNT}, 0
    decay = rule.credit.decay if rule.credit.kind == "trace" else 0.0
    for t in range(T):
        if sequence.reset[t]:
            xh, trace = 0 * xh, {k: 0 * e for k, e in trace.items()}
        uh = sequence.inputs[t] @ W["D_in"].T
        xi, xi_y = rule.noise_std * draws["hidden"][t], rule.noise_std * draws["output"][t]
        before = xh[0]
        a = np.stack([uh @ W["W_in"].T + xh[h] @ W["W_rec"].T + h * xi for h in (0, 1)])
        x = np.tanh(a)
        xh = x @ W["D_rec"].T
        y = np.stack([xh[h] @ W["W_out"].T + h * xi_y for h in (0, 1)])
        dL = np.diff([naive.loss_of(side, sequence.targets[t], "mse") for side in y], axis=0)[0]
        r = np.where(sequence.mask[t], -dL, 0) / B
        for k, p, pre, keep in (("W_in", xi, uh, decay), ("W_rec", xi, before, decay), ("W_out", xi_y, xh[0], 0)):
            trace[k] = keep * trace[k] + np.einsum("bi,bj->bij", p / rule.noise_std**2, pre)
            total[k] += np.einsum("b,bij->ij", r, trace[k])
        if (t + 1) % write == 0:
            writes += 1
            for k in LEARNT:
                g = total[k]
                if rule.step.kind == "rms":
                    square[k] = rule.step.decay * square[k] + (1 - rule.step.decay) * g**2
                    g = np.divide(g, np.sqrt(square[k] / (1 - rule.step.decay**writes)), out=0 * g, where=square[k] > 0)
                W[k] = W[k] + rule.learning_rate * g
                total[k] = 0 * total[k]
    return W


@every
@pytest.mark.parametrize(
    "parts",
    [{"credit": Trace(decay=0.9), "step": RMS(decay=0.9)}, {}],
    ids=["trace rms", "plain"],
)
def test_online_updates_are_integrated_between_writes(parts):
    """20 steps, a write every 6: the last two wait, and stay where they are."""
    rule = rules.make("np", clock=Clock(write=6), noise_std=0.01, learning_rate=0.05, **parts)
    sequence, initial = trials(), weights(PLAIN)
    draws, recorded = draw(rule, PLAIN, sequence)
    sim = simulate(PLAIN, rule, initial, sequence, recorded=recorded)
    assert sim.present_all(sequence)
    assert_same(sim, learn_integrated(rule, initial, sequence, draws, 6), initial)
    assert sim.run.memories.W_in.writes[0] == 3


@every
@pytest.mark.parametrize("name", ["np", "wp-held", "wp"])
def test_episodes_are_integrated_between_writes(name):
    """A write after two episodes is the sum of what each would have asked for at the same weights."""

    def make(clock):
        rule = rules.make(name, None, EPISODE, step=Plain(), clock=clock, noise_std=0.01, learning_rate=0.01)
        return simulate(PLAIN, rule, weights(PLAIN), trials(), schedule=EPISODE, seed=3)

    initial, both = weights(PLAIN), make(Clock(write=2))
    change = dict.fromkeys(LEARNT, 0.0)
    for number in range(2):
        sequence = trials(seed=number)
        alone = make(Clock())
        alone.run.counters.sequence[0] = number
        alone.run.counters.step[0] = 20 * number
        alone.present_all(sequence)
        both.run.counters.sequence[0] = number
        both.present_all(sequence)
        for k in LEARNT:
            change[k] += getattr(alone.weights(), k) - getattr(initial, k)
            if number == 0:
                assert np.array_equal(getattr(both.weights(), k), getattr(initial, k))
    for k in LEARNT:
        assert np.abs(getattr(both.weights(), k) - getattr(initial, k) - change[k]).max() < 1e-12
    assert both.run.counters.waiting[0] == 0


@every
@pytest.mark.parametrize("schedule", [ONLINE, EPISODE])
def test_a_run_resumes_between_writes(schedule):
    rule = rules.make(
        "wp-held" if schedule == EPISODE else "np", None, schedule, clock=Clock(hold=2, write=3), learning_rate=0.01
    )

    def present(sim, numbers):
        for number in numbers:
            sim.run.counters.sequence[0] = number
            sim.present_all(trials(seed=number))
        return sim

    def make():
        return simulate(PLAIN, rule, weights(PLAIN), trials(), schedule=schedule, seed=3, total_steps=100)

    whole, first, second = present(make(), range(5)), present(make(), range(2)), make()
    first.evaluate(trials())
    second.restore(first.checkpoint())
    for a, b in zip(whole.weights(), present(second, range(2, 5)).weights(), strict=True):
        assert np.array_equal(a, b)


def test_a_plain_clock_leaves_no_word_in_a_rule():
    assert "clock" not in rules.make("np").table()
    coded = rules.make("np", noise=rules.Walsh(), clock=Clock(hold=2))
    assert type(coded).parse(coded.table()) == coded
    with pytest.raises(ValueError, match=r"'clock\.hold' parameter of Clock"):
        rules.make("np", clock={"hold": 0})


# ----------------------------------------------------------------------------------------------------------------------
# Baselines, probes and rules: one transcription of each equation, with the draws a run will make


def rows_of(sim, source, number, rows, units):
    out = np.empty((rows, units))
    for row in range(rows):
        sim.rule.noise.kernel(source, number, row, out[row])
    return out


def weight_draws(sim, number, trials):
    """Ξ (trials, n, m) of each matrix."""
    found = {}
    for name in LEARNT:
        n, m = sim.arrays[name].shape
        drawn = rows_of(sim, getattr(sim.run.memories, name).source, number, trials * m, n)
        found[name] = np.swapaxes(drawn.reshape(trials, m, n), 1, 2)
    return found


class Passes:
    """Trajectories side by side, each trial and pass with weights and noise of its own."""

    def __init__(self, W, B, passes):
        self.W, self.xh = W, np.zeros((passes, B, SIZE))

    def step(self, u, shifts, noise, noise_y):
        """shifts[h]: Ξσ added to the weights of pass h, or 0;  noise[h] (B, n). Returns û, x̂ before, a, x̂, y."""
        W, uh, before = self.W, u @ self.W["D_in"].T, self.xh
        a, xh, y = [], [], []
        for h in range(len(before)):
            w = {k: W[k] + (shifts[h][k] if shifts[h] else 0) * np.ones((len(u), 1, 1)) for k in LEARNT}
            now = np.einsum("bij,bj->bi", w["W_in"], uh) + np.einsum("bij,bj->bi", w["W_rec"], before[h]) + noise[h]
            a.append(now)
            xh.append(np.tanh(now) @ W["D_rec"].T)
            y.append(np.einsum("bij,bj->bi", w["W_out"], xh[h]) + noise_y[h])
        self.xh = np.stack(xh)
        return uh, before, np.stack(a), self.xh, np.stack(y)


def written(rule, W, total, writes=1):
    """W after a write of `total`, for a plain or clipped step."""
    bound = rule.step.bound if rule.step.kind == "clipped" else np.inf
    return {**W, **{k: W[k] + rule.learning_rate * np.clip(total[k], -bound, bound) for k in LEARNT}}


def ready(name, schedule=EPISODE, batch=3, **parts):
    """A simulation, its sequence, and the initial weights by name."""
    rule = rules.make(name, None, schedule, **{"noise_std": 0.05, "learning_rate": 0.05, **parts})
    sequence, initial = trials(batch=batch), weights(PLAIN)
    sim = simulate(PLAIN, rule, initial, sequence, schedule=schedule, seed=3)
    return sim, rule, sequence, initial, {k: np.array(w, float) for k, w in initial._asdict().items()}


def check(sim, sequence, expected, initial):
    assert sim.present_all(sequence)
    assert_same(sim, expected, initial)


def outer(p, x):
    return np.einsum("bi,bj->bij", p, x)


@every
def test_two_noisy_runs():
    """Δw = −η Σ_t (L̃ − L̃')(ξ − ξ')/2σ² x̂, x̂ the mean of both runs."""
    sim, rule, sequence, initial, W = ready("np", baseline=rules.SecondRun())
    T, B = sequence.mask.shape
    net, total, sigma = Passes(W, B, 2), dict.fromkeys(LEARNT, 0.0), rule.noise_std
    for t in range(T):
        if sequence.reset[t]:
            net.xh *= 0
        xi = sigma * rows_of(sim, sim.run.source, t, 2 * B, SIZE).reshape(2, B, SIZE)
        xi_y = sigma * rows_of(sim, sim.run.source_y, t, 2 * B, N_OUT).reshape(2, B, N_OUT)
        uh, before, _, xh, y = net.step(sequence.inputs[t], (None, None), xi, xi_y)
        first, second = (naive.loss_of(side, sequence.targets[t], "mse") for side in y)
        r = np.where(sequence.mask[t], first - second, 0) / B
        for k, noise, pre in (("W_in", xi, uh), ("W_rec", xi, before.mean(0)), ("W_out", xi_y, xh.mean(0))):
            told = (noise[1] - noise[0]) / (2 * sigma**2)
            total[k] = total[k] + np.einsum("b,bij->ij", r, outer(told, pre)) * (k != "W_rec" or not sequence.reset[t])
    check(sim, sequence, written(rule, W, total), initial)


def conditioned(rule, expected, losses, scored, condition):
    """δL of each trial against the running mean of its condition; moves `expected`."""
    dL = np.zeros(len(losses))
    for c in np.unique(condition):
        mine = scored & (condition == c)
        if mine.any():
            before = expected.setdefault(c, losses[mine].mean())
            dL[mine] = (losses[mine] - before) * (before if rule.baseline.weighted else 1)
            expected[c] = before + rule.baseline.rate * (losses[mine].mean() - before)
    return dL


def hebbian_reference(sim, rule, sequence, W, credit):
    """One pass, noise in, a_i − ā_i told, a baseline for each condition; `credit(e, p, x)` moves a trace of (B, n, m)."""
    T, B = sequence.mask.shape
    net, total, expected = Passes(W, B, 1), dict.fromkeys(LEARNT, 0.0), {}
    trace, mean, mean_y = dict.fromkeys(LEARNT, 0.0), np.zeros((B, SIZE)), np.zeros((B, N_OUT))
    for t in range(T):
        if sequence.reset[t]:
            net.xh *= 0
            trace, mean, mean_y = dict.fromkeys(LEARNT, 0.0), 0 * mean, 0 * mean_y
        xi = rule.noise_std * rows_of(sim, sim.run.source, t, B, SIZE)
        xi_y = rule.noise_std * rows_of(sim, sim.run.source_y, t, B, N_OUT)
        uh, before, a, xh, y = net.step(sequence.inputs[t], (None,), [xi], [xi_y])
        p, p_y = a[0] - mean, y[0] - mean_y
        mean, mean_y = mean + rule.probe.rate * p, mean_y + rule.probe.rate * p_y
        losses = naive.loss_of(y[0], sequence.targets[t], "mse")
        r = -conditioned(rule, expected, losses, sequence.mask[t], sequence.condition[t])
        for k, told, pre in (("W_in", p, uh), ("W_rec", p, before[0]), ("W_out", p_y, xh[0])):
            trace[k] = credit(0.0 if k == "W_out" else trace[k], told, pre)
            total[k] = total[k] + np.einsum("b,bij->ij", r, trace[k])
    return written(rule, W, total)


@every
def test_reward_modulated_hebbian():
    """H += [x (a − ā)]³, ΔW = clip(−η Σ_b R̄_c (R − R̄_c) H)."""
    sim, rule, sequence, initial, W = ready("hebbian", noise_std=0.5, step=rules.Clipped(bound=30.0))
    expected = hebbian_reference(sim, rule, sequence, W, lambda e, p, x: e + outer(p, x) ** 3)
    bound = rule.learning_rate * rule.step.bound
    assert any(np.isclose(np.abs(expected[k] - W[k]), bound).any() for k in LEARNT), "something is clipped"
    assert any((np.abs(expected[k] - W[k]) < 0.9 * bound).any() for k in LEARNT), "and something is not"
    check(sim, sequence, expected, initial)


@every
def test_a_deviation_through_a_trace_of_the_grid():
    baseline = rules.PerCondition(rate=0.3)
    sim, rule, sequence, initial, W = ready(
        "np",
        probe=rules.Deviation(rate=0.2),
        baseline=baseline,
        credit=Trace(decay=0.9),
        batch_divisor="sum",
        normaliser=rules.NoiseStd(),
    )
    expected = hebbian_reference(sim, rule, sequence, W, lambda e, p, x: 0.9 * e + outer(p / rule.noise_std, x))
    check(sim, sequence, expected, initial)


@every
def test_wp0_credits_seen_inputs_alone():
    """Δw_ij = −η Σ_b δL_b Ξ_bij/σ over the trial, from the first x_j ≠ 0 on; a weight without any input stays."""
    sim, rule, sequence, initial, W = ready("wp0", step=Plain(), baseline=rules.CleanTwin())
    sequence.inputs[:, :, 1] = 0
    sequence.inputs[:6, 0, 0] = 0
    W["D_in"][:] = np.eye(N_IN)  # what is silent stays silent
    initial = initial._replace(D_in=np.eye(N_IN))
    sim = simulate(PLAIN, rule, initial, sequence, schedule=EPISODE, seed=3)
    T, B = sequence.mask.shape
    net, total = Passes(W, B, 2), dict.fromkeys(LEARNT, 0.0)
    draws = weight_draws(sim, 0, B)
    seen = {}
    for t in range(T):
        if sequence.reset[t]:
            net.xh *= 0
            seen = {}
        still, still_y = np.zeros((2, B, SIZE)), np.zeros((2, B, N_OUT))
        shift = {k: rule.noise_std * draws[k] for k in LEARNT}
        uh, before, _, xh, y = net.step(sequence.inputs[t], (None, shift), still, still_y)
        clean, noisy = (naive.loss_of(side, sequence.targets[t], "mse") for side in y)
        r = np.where(sequence.mask[t], clean - noisy, 0) / B
        for k, pre in (("W_in", uh), ("W_rec", before[0]), ("W_out", xh[0])):
            seen[k] = (pre != 0) | (seen.get(k, False) if k != "W_out" else False)
            total[k] = total[k] + np.einsum("b,bij->ij", r, draws[k] / rule.noise_std * seen[k][:, None, :])
    expected = written(rule, W, total)
    assert np.array_equal(expected["W_in"][:, 1], W["W_in"][:, 1])
    check(sim, sequence, expected, initial)


@every
def test_hybrid_perturbation():
    """Weights perturbed for the trial; e += (ã − a) x̂; Δw = −η Σ_t δL e/σ²."""
    sim, rule, sequence, initial, W = ready("hybrid", step=Plain(), baseline=rules.CleanTwin())
    T, B = sequence.mask.shape
    net, total, draws = Passes(W, B, 2), dict.fromkeys(LEARNT, 0.0), weight_draws(sim, 0, B)
    trace = {}
    for t in range(T):
        if sequence.reset[t]:
            net.xh *= 0
            trace = dict.fromkeys(LEARNT, 0.0)
        still, still_y = np.zeros((2, B, SIZE)), np.zeros((2, B, N_OUT))
        uh, before, a, xh, y = net.step(
            sequence.inputs[t], (None, {k: rule.noise_std * draws[k] for k in LEARNT}), still, still_y
        )
        clean, noisy = (naive.loss_of(side, sequence.targets[t], "mse") for side in y)
        r = np.where(sequence.mask[t], clean - noisy, 0) / B
        for k, p, pre in (("W_in", a[1] - a[0], uh), ("W_rec", a[1] - a[0], before[0]), ("W_out", y[1] - y[0], xh[0])):
            trace[k] = (0.0 if k == "W_out" else trace[k]) + outer(p / rule.noise_std**2, pre)
            total[k] = total[k] + np.einsum("b,bij->ij", r, trace[k])
    check(sim, sequence, written(rule, W, total), initial)


def test_ornstein_uhlenbeck_adaptation():
    """θ = μ + σΞ(t), dμ = η_OUA (r − r̄)(θ − μ), dr̄ = ρ (r − r̄), with r = −L and η_OUA = η/σ²."""
    sim, rule, sequence, initial, W = ready("oua", ONLINE, batch=1, learning_rate=1e-3)
    T, B = sequence.mask.shape
    net, mean, sigma = Passes(W, B, 1), None, rule.noise_std
    for t in range(T):
        if sequence.reset[t]:
            net.xh *= 0
        away = {k: sigma * xi for k, xi in weight_draws(sim, t, 1).items()}
        _, _, _, _, y = net.step(sequence.inputs[t], (away,), np.zeros((1, B, SIZE)), np.zeros((1, B, N_OUT)))
        if sequence.mask[t, 0]:
            r = -naive.loss_of(y[0], sequence.targets[t], "mse")[0]
            mean = r if mean is None else mean
            for k in LEARNT:
                if k != "W_rec" or not sequence.reset[t]:
                    W[k] = W[k] + rule.learning_rate / sigma**2 * (r - mean) * away[k][0]
            net.W = W
            mean += rule.baseline.rate * (r - mean)
    check(sim, sequence, W, initial)


def follow(eta, carried, steps=4000):
    """The mean of one weight under dL = (θ − 1)², with the same noise: μ carries θ along, or θ follows with its own lag."""
    rng, lam, sigma, rho = np.random.default_rng(0), 0.1, 0.3, 0.05
    away = mu = expected = 0.0
    path = np.empty(steps)
    for t in range(steps):
        away = np.exp(-lam) * away + sigma * np.sqrt(1 - np.exp(-2 * lam)) * rng.standard_normal()
        r = -((mu + away - 1) ** 2)
        move = eta * (r - expected) * away
        mu, expected = mu + move, expected + rho * (r - expected)
        away -= 0 if carried else move
        path[t] = mu
    return path


def test_a_mean_that_carries_its_weight_differs_in_second_order():
    """Oracle for the one liberty taken with OUA: at the same η t the difference of the paths shrinks with η."""
    apart = {
        eta: np.abs(follow(eta, True, int(200 / eta)) - follow(eta, False, int(200 / eta))).max() for eta in (0.2, 0.05)
    }
    assert apart[0.05] < 0.5 * apart[0.2]
    assert follow(0.2, True)[-500:].mean() == pytest.approx(1, abs=0.1)


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="both runs read the same weights"):
        rules.make("wp", baseline=rules.SecondRun())
    with pytest.raises(ValueError, match="a single pass has no reference"):
        rules.make("anp", baseline=rules.PerCondition())
    with pytest.raises(ValueError, match="which has no conditions"):
        sim, _, sequence, *_ = ready("hebbian")
        sim.prepare(sequence._replace(condition=np.empty(0, np.int64)))
    with pytest.raises(ValueError, match=r"'rule\.baseline\.conditions' parameter must be at least 2"):
        sim, _, sequence, *_ = ready("np", baseline=rules.PerCondition(conditions=1))
        sim.prepare(sequence)


def test_tasks_tell_their_conditions():
    from neuroperturb.tasks import TASKS

    sequence = TASKS["delayed-xor"]().data(0, 64).batch(0)
    wanted = -np.where(sequence.condition & 1, 1, -1) * np.where(sequence.condition & 2, 1, -1)
    assert np.array_equal(wanted[-1], sequence.targets[-1, :, 0])
