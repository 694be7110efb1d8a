"""Files beside a record: over this program's own only, never through a link, whole or not at all."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pandas as pd
import pytest
from records import record
from typer.testing import CliRunner

from neuroperturb.cli.app import app
from neuroperturb.results import outputs
from neuroperturb.results.figures import formats, learning_curve
from neuroperturb.results.figures.style import blank
from neuroperturb.spec import InputError

TABLE = "rule,over,loss\nnp,size,1\n"
MADE = {
    "a.html": f"<html><head>{outputs.GENERATOR}</head></html>",
    "a.md": "| a |\n" + outputs.COMMENT,
    "a.csv": TABLE,
}
FOREIGN = {
    "a.html": "<html><head><title>mine</title></head></html>",
    "a.md": "# neuroperturb and I\n",
    "a.csv": "rule,mine\nnp,1\n",
    "a.png": b"\x89PNG\r\n\x1a\n mine",
    "a.parquet": b"PAR1 mine PAR1",
    "a.txt": "mine",
}


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", MADE)
def test_ours_is_replaced(tmp_path, name):
    path = written(tmp_path / name, MADE[name])
    outputs.write_text(path, MADE[name] + "more")
    assert path.read_text() == MADE[name] + "more"


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_somebody_else_stays(tmp_path, name):
    path = written(tmp_path / name, FOREIGN[name])
    before = path.read_bytes()
    with pytest.raises(InputError, match="was not written by neuroperturb: move it away"):
        outputs.write_text(path, MADE.get(name, TABLE))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_written_through_a_link(tmp_path, dangling):
    target = tmp_path / "target.csv"
    if not dangling:
        written(target, TABLE)
    (tmp_path / "a.csv").symlink_to(target)
    with pytest.raises(InputError, match="is a link"):
        outputs.write_text(tmp_path / "a.csv", TABLE + "more")
    assert target.exists() is not dangling
    assert (tmp_path / "a.csv").is_symlink()


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError, match="move it away"):
        outputs.write_text(tmp_path / "a.csv", TABLE)


def test_a_picture_of_ours_is_drawn_again_and_one_of_matplotlib_is_not(tmp_path):
    for _ in range(2):
        path = learning_curve.save(record(), tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    other = tmp_path / "b.png"
    blank(2, 2).savefig(other)
    with pytest.raises(InputError):
        learning_curve.save(record(), other)


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_a_figure_has_the_format_of_its_name_is_the_same_twice_and_known_as_ours(tmp_path, kind, start):
    path = tmp_path / f"a.{kind}"
    first = learning_curve.save(record(), path).read_bytes()
    assert first.startswith(start)
    assert learning_curve.save(record(), path).read_bytes() == first
    written(path, b"mine")
    with pytest.raises(InputError):
        learning_curve.save(record(), path)
    with pytest.raises(InputError, match="must end in"):
        learning_curve.save(record(), tmp_path / "a.bmp")


def test_several_formats_at_once(tmp_path):
    path = record().save(tmp_path / "a.b.nc")  # a dot in a name stays
    assert CliRunner().invoke(app, ["report", str(path), "--format", "svg,pdf", "--format", "png"]).exit_code == 0
    assert {one.name for one in tmp_path.iterdir()} == {"a.b.nc", "a.b.svg", "a.b.pdf", "a.b.png"}


def test_figures_of_a_page_keep_their_names_apart_and_escape_what_users_wrote(tmp_path):
    figure = blank(2, 2)
    figure.subplots().set_title("<script>alert(1)</script> & $x")
    made = [formats.inline(figure, name, 'a "caption" <b>') for name in ("one", "two")]
    names = [set(re.findall(r'\bid="([^"]+)"', text)) for text in made]
    assert names[0] and names[0].isdisjoint(names[1])
    for text in made:
        assert "<script" not in text and "<b>" not in text and "<style" not in text
        assert not re.search(r"(url\(|href=\")(?!#(one|two)-)", text)
        ElementTree.fromstring(text)


def test_report_leaves_a_picture_of_somebody_else(tmp_path):
    path = record().save(tmp_path / "a.nc")
    written(tmp_path / "a.png", b"mine")
    result = CliRunner().invoke(app, ["report", str(path)])
    assert result.exit_code == 2
    assert "np-trace unbiased on delayed-xor" in result.stdout
    assert "was not written by neuroperturb" in result.stderr
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert CliRunner().invoke(app, ["report", str(path), "--no-figure"]).exit_code == 0


RUN = [
    "run",
    "delayed-xor",
    "--rule",
    "np",
    "--quiet",
    "--epochs",
    "1",
    "--set",
    "network.size=2",
    "--set",
    "task.trials_per_epoch=2",
]
RUN += ["--set", "task.validation_trials=2", "--set", "task.test_trials=2", "--set", "training.batch_size=2"]


def test_a_run_is_kept_where_its_picture_cannot_be(tmp_path):
    written(tmp_path / "a.png", b"mine")
    result = CliRunner().invoke(app, [*RUN, "--out", str(tmp_path / "a.nc")])
    assert result.exit_code == 0, result.output
    assert "was not written by neuroperturb" in result.stderr
    assert (tmp_path / "a.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["device", "reram-sb"], "reram-sb.png"),
        (["align", "np", "--samples", "40", "--size", "2", "--steps", "2"], "alignment.csv"),
        (["align", "np", "--samples", "40", "--size", "2", "--steps", "2"], "alignment.png"),
    ],
)
def test_commands_say_so_before_they_compute(tmp_path, command, name, monkeypatch):
    written(tmp_path / name, b"mine")
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "was not written by neuroperturb" in result.stderr
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"mine")]


def test_the_table_of_an_alignment_is_written_again_and_neutral(tmp_path):
    from neuroperturb.analysis.alignment import align

    found = align.align("np", samples=40, size=2, steps=2)
    found.frame["rule"] = "=cmd()"
    for _ in range(2):
        found.to_csv(tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["rule"].unique().tolist() == ["'=cmd()"]
    assert tuple(found.frame.columns[:2]) == align.COLUMNS


def test_a_notebook_shows_a_figure_that_pyplot_does_not_know():
    shown = blank(2, 1)._repr_png_()
    assert shown.startswith(b"\x89PNG\r\n")
    width, height = (int.from_bytes(shown[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (200, 100)
