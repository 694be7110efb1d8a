"""`neuroperturb cache`."""

import json

import pytest
from typer.testing import CliRunner

from hardware_models.numerics import kernel_cache
from neuroperturb.cli import app as cli


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder with two kernels of this version and one of another."""
    monkeypatch.setenv(kernel_cache.VARIABLE, str(tmp_path / "kernels"))
    kernel_cache.problem.cache_clear()
    for folder, name, size in (
        (kernel_cache.folder(), "a", 100),
        (kernel_cache.folder(), "b", 50),
        (kernel_cache.root() / "old", "c", 7),
    ):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / f"{name}{kernel_cache.SUFFIX}").write_bytes(b"x" * size)
    (kernel_cache.root() / "old" / "mine.txt").write_text("not a kernel")
    yield kernel_cache.root()
    kernel_cache.problem.cache_clear()


def invoke(*arguments):
    result = CliRunner().invoke(cli.app, ["cache", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_shows_what_is_kept(kept):
    facts = json.loads(invoke("--json"))
    assert (facts["folder"], facts["kernels"], facts["bytes"]) == (str(kept), 2, 150)
    assert (facts["kernels_of_other_versions"], facts["bytes_of_other_versions"]) == (1, 7)
    assert "2 kernels, 0.0 MB" in invoke()


def test_it_deletes_kernels_and_nothing_else(kept):
    assert "Deleted 3 kernels." in invoke("--clear")
    assert [path.name for path in kept.rglob("*") if path.is_file()] == ["mine.txt"]
    assert json.loads(invoke("--json"))["kernels"] == 0


def test_it_says_why_nothing_is_kept(monkeypatch):
    monkeypatch.setenv(kernel_cache.VARIABLE, "0")
    kernel_cache.problem.cache_clear()
    try:
        problem = kernel_cache.problem()
        assert problem and problem in invoke()
    finally:
        kernel_cache.problem.cache_clear()
