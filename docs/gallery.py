"""Notebooks as pages: prose, code, and what came out when they were executed, with their figures."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import NamedTuple

STYLE = re.compile(r"<style.*?</style>\n?", re.DOTALL)  # of one frame; the site has its own
EMPTY = re.compile(r"\n\s*\n")
LINK = re.compile(r"\]\(\.\./docs/pages/")


class Notebook(NamedTuple):
    """A page in Markdown, and figures by the name that it calls them."""

    text: str
    figures: dict[str, bytes]


def page(path: Path) -> Notebook:
    """A notebook with its outputs; links in it are those of the repository, as seen from docs/pages/learn/notebooks."""
    lines, figures = [], {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines += [LINK.sub("](../../", source), ""]
            if number == 0:
                lines += [
                    f"[Download it](../../../../notebooks/{path.name}), or `neuroperturb new --notebook {path.stem}`.",
                    "",
                ]
            continue
        lines += ["```python", source, "```", ""]
        for k, output in enumerate(cell["outputs"]):
            name = f"{path.stem}-{number}-{k}.png"
            figure = output.get("data", {}).get("image/png")
            if figure is not None:
                figures[name] = base64.b64decode(figure)
            lines += [*_shown(output, name), ""]
    return Notebook("\n".join(lines), figures)


def title(path: Path) -> str:
    """What a notebook is called, with its number: its first line."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")


def _shown(output: dict, figure: str) -> list[str]:
    """The richest form of an output that a page can show."""
    data = output.get("data", {})
    if "image/png" in data:
        return [f"![what the cell above draws]({figure})"]
    if "text/html" in data:
        table = EMPTY.sub("\n", STYLE.sub("", "".join(data["text/html"]))).replace(' border="1"', "")
        return [f'<div class="output">\n{table}\n</div>']
    text = "".join(output.get("text", data.get("text/plain", "")))
    return ["```text", text.rstrip("\n"), "```"] if text.strip() else []
