"""Rules: every axis against its naive transcription, limits, and one conformance test that all of them pass."""

import naive
import numpy as np
import pytest
from rule_cases import BOTH_D, LEARNT, N_OUT, PLAIN, RICH, SIZE, compare, every, off_by, simulate, trials, weights

from hardware_models.numerics.compiled import COMPILED
from neuroperturb import rules
from neuroperturb.rules import (
    RMS,
    Antithetic,
    BoundedRMS,
    Cosine,
    Exponential,
    LargestRMS,
    LayerNorm,
    LocalAdam,
    Momentum,
    NoiseStd,
    RunningVariance,
    Trace,
    WeightNoise,
)
from neuroperturb.simulation import configuration
from neuroperturb.simulation.configuration import BLOCK_STEPS
from neuroperturb.tasks.contract import Sequence

# Compiling one rule takes 5 to 10 s: with the JIT on a few cases touch every axis, with the JIT off there are all of them.

ONLINE_RICH = {
    "name": "anp-trace", "network": RICH, "decorrelation": BOTH_D, "credit": Trace(decay=0.8), "rate": Cosine(final=0.2),
}  # fmt: skip
EPISODE_BLOCKS = {
    "name": "np", "schedule": "episode", "credit": Trace(decay=0.97), "normaliser": RunningVariance(rate=0.05),
}  # fmt: skip
HELD = {"name": "wp-held", "network": RICH}


@pytest.mark.kernels
@pytest.mark.parametrize("batch", [1, 3])
def test_online_trace_layer_norm_pair_rms_leak_bias_decorrelation(batch):
    compare(**ONLINE_RICH, batch=batch)
    compare(**ONLINE_RICH, batch=batch, resynchronise=4)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("steps", [20, BLOCK_STEPS + 1, 2 * BLOCK_STEPS + 50])
def test_episode_trace_is_carried_from_block_to_block(steps, batch):
    compare(**EPISODE_BLOCKS, steps=steps, batch=batch)
    if steps < 200:
        compare(**EPISODE_BLOCKS, steps=steps, batch=batch, network=RICH, gaps=False)


@pytest.mark.parametrize("batch", [1, 3])
def test_weight_noise_held_per_trial(batch):
    compare(**HELD, batch=batch)


PARTS = {
    "np": {"name": "np"},
    "np published": {"name": "np", "form": "published"},
    "np mean of a batch": {"name": "np", "broadcast": "batch", "batch_divisor": "sum"},
    "np pair": {"name": "np", "baseline": Antithetic()},
    "np rms": {"name": "np", "step": RMS(decay=0.9)},
    "np bounded rms": {"name": "np", "step": BoundedRMS(decay=0.9, bound=1.1)},
    "np trace pair bounded rms": {"name": "np-trace", "step": BoundedRMS(decay=0.9, bound=0.8)},
    "np largest rms": {"name": "np", "step": LargestRMS(decay=0.7)},
    "np trace pair largest rms": {"name": "np-trace", "step": LargestRMS(decay=0.9)},
    "np momentum": {"name": "np", "step": Momentum(decay=0.8)},
    "np trace pair adam": {"name": "np-trace", "step": LocalAdam(first=0.8, second=0.9, epsilon=1e-3)},
    "wp adam": {"name": "wp", "step": LocalAdam(epsilon=1e-3)},
    "np layer norm": {"name": "np", "normaliser": LayerNorm(gain="layer")},
    "np running variance": {"name": "np", "normaliser": RunningVariance(rate=0.1)},
    "np trace": {"name": "np", "credit": Trace()},
    "np trace pair rms": {"name": "np-trace"},
    "np cosine": {"name": "np", "rate": Cosine(final=0.1)},
    "np exponential rms": {"name": "np", "rate": Exponential(final=0.1), "step": RMS()},
    "np cross-entropy": {"name": "np", "loss": "cross_entropy"},
    "np cross-entropy pair": {"name": "np", "loss": "cross_entropy", "baseline": Antithetic()},
    "np D": {"name": "np", "decorrelation": BOTH_D},
    "np only D_in": {"name": "np", "decorrelation": BOTH_D.replace(state=False), "network": RICH},
    "anp": {"name": "anp"},
    "anp published": {"name": "anp", "form": "published"},
    "anp std": {"name": "anp", "normaliser": NoiseStd()},
    "anp running variance": {"name": "anp", "normaliser": RunningVariance(rate=0.1), "network": RICH},
    "anp pair D": {"name": "anp", "baseline": Antithetic(), "decorrelation": BOTH_D, "network": RICH},
    "anp trace": {"name": "anp-trace"},
    "anp trace short": {"name": "anp", "credit": Trace(decay=0.5), "network": RICH},
    "anp batch layer": {"name": "anp", "broadcast": "batch"},
    "wp": {"name": "wp"},
    "wp published": {"name": "wp", "form": "published"},
    "wp pair rms": {"name": "wp", "baseline": Antithetic(), "step": RMS(), "network": RICH},
    "wp D": {"name": "wp", "decorrelation": BOTH_D, "network": RICH},
    "wp episode": {"name": "wp", "probe": WeightNoise(hold="episode"), "network": RICH},
    "wp episode rms": {"name": "wp", "probe": WeightNoise(hold="episode"), "step": RMS()},
    "wp trial": {"name": "wp", "probe": WeightNoise(hold="trial")},
    "wp trial pair rms": {"name": "wp-held", "baseline": Antithetic(), "step": RMS()},
}  # fmt: skip


@every
@pytest.mark.kernels
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("schedule", ["online", "episode"])
@pytest.mark.parametrize("parts", PARTS)
def test_every_part(parts, schedule, batch):
    compare(**PARTS[parts], schedule=schedule, batch=batch)
    compare(**PARTS[parts], schedule=schedule, batch=batch, resynchronise=3, frozen=("W_rec",), gaps=False)


@every
@pytest.mark.kernels
@pytest.mark.parametrize("schedule", ["online", "episode"])
@pytest.mark.parametrize("name", ["np", "anp", "wp"])
def test_a_twin_resynchronised_at_every_step(name, schedule):
    compare(name, schedule=schedule, resynchronise=1)
    compare(name, schedule=schedule, resynchronise=1, baseline=Antithetic(), network=RICH, batch=1)


# ----------------------------------------------------------------------------------------------------------------------
# Generated noise


def generated(sim, rule, T):
    """The draws a simulation will make, one keyed row at a time, for `naive.learn`."""
    fill, B = rule.noise.kernel, sim.batch

    def rows(source, steps, count, units):
        out = np.empty((steps, count, units))
        for t in range(steps):
            for row in range(count):
                fill(source, t, row, out[t, row])
        return out

    if rule.probe.kind != "weights":
        return {"hidden": rows(sim.run.source, T, B, SIZE), "output": rows(sim.run.source_y, T, B, N_OUT)}
    steps, each = {"step": (T, 1), "episode": (1, 1), "trial": (1, B)}[rule.probe.hold]
    draws = {}
    for name in LEARNT:
        n, m = sim.arrays[name].shape
        drawn = rows(getattr(sim.run.memories, name).source, steps, each * m, n)
        draws[name] = np.swapaxes(drawn.reshape(steps, each, m, n), 2, 3)
    return draws


def compare_generated(name, schedule, noise, **parts):
    rule = rules.make(name, None, schedule, noise=noise, noise_std=0.01, learning_rate=0.01, **parts)
    sequence, initial = trials(), weights(PLAIN)
    sim = simulate(PLAIN, rule, initial, sequence, schedule=schedule, seed=3)
    draws = generated(sim, rule, len(sequence.mask))
    assert sim.present_all(sequence)
    reference, _ = naive.learn(PLAIN, rule, initial, sequence, draws, schedule=schedule)
    found = off_by(sim.weights(), reference, initial)
    assert np.max(list(found.values())) <= 1e-10, found
    return draws


@pytest.mark.kernels
@pytest.mark.parametrize(
    ("name", "schedule"),
    [("np", "online"), pytest.param("wp", "episode", marks=every), pytest.param("wp-held", "episode", marks=every)],
)
def test_noise_is_keyed_by_step_and_row(name, schedule):
    compare_generated(name, schedule, rules.Gaussian())


@every
@pytest.mark.kernels
@pytest.mark.parametrize("schedule", ["online", "episode"])
@pytest.mark.parametrize("name", ["np", "anp", "wp", "wp-held"])
def test_every_law_of_noise(name, schedule):
    root = np.sqrt(3)
    for noise, bounds in ((rules.Gaussian(), (-9, 9)), (rules.Rademacher(), (-1, 1)), (rules.Uniform(), (-root, root))):
        draws = np.concatenate([d.ravel() for d in compare_generated(name, schedule, noise).values()])
        assert bounds[0] <= draws.min() < 0 < draws.max() <= bounds[1]
        assert abs(draws.mean()) < 5 / np.sqrt(draws.size)
        if noise.kind == "rademacher":
            assert set(draws) == {-1.0, 1.0}
        else:
            assert abs(draws.var() - 1) < 8 / np.sqrt(draws.size)


# ----------------------------------------------------------------------------------------------------------------------
# Limits


def presented(rule, sequence, network=PLAIN, **options):
    sim = simulate(network, rule, weights(network), sequence, seed=3, **options)
    assert sim.present_all(sequence)
    return sim


def assert_unchanged(sim, network=PLAIN, names=LEARNT):
    for name in names:
        assert np.array_equal(getattr(sim.weights(), name), getattr(weights(network), name)), name


@pytest.mark.kernels
@pytest.mark.parametrize("name", ["np", pytest.param("np-trace", marks=every), pytest.param("wp-held", marks=every)])
@pytest.mark.parametrize("schedule", ["online", "episode"])
def test_no_rate_or_no_reward_changes_nothing(name, schedule):
    sequence = trials()
    silent = sequence._replace(mask=np.zeros_like(sequence.mask), targets=np.full_like(sequence.targets, np.nan))
    assert_unchanged(presented(rules.make(name, None, schedule, learning_rate=0.0), sequence, schedule=schedule))
    sim = presented(rules.make(name, None, schedule), silent, schedule=schedule)
    assert_unchanged(sim)
    assert sim.run.counters.loss.tolist() == [0, 0]


@pytest.mark.kernels
def test_a_masked_step_changes_nothing():
    """The weights after some scored steps are those after as many scored steps and any number of masked ones."""
    rule = rules.make("np", learning_rate=0.1)
    sequence = trials(gaps=False)
    ends = np.arange(20) < 12
    masked = sequence._replace(mask=sequence.mask & ends[:, None])
    short = Sequence(*(part[:12] for part in sequence))
    a, b = presented(rule, masked), presented(rule, short, total_steps=20)
    for x, y in zip(a.weights(), b.weights(), strict=True):
        assert np.array_equal(x, y)


@pytest.mark.kernels
def test_a_small_perturbation_is_felt_in_proportion():
    """δx ∝ σ, and the update of a step tends to −η (ξ·∇L) ξ x̂ᵀ, so that halving σ again changes it less and less."""
    sequence, found, distance = trials(gaps=False, batch=1), {}, {}
    for sigma in (1e-2, 1e-3, 1e-4):
        sim = presented(rules.make("np", noise_std=sigma, learning_rate=1e-3), sequence)
        distance[sigma] = sim.twin_distance()
        assert np.linalg.norm(sim.run.act.x[0] - sim.run.act.x[1]) == pytest.approx(sigma * distance[sigma])
        found[sigma] = sim.weights().W_rec - weights(PLAIN).W_rec
    assert distance[1e-4] == pytest.approx(distance[1e-3], rel=0.01)
    far, near = (np.abs(found[s] - found[1e-4]).max() for s in (1e-2, 1e-3))
    assert near < 0.2 * far


@pytest.mark.kernels
def test_a_twin_resynchronised_at_every_step_forgets():
    """δx is then that of one step, (1 − tanh²) σξ to first order."""
    sequence = trials(gaps=False, batch=1)
    sim = presented(rules.make("np", noise_std=1e-6, learning_rate=0.0), sequence, resynchronise=1)
    x, xi = sim.run.act.x[:, :SIZE], sim.run.act.xi[0, :SIZE]
    assert np.allclose((x[1] - x[0]) / ((1 - x[0] ** 2) * xi), 1, rtol=1e-4)


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must be noise_std, noise_variance or as_told"):
        rules.make("wp", normaliser=LayerNorm())
    with pytest.raises(ValueError, match="must be 'trial'"):
        rules.make("wp-held", broadcast="batch")
    with pytest.raises(ValueError, match="Did you mean 'np-trace'"):
        rules.make("np-trce")
    with pytest.raises(ValueError, match="The 'form' parameter of rule 'np'"):
        rules.make("np", "rescaled")
    with pytest.raises(ValueError, match="32 rounding errors of float32"):
        simulate(PLAIN, rules.make("np", noise_std=1e-9), weights(PLAIN), trials(), dtype="float32")


# ----------------------------------------------------------------------------------------------------------------------
# Conformance: what every rule owes


AS_WELL = {
    ("np-p", "episode"),
    ("anp-p", "episode"),
    ("anp-p", "online"),
    ("anp-trace", "online"),
    ("wp-held", "online"),
}  # by the other schedule, or by np-p and anp-trace


# compiled in the README's command: every probe, both schedules, a trace, D; the others are compiled in CI, and all are interpreted there
COMPILES = {("np", "online"), ("wp", "online"), ("anp", "online"), ("np-trace", "episode"), ("danp", "episode")}


def conformance_cases():
    quick = {
        ("np", "online"),
        ("np-trace", "episode"),
        ("danp", "episode"),
    }  # few enough to compile with bounds checking
    for name in [*rules.RULES, *rules.DECORRELATED]:
        for schedule in ("online", "episode"):
            marks = [pytest.mark.kernels] if not COMPILED or (name, schedule) in quick else []
            if (
                name in ("dnp", "dwp", "wp0", "hybrid", "oua", "hebbian") or (name, schedule) in AS_WELL
            ):  # compiled by the recorded cases, and in test_more_rules
                marks.append(every)
            elif COMPILED and (name, schedule) not in COMPILES:
                marks.append(pytest.mark.slow)
            yield pytest.param(name, schedule, marks=marks)


class Conforming:
    """Makes one rule's simulations: four sequences' worth of steps in short blocks, so that block borders are met."""

    def __init__(self, name, schedule, dtype="float64"):
        rate = 1e-5 if name == "oua" else 0.01  # one pass, from a step to the next
        self.rule = rules.make(name, None, schedule, learning_rate=rate, noise_std=0.01)
        learns_d = BOTH_D if name in rules.DECORRELATED else None
        self.sequences = [trials(seed=k) for k in range(2)]
        self.sequences[1].reset[0] = False  # the state is carried
        self.options = {"schedule": schedule, "decorrelation": learns_d, "dtype": dtype, "seed": 4, "total_steps": 40}

    def make(self):
        return simulate(PLAIN, self.rule, weights(PLAIN), self.sequences[0], **self.options)

    def moments(self, sim):
        """Where a run can stop: (sequence number, its data, phase, first step)."""
        for number, sequence in enumerate(self.sequences):
            for phase in sim.phases:
                for t in range(len(sequence.mask)):
                    yield number, sim.prepare(sequence), phase, t

    def go(self, sim, start=0, stop=None, piece=1):
        """Present from one moment to another, in pieces."""
        moments = list(self.moments(sim))[start:stop]
        at = 0
        while at < len(moments):
            number, data, phase, t = moments[at]
            sim.run.counters.sequence[0] = number
            last = min(t + piece, len(data.inputs), t + len(moments) - at)
            assert sim.present(data, phase, t, last) == last
            at += last - t
        return sim


def bits(sim):
    return {name: w.tobytes() for name, w in sim.weights()._asdict().items()}


@pytest.mark.parametrize(("name", "schedule"), list(conformance_cases()))
def test_conformance(name, schedule, monkeypatch):
    monkeypatch.setattr(configuration, "BLOCK_STEPS", 8)
    case = Conforming(name, schedule)
    whole = case.go(case.make(), piece=1000)
    reference, end = bits(whole), len(list(case.moments(whole)))
    for matrix, after in whole.weights()._asdict().items():
        assert np.isfinite(after).all()
        moves = matrix in LEARNT or name in rules.DECORRELATED
        if schedule == "online" and matrix == "D_in":
            moves = moves and case.options["decorrelation"].input
        assert np.array_equal(after, getattr(weights(PLAIN), matrix)) is not moves, matrix
    assert bits(case.go(case.make(), piece=1000)) == reference, "the same seed gives the same bits"
    glance = trials(steps=2, batch=2, gaps=False)
    for piece in (1, 3, 7) if COMPILED else (3,):
        assert bits(case.go(case.make(), piece=piece)) == reference, f"pieces of {piece} steps"
    # inside and between blocks, phases and sequences
    for stop in (1, 8, 13, 20, 21, end - 19, end - 8) if COMPILED else (13, end - 5):
        first = case.go(case.make(), 0, stop, piece=4)
        state = first.checkpoint()
        second = case.make()
        second.restore(state)
        assert bits(case.go(second, stop, piece=5)) == reference, f"restored at moment {stop}"
        first.flush()
        first.evaluate(glance)
        assert bits(case.go(first, stop, piece=5)) == reference, f"went on after a look at moment {stop}"
    other = Conforming(name, schedule)
    other.options["seed"] = 5
    assert bits(other.go(other.make(), piece=1000)) != reference


@pytest.mark.parametrize(("name", "schedule"), [("anp", "online")])
def test_float32_stays_float32_and_near_float64(name, schedule):
    single, double = Conforming(name, schedule, "float32"), Conforming(name, schedule)
    a, b = single.go(single.make(), piece=1000), double.go(double.make(), piece=1000)
    for matrix, w in a.weights()._asdict().items():
        assert w.dtype == np.float32
        moved = np.abs(getattr(b.weights(), matrix) - getattr(weights(PLAIN), matrix)).max()
        assert np.abs(w - getattr(b.weights(), matrix)).max() <= 1e-6 + 0.01 * moved, matrix
    for key, state in a.checkpoint().items():
        if state.dtype.kind == "f" and not key.startswith(("counters", "signal.dL", "channel", "ageing")):
            assert state.dtype == np.float32, key
