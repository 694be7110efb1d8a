"""Hardware as tables: what reads back, what a name stands for, and the one sentence for everything that cannot be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import pytest

import hardware_models as hw
from hardware_models.neurons import Neurons
from hardware_models.reading.reading import Reading
from neuroperturb.experiment import experiment as config
from neuroperturb.experiment.experiment import Experiment
from neuroperturb.experiment.toml import dumps, resolve
from neuroperturb.network.chip import chip as hardware
from neuroperturb.network.chip.catalogue import KINDS, PRESETS, WRITTEN_ONCE
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.spec import SpecError

RICH = {
    "name": "reram-es",
    "weight": "zero-shifted",
    "writing": "mixed-precision",
    "programming": {"kind": "write-verify", "tolerance": 0.1},
    "reading": {
        "adc": {"bits": 9, "bound": 12},
        "dac": {"bits": 7},
        "scaling": "abs-max",
        "bound_management": {},
        "output_noise_std": 0.06,
        "weight_noise": {"kind": "root", "std": 0.01},
        "wires": {},
    },
    "time": {
        "drift": {"nu": 0.05},
        "slow": {
            "sources": [
                {"kind": "one-over-f", "std": 0.1, "fastest": 1.0, "slowest": 100.0},
                {"kind": "telegraph", "amplitude": 0.1, "rate_up": 1.0, "rate_down": 2.0},
            ]
        },
    },
    "weight_scale": 0.5,
    "neurons": {"slope_std": 0.1, "state_bits": 6},
    "reward": {"bits": 4, "bound": 0.1, "delay": 1},
    "seed": 9,
    "step_seconds": 1e-6,
    "D_rec": {},
    "W_in": {"name": "digital-6", "reading": {"adc": {"bits": 6}}},
    "W_out": "ideal",
}


def experiment(table, *assignments) -> Experiment:
    return resolve({"task": "delayed-xor", "hardware": table}, assignments)


def chip(table, *assignments) -> Chip:
    return experiment(table, *assignments).hardware


@pytest.mark.parametrize(
    "table", [*PRESETS, *({"programming": name, "weight": "pair"} for name in WRITTEN_ONCE), RICH], ids=str
)
def test_a_table_reads_back_as_an_equal_chip(table):
    if isinstance(table, dict) and table["programming"] == "sonos":
        table = {**table, "weight": "single"}
    before = experiment(table)
    after = Experiment.parse(tomllib.loads(dumps(before)))
    assert after == before
    assert config.digest(after) == config.digest(before)
    assert hardware.write(after.hardware) == hardware.write(before.hardware)


def test_every_kind_reads_back():
    """Every class of the catalogue, as a table of its defaults where it has them all."""
    tried = 0
    for (owner, field), kinds in KINDS.items():
        for kind, known in kinds.items():
            if owner is hw.Hardware and field == "cells" and isinstance(known, type) and known is not hw.Ideal:
                assert chip({"cells": kind}).cells == known()
                assert isinstance(chip(kind).cells, known)
                tried += 1
    assert tried >= 8


def test_without_hardware_there_is_no_word_of_it():
    """Experiments of before keep their digests."""
    plain = resolve({"task": "delayed-xor", "rule": "bptt"})
    assert "hardware" not in plain.table()
    assert config.digest(plain) == "b44741404a33"
    assert experiment("ideal").hardware == Chip()
    assert config.digest(experiment("ideal")) != config.digest(resolve({"task": "delayed-xor"}))


def test_a_name_is_the_hardware_of_every_learnt_matrix():
    made_of = chip("ecram")
    assert all(made_of.of(name).cells == hw.PRESETS["ecram"].cell for name in ("W_in", "W_rec", "W_out"))
    assert all(made_of.of(name) == hw.Hardware() for name in ("D_in", "D_rec"))
    assert made_of.costs == hw.PRESETS["ecram"].costs


def test_a_matrix_may_have_its_own():
    made_of = chip(
        {
            "name": "digital-4",
            "W_out": "ideal",
            "W_rec": {"cells": {"bits": 6}},
            "D_rec": {},
            "D_in": {"weight": "pair"},
        }
    )
    assert made_of.of("W_in").cells == hw.Digital(bits=4)
    assert made_of.of("W_rec").cells == hw.Digital(bits=6)
    assert made_of.of("W_out") == hw.Hardware()
    assert made_of.of("D_rec").cells == hw.Digital(bits=4)
    assert made_of.of("D_in") == hw.Hardware(
        cells=hw.Digital(bits=4), weight=hw.DifferentialPair(), costs=made_of.costs
    )


@pytest.mark.parametrize(
    ("table", "assignment", "expected"),
    [
        ("digital", "hardware.cells.bits=4", Chip(cells=hw.Digital(bits=4))),
        ({"cells": "digital"}, "hardware.cells.bits=4", Chip(cells=hw.Digital(bits=4))),
        (
            {"cells": {"kind": "digital", "bits": 6}},
            "hardware.cells.rounding=nearest",
            Chip(cells=hw.Digital(bits=6, rounding="nearest")),
        ),
        ("ideal", "hardware.cells=soft-bounds", Chip(cells=hw.SoftBounds())),
        ("ideal", "hardware.neurons.slope_std=0.1", Chip(neurons=Neurons(slope_std=0.1))),
        ("ideal", "hardware.reward={bits = 3, bound = 1}", Chip(reward=RewardChannel(bits=3, bound=1.0))),
        ("digital", "hardware.weight=pair", Chip(cells=hw.Digital(), weight=hw.DifferentialPair())),
        ("digital", "hardware.W_out.cells=ideal", Chip(cells=hw.Digital(), W_out=hw.Hardware())),
        ("ideal", "hardware.seed=5", Chip(seed=5)),
    ],
)
def test_assignments(table, assignment, expected):
    assert chip(table, assignment) == expected


def test_parts_go_on_top_of_a_preset():
    assert chip({"cells": {"kind": "ecram", "dw_min": 0.01}}).cells.gamma_down == hw.PRESETS["ecram"].cell.gamma_down
    removed = chip({"name": "ideal", "reading": {"output_noise_std": 0.1}}, "hardware.reading=none")
    assert removed.reading is None


BAD = [
    ("reram_es", "'hardware.name' parameter cannot be 'reram_es'. Did you mean 'reram-es'?"),
    ("ReRam-ES", "'hardware.name' parameter cannot be 'ReRam-ES'. Did you mean 'reram-es'?"),
    (3, "'hardware' parameter of Experiment must be a name or a table. Got 3"),
    ({"celks": "ideal"}, "'hardware.celks' parameter of Chip is unknown. Did you mean 'cells'?"),
    ({"cells": {"kind": "digitl"}}, "'hardware.cells.kind' parameter cannot be 'digitl'. Did you mean 'digital'?"),
    ({"cells": {"kind": "digital", "bitz": 4}}, "'hardware.cells.bitz' parameter of Digital is unknown. Did you mean 'bits'?"),
    ({"cells": {"kind": "digital", "bits": 0}}, "'hardware.cells.bits' parameter of Digital must be a whole number from 2"),
    ({"cells": {"kind": "digital", "bits": 4.5}}, "'hardware.cells.bits' parameter of Digital must be a whole number. Got 4.5"),
    ({"cells": {"kind": "soft-bounds", "w_max": -0.1, "w_min": 0.1}}, "'hardware.cells.w_max' parameter of SoftBounds must be"),
    ({"cells": {"kind": "soft-bounds", "dw_min_std": -1.0}}, "'hardware.cells.dw_min_std' parameter of SoftBounds must be 0"),
    ({"cells": {"kind": "soft-bounds", "rounding": "near"}}, "'hardware.cells.rounding' parameter of SoftBounds must be 's"),
    ({"W_rec": {"cells": {"kind": "digital", "bits": 1}}}, "'hardware.W_rec.cells.bits' parameter of Digital"),
    ({"W_rec": "idael"}, "'hardware.W_rec.name' parameter cannot be 'idael'. Did you mean 'ideal'?"),
    ({"W_rec": 3}, "'hardware.W_rec' parameter must be a table. Got 3"),
    ({"reading": {"adc": {"bits": 8, "bound": 0}}}, "'hardware.reading.adc.bound' parameter of Converter must be positive. Got 0.0"),
    ({"reading": {"output_noise_std": -0.1}}, "'hardware.reading.output_noise_std' parameter of Reading must be 0 or more. Got -0.1"),
    ({"time": {"drift": {"nu": "fast"}}}, "'hardware.time.drift.nu' parameter of Drift must be a number. Got 'fast'"),
    ({"time": {"drift": {}}}, "'hardware.time.drift.nu' parameter of Drift is missing"),
    ({"time": {"slow": {"sources": [{"kind": "one-over-f", "std": 0.1, "fastest": 1.0, "slowest": 0.5}]}}},
     "'hardware.time.slow.sources.0.slowest' parameter of OneOverF must be above"),
    ({"weight": "pears"}, "'hardware.weight.kind' parameter cannot be 'pears'. Did you mean 'pair'?"),
    ({"writing": "mixed-precision"}, "'hardware.cells' parameter must have pulses for MixedPrecision"),
    ({"weight_scale": 0.0}, "'hardware.weight_scale' parameter of Chip must be positive. Got 0.0"),
    ({"neurons": {"noise_std": -0.1}}, "'hardware.neurons.noise_std' parameter of Neurons must be 0 or more. Got -0.1"),
    ({"reward": {"bits": 4}}, "'hardware.reward.bound' parameter of RewardChannel must be given where bits are"),
    ({"reward": {"delay": 1.5}}, "'hardware.reward.delay' parameter of RewardChannel must be a whole number. Got 1.5"),
    ({"time": {"faults": {"stuck_low": 0.1}}}, "'hardware.time.faults.stuck_low' parameter of Faults must be 0 where cells have no"),
    ({"W_in": {"time": {"wear": {"median": 9}}}}, "'hardware.W_in.time.wear.median' parameter of Wear must be inf where"),
    ({"name": "reram-array-om", "weight": "zero-shifted"}, "'hardware.cells.subtract_symmetry_point' parameter of cells must be"),
    ({"seed": -1}, "'hardware.seed' parameter of Chip must be a whole number, 0 or more. Got -1"),
    ({"step_seconds": -1.0}, "'hardware.step_seconds' parameter of Chip must be 0 or more seconds. Got -1.0"),
    ({"cells": {"kind": "measured", "file": "no.csv"}}, "'hardware.cells' parameter cannot be as it is: The file 'no.csv'"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "sentence"), BAD, ids=str)
def test_what_cannot_be_is_one_sentence_that_names_the_key(table, sentence):
    with pytest.raises(SpecError) as error:
        chip(table)
    text = str(error.value)
    assert sentence in text, text
    assert text.startswith("The '")
    assert "\n" not in text


def test_measured_cells_come_from_a_file(tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SpecError, match=r"has no column 'before'"):
        chip({"cells": {"kind": "measured", "file": str(tmp_path / "bad.csv")}})
    rows = ["before,after,direction,device"]
    g = 1.0
    for pulse in range(200):
        up = pulse % 20 < 10
        after = g + (0.1 if up else -0.1)
        rows.append(f"{g:.3f},{after:.3f},{'up' if up else 'down'},0")
        g = after
    (tmp_path / "good.csv").write_text("\n".join(rows) + "\n")
    before = experiment(
        {"cells": {"kind": "measured", "file": str(tmp_path / "good.csv"), "nodes": 5, "dw_min_dtod": 0.1}}
    )
    assert (len(before.hardware.cells.mean_up), before.hardware.cells.dw_min_dtod) == (5, 0.1)
    assert Experiment.parse(tomllib.loads(dumps(before))) == before  # the record holds the data, not the file


def test_objects_are_refused_where_they_are_made():
    with pytest.raises(ValueError, match=r"The 'cells\.bits' parameter of Digital must be"):
        Chip(cells=hw.Digital(bits=1))
    with pytest.raises(ValueError, match=r"The 'W_out\.reading\.gain_std' parameter of Reading must be"):
        Chip(W_out=hw.Hardware(reading=Reading(gain_std=-1.0)))


@dataclass(frozen=True, kw_only=True)
class Mine(hw.SoftBounds):
    """A cell of one's own."""


def test_a_cell_of_ones_own_trains_but_no_table_reads_it_back():
    own = Experiment(task=experiment("ideal").task, hardware=Chip(cells=Mine(dw_min=0.01)))
    assert own.table()["hardware"]["cells"]["kind"] == "Mine"
    with pytest.raises(SpecError, match=r"'hardware\.cells\.kind' parameter cannot be 'Mine'"):
        Experiment.parse(own.table())
