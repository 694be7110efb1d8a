"""Advice: limits are those of the card, recommendations those of the presets, and what is printed can be run."""

import json
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

import hardware_models as hw
import neuroperturb
from hardware_models.characterise import card
from hardware_models.devices.states import states
from neuroperturb.analysis.advice import advisor, evidence, limits
from neuroperturb.analysis.advice.limits import limits_of, sentences
from neuroperturb.cli import app as cli
from neuroperturb.cli.terminal import BAD_INPUT
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip import chip as chips
from neuroperturb.network.chip.catalogue import RECOMMENDED
from neuroperturb.spec import SpecError

runner = CliRunner()


def test_limits_of_reram_es_by_hand():
    """Steps at w = 0 of gamma 5: Δw_min (1 − e^…A…) as the card has them; write noise 75 of 0.00135 in a range of 2."""
    found = limits_of(hw.PRESETS["reram-es"].hardware)
    assert found.rewriting == pytest.approx(75 * 0.00135 / 2)
    assert found.step == pytest.approx(hw.PRESETS["reram-es"].cells.granularity)
    assert found.states * found.step == pytest.approx(2)
    assert "every write draws noise of 5.1%" in sentences(found)[0]


@pytest.mark.parametrize(
    ("name", "count"), [("digital", 255), ("digital-4", 15), ("digital-6", 63), ("reram-es", None)]
)
def test_advice_counts_states_as_a_card_does(name, count):
    """Cells of n bits have 2ⁿ − 1 levels, both ends counted; cells of pulses as many as there are mean pulses from end to end."""
    found = limits_of(chips.named(name))
    assert found.states == pytest.approx(2 * found.half_range / found.step if count is None else count)
    said = next(line for line in str(advisor.advise(name)).splitlines() if line.startswith("limits"))
    meaning = "mean pulses from end to end" if count is None else "levels, both ends counted"
    assert f"{found.states:,.0f} states ({meaning})" in said
    assert card.states is limits.states is states


def test_asymmetry_is_that_of_mean_pulses():
    cell = hw.PRESETS["reram-es"].cells
    quiet = dict.fromkeys(
        ("dw_min_std", "dw_min_dtod", "up_down_dtod", "w_max_dtod", "w_min_dtod", "write_noise_std"), 0.0
    )
    steps = []
    for way in (1, -1):
        array = hw.Hardware(cells=hw.ExpStep(**{**vars(cell), **quiet}), weight_scale=1.0).array(
            (1, 1), dtype=np.float64
        )
        array.pulse(way)
        steps.append(abs(float(array.read()[0, 0])))
    assert cell.asymmetry == pytest.approx((steps[0] - steps[1]) / (steps[0] + steps[1]), rel=1e-6)


@pytest.mark.parametrize("name", RECOMMENDED)
def test_the_rule_of_thumb_is_what_the_study_shows(name):
    """Cells a weight of the recommended writings, which were chosen by training, follow from the device."""
    made_of, found = RECOMMENDED[name].parts.weight, limits_of(hw.PRESETS[name].hardware)
    wanted = getattr(made_of, "pairs", getattr(made_of, "devices", 1))
    assert found.devices == wanted or (
        found.one_sided and wanted == 8
    )  # pairs saturate besides: more of them last longer


def test_advice_on_a_rule():
    """Plain pulses by the study's own runs; what the rule needs besides; the command runs it."""
    plain = evidence.plain()["reram-es", "np-trace"]
    assert (plain.seeds, plain.solved) == (5, 0)
    said = " ".join(str(advisor.advise("reram-es", "np-trace")).split())
    assert "0 of 5 seeds below 0.5" in said
    assert "ran np-p only: with the writing above, np-trace was not measured" in said
    assert "delayed-xor --rule np-trace --hardware reram-es --writing recommended" in said
    assert "its matrix P lies on an ideal array" not in said
    whitened = str(advisor.advise("reram-es", "np-p"))
    assert "its matrix P lies on an ideal array" in whitened
    assert "was not measured" not in whitened
    assert "its matrix D lies" in str(advisor.advise("ecram", "dnp"))
    assert "it perturbs weights" in str(advisor.advise("ecram", "wp"))
    assert "nothing was measured of np-trace" in str(advisor.advise("loihi", "np-trace"))
    table = advisor.advise("pcm-like", "np-p").table()
    assert table["rule"]["name"] == "np-p" and len(table["rule"]["sentences"]) == 3
    assert advisor.advise("reram-es").table()["rule"] is None
    with pytest.raises(SpecError, match="'rule' parameter of advise cannot be 'nothing'"):
        advisor.advise("reram-es", "nothing")
    assert runner.invoke(cli.app, ["advise", "--hardware", "reram-es", "--rule", "nothing"]).exit_code == BAD_INPUT


@pytest.mark.parametrize("name", ["reram-es", "loihi", "soft-bounds", "pcm"])
def test_what_is_advised_can_be_run(name):
    text = str(advisor.advise(name))
    lines = text.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("TOML"))
    last = next(k for k, line in enumerate(lines) if line.startswith("try"))
    table = tomllib.loads("\n".join(line[10:] for line in lines[first:last]))
    made_of = resolve({"task": "delayed-xor", "rule": "np-p", **table}).hardware
    assert isinstance(made_of.writing, hw.ClosedLoop)
    made_of.check_fit()


def test_what_has_no_limits_and_what_is_written_once():
    assert "none: its cells hold any number" in str(advisor.advise("ideal"))
    assert "neuroperturb deploy" in str(advisor.advise("hermes"))


def test_recommended_is_a_word_for_the_writing_of_a_preset():
    chip = chips.read({"name": "reram-es", "writing": "recommended"})
    assert chip.writing == hw.ClosedLoop() and chip.weight == hw.SeveralDevices(devices=4)
    own = chips.read({"name": "reram-es", "writing": "recommended", "weight": {"kind": "several", "devices": 2}})
    assert own.weight == hw.SeveralDevices(devices=2)
    assert chip.origin().name == "reram-es"
    assert chips.read(chips.write(chip)) == chip
    apart = chips.read({"name": "ecram", "W_rec": {"name": "reram-es", "writing": "recommended"}})
    assert apart.W_rec.weight == hw.SeveralDevices(devices=4) and apart.writing is None


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"name": "loihi", "writing": "recommended"}, "What would suit it: neuroperturb advise --hardware loihi"),
        ({"name": "ecramm", "writing": "recommended"}, "Did you mean 'ecram'?"),
        ({"writing": "recommended"}, "only some presets recommend one"),
    ],
)
def test_nothing_is_recommended_without_evidence(table, sentence):
    with pytest.raises(hw.ParameterError) as error:
        resolve({"task": "delayed-xor", "hardware": table})
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_the_command_prints_text_and_json():
    assert runner.invoke(cli.app, ["advise", "--hardware", "reram-es"]).stdout.startswith("reram-es: HfO2 ReRAM")
    table = json.loads(runner.invoke(cli.app, ["advise", "--hardware", "reram-es", "--json"]).stdout)
    assert table["recommended"] == {"name": "reram-es", "writing": "recommended"}
    assert table["digital_bits_per_weight"] == 32
    wrong = runner.invoke(cli.app, ["advise", "--hardware", "nope"])
    assert wrong.exit_code == BAD_INPUT and "cannot be 'nope'" in wrong.stderr


def test_evidence_is_of_recommended_arrays():
    for name, row in evidence.rows().items():
        assert name in RECOMMENDED
        assert row.solved <= row.seeds and row.seeds >= 20 and row.mean <= row.worst


def a_row(**changes):
    """A row of 1 in everything that costs."""
    usual = dict.fromkeys(evidence.Evidence._fields, 1.0) | {"seeds": 20, "solved": 20, "mean": 0.05}
    return evidence.Evidence(**usual | changes)  # type: ignore[arg-type]


def test_the_front_is_what_nothing_beats():
    cheap, good, worse, unknown = (
        a_row(energy=0.5),
        a_row(mean=0.01),
        a_row(energy=2.0),
        a_row(mean=0.06, energy=float("nan")),
    )
    assert evidence.front([worse, cheap, good]) == [good, cheap]
    assert not cheap.beats(cheap)
    assert not good.beats(unknown) and not unknown.beats(worse)  # its energy may be anything
    assert a_row(energy=float("nan")).beats(unknown)


def test_choices_learn_and_none_beats_another():
    for name in RECOMMENDED:
        found = evidence.choices(name)
        assert all(row.learns and row.hardware == name for row in found)
        assert not any(one.beats(other) for one in found for other in found)
        energies = [row.energy for row in found if np.isfinite(row.energy)]
        assert energies == sorted(energies)


def test_the_evidence_is_a_table_of_its_rows():
    found = neuroperturb.evidence()
    assert list(found.columns) == list(evidence.Evidence._fields)
    assert len(found) == len(evidence.table()) > 0
    row = found[(found["hardware"] == "ecram") & (found["study"] == evidence.STUDY)].iloc[0]
    assert row["mean"] == evidence.rows()["ecram"].mean
