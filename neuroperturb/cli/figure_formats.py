"""The option `--format` of every command that draws."""

from __future__ import annotations

from typing import Annotated

import typer

Format = Annotated[
    list[str] | None,
    typer.Option(
        "--format", metavar="png|svg|pdf", help="Format of figures; repeatable, or several with commas. Default: png."
    ),
]
