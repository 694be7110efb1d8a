"""What people and programs put where something else belongs: values, tables with one thing wrong, damaged bytes."""

from __future__ import annotations

import copy
import datetime
import math
import random
from collections.abc import Iterator
from typing import Any

# Sizes are tiny or beyond any machine: those between would run for hours, and be right.
INTEGERS = (
    -(2**70),
    -(2**63) - 1,
    -1,
    0,
    1,
    2,
    3,
    10**12,
    2**31,
    2**32,
    2**53,
    2**62,
    2**63 - 1,
    2**63,
    2**64,
    2**70,
    10**400,
)
FLOATS = (
    -math.inf,
    -1e308,
    -1.5,
    -1.0,
    -0.0,
    1e-320,
    1e-300,
    1e-9,
    0.5,
    1.0,
    1.5,
    1e19,
    1e20,
    1e200,
    1e308,
    math.inf,
    math.nan,
)
TEXTS = (
    "", " ", "x", "none", "None", "nan", "1", "1e3", "true", "np", "ideal", "weather", "µ", "日本語", "\u202e", "'", '"', "\\", "{}", "[]",
    "%s", "../..", "/", "/dev/null", ".", ":", "x:y", "a.py:", ":Class", "os:path", "builtins:int", "20 ms", "-70 mV", "\n", "a" * 5000,
)  # fmt: skip
OTHERS = (
    True, False, [], [[]], [1], [1, "a"], ["x", "x"], [1.5, math.nan], [{}], [[1, 2], [3]], {}, {"kind": "x"}, {"kind": 3},
    {"kind": {}}, {"kind": []}, {"name": "x"}, {"name": []}, {"": 1}, {"a": {"b": {"c": 1}}}, datetime.date(1979, 5, 27),
    datetime.datetime(1979, 5, 27, 7, 32), datetime.time(7, 32),
)  # fmt: skip


def wrong_value(draw: random.Random, present: Any = None) -> Any:
    """Anything, now and then made of what is there."""
    kind = draw.randrange(6)
    if kind == 0:
        return draw.choice(INTEGERS)
    if kind == 1:
        return draw.choice(FLOATS)
    if kind == 2:
        return draw.choice(TEXTS)
    if kind == 3:
        return copy.deepcopy(draw.choice(OTHERS))
    return _near(draw, present)


def _near(draw: random.Random, present: Any) -> Any:
    """Something of what is there: the sign, the type or the name is another."""
    if isinstance(present, bool):
        return draw.choice([int(present), str(present), float(present)])
    if isinstance(present, int | float):
        return draw.choice(
            [-present, float(present), str(present), [present], {"value": present}, present + 0.5, 0 * present]
        )
    if isinstance(present, str):
        return draw.choice([near_miss(draw, present), present.upper(), [present], {"kind": present}, {"name": present}])
    if isinstance(present, list):
        return draw.choice(
            [present * 2, present[:-1], present[::-1], [present], {"list": present}, [None][1:], (present or [1])[0]]
        )
    if isinstance(present, dict):
        return draw.choice([[present], list(present), str(present), {**present, "kind": "x"}, {}])
    return draw.choice([draw.choice(INTEGERS), draw.choice(FLOATS), draw.choice(TEXTS)])


def near_miss(draw: random.Random, name: str) -> str:
    """A name with one letter wrong."""
    if not name:
        return "x"
    k = draw.randrange(len(name))
    return draw.choice(
        [
            name[:k] + name[k + 1 :],
            name[:k] + name[k].swapcase() + name[k + 1 :],
            f"{name}s",
            f" {name}",
            f"{name[:k]}_{name[k:]}",
        ]
    )


def paths(table: Any, path: tuple = ()) -> Iterator[tuple]:
    """Ways to everything in a table, tables and lists themselves included."""
    inner = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from paths(value, (*path, key))


def at(table: Any, path: tuple) -> Any:
    """What is there."""
    for step in path:
        table = table[step]
    return table


def one_wrong(draw: random.Random, table: dict) -> tuple[dict, str]:
    """A copy with one thing wrong, and what that is."""
    table = copy.deepcopy(table)
    path = draw.choice(list(paths(table)))
    node, key, dotted = at(table, path[:-1]), path[-1], ".".join(map(str, path))
    way = draw.randrange(10)
    if way == 0 and isinstance(node, dict):
        other = near_miss(draw, key)
        node[other] = node.pop(key)
        return table, f"{dotted} is called {other!r}"
    if way == 1:
        del node[key]
        return table, f"{dotted} is left out"
    if way == 2 and isinstance(node[key], dict):
        node[key][draw.choice(TEXTS)] = wrong_value(draw)
        return table, f"{dotted} holds something else, too"
    node[key] = wrong_value(draw, node[key])
    return table, f"{dotted} = {short(node[key])}"


def without_none(value: Any) -> Any:
    """TOML has no null."""
    if isinstance(value, dict):
        return {key: without_none(inner) for key, inner in value.items() if inner is not None}
    return [without_none(inner) for inner in value if inner is not None] if isinstance(value, list) else value


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}… ({len(text)} characters)"


def damaged(draw: random.Random, content: bytes) -> tuple[bytes, str]:
    """Bytes as a power cut, a bad disk or a bad download leaves them."""
    way = draw.choice(["cut", "flip", "zero", "repeat", "empty", "head", "tail"])
    at = draw.randrange(max(len(content), 1))
    if way == "cut":
        return content[:at], f"cut at {at} of {len(content)}"
    if way == "flip":
        made, places = bytearray(content), [draw.randrange(len(content)) for _ in range(draw.choice([1, 1, 4, 64]))]
        for place in places:
            made[place] ^= 1 << draw.randrange(8)
        return bytes(made), f"bits flipped at {places[:4]}"
    if way == "zero":
        page = draw.choice([64, 512, 4096])
        at -= at % page
        return content[:at] + bytes(len(content[at : at + page])) + content[at + page :], f"{page} zeros at {at}"
    if way == "repeat":
        return content[:at] + content[max(0, at - 512) : at] + content[at:], f"512 bytes twice at {at}"
    if way == "empty":
        return b"", "empty"
    if way == "head":
        return draw.randbytes(16) + content[16:], "another head"
    return content + draw.randbytes(100), "a tail of noise"
