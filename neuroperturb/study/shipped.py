"""Studies, notebooks and recorded cases that come with the package: beside this file in an installation, in the repository where one works on it."""

from __future__ import annotations

import json
from pathlib import Path

from neuroperturb.spec import InputError, suggest

INSTALLED = Path(__file__).with_name("shipped")  # put there by the build
REPOSITORY = Path(__file__).parents[2]


def studies() -> dict[str, Path]:
    """The declarations of studies, by name."""
    return _files("studies", "*.toml")


def notebooks() -> dict[str, Path]:
    """The notebooks, by name, in their order: each has its number in its first line."""
    return dict(sorted(_files("notebooks", "*.ipynb").items(), key=lambda item: _title(item[1])))


def cases() -> list[Path]:
    """The recorded cases, of the published code and of pulse curves."""
    return [*_files("tests/golden", "*.npz").values(), *_files("tests/golden/pulses", "*.npz").values()]


def _title(notebook: Path) -> str:
    return "".join(json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"])


def found(file: Path) -> Path:
    """A file that is there, or the study of that name; raises InputError for a name, without an ending, that is neither."""
    known = studies()
    if file.exists() or str(file) in known:
        return file if file.exists() else known[str(file)]
    if not file.suffix:
        raise InputError(f"There is no study or file {str(file)!r}. {suggest(str(file), known)}")
    return file


def _files(room: str, pattern: str) -> dict[str, Path]:
    folder = INSTALLED / room if INSTALLED.is_dir() else REPOSITORY / room
    return {path.stem: path for path in sorted(folder.glob(pattern))}
