"""Wrong input of every kind, by the thousand: `python tests/fuzz.py --cases 2000 --seed 1`.

A case is a folder with files, and a command with its arguments; see :mod:`fuzz_cases`. Case K of seed S is the same on every machine,
and `--only K` runs it alone. It passes where the command ends by itself within LIMIT seconds, with exit code 0, or 2 and one sentence;
a traceback, a signal, a warning of a library's, half-written files and memory that nobody asked for are findings.

Every case runs in a forked child of its own, uncompiled. What is right after all trains for a moment and counts as interrupted.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":  # before anything is imported that asks
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import fuzz_cases  # noqa: E402
from fuzz_cases import Case  # noqa: E402

LIMIT, AT_MOST = 20, 60  # seconds of processor time, and by the clock, however busy the machine is
MEMORY = 2**28  # bytes that seem free to whoever asks first
MOST = 2**31  # bytes that can be had by whoever does not ask
ALLOWED = {0, 2}
ALSO = {"run": {3}, "study": {1}, "tune": {1}}  # diverged, some runs failed
INTERRUPTED = 130  # what was right after all
WARNING = re.compile(r"\b\w*Warning\b: ")


class Outcome(NamedTuple):
    """How a case ended: exit code, or minus the signal; None: it did not end."""

    code: int | None
    seconds: float
    output: str
    errors: str
    litter: list[str]


def main(arguments: list[str] | None = None) -> int:
    """Run the cases and say what was found; the exit code."""
    asked = _parse(arguments)
    base = Path(tempfile.mkdtemp(prefix="neuroperturb-fuzz-"))
    os.environ["NEUROPERTURB_CACHE"] = str(base / "kernels")  # which `cache --clear` may clear
    try:
        os.chdir(base)
        material = fuzz_cases.prepare(base / "material")
        _warm_up()
        return _run_all(asked, base, material)
    finally:
        os.chdir("/")
        shutil.rmtree(base, ignore_errors=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", type=int, help="run one case and show all it says")
    parser.add_argument("--family", choices=[*fuzz_cases.FAMILIES], help="cases of one family only")
    parser.add_argument("--verbose", action="store_true", help="a line a case")
    return parser.parse_args(arguments)


def _run_all(asked: argparse.Namespace, base: Path, material: fuzz_cases.Material) -> int:
    numbers = [asked.only] if asked.only is not None else range(asked.first, asked.first + asked.cases)
    start, codes, found, slowest = time.monotonic(), {}, 0, (0.0, -1)
    for number in numbers:
        case = make(asked.seed, number, material, asked.family)
        outcome = attempt(case, base / "case")
        why = finding(case, outcome)
        codes[outcome.code] = codes.get(outcome.code, 0) + 1
        slowest = max(slowest, (outcome.seconds, number))
        found += why is not None
        if why or asked.verbose or asked.only is not None:
            print(
                f"{number}  {why or outcome.code}  {outcome.seconds:.1f} s  {case.label}\n    {case.command}",
                flush=True,
            )
        if why or asked.only is not None:
            print(_indented(outcome.errors[-3000 if asked.only is not None else -900 :]), flush=True)
    took = time.monotonic() - start
    by_code = ", ".join(f"{count} × {code}" for code, count in sorted(codes.items(), key=str))
    print(
        f"seed {asked.seed}: {len(numbers)} cases in {took:.0f} s, exit codes {by_code}; slowest {slowest[0]:.1f} s, case {slowest[1]}"
    )
    print(f"{found} findings")
    return 1 if found else 0


def make(seed: int, number: int, material: fuzz_cases.Material, family: str | None = None) -> Case:
    """Case `number` of a seed."""
    draw = random.Random(f"{seed}/{number}")
    names, weights = zip(*((name, weight) for name, (weight, _) in fuzz_cases.FAMILIES.items()))
    drawn = draw.choices(names, weights)[0]
    return fuzz_cases.FAMILIES[family or drawn][1](draw, material)


# ----------------------------------------------------------------------------------------------------------------------
# One case, in a child


def attempt(case: Case, folder: Path) -> Outcome:
    """Run it in a folder of its own, and stop waiting for it after LIMIT seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    said = folder.with_suffix(".out"), folder.with_suffix(".err")
    start = time.monotonic()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _inside(case, folder, *said)
    status = _wait(child, start + AT_MOST)
    output, errors = (path.read_text(encoding="utf-8", errors="replace") for path in said)
    litter = sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if ".part-" in p.name or p.name.endswith(".tmp")
    )
    return Outcome(status, time.monotonic() - start, output, errors, litter)


def _wait(child: int, end: float) -> int | None:
    """Exit code, minus the signal, or None where it had to be killed."""
    pause = 0.001
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGXCPU else code
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _inside(case: Case, folder: Path, output: Path, errors: Path) -> None:
    """The child: it never returns."""
    code = 99
    try:
        for descriptor, path in ((1, output), (2, errors)):
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(opened, descriptor)
        sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))  # a child begins at 0
        resource.setrlimit(resource.RLIMIT_AS, (_size() + MOST, resource.RLIM_INFINITY))
        os.chdir(folder)
        case.before()
        sys.argv = ["neuroperturb", *case.arguments]
        fuzz_cases.app.main()
        code = 0
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else 0 if request.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)


def _size() -> int:
    """Address space of this process now."""
    return (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        if sys.platform == "linux"
        else 2**40
    )


def _warm_up() -> None:
    """Import what commands import when they are called: children inherit it."""
    from neuroperturb.spec import memory

    memory.available = lambda: MEMORY
    fuzz_cases.import_all()


# ----------------------------------------------------------------------------------------------------------------------
# What is wrong with it


def finding(case: Case, outcome: Outcome) -> str | None:
    """In a few words; None where nothing is."""
    code, command = outcome.code, case.arguments[0] if case.arguments else ""
    if code is None:
        return "HANGS"
    if code < 0:
        return f"SIGNAL {-code}"
    if "Traceback (most recent call last)" in outcome.errors:
        return "TRACEBACK"
    if code == INTERRUPTED and outcome.seconds >= fuzz_cases.PATIENCE:
        return None
    if code not in ALLOWED | ALSO.get(command, set()):
        return f"EXIT {code}"
    if outcome.litter:
        return f"LITTER {outcome.litter}"
    if WARNING.search(outcome.errors):
        return "WARNING"
    if "not enough memory" in outcome.errors and " free." not in outcome.errors:
        return "MEMORY that was not asked for"
    return _sentence(outcome.errors) if code == 2 else None


def _sentence(errors: str) -> str | None:
    """What is wrong with what a refusal says."""
    lines = errors.strip().splitlines()
    if not lines:
        return "SAYS NOTHING"
    if any(not line.startswith("neuroperturb: ") for line in lines):
        return "SAYS SOMETHING ELSE"
    said = lines[-1].removeprefix("neuroperturb: ")
    if len(said) > 1200:
        return f"SAYS {len(said)} characters"
    return None if said.rstrip().endswith((".", "?", "!")) else "SAYS NO SENTENCE"


def _indented(text: str) -> str:
    return "\n".join(f"    | {line[:400]}" for line in text.strip().splitlines()[-14:])


if __name__ == "__main__":
    sys.exit(main())
