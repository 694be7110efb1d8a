"""Arrays are values: copies are independent and go on to the same bits, in memory, in other processes and in files."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from slow_cases import slow

import hardware_models as hw
from hardware_models.numerics.compiled import COMPILED
from hardware_models.numerics.record import Record, record
from hardware_models.saving import atomic, seal
from hardware_models.saving.file import ArrayFileError
from hardware_models.saving.parts import PartError

pytestmark = pytest.mark.kernels

READING = hw.Reading(
    dac=hw.Converter(bits=7), adc=hw.Converter(bits=9, bound=12.0), scaling=hw.AbsMax(), bound_management=hw.Iterative(),
    output_noise_std=0.06, gain_std=0.1, weight_noise=hw.RootReadNoise(std=0.01),
)  # fmt: skip
AGEING = hw.Ageing(
    drift=hw.Drift(nu=0.05, nu_dtod=0.3), faults=hw.Faults(stuck_low=0.1, rate_high=1e-5), wear=hw.Wear(median=3.0),
    slow=hw.SlowNoise(sources=(hw.OneOverF(std=0.02, fastest=1, slowest=100),)),
)  # fmt: skip
SOFT = hw.SoftBounds(dw_min=0.05, write_noise_std=0.5)
MEASURED = hw.Measured(
    mean_up=(2.0, 1.0, 0.5), mean_down=(0.5, 1.0, 2.0), spread_up=(1.0,) * 3, spread_down=(1.0,) * 3, dw_min=0.02
)
ARRAYS = {
    "ideal": {},
    "ideal, read": {"reading": READING, "columns": 2},
    "four bits": {"cell": hw.Digital(bits=4)},
    "soft bounds": {"cell": SOFT, "costs": hw.COSTS["reram"], "track": True},
    "a pair, aged": {"cell": SOFT, "weight": hw.DifferentialPair(), "time": AGEING, "reading": READING, "columns": 3},
    "one-sided, trains": {"cell": hw.PRESETS["pcm"].cells, "weight": hw.OneSidedPair(refresh_every=2), "writing": hw.CoincidenceTrains()},
    "zero-shifted": {"cell": SOFT, "weight": hw.ZeroShifted(reference_std=0.01), "writing": hw.MixedPrecision()},
    "transfer": {"cell": SOFT, "writing": hw.Transfer(method="agad", chopper=0.5, rows=3, auto_granularity=3), "columns": 3},
    "tiles": {"cell": SOFT, "writing": hw.Tiles(rows=3, threshold=0.1), "time": AGEING},
    "written once": {"programming": hw.Hermes(), "reading": READING},
    "verified": {"cell": hw.PRESETS["ecram"].cells, "programming": hw.WriteVerify(tolerance=0.05)},
    "measured": {"cell": MEASURED, "weight_scale": 2.0},
    "array of its own noise": {"cell": hw.PRESETS["reram-array-om-corrupt"].cells},
}  # fmt: skip


def made(name, dtype=np.float32):
    """An array in the middle of its life: programmed, pulsed, written, read along both sides, aged, calibrated."""
    array = hw.SynapseArray((3, 5), **{"seed": 7, "number": 2, "dtype": dtype, **ARRAYS[name]})
    array.program(np.linspace(-0.4, 0.5, 15).reshape(3, 5))
    array.calibrate()
    live(array)
    return array


def live(array):
    """What an array does in a while, and all that comes out of it."""
    rng, found = np.random.default_rng(4), []
    for _ in range(3):
        if not isinstance(array.programming, hw.WrittenOnce):
            array.update(rng.normal(size=3), 0.2 * rng.normal(size=5), 0.3)
        found += [array.sweep(rng.normal(size=5)), array.rmatvec(rng.normal(size=(2, 3)))]
    array.age(10.0)
    array.compensate()
    found += [array.read(), array.matvec(rng.normal(size=(2, 5))), np.array(array.pulse_counts())]
    return [a.tobytes() for a in found] + [repr(array.ledger())]


def through_file(array, tmp_path):
    return hw.SynapseArray.load(array.save(tmp_path / "array.nc"))


WAYS = {
    "copy": lambda a, _: copy.copy(a),
    "deepcopy": lambda a, _: copy.deepcopy(a),
    **{f"pickle {k}": lambda a, _, k=k: pickle.loads(pickle.dumps(a, protocol=k)) for k in (2, 5)},
    "twice": lambda a, _: copy.deepcopy(pickle.loads(pickle.dumps(copy.copy(a)))),
    "file": through_file,
}


# compiled, every array is half a minute of kernels, of which copies have none of their own
SOME = ("four bits", "a pair, aged") if COMPILED else tuple(ARRAYS)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_independent_and_goes_on_to_the_same_bits(name, way, tmp_path):
    array = made(name)
    state = pickle.dumps(array.__getstate__()["arrays"])
    other = WAYS[way](array, tmp_path)
    assert type(other) is hw.SynapseArray
    assert (other.shape, other.dtype, other.number, other.columns, other.parts) == (
        array.shape, array.dtype, array.number, array.columns, array.parts,
    )  # fmt: skip
    assert not any(
        np.shares_memory(one, two) for (_, one), (_, two) in zip(array._arrays(), other._arrays(), strict=True)
    )
    theirs = live(other)
    assert pickle.dumps(array.__getstate__()["arrays"]) == state  # nothing moved here
    assert live(array) == theirs
    for a in (array, other):
        a.program(np.full((3, 5), 0.1))
    assert array.read().tobytes() == other.read().tobytes()


@pytest.mark.parametrize("dtype", [np.float32, *slow(np.float64)])
def test_kernels_work_on_the_memory_of_the_copy(dtype):
    """The state that attributes show is that which kernels write, aligned as theirs is."""
    array = made("soft bounds", dtype)
    other = copy.deepcopy(array)
    before, shown = array.read(), other.state.cells.held.copy()
    other.pulse(3)
    assert not np.array_equal(other.state.cells.held, shown)
    assert np.array_equal(array.read(), before)
    assert other.state.cells.w.ctypes.data % 64 == 0
    assert other.record.cells.w is other.state.cells.w


def test_records_are_copied_with_their_addresses():
    fields = hw.SynapseArray((2, 3), SOFT).state
    whole = record(fields)
    for other in (copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert type(other) is type(whole)
        assert np.array_equal(other.cells.step_up, fields.cells.step_up)
        if isinstance(whole, Record):
            assert other.address != whole.address
    assert copy.deepcopy(whole).cells.w is not fields.cells.w


def test_a_read_only_state_makes_an_array_of_its_own():
    """As joblib hands large arrays to its workers: mapped from a file, not to be written to."""
    array = made("soft bounds")
    state = array.__getstate__()
    for values in state["arrays"].values():
        values.flags.writeable = False
    other = hw.SynapseArray.__new__(hw.SynapseArray)
    other.__setstate__(state)
    other.pulse(1)
    for values in state["arrays"].values():
        values.flags.writeable = True


def test_pickle_out_of_band():
    array, buffers = made("ideal"), []
    data = pickle.dumps(array, protocol=5, buffer_callback=buffers.append)
    other = pickle.loads(data, buffers=buffers)
    assert live(other) == live(array)


def move(array, ways):
    for way in ways:
        array.pulse(way)
    return array.read()


@pytest.mark.parametrize("backend", ["threading", *slow("loky")])
def test_arrays_go_through_joblib(backend):
    joblib = pytest.importorskip("joblib")
    array = made("soft bounds")
    jobs = (joblib.delayed(move)(array if backend == "loky" else copy.copy(array), [1] * k) for k in range(3))
    options = {"max_nbytes": 10} if backend == "loky" else {}  # every array is mapped, read-only
    found = joblib.Parallel(n_jobs=2, backend=backend, **options)(jobs)
    assert [move(copy.copy(array), [1] * k).tobytes() for k in range(3)] == [w.tobytes() for w in found]


def test_another_process_goes_on(tmp_path):
    array = made("a pair, aged")
    (tmp_path / "array.pickle").write_bytes(pickle.dumps(array))
    array.save(tmp_path / "array.nc")
    code = """
import pickle, sys
import hardware_models as hw
one, two = pickle.load(open(sys.argv[1], "rb")), hw.SynapseArray.load(sys.argv[2])
for array in (one, two):
    array.pulse(2)
    print(array.matvec([1.0, 2.0, 3.0, 4.0, 5.0]).tobytes().hex())
"""
    call = [sys.executable, "-c", code, str(tmp_path / "array.pickle"), str(tmp_path / "array.nc")]
    done = subprocess.run(call, capture_output=True, text=True, check=True, env=dict(os.environ))
    array.pulse(2)
    assert done.stdout.split() == [array.matvec([1.0, 2.0, 3.0, 4.0, 5.0]).tobytes().hex()] * 2


# ----------------------------------------------------------------------------------------------------------------------
# Files


@dataclass(frozen=True, kw_only=True)
class Stiff(hw.SoftBounds):
    """A cell of one's own."""

    stiffness: float = 2.0


def test_a_chip_in_one_file(tmp_path):
    arrays = {name: made(name) for name in ("ideal", "soft bounds", "four bits")}
    path = hw.SynapseArray.save_all(tmp_path / "chip.nc", arrays)
    found = hw.SynapseArray.load_all(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert live(found[name]) == live(array)
    with pytest.raises(
        ArrayFileError, match="contains 3 arrays, 'ideal', 'soft bounds', 'four bits': read them by load_all"
    ):
        hw.SynapseArray.load(path)


def test_the_file_is_netcdf_and_holds_no_code(tmp_path):
    xarray = pytest.importorskip("xarray")
    array = made("soft bounds")
    path = array.save(tmp_path / "array.nc")
    assert os.listdir(tmp_path) == ["array.nc"]  # no litter
    assert b"pickle" not in path.read_bytes()
    with xarray.open_dataset(path, group="array", engine="h5netcdf") as data:
        assert np.array_equal(data["state.cells.held"], array.state.cells.held)
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        design = json.loads(str(data["made_of"].values))["array"]
    assert design["cell"]["class"] == "SoftBounds"
    assert design["cell"]["dw_min"] == 0.05


def test_a_part_of_ones_own_is_given_and_not_imported(tmp_path):
    array = hw.SynapseArray((2, 3), Stiff(stiffness=3.0), seed=1)
    path = array.save(tmp_path / "array.nc")
    with pytest.raises(PartError, match=r"loading a file imports nothing: pass the class itself, classes=\[Stiff\]"):
        hw.SynapseArray.load(path)
    assert hw.SynapseArray.load(path, classes=[Stiff]).cell == Stiff(stiffness=3.0)


def damaged(whole, how):
    half = len(whole) // 2
    return {
        "cut": whole[:half], "flipped": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        "a page of zeros": whole[:512] + bytes(1024) + whole[1536:], "empty": b"", "text": b"no arrays at all" * 20,
        "seal off": whole[: -seal.SIZE], "longer": whole + b"\n",
    }[how]  # fmt: skip


@pytest.mark.parametrize("how", ["cut", "flipped", "a page of zeros", "empty", "text", "seal off", "longer"])
def test_damage_is_a_sentence(tmp_path, how):
    path = made("ideal").save(tmp_path / "array.nc")
    path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(ArrayFileError, match=r"The file '.*array.nc' (is damaged|contains no arrays)"):
        hw.SynapseArray.load(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ArrayFileError, match=r"The file '.*none.nc' cannot be read: No such file or directory."):
        hw.SynapseArray.load(tmp_path / "none.nc")
    with pytest.raises(OSError):
        made("ideal").save(tmp_path / "no folder" / "array.nc")


@pytest.mark.parametrize("name", ["", "a/b", "made_of", "..", 3])
def test_names_in_a_file(tmp_path, name):
    with pytest.raises(
        hw.ParameterError, match=r"The \'arrays\' parameter of save_all must be a dict whose keys are names."
    ):
        hw.SynapseArray.save_all(tmp_path / "chip.nc", {name: made("ideal")})
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = made("ideal").save(tmp_path / "array.nc")
    before = path.read_bytes()

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "open", lambda path, mode, buffering: Full(path, mode.replace("b", "")), raising=False)
    with pytest.raises(OSError, match="No space left on device"):
        made("soft bounds").save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["array.nc"]


# ----------------------------------------------------------------------------------------------------------------------
# Whatever else is a value


@pytest.mark.parametrize("name", hw.PRESETS)
def test_presets_are_values(name):
    preset = hw.PRESETS[name]
    for other in (copy.copy(preset), copy.deepcopy(preset), pickle.loads(pickle.dumps(preset))):
        assert other == preset
