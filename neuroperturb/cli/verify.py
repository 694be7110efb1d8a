"""`neuroperturb verify`: the training kernels against recorded cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.analysis import verify as verification


def verify(files: Annotated[list[Path], typer.Argument(metavar="FILE.npz…", help="Recorded cases.")]) -> int:
    """Check the training kernels and the presets against recorded cases and pulse curves; exit 1 on a mismatch.

    Example: neuroperturb verify tests/golden/*.npz
    """
    return verification.main(files)
