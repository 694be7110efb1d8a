"""Ways to a chip: a Python function, a program that speaks JSON lines, and a socket on this machine.

A line is one presentation, a JSON object with the fields of :class:`~neuroperturb.training.black_box.presentation.Presentation`, arrays as nested
lists; the answer is one line with the fields of :class:`~neuroperturb.training.black_box.presentation.Measurement`.

    → {"kind": "learn", "number": 0, "inputs": [[[…]]], "noise": [[[[…]]]], "weights": {"W_in": [[…]], …}, …}
    ← {"loss": [[0.51, 0.47]], "activity": [[[[…]]]]}

An answer ``{"error": "…"}`` ends the run with this sentence.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any, Protocol, Self

from neuroperturb.spec import InputError, SpecError
from neuroperturb.training.black_box.presentation import Measurement, Presentation

PATIENCE = 60.0  # seconds until a chip that does not answer is given up
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Door(Protocol):
    """A way to a chip.

    name : what it is called in records
    """

    name: str

    def present(self, request: Presentation) -> Measurement:
        """Have the chip present this, and bring back what was measured."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class FunctionDoor:
    """A function of a request, which returns a :class:`Measurement`, a dict of its fields, or the loss alone."""

    def __init__(self, function: Callable[[Presentation], Any]) -> None:
        self._function = function
        self.name = f"function {getattr(function, '__qualname__', type(function).__qualname__)}"

    def present(self, request: Presentation) -> Measurement:
        """Call it."""
        return Measurement.of(self._function(request))

    def close(self) -> None:
        """Nothing to end."""


class LineDoor:
    """A conversation in lines.

    reader, writer : files of text;  name : for records and errors;  patience : seconds that an answer may take
    """

    def __init__(self, reader: IO[str], writer: IO[str], name: str, patience: float = PATIENCE) -> None:
        self._reader, self._writer, self.name, self._patience = reader, writer, name, patience

    def present(self, request: Presentation) -> Measurement:
        """Send a line, and wait for one."""
        try:
            self._writer.write(json.dumps(request.table(), allow_nan=False) + "\n")
            self._writer.flush()
        except (OSError, ValueError) as error:
            raise self._failed(f"does not take a request ({error})") from None
        line = self._line()
        if not line:
            raise self._failed("has ended" + self._reason())
        try:
            told = json.loads(line)
        except ValueError:
            raise self._failed(f"answered what is not a line of JSON: {line[:60]!r}") from None
        if isinstance(told, dict) and "error" in told:
            raise self._failed(f"reports: {str(told['error'])[:500]}")
        return Measurement.of(told)

    def close(self) -> None:
        """Close both ends."""
        for end in (self._writer, self._reader):
            with contextlib.suppress(OSError):  # gone already
                end.close()

    def _line(self) -> str:
        """The next line, waited for in another thread, since a pipe cannot be told how long to wait."""
        found: list[str] = []
        waiting = threading.Thread(target=lambda: found.append(self._read()), daemon=True)
        waiting.start()
        waiting.join(self._patience)
        if waiting.is_alive():
            raise self._failed(f"has not answered for {self._patience:g} s")
        return found[0]

    def _read(self) -> str:
        try:
            return self._reader.readline()
        except (OSError, ValueError):
            return ""

    def _reason(self) -> str:
        return ""

    def _failed(self, why: str) -> InputError:
        return InputError(f"The chip {self.name!r} {why}.")


class ProgramDoor(LineDoor):
    """A program that reads requests from its standard input and writes answers to its standard output.

    Parameters
    ----------
    command : list of str, the program and its arguments; no shell is involved
    patience : float, seconds that an answer may take
    """

    def __init__(self, command: Sequence[str], patience: float = PATIENCE) -> None:
        if isinstance(command, str) or not command:
            raise SpecError("command", "ProgramDoor", "a list: the program, and its arguments", command)
        try:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        except OSError as error:
            raise InputError(f"The chip {' '.join(command)!r} cannot be started: {error.strerror or error}.") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        super().__init__(self._process.stdout, self._process.stdin, " ".join(command), patience)

    def close(self) -> None:
        """End the program: its input is closed, and it is stopped if that does not end it."""
        super().close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _reason(self) -> str:
        try:
            return f" with the exit code {self._process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            return ""


class SocketDoor(LineDoor):
    """A server on this machine that answers in lines; what is sent is not encrypted, so other machines are refused.

    Parameters
    ----------
    port : int
    host : str, "127.0.0.1", "::1" or "localhost"
    patience : float, seconds that an answer may take
    """

    def __init__(self, port: int, host: str = "127.0.0.1", patience: float = PATIENCE) -> None:
        if host not in LOOPBACK:
            hint = "What is sent is not encrypted: to reach another machine, forward a port, as ssh -L does."
            raise SpecError("host", "SocketDoor", "of this machine, '127.0.0.1', '::1' or 'localhost'", host, hint)
        try:
            self._socket = socket.create_connection((host, port), timeout=patience)
        except (OSError, OverflowError) as error:
            raise InputError(f"The chip at {host}:{port} cannot be reached: {error}.") from None
        self._socket.settimeout(None)  # the conversation has a patience of its own
        reader, writer = (self._socket.makefile(mode, encoding="utf-8") for mode in ("r", "w"))
        super().__init__(reader, writer, f"{host}:{port}", patience)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # the other side has
            self._socket.shutdown(socket.SHUT_RDWR)
        super().close()
        self._socket.close()

    @classmethod
    def at(cls, address: str, patience: float = PATIENCE) -> Self:
        """Of an address, ``"127.0.0.1:5000"``."""
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            raise SpecError("address", "SocketDoor", "host:port, such as 127.0.0.1:5000", address)
        return cls(int(port), host or "127.0.0.1", patience)


def door_to(chip: Door | Callable[[Presentation], Any] | Sequence[str] | str) -> Door:
    """The door to a chip: itself; of a function; of a program, given as a list; or of an address, ``"127.0.0.1:5000"``."""
    if hasattr(chip, "present") and hasattr(chip, "name"):
        return chip  # type: ignore[return-value]
    if callable(chip):
        return FunctionDoor(chip)
    if isinstance(chip, str):
        return SocketDoor.at(chip)
    return ProgramDoor(chip)  # type: ignore[arg-type]
