"""`neuroperturb bench`: how fast the kernels are on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from neuroperturb.analysis.speed import bench as benchmark


def bench(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> int:
    """Benchmark the kernels against plain compiled loops, in this process, on this machine.

    Example: neuroperturb bench --json
    """
    return benchmark.main(json)
