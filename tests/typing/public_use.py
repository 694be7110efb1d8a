"""The public face, used as the README uses it: read by a type checker (`pyright`), never run.

The lines under *wrong uses* must be wrong to the checker: where one is not, its comment is unnecessary, and that is an error, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import hardware_models as hw
from neuroperturb import (
    RNN,
    AskTell,
    BlackBox,
    Chip,
    Experiment,
    Measurement,
    Presentation,
    Run,
    Trainer,
    Training,
    advise,
    age,
    align,
    audit,
    baselines,
    check_loss,
    check_rule,
    check_task,
    deploy,
    evidence,
    experiment,
    load,
    rules,
    run_fixed_point,
    tasks,
    train,
)

# ten lines

network: RNN = RNN(size=20, gain=1.1, bias=True)
task: tasks.Task = tasks.DelayedXOR(trials_per_epoch=1280)
rule: rules.PerturbationRule = rules.make("np-trace", schedule="episode")
training: Training = Training(epochs=40, seed=1)
run: Run = train(network, task, rule, training=training)
axes = run.plot()
axes.set_title("delayed XOR")
path: Path = run.save("xor.nc")
again: Run = load(path)
words: str = again.report() + again.answer()
weights: np.ndarray = again.weights["W_rec"]
losses: pd.DataFrame = again.history

advice: str = str(advise("ecram", rule="np-trace"))
known: pd.DataFrame = evidence()

trainer: Trainer = experiment("my.toml")
for step in trainer:
    now: tuple[int, float] = (step.epoch, step.loss)
kept: Run = trainer.run()
written: Experiment = kept.experiment
same: Trainer = experiment(written, resume=kept)
exact: Run = train(network, task, baselines.Bptt(), training=training, progress=lambda now: print(now.loss))

# on hardware

chip: Chip = Chip(cells=hw.Digital(bits=4), reading=hw.Reading(output_noise_std=0.05), writing=hw.MixedPrecision())
on_chip: Run = train(network, task, rule, training=training, hardware=chip.replace(seed=3))
fresh: pd.DataFrame = deploy(on_chip, seeds=range(5))
older: pd.DataFrame = age(
    on_chip, [3600.0, 86400.0], hardware=Chip(cells=hw.Ideal(), time=hw.Ageing(drift=hw.Drift(nu=0.05)))
)

array: hw.SynapseArray = hw.PRESETS["pcm-like"].array((64, 128), seed=1)
array.program([[0.5, -0.5], [0.25, 0.0]])
array.calibrate()
array.age(365 * 86400.0)
array.compensate()
y: np.ndarray = array.matvec(np.ones(128))
ledger: hw.Ledger = array.ledger()

cells: hw.SoftBounds = hw.SoftBounds(dw_min=0.01)
hw.check_device(cells)
reading: hw.Reading = hw.Reading(adc=hw.Converter(bits=9, bound=12.0), weight_noise=hw.ConstantReadNoise(std=0.01))
time: hw.Ageing = hw.Ageing(drift=hw.Drift(nu=0.05), faults=hw.Faults(stuck_low=0.01))
pair: hw.SynapseArray = hw.SynapseArray(
    (2, 3), cells, weight=hw.DifferentialPair(), reading=reading, time=time, programming=hw.WriteVerify(), dtype="float64", track=True
)  # fmt: skip
pair.update(post=np.ones((1, 2)), pre=[[1.0, 0.0, 2.0]], reward=[0.5])
pair.pulse(+10)
pair.pulse(np.ones((2, 3), int))
stored: np.ndarray = pair.read()
back: np.ndarray = pair.rmatvec([1.0, 0.0])
through_wires: np.ndarray = hw.fast_read(stored, [1.0, 0.0], hw.Wires(word_resistance=1.0, bit_resistance=1.0))

# a rule of one's own


class Leaky(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace


check_rule(Leaky())
own: rules.PerturbationRule = rules.own(Leaky(decay=0.8), noise_std=0.05, clock=rules.Clock(hold=2))
verdict: str = audit(own).verdict
table: pd.DataFrame = align([own, "np-trace"], over="noise_std", values=[0.01, 0.1]).frame
integers = run_fixed_point(Leaky(), np.ones((5, 3)), np.ones((5, 2)), np.ones(5), np.zeros((3, 2)))

# one's own trials, task, loss and chip


class Parity(tasks.TrialTask):
    steps: int = 6

    def draw(self, rng: np.random.Generator, trials: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.choice([-1.0, 1.0], (self.steps, trials, 1))
        return x, -np.prod(-x, axis=0)


check_task(Parity(steps=4))
held: tasks.Arrays = tasks.Arrays(train=(np.ones((9, 4, 1)), np.ones(9)), layout="trial, time, feature")
kept_trials: tasks.Arrays = held.save("trials.npz")
outputs: np.ndarray = run.predict([[1.0, 0.0]])
present: np.ndarray = trainer.predict([[1.0, 0.0]])


class Absolute(NamedTuple):
    @staticmethod
    def loss(params, output, target):
        return abs(output - target)


check_loss(Absolute())
blunt: Run = train(network, held, rule, training=training, loss=Absolute())


def board(shown: Presentation) -> Measurement:
    return Measurement(loss=np.zeros((shown.passes, len(shown.mask[0]))), activity=np.zeros((1, 1, 1, 1)))


box: BlackBox = BlackBox(written, board, keeps_weights=True)
in_the_loop: Run = box.run()
BlackBox(written, ["python", "my_chip.py"]).close()
asked: AskTell = AskTell(own, network, n_in=1, n_out=1, steps=4, batch=2)
change: dict[str, np.ndarray] = asked.tell(Measurement(loss=[[0.1, 0.2]])).change

# wrong uses

hw.SynapseArray((2, 3), cell=hw.Reading())  # pyright: ignore[reportArgumentType]
train(network, rule, task)  # pyright: ignore[reportArgumentType]
deploy(on_chip, seeds=3)  # pyright: ignore[reportArgumentType]
array.matvec()  # pyright: ignore[reportCallIssue]
rules.make("np", schedule="offline")  # pyright: ignore[reportArgumentType]
hw.Hardware(cells=hw.Reading())  # pyright: ignore[reportArgumentType]
hw.Hardware(reading=hw.Digital())  # pyright: ignore[reportArgumentType]
