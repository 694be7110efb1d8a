"""The record of a run: every bit comes back, a damaged file is refused, a failed write leaves nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
from records import record

from hardware_models.saving import atomic
from neuroperturb.results.figures import learning_curve as plots
from neuroperturb.results.figures.style import spread
from neuroperturb.results.file import RecordError
from neuroperturb.results.run import differences, load, same_science


def test_every_bit_comes_back(tmp_path):
    before = record()
    after = load(before.save(tmp_path / "a.nc"))
    assert differences(before, after) == []
    assert same_science(before, after)
    for name, array in before.state.items():
        assert after.state[name].dtype == np.asarray(array).dtype
    assert after.experiment == before.experiment
    assert (after.versions, after.cpu, after.timestamps) == (before.versions, before.cpu, before.timestamps)
    assert after.results["name"].tolist() == ["np-trace unbiased", "guess"]
    assert after.history["seconds"].tolist() == before.history["seconds"].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


def test_an_empty_run_comes_back(tmp_path):
    before = record(history=[], results=[], state={}, status="diverged", diverged_step=3)
    after = load(before.save(tmp_path / "a.nc"))
    assert same_science(before, after)
    assert (after.status, after.diverged_step, len(after.history)) == ("diverged", 3, 0)


def test_every_matrix_has_named_dimensions():
    tree = record().to_xarray()
    for name, matrix in tree["weights"].data_vars.items():
        assert all(not dimension.startswith(name) for dimension in matrix.dims), name


def test_xarray_opens_it(tmp_path):
    xarray = pytest.importorskip("xarray")
    with xarray.open_datatree(record().save(tmp_path / "a.nc"), engine="h5netcdf") as tree:
        assert tree["history"]["train_loss"].dims == ("epoch",)
        assert tree["weights"]["W_rec"].shape == (20, 20)
        assert tree["state"]["bool"].dtype == bool  # the state lies end to end, one array a type


def test_time_and_machine_are_no_science():
    timed = record()
    timed.history["seconds"] *= 2
    timed.results["seconds"] += 1
    assert same_science(record(), timed)
    assert same_science(record(), record(timestamps={}, cpu={"name": "other"}, versions={}))
    weights = {name: w.copy() for name, w in record().weights.items()}
    weights["W_rec"][3, 4] = np.nextafter(weights["W_rec"][3, 4], np.float32(9))
    assert differences(record(), record(weights=weights)) == ["weights/W_rec"]
    assert not same_science(record(), record(seeds={"init": 1}))


def test_a_flipped_bit_is_found(tmp_path):
    path, rng = tmp_path / "a.nc", random.Random(0)
    before = record()
    raw = before.save(path).read_bytes()
    for _ in range(60):
        damaged = bytearray(raw)
        damaged[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            assert same_science(load(path), before)  # the bit was in no man's land
        except RecordError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = tmp_path / "a.nc"
    raw = record().save(path).read_bytes()
    path.write_bytes(raw[: kept if isinstance(kept, int) else int(kept * len(raw))])
    with pytest.raises(RecordError, match="is damaged, or was not written by neuroperturb"):
        load(path)


def test_foreign_files_are_refused(tmp_path):
    import h5py

    with pytest.raises(RecordError, match="There is no run file"):
        load(tmp_path / "none.nc")
    with pytest.raises(RecordError, match="There is no run file"):
        load(tmp_path)
    with h5py.File(tmp_path / "foreign.nc", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(RecordError, match="is not a run of neuroperturb"):
        load(tmp_path / "foreign.nc")
    with h5py.File(record().save(tmp_path / "later.nc"), "a") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(RecordError, match="has format 99"):
        load(tmp_path / "later.nc")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = record().save(tmp_path / "a.nc")
    before = path.read_bytes()
    with pytest.raises(TypeError):
        record(ledger={"not plain": object()}).save(path)

    def full(file, data):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_write_all", full)
    with pytest.raises(OSError, match="No space left"):
        record().save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


def test_words_and_pictures(tmp_path):
    shown = record(status="diverged", diverged_step=17)
    assert "diverged at step 17" in shown.report()
    assert "guess" in shown.report()
    assert shown._repr_html_().startswith("<div>")
    assert repr(shown) == "<Run np-trace unbiased on delayed-xor: diverged, 3 of 10 epochs>"
    assert plots.save(shown, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    plots.save(
        record(history=[{**record().history.iloc[0], "train_loss": np.nan, "validation_loss": 0.0}]), tmp_path / "b.png"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_labels_are_spread():
    heights = [0.99, 0.98, 0.5, 0.01, 0.0, 0.97]
    placed = np.array(spread(heights, 0.05))
    ranked = placed[np.argsort(heights)]
    assert (np.diff(ranked) >= 0.05 - 1e-9).all()
    assert ranked[0] >= -1e-9
    assert ranked[-1] <= 1 + 1e-9
    assert placed[2] == 0.5
