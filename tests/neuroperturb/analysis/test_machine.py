"""What `neuroperturb bench` says of the machine."""

from __future__ import annotations

import json

import pytest

from neuroperturb.analysis.speed.bench import LINES
from neuroperturb.analysis.speed.machine import machine, vector_bits


@pytest.mark.parametrize(
    ("features", "bits"),
    [("+sse2,+avx2,-avx512f", 256), ("+avx512f,+avx2,+sse2", 512), ("+neon,+fp-armv8", 128), ("", None)],
)
def test_the_widest_vectors_count(features, bits):
    assert vector_bits(features) == bits


def test_a_machine_is_described_in_json_and_in_a_line():
    found = machine()
    assert found["processor"] and found["versions"]["numba"] and json.dumps(found)
    rates = {"words_ns": 0.5, "uniform_ns": 0.75, "normal_ns": 2.25, "numpy_normal_ns": 8.0}
    line = LINES["machine"](found | {"vector_bits": None, "random": rates}, "", None)
    assert found["processor"] in line and "vectors of ? bits" in line and "normal 2.25" in line
