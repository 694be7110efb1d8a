"""`neuroperturb cache`: the compiled kernels cached on disk."""

from __future__ import annotations

import json as json_text
from typing import Annotated

import typer

from hardware_models.numerics import kernel_cache
from neuroperturb.cli.terminal import say

MEGABYTE = 1e6


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete every kernel of every version.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show, or delete, the compiled kernels cached on disk.

    Kernels are compiled once and cached in a private folder. Set NEUROPERTURB_CACHE to use another folder, or to 0 to disable the cache.
    The cache is never stale, so it need not be cleared except to free space; the least recently used kernels are deleted automatically.

    Example: neuroperturb cache --clear
    """
    deleted = kernel_cache.clear() if clear else None
    usable, files = kernel_cache.folder(), kernel_cache.files()
    ours = [size for path, size, _ in files if path.parent == usable]
    every = [size for _, size, _ in files]
    facts = {
        "folder": str(kernel_cache.root()), "problem": kernel_cache.problem(), "kernels": len(ours), "bytes": sum(ours),
        "kernels_of_other_versions": len(every) - len(ours), "bytes_of_other_versions": sum(every) - sum(ours),
        "limit_bytes": kernel_cache.LIMIT,
    }  # fmt: skip
    if json:
        say(json_text.dumps(facts if deleted is None else facts | {"deleted": deleted}, indent=2))
        return
    if deleted is not None:
        say(f"Deleted {deleted} kernels.")
    say(f"Folder          {facts['folder']}")
    say(f"This version    {_amount(ours)}")
    say(f"Other versions  {_amount(every, ours)}")
    say(f"Limit           {kernel_cache.LIMIT / MEGABYTE:.0f} MB in total; the least recently used are deleted first")
    if facts["problem"]:
        say(facts["problem"])


def _amount(sizes: list[int], but: list[int] | None = None) -> str:
    """Number and total size of kernels, without those in `but`."""
    but = but or []
    return f"{len(sizes) - len(but)} kernels, {(sum(sizes) - sum(but)) / MEGABYTE:.1f} MB"
