"""Files of the fuzzer's folders: right ones, and what becomes of them in editors, on disks and in other hands."""

from __future__ import annotations

import codecs
import io
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_code import CELL, RULE, TASK
from fuzz_values import TEXTS, damaged

from neuroperturb.results import file as record_file
from neuroperturb.tasks.weather_file import FILE_COLUMNS
from neuroperturb.training.trainer import Trainer


def plain() -> dict[str, bytes]:
    """The right files of every folder, by name."""
    return {
        "my_rule.py": RULE.encode(), "my_task.py": TASK.encode(), "my_cell.py": CELL.encode(), "weather.csv": weather().encode(),
        "pulses.csv": pulses().encode(), "noise.bin": random.Random(1).randbytes(300), "folder/empty": b"",
    }  # fmt: skip


def weather(rows: int = 90) -> str:
    draw = random.Random(2)
    lines = [",".join(("date", *FILE_COLUMNS))]
    for row in range(rows):
        values = (f"{50 + 10 * math.sin(row / 7 + k) + draw.random():.2f}" for k in range(len(FILE_COLUMNS)))
        lines.append(f"2010-01-{1 + row // 24:02d} {row % 24:02d}:00:00,{','.join(values)}")
    return "\n".join(lines) + "\n"


def pulses(devices: int = 3, ramp: int = 20) -> str:
    draw = random.Random(3)
    lines = ["device,direction,conductance before [uS],conductance after [uS]"]
    for device in range(devices):
        g = 3.0
        for way in ("up", "down"):
            for _ in range(ramp):
                step = (0.05 * (20 - g) if way == "up" else -0.05 * (g - 2)) * draw.uniform(0.6, 1.4)
                lines.append(f"A{device},{way},{g:.4f},{g + step:.4f}")
                g += step
    return "\n".join(lines) + "\n"


def records(make: Callable[[dict], Any], task: dict) -> dict[str, bytes]:
    """A finished record and an interrupted one, of hardware and of none."""
    made = {}
    tables = {
        "run.nc": {"rule": "np"}, "ecram.nc": {"rule": "np-trace", "hardware": "ecram"}, "mine.nc": {"rule": "my_rule.py:MyRule"},
        "half.nc": {"rule": "np", "training": {"epochs": 3}},
    }  # fmt: skip
    for name, table in tables.items():
        trainer = Trainer(make({"task": task, **table}))
        while not trainer.ended and not (name == "half.nc" and trainer.step > 4):
            trainer.advance()
        trainer.run().save(name)
        made[name] = Path(name).read_bytes()
        os.remove(name)
    return made


# ----------------------------------------------------------------------------------------------------------------------
# Records of another structure


def other_structure(draw: random.Random, content: bytes) -> tuple[bytes, str]:
    """Something else in a whole file: with the checksum it had, with that of what it holds now, or another library's file."""
    path = Path("structure.nc")
    try:
        if draw.random() < 0.5:
            path.write_bytes(content)
            said = _edited(draw, path)
        else:
            path.write_bytes(content)
            said = _signed(draw, path)
        return path.read_bytes(), said
    finally:
        path.unlink(missing_ok=True)


VALUES = (
    "",
    "{",
    "[]",
    "{}",
    "null",
    "3",
    '"x"',
    '{"a": {}}',
    "[[1]]",
    "nan",
    "\u202e",
    3,
    -1,
    2**40,
    1.5,
    np.zeros(3),
    np.zeros((2, 2)),
    b"\xff",
)


def _edited(draw: random.Random, path: Path) -> str:
    """One attribute, group or variable is another or gone, by h5py."""
    import h5py

    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        way = draw.choice(["attribute", "attribute", "no attribute", "gone", "other", "foreign"])
        if way.endswith("attribute"):
            name = draw.choice(list(file.attrs))
            del file.attrs[name]
            if way == "attribute":
                value = draw.choice(VALUES)
                file.attrs[name] = value
                return f"attribute {name} is {value!r}"
            return f"no attribute {name}"
        if way == "foreign":
            for name in list(file.attrs):
                if name != "format" or draw.random() < 0.5:
                    del file.attrs[name]
            return "attributes gone"
        name = draw.choice(names)
        del file[name]
        if way == "other":
            file[name] = draw.choice(
                [1, 1.5, "text", np.zeros(3), np.zeros((0, 2)), np.array(["a", "b"], dtype="S1"), np.zeros(2, complex)]
            )
        return f"{name} {'is another' if way == 'other' else 'is gone'}"


def _signed(draw: random.Random, path: Path) -> str:
    """One text or array is another, and the file is whole: what a later version, or somebody's script, may write."""
    texts, arrays = record_file.read(path)
    said = "as it was"
    if draw.random() < 0.5:
        name = draw.choice(list(texts))
        value = draw.choice([value for value in VALUES if isinstance(value, str)])
        said, texts[name] = f"signed: {name} is {value!r}", value
    else:
        name = draw.choice(list(arrays))
        array = arrays[name]
        other = draw.choice(
            [
                array[:-1] if array.ndim else array,
                np.zeros((2, 3)),
                np.zeros(0),
                array.astype(object).astype(str).astype(object),
                None,
            ]
        )
        if other is None:
            del arrays[name]
        elif other is not array:
            arrays[name] = other
        said = f"signed: {name} is {'gone' if other is None else f'{other.dtype} {other.shape}'}"
    packed = [(*name.split("/", 1), arrays[name]) for name in sorted(arrays, key=lambda name: name != "history/epoch")]
    try:
        record_file.write(path, texts, packed, draw.choice([None, None, "{}", "[]", "x"]))
    except Exception as error:
        return f"{said}; not written: {error}"
    return said


# ----------------------------------------------------------------------------------------------------------------------
# Cases about files of text


def text_case(Case, draw: random.Random, material, before):
    """A TOML file that editors, people and disks have been at."""
    name = draw.choice(["ok.toml", "study.toml"])
    content = material.files[name]
    way = draw.choice(["damaged", "mark", "encoding", "line ends", "line", "nested", "long", "twice"])
    if way == "damaged":
        content, way = damaged(draw, content)
    elif way == "mark":
        content = (
            draw.choice([codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8 * 2]) + content
        )
    elif way == "encoding":
        way = draw.choice(["utf-16", "utf-32", "utf-16-le", "cp1252", "cp500", "utf-7"])
        content = ("# µ é\n" + content.decode()).encode(way, errors="replace")
    elif way == "line ends":
        content = content.replace(b"\n", draw.choice([b"\r\n", b"\r", b"\n\n", b"\x0b", b"\x00"]))
    elif way == "line":
        lines = content.splitlines()
        lines.insert(
            draw.randrange(len(lines)),
            draw.choice(["x", "= 3", "[", "[[base]]", "a.b.c = {", "'''", "[task]", *TEXTS]).encode(),
        )
        content = b"\n".join(lines)
    elif way == "nested":
        depth = draw.choice([30, 300, 2000, 20000])
        inner = draw.choice(["[" * depth + "]" * depth, "{a=" * depth + "1" + "}" * depth, ".".join("a" * depth)])
        content = (f"x = {inner}\n" if inner[0] in "[{" else f"{inner} = 1\n").encode() + content
    elif way == "long":
        content = b"task = '" + b"x" * draw.choice([10**4, 10**6]) + b"'\n" + content
    else:
        content = content * 2
    command = ["study", "case.toml", "--dry-run"] if name == "study.toml" else ["run", "case.toml", "--quiet"]
    return Case(f"{name}: {way}", command, {**material.files, "case.toml": content}, before)


CELLS = (
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-1e308",
    "1e309",
    "1e-320",
    "abc",
    "1,5",
    '"',
    '"1',
    "-9999",
    "0",
    "−1",
    "1_0",
    "0x1",
    "NA",
    "up",
    "down",
    "#",
)


def table_case(Case, draw: random.Random, material, before):
    """A CSV of pulses or of weather with something wrong."""
    name = draw.choice(["weather.csv", "pulses.csv"])
    content, said = _table(draw, material.files[name].decode())
    way = draw.choice(["", "", "utf-16", "utf-8-sig", "cp1252", "damaged"])
    coded = damaged(draw, content.encode())[0] if way == "damaged" else content.encode(way or "utf-8", errors="replace")
    files = {**material.files, "case.csv": coded}
    weather_task = '{name = "weather", path = "case.csv", split = 60, horizon = 2, washout = 2, lead_in = 4}'
    if name == "weather.csv":
        command = ["run", "ok.toml", "--quiet", "--set", f"task={weather_task}"]
    else:
        command = draw.choice(
            [
                ["device", "case.csv"],
                ["run", "ok.toml", "--quiet", "--set", 'hardware.cells={kind = "measured", file = "case.csv"}'],
            ]
        )
        command = draw.choice([command, ["run", "ok.toml", "--quiet", "--hardware", "case.csv"]])
    return Case(f"{name} {way}: {said}", command, files, before)


def _table(draw: random.Random, content: str) -> tuple[str, str]:
    """Text of a table with one thing wrong."""
    rows = [line.split(",") for line in content.splitlines()]
    row, column = draw.randrange(len(rows)), draw.randrange(len(rows[0]))
    way = draw.choice(
        [
            "cell",
            "cell",
            "cell",
            "column",
            "row",
            "rows",
            "long",
            "header",
            "delimiter",
            "no column",
            "order",
            "same",
            "blank",
            "null",
        ]
    )
    if way == "cell":
        rows[row][column] = draw.choice(CELLS)
        way = f"cell {row},{column} is {rows[row][column]!r}"
    elif way == "column":
        value = draw.choice(CELLS)
        rows[1:] = [[value if k == column else cell for k, cell in enumerate(one)] for one in rows[1:]]
        way = f"column {column} is {value!r}"
    elif way == "row":
        rows[row] = draw.choice([[], [""], rows[row][:-1], rows[row] * 2, ["#"]])
    elif way == "rows":
        rows = rows[: draw.choice([0, 1, 2, 12, 25])]
    elif way == "long":
        rows[row][column] = draw.choice(["9", "x", " ", "é"]) * draw.choice([131_073, 300_000])
    elif way == "header":
        rows[0] = draw.choice([[], rows[0][::-1], [cell.upper() for cell in rows[0]], ["a"] * len(rows[0]), rows[1]])
    elif way == "no column":
        rows = [one[:column] + one[column + 1 :] for one in rows]
    elif way == "order":
        rows[1:] = rows[:0:-1]
    elif way == "same":
        rows[1:] = [rows[1]] * (len(rows) - 1)
    elif way == "blank":
        rows.insert(row, [])
    elif way == "null":
        rows[row][column] += "\0"
    delimiter = draw.choice([";", "\t", "|", " "]) if way == "delimiter" else ","
    written = io.StringIO()
    written.write("\n".join(delimiter.join(one) for one in rows))
    return written.getvalue(), way
