"""Output of the command line and its end: one-sentence errors for bad input, exit codes, signals."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from neuroperturb.results import folders
from neuroperturb.results.grid import fit, grid, number, on_terminal
from neuroperturb.spec import InputError
from neuroperturb.spec.user_code import blame

DONE, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130  # exit codes
LONGEST, LONGEST_SENTENCE = 200, 1000  # characters of a file name in an error message, and of the message
_unsaid: list[OSError] = []  # why lines could not be written, the first of them


def answered(command: Callable[..., int | None]) -> Callable[..., None]:
    """A command whose return value is the exit code, and whose errors on bad input are one sentence."""

    @functools.wraps(command)
    def call(*arguments, **options) -> None:
        with one_sentence(), warnings_in_words(), fitted():
            code = command(*arguments, **options)
        raise typer.Exit(code or (BAD_INPUT if _unsaid else DONE))

    return call


@contextlib.contextmanager
def fitted() -> Iterator[None]:
    """Inside, tables and prose fit the terminal, if there is one; NO_COLOR and TERM=dumb take the colours away."""
    if not sys.stdout.isatty():
        yield
        return
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") in ("dumb", "unknown")
    with on_terminal(shutil.get_terminal_size().columns, colours=not plain):
        yield


@contextlib.contextmanager
def warnings_in_words() -> Iterator[None]:
    """Inside, a warning meant for a person is its sentence, without the line of code it comes from."""
    before = warnings.showwarning

    def show(message, category, *where, **more):
        if issubclass(category, UserWarning):
            warn(" ".join(str(message).split()))
        else:
            before(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Errors of input, disk or memory become one sentence and exit code 2; any other exception is a bug and is raised."""
    try:
        yield
    except BrokenPipeError:  # the reader of our output has gone
        raise
    except SystemExit as request:  # no command raises it
        reason = f" ({request.code})" if isinstance(request.code, str) else ""
        warn(f"The code of a rule or a task called sys.exit{reason}: remove that call.")
        raise typer.Exit(BAD_INPUT) from None
    except (InputError, OSError, MemoryError) as error:
        warn(sentence(error))
        raise typer.Exit(BAD_INPUT) from None
    except Exception as error:
        told = blame(error)
        if told is None:
            raise
        warn(_cut(told, LONGEST_SENTENCE))
        raise typer.Exit(BAD_INPUT) from None


def sentence(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, OSError) and error.strerror:
        name = f"{_cut(os.fspath(error.filename))!r}: " if isinstance(error.filename, str | os.PathLike) else ""
        return f"{name}{error.strerror}."
    words = _cut(" ".join(str(error).split()), LONGEST_SENTENCE)
    if isinstance(error, MemoryError):
        return f"There is not enough memory{f': {words}' if words else ''}."
    if isinstance(error, OSError):  # not the system's: somebody's code raised it
        return blame(error) or f"{type(error).__name__}{words and f': {words}'}."
    return words or type(error).__name__


def _cut(text: str, longest: int = LONGEST) -> str:
    """A text short enough for an error message: its start and its end."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-longest // 2 :]}"


def say(text: str) -> None:
    """Print a line at once. If it cannot be written, work continues: results are in files."""
    try:
        print(fit(text), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        if not _unsaid:
            _unsaid.append(error)
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (what is buffered would fail again at the end)
            warn(f"The output cannot be written ({error.strerror}).")


def warn(text: str) -> None:
    """Print a line to stderr; if that cannot be written, it is dropped."""
    with contextlib.suppress(OSError):
        line = f"neuroperturb: {text}"
        print(fit(line) if sys.stderr.isatty() else line, file=sys.stderr, flush=True)


def speak_any_letter() -> None:
    """Replace characters that the output encoding lacks: no name and no Greek letter may end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def table(frame) -> str:
    """A pandas frame as text, numbers to three digits."""
    numbers = set(frame.select_dtypes("number"))
    return grid({name: frame[name].map(number if name in numbers else str) for name in frame.columns})


def check_folder(path: Path) -> None:
    """Refuse, before anything is computed, an '--out' that is a file where a folder is wanted."""
    if path.exists() and not path.is_dir():
        raise InputError(f"The '--out' option names {str(path)!r}, which is a file: choose a folder.")


def folder(path: Path) -> Path:
    """A folder for the output of a command, created if missing."""
    return folders.make(path)


@contextlib.contextmanager
def stop_request() -> Iterator[list]:
    """A list that Ctrl-C or SIGTERM fills, so that training stops between two chunks; a second signal stops at once."""
    stop: list[int] = []
    before = {}

    def request(signum, frame):
        del frame
        stop.append(signum)
        restore()
        warn("stopping after this chunk; press Ctrl-C again to stop at once")

    def restore():
        for signum, handler in before.items():
            signal.signal(signum, handler)

    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        for signum in (signal.SIGINT, signal.SIGTERM):
            before[signum] = signal.signal(signum, request)
    try:
        yield stop
    finally:
        restore()
