"""What the examiner runs: a path a line comes in, what reading the file came to goes out."""

from __future__ import annotations

import json
import math
import signal
import sys

from neuroperturb.results import file
from neuroperturb.results.examiner import READY, Examined


def main() -> None:
    """Until nobody asks any more."""
    print(READY, flush=True)
    for line in sys.stdin:
        path, seconds = json.loads(line)
        _end_in(seconds)
        answer = _read(path)
        _end_in(0)
        print(json.dumps(answer), flush=True)


def _end_in(seconds: float) -> None:
    """Have the system end this process, should nobody else be there to do so when HDF5 does not return; 0: do not."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


def _read(path: str) -> Examined:
    import h5py

    run = False
    try:
        with h5py.File(path, "r") as opened:
            run = file.calls_itself_a_run(opened)
            file.contents(opened, path)
        return Examined(run, "")
    except file.RecordError as error:
        return Examined(run, str(error))
    except Exception:  # a damaged HDF5 file fails in any way the library can
        return Examined(run, None)


if __name__ == "__main__":
    main()
