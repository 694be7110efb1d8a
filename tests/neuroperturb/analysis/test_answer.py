"""The verdict on a run: what its losses say, what limits it, what is recommended, what it cost."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import hardware_models as hw
from hardware_models.costs.units import with_prefix
from neuroperturb import rules
from neuroperturb.analysis.advice import evidence, prices
from neuroperturb.analysis.advice.advisor import advise
from neuroperturb.analysis.advice.answer import answer, tone
from neuroperturb.analysis.diagnosis.perturbation_snr import Layer
from neuroperturb.analysis.diagnosis.record_section import so_far
from neuroperturb.analysis.diagnosis.write_fidelity import WriteRatios, Writes, step_size
from neuroperturb.network.chip import chip as chips

BEYOND = {"weight_error": 0.4}  # of W_rec


def run(
    losses, hardware=None, status="finished", energy=None, loss=None, epochs=40, trials=1280, ratios=None, rule=None, arrays=None, unpriced=()
):  # fmt: skip
    """A record of delayed XOR with what an answer reads of it; `ratios`: of W_rec at the start, in place of harmless ones."""
    layer = Layer(1.0, np.inf, 0.0, told_std=0.01, extra_std=0.0)._asdict()
    harmless = {**WriteRatios(0.01, 2.0, 1.0, 0.0, 0.0, 0.0)._asdict(), **(ratios or {})}
    diagnosis = {
        "layers": {"hidden": layer, "output": layer}, "reward_std": 0.1, "channel_std": 0.0, "matrices": {"W_rec": harmless},
        "fidelity": 1.0, "wander": 0.0,
    }  # fmt: skip
    total = {"energy": {"writing": energy} if energy else {}, "unpriced": list(unpriced)}
    return SimpleNamespace(
        results=pd.DataFrame({"name": list(losses), "test": list(losses.values())}), status=status, diverged_step=1234,
        loss=loss or {"name": "squared error", "unit": ""},
        experiment=SimpleNamespace(
            hardware=None if hardware is None else chips.read(hardware), task=SimpleNamespace(name="delayed-xor", trials_per_epoch=trials),
            training=SimpleNamespace(epochs=epochs), rule=rules.make(rule or "np-trace"),
        ),
        ledger={"hardware": {"diagnosis": diagnosis, "total": total, "arrays": arrays or {}}} if hardware is not None else {},
    )  # fmt: skip


FAILED = {"np": 1.9, "guess": 1.0}


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
    assert answer(run({"np-p": 0.01, "guess": 1.0}, status="interrupted")) == ""
    assert answer(run({})) == ""


def test_what_diverged_did_not_learn():
    said = answer(run({"np-p": np.nan, "guess": 1.0}, "reram-es", status="diverged", ratios=BEYOND))
    assert said.startswith(
        "Does not learn: its loss diverged at step 1,234. What limits it: weight error 0.4 (W_rec) is above 0.25"
    )


def test_what_does_not_learn_says_why_and_what_is_recommended():
    said = answer(run(FAILED, "reram-es", energy={"low": 5e-4, "typical": 5.3e-3, "high": 0.045}, ratios=BEYOND))
    words, command = said.split("\n")
    assert (
        "What limits it: weight error 0.4 (W_rec) is above 0.25, and 16 of 16 runs like that did not learn: use finer levels"
        in words
    )
    row = evidence.rows()["reram-es"]
    assert "on reram-es recommends: --rule np-p --writing recommended" in words
    assert f"{row.solved} of them below 0.5" in words
    typed = "neuroperturb run delayed-xor --rule np-p --hardware reram-es --writing recommended"
    assert command == f"{typed} --set rule.learning_rate={row.rate:g} --set rule.rate=cosine"
    assert words.endswith("Training costs 5.3 mJ (500 µJ … 45 mJ).")
    best = {"name": "reram-es", "writing": "recommended"}
    assert "evidence" not in answer(run(FAILED, best, rule="np-p"))
    assert "recommends: --rule np-p, with which" in answer(run(FAILED, best))  # written so, by another rule


def test_evidence_is_of_unchanged_presets():
    """5 bits, 2 % read noise, 10 % dead cells: nobody has run that, and the sentence says so by the keys that were typed."""
    changed = {"cells": {"bits": 5}, "reading": {"output_noise_std": 0.02}, "time": {"faults": {"stuck_zero": 0.1}}}
    said = answer(run(FAILED, {"name": "digital-4", **changed}))
    assert "on unchanged digital-4 recommends" in said
    assert "nothing was measured with cells.bits, reading.output_noise_std and time.faults.stuck_zero changed." in said
    again = answer(run(FAILED, {"name": "digital-4", **changed, "writing": "recommended"}, rule="np-p"))
    assert "evidence" not in again and "Nothing was measured with cells.bits, reading" in again
    assert "unchanged" not in answer(run(FAILED, "digital-4"))


@pytest.mark.parametrize(
    ("hardware", "command"),
    [
        ("loihi", "neuroperturb advise --hardware loihi"),
        ({"cells": {"kind": "digital", "bits": 5}}, "neuroperturb advise --hardware digital"),
        ({"cells": {"kind": "digital", "bits": 5}, "writing": "closed-loop"}, ""),  # has what advise says
        ({"cells": hw.Measured(mean_up=(1.0, 0.5), mean_down=(0.5, 1.0))}, ""),  # of a file that nobody knows
        ("PULSES", "neuroperturb advise --hardware PULSES"),
        ({"name": "PULSES", "writing": "mixed-precision"}, "neuroperturb advise --hardware PULSES"),
        ({"name": "PULSES", "cells": "digital"}, "neuroperturb advise --hardware digital"),  # no longer those
    ],
)
def test_what_might_help_can_be_typed(hardware, command, tmp_path):
    pulses = str(tmp_path / "pulses.csv")
    rows = "".join(f"{k},{20 + k:.2f},{80 - k:.2f}\n" for k in range(60))
    Path(pulses).write_text("pulse,up (uS),down (uS)\n" + rows)
    if isinstance(hardware, dict) and "name" in hardware:
        hardware = {**hardware, "name": pulses}
    found = answer(run(FAILED, pulses if hardware == "PULSES" else hardware)).split("\n")[1:]
    assert found == [command.replace("PULSES", pulses)] * bool(command)
    for one in found:
        assert str(advise(one.split(" ")[-1]))  # it is not refused


def test_what_learns_is_not_lectured():
    said = answer(run({"np": 0.1, "guess": 1.0}, "reram-es", ratios=BEYOND))
    assert "limits" not in said and "recommend" not in said


def test_only_what_held_limits_a_run():
    """Forgetting is a hint, and a loss SNR below its limit is no word worth: most such runs learnt."""
    assert "What may limit it: forgets 48.8 (W_rec) is above 1.5, a hint only: of runs like that 21 of 23" in answer(
        run(FAILED, "reram-es", ratios={"forgets": 48.8})
    )
    both = answer(run(FAILED, "reram-es", ratios={"forgets": 48.8, **BEYOND}))
    assert "weight error" in both and "forgets" not in both
    several = run(FAILED, "reram-es", ratios=BEYOND)
    several.ledger["hardware"]["diagnosis"] |= {
        "matrices": {name: {**WriteRatios(0.01, 2.0, 1.0, error, 0.0, 0.0)._asdict()} for name, error in (("W_in", 0.3), ("W_rec", 3.0))},
        "wander": 18.0,
    }  # fmt: skip
    said = answer(several)  # the worst matrix alone, and the ratio that is furthest beyond its limit first
    assert (
        said.count("weight error") == 1
        and "What limits it: weight error 3 (W_rec)" in said
        and "; wander 18 (all matrices)" in said
    )
    assert "None of its measured ratios is beyond a limit" in answer(run(FAILED, "reram-es"))


def test_a_short_run_blames_no_hardware():
    said = answer(run(FAILED, "reram-es", epochs=1, ratios=BEYOND))
    assert said.startswith(
        "Trained for 1 of the 40 epochs that the task has by default. Not learnt yet: worse than guessing"
    )
    assert "limit" not in said and "evidence" not in said and tone(said) == "part"
    said = answer(run(FAILED, "reram-es", trials=8))
    assert said.startswith("Trained on 320 trials of the 51,200 that the task has by default. Not learnt yet")
    assert answer(run({"np": 0.1, "guess": 1.0}, epochs=1)).startswith("Learns")


def test_hardware_that_is_written_once_was_not_trained(tmp_path):
    said = answer(run(FAILED, "pcm-joshi", ratios={"request_per_step": np.inf}), tmp_path / "a run.nc")
    assert "This is of ideal cells: pcm-joshi is written once" in said and "limit" not in said
    assert said.splitlines()[-1] == f"neuroperturb deploy '{tmp_path / 'a run.nc'}'"
    assert "written once" in answer(run({"np": 0.1, "guess": 1.0}, "pcm-joshi"))  # learnt, but not there


# ----------------------------------------------------------------------------------------------------------------------
# Energy


def trained(hardware, presented=7):
    """Ledgers of three arrays of hardware, as a record has them; each read `presented` times for three trials."""
    chip, shapes = chips.read(hardware), {"W_in": (4, 2), "W_rec": (4, 4), "W_out": (1, 4)}
    arrays = {}
    for name, shape in shapes.items():
        arrays[name] = chip.of(name).array(shape, weight_scale=1.0, seed=1, columns=3)
        arrays[name].program(np.zeros(shape))
        for _ in range(presented):
            arrays[name].matvec(np.full((3, shape[1]), 0.5))
    return arrays, json.loads(json.dumps(so_far(arrays)))


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "digital-4"},
        {"name": "digital-4", "cells": {"bits": 5}},
        {"name": "digital-8", "weight": "pair", "writing": "closed-loop"},
        {"name": "ecram", "reading": {"dac": {"bits": 7}, "adc": {"bits": 9, "bound": 4.0}, "output_noise_std": 0.1}},
    ],
)
def test_a_step_of_inference_is_a_read_of_every_matrix(changed):
    arrays, section = trained(changed)
    one = [0.0, 0.0, 0.0]
    for array in arrays.values():
        before = array.ledger().total_energy
        array.matvec(np.full(array.shape[1], 0.5))
        after = array.ledger().total_energy
        one = [x + getattr(after, end) - getattr(before, end) for x, end in zip(one, prices.ENDS, strict=True)]
    assert prices._of_step(section["arrays"]) == pytest.approx(one, rel=1e-6)


def test_changed_cells_are_priced_as_they_are_or_said_not_to_be():
    """Bits of static memory follow the cells; what Loihi's cells of 5 bits cost, no source says."""
    made = lambda hardware: run(FAILED, hardware, energy={"low": 1.0, "typical": 1.0, "high": 1.0})  # noqa: E731
    assert "Training costs 1 J." in answer(made({"name": "digital-4", "cells": {"bits": 5}}))
    assert "by the figures of unchanged loihi" in answer(made({"name": "loihi", "cells": {"bits": 5}}))
    assert "by the figures of unchanged ecram" in answer(made({"name": "ecram", "W_out": {"cells": {"dw_min": 0.01}}}))
    assert "unchanged" not in answer(made("loihi"))
    said = answer(
        run(FAILED, {"cells": "soft-bounds"}, unpriced=["energy", "time"], arrays={"W_in": {"cells": "SoftBounds"}})
    )
    assert "No source gives a figure for its energy." in said


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
