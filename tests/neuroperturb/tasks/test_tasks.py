"""Every task keeps the contract; short trials are what a pencil says they are."""

import math
import subprocess
import sys

import numpy as np
import pytest
from task_names import COMPLETE

from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks import (
    TASKS,
    BitCopying,
    ContextIntegration,
    Copying,
    DelayedXOR,
    MackeyGlass,
    SequentialDigits,
    SymbolCopying,
    Task,
    Weather,
    metrics,
    trials,
)

SMALL = [
    MackeyGlass(steps=600, test_steps=200, lead_in=50),
    MackeyGlass(variant="recall", steps=600, test_steps=200, lead_in=50),
    Copying(variant="fresh", width=2),
    Copying(variant="fixed"),
    SymbolCopying(length=4, symbols=3, trials_per_epoch=8, validation_trials=6, test_trials=5),
    Weather(horizon=1),
    Weather(horizon=24),
    SequentialDigits(),
    SequentialDigits(permute=True),
    DelayedXOR(),
    DelayedXOR(steps=20, cues=(0, 8)),
    ContextIntegration(),
    BitCopying(),
]


def make(task, seed=3, batch_size=None):
    if task.name == "digits":
        pytest.importorskip("sklearn", reason="the digits task takes its images from scikit-learn")
    return task.data(seed, type(task).default_batch_size if batch_size is None else batch_size)


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# --- the contract, over all tasks -------------------------------------------------------------------------------------


def test_catalogue_names_every_task_by_its_own_name():
    for name, cls in TASKS.items():
        assert issubclass(cls, Task) and cls.model_fields["name"].default == name
        assert cls.__doc__ and cls.schedule in ("online", "episode") and cls.default_batch_size >= 1
    assert {type(t) for t in SMALL} == {TASKS[name] for name in COMPLETE}


@pytest.mark.parametrize("task", SMALL, ids=repr)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_sequences_have_the_shapes_they_promise(task, batch_size):
    data = make(task, batch_size=batch_size)
    assert data.batches_per_epoch >= 1 and data.loss in ("mse", "cross_entropy")
    assert data.batch(0).inputs.shape[1] == batch_size
    for sequence in (data.batch(0), data.batch(7), data.validation, data.test):
        steps, trials, n_in = sequence.inputs.shape
        assert n_in == data.n_in and sequence.targets.shape == (steps, trials, data.n_out)
        assert sequence.mask.shape == (steps, trials) and sequence.reset.shape == (steps,)
        assert sequence.inputs.dtype == sequence.targets.dtype == np.float64
        assert sequence.mask.dtype == sequence.reset.dtype == bool
        # targets may be one row in memory for all steps; whoever needs them contiguous makes them so
        assert all(a.flags.c_contiguous for a in (sequence.inputs, sequence.mask, sequence.reset, sequence.condition))
        assert np.isfinite(sequence.inputs).all() and np.isfinite(sequence.targets).all()
        assert sequence.reset[0] and sequence.mask.any()
        if data.loss == "cross_entropy":
            assert np.array_equal(
                np.sort(sequence.targets, axis=-1)[..., -2:], np.broadcast_to([0.0, 1.0], (steps, trials, 2))
            )


@pytest.mark.parametrize("task", SMALL, ids=repr)
def test_data_are_a_function_of_seed_and_number(task):
    one, two, other = make(task), make(task), make(task, seed=4)
    backwards = [two.batch(k) for k in (5, 2, 0)]  # another order, and a jump
    assert all(same(a, b) for a, b in zip([one.batch(k) for k in (5, 2, 0)], backwards, strict=True))
    assert same(one.validation, two.validation) and same(one.test, two.test)
    if task.name != "weather":
        assert not same(one.test, other.test) and not same(one.batch(0), other.batch(0))


@pytest.mark.parametrize("task", SMALL, ids=repr)
def test_metrics_begin_with_the_loss_and_are_zero_or_full_for_perfect_outputs(task):
    data = make(task)
    perfect = data.test.targets if data.loss == "mse" else 1e3 * data.test.targets
    scores = data.metrics(perfect, data.test)
    assert next(iter(scores)) == "loss" and all(isinstance(v, float) for v in scores.values())
    assert scores["loss"] == 0 and scores.get("accuracy", 1.0) == 1 and scores.get("nmse", 0.0) == 0
    spoiled = np.where(data.test.mask[:, :, None], perfect, np.nan)
    assert data.metrics(spoiled, data.test) == scores  # what is not scored is not looked at
    assert not math.isfinite(data.metrics(np.full_like(perfect, np.nan), data.test)["loss"])
    with pytest.raises(ValueError, match="shape"):
        data.metrics(perfect[1:], data.test)


@pytest.mark.parametrize("task", SMALL, ids=repr)
def test_trivial_baselines_score_both_parts(task):
    for scores in make(task).trivial().values():
        assert set(scores) == {"validation", "test"} and all(np.isfinite(v) and v > 0 for v in scores.values())


@pytest.mark.parametrize("task", SMALL, ids=repr)
def test_a_task_is_a_table(task):
    assert type(task).parse(task.table()) == task


@pytest.mark.parametrize("task", SMALL, ids=repr)
def test_impossible_requests_are_refused(task):
    for seed, batch_size, name in ((-1, 1, "seed"), (0, 0, "batch_size"), (0.5, 1, "seed"), (0, True, "batch_size")):
        with pytest.raises(
            ValueError, match=f"The '{name}' parameter of {type(task).__name__} data must be an integer of at least"
        ):
            task.data(seed, batch_size)
    with pytest.raises(ValueError, match="number"):
        make(task).batch(-1)


@pytest.mark.parametrize(
    ("cls", "wrong", "sentence"),
    [
        (DelayedXOR, {"cues": (5, 5)}, "'cues' parameter of DelayedXOR must be two increasing steps from 0 to 13"),
        (DelayedXOR, {"cues": (0, 14)}, "'cues' parameter of DelayedXOR"),
        (DelayedXOR, {"noise": -0.1}, "'noise' parameter of DelayedXOR .*Got -0.1"),
        (ContextIntegration, {"onset": 16}, "'onset' parameter of ContextIntegration must be smaller than 'steps'"),
        (BitCopying, {"bits": 0}, "'bits' parameter of BitCopying"),
        (Copying, {"variant": "stale"}, "'variant' parameter of Copying"),
        (Copying, {"lenght": 3}, "Did you mean 'length'"),
        (MackeyGlass, {"horizon": 500}, "'horizon' parameter of MackeyGlass must be smaller .*Got 500"),
        (MackeyGlass, {"horizon": 0}, "'horizon' parameter of MackeyGlass"),
        (MackeyGlass, {"washout": 485}, "'washout' parameter of MackeyGlass .* at most 484 .*Got 485"),
        (MackeyGlass, {"steps": -5}, "'steps' parameter of MackeyGlass"),
        (Weather, {"horizon": -1}, "'horizon' parameter of Weather"),
        (Weather, {"path": 3}, "'path' parameter of Weather"),
        (SequentialDigits, {"permute": "yes"}, "'permute' parameter of SequentialDigits"),
    ],
)
def test_wrong_parameters_get_one_sentence(cls, wrong, sentence):
    with pytest.raises(SpecError, match=sentence) as raised:
        cls(**wrong)
    assert "\n" not in str(raised.value)


def test_tasks_import_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None; import neuroperturb.tasks as t; t.DelayedXOR().data(0, 2)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digits_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'neuroperturb\[digits\]'"):
        SequentialDigits().data(0, 1)


# --- short trials, with a pencil --------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [DelayedXOR(), DelayedXOR(steps=20, cues=(0, 8)), DelayedXOR(steps=3, cues=(0, 2))])
def test_delayed_xor(task):
    trials = task.data(0, 256).batch(3)
    first, second = task.cues
    for b in range(256):
        cue_1, cue_2 = trials.inputs[first, b, 0], trials.inputs[second, b, 0]
        assert abs(cue_1) == abs(cue_2) == 1
        differ = (cue_1 > 0) != (cue_2 > 0)
        assert trials.targets[-1, b, 0] == (1 if differ else -1)
    flags = [1.0 if t in task.cues else 0.0 for t in range(task.steps)]
    assert np.array_equal(trials.inputs[:, :, 1], np.repeat(np.array(flags)[:, None], 256, axis=1))
    assert trials.mask[-1].all() and not trials.mask[:-1].any()
    noise = np.delete(trials.inputs[:, :, 0], list(task.cues), axis=0)
    assert noise.mean() == pytest.approx(0, abs=4 * 0.3 / np.sqrt(noise.size))
    assert noise.std() == pytest.approx(0.3, rel=4 / np.sqrt(2 * noise.size))


def test_delayed_xor_needs_both_cues():
    test = DelayedXOR().data(1, 1).test
    for cue in (0, 5):  # the target tells nothing of one cue alone
        assert abs(np.mean(test.inputs[cue, :, 0] * test.targets[-1, :, 0])) < 4 / np.sqrt(2048)
    assert abs(test.targets[-1].mean()) < 4 / np.sqrt(2048)


def test_context_integration():
    data = ContextIntegration().data(0, 4000)
    trials = data.batch(0)
    context, streams = trials.inputs[:, :, 0], trials.inputs[:, :, 1:]
    assert set(np.unique(context[0])) == {-1.0, 1.0} and not context[1:].any() and not streams[:3].any()
    target = trials.targets[-1, :, 0]
    attended = np.where(context[0] > 0, streams[3:, :, 0], streams[3:, :, 1])  # (13, B)
    ignored = np.where(context[0] > 0, streams[3:, :, 1], streams[3:, :, 0])
    assert np.mean(attended * target) == pytest.approx(0.5, abs=0.01)
    assert np.std(attended - 0.5 * target) == pytest.approx(0.5, abs=0.01)
    assert np.mean(np.sign(attended.sum(axis=0)) == target) > 0.995  # 13 steps: mean 0.5 ± 0.14
    assert abs(np.mean(np.sign(ignored.sum(axis=0)) * target)) < 4 / np.sqrt(4000)
    assert trials.mask[-1].all() and not trials.mask[:-1].any()


def test_bit_copying():
    trials = BitCopying().data(0, 500).batch(1)
    assert trials.inputs.shape == (12, 500, 2)
    for b in range(500):
        shown = trials.inputs[:3, b, 0]
        assert set(np.abs(shown)) == {1.0} and np.array_equal(trials.targets[9:, b, 0], shown)
    assert trials.inputs[3:9, :, 0].std() == pytest.approx(0.2, abs=0.01) and not trials.inputs[9:, :, 0].any()
    assert (trials.inputs[9:, :, 1] == 1).all() and not trials.inputs[:9, :, 1].any()
    assert trials.mask[9:].all() and not trials.mask[:9].any()


def test_copying_fixed_repeats_one_batch_and_fresh_does_not():
    task = Copying(length=4, width=2, delay=3)
    fresh, fixed = task.data(5, 3), task.replace(variant="fixed").data(5, 3)
    trials = fresh.batch(0)
    assert trials.inputs.shape == (11, 3, 3) and trials.targets.shape == (11, 3, 2)
    assert np.array_equal(trials.targets[7:], trials.inputs[:4, :, :2]) and not trials.inputs[4:, :, :2].any()
    assert np.array_equal(trials.inputs[:, 0, 2], [0] * 7 + [1] * 4) and np.array_equal(
        trials.mask[:, 0], [0] * 7 + [1] * 4
    )
    assert same(fixed.batch(0), fresh.batch(0)) and same(fixed.batch(0), fixed.batch(9))
    assert not same(fresh.batch(0), fresh.batch(9)) and same(fixed.test, fresh.test)


@pytest.mark.parametrize("task", [DelayedXOR(), ContextIntegration(), BitCopying(delay=3), Copying()], ids=repr)
def test_no_trial_is_drawn_twice(task):
    data = task.data(0, 64)
    parts = [data.batch(0), data.batch(1), data.batch(data.batches_per_epoch), data.validation, data.test]
    analogue = task.name != "copying"  # copying holds bits only, 2^10 strings: two parts may share one by chance
    trials = [p.inputs.transpose(1, 0, 2).reshape(p.inputs.shape[1], -1) for p in parts]
    if analogue:
        together = np.concatenate(trials)
        assert len(np.unique(together, axis=0)) == len(together)
    else:
        assert not np.array_equal(trials[0], trials[1]) and not np.array_equal(trials[3], trials[4][: len(trials[3])])


def test_guessing_costs_one_and_epochs_are_rounded_up():
    data = DelayedXOR(trials_per_epoch=100, validation_trials=10, test_trials=20).data(0, 64)
    assert data.batches_per_epoch == 2
    assert data.trivial() == {"guess": {"validation": 1.0, "test": 1.0}}
    assert data.validation.inputs.shape[1] == 10 and data.test.inputs.shape[1] == 20


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_split_by_class_and_shown_once_an_epoch():
    datasets = pytest.importorskip("sklearn.datasets", reason="the digits task takes its images from scikit-learn")
    digits = datasets.load_digits()
    data = SequentialDigits().data(0, 20)

    def images(sequence):
        return {column.tobytes() for column in np.ascontiguousarray(sequence.inputs[:, :, 0].T)}

    epoch = [images(data.batch(k)) for k in range(data.batches_per_epoch)]
    train = set().union(*epoch)
    assert sum(map(len, epoch)) == len(train) == 20 * data.batches_per_epoch  # nobody twice in an epoch
    validation, test = images(data.validation), images(data.test)
    assert not train & validation and not train & test and not validation & test
    assert epoch[0] != images(data.batch(data.batches_per_epoch))  # a new order in the next epoch
    for part, share in ((data.validation, 0.1), (data.test, 0.2)):
        assert np.abs(part.targets[-1].sum(axis=0) - share * np.bincount(digits.target)).max() <= 0.5
    label_of = {(image / 16).tobytes(): label for image, label in zip(digits.data, digits.target, strict=True)}
    shown, last = data.test.inputs[:, :, 0].T, data.test.targets[-1]
    assert all(label_of[np.ascontiguousarray(i).tobytes()] == row.argmax() for i, row in zip(shown, last, strict=True))
    assert data.test.mask[-1].all() and not data.test.mask[:-1].any()
    assert data.trivial()["guess"]["test"] == pytest.approx(math.log(10), abs=1e-3)
    with pytest.raises(ValueError, match=r"batch_size.*at most 1259"):
        SequentialDigits().data(0, 1260)


def test_permuted_digits_are_the_same_pixels_in_one_other_order():
    pytest.importorskip("sklearn", reason="the digits task takes its images from scikit-learn")
    plain, permuted = SequentialDigits().data(2, 5), SequentialDigits(permute=True).data(2, 5)
    one, two = plain.batch(3).inputs[:, :, 0], permuted.batch(3).inputs[:, :, 0]
    assert not np.array_equal(one, two) and np.array_equal(np.sort(one, axis=0), np.sort(two, axis=0))
    # one order for all: images that agree at a place agree wherever that place went
    assert sorted(map(tuple, plain.test.inputs[:, :, 0])) == sorted(map(tuple, permuted.test.inputs[:, :, 0]))


# --- scores, by hand --------------------------------------------------------------------------------------------------


def test_scores_by_hand():
    targets = np.array([1.0, -1.0, 1.0, 3.0]).reshape(4, 1, 1)
    outputs = np.array([0.0, -2.0, 1.0, 9.0]).reshape(4, 1, 1)
    mask = np.array([[True], [True], [True], [False]])
    assert metrics.mse(outputs, targets, mask) == pytest.approx(2 / 3)
    assert metrics.nmse(outputs, targets, mask) == pytest.approx((2 / 3) / (8 / 9))
    assert metrics.sign_accuracy(outputs, targets, mask) == pytest.approx(2 / 3)  # 0 answers nothing
    assert metrics.error_bits(outputs, targets, mask) == 1.0


def test_cross_entropy_by_hand_and_far_out():
    targets = np.eye(3)[[0, 2]].reshape(2, 1, 3)
    outputs = np.log([[0.5, 0.25, 0.25], [0.2, 0.7, 0.1]]).reshape(2, 1, 3) + 7.0  # a common shift changes nothing
    mask = np.ones((2, 1), bool)
    assert metrics.cross_entropy(outputs, targets, mask) == pytest.approx(-(math.log(0.5) + math.log(0.1)) / 2)
    assert metrics.accuracy(outputs, targets, mask) == 0.5
    assert metrics.cross_entropy(np.array([[[0.0, 1e4, 0.0]]]), np.array([[[1.0, 0.0, 0.0]]]), mask[:1]) == 1e4


def test_nothing_scored_is_nan_and_no_warning():
    nothing = np.zeros((3, 2), bool)
    y = np.ones((3, 2, 2))
    scores = [metrics.mse, metrics.nmse, metrics.accuracy, metrics.sign_accuracy]
    assert all(math.isnan(score(y, y, nothing)) for score in scores)
    assert metrics.error_bits(y, y, nothing) == 0.0


@pytest.mark.parametrize("task", [DelayedXOR(), ContextIntegration(), BitCopying()], ids=lambda t: t.name)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_batches_drawn_together_are_those_drawn_alone(task, size, monkeypatch):
    together = task.data(5, size)
    monkeypatch.setattr(trials, "AT_ONCE", 1)
    alone = task.data(5, size)
    for number in (0, 1, 15, 16, 40, 2):
        pair = together.batch(number), alone.batch(number)
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(*pair, strict=True))
        assert all(part.flags.c_contiguous for part in pair[0])


def test_no_other_axis_is_taken_for_the_trials():
    data = DelayedXOR(steps=32).data(5, 2)  # 16 batches of 2: as many trials as steps
    assert data.batch(1).inputs.shape == (32, 2, 2)


def test_a_part_that_is_not_usable_is_refused_where_batches_are_drawn_together():
    def draw(rng, count):
        drawn = trials.blank(2, count, 1)
        drawn.inputs[:] = np.nan
        return drawn

    with pytest.raises(InputError, match="training batches 0 to 15"):
        trials.SignTrials(draw, "broken", 1, 4, (4, 4, 4), together=True).batch(0)
