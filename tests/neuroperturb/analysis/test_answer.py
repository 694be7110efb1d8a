"""The verdict on a run: what its losses say, what limits it, what is recommended, what it cost."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import hardware_models as hw
from hardware_models.costs.units import with_prefix
from neuroperturb.analysis.advice.answer import answer
from neuroperturb.analysis.diagnosis.write_fidelity import Writes, step_size
from neuroperturb.network.chip import chip as chips


def run(losses, hardware=None, warning="", status="finished", energy=None, loss=None):
    section = {"warning": warning, "total": {"energy": {"writing": energy} if energy else {}}}
    return SimpleNamespace(
        results=pd.DataFrame({"name": list(losses), "test": list(losses.values())}), status=status,
        loss=loss or {"name": "squared error", "unit": ""},
        experiment=SimpleNamespace(hardware=None if hardware is None else chips.read(hardware)),
        ledger={"hardware": section} if hardware is not None else {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "start"),
    [
        ({"np-p": 0.01, "guess": 1.0}, "Learns: test loss 0.0100, guessing 1.00."),
        ({"np-p": 0.7, "guess": 1.0}, "Learns in part"),
        ({"np-p": 0.97, "guess": 1.0}, "Does not learn: hardly better than guessing"),
        ({"np-p": 1.01, "guess": 1.0}, "Does not learn: no better than guessing"),
        ({"np-p": 1.9, "guess": 1.0}, "Does not learn: worse than guessing (1.90 against 1.00)."),
        (
            {"np-p": 0.2, "guess": 1.0, "frozen recurrence": 0.9},
            "Learns: test loss 0.200, guessing 1.00; with a frozen recurrence 0.900.",
        ),
        ({"np-p": 0.2, "guess": 1.0, "frozen recurrence": 0.19}, "The recurrence learns nothing"),
        ({"np-p": 0.004, "mean": 0.047, "persistence": 0.1}, "Learns"),
    ],
)
def test_losses_are_put_in_words(losses, start):
    assert answer(run(losses)).startswith(start)


def test_in_a_world_returns_are_said():
    """The return is the ceiling less the loss."""
    said = answer(run({"np-p": 0.09, "random": 0.5}, loss={"name": "1 − return", "unit": "", "ceiling": 1.0}))
    assert said == "Learns: return 0.910, a random policy 0.500."


def test_what_cannot_be_compared_has_no_verdict():
    assert answer(run({"np-p": 0.01})) == ""
    assert answer(run({"np-p": 0.01, "guess": 1.0}, status="diverged")) == ""
    assert answer(run({})) == ""


def test_what_does_not_learn_says_why_and_what_is_recommended():
    said = answer(
        run(
            {"np": 1.9, "guess": 1.0},
            "reram-es",
            "fidelity is low",
            energy={"low": 5e-4, "typical": 5.3e-3, "high": 0.045},
        )
    )
    assert "What may limit it: fidelity is low." in said
    assert "--hardware reram-es --writing recommended" in said
    assert said.endswith("Training costs 5.3 mJ (500 µJ … 45 mJ).")
    again = answer(run({"np": 1.9, "guess": 1.0}, {"name": "reram-es", "writing": "recommended"}))
    assert "recommend" not in again
    assert "advise --hardware" in answer(run({"np": 1.9, "guess": 1.0}, {"cells": {"kind": "soft-bounds"}}))


def test_what_learns_is_not_lectured():
    said = answer(run({"np": 0.1, "guess": 1.0}, "reram-es", "forgets is beyond its limit"))
    assert "limits" not in said and "recommend" not in said


def test_prefixes():
    assert [with_prefix(v, "J") for v in (0.0, 1.5e-13, 9.996e-4, 0.9999, 1.2e6, 1e-20)] == [
        "0 J", "150 fJ", "1 mJ", "1 J", "1.2 MJ", "0.01 aJ",
    ]  # fmt: skip


def test_a_writing_that_reads_back_forgets_nothing():
    """Requests that cancel displace asymmetric cells; a closed loop makes that good, plain pulses do not."""
    forgets = {}
    for name, parts in {"plain": {}, "loop": {"writing": hw.ClosedLoop()}}.items():
        array = hw.PRESETS["reram-es"].replace(weight_scale=1.0, **parts).array((4, 4), seed=1)
        array.program(np.full((4, 4), 0.3))
        seen = Writes(array)
        for sign in (1, -1, 1, -1):
            seen.request(np.full((4, 4), sign * 0.2))
        forgets[name] = seen.result(1.0).forgets
    assert forgets["plain"] > 0 and forgets["loop"] == 0


def test_a_pulse_of_one_of_several_devices_is_a_part_of_a_step():
    made = {k: hw.PRESETS["reram-es"].replace(weight_scale=1.0, weight=w).array((2, 2)) for k, w in
            {1: None, 4: hw.SeveralDevices(devices=4)}.items()}  # fmt: skip
    assert step_size(made[4]) == pytest.approx(step_size(made[1]) / 4)
