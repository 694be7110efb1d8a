"""Figures as files, PNG, SVG or PDF by the ending of their name: written whole, or not at all; and as SVG inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from neuroperturb.results import outputs
from neuroperturb.results.figures.style import PAGE
from neuroperturb.spec import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DPI = 150
# Who made it, in the words of each format; no date, so that the same figure is the same file.
METADATA = {
    "png": {"Software": outputs.PROGRAM},
    "svg": {"Creator": outputs.PROGRAM, "Date": None},
    "pdf": {"Creator": outputs.PROGRAM, "CreationDate": None},
}
DROPPED = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)
NAMED = re.compile(r'(\bid="|url\(#|href="#)')


def write(figure: Figure, path: str | Path) -> Path:
    """Write a matplotlib Figure in the format that the ending of the path names, and return the path.

    Raises
    ------
    InputError
        The ending is not one of :data:`FORMATS`, or there is a file that this program did not write.
    """
    return outputs.write(path, image(figure, format_of(path)))


def write_all(figure: Figure, path: Path, formats: Iterable[str]) -> list[Path]:
    """The figure in several formats, under one name."""
    return [write(figure, place) for place in places(path, formats)]


def places(path: Path, formats: Iterable[str]) -> list[Path]:
    """Where the figure of a path goes in several formats: a dot in its name stays."""
    return [path.with_name(f"{path.stem}.{one}") for one in dict.fromkeys(formats)]


def format_of(path: str | Path) -> str:
    """The format that the ending of a path names."""
    found = Path(path).suffix.removeprefix(".").lower()
    if found not in FORMATS:
        raise InputError(
            f"The name of a figure must end in {', '.join('.' + one for one in FORMATS)}. Got {str(path)!r}."
        )
    return found


def chosen(given: Sequence[str] | None) -> tuple[str, ...]:
    """Formats that somebody asked for, each once; PNG by default; several may be separated by commas."""
    asked = [one.strip().lower() for text in given or () for one in text.split(",")]
    for one in asked:
        if one not in FORMATS:
            raise InputError(
                f"The '--format' option must be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}. Got {one!r} instead."
            )
    return tuple(dict.fromkeys(asked)) or ("png",)


def image(figure: Figure, kind: str = "png", dpi: int = DPI) -> bytes:
    """A matplotlib Figure as the bytes of a file."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(PAGE):
        figure.savefig(buffer, dpi=dpi, format=kind, metadata=METADATA[kind])
    return buffer.getvalue()


def inline(figure: Figure, name: str, caption: str) -> str:
    """A figure as an element of an HTML page: names inside it begin with `name`, so that several fit on one page.

    Text in it is text, escaped by the writer of the SVG.
    """
    text = image(figure, "svg").decode("utf-8")
    text = DROPPED.sub("", text[text.index("<svg") :])
    text = NAMED.sub(rf"\g<1>{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
