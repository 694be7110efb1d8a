"""What the command line says, and how it is stopped: words, one sentence for a wrong input, signals."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import typer

BAD_INPUT, DIVERGED, INTERRUPTED = 2, 3, 130  # exit codes beside 0


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """What is wrong with the input, or the disk, is one sentence and exit code 2; anything else is a bug and shows."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        warn(_sentence(error))
        raise typer.Exit(BAD_INPUT) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f"{os.fspath(error.filename)!r}: " if isinstance(error.filename, str | os.PathLike) else ""
        return f"{name}{error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


def say(text: str) -> None:
    """A line for the person who asked, at once."""
    print(text, flush=True)


def warn(text: str) -> None:
    """A line beside what was asked for."""
    print(f"neuroperturb: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def stop_request() -> Iterator[list]:
    """A list that Ctrl-C or SIGTERM fills, so that training stops between two chunks; a second one stops at once."""
    stop: list[int] = []
    before = {}

    def request(number, frame):
        del frame
        stop.append(number)
        restore()
        warn("stopping after this chunk; once more to stop at once")

    def restore():
        for number, handler in before.items():
            signal.signal(number, handler)

    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()
