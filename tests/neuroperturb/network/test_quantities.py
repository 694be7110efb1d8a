"""Quantities as keyboards type them: both mus, and every character that is typed for a minus."""

import pytest

from neuroperturb.network.lif import LIF
from neuroperturb.network.quantities import parse, write
from neuroperturb.spec import SpecError


@pytest.mark.parametrize(
    "text", ["20 \u00b5s", "20 \u03bcs", "20us", "20\u00a0\u03bcs", "20\u202f\u00b5s", "0.02 ms", "\uff12\uff10 us"]
)
def test_every_micro_is_one(text):
    assert parse(text, "time") == 2e-05


@pytest.mark.parametrize("minus", "-\u2212\u2010\u2011\u2012\u2013\uff0d")
def test_every_minus_is_one(minus):
    assert parse(f"{minus}70 mV", "voltage") == -0.07
    assert parse(f"7e{minus}2 V", "voltage") == 0.07
    assert LIF(v_reset=f"{minus}71 mV").v_reset == -0.071


@pytest.mark.parametrize("text", ["20 \u03b1s", "\u2212\u221270 ms", "20 \u03bcV", "20\u03bc", "\u03bcs"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(SpecError, match="a time with its unit"):
        parse(text, "time")


def test_what_is_written_reads_back():
    for number in (2e-5, -0.07, 1e-9):
        assert parse(write(number, "time"), "time") == number


@pytest.mark.parametrize("text", ["1e999999 ms", "1e99999999999999999999999 ms", f"{'9' * 500} ms", "1e40 s"])
def test_what_no_float_holds_is_refused(text):
    with pytest.raises(SpecError, match=r"The 'tau' parameter must be at most 1e\+19 in SI units"):
        parse(text, "time", "tau")
