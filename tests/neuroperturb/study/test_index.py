"""A damaged index of a study is one sentence, whatever was done to it."""

from __future__ import annotations

import copy
import json

import pytest

from neuroperturb.results.file import RecordError
from neuroperturb.study import declaration
from neuroperturb.study.grid import lay_out
from neuroperturb.study.store import INDEX, StudyFolder

TABLE = {"base": "delayed-xor", "axes": {"rule": ["np", "anp"], "seed": [1, 2]}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = StudyFolder(tmp_path_factory.mktemp("study"))
    study = declaration.parse(TABLE, "s")
    folder.write_index(study, lay_out(study))
    study, cells = folder.read_index()
    assert study["name"] == "s" and len(cells) == 2
    return json.loads((folder.root / INDEX).read_text())


WRONG = [None, True, 3, "x", [], {}, [[]], [None], {"x": 1}]


def places(table, way=()):
    inner = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in inner:
        if way[:1] != ("study",):
            yield (*way, key)
            yield from places(value, (*way, key))


def refused_or_same(tmp_path, text):
    (tmp_path / INDEX).write_bytes(text)
    try:
        StudyFolder(tmp_path).read_index()
    except RecordError as error:
        assert "\n" not in str(error)
        return True
    return False


def test_every_key_that_is_missing_is_told(whole, tmp_path):
    for way in [
        ("format",),
        ("format_version",),
        ("name",),
        ("study",),
        ("cells",),
        *(("cells", 0, key) for key in whole["cells"][0]),
    ]:
        damaged = copy.deepcopy(whole)
        node = damaged
        for step in way[:-1]:
            node = node[step]
        del node[way[-1]]
        assert refused_or_same(tmp_path, json.dumps(damaged).encode()), way


def test_nothing_of_another_type_is_a_traceback(whole, tmp_path):
    tried = 0
    for way in places(whole):
        for value in WRONG:
            damaged = copy.deepcopy(whole)
            node = damaged
            for step in way[:-1]:
                node = node[step]
            node[way[-1]] = value
            tried += refused_or_same(tmp_path, json.dumps(damaged).encode())
    assert tried > 100


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"\xff\xfe", b"\x00" * 4096, b"[" * 100_000, b'{"format": "neuroperturb study"}', b"NaN"],
)
def test_what_is_no_index_is_told(text, tmp_path):
    assert refused_or_same(tmp_path, text)


def test_an_index_cut_short_is_told(whole, tmp_path):
    text = json.dumps(whole).encode()
    for end in range(0, len(text) - 1, 37):
        assert refused_or_same(tmp_path, text[:end])


def test_a_name_that_is_no_name_reaches_no_file(whole, tmp_path):
    damaged = copy.deepcopy(whole)
    damaged["cells"][0]["names"][0][0] = "../../x"
    assert refused_or_same(tmp_path, json.dumps(damaged).encode())
