"""Cases of a parametrised test that say more of the same as those beside them: left to `-m slow`."""

from __future__ import annotations

import pytest


def slow(*cases):
    """Every case with the mark; a case of several arguments is a tuple."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]
