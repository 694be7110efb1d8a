"""Figures as files: a PNG is written whole, or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write(figure, path: str | Path) -> Path:
    """Write a matplotlib Figure as a PNG and return its path."""
    path = Path(path)
    part = path.with_name(f".{path.name}.part-{uuid.uuid4().hex[:8]}")
    try:
        figure.savefig(part, dpi=150, format="png")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path
