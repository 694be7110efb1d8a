"""The history of `neuroperturb bench`, one line a commit, in results/history.jsonl.

    neuroperturb bench --json | python benchmarks/keep.py               # append what was measured, with the commit and the day
    python benchmarks/keep.py --show online_1000.ratio machine.target    # figures by commit, oldest first

A commit with changes that are not in it is marked by a +.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
HISTORY = HERE / "results" / "history.jsonl"


def commit(folder: Path = HERE) -> str:
    """The short name of the commit at hand, with a + if files that it knows were changed."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")


def keep(measured: dict, name: str, history: Path = HISTORY) -> None:
    """Append a line; numbers with four digits."""
    line = {"commit": name, "day": datetime.now(UTC).strftime("%Y-%m-%d"), **_rounded(measured)}
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def show(figures: list[str], history: Path = HISTORY) -> str:
    """A row for each commit, a column for each figure, given as keys with dots between; – where a commit has none."""
    lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    rows = [["commit", "day", *figures]]
    rows += [[line["commit"], line["day"], *(str(_at(line, figure)) for figure in figures)] for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _at(line: dict, figure: str):
    found = line
    for key in figure.split("."):
        if not isinstance(found, dict) or key not in found:
            return "–"
        found = found[key]
    return found


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--show", nargs="+", metavar="FIGURE")
    chosen = options.parse_args()
    if chosen.show:
        print(show(chosen.show))
    else:
        keep(json.load(sys.stdin), commit())


if __name__ == "__main__":
    main()
