"""Figures as files: a PNG is written whole, or not at all."""

from __future__ import annotations

import io
from pathlib import Path

from neuroperturb.results import outputs


def write(figure, path: str | Path) -> Path:
    """Write a matplotlib Figure as a PNG and return its path."""
    return outputs.write(path, image(figure))


def image(figure, dpi: int = 150) -> bytes:
    """A matplotlib Figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi, format="png", metadata={"Software": outputs.PROGRAM})
    return buffer.getvalue()
