"""`neuroperturb verify`: recorded cases through the kernels that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.analysis import verify as verification


def verify(files: Annotated[list[Path], typer.Argument(metavar="FILE.npz…", help="Recorded cases.")]) -> int:
    """Replay recorded cases through the kernels that train, pulse curves through the presets; exit 1 on a mismatch."""
    return verification.main(files)
