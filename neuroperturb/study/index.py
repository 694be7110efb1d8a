"""Checks of a study's index: a damaged or edited file is rejected as a whole."""

from __future__ import annotations

import re
from typing import Any

NAME = re.compile(r"[0-9a-f]{16}")  # of a run: it becomes a file name
CELL = {
    "grid": str, "control": str, "point": dict, "levels": dict, "settings": dict, "candidates": list, "seeds": list, "names": list,
    "fits": list, "first": int, "keep": int, "tuned": int,
}  # fmt: skip
STUDY = {
    "about": str, "base": (str, dict), "metrics": list, "baselines": list, "threshold": (int, float), "weights": bool, "axes": dict,
    "zip": list, "set": dict, "search": dict, "controls": list, "grid": list, "tune": dict, "ageing": dict, "names": dict,
}  # fmt: skip


def check_study(table: dict[str, Any]) -> dict[str, Any]:
    """The declaration with its name; raises ValueError if it is invalid."""
    _require(isinstance(table["name"], str))
    for key, kind in STUDY.items():
        _require(key not in table or _is(table[key], kind))
    _require(all(isinstance(one, str) for one in table.get("metrics", ())))
    return table


def check_cell(table: Any) -> dict[str, Any]:
    """One cell as plain data; raises ValueError if it is invalid."""
    _require(isinstance(table, dict))
    table = {"tuned": 0, **table}  # only written where a search has seeds of its own
    _require(table.keys() == CELL.keys())
    _require(all(_is(table[key], kind) for key, kind in CELL.items()))
    tried, seeds, names, fits = (table[key] for key in ("candidates", "seeds", "names", "fits"))
    _require(tried and seeds and all(isinstance(one, dict) for one in (*tried, *seeds)))
    _require(len(names) == len(tried) and 0 <= table["tuned"] < len(seeds) and len(fits) == len(seeds) - table["tuned"])
    _require(all(isinstance(row, list) and len(row) == len(seeds) for row in names))
    _require(
        all(isinstance(name, str) and NAME.fullmatch(name) for name in (*fits, *(n for row in names for n in row)))
    )
    _require(all(_is(level, (int, float, str)) for level in table["levels"].values()))
    _require(1 <= table["first"] <= len(seeds) and table["keep"] >= 1)
    return table


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _require(right: Any) -> None:
    if not right:
        raise ValueError
