"""A process of its own that runs a study, for tests that kill it.

    python study_process.py FILE OUT [--kills N --last RUNS] [--stand-in]

With kills: starts the study, kills it at a random moment, N times over, when so many runs are there at the latest, and then lets it end.
Children are forked, so that only this process waits for imports.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path


def carry_out(file: Path, out: Path) -> int:
    """The command `study`, quiet."""
    from neuroperturb.cli import study as command

    request = command.StudyRequest(file=file, out=out, workers=2, quiet=True)
    return command.carry_out(request, stop=lambda: False, say=lambda text: None)


def forked(file: Path, out: Path) -> int:
    """A child that runs the study; its process number."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(carry_out(file, out))
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(99)
    return child


def kill_often(file: Path, out: Path, kills: int, last: int) -> int:
    """How often it was killed before it could end.

    Each time so many runs are there, `last` at most, and a random moment later, so that a fast machine is not done before it
    was killed often enough.
    """
    draw = random.Random(1)
    for killed, enough in enumerate(sorted(draw.randint(0, last) for _ in range(kills))):
        child, ended = forked(file, out), (0, 0)
        while runs_in(out) < enough and ended == (0, 0):
            time.sleep(0.002)
            ended = os.waitpid(child, os.WNOHANG)
        time.sleep(draw.uniform(0.0, 0.05))
        if ended == (0, 0):
            os.kill(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
        if not os.WIFSIGNALED(ended[1]):
            return killed  # it ended first
    return kills


def runs_in(out: Path) -> int:
    """Files of runs, checkpoints among them."""
    return len(list((out / "runs").glob("*.nc")))


def slow_stand_in() -> None:
    """A trainer that learns nothing, takes some time and keeps a checkpoint after every chunk."""
    import stand_in

    from neuroperturb.study import run_one

    stand_in.Trainer.on_chunk = staticmethod(lambda step: time.sleep(0.01))
    run_one.Trainer = stand_in.Trainer
    run_one.CHECKPOINT_EVERY = 0.0


def main() -> None:
    file, out = Path(sys.argv[1]), Path(sys.argv[2])
    options = sys.argv[3:]
    if "--stand-in" in options:
        slow_stand_in()
    import neuroperturb.cli.study  # noqa: F401

    if "--kills" in options:
        kills, last = (int(options[options.index(name) + 1]) for name in ("--kills", "--last"))
        print(f"killed {kill_often(file, out, kills, last)} times, {runs_in(out)} runs there")
    _, status = os.waitpid(forked(file, out), 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
