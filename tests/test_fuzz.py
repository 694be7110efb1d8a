"""Some of the cases of `python tests/fuzz.py`: no traceback, no hang, no signal; more with `--cases`, others with `--seed`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz.py")
CASES = os.environ.get("NEUROPERTURB_FUZZ", "200")


@pytest.mark.parametrize("cases", ["60", pytest.param(CASES, marks=pytest.mark.slow)], ids=["some", "many"])
def test_wrong_input_is_one_sentence(cases):
    ended = subprocess.run(
        [sys.executable, FUZZ, "--cases", cases, "--seed", "2026"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    assert f"{cases} cases" in ended.stdout
