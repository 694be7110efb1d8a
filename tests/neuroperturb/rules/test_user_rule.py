"""Rules of one's own: the built-in rules written by a user give the same bits, in every schedule; TOML, records, edits."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from typing import NamedTuple

import numpy as np
import pytest

from hardware_models import DifferentialPair, Digital, Reading, SoftBounds
from hardware_models.crossbar.fused import rank_change
from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.random import Stream, normal, stream
from hardware_models.numerics.record import record
from neuroperturb import rules
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.toml import dumps, load, resolve
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.results.run import Run
from neuroperturb.rules import (
    RMS,
    ActivityDifference,
    Antithetic,
    AsTold,
    LayerNorm,
    NoiseStd,
    Recursive,
    RunningMean,
    Trace,
    WeightNoise,
    Whitened,
)
from neuroperturb.rules.axes.credit import InstantCredit
from neuroperturb.rules.axes.step import PlainStep
from neuroperturb.rules.formula.signatures import formula
from neuroperturb.rules.kernels.loops import make_change, make_gather, make_step_row
from neuroperturb.simulation.schedule import Training
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError, user_code
from neuroperturb.tasks import DelayedXOR
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training import trainer as training
from neuroperturb.training.train import train

pytestmark = pytest.mark.kernels
every = pytest.mark.skipif(COMPILED, reason="compiling each takes seconds; .ci/run does these with the JIT off")

SIZE, N_IN, N_OUT, STEPS, BATCH = 6, 2, 3, 12, 2
LEARNT = ("W_in", "W_rec", "W_out")


class MyInstant(NamedTuple):
    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, post * (reward * pre)


class MyTrace(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def neuron(params, clean, noisy, noise):
        return noise

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace


class MyDifference(NamedTuple):
    @staticmethod
    def neuron(params, clean, noisy, noise):
        return noisy - clean

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, post * (reward * pre)


class MyDraw(NamedTuple):
    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        return trace, reward * draw


class Greedy(NamedTuple):
    """Uses everything that a synapse is told."""

    decay: float = 0.8
    leak: float = 0.1

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * (trace - params.leak * weight + params.leak * draw)


def sequence(steps=STEPS, batch=BATCH, seed=0):
    """Random trials; a reset inside, and a step that is not scored."""
    rng = np.random.default_rng(seed)
    mask = np.ones((steps, batch), bool)
    mask[3] = False
    reset = np.arange(steps) == 0
    reset[steps // 2] = True
    return Sequence(rng.normal(size=(steps, batch, N_IN)), rng.normal(size=(steps, batch, N_OUT)), mask, reset)


def simulate(rule, schedule, *, dtype="float64", batch=BATCH, **options):
    network = RNN(size=SIZE, leak=0.7, bias=True)
    return Simulation(
        network, rule, initial_weights(network, N_IN, N_OUT, 1), schedule=schedule, batch=batch, steps=STEPS, total_steps=STEPS,
        dtype=dtype, seed=5, **options,
    )  # fmt: skip


def learn(rule, schedule, **options):
    simulation = simulate(rule, schedule, **options)
    trials = sequence(batch=options.get("batch", BATCH))
    for _ in range(2):
        assert simulation.present_all(trials)
    return simulation.weights()


SETTINGS = {"noise_std": 0.1, "learning_rate": 0.05}
PAIRS = {  # a rule of the grid, the same by the user's functions
    "instant": (rules.make("np", **SETTINGS), rules.own(MyInstant(), **SETTINGS)),
    "difference, layer norm": (
        rules.make("anp", **SETTINGS),
        rules.own(MyDifference(), normaliser=LayerNorm(), **SETTINGS),
    ),
    "trace, whitened, pair, rms": (
        rules.make("np-p", credit=Trace(decay=0.9), **SETTINGS),
        rules.own(MyTrace(), presynaptic=Whitened(), baseline=Antithetic(), step=RMS(), **SETTINGS),
    ),
    "trace, one pass": (
        rules.make("np", credit=Trace(decay=0.9), baseline=RunningMean(), normaliser=NoiseStd(), **SETTINGS),
        rules.own(MyTrace(), baseline=RunningMean(), normaliser=NoiseStd(), **SETTINGS),
    ),
    "weight noise by trial": (
        rules.make("wp", probe=WeightNoise(hold="trial"), **SETTINGS),
        rules.own(MyDraw(), probe=WeightNoise(hold="trial"), **SETTINGS),
    ),
    "weight noise by step": (
        rules.make("wp", **SETTINGS),
        rules.own(MyDraw(), probe=WeightNoise(), **SETTINGS),
    ),
}


def cases():
    """All of them without compiling; with, which takes seconds each, one with a trace."""
    for name in PAIRS:
        for schedule in ("online", "episode"):
            if not COMPILED or (name, schedule) == ("trace, one pass", "online"):
                yield name, schedule


@pytest.mark.parametrize(("name", "schedule"), list(cases()))
def test_a_rule_of_the_grid_written_by_hand_is_that_rule(name, schedule):
    """To the bit online; in an episode sums are added up in another order."""
    built_in, own = PAIRS[name]
    expected, found = learn(built_in, schedule), learn(own, schedule)
    start = simulate(built_in, schedule).weights()
    for matrix in LEARNT:
        left, right = getattr(expected, matrix), getattr(found, matrix)
        assert not np.array_equal(left, getattr(start, matrix))
        if schedule == "online":
            assert left.tobytes() == right.tobytes(), matrix
        else:
            np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-13, err_msg=matrix)


TRACED = (
    rules.make("np", credit=Trace(decay=0.9), presynaptic=Recursive(), **SETTINGS),
    rules.own(MyTrace(), presynaptic=Recursive(), **SETTINGS),
)
SITUATIONS = {
    "late reward": {"hardware": Chip(reward=RewardChannel(delay=2))},
    "noisy reward of few bits": {"hardware": Chip(reward=RewardChannel(noise_std=1e-3, bits=6, bound=0.2))},
    "cells": {"hardware": Chip(weight=DifferentialPair(), cells=SoftBounds())},
    "coarse cells, noisy reads": {"hardware": Chip(cells=Digital(bits=4), reading=Reading(output_noise_std=0.02))},
    "decorrelated": {"decorrelation": Decorrelation(rate=0.01)},
    "float32": {"dtype": "float32"},
    "one trial": {"batch": 1},
}


@every
@pytest.mark.parametrize("pair", [PAIRS["instant"], TRACED], ids=["instant", "trace, recursive"])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_is_that_rule_wherever_the_built_in_one_runs(pair, situation):
    expected, found = (learn(rule, "online", **SITUATIONS[situation]) for rule in pair)
    for matrix in LEARNT:
        assert getattr(expected, matrix).tobytes() == getattr(found, matrix).tobytes(), matrix


# ----------------------------------------------------------------------------------------------------------------------
# The loop around any formula


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outer_products_are_the_same_bits_by_the_general_loop(dtype):
    """What an array fuses, or gives to BLAS, is only faster: the loop around the formula, trial by trial, is its meaning."""
    rule, gather = rules.make("np"), make_gather(formula(InstantCredit, "synapse"), rules.Gaussian.kernel)
    general = make_change(gather, make_step_row(PlainStep))
    simulation = simulate(rule, "online", dtype=dtype)
    assert simulation.compiled.rows.learning is rank_change
    rng, run = np.random.default_rng(0), simulation.run
    pending, synapses, w = run.pending.W_rec, run.memories.W_rec, simulation.arrays["W_rec"].state.cells.w[0]
    for values in (pending.post[:, :SIZE], pending.pre[:, :SIZE], pending.reward):
        values[...] = rng.normal(size=values.shape)
    one = pending.post.dtype.type(1)
    for j in range(SIZE):
        rows = [np.full_like(pending.post[0], 9) for _ in range(2)]
        for change_row, row in zip((general, rank_change), rows, strict=True):
            change_row(record(pending), record(synapses), w[j], one, j, row)
        assert rows[0][:SIZE].any()
        np.testing.assert_array_equal(*rows)


def naive_gather(rule, pre, post, reward, weight, trace, draw):
    """Synapse by synapse, trial by trial, in Python."""
    total = np.zeros_like(weight)
    for b in range(len(reward)):
        for j in range(weight.shape[0]):
            for i in range(weight.shape[1]):
                trace[b, j, i], change = rule.synapse(
                    rule, trace[b, j, i], weight[j, i], pre[b, j], post[b, i], reward[b], draw[b, j, i]
                )
                total[j, i] += change
    return total


@every
@pytest.mark.parametrize("schedule", ["online", "episode"])
def test_a_formula_is_told_its_own_weight_trace_and_draw(schedule):
    """One step on an array with a scale and pairs of devices, against the formula called for every synapse by hand."""
    rule = rules.own(Greedy(), noise_std=0.1, learning_rate=0.05, normaliser=AsTold(), batch_divisor="sum")
    chip = Chip(weight=DifferentialPair(), cells=SoftBounds())
    simulation = simulate(rule, schedule, hardware=chip)
    run = simulation.run
    trials = Sequence(*(part[:1] for part in sequence()))
    weight = simulation.weights().W_in.T.copy()
    assert simulation.gather(simulation.prepare(trials), 0, 1) == 1
    draw = np.stack([
        [normal(5, stream(Stream.PERTURBATION, 2), 0, (BATCH * weight.shape[0], SIZE), np.float64)[b * weight.shape[0] + j]
         for j in range(weight.shape[0])] for b in range(BATCH)
    ])  # fmt: skip
    pre, post = run.pending.W_in.pre[:, : weight.shape[0]], run.pending.W_in.post[:, :SIZE]
    np.testing.assert_array_equal(post, run.act.xi[:, :SIZE])
    reward = -run.signal.dL
    trace = np.zeros((BATCH, *weight.shape))
    expected = naive_gather(Greedy(), pre, post, reward, weight, trace, draw)
    found = simulation.pending_update()["W_in"].T
    np.testing.assert_allclose(found, 0.05 * expected, rtol=1e-9, atol=1e-15)


# ----------------------------------------------------------------------------------------------------------------------
# Where a rule is found, and what is kept of it

MODULE = """
from typing import NamedTuple

from hardware_models.numerics.compiled import kernel

HALF = 0.5


@kernel
def shrink(x):
    return x / (type(x)(1) + abs(x))


class Shrunk(NamedTuple):
    decay: float = 0.9
    gain: float = 1.0

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + shrink(post) * pre * type(pre)(HALF)
        return trace, params.gain * reward * trace
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own, with a module of rules that no other test has."""
    monkeypatch.chdir(tmp_path)
    name = f"rules_of_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    yield tmp_path, name
    sys.modules.pop(name, None)


def toml(name, more=""):
    return f'task = "delayed-xor"\n[rule]\nname = "{name}"\nnoise_std = 0.05\nstep = "rms"\n{more}'


@pytest.mark.parametrize("suffix", ["", ".py"])
def test_toml_names_a_module_or_a_file(folder, suffix, tmp_path_factory, monkeypatch):
    path, module = folder
    (path / "run.toml").write_text(toml(f"{module}{suffix}:Shrunk", "[rule.parameters]\ndecay = 0.8\n"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))  # beside the TOML file is enough
    experiment = load(path / "run.toml", ["rule.parameters.gain=2"])
    own = experiment.rule.formula
    assert own.parameters == {"decay": 0.8, "gain": 2.0}
    assert type(own.bind()).__name__ == "Shrunk"
    assert own.bind().decay == 0.8
    assert experiment.rule.step == RMS()
    assert experiment.rule.label == "Shrunk"
    for word in ("class Shrunk(NamedTuple)", "def shrink(x)", "HALF = 0.5"):  # all that it is made of
        assert word in own.text
    assert hashlib.sha256(own.text.encode()).hexdigest() == own.sha256
    again = config.Experiment.parse(tomllib.loads(dumps(experiment)))
    assert again == experiment
    assert config.digest(again) == config.digest(experiment)


STUDY = """
base = "delayed-xor"
axes.seed = [1, 2]
axes.rule = [{{ name = "{name}:Shrunk", noise_std = 0.05, parameters = {{ decay = 0.5 }} }}, "np"]
"""


def test_commands_find_a_rule_beside_their_file(folder, tmp_path_factory, monkeypatch):
    from neuroperturb.cli import job
    from neuroperturb.study import declaration
    from neuroperturb.study import grid as cells

    path, module = folder
    (path / "run.toml").write_text(toml(f"{module}:Shrunk"))
    (path / "study.toml").write_text(STUDY.format(name=module))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    made = job.prepare(job.Request(str(path / "run.toml"), settings=("rule.parameters.decay=0.25",)))
    assert made.experiment.rule.formula.bind().decay == 0.25
    study = declaration.load(path / "study.toml")
    own, _ = cells.lay_out(study)
    assert cells.experiment(study, own, cells.GridPlace(0, 1)).rule.formula.bind().decay == 0.5


def test_the_command_line_takes_a_rule_from_the_current_folder(folder):
    _, module = folder
    rule = resolve({"task": "delayed-xor", "rule": f"{module}:Shrunk"}).rule
    assert rule.formula.bind() == type(rule.formula.bind())()
    assert rules.make(f"{module}:Shrunk", parameters={"decay": 0.5}).formula.parameters["decay"] == 0.5


def test_an_edited_rule_is_another_experiment_and_does_not_continue_the_old(folder):
    path, module = folder
    table = {"task": "delayed-xor", "rule": f"{module}.py:Shrunk"}
    before = resolve(table)
    (path / f"{module}.py").write_text(MODULE.replace("HALF = 0.5", "HALF = 0.25"))
    after = resolve(table)
    assert config.digest(after) != config.digest(before)
    kept = config.Experiment.parse(tomllib.loads(dumps(before)))  # a record of it can be read
    user_code._known.clear()  # as in another process
    with pytest.raises(InputError, match="has changed since this experiment was written"):
        kept.rule.formula.bind()
    assert after.rule.formula.bind() is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{module}:Shrink", "names no class 'Shrink' in .* Did you mean 'Shrunk'"),
        ("nowhere_at_all:Shrunk", "a module 'nowhere_at_all' that cannot be found"),
        ("nowhere.py:Shrunk", "a file 'nowhere.py' that does not exist"),
        ("broken:Rule", "'broken:Rule' cannot be imported: SyntaxError"),
        (":Shrunk", "must look like module:Class"),
    ],
)
def test_a_rule_that_is_not_there_is_one_sentence(folder, name, words):
    path, module = folder
    (path / "broken.py").write_text("def f(:\n")
    with pytest.raises(InputError, match=words):
        resolve({"task": "delayed-xor", "rule": name.format(module=module)})


def test_parameters_that_are_not_there_or_no_numbers(folder):
    _, module = folder
    table = {"task": "delayed-xor", "rule": {"name": f"{module}:Shrunk", "parameters": {"dekay": 1.0}}}
    with pytest.raises(
        InputError, match=r"'rule.parameters' parameter of Shrunk must be a table of numbers by name. Got 3"
    ):
        resolve(table, ["rule.parameters=3"])
    with pytest.raises(
        InputError, match=r"'rule.parameters.dekay' parameter of Shrunk is unknown. Did you mean 'decay'"
    ):
        resolve(table)
    with pytest.raises(
        InputError, match=r"'rule.parameters.decay' parameter of Shrunk must be a finite number. Got 'x'"
    ):
        resolve(table, ["rule.parameters={decay='x'}"])


def test_rules_of_the_grid_have_no_word_of_it():
    """So that what was written before reads, and hashes, as it did."""
    assert "formula" not in rules.make("np").table()


def test_parts_that_leave_a_formula_nothing_to_read_are_refused():
    trace = {"credit": Trace()}
    with pytest.raises(InputError, match="'credit' parameter of a custom rule must be left out"):
        rules.own(MyTrace(), **trace)
    cases = {
        "reads 'clean', which a single pass does not have": rules.own(MyDifference(), baseline=RunningMean()),
        "where units have no factor": rules.own(MyInstant(), probe=WeightNoise()),
        "which has a 'neuron' function": rules.own(MyTrace(), probe=ActivityDifference()),
    }
    for words, rule in cases.items():
        with pytest.raises(InputError, match=words):
            simulate(rule, "online")


def test_a_run_keeps_the_source_of_its_rule_and_is_continued_by_it(tmp_path):
    """A class of this file, from Python, through train, file and resume."""
    task = DelayedXOR(trials_per_epoch=8, validation_trials=4, test_trials=4)
    setting = {"network": RNN(size=5), "task": task, "rule": rules.own(MyTrace(decay=0.7), **SETTINGS)}
    run = train(**setting, training=Training(epochs=1, batch_size=4))
    loaded = Run.load(run.save(tmp_path / "own.nc"))
    assert loaded.experiment == run.experiment
    assert loaded.experiment.rule.formula.text.startswith("class MyTrace(NamedTuple):")
    assert (
        training.Trainer(loaded.experiment, resume=loaded).run().weights["W_rec"].tobytes()
        == run.weights["W_rec"].tobytes()
    )
