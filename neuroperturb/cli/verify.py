"""`neuroperturb verify`: the training kernels against recorded cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.analysis import verify as verification
from neuroperturb.spec import InputError
from neuroperturb.study import shipped as files_that_ship


def verify(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE.npz…", help="Recorded cases.")] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="The cases that come with the package.")] = False,
) -> int:
    """Check the training kernels and the presets against recorded cases and pulse curves; exit 1 on a mismatch.

    Example: neuroperturb verify --shipped
    """
    if shipped == bool(files):
        raise InputError("Give files of recorded cases, or '--shipped' for those that come with the package.")
    return verification.main(files_that_ship.cases() if shipped else files or [])
