"""Pages and what they say: blocks that are made, sentences that quote, numbers that nobody can trace.

    <!-- results: NAME -->      the table NAME of :mod:`.tables`, up to <!-- end -->, is made from the data
    <!-- of before: 1, 2 -->    columns 1 and 2 of the table below hold claims of before, which are not looked up
    <!-- measured by: … -->     a command measures the table below, nothing keeps it
    <!-- recorded in: … -->     the numbers of the table below stand in that file

quoted.toml has, for every page, a list of phrases; white space in them fits line breaks, too:

    {text = "fails on two seeds of twenty", is = ["credit/runs.csv; …; count test>0.5", "credit/runs.csv; …; rows"]}   looked up
    {text = "0.22 ns here", in = "benchmarks/results/README.md"}           its numbers stand in that file
    {text = "worst relative difference 9e-15", by = "neuroperturb verify tests/golden/*.npz"}   a command measures it, nothing keeps it
    {set = ["errors of 0.05 in every read"]}                               settings: no results

Code, comments, the targets of links, DOIs and arXiv numbers are never looked at.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from studies.publish import data, form, tables

BLOCK = re.compile(r"<!-- results: ([\w-]+) -->\n(.*?)<!-- end -->", re.DOTALL)
TABLE = re.compile(r"<!-- (of before|measured by|recorded in): (.+?) -->\n((?:\|.*\n)+)")
SKIPPED = re.compile(
    r"^```[\s\S]*?^```$|(?<=\n\n)(?: {4}.*\n?)+|<!--[\s\S]*?-->|`[^`\n]*`|\]\([^)]*\)|doi:\S+|arXiv:\S+|\b10\.\d{4,}/\S+|https?://\S+",
    re.MULTILINE,
)
EVERYWHERE = ("Python 3.11", "scripts of 0.1", "script of 0.1")
QUOTED = Path(__file__).with_name("quoted.toml")


class Found(NamedTuple):
    """What a check went through."""

    tables: int
    quoted: int
    recorded: int
    measured: int
    settings: int


def pages(root: Path) -> list[Path]:
    """Whose every number is traced."""
    return [root / "README.md", *sorted((root / "docs" / "pages").rglob("*.md"))]


def rebuild(root: Path) -> Iterator[Path]:
    """Write the tables into all pages; those of studies, too."""
    for path in _with_tables(root):
        old = path.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda found: f"<!-- results: {found[1]} -->\n{tables.made(root, found[1])}\n<!-- end -->", old)
        if new != old:
            path.write_text(new, encoding="utf-8")
            yield path


def check(root: Path, quoted: Path = QUOTED) -> tuple[list[str], Found]:
    """Faults, a line each, and what was looked at."""
    phrases = tomllib.loads(quoted.read_text(encoding="utf-8"))
    faults, counts = [], dict.fromkeys(Found._fields, 0)
    traced = {path.relative_to(root).as_posix() for path in pages(root)}
    faults += [f"{quoted.name}: there is no page {name!r}" for name in phrases if name not in traced]
    for path in _with_tables(root):
        page = Page(root, path, counts)
        page.tables()
        if page.name in traced:
            for phrase in phrases.get(page.name, []):
                page.phrase(phrase)
            page.rest()
        faults += [f"{page.name}:{line}: {what}" for line, what in sorted(page.faults)]
    return faults, Found(**counts)


def _with_tables(root: Path) -> list[Path]:
    return [*pages(root), *sorted((root / "studies" / "results").glob("*/README.md"))]


class Page:
    """One page while it is checked.

    seen : bytearray, 1 for every character that needs no explanation any more
    """

    def __init__(self, root: Path, path: Path, counts: dict[str, int]):
        self.root, self.counts = root, counts
        self.name, self.text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        self.seen, self.faults = bytearray(len(self.text)), []
        for found in SKIPPED.finditer(self.text):
            self._see(*found.span())
        for phrase in EVERYWHERE:
            for found in re.finditer(re.escape(phrase), self.text):
                self._see(*found.span())

    def tables(self) -> None:
        """Whether every block is what the data give, and what stands above other tables."""
        for found in TABLE.finditer(self.text):
            self._marked(found)
        for found in BLOCK.finditer(self.text):
            self._see(*found.span())
            self.counts["tables"] += 1
            try:
                wanted = tables.made(self.root, found[1])
            except (KeyError, data.NoSuchData) as error:
                self._fault(found.start(), f"the table {found[1]!r} cannot be made: {error}")
                continue
            if found[2].rstrip("\n") != wanted:
                self._fault(
                    found.start() + self._first_difference(found, wanted),
                    f"the table {found[1]!r} is not what the data give; run python -m studies.publish",
                )

    def phrase(self, phrase: dict) -> None:
        """One entry of quoted.toml."""
        if "set" in phrase:
            self.counts["settings"] += len(phrase["set"])
            for text in phrase["set"]:
                self._find(text)
            return
        for start, text in self._find(phrase["text"]):
            numbers = [found[0] for found in form.NUMBER.finditer(text)]
            if "by" in phrase:
                self.counts["measured"] += len(numbers)
            elif "in" in phrase:
                self._recorded(start, numbers, phrase["in"])
            else:
                self._looked_up(start, numbers, phrase["is"])

    def rest(self) -> None:
        """Numbers that look like results and are explained by nothing."""
        for found in form.LIKE_A_RESULT.finditer(self.text):
            if not all(self.seen[found.start() : found.end()]):
                self._fault(
                    found.start(),
                    f"{found[0]!r} is in no table that is made and in no phrase of studies/publish/quoted.toml",
                )

    def _looked_up(self, start: int, numbers: list[str], questions: list[str]) -> None:
        self.counts["quoted"] += len(numbers)
        try:
            exact = [one for question in questions for one in data.answer(self.root, question)]
        except data.NoSuchData as error:
            self._fault(start, str(error))
            return
        if len(exact) != len(numbers):
            self._fault(start, f"the phrase has {len(numbers)} numbers and {len(exact)} answers")
        for text, value in zip(numbers, exact, strict=False):
            if not form.is_written(text, value):
                self._fault(start, f"{text} is written, and the data give {value:.4g}")

    def _recorded(self, start: int, numbers: list[str], place: str) -> None:
        self.counts["recorded"] += len(numbers)
        there = {
            form.value(found[0]) for found in form.NUMBER.finditer((self.root / place).read_text(encoding="utf-8"))
        }
        for text in numbers:
            if not any(form.is_written(text, value) for value in there):
                self._fault(start, f"{text} is not in {place}")

    def _find(self, text: str) -> list[tuple[int, str]]:
        """Places of a phrase; they are explained by it."""
        pattern = r"\s+".join(re.escape(word) for word in text.split())
        found = [(one.start(), one[0]) for one in re.finditer(pattern, self.text)]
        if not found:
            self._fault(0, f"{text!r}, a phrase of quoted.toml, is not on the page")
        for start, there in found:
            self._see(start, start + len(there))
        return found

    def _marked(self, found: re.Match) -> None:
        """A table that is not made, and says where it is from."""
        kind, of, start = found[1], found[2], found.start(3)
        if kind == "of before":
            columns = {int(one) for one in of.split(",")}
            for line in re.finditer(r".*\n", found[3]):
                cells = list(re.finditer(r"[^|\n]+", line[0]))
                for cell in (cells[column - 1] for column in columns if column <= len(cells)):
                    self._see(start + line.start() + cell.start(), start + line.start() + cell.end())
            return
        numbers = [one[0] for one in form.LIKE_A_RESULT.finditer(found[3])]
        self._see(*found.span())
        if kind == "recorded in":
            self._recorded(start, [one[0] for text in numbers for one in form.NUMBER.finditer(text)], of)
        else:
            self.counts["measured"] += len(numbers)

    def _first_difference(self, found: re.Match, wanted: str) -> int:
        start = found.start(2) - found.start()
        for ours, theirs in zip(found[2].splitlines(keepends=True), wanted.splitlines(), strict=False):
            if ours.rstrip("\n") != theirs:
                break
            start += len(ours)
        return start

    def _see(self, start: int, end: int) -> None:
        self.seen[start:end] = b"\1" * (end - start)

    def _fault(self, start: int, what: str) -> None:
        self.faults.append((self.text.count("\n", 0, start) + 1, what))
