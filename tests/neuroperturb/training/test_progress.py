"""How fast a run goes: what happens once is no part of it."""

import math

import pytest

from neuroperturb.training import progress


def test_the_first_chunk_is_no_estimate(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress, "working", lambda: now[0])
    rate = progress.StepRate()
    now[0] += 5.0  # data, kernels from disk
    rate.note(16)
    assert math.isnan(rate.value)
    now[0] += 0.5
    rate.note(1016)
    assert rate.value == pytest.approx(2000)
    now[0] += 0.5
    rate.note(3016)
    assert rate.value == pytest.approx(3000)
