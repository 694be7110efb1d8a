"""Tables and prose for a file, and for terminals of several widths."""

from __future__ import annotations

import re
import shlex

import pytest

from neuroperturb.results.grid import fit, grid, on_terminal, prose, tinted

COLUMNS = {
    "": ["np-p unbiased", "guess", "echo state, 20 units"],
    **{f"a number {k}": ["0.279", "1.00", "0.299"] for k in range(8)},
    "settings": ["", "", "learning_rate 0.03, and much more that is said of it"],
}
CODES = re.compile(r"\x1b\[[\d;]*m")


def test_a_pipe_gets_plain_text_of_any_width():
    text = grid(COLUMNS, tones=["bad", "dim", "dim"])
    assert "\x1b" not in text
    assert len(text.split("\n")) == 2 + 3
    assert tinted("Does not learn.", "bad") == "Does not learn."
    assert fit("x " * 200) == "x " * 200


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("colours", [True, False])
def test_a_table_fits_the_terminal_and_loses_nothing(width, colours):
    with on_terminal(width, colours):
        text = grid(COLUMNS, tones=["bad", "dim", "dim"])
    assert ("\x1b[31m" in text) == colours
    plain = CODES.sub("", text)
    assert max(map(len, plain.split("\n"))) <= width
    assert all(name in plain for name in COLUMNS)
    parts = plain.split("\n\n")
    assert all("echo state" in part for part in parts)  # each has the first column
    assert plain.count("0.279") == 8
    words = " ".join(plain.split())
    assert all(
        word in words for word in ["learning_rate", "0.03,", "and", "much", "more", "that", "is", "said", "of", "it"]
    )


@pytest.mark.parametrize("width", [50, 80])
def test_long_lines_break_under_what_follows_their_label(width):
    with on_terminal(width, False):
        said = fit(
            "read         error 6.63% of the signal with typical converters and noise, 64 inputs: DAC 0.79%, ADC 1.45%"
        )
        told = prose("Does not learn: worse than guessing. " * 5)
    first, *rest = said.split("\n")
    assert first.startswith("read         error") and rest
    assert all(line.startswith(" " * 13) and line[13] != " " for line in rest)
    assert max(map(len, [*said.split("\n"), *told.split("\n")])) <= width


@pytest.mark.parametrize("width", [50, 80])
def test_a_command_can_be_pasted_from_several_lines(width):
    command = (
        "neuroperturb run delayed-xor --rule my_rules.py:Leaky --hardware reram-es --writing recommended --epochs 40"
    )
    with on_terminal(width, False):
        said = fit(f"try       {command}")
        prose_ = fit(f"try       {command}, with these lines in it")
    assert max(map(len, said.split("\n"))) <= width
    assert said.count(" \\\n") == said.count("\n") > 0 and "\\" not in prose_
    assert shlex.split(said.removeprefix("try").replace("\\\n", "")) == shlex.split(command)


def test_a_line_is_as_long_as_it_looks():
    """x̂ takes two characters and one place: the line fits, and the columns of a table stay what they are."""
    line = "Pᵀ(x̂ + √ρ ν)" + " " * 40 + "x̂_j of its unit x̂"
    with on_terminal(len(line) - 3, False):
        assert fit(line) == line
    with on_terminal(len(line) - 4, False):
        assert fit(line) != line
