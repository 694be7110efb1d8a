"""Modified weights: what every sequence draws, that only W is trained and tested, and that runs go on to the same bits."""

import copy

import numba
import numpy as np
import pytest

import hardware_models as hw
from hardware_models.numerics import random
from neuroperturb import RNN, Chip, Experiment, Trainer, Training, rules, tasks
from neuroperturb.baselines import Bptt
from neuroperturb.experiments.toml import dumps, load
from neuroperturb.network.modifiers import Additive, Draw, DropConnect, Multiplicative, ProgrammingNoise
from neuroperturb.results.run import differences
from neuroperturb.spec import SpecError

pytestmark = pytest.mark.kernels
interpreted = pytest.mark.skipif(
    not numba.config.DISABLE_JIT, reason="compiling each takes seconds; .ci/run does these with the JIT off"
)

TASK = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
RULES = {"np-trace": rules.make("np-trace"), "np, online": rules.make("np"), "wp": rules.make("wp"), "bptt": Bptt()}
KINDS = {
    "additive": Additive(std=0.1), "multiplicative": Multiplicative(std=0.2), "programming": ProgrammingNoise(),
    "drop-connect": DropConnect(probability=0.3),
}  # fmt: skip


def experiment(rule="np-trace", modifier=KINDS["additive"], **options):
    schedule = {"schedule": "online"} if "online" in rule else {}
    training = Training(epochs=3, batch_size=4, seed=3, **schedule, **options)
    return Experiment(network=RNN(size=3), task=TASK, rule=RULES[rule], training=training, modifier=modifier)


def draw(sequence=0, number=1, shape=(300, 200)):
    return Draw(7, number, sequence, shape)


W = np.random.default_rng(1).uniform(-1, 1, (300, 200))


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_of_a_sequence_and_a_matrix(kind):
    one = KINDS[kind].modified(W, draw())
    assert np.array_equal(one, KINDS[kind].modified(W, draw()))
    for other in (draw(1), draw(number=2)):
        assert not np.array_equal(one, KINDS[kind].modified(W, other))


def test_sizes():
    largest = np.abs(W).max()
    assert (Additive(std=0.1).modified(W, draw()) - W).std() == pytest.approx(0.1 * largest, rel=0.02)
    assert ((Multiplicative(std=0.2).modified(W, draw()) - W) / W).std() == pytest.approx(0.2, rel=0.02)
    dropped = DropConnect(probability=0.3).modified(W, draw())
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert (dropped[dropped != 0] == W[dropped != 0]).all()
    for kind in (
        Additive(std=0.0),
        Multiplicative(std=0.0),
        DropConnect(probability=0.0),
        ProgrammingNoise(strength=0.0),
    ):
        assert np.allclose(kind.modified(W, draw()), W, atol=1e-12)
    assert not ProgrammingNoise().modified(np.zeros((2, 2)), draw(shape=(2, 2))).any()


def test_programming_noise_is_that_of_an_array_that_is_deployed():
    array = hw.SynapseArray(W.shape[::-1], programming=hw.PCMLike(), seed=1, dtype=np.float64)
    array.program(W.T)
    theirs, ours = array.read().T - W, ProgrammingNoise().modified(W, draw()) - W
    for low, high in ((0, 0.2), (0.4, 0.6), (0.8, 1.0)):
        part = (np.abs(W) >= low) & (np.abs(W) < high)
        assert ours[part].std() == pytest.approx(theirs[part].std(), rel=0.03)


@pytest.mark.parametrize(
    ("rule", "kind"),
    [("bptt", "drop-connect"), ("np-trace", "programming"), pytest.param("wp", "multiplicative", marks=interpreted),
     pytest.param("np, online", "additive", marks=interpreted)],
)  # fmt: skip
def test_without_learning_the_weights_come_back_to_the_bit(rule, kind):
    frozen = experiment(rule, KINDS[kind], frozen=("W_in", "W_rec", "W_out"))
    run = _run(frozen)
    for name in ("W_in", "W_rec", "W_out"):
        assert np.array_equal(run.weights[name], run.initial_weights[name])
    plain = _run(frozen.replace(modifier=None))
    assert run.history["validation_loss"].to_list() == plain.history["validation_loss"].to_list()  # evaluated without
    assert run.history["train_loss"].to_list() != plain.history["train_loss"].to_list()  # and trained with


def test_the_gradient_is_that_of_the_drawn_weights():
    """BPTT of one batch through W + ξ, by hand."""
    from neuroperturb.baselines.bptt import gradient
    from neuroperturb.baselines.forward import Weights

    one = experiment("bptt", Additive(std=0.3))
    trainer = Trainer(one)
    inner = trainer.learner.learner.trainer
    before = [np.array(w, np.float64) for w in inner.weights[:3]]
    drawn = [
        np.float32(
            w
            + 0.3 * np.abs(w).max() * random.normal(3, random.stream(random.Stream.MODIFIER, k), 0, w.shape, np.float64)
        )
        for k, w in enumerate(before)
    ]
    sequence = trainer.dataset.batch(0)
    loss, gradients, *_ = gradient(Weights(*drawn, *inner.weights[3:]), sequence, loss=trainer.dataset.loss)
    _, changes = one.rule.optimiser.update(one.rule.optimiser.init(tuple(drawn)), gradients)
    trainer.learner.present(0, sequence, 0, 0)
    assert trainer.learner.loss[0] == pytest.approx(loss, rel=1e-5)
    for w, start, change in zip(inner.weights[:3], before, changes, strict=True):
        assert np.allclose(w, start + change, atol=1e-6)


@pytest.mark.parametrize("rule", ["bptt", pytest.param("np, online", marks=interpreted)])
def test_a_copy_in_the_middle_goes_on_to_the_same_bits(rule):
    straight, trainer = _run(experiment(rule)), Trainer(experiment(rule))
    for _ in range(3):
        trainer.advance()
    for _ in copy.deepcopy(trainer):
        pass
    resumed = Trainer(experiment(rule), resume=trainer.run())
    for _ in resumed:
        pass
    for _ in trainer:
        pass
    for run in (trainer.run(), resumed.run()):
        assert [key for key in differences(straight, run) if "seconds" not in key and "timestamps" not in key] == []


@interpreted
def test_in_the_middle_of_a_sequence_weights_and_outputs_are_clean():
    trainer = Trainer(experiment("np, online", frozen=("W_in", "W_rec", "W_out")))
    learner = trainer.learner
    start, clean = learner.weights(), learner.evaluate(trainer.dataset.test)
    learner._draw(0)
    assert not np.array_equal(learner.learner.weights().W_rec, start.W_rec)
    for one, other in zip(learner.weights(), start, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(learner.evaluate(trainer.dataset.test), clean)
    assert not np.array_equal(learner.learner.evaluate(trainer.dataset.test), clean)


def test_tables_and_sentences(tmp_path):
    one = experiment(modifier=ProgrammingNoise(strength=2.0))
    (tmp_path / "one.toml").write_text(dumps(one), encoding="utf-8")
    assert load(tmp_path / "one.toml") == one
    assert "modifier" not in experiment(modifier=None).table()
    assert Experiment.parse({"task": "delayed-xor", "modifier": "drop-connect"}).modifier == DropConnect()
    with pytest.raises(SpecError, match="'modifier' parameter must be left out with 'hardware'"):
        one.replace(hardware=Chip(cells=hw.Digital(bits=4)))
    with pytest.raises(SpecError, match=r"modifier\.std"):
        Experiment.parse({"task": "delayed-xor", "modifier": {"kind": "additive", "std": 30.0}})


def _run(one):
    trainer = Trainer(one)
    for _ in trainer:
        pass
    return trainer.run()
