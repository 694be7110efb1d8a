"""Whole commands, each in a new process: how long until the first line of progress, until the end, and how many kernels were compiled.

    python benchmarks/first_run.py [--runs 10] [--only plain ecram rule study] [--keep FOLDER]

    plain   neuroperturb run delayed-xor                       cache empty | full
    ecram   the same with --hardware ecram                     empty | full
    rule    a rule in a file with a helper in another          empty | full | a number in the helper's file edited before every run
    study   sixty small runs, two workers                      empty | full

Seconds are those of a clock on the wall, least and median: run it on a machine that does nothing else; its load is printed. Processor
seconds, of the command and what it started, stand beside, and hardly depend on what else runs. Rounds go through all cases in turn.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

COUNTED = """
import sys
from hardware_models.numerics.compile_clock import compiled
compiled()
from neuroperturb.cli.app import main
try:
    main()
finally:
    print("kernels", compiled().kernels, file=sys.stderr)
"""
PROGRESS = re.compile(r"epoch \d|\d+ (of|done)|\d+/\d+")
RULE = """
from typing import NamedTuple
from gains import gain

class Leaky(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + gain(post) * pre
        return trace, reward * trace
"""
GAIN = """
from numba import njit

FACTOR = {factor}

@njit
def gain(post):
    return type(post)(FACTOR) * post
"""
STUDY = """
[base]
task = { name = "delayed-xor", trials_per_epoch = 256, validation_trials = 64, test_trials = 64 }
network = { size = 20, gain = 1.1, bias = true }
rule = { name = "np-trace", noise_std = 0.05 }
training = { schedule = "episode", batch_size = 64, epochs = 2 }

[axes]
learning_rate = [0.003, 0.01, 0.03]
seed = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
"""


class Measured(NamedTuple):
    """Seconds to the first line of progress (nan: none came) and in all, processor seconds, kernels compiled in the command itself."""

    first: float
    whole: float
    processor: float
    kernels: int


class Case(NamedTuple):
    """name : of the case;  state : of the cache;  arguments : of `neuroperturb`;  edits : whether the helper is edited before."""

    name: str
    state: str
    arguments: tuple[str, ...]
    edits: bool = False


def cases(folder: Path) -> list[Case]:
    run = ("run", "delayed-xor")
    arguments = {
        "plain": run,
        "ecram": (*run, "--hardware", "ecram"),
        "rule": (*run, "--rule", f"{folder / 'leaky.py'}:Leaky"),
        "study": ("study", str(folder / "sixty.toml"), "--workers", "2"),
    }
    found = [Case(name, state, words) for name, words in arguments.items() for state in ("empty", "full")]
    return [*found, Case("rule", "edited", arguments["rule"], edits=True)]


def measure(case: Case, folder: Path, number: int) -> Measured:
    """One command in a new process."""
    cache, out = folder / f"cache-{case.name}", folder / "records"
    if case.state == "empty":
        shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    (folder / "gains.py").write_text(GAIN.format(factor=1 + number / 1000 if case.edits else 1.0))
    environment = os.environ | {
        "NEUROPERTURB_CACHE": str(cache), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    used, begun, first = _processor(), time.perf_counter(), float("nan")
    command = [sys.executable, "-c", COUNTED, *case.arguments, "--out", str(out)]
    with (folder / "errors").open("w+") as errors:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if first != first and PROGRESS.match(line.strip()):
                    first = time.perf_counter() - begun
        whole = time.perf_counter() - begun
        errors.seek(0)
        said = errors.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(case.arguments)} failed:\n{said}")
    kernels = int(said.rsplit("kernels ", 1)[1].split()[0])
    return Measured(first, whole, _processor() - used, kernels)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(results: dict[Case, list[Measured]]) -> str:
    """Least and median of every case, as Markdown."""
    lines = [
        "| command | cache | first line, s: least, median | whole, s | processor, s | kernels compiled |",
        "|---|---|---|---|---|---|",
    ]
    for case, rows in results.items():
        pairs = [f"{min(column):.2f}, {statistics.median(column):.2f}" for column in zip(*(r[:3] for r in rows))]
        kernels = sorted({row.kernels for row in rows})
        lines.append(f"| {case.name} | {case.state} | {' | '.join(pairs)} | {', '.join(map(str, kernels))} |")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--only", nargs="*", default=["plain", "ecram", "rule", "study"])
    options.add_argument("--keep", type=Path, help="folder of caches and records; by default one that is deleted")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "leaky.py").write_text(RULE)
        (folder / "sixty.toml").write_text(STUDY)
        results: dict[Case, list[Measured]] = {case: [] for case in cases(folder) if case.name in chosen.only}
        for number in range(1, chosen.runs + 1):
            for case, rows in results.items():
                rows.append(measure(case, folder, number))
                print(f"{number} {case.name} {case.state}: {rows[-1]}, load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"\n{chosen.runs} runs, load at the end {os.getloadavg()[0]:.1f}\n\n{table(results)}")


if __name__ == "__main__":
    main()
