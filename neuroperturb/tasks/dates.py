"""Dates in files: ISO 8601, or month/day/year as in WTH.csv; without a time zone, or in any."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

LAYOUTS = "such as 1/31/2010 23:00 or 2010-01-31 23:00:00"
_MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,4}):(\d{2})(?::(\d{2}))?)?")


def seconds(text: str) -> float:
    """Seconds since 1970; ValueError for anything that is no date."""
    text = text.strip()
    try:
        match = _MONTH_FIRST.fullmatch(text)
        if match:
            month, day, year, hour, minute, second = (int(part or 0) for part in match.groups())
            date = datetime(year, month, day, 0, minute, second) + timedelta(hours=hour)  # 24:00 is the next day's 0:00
        else:
            date = datetime.fromisoformat(text)
        shift = date.utcoffset() or timedelta()
        return (date.replace(tzinfo=None) - shift - datetime(1970, 1, 1)).total_seconds()
    except OverflowError:
        raise ValueError(text) from None


def whole_seconds(text: str) -> int:
    """The same; ValueError also where there is a fraction of a second."""
    found = seconds(text)
    if found != int(found):
        raise ValueError(text)
    return int(found)
