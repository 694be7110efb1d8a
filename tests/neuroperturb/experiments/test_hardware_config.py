"""Hardware as tables: what reads back, what a name stands for, and the one sentence for everything that cannot be."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import NamedTuple

import pytest

import hardware_models as hw
from hardware_models.crossbar.fused import rank_change
from hardware_models.neurons import Neurons
from hardware_models.numerics.checks import ParameterError
from hardware_models.reading.reading import Reading
from hardware_models.writing import KINDS as WRITINGS
from neuroperturb import rules
from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.essence import user_code
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import dumps, resolve
from neuroperturb.network.chip import chip as hardware
from neuroperturb.network.chip import part_tables as parts
from neuroperturb.network.chip.catalogue import KINDS, PRESETS, WRITTEN_ONCE
from neuroperturb.network.chip.chip import Chip
from neuroperturb.network.chip.part_tables import under
from neuroperturb.network.chip.reward_channel import RewardChannel
from neuroperturb.rules.plan import compile_rule, writes_outer_products
from neuroperturb.spec import InputError, SpecError
from neuroperturb.study import run_name

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
    assert all(made_of.of(name).cells == hw.PRESETS["ecram"].cells for name in ("W_in", "W_rec", "W_out"))
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
    assert chip({"cells": {"kind": "ecram", "dw_min": 0.01}}).cells.gamma_down == hw.PRESETS["ecram"].cells.gamma_down
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
    ({"reward": {"bits": 4}}, "'hardware.reward.bound' parameter of RewardChannel must be given together with bits"),
    ({"reward": {"delay": 1.5}}, "'hardware.reward.delay' parameter of RewardChannel must be a whole number. Got 1.5"),
    ({"time": {"faults": {"stuck_low": 0.1}}}, "'hardware.time.faults.stuck_low' parameter of Faults must be 0 where cells have no"),
    ({"W_in": {"time": {"wear": {"median": 9}}}}, "'hardware.W_in.time.wear.median' parameter of Wear must be inf where"),
    ({"name": "reram-array-om", "weight": "zero-shifted"}, "'hardware.cells.subtract_symmetry_point' parameter of cells must be"),
    ({"seed": -1}, "'hardware.seed' parameter of Chip must be a whole number, 0 or more. Got -1"),
    ({"step_seconds": -1.0}, "'hardware.step_seconds' parameter of Chip must be 0 or more seconds, and at most 1e+19. Got -1.0"),
    ({"writing": []}, "'hardware.writing' parameter of Hardware must be a name or a table. Got []"),
    ({"cells": ["digital"]}, "'hardware.cells' parameter of Hardware must be a name or a table. Got ['digital']"),
    ({"time": []}, "'hardware.time' parameter of Hardware must be a name or a table. Got []"),
    ({"reading": {"adc": [{}]}}, "'hardware.reading.adc' parameter of Reading must be a name or a table. Got [{}]"),
    ({"W_in": {"weight": []}}, "'hardware.W_in.weight' parameter of Hardware must be a name or a table. Got []"),
    ({"cells": {"kind": "soft-bounds", "w_max_dtod": 1e200}}, "'hardware.cells.w_max_dtod' parameter of SoftBounds must be at most 1e+19"),
    ({"cells": {"kind": "soft-bounds", "w_min": -(10**400)}}, "'hardware.cells.w_min' parameter of SoftBounds must be at most"),
    ({"cells": {"kind": "digital", "bits": 2**70}}, "'hardware.cells.bits' parameter of Digital must be"),
    ({"weight_scale": 1e300}, "'hardware.weight_scale' parameter of Chip must be"),
    ({"weight_scale": 1e-300}, "'hardware.weight_scale' parameter of Chip must be"),
    ({"step_seconds": 1e300}, "'hardware.step_seconds' parameter of Chip must be 0 or more seconds, and at most"),
    ({"weight": {"kind": "pair", "gains": [1.0, -1.0, 1.0]}}, "'hardware.weight.gains' parameter of DifferentialPair must be (1.0, -1.0)"),
    ({"weight": {"kind": "single", "gains": [1.0, 1.0]}}, "'hardware.weight.gains' parameter of Single must be (1.0,)"),
    ({"cells": {"kind": "measured", "file": "no.csv"}}, "'hardware.cells' parameter is invalid: The file 'no.csv'"),
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


def test_a_cell_of_ones_own_reads_back():
    own = Experiment(task=experiment("ideal").task, hardware=Chip(cells=Mine(dw_min=0.01)))
    assert own.table()["hardware"]["cells"]["kind"].endswith("test_hardware_config:Mine")
    assert Experiment.parse(tomllib.loads(dumps(own))) == own
    assert hardware.words(own.hardware) == ["cells=Mine(dw_min=0.01)"]
    assert own.hardware.label == "Mine"


def test_several_sources_are_a_list_and_none_is_too():
    assert chip({"time": {"slow": {"sources": []}}}).time.slow.sources == ()
    source = {"kind": "one-over-f", "std": 0.1, "fastest": 1.0, "slowest": 10.0}
    assert len(chip({"time": {"slow": {"sources": [source, source]}}}).time.slow.sources) == 2


TRAINS = {"name": "ecram", "writing": "coincidence-trains"}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"training": {"schedule": "episode"}}, "hardware.writing"),
        ({"rule": "np-trace"}, "hardware.writing"),
        ({"rule": "wp"}, "hardware.writing"),
        ({"rule": {"name": "np", "step": "rms"}}, "hardware.writing"),
        ({"rule": {"name": "np", "clock": {"write": 2}}}, "hardware.writing"),
        ({"rule": {"name": "bptt", "chunk": 3}}, "hardware.writing"),
        ({"hardware": {**TRAINS, "D_rec": {}}}, "hardware.D_rec.writing"),
        ({"hardware": {"name": "ecram", "W_out": {"writing": "implicit-trains"}}, "training": {"schedule": "episode"}}, "hardware.W_out.writing"),
        ({"training": {"schedule": "online", "batch_size": 1025}}, "training.batch_size"),
    ],
    ids=str,
)  # fmt: skip
def test_trains_write_sums_of_outer_products_and_say_so_when_the_experiment_is_read(changes, key):
    table = {"task": "delayed-xor", "rule": "np", "hardware": TRAINS, "training": {"schedule": "online"}}
    assert resolve(table).hardware.writing == hw.CoincidenceTrains()
    assert resolve({**table, "training": {"schedule": "online", "batch_size": 1024}}).training.batch_size == 1024
    with pytest.raises(SpecError) as error:
        resolve({**table, **changes})
    assert error.value.name == key
    assert "Trains" in str(error.value)


def test_what_is_said_of_trains_is_what_the_kernels_say():
    """The rule's own answer, without its kernels, agrees with them."""
    for name in ("np", "anp", "wp", "np-trace", "np-p", "hebbian", "wp0", "oua", "hybrid"):
        for schedule in ("online", "episode"):
            made = rules.make(name, schedule=schedule)
            learning = compile_rule(made, schedule, "float32", (2, 2, 1)).rows.learning
            written = compile_rule(made, schedule, "float32", (2, 2, 1)).rows.written
            assert writes_outer_products(made, schedule) == (learning is rank_change and written is None), name


# ----------------------------------------------------------------------------------------------------------------------
# Kinds that somebody has registered


@dataclass(frozen=True, kw_only=True)
class Registered(hw.SoftBounds):
    """A cell that a package of somebody else's puts into the list."""

    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class RegisteredTrains(hw.MixedPrecision):
    """A way of writing, likewise."""


def test_registered_kinds_keep_their_names(monkeypatch):
    monkeypatch.setitem(hw.CELLS, "registered", Registered)
    monkeypatch.setitem(WRITINGS, "registered-trains", RegisteredTrains)
    before = experiment({"cells": {"kind": "registered", "share": 0.25}, "writing": "registered-trains"})
    table = before.table()["hardware"]
    assert (table["cells"]["kind"], table["cells"]["share"]) == ("registered", 0.25)
    assert table["writing"]["kind"] == "registered-trains"
    assert "source" not in table["cells"]
    assert Experiment.parse(tomllib.loads(dumps(before))) == before
    assert (
        Experiment(task=before.task, hardware=Chip(cells=Registered(), writing=RegisteredTrains())).table()["hardware"][
            "cells"
        ]["kind"]
        == "registered"
    )
    assert before.hardware.label == "registered"
    assert user_code(before.table()) == []
    monkeypatch.delitem(hw.CELLS, "registered")
    assert before.table()["hardware"]["cells"]["kind"].endswith("test_hardware_config:Registered")


def test_a_registered_kind_that_is_edited_has_other_runs(monkeypatch):
    """It goes by a name, and no version of ours says what it does."""
    names = set()
    for cell in (Registered, Mine):
        monkeypatch.setitem(hw.CELLS, "registered", cell)
        names.add(run_name.name(experiment({"cells": {"kind": "registered", "dw_min": 0.01}})))
    assert len(names) == 2


def test_what_is_no_cell_is_refused():
    class NoCell(NamedTuple):
        decay: float = 0.9

    with pytest.raises(
        SpecError,
        match=r"The 'cells' parameter of Hardware must be a cell model, such as|The 'cells' parameter must be a cell",
    ):
        Chip(cells=NoCell())


def test_a_part_of_ones_own_stands_where_kinds_stand_only():
    @dataclass(frozen=True, kw_only=True)
    class MyNeurons(Neurons):
        pass

    with pytest.raises(
        SpecError, match="'neurons' parameter of Chip cannot be a MyNeurons: a record cannot store a custom class"
    ):
        Chip(neurons=MyNeurons())


# ----------------------------------------------------------------------------------------------------------------------
# Where numbers are from


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_keeps_its_name_and_its_publication(name):
    before = experiment(name)
    table = before.table()["hardware"]
    assert table["from"] == name
    assert table["publication"] == hw.PRESETS[name].publication
    after = Experiment.parse(tomllib.loads(dumps(before)))
    assert after.hardware.origin() == before.hardware.origin()
    assert hardware.words(after.hardware) == [name]
    assert after.hardware.label == name


def test_it_makes_no_difference():
    """Records of before have no word of it, and are equal to those of now."""
    plain = experiment("reram-es")
    table = plain.table()
    for key in ("from", "publication"):
        del table["hardware"][key]
    old = Experiment.parse(table)
    assert old == plain
    assert config.digest(old) == config.digest(plain)
    assert old.hardware.origin().name == "reram-es"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"name": "reram-es", "cells": {"dw_min": 0.01}}, ["reram-es", "cells=exp-step(dw_min=0.01)"]),
        (
            {"cells": {"kind": "ecram", "dw_min": 0.01}, "weight": "pair"},
            ["ecram", "cells=linear-step(dw_min=0.01)", "weight=pair"],
        ),
        ({"name": "capacitor", "time": "none"}, ["capacitor", "time=None"]),
        ({"name": "pcm-like", "seed": 3}, ["pcm-like", "seed=3"]),
        ({"name": "digital-8", "cells": {"bits": 5}}, ["digital-8", "cells=digital(bits=5)"]),
        ({"cells": {"kind": "digital", "bits": 5}}, ["cells=digital(bits=5)"]),
    ],
)
def test_what_differs_from_the_preset_is_said(table, words):
    made_of = chip(table)
    assert hardware.words(made_of) == words
    again = Experiment.parse(tomllib.loads(dumps(experiment(table)))).hardware
    assert hardware.words(again) == words


def test_numbers_of_a_preset_that_changed_are_still_its():
    """A later version may correct a preset: a record of before says whose numbers it has, and how they differ from those of now."""
    table = experiment("reram-sb").table()
    table["hardware"]["cells"]["reference_std"] = 0.25
    old = Experiment.parse(table).hardware
    assert hardware.words(old) == ["reram-sb", "cells=soft-bounds-reference(reference_std=0.25)"]
    assert old.origin().publication == hw.PRESETS["reram-sb"].publication
    table["hardware"]["from"] = "a preset that is gone"
    assert Experiment.parse(table).hardware.label == "a preset that is gone"


def test_another_device_is_not_from_there():
    assert chip("reram-es", "hardware.cells={kind = 'digital', bits = 5}").origin() is None
    assert chip("reram-es").replace(cells=hw.SoftBounds()).origin() is None
    assert chip(experiment("reram-es").table()["hardware"], "hardware.cells=soft-bounds").origin() is None
    assert chip(experiment("reram-es").table()["hardware"], "hardware.cells=ecram").origin().name == "ecram"


@pytest.mark.parametrize(
    ("table", "matrix", "technology"),
    [
        ({"name": "digital-4", "cells": {"bits": 5}}, "W_rec", "SRAM, 5 bits"),
        ({"name": "digital-4", "W_out": {"cells": {"bits": 8}}}, "W_out", "SRAM, 8 bits"),
        ({"name": "reram-es", "cells": {"kind": "digital", "bits": 5}}, "W_rec", "SRAM, 5 bits"),
        ({"name": "reram-es", "cells": "soft-bounds"}, "W_rec", None),  # nobody's figures
        ({"name": "reram-es", "W_out": {"cells": "ideal"}}, "W_out", None),
        ({"name": "reram-es", "W_out": {"cells": "ideal"}}, "W_in", "ReRAM"),
        ({"name": "ecram", "cells": "ecram-mo"}, "W_rec", "ECRAM, metal oxide"),
        ({"cells": "ecram"}, "W_rec", "ECRAM"),
        (
            {"name": "ecram", "cells": {"dw_min": 0.01}},
            "W_rec",
            "ECRAM",
        ),  # its figures stay, and the answer of a run says whose they are
        ({"name": "reram-es", "cells": "digital", "costs": "reram"}, "W_rec", "ReRAM"),  # asked for
        ({"name": "pcm", "writing": "recommended"}, "W_rec", "PCM"),
    ],
)
def test_costs_are_those_of_the_cells(table, matrix, technology):
    """Figures of a preset go with its cells; also where a record is read again."""
    made_of = chip(table)
    for found in (made_of, chip(hardware.write(made_of))):
        array = found.of(matrix).array((2, 3), weight_scale=1.0)
        assert array.ledger().technologies == ((technology,) if technology else ())


@pytest.mark.parametrize(
    ("table", "title"),
    [
        ("digital-4", "digital-4"),
        ({"name": "digital-4", "seed": 3}, "digital-4"),
        ({"name": "digital-4", "cells": {"bits": 5}}, "digital-4, changed: cells.bits"),
        ({"name": "digital-4", "writing": "recommended"}, "digital-4, recommended writing"),
        (
            {"name": "digital-4", "writing": "recommended", "cells": {"bits": 5}},
            "digital-4, recommended writing, changed: cells.bits",
        ),
        ({"name": "digital-4", "writing": "mixed-precision"}, "digital-4, changed: writing"),
        ({"name": "ecram", "neurons": {"noise_std": 0.1}}, "ecram, changed: neurons.noise_std"),
        ({"name": "ecram", "W_out": {"cells": {"dw_min": 0.01}}}, "ecram, changed: W_out.cells.dw_min"),
        ({"cells": "digital", "reading": {"output_noise_std": 0.1}}, "digital, changed: reading.output_noise_std"),
        (
            {"name": "digital-4", "cells": {"bits": 5, "w_max": 2.0}, "neurons": {"noise_std": 0.1}, "weight": "pair"},
            "digital-4, changed: cells.bits, cells.w_max, weight and 1 more",
        ),
    ],
)
def test_a_title_says_what_was_changed(table, title):
    made_of = chip(table)
    assert made_of.title == title
    assert chip(hardware.write(made_of)).title == title


def test_every_matrix_has_its_own():
    made_of = chip(
        {"name": "reram-es", "W_out": "ecram", "D_rec": {}, "W_in": {"cells": {"kind": "digital", "bits": 5}}}
    )
    assert {m: o and o.name for m in ("", "W_out", "D_rec", "W_in", "W_rec") for o in [made_of.origin(m)]} == {
        "": "reram-es", "W_out": "ecram", "D_rec": "reram-es", "W_in": None, "W_rec": None,
    }  # fmt: skip
    table = hardware.write(made_of)
    assert (table["W_out"]["from"], table["D_rec"]["from"]) == ("ecram", "reram-es")
    assert "from" not in table["W_in"]
    assert hardware.write(chip(table)) == table


def test_it_asks_for_nothing_by_itself():
    with pytest.raises(
        SpecError,
        match=r"'hardware\.from' parameter only notes the origin of parameters\. Write name = 'reram-es'",
    ):
        chip({"from": "reram-es"})
    with pytest.raises(
        SpecError,
        match=r"'hardware\.W_in\.from' parameter must be the name of a preset, together with its publication\. Got 3",
    ):
        chip({"W_in": {"from": 3, "cells": "digital"}})


def test_what_hardware_refuses_is_said_of_the_key_that_was_typed():
    """Parts of the error of an array become those of a table: nothing is taken out of text."""
    refused = ParameterError("cell", "SynapseArray", "pulses for it", 3, hint="Or so.", verb="must have")
    with pytest.raises(SpecError) as error, under("W_in"):
        raise refused
    found = error.value
    assert (found.name, found.owner, found.wanted, found.got, found.hint, found.verb) == (
        "W_in.cell", "SynapseArray", "pulses for it", 3, "Or so.", "must have",
    )  # fmt: skip
    silent = parts.told(ParameterError("a", "B", verb="is missing"))
    assert str(silent) == "The 'a' parameter of B is missing."


def test_a_table_may_count_steps_in_pulses():
    """Keys of their own in the place of dw_min and up_down, on a kind, on a preset, and one by one."""
    for table in ({"kind": "constant-step", "w_max": 1.0, "w_min": -1.0}, {"kind": "idealized"}):
        cell = hardware.read({"cells": {**table, "pulses_up": 50, "pulses_down": 200}}).cells
        assert (cell.dw_min, cell.up_down, cell.w_max, cell.w_min) == (0.04, 0.75, 1.0, -1.0)
    changed = hardware.read({"name": "gokmen-vlasov", "cells": {"pulses_up": 400, "pulses_down": 400}}).cells
    assert (changed.dw_min, changed.up_down) == (0.005, 0.0)
    assert hardware.read(hardware.write(Chip(cells=cell))).cells == cell
    for table, sentence in [
        (
            {"pulses_up": 5},
            "The 'hardware.cells.pulses_down' parameter of ConstantStep is missing: it belongs to 'pulses_up'.",
        ),
        (
            {"pulses_up": 5, "pulses_down": 0.5},
            "The 'hardware.cells.pulses_down' parameter of ConstantStep must be pulses, 1 or more.",
        ),
        (
            {"pulses_up": 5, "pulses_down": 5, "dw_min": 0.1},
            "The 'hardware.cells.dw_min' parameter of ConstantStep cannot be combined with",
        ),
    ]:
        with pytest.raises(SpecError) as error:
            hardware.read({"cells": {"kind": "constant-step", **table}})
        assert str(error.value.under("hardware")).startswith(sentence)
    with pytest.raises(SpecError, match=r"The 'cells\.pulses_up' parameter of LinearStep is unknown"):
        hardware.read({"cells": {"kind": "linear-step", "pulses_up": 5, "pulses_down": 5}})


def pulses(tmp_path, name="pulses.csv"):
    """A file of 20 pulses up and 20 down: a tenth of what is left, or of what is there."""
    g, lines = 1.0, ["direction,before [uS],after [uS]"]
    for way in ["up"] * 20 + ["down"] * 20:
        h = g + (0.1 * (10 - g) if way == "up" else -0.1 * g)
        lines.append(f"{way},{g!r},{h!r}")
        g = h
    (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / name


def test_measured_pulses_are_hardware_by_the_name_of_their_file(tmp_path):
    """A record holds numbers: it is read when the file is gone."""
    path = pulses(tmp_path)
    cell = hw.Measured.from_csv(path)
    chip = hardware.read(str(path))
    assert chip == Chip(cells=cell)
    assert hardware.read({"name": str(path), "weight": "pair"}) == Chip(cells=cell, weight=hw.DifferentialPair())
    assert hardware.read({"cells": {"kind": "measured", "file": str(path)}}) == chip
    table = Experiment.parse({"task": {"name": "delayed-xor"}, "hardware": str(path)}).table()
    path.unlink()
    assert Experiment.parse(table).hardware == chip
    assert Experiment.parse(tomllib.loads(dumps(Experiment.parse(table)))).hardware == chip
    with pytest.raises(InputError, match=r"pulses\.csv' cannot be read: No such file or directory"):
        hardware.read(str(path))


def test_a_file_of_pulses_lies_beside_the_toml_file(tmp_path):
    pulses(tmp_path)
    for given in ("pulses.csv", {"cells": {"kind": "measured", "file": "pulses.csv"}}):
        found = resolve({"task": {"name": "delayed-xor"}, "hardware": given}, folder=tmp_path).hardware
        assert found.cells == hw.Measured.from_csv(tmp_path / "pulses.csv")


def test_ramps_of_two_files_are_one_name(tmp_path):
    up, down = tmp_path / "up.csv", tmp_path / "down.csv"
    up.write_text("\n".join(f"{1 - 0.9**k!r}" for k in range(20)), encoding="utf-8")
    down.write_text("\n".join(f"{0.8**k!r}" for k in range(20)), encoding="utf-8")
    cell = hw.Measured.from_csv(up, down=down)
    assert hardware.read(f"{up},{down}").cells == cell
    assert hardware.read({"cells": {"kind": "measured", "file": str(up), "down": str(down)}}).cells == cell
