"""Rebuild every table of README and docs from studies/results, or check that they are what the data give.

python -m studies.publish              write the tables into the pages
python -m studies.publish --check      exit code 1 and a line a fault, file:line, if a table is not what the data give, or a number
                                       cannot be traced
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studies.publish import pages

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m studies.publish", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing")
    if not parser.parse_args().check:
        for path in pages.rebuild(ROOT):
            print(f"{path.relative_to(ROOT).as_posix()} rewritten")
    faults, found = pages.check(ROOT)
    print(*faults, sep="\n", end="\n" if faults else "")
    print(
        f"{found.tables} tables made, {found.quoted} numbers in sentences looked up, {found.recorded} found in pages of results, "
        f"{found.measured} measured by a command and kept nowhere, {found.settings} phrases of settings; {len(faults)} faults",
        file=sys.stderr,
    )
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
