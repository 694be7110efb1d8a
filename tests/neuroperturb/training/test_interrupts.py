"""Ctrl-C at any moment: weights, position and rows of the record fit together, and going on gives the uninterrupted run, bit for bit."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from neuroperturb import RNN, Experiment, Training, experiment, tasks, train
from neuroperturb.baselines import Bptt
from neuroperturb.results.run import differences
from neuroperturb.simulation.observation import Observation
from neuroperturb.training.whole import Camera, Guard, whole

TASK = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
BPTT = Experiment(network=RNN(size=3), task=TASK, rule=Bptt(), training=Training(epochs=3, batch_size=4, seed=3))

CHILD = """
import os, random, signal, sys, threading, time
from neuroperturb import RNN, Experiment, Training, experiment, rules, tasks
from neuroperturb.results.run import differences

signal.signal(signal.SIGINT, signal.default_int_handler)
task = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
one = Experiment(network=RNN(size=3), task=task, rule=rules.make("np-trace"), training=Training(epochs=3, batch_size=4))

times = int(sys.argv[1])


def to_the_end(trainer):
    for _ in trainer:
        pass
    return trainer.run()


def same(run):
    changed = [key for key in differences(full, run) if "seconds" not in key]
    assert run.status == "finished" and changed == [], changed


full = to_the_end(experiment(one))
began = time.perf_counter()
same(to_the_end(experiment(one)))
takes = time.perf_counter() - began
"""

SIGNALS = """
chance, done, records = random.Random(5), 0, 0
for _ in range(200):  # until enough of them came while it trained, however busy the machine is
    if min(done, records) == times:
        break
    trainer = experiment(one)
    timer = threading.Timer(chance.random() * takes, os.kill, (os.getpid(), signal.SIGINT))
    rows = record = None
    try:
        try:
            timer.start()
            for step in trainer:
                rows = len(trainer._history.rows)
        finally:
            timer.cancel()
            timer.join()
    except KeyboardInterrupt:
        done += 1
        record = trainer.run()
        assert len(record.history) >= (rows or 0)
    same(to_the_end(trainer))  # the same object goes on
    if record is not None and record.status == "interrupted":
        records += 1
        same(to_the_end(experiment(one, resume=record)))  # and so does its record
assert min(done, records) == times, (done, records)
"""

LINES = """
class AtLine:
    def __init__(self, stop): self.left = stop
    def __call__(self, frame, event, arg):
        inside = "neuroperturb" in frame.f_code.co_filename
        if inside and event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self if inside else None


count = AtLine(0)
sys.settrace(count)
to_the_end(experiment(one))
sys.settrace(None)
lines, chance = -count.left, random.Random(7)
for _ in range(4 * times):
    trainer = experiment(one)
    trainer.score(trainer.dataset.validation)
    sys.settrace(AtLine(chance.randrange(1, lines)))
    try:
        to_the_end(trainer)
    except KeyboardInterrupt:
        pass
    sys.settrace(None)
    record = trainer.run()
    same(record if record.status == "finished" else to_the_end(experiment(one, resume=record)))
"""


@pytest.mark.parametrize("times", [2, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize("moments", [SIGNALS, LINES], ids=["signals", "lines"])
def test_a_run_interrupted_anywhere_goes_on_to_the_same_bits(moments, times):
    child = CHILD + moments
    ended = subprocess.run(
        [sys.executable, "-c", child, str(times)],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_an_observation_that_an_interrupt_left_puts_nothing_back_later():
    counter = np.zeros(1, np.int64)
    observing = Observation({}, lambda: [("W.reads", counter)], lambda: None, None)
    with observing():
        counter[0] = 5
    assert counter[0] == 0
    left = observing()
    left.__enter__()
    counter[0] = 7  # the run was put back, and went on
    del left
    gc.collect()
    assert counter[0] == 7


def finished(trainer):
    for _ in trainer:
        pass
    return trainer.run()


def interrupted_after(owner, name, monkeypatch):
    """The method raises KeyboardInterrupt once, when its work is done."""
    real = getattr(owner, name)

    def during(*arguments, **options):
        monkeypatch.setattr(owner, name, real)
        real(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, during)


@pytest.mark.parametrize("name", ["present", "evaluate", "weights", "row"])
def test_no_row_is_lost_wherever_the_end_of_an_epoch_is_interrupted(name, monkeypatch):
    full, trainer = finished(experiment(BPTT)), experiment(BPTT)
    for _ in range(3):
        trainer.advance()
    assert len(trainer.run().history) == 1
    interrupted_after(trainer.learner, name, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trainer.advance()
    record = trainer.run()
    assert record.status == "interrupted" and record.history.epoch.tolist() == [1]
    for again in (experiment(BPTT, resume=record), trainer):
        run = finished(again)
        assert run.history.epoch.tolist() == [1, 2, 3]
        assert [key for key in differences(full, run) if "seconds" not in key] == []


def test_an_error_of_the_tasks_own_tears_nothing(monkeypatch):
    full, trainer = finished(experiment(BPTT)), experiment(BPTT)

    def fails(number):
        raise OSError("the disk is asleep")

    asleep = SimpleNamespace(batch=fails, batches_per_epoch=trainer.dataset.batches_per_epoch)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="asleep"):
        patch.setattr(trainer._loop.sequences, "dataset", asleep)
        trainer.advance()
    assert [key for key in differences(full, finished(trainer)) if "seconds" not in key] == []


def test_a_record_is_whole_while_another_thread_trains():
    full, trainer = finished(experiment(BPTT)), experiment(BPTT)
    thread = threading.Thread(target=finished, args=(trainer,))
    thread.start()
    records = [trainer.run() for _ in range(20)]
    thread.join()
    for record in (*records[::7], trainer.run()):
        run = record if record.status == "finished" else finished(experiment(BPTT, resume=record))
        assert [key for key in differences(full, run) if "seconds" not in key] == []


def test_train_gives_what_there_is():
    def stop(progress):
        if progress.epoch == 2:
            raise KeyboardInterrupt

    run = train(BPTT.network, TASK, BPTT.rule, training=BPTT.training, progress=stop)
    assert run.status == "interrupted" and len(run.history) >= 1


class Pair:
    """Two numbers that belong together, and what may be raised between them."""

    def __init__(self):
        self.pair, self._guard = [0, 0], Guard()

    @whole
    def move(self, error=None):
        self.pair[0] += 1
        if error is not None:
            raise error
        self.pair[1] += 1
        return tuple(self.pair)

    def _snapshot(self):
        return list(self.pair)

    def _put_back(self, pair):
        self.pair = list(pair)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
def test_what_was_begun_and_not_ended_is_undone(error):
    pair = Pair()
    assert pair.move() == (1, 1)
    with pytest.raises(error):
        pair.move(error())
    assert pair.pair == [2, 1]  # torn
    done = pair.move()
    assert done[0] == done[1] >= 1


def test_a_guard_is_copied_with_what_it_guards():
    pair = Pair()
    pair.move()
    with pytest.raises(KeyboardInterrupt):
        pair.move(KeyboardInterrupt())
    for other in (copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))):
        done = other.move()
        assert done[0] == done[1]
    assert pair.pair == [2, 1]


NOTEBOOK = """
from neuroperturb import RNN, Experiment, Training, experiment, rules, tasks
task = tasks.DelayedXOR(steps=5, cues=(0, 2), trials_per_epoch=8, validation_trials=4, test_trials=4)
one = Experiment(network=RNN(size=3), task=task, rule=rules.make("np-trace"), training=Training(epochs=20, batch_size=4))
trainer = experiment(one)
print("ready")
"""


def test_the_stop_button_of_a_notebook(monkeypatch):
    pytest.importorskip("ipykernel")
    manager = pytest.importorskip("jupyter_client.manager")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    kernel, client = manager.start_new_kernel(kernel_name="python3")

    def ask(code, interrupt_at=None):
        said, number = [], client.execute(code)
        while True:
            message = client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != number:
                continue
            if message["msg_type"] == "execute_input" and interrupt_at is not None:  # it begins
                time.sleep(interrupt_at)
                kernel.interrupt_kernel()
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            if message["msg_type"] == "error":
                said.append(message["content"]["ename"])
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return "".join(said)

    try:
        assert "ready" in ask(NOTEBOOK)
        stops = [ask("for _ in trainer: pass", at) for at in (0.05, 0.11, 0.18, 0.31)]
        assert "KeyboardInterrupt" in stops
        ask("record = trainer.run()\nfor _ in trainer: pass")
        ask("def end(t):\n    for _ in t: pass\n    return t.run()\nfull = end(experiment(one))")
        ask("from neuroperturb.results.run import differences")
        ask("again = end(experiment(one, resume=record)) if record.status == 'interrupted' else record")
        told = "print([k for r in (trainer.run(), again) for k in differences(full, r) if 'seconds' not in k], len(full.history))"
        assert ask(told).strip() == "[] 20"
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def test_a_picture_has_the_arrays_of_its_moment():
    wide = np.arange(12.0).reshape(3, 4)
    state = {
        "one": np.array([1], np.int8),
        "number": np.array(2.5),
        "none": np.zeros((0, 3)),
        "rows": np.arange(6.0).reshape(2, 3),
    }
    for strided in (False, True):
        held = state | {"part": wide[:, 1]} if strided else state
        camera = Camera()
        first = camera.take(held)
        held["rows"][0, 0] += 7
        wide[:] += 1
        second = pickle.loads(pickle.dumps(camera.take(held)))
        for picture, moved in ((first, 7), (second, 0)):
            found = picture.arrays()
            assert {n: (a.shape, a.dtype) for n, a in found.items()} == {n: (a.shape, a.dtype) for n, a in held.items()}
            assert found["rows"][0, 0] == held["rows"][0, 0] - moved and found["number"] == 2.5
            assert all(a.flags.aligned and a.flags.writeable for a in found.values())
            if strided:
                assert (found["part"] == wide[:, 1] - (moved > 0)).all()
