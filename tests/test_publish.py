"""Tables of pages are made from the results, and no number on them is from nowhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # `studies` is no part of the installed package

from studies.publish import data, form, pages, tables  # noqa: E402
from studies.publish.tables import rows  # noqa: E402

RUNS = "rule,task,control,status,test\nnp-p,xor,,finished,0.0123\nnp-p,xor,,finished,0.0327\nnp-p,xor,,diverged,\nnp-p,xor,frozen,finished,0.9\n"
PAGE = """# Page

The mean is 0.90, 2 of 3 are below 0.1.

<!-- results: losses -->
| rule | test |
| --- | --- |
| np-p | 0.90 |
<!-- end -->
"""
QUOTED = """
"README.md" = [
  {text = "The mean is 0.90", is = ["a/runs.csv; control=frozen; mean test"]},
  {text = "2 of 3", is = ["a/runs.csv; control=; solved test<0.1"]},
  {set = ["below 0.1"]},
]
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A repository of one page, one file of results and one table."""
    monkeypatch.setattr(
        tables,
        "TABLES",
        {
            "losses": lambda root: [
                ["rule", "test"],
                ["np-p", rows.mean(data.runs(root, "a/runs.csv", control="frozen"))],
            ]
        },
    )
    (tmp_path / "studies" / "results" / "a").mkdir(parents=True)
    (tmp_path / "studies" / "results" / "a" / "runs.csv").write_text(RUNS, encoding="utf-8")
    (tmp_path / "quoted.toml").write_text(QUOTED, encoding="utf-8")
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def faults(site, page=PAGE, quoted=QUOTED):
    (site / "README.md").write_text(page, encoding="utf-8")
    (site / "quoted.toml").write_text(quoted, encoding="utf-8")
    return pages.check(site, site / "quoted.toml")[0]


def test_every_number_of_our_pages_can_be_traced():
    found, counts = pages.check(ROOT)
    assert found == []
    assert counts.tables >= 10 and counts.quoted >= 50


def test_what_fits_has_no_faults(site):
    assert faults(site) == []


def test_a_table_that_is_not_what_the_data_give_is_found_by_its_line_and_made_again(site):
    wrong = PAGE.replace("| np-p | 0.90 |", "| np-p | 0.80 |")
    assert faults(site, wrong) == [
        "README.md:8: the table 'losses' is not what the data give; run python -m studies.publish"
    ]
    assert [path.name for path in pages.rebuild(site)] == ["README.md"]
    assert (site / "README.md").read_text(encoding="utf-8") == PAGE


def test_a_sentence_that_the_data_contradict_is_found(site):
    assert faults(
        site, PAGE.replace("mean is 0.90", "mean is 0.91"), QUOTED.replace("mean is 0.90", "mean is 0.91")
    ) == ["README.md:3: 0.91 is written, and the data give 0.9"]


@pytest.mark.parametrize("told", ["0.031", "1e-5", "12,300", "19 of 20", "two seeds of twenty", "80 %", "3 ×", "12 ms"])
def test_a_number_from_nowhere_is_found(site, told):
    (fault,) = faults(site, PAGE.replace("# Page", f"# Page\n\nNow {told}!"))
    assert fault.startswith("README.md:3: ") and "is in no table that is made" in fault


def test_a_sentence_that_is_gone_is_said(site):
    assert faults(site, PAGE.replace("2 of 3 are", "Some are")) == [
        "README.md:1: '2 of 3', a phrase of quoted.toml, is not on the page"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Set `rate=0.017`.", "```toml\nrate = 0.017\n```", "Text:\n\n    rate = 0.017", "[a link](a-0.017.md)", "doi:10.1234/0.017",
        "arXiv:2602.22259",
        "<!-- of before: 2 -->\n| what | before |\n|---|---|\n| loss | 0.017 |\n",
    ],
)  # fmt: skip
def test_code_links_and_claims_of_before_are_not_looked_at(site, text):
    assert faults(site, PAGE + "\n" + text + "\n") == []


def test_only_the_columns_that_are_marked_are_of_before(site):
    (fault,) = faults(site, PAGE + "\n<!-- of before: 1 -->\n| before | today |\n|---|---|\n| 0.017 | 0.018 |\n")
    assert fault.startswith("README.md:14: '0.018'")


def test_a_question_that_has_no_answer_says_why(site):
    for question, why in {
        "b/runs.csv; rows": "no file 'runs.csv'", "a/runs.csv; rule=wp; rows": "no row", "a/runs.csv; mean tset": "no column 'tset'",
        "a/runs.csv; mode test": "no statistic 'mode'", "a/runs.csv; rle=np; rows": "no column 'rle'",
    }.items():  # fmt: skip
        with pytest.raises(data.NoSuchData, match=why):
            data.answer(site, question)


def test_a_run_that_diverged_is_no_success(site):
    assert data.answer(site, "a/runs.csv; control=; solved test<0.1") == [2.0, 3.0]
    assert data.answer(site, "a/runs.csv; control=; median test") == [0.0327]
    assert data.answer(site, "a/runs.csv; control=; rows + a/runs.csv; rows") == [7.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00719, "0.0072"),
        (0.0999, "0.10"),
        (0.996, "1.00"),
        (3.15e-4, "3.2e-4"),
        (9.99e-4, "0.0010"),
        (1.44, "1.44"),
        (32.4, "32"),
    ],
)
def test_losses_have_two_digits(value, text):
    assert form.loss(value) == text
    assert form.is_written(text, value)


def test_a_written_number_is_the_value_rounded_to_its_places():
    assert form.is_written("0.40", 0.4049) and not form.is_written("0.40", 0.4051)
    assert form.is_written("1.4e-5", 1.44e-5) and not form.is_written("1.4e-5", 1.46e-5)
    assert form.is_written("51,200", 51200.0) and form.is_written("twenty", 20.0) and not form.is_written("two", 3.0)
