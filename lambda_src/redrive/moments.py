"""Times as APIs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_MAX_SECONDS = 10**11
"""A larger number is milliseconds: as seconds it were after the year 5138, as milliseconds it is after March 1973.

So it is with a thousand times as many for microseconds, and again for nanoseconds.
"""

_MIN_MOMENT = 946_684_800
"""1 January 2000. What was written before sends no communications: it is a time that was never set, or no time."""

_NUMBER = re.compile(r"[0-9]{9,20}(\.[0-9]+)?", re.ASCII)
_DOT_NET = re.compile(r"/Date\(([0-9]{1,14})(?:[+-][0-9]{4})?\)/", re.ASCII)
"""Milliseconds as .NET and SAP's OData write them; an offset says where they were written, and moves nothing."""

_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)(?:[T ]+(\d\d?)(:.+))?", re.ASCII)
"""ISO 8601 with other signs between, or without a nought before a digit that stands alone."""

_COMPACT = re.compile("((?:19|20)[0-9]{6})([0-9]{4}(?:[0-9]{2})?)?", re.ASCII)
"""A date or time of digits alone, as databases write it: 20261124021500. As a number it were before 2000 or in 2570."""

_ZONE = re.compile(r" *(?:\[[\w/+-]+\]| (?:UTC|GMT|Z))$|(?<=\d) +(?=[+-]\d\d:?\d\d$)", re.ASCII)
"""What some languages write behind a time, or before its offset."""

_NAMED_OFFSET = re.compile(r"(?<=\d )(?:GMT|UTC)?([+-]\d\d):?(\d\d)(?: \([^()]*\))?$", re.ASCII)
"""An offset as mails and JavaScript write it: ``GMT+0100 (Central European Standard Time)``."""

_HALF_DAY = re.compile(r"\b(0?[1-9]|1[0-2])(:[0-5]\d(?::[0-5]\d)?) ?([AP])\.?M\.?(?!\w)", re.ASCII | re.IGNORECASE)

_EUROPEAN = {"WET": "+0000", "WEST": "+0100", "CET": "+0100", "CEST": "+0200", "EET": "+0200", "EEST": "+0300"}
"""Zones that ``email.utils`` does not know, as it does America's."""

_PLACE = "(?: (?:GMT|UTC?|Z|[ECMP][SD]T|[+-][0-9]{4}))?"
_DATE = re.compile(
    r"(?:[a-z]+,? )?"
    rf"(?:(?:\d{{1,2}}[ -][a-z]+[ -]\d{{2,4}}|[a-z]+ \d{{1,2}},? \d{{4}}),? [\d:]+{_PLACE}"
    rf"|[a-z]+ \d{{1,2}} [\d:]+{_PLACE} \d{{4}})",
    re.ASCII | re.IGNORECASE,
)
"""The dates that ``email.utils`` reads to their end: of others it passes over what it does not know, such as a zone."""


def moment(value: object) -> float | None:
    """Read a time from an answer, in seconds since 1970.

    RFC 3339 and the other forms of ISO 8601, also with a zone as Java and Ruby write it, the dates of HTTP, mails and
    JavaScript, and a number, or a text that is one, of seconds, milliseconds or less, or of a date's digits; also the
    forms of .NET and of Java, which lists year, month, day and so on. Without a zone it is taken for UTC. None for
    anything else, and before the year 2000: so times are written that were never set.
    """
    if isinstance(value, str):
        found = _text(value)
    elif isinstance(value, list):
        found = _listed(value)
    else:
        found = _number(value) if isinstance(value, int | float) else None
    return found if found is not None and found >= _MIN_MOMENT else None


def _listed(value: list[Any]) -> float | None:
    """Read year, month, day, and as much of the time as there is; nanoseconds are left out."""
    try:
        return _timestamp(datetime(*value[:6]))  # noqa: DTZ001 (it is taken for UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _number(value: float) -> float | None:
    if compact := _COMPACT.fullmatch(str(value)):
        return _iso(f"{compact[1]}T{compact[2] or '00'}")
    unit = next((unit for unit in (1, 10**3, 10**6, 10**9) if abs(value) <= _MAX_SECONDS * unit), None)
    return value / unit if unit else None  # of a NaN as well


def _text(value: str) -> float | None:
    value = value.strip()
    if _NUMBER.fullmatch(value):
        return _number(float(value) if "." in value else int(value))
    if milliseconds := _DOT_NET.fullmatch(value):
        return int(milliseconds[1]) / 1000
    found = _iso(value)
    return _date(" ".join(value.split())) if found is None else found


def _iso(text: str) -> float | None:
    try:
        return _timestamp(datetime.fromisoformat(text.upper()))  # RFC 3339 allows t and z
    except ValueError:
        return None


def _date(text: str) -> float | None:
    text = _HALF_DAY.sub(lambda half: f"{int(half[1]) % 12 + 12 * (half[3] in 'pP'):02}{half[2]}", text)
    text = _NAMED_OFFSET.sub(r"\1\2", text)
    text = re.sub(r"(?<=\d )[A-Z]{2,4}\b", lambda zone: _EUROPEAN.get(zone[0], zone[0]), text).removesuffix(" (UTC)")
    text = re.sub(r"^([A-Za-z]{3}),(?=\d)", r"\1, ", text)
    text = re.sub(r"^(\d\d?)-([A-Za-z]+)-(?=\d)", r"\1 \2 ", text)
    if not _DATE.fullmatch(text):
        text = _ZONE.sub("", text)
        return _iso(_YEAR_FIRST.sub(_padded, text))
    try:
        return _timestamp(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _padded(found: re.Match[str]) -> str:
    year, month, day, hour, rest = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}{rest}" if hour else "")


def _timestamp(read: datetime) -> float | None:
    try:
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except OverflowError:  # in the year 1, east of Greenwich
        return None
