"""Tests of spiking networks. Those that need Brian2 are collected only where it is installed: see .ci/run."""

from __future__ import annotations

import importlib.util

WITH_BRIAN2 = ["test_brian_spiking.py", "test_brian_rate.py", "test_brian_runs.py", "test_brian_targets.py"]
collect_ignore = WITH_BRIAN2 if importlib.util.find_spec("brian2") is None else []
