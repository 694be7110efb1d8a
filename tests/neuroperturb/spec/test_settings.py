"""Settings as Python gives them: NumPy's numbers are numbers, and what cannot compute or fit is refused before it is tried."""

import numpy as np
import pytest

import hardware_models as hw
from neuroperturb import RNN, Training
from neuroperturb.baselines import EchoState, Ridge
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.rnn import initial_weights
from neuroperturb.rules import make
from neuroperturb.spec import InputError, SpecError, available, require_memory
from neuroperturb.spec.memory import required_bytes
from neuroperturb.tasks import BitCopying, ContextIntegration, Copying, DelayedXOR, MackeyGlass

INTEGERS = [np.int8, np.uint8, np.int32, np.int64, np.uint64, np.array]


@pytest.mark.parametrize("kind", INTEGERS, ids=lambda k: k.__name__)
def test_an_integer_of_numpy_is_an_integer(kind):
    made = RNN(size=kind(20))
    assert made == RNN(size=20) and type(made.size) is int
    assert made.table() == RNN(size=20).table()
    assert type(RNN().replace(size=kind(7)).size) is int and RNN.parse({"size": kind(20)}) == made


@pytest.mark.parametrize(
    "kind", [np.float16, np.float32, np.float64, np.longdouble, np.array], ids=lambda k: k.__name__
)
def test_a_number_of_numpy_is_that_number(kind):
    made = RNN(leak=kind(0.1), gain=kind(2))
    assert (type(made.leak), made.leak, made.gain) == (float, float(kind(0.1)), 2.0)


def test_booleans_strings_and_arrays_of_numpy():
    assert RNN(bias=np.bool_(True)).bias is True and RNN(bias=np.array(False)).bias is False
    assert Training(dtype=np.str_("float64"), frozen=np.array(["W_in", "W_out"])).frozen == ("W_in", "W_out")
    assert DelayedXOR(steps=20, cues=np.array([0, 8])) == DelayedXOR(steps=20, cues=(0, 8))
    assert Ridge(strengths=np.logspace(-3, 0, 4)).strengths == pytest.approx((1e-3, 1e-2, 0.1, 1.0))
    assert DelayedXOR(steps=20, cues=[np.int64(0), np.int32(8)]).cues == (0, 8)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": np.float64(20.0)}, "must be an integer"),
        ({"size": np.bool_(True)}, "must be an integer"),
        ({"size": np.array([20, 30])}, "'size' parameter of RNN must be an integer"),
        ({"bias": np.int64(1)}, "must be true or false"),
        ({"leak": np.complex128(1)}, "must be a number"),
        ({"leak": np.float32("nan")}, "finite number"),
        ({"gain": np.datetime64("2020")}, "must be a number"),
    ],
)
def test_what_a_number_of_numpy_cannot_be(change, sentence):
    with pytest.raises(SpecError, match=sentence) as raised:
        RNN(**change)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make_it", "name"),
    [
        (lambda: Training(resynchronise=2**70), "resynchronise"),
        (lambda: Training(epochs=2**63), "epochs"),
        (lambda: RNN(size=10**30), "size"),
        (lambda: RNN(gain=1e308), "gain"),
        (lambda: RNN(gain=10**300), "gain"),
        (lambda: make("np", noise_std=1e308), "noise_std"),
        (lambda: Ridge(strengths=[1.0, 1e30]), "strengths"),
        (lambda: DelayedXOR(steps=2**64, cues=(0, 2**63)), "steps"),
    ],
)
def test_a_number_that_no_run_can_hold_is_refused(make_it, name):
    with pytest.raises(SpecError, match=f"'{name}' parameter of .* must be at most .* in magnitude"):
        make_it()


HUGE = 10**12
TASKS = [
    (DelayedXOR(steps=HUGE), 1),
    (DelayedXOR(validation_trials=HUGE), 1),
    (Copying(delay=HUGE), 1),
    (Copying(width=HUGE), 1),
    (Copying(test_trials=HUGE), 1),
    (BitCopying(bits=HUGE), 1),
    (ContextIntegration(steps=HUGE), 1),
    (MackeyGlass(steps=HUGE), 1),
    (MackeyGlass(dropped=HUGE), 1),
    (MackeyGlass(), HUGE),
]


@pytest.mark.parametrize(("task", "batch"), TASKS, ids=repr)
def test_data_that_cannot_fit_are_refused_before_they_are_made(task, batch):
    with pytest.raises(InputError, match=r"There is not enough memory: Unable to allocate .*B for .*, with .*B free"):
        task.data(0, batch)


def test_a_batch_that_cannot_fit_is_refused_when_it_is_drawn():
    data = DelayedXOR(validation_trials=2, test_trials=2).data(0, HUGE)
    with pytest.raises(InputError, match=f"not enough memory: .* for {HUGE} trials of"):
        data.batch(0)


def test_networks_and_baselines_that_cannot_fit_are_refused():
    with pytest.raises(InputError, match=f"not enough memory: .* for a network of {HUGE} units"):
        initial_weights(RNN(size=HUGE), 1, 1, 0)
    data = MackeyGlass(steps=300, test_steps=60).data(0, 1)
    with pytest.raises(InputError, match=f"not enough memory: .* for a reservoir of {HUGE} units"):
        EchoState(units=HUGE).scores(data, 0)
    assert Ridge(taps=HUGE, strengths=(1.0,)).fit(MackeyGlass(steps=60, test_steps=20, horizon=2).data(0, 1))


def test_memory_is_counted_in_bytes():
    assert required_bytes((2, 3), (10**15, 10**15), each=4) == 24 + 4 * 10**30
    require_memory("little", (1000,))
    with pytest.raises(
        InputError, match=r"^There is not enough memory: Unable to allocate 8e\+12 EB for much, with .* free\.$"
    ):
        require_memory("much", (10**30,))
    assert 2**20 < available() < 2**50


BEYOND = 10**400  # a float holds no such integer


@pytest.mark.parametrize(
    "table",
    [
        {"network": {"gain": BEYOND}},
        {"rule": {"name": "np", "noise_std": -BEYOND}},
        {"rule": {"name": "hebbian", "formula": {"source": "hebbian", "parameters": {"rate": BEYOND}}}},
        {"hardware": {"cells": {"kind": "soft-bounds", "w_min": -BEYOND}}},
        {"hardware": {"weight": {"kind": "devices", "gains": [BEYOND, 1]}}},
        {"hardware": {"weight_scale": BEYOND}},
        {"hardware": {"step_seconds": BEYOND}},
        {"hardware": {"reward": {"bits": BEYOND, "bound": 1}}},
        {"spiking": {"v_input": BEYOND}},
    ],
    ids=str,
)  # fmt: skip
def test_an_integer_that_no_float_holds_is_one_sentence(table):
    with pytest.raises(InputError, match=r"The '.*' parameter"):
        resolve({"task": "delayed-xor", **table})


def test_arrays_refuse_it_too():
    for refused in (
        lambda: hw.SoftBounds(dw_min=BEYOND).check(), lambda: hw.Devices(gains=(BEYOND, 1.0)).check(), lambda: hw.SynapseArray((BEYOND, 2)),
        lambda: hw.SynapseArray((2, 2)).age(BEYOND), lambda: hw.SoftBounds(dw_min=1 + 2j).check(),
        lambda: hw.SoftBounds(dw_min=np.complex64(1)).check(),
    ):  # fmt: skip
        with pytest.raises(hw.ParameterError):
            refused()
