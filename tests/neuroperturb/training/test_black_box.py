"""A chip in the loop: the rule learns from what is told as it would learn in a simulation, and needs nothing else."""

from __future__ import annotations

import re
import socket
import sys
import textwrap
import threading

import numpy as np
import pytest
from rule_cases import slow_but
from typer.testing import CliRunner

from hardware_models.neurons import Neurons
from neuroperturb import RNN, AskTell, BlackBox, Chip, Experiment, Measurement, Training, load, rules, tasks
from neuroperturb.cli.app import app
from neuroperturb.experiments.toml import dumps
from neuroperturb.network.rnn import LEARNT, initial_weights
from neuroperturb.results.run import differences
from neuroperturb.simulation.simulation import Simulation
from neuroperturb.spec import InputError, SpecError
from neuroperturb.tasks.contract import Sequence
from neuroperturb.training.black_box.doors import SocketDoor
from neuroperturb.training.trainer import Trainer

STEPS, TRIALS, UNITS = 5, 3, 4
TASK = tasks.DelayedXOR(steps=STEPS, cues=(0, 2), trials_per_epoch=6, validation_trials=5, test_trials=5)
NETWORK = RNN(size=UNITS, bias=True, leak=0.7)
TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}


def transcribed(shown, weights=None, activation=np.tanh):
    """A network written down step by step, trial by trial, with its noise and shifts: outputs and states."""
    weights = shown.weights if weights is None else weights
    steps, trials = shown.mask.shape
    outputs, states = np.zeros((shown.passes, *shown.targets.shape)), np.zeros((shown.passes, steps, trials, UNITS))
    for p in range(shown.passes):
        for b in range(trials):
            own = {
                k: w + (shown.shifts[k][p][min(b, len(shown.shifts[k][p]) - 1)] if shown.shifts else 0)
                for k, w in weights.items()
            }
            x = np.zeros(UNITS)
            for t in range(steps):
                x = np.zeros(UNITS) if shown.reset[t] else x
                a = own["W_in"] @ np.append(shown.inputs[t, b], 1.0) + own["W_rec"] @ x
                a = a if shown.noise is None else a + shown.noise[p, t, b]
                x = (1 - NETWORK.leak) * x + NETWORK.leak * activation(a)
                outputs[p, t, b] = own["W_out"] @ x + (0 if shown.noise_out is None else shown.noise_out[p, t, b])
                states[p, t, b] = x
    return outputs, states


def chip(shown, **options):
    outputs, states = transcribed(shown, **options)
    return {"outputs": outputs, "activity": states}


RULES = {
    "np": rules.make("np"),
    "np-trace": rules.make("np-trace"),
    "np-p": rules.make("np-p"),
    "wp-held": rules.make("wp-held"),
    "wp0": rules.make("wp0"),
    "one pass": rules.make("np", baseline=rules.RunningMean(), noise_std=0.1, learning_rate=1e-3),
    "per condition": rules.make("np", baseline=rules.PerCondition(), noise_std=0.1, learning_rate=1e-3),
    "two runs": rules.make("np", baseline=rules.SecondRun()),
    "a code, and clocks": rules.make("np-trace", noise=rules.Walsh(), clock=rules.Clock(hold=2, write=2)),
    "Ornstein-Uhlenbeck": rules.make("np-trace", noise=rules.OrnsteinUhlenbeck(tau=3.0)),
    "telegraph noise": rules.make("np", noise=rules.Telegraph(up=2.0, down=3.0)),
}


def asked(rule, **options):
    common = {"n_in": 2, "n_out": 1, "steps": STEPS, "batch": TRIALS, "total_steps": 100, "seed": 3}
    return AskTell(rule, NETWORK, **{**common, **options})


@pytest.mark.parametrize("name", slow_but(["np-trace"], RULES))
def test_every_rule_learns_what_it_learns_in_a_simulation(name):
    rule, data = RULES[name], TASK.data(1, TRIALS)
    simulation = Simulation(
        NETWORK, rule, initial_weights(NETWORK, 2, 1, 3), schedule="episode", batch=TRIALS, steps=STEPS, total_steps=100,
        dtype="float64", seed=3,
    )  # fmt: skip
    box = asked(rule)
    start = box.weights
    for number in range(4):
        simulation.run.counters.sequence[0] = number
        assert simulation.present_all(data.batch(number))
        box.tell(chip(box.ask(data.batch(number))))
    for matrix in LEARNT:
        np.testing.assert_allclose(box.weights[matrix], getattr(simulation.weights(), matrix), **TOLERANCE)
        assert not np.array_equal(box.weights[matrix], start[matrix])


@pytest.mark.parametrize("name", slow_but(["np"], ["np", "np-trace", "np-p", "one pass"]))
def test_step_by_step_too(name):
    """The online schedule asks for one step at a time: the chip keeps its state, and its weights change under it."""
    rule, data = RULES[name], TASK.data(1, TRIALS)
    simulation = Simulation(
        NETWORK,
        rule,
        initial_weights(NETWORK, 2, 1, 3),
        schedule="online",
        batch=TRIALS,
        total_steps=100,
        dtype="float64",
        seed=3,
    )
    box, state = asked(rule, schedule="online"), None
    for number in range(2):
        sequence = data.batch(number)._replace(mask=np.ones((STEPS, TRIALS), bool))
        assert simulation.present_all(sequence)
        for t in range(STEPS):
            step = Sequence(*(part[t : t + 1] for part in sequence[:4]))
            shown = box.ask(step, number)
            state = np.zeros((shown.passes, TRIALS, UNITS)) if shown.reset[0] or state is None else state
            w = shown.weights
            drive = (
                np.concatenate([shown.inputs[0], np.ones((TRIALS, 1))], axis=1) @ w["W_in"].T
                + state @ w["W_rec"].T
                + shown.noise[:, 0]
            )
            state = (1 - NETWORK.leak) * state + NETWORK.leak * np.tanh(drive)
            outputs = state @ w["W_out"].T + shown.noise_out[:, 0]
            box.tell({"outputs": outputs[:, None], "activity": state[:, None]})
    for matrix in LEARNT:
        np.testing.assert_allclose(box.weights[matrix], getattr(simulation.weights(), matrix), rtol=1e-7, atol=1e-10)


def test_an_update_by_hand():
    """Node perturbation, clean twin, one step: Δw = −η (L̃ − L) σξ x / σ², averaged over trials."""
    rule = rules.make("np", noise_std=0.1, learning_rate=0.5)
    box = asked(rule, steps=1)
    one = Sequence(np.ones((1, TRIALS, 2)), np.zeros((1, TRIALS, 1)), np.ones((1, TRIALS)), [True])
    shown = box.ask(one)
    loss, states = np.array([[1.0, 2.0, 3.0], [1.5, 2.0, 2.0]]), np.full((2, 1, TRIALS, UNITS), 0.25)
    update = box.tell(Measurement(loss=loss, activity=states))
    noise, difference = shown.noise_out[1, 0, :, 0], loss[1] - loss[0]
    wanted = -0.5 * np.mean(difference * noise / 0.1**2) * 0.25
    np.testing.assert_allclose(update.change["W_out"], wanted, rtol=1e-9)
    np.testing.assert_allclose(update.change["W_rec"], 0, atol=1e-15)  # no state came before
    assert update.loss == 2.0
    assert not shown.noise[0].any()


def test_the_loss_is_what_counts_and_not_what_it_was_computed_from():
    """One number a trial and pass, at the last scored step, is the task's loss told whole."""
    data, by_outputs, by_loss = TASK.data(1, TRIALS), asked(RULES["np-trace"]), asked(RULES["np-trace"])
    for number in range(3):
        batch = data.batch(number)
        told = chip(by_outputs.ask(batch))
        by_outputs.tell(told)
        shown = by_loss.ask(batch)
        loss = ((chip(shown)["outputs"] - shown.targets) ** 2).mean(axis=3)[:, -1]
        by_loss.tell(Measurement(loss=loss, activity=told["activity"]))
    for matrix in LEARNT:
        np.testing.assert_allclose(by_loss.weights[matrix], by_outputs.weights[matrix], **TOLERANCE)


def test_changes_add_up_to_the_weights():
    box = asked(RULES["np-trace"], keeps_weights=True)
    data, kept = TASK.data(1, TRIALS), None
    for number in range(3):
        shown = box.ask(data.batch(number))
        assert (shown.weights is None) == (number > 0)
        kept = shown.weights if number == 0 else {name: kept[name] + shown.change[name] for name in LEARNT}
        box.tell(chip(shown, weights=kept))
    last = box.ask(data.batch(3)).change
    for matrix in LEARNT:
        np.testing.assert_allclose(kept[matrix] + last[matrix], box.weights[matrix], **TOLERANCE)


# ----------------------------------------------------------------------------------------------------------------------
# A run


def experiment(**changes):
    training = Training(schedule="episode", batch_size=TRIALS, epochs=2, seed=3, dtype="float64")
    return Experiment(**{"network": NETWORK, "task": TASK, "rule": RULES["np-trace"], "training": training, **changes})


def trained(trainer):
    for _ in trainer:
        pass
    return trainer.run()


def test_a_run_is_the_run_of_a_simulation_and_its_record_is_whole(tmp_path):
    box = BlackBox(experiment(), chip)
    run, simulated = trained(box), trained(Trainer(experiment()))
    for matrix in LEARNT:
        np.testing.assert_allclose(run.weights[matrix], simulated.weights[matrix], **TOLERANCE)
    np.testing.assert_allclose(run.history["validation_loss"], simulated.history["validation_loss"], rtol=1e-8)
    # of a pair the simulation has the loss of the mean output, and a chip the mean of two losses
    np.testing.assert_allclose(run.history["train_loss"], simulated.history["train_loss"], rtol=1e-2)
    again = load(run.save(tmp_path / "r.nc"))
    assert again.ledger["black box"] == {"door": "function chip", "keeps_weights": False}
    assert differences(run, again) == []
    assert "chip      in the loop, function chip" in again.report()


def test_a_chip_of_hidden_mismatch_is_learnt_as_by_a_simulator_that_knows_it():
    """20 % of gain, slope and offset, which the rule is not told: the run of the simulation that has them."""
    neurons = Neurons(gain_std=0.2, slope_std=0.2, offset_std=0.2)
    drawn = neurons.state(UNITS, seed=11, dtype=np.float64)
    gain, slope, offset = (np.array(part[:UNITS]) for part in (drawn.gain, drawn.slope, drawn.offset))
    run = trained(
        BlackBox(experiment(), lambda shown: chip(shown, activation=lambda a: np.tanh(slope * gain * a) - offset))
    )
    known = trained(Trainer(experiment(hardware=Chip(neurons=neurons, seed=11))))
    nominal = trained(Trainer(experiment()))
    for matrix in LEARNT:
        np.testing.assert_allclose(run.weights[matrix], known.weights[matrix], rtol=1e-7, atol=1e-10)
        assert not np.allclose(run.weights[matrix], nominal.weights[matrix], rtol=1e-4)


def test_it_learns_on_a_chip_of_another_kind():
    """Nothing here knows the activation: with another one the updates are those of another chip, and the loss falls."""
    longer = experiment(training=experiment().training.replace(epochs=15), task=TASK.replace(trials_per_epoch=12))
    box = BlackBox(longer, lambda shown: chip(shown, activation=lambda a: np.clip(a, -0.5, 1.0)))
    run = trained(box)
    assert run.history["validation_loss"].iloc[-1] < run.history["validation_loss"].iloc[0]


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path):
    whole = trained(BlackBox(experiment(), chip))
    first = BlackBox(experiment(), chip)
    first.advance()
    stopped = load(first.run().save(tmp_path / "r.nc"))
    resumed = trained(BlackBox(experiment(), chip, resume=stopped))
    for matrix in LEARNT:
        np.testing.assert_array_equal(resumed.weights[matrix], whole.weights[matrix])


def test_a_chip_that_tells_losses_alone_is_scored_by_them():
    def told(shown):
        outputs, states = transcribed(shown)
        return Measurement(loss=((outputs - shown.targets) ** 2).mean(axis=3), activity=states)

    run, other = trained(BlackBox(experiment(), told)), trained(BlackBox(experiment(), chip))
    np.testing.assert_allclose(run.history["validation_loss"], other.history["validation_loss"], rtol=1e-9)


def test_a_loss_that_is_not_finite_ends_the_run():
    run = trained(BlackBox(experiment(), lambda shown: {**chip(shown), "loss": np.full((shown.passes, TRIALS), np.nan)}
                           if shown.kind == "learn" else chip(shown)))  # fmt: skip
    assert (run.status, run.diverged_step) == ("diverged", STEPS - 1)


# ----------------------------------------------------------------------------------------------------------------------
# Doors

PROGRAM = """
import json, sys
import numpy as np

for line in sys.stdin:
    shown = json.loads(line)
    if {die} and shown["kind"] == "evaluate":
        sys.exit(3)
    w = {{name: np.array(value) for name, value in shown["weights"].items()}}
    inputs, reset = np.array(shown["inputs"]), shown["reset"]
    noise, noise_out = (np.array(shown[name]) if name in shown else np.zeros(1) for name in ("noise", "noise_out"))
    passes = len(noise)
    steps, trials = inputs.shape[:2]
    x, states, outputs = np.zeros((passes, trials, {units})), [], []
    for t in range(steps):
        x = 0 * x if reset[t] else x
        drive = np.concatenate([inputs[t], np.ones((trials, 1))], axis=1) @ w["W_in"].T + x @ w["W_rec"].T
        x = (1 - {leak}) * x + {leak} * np.tanh(drive + (noise[:, t] if "noise" in shown else 0))
        states.append(x)
        outputs.append(x @ w["W_out"].T + (noise_out[:, t] if "noise_out" in shown else 0))
    told = {{"outputs": np.swapaxes(outputs, 0, 1).tolist(), "activity": np.swapaxes(states, 0, 1).tolist()}}
    print({answer}, flush=True)
"""


def program(tmp_path, answer="json.dumps(told)", die=False):
    path = tmp_path / "chip.py"
    path.write_text(textwrap.dedent(PROGRAM).format(units=UNITS, leak=NETWORK.leak, answer=answer, die=die))
    return [sys.executable, str(path)]


def test_a_program_that_speaks_lines(tmp_path):
    box = BlackBox(experiment(), program(tmp_path))
    run, other = trained(box), trained(BlackBox(experiment(), chip))
    box.close()
    for matrix in LEARNT:
        np.testing.assert_allclose(run.weights[matrix], other.weights[matrix], **TOLERANCE)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("'what?'", "answered what is not a line of JSON: 'what"),
        ("json.dumps({'error': 'the supply is off'})", "reports: the supply is off"),
        ("json.dumps({'activity': told['activity']})", "'loss' parameter of a measurement is missing"),
        (
            "json.dumps({'loss': [[0.1]], 'activity': told['activity']})",
            "'loss' parameter of a measurement must have the shape",
        ),
        ("json.dumps({'outputs': told['outputs']})", "'activity' parameter of a measurement is missing"),
        ("json.dumps({**told, 'activity': [1, 2]})", "'activity' parameter of a measurement must have the shape"),
        ("json.dumps({**told, 'volts': 3})", "'volts' parameter of a measurement is unknown"),
        ("json.dumps({**told, 'loss': 'low'})", "'loss' parameter of a measurement must be"),
    ],
)
def test_what_a_program_should_not_say(tmp_path, answer, message):
    box = BlackBox(experiment(), program(tmp_path, answer))
    with pytest.raises(InputError, match=re.escape(message)) as error:
        trained(box)
    assert "\n" not in str(error.value)
    box.close()


def test_a_program_that_ends_says_how(tmp_path):
    box = BlackBox(experiment(), program(tmp_path, die=True))
    with pytest.raises(InputError, match="has ended with the exit code 3"):
        trained(box)
    box.close()
    with pytest.raises(InputError, match="cannot be started"):
        BlackBox(experiment(), ["/no/such/program"])


def test_a_socket_on_this_machine():
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def serve():
        import json
        from types import SimpleNamespace

        connection, _ = server.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as file:
            for line in file:
                table = json.loads(line)
                fields = {k: np.array(v) if isinstance(v, list) else v for k, v in table.items()}
                weights = {k: np.array(v) for k, v in table["weights"].items()}
                shown = SimpleNamespace(**{"noise": None, "noise_out": None, **fields, "weights": weights})
                shown.passes = 1 if shown.noise is None else len(shown.noise)
                outputs, states = transcribed(shown)
                file.write(json.dumps({"outputs": outputs.tolist(), "activity": states.tolist()}) + "\n")
                file.flush()

    threading.Thread(target=serve, daemon=True).start()
    box = BlackBox(experiment(), f"127.0.0.1:{port}")
    run, other = trained(box), trained(BlackBox(experiment(), chip))
    box.close()
    server.close()
    for matrix in LEARNT:
        np.testing.assert_allclose(run.weights[matrix], other.weights[matrix], **TOLERANCE)


def test_what_a_socket_refuses():
    with pytest.raises(SpecError, match="'host' parameter of SocketDoor must be of this machine"):
        SocketDoor(80, "192.0.2.1")
    with pytest.raises(SpecError, match="'address' parameter of SocketDoor must be host:port"):
        BlackBox(experiment(), "nowhere")
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    with pytest.raises(InputError, match="cannot be reached"):
        SocketDoor(port)


def test_one_that_does_not_answer_is_given_up():
    server = socket.create_server(("127.0.0.1", 0))
    box = BlackBox(experiment(), SocketDoor(server.getsockname()[1], patience=0.2))
    with pytest.raises(InputError, match=r"has not answered for 0\.2 s"):
        trained(box)
    box.close()
    server.close()


# ----------------------------------------------------------------------------------------------------------------------
# What does not fit

FIT = {
    "anp": ({"rule": rules.make("anp")}, "'rule.probe' parameter must be 'injected', or 'weights' with a hold"),
    "wp": ({"rule": rules.make("wp")}, "'rule.probe' parameter must be 'injected', or 'weights' with a hold"),
    "hardware": ({"hardware": "ecram"}, "'hardware' parameter of BlackBox must be left out: the chip is the hardware"),
    "decorrelation": ({"decorrelation": {"rate": 1e-3}}, "'decorrelation' parameter of BlackBox must be left out"),
    "spiking": ({"spiking": {}}, "'spiking' parameter of BlackBox must be left out"),
    "bptt": (
        {"rule": {"name": "bptt"}},
        "'rule' parameter of BlackBox must be a perturbation rule: a gradient needs a model",
    ),
}


@pytest.mark.parametrize("case", FIT)
def test_what_a_chip_has_no_use_for(case):
    changes, message = FIT[case]
    table = {**experiment().table(), **{k: v.table() if hasattr(v, "table") else v for k, v in changes.items()}}
    with pytest.raises(SpecError, match=message):
        BlackBox(Experiment.parse(table), chip)


def test_asking_and_telling_take_turns():
    box, batch = asked(RULES["np"]), TASK.data(1, TRIALS).batch(0)
    with pytest.raises(InputError, match="told something before it was asked"):
        box.tell([[0.0] * TRIALS] * 2)
    box.ask(batch)
    with pytest.raises(InputError, match="asked twice"):
        box.ask(batch)
    with pytest.raises(SpecError, match="'sequence' parameter of ask must have at most 5 steps of 3 trials"):
        asked(RULES["np"]).ask(TASK.data(1, 4).batch(0))


def test_there_is_one_chip():
    import copy

    with pytest.raises(InputError, match="cannot be copied"):
        copy.deepcopy(BlackBox(experiment(), chip))


def test_its_record_says_that_the_chip_is_elsewhere(tmp_path):
    run = load(trained(BlackBox(experiment(), chip)).save(tmp_path / "r.nc"))
    for use in (lambda: run.predict(np.zeros((3, 2))), lambda: Trainer(run.experiment, resume=run)):
        with pytest.raises(InputError, match=r"with a chip in the loop, function chip.*neuroperturb\.BlackBox"):
            use()


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text(dumps(experiment()))
    command = " ".join(program(tmp_path))
    result = CliRunner().invoke(app, ["run", "r.toml", "--chip", command, "--quiet", "--out", "r.nc"])
    assert result.exit_code == 0, result.output
    run, other = load("r.nc"), trained(BlackBox(experiment(), chip))
    for matrix in LEARNT:
        np.testing.assert_allclose(run.weights[matrix], other.weights[matrix], **TOLERANCE)
    for arguments, message in (
        (["r.toml", "--chip", command, "--baselines"], "'--baselines' option must be left out with a '--chip'"),
        (["r.toml", "--chip", "'"], "'--chip' option must be a command or host:port"),
        (["r.toml", "--chip", "127.0.0.1:1"], "cannot be reached"),
        (["r.nc"], "made with a chip in the loop"),
    ):
        result = CliRunner().invoke(app, ["run", *arguments])
        assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.output
