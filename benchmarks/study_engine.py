"""What a study costs beyond its runs' kernels.

    python benchmarks/study_engine.py throughput   runs a second with one worker and with two, 200 to 500 units; asked: ≥ 1.8 ×
    python benchmarks/study_engine.py overhead     seconds a run beyond its own training, after the first; asked: ≤ 50 ms
    python benchmarks/study_engine.py report       a report of 10,000 finished runs: time and memory; asked: ≤ 30 s, ≤ 1 GiB
    python benchmarks/study_engine.py              all of them

Two workers are compared with one inside one process, in turns, so that what else the machine does weighs on both; the median of the
ratios is printed with the least and the greatest. In the same turns two processes of one worker each do half of the runs: they share
nothing but caches and memory, and so are what the machine itself allows. The load is printed beside them: with other work on the same
processors the ratio says how much of them was left, and not what the threads can do.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
import tomllib
import uuid
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from neuroperturb.cli import study as command
from neuroperturb.study import declaration, run_name
from neuroperturb.study import html as page
from neuroperturb.study.grid import lay_out
from neuroperturb.study.store import StudyFolder

ROUNDS, RUNS = 5, 4
THROUGHPUT = """
weights = false
[base]
task = {{ name = "mackey-glass", variant = "forecast", steps = 10000, test_steps = 500 }}
rule = {{ name = "anp", form = "published" }}
network = {{ size = {size} }}
training = {{ epochs = {epochs} }}
[axes]
seed = {seeds}
"""
OVERHEAD = """
weights = {weights}
[base]
task = {{ name = "delayed-xor", trials_per_epoch = 64, validation_trials = 64, test_trials = 64 }}
network = {{ size = 20, bias = true }}
rule = "np-trace"
training = {{ schedule = "episode", batch_size = 64, epochs = 2 }}
[axes]
seed = {seeds}
"""


def carry_out(text: str, folder: Path, workers: int) -> float:
    """Seconds that a study took, its process warm."""
    file = folder.with_suffix(".toml")
    file.write_text(text)
    start = time.perf_counter()
    request = command.StudyRequest(file=file, out=folder, workers=workers, quiet=True)
    command.carry_out(request, stop=lambda: False, say=lambda line: None)
    return time.perf_counter() - start


def throughput(root: Path) -> None:
    """Two workers against one, and two processes against one worker."""
    for size, epochs in ((200, 20), (350, 9), (500, 4)):  # seconds a run: starting one must not count
        make = lambda seeds, n=size, e=epochs: THROUGHPUT.format(size=n, epochs=e, seeds=list(seeds))  # noqa: E731
        carry_out(make([0]), root / f"warm-{size}", 1)
        threads, processes, first = [], [], 1
        for turn in range(ROUNDS):
            names = [root / f"{size}-{turn}-{k}" for k in range(4)]
            # seeds of their own: the second would find the data of the first in memory
            seeds = [range(first + k * RUNS, first + (k + 1) * RUNS) for k in range(3)]
            first += 3 * RUNS
            one = carry_out(make(seeds[0]), names[0], 1)
            threads.append(one / carry_out(make(seeds[1]), names[1], 2))
            halves = [(make(seeds[2][k::2]), folder) for k, folder in enumerate(names[2:])]
            processes.append(one / side_by_side(halves))
        print(
            f"{size} units, {RUNS} runs: two workers {spread(threads)}, two processes {spread(processes)}; {load()}",
            flush=True,
        )


def side_by_side(studies: list[tuple[str, Path]]) -> float:
    """Seconds that studies of one worker each took, each in a process of its own."""
    start, children = time.perf_counter(), []
    for text, folder in studies:
        child = os.fork()
        if child == 0:
            carry_out(text, folder, 1)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return time.perf_counter() - start


def spread(ratios: list[float]) -> str:
    """Median, least and greatest."""
    return f"{statistics.median(ratios):.2f} × one ({min(ratios):.2f} … {max(ratios):.2f})"


def overhead(root: Path) -> None:
    """Wall clock of a study less what its runs trained for, a run; one worker, the loops compiled."""
    for weights in ("true", "false"):
        make = lambda seeds, w=weights: OVERHEAD.format(weights=w, seeds=list(seeds))  # noqa: E731
        carry_out(make([0]), root / f"first-{weights}", 1)
        extra = []
        for turn in range(ROUNDS):
            seeds = range(1 + 20 * turn, 21 + 20 * turn)
            folder = root / f"overhead-{weights}-{turn}"
            took = carry_out(make(seeds), folder, 1)
            trained = sum(StudyFolder(folder).outcome(path.stem).seconds for path in (folder / "runs").iterdir())
            extra.append((took - trained) / len(seeds))
        print(
            f"overhead, weights {'kept' if weights == 'true' else 'not kept'}: {1e3 * statistics.median(extra):.0f} ms a run "
            f"({1e3 * min(extra):.0f} … {1e3 * max(extra):.0f}); {load()}",
            flush=True,
        )


def report(root: Path, runs: int = 10_000) -> None:
    """A folder of so many records, copies of one under names of their own, read and drawn in a process of its own."""
    seeds = list(range(50))
    text = OVERHEAD.format(weights="false", seeds=seeds).replace("network = { size = 20", "network = { size = 4")
    rates = [round(1e-4 * 1.05**k, 9) for k in range(runs // 100)]
    text += f'"rule.noise_std" = [0.05, 0.1]\n"rule.learning_rate" = {rates}\n'
    one = root / "one"
    carry_out(OVERHEAD.format(weights="false", seeds=[0]), one, 1)
    record = next((one / "runs").iterdir())
    folder = StudyFolder(root / "many")
    run_name.name = lambda experiment, ageing=None: uuid.uuid4().hex[:16]  # copies need no names that mean something
    run_name.fit_name = lambda experiment, asked=(): "0" * 16
    study = declaration.parse(tomllib.loads(text), "many")
    start = time.perf_counter()
    cells = lay_out(study)
    laid = time.perf_counter() - start
    folder.make()
    folder.write_index(study, cells)
    names = [name for cell in cells for names in cell.names for name in names]
    for name in names:
        shutil.copyfile(record, folder.run_file(name))
    child = os.fork()
    if child == 0:
        start = time.perf_counter()
        page.write(folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"report of {len(names)} runs in {len(cells)} cells: {time.perf_counter() - start:.1f} s, {peak:.2f} GiB; {load()}",
            flush=True,
        )
        os._exit(0)
    os.waitpid(child, 0)
    print(f"laying them out: {laid:.1f} s", flush=True)


def load() -> str:
    """How busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f} on {command.processors()} processors"


ALL = {"throughput": throughput, "overhead": overhead, "report": report}


def main() -> None:
    asked = sys.argv[1:] or list(ALL)
    if unknown := set(asked) - ALL.keys():
        raise SystemExit(f"Known: {', '.join(ALL)}. Got {', '.join(sorted(unknown))} instead.")
    with tempfile.TemporaryDirectory() as root:
        for name in asked:
            ALL[name](Path(root))


if __name__ == "__main__":
    main()
