"""Kernels kept on disk: compiled once, equal bits, and never stale, whatever is edited."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import hardware_models as hw
from hardware_models.numerics import kernel_cache, kernel_key
from hardware_models.numerics.compiled import COMPILED, kernel, separate

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
COUNT = """
from numba.core import event
compiled = []
event.register("numba:compile", type("L", (event.Listener,), {"on_start": lambda s, e: compiled.append(e), "on_end": lambda s, e: None})())
"""
PROGRAM = """
import numpy as np
import formula
from hardware_models.numerics.compiled import kernel, separate
inner = kernel(formula.inner)
apart = separate(inner)
@kernel
def outer(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += apart(x[i])
    return total
print(outer(np.arange(4.0)).hex(), len(compiled))
"""
FORMULA = """
import helper
SCALE = 2.0
def inner(x):
    return helper.gain(x) * SCALE
"""
HELPER = """
import numba
OFFSET = 1.0
@numba.njit
def gain(x):
    return x + OFFSET
"""


def process(folder, program=PROGRAM, **variables):
    """(output, kernels compiled) of a program in a process of its own."""
    environment = {
        **os.environ,
        "NEUROPERTURB_CACHE": str(folder / "cache"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
        **variables,
    }
    (folder / "program.py").write_text(COUNT + textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, folder / "program.py"], env=environment, capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    *words, count = done.stdout.split()
    return words, int(count)


def with_sources(folder):
    (folder / "formula.py").write_text(FORMULA)
    (folder / "helper.py").write_text(HELPER)
    return folder


@pytest.fixture
def folder(tmp_path):
    return with_sources(tmp_path)


class First(NamedTuple):
    """The first process on an empty cache, and the folder it left."""

    folder: Path
    words: list[str]
    compiled: int


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    there = with_sources(tmp_path_factory.mktemp("first"))
    return First(there, *process(there))


@pytest.fixture
def filled(first, folder):
    """A folder as that process left it."""
    shutil.copytree(first.folder / "cache", folder / "cache")
    return folder


def kernels(folder):
    return sorted((folder / "cache").glob("*/*.kernel"))


def test_the_second_process_compiles_nothing_and_gives_the_same_bits(first, filled):
    second, again = process(filled)
    assert first.words == second == [float(2 * (1 + 2 + 3 + 4)).hex()]
    assert first.compiled > 0 and again == 0
    assert kernels(first.folder) and not list((first.folder / "cache").rglob("*.part"))


ARRAY = """
import numpy as np
import hardware_models as hw
array = hw.PRESETS["ecram"].array((3, 2), seed=1)
array.update(np.ones(3), np.full(2, 0.1))
print(float(array.read().sum()).hex(), len(compiled))
"""


def test_arrays_of_pulsed_cells_compile_nothing_in_the_second_process(folder):
    first, compiled = process(folder, ARRAY)
    second, again = process(folder, ARRAY)
    assert first == second and compiled > 0 and again == 0


def classes(value):
    """Of named tuples, at any depth: arguments of kernels."""
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            yield type(value)
        for part in value:
            yield from classes(part)


@pytest.mark.parametrize("name", hw.PRESETS)
def test_what_kernels_take_is_kept_with_them(name):
    for cls in set(classes(hw.PRESETS[name].array((3, 2), seed=1).state)):
        assert pickle.loads(pickle.dumps(cls)) is cls


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("helper.py", "OFFSET = 1.0", "OFFSET = 3.0", 2 * (3 + 4 + 5 + 6)),
        ("helper.py", "x + OFFSET", "x - OFFSET", 2 * (-1 + 0 + 1 + 2)),
        ("formula.py", "SCALE = 2.0", "SCALE = 5.0", 5 * (1 + 2 + 3 + 4)),
    ],
)
def test_what_is_edited_is_compiled_anew(filled, file, old, new, expected):
    (filled / file).write_text((filled / file).read_text().replace(old, new))
    found, compiled = process(filled)
    assert found == [float(expected).hex()] and compiled > 0


FORMULA_ALONE = """
import numpy as np
import hardware_models as hw
cell = hw.PRESETS["ecram"].cells
p = cell.numbers(np.float64)
print(cell.pulse_up(p, 0.0, 0.002, 1.0, -1.0, 0.0, 0.0, 0.0).hex(), len(compiled))
"""
FORMULA_IN_A_CELL = (
    FORMULA_ALONE
    + """
array = hw.Hardware(cells=cell).array((2, 2), dtype=np.float64)
array.pulse(1)
print(array.read().sum().hex(), len(compiled))
"""
)


def test_a_kernel_from_disk_is_called_by_kernels_that_are_compiled_now(folder):
    """The class of a cell's numbers, made on the way, is the same to both."""
    alone, _ = process(folder, FORMULA_ALONE)
    (value, _, total), _ = process(folder, FORMULA_IN_A_CELL)
    assert [value] == alone and np.isfinite(float.fromhex(total))


def test_an_edit_taken_back_finds_the_old_kernels(filled):
    text = (filled / "helper.py").read_text()
    (filled / "helper.py").write_text(text.replace("1.0", "7.0"))
    process(filled)
    (filled / "helper.py").write_text(text)
    assert process(filled) == ([float(20).hex()], 0)


SWAPPED = """
from typing import NamedTuple
import numpy as np
from hardware_models.numerics.compiled import kernel
class Numbers(NamedTuple):
    {first}: float
    {second}: float
@kernel
def ratio(numbers):
    return numbers.a / numbers.b
print(ratio(Numbers(1.0, 4.0)).hex(), len(compiled))
"""


def test_swapped_fields_are_another_kernel(folder):
    assert process(folder, SWAPPED.format(first="a", second="b"))[0] == [(0.25).hex()]
    assert process(folder, SWAPPED.format(first="b", second="a"))[0] == [(4.0).hex()]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other"])
def test_a_damaged_file_is_a_miss(first, filled, damage):
    for path in kernels(filled):
        data = bytearray(path.read_bytes())
        if damage == "truncated":
            data = data[: len(data) // 2]
        elif damage == "flipped":
            data[len(data) // 2] ^= 255
        elif damage == "empty":
            data = b""
        else:
            data = b"something else"
        path.write_bytes(bytes(data))
    found, compiled = process(filled)
    assert found == first.words and compiled > 0
    made_again = [path.read_bytes() for path in kernels(filled)]
    assert made_again and all(hashlib.sha256(data[32:]).digest() == data[:32] for data in made_again)
    if damage == "truncated":
        assert process(filled) == (first.words, 0)


def test_several_processes_at_once_on_an_empty_folder(folder):
    environment = {
        **os.environ,
        "NEUROPERTURB_CACHE": str(folder / "cache"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
    }
    (folder / "program.py").write_text(COUNT + PROGRAM)
    command = [sys.executable, folder / "program.py"]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=folder) for _ in range(3)
    ]
    assert {done.communicate()[0].split()[0] for done in running} == {float(20).hex()}
    assert process(folder) == ([float(20).hex()], 0)


def test_nothing_is_kept_where_it_is_switched_off(folder):
    found, compiled = process(folder, NEUROPERTURB_CACHE="0")
    assert found == [float(20).hex()] and compiled > 0 and not kernels(folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_others_may_write_to_is_not_used(folder):
    (folder / "cache").mkdir(mode=0o777)
    (folder / "cache").chmod(0o777)
    process(folder)
    assert not kernels(folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_folder_is_the_users_alone(first):
    made = first.folder / "cache"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (made, *made.iterdir()))


def test_a_folder_that_cannot_be_made_does_no_harm(folder):
    (folder / "file").write_text("")
    assert process(folder, NEUROPERTURB_CACHE=str(folder / "file" / "inside"))[0] == [float(20).hex()]


def test_kernels_for_kernels_are_called_from_python_all_the_same():
    @kernel
    def inner(x):
        return x * x

    apart = separate(inner)

    @kernel
    def outer(x):
        return inner(x) + apart(x)

    assert outer(3.0) == 18.0
    assert inner(3.0) == 9.0  # compiled once more, with a wrapper


def test_a_part_of_another_kernel_is_optimised_before_it_is_called_by_its_address():
    """It was compiled into a caller first, and left as it was."""

    @kernel
    def double(x):
        for i in range(x.shape[0]):
            x[i] += x[i]

    @kernel
    def inside(x):
        double(x)

    x = np.ones(64, np.float32)
    inside(x)
    (compiled,) = double.overloads.values()
    assert not compiled.library._optimised
    apart = separate(double)

    @kernel
    def outside(x):
        apart(x)

    outside(x)
    assert (x == 4).all() and compiled.library._optimised


def test_a_kernel_that_depends_on_what_is_not_known_has_no_key():
    strange = object()

    def reads(x):
        return strange

    with pytest.raises(kernel_key.Unkeyable):
        kernel_key.fingerprint(reads)


def test_a_displayed_array_does_no_harm(monkeypatch):
    """A prompt keeps what it displayed last among the builtins, where an array answers `==` with an array."""
    monkeypatch.setattr("builtins._", np.ones(2), raising=False)
    assert kernel_key.fingerprint(len) == kernel_key.fingerprint(len)


def test_fingerprints_tell_values_apart():
    values = [
        1,
        1.0,
        True,
        "1",
        b"1",
        np.float32(1),
        np.float64(1),
        np.ones(1),
        np.ones(1, np.float32),
        (1,),
        [1],
        None,
    ]
    assert len({kernel_key.fingerprint(value) for value in values}) == len(values)


def test_old_kernels_are_dropped_first(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROPERTURB_CACHE", str(tmp_path))
    monkeypatch.setattr(kernel_cache, "LIMIT", 250)
    for k in range(4):
        path = tmp_path / "version" / f"{k}.kernel"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (k, k))
    kernel_cache._trim.cache_clear()
    kernel_cache._trim()
    assert sorted(path.stem for path in (tmp_path / "version").iterdir()) == ["2", "3"]
    kernel_cache._trim.cache_clear()


def test_what_a_killed_writer_left_is_cleared(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROPERTURB_CACHE", str(tmp_path))
    (tmp_path / "a").mkdir()
    left, written = tmp_path / "a" / "left.part", tmp_path / "a" / "written.part"
    for part in (left, written):
        part.write_bytes(b"torn")
    os.utime(left, (0, time.time() - 2 * kernel_cache.LEFT))
    kernel_cache._trim.cache_clear()
    kernel_cache._trim()
    kernel_cache._trim.cache_clear()
    assert not left.exists() and written.exists()
    assert kernel_cache.clear() == 0
    assert not list(tmp_path.iterdir())
