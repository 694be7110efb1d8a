"""Studies and notebooks that come with the package: beside this file in an installation, in the repository where one works on it."""

from __future__ import annotations

from pathlib import Path

INSTALLED = Path(__file__).with_name("shipped")  # put there by the build
REPOSITORY = Path(__file__).parents[2]


def studies() -> dict[str, Path]:
    """The declarations of studies, by name."""
    return _files("studies", "*.toml")


def notebooks() -> dict[str, Path]:
    """The notebooks, by name, in their order."""
    return _files("notebooks", "*.ipynb")


def found(file: Path) -> Path:
    """A file that is there, or the study of that name."""
    return file if file.exists() else studies().get(str(file), file)


def _files(room: str, pattern: str) -> dict[str, Path]:
    folder = INSTALLED / room if INSTALLED.is_dir() else REPOSITORY / room
    return {path.stem: path for path in sorted(folder.glob(pattern))}
