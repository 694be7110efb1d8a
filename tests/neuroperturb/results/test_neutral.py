"""Names of people's own are text and nothing else in the files that other programs open."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from neuroperturb.results import neutral


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "@SUM(A1)", "-2+3", '=HYPERLINK("http://x")', "\t=1"])
def test_a_spreadsheet_computes_nothing(text):
    frame = pd.DataFrame({text: [text, "np"], "loss": [-0.5, 1e-300]})
    head, first, second = csv.reader(io.StringIO(neutral.csv(frame)))
    assert head == ["'" + text, "loss"] and first == ["'" + text, "-0.5"] and second == ["np", "1e-300"]


def test_numbers_as_text_stay_numbers():
    assert [neutral.cell(one) for one in ("-1.5", "+2", -3, None)] == ["-1.5", "+2", -3, None]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a|b", r"a\|b"),
        ("[x](http://y)", r"\[x\](http://y)"),
        ("a\nb", "a b"),
        ("rule=np, learning_rate=0.01", "rule=np, learning_rate=0.01"),
    ],
)
def test_markdown_shows_what_was_written(text, right):
    assert neutral.markdown(text) == right
