"""What travels: communications and outcomes, and the run they belong to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from redrive.errors import ConfigurationError

MAX_ID_BYTES = 128
"""Of a primary id in UTF-8. A batch of 100 of them, with their outcomes, stays under Step Functions' 256 KiB."""

MAX_EXACT = 2**53
"""A number that is no whole one as it is written may from here on not be the one that was written (RFC 8259, 6)."""

MAX_SECONDS = 10**11
"""A larger number is milliseconds: as seconds it were after the year 5138, as milliseconds it is after March 1973.

So it is with a thousand times as many for microseconds, and again for nanoseconds.
"""

EARLIEST_SCHEDULED = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
"""There was no run before."""

MAX_SECONDS_AHEAD = 2 * 366 * 86400.0
"""A run of a later time would be the newest, whose breakers and news count, until that time."""

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

_PERSONAL = re.compile(
    r"(mailto|tel|sms):.+|([^<>]*\s)?<?[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+>?|(\+|00)[1-9][0-9\s()./-]{6,24}", re.IGNORECASE
)
"""An e-mail address, or a phone number as it is dialled from abroad: digits alone are an id like others."""

_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
"""Of a mail (RFC 5322, 3.6.4): it looks like an address, and is none."""

RUN_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


class OutcomeKind(StrEnum):
    """What became of one communication in one batch."""

    REQUEUED = "requeued"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_failure(self) -> bool:
        """Whether the API turned the communication away, or was not reached."""
        return self not in (OutcomeKind.REQUEUED, OutcomeKind.SKIPPED)


class Communication(NamedTuple):
    """One email, SMS, … that the application failed to send; known by its ids only, never by its content.

    A list has a hundred thousand of them: a frozen dataclass takes three times as long to make.

    Attributes
    ----------
    id_space
        Which ids it shares: those of the same space; empty where that is the operation.
    """

    primary_id: str
    operation: str
    source: str
    id_space: str = ""

    @property
    def space(self) -> str:
        """Give what its id is unique in: the operation, unless the source says otherwise."""
        return self.id_space or self.operation

    @property
    def key(self) -> str:
        """Give what the ledger finds it by: a space cannot hold a colon, so it is unambiguous."""
        return f"{self.space}:{self.primary_id}"

    def to_json(self) -> dict[str, str]:
        """Give the form in which it travels."""
        plain = {"primaryId": self.primary_id, "operation": self.operation, "source": self.source}
        return plain | {"idSpace": self.id_space} if self.id_space else plain


class Outcome(NamedTuple):
    """What became of one communication; ``error`` is a short text without content of the communication."""

    communication: Communication
    kind: OutcomeKind
    attempt: int | None
    http_status: int | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the form in which the state machine hands it to CloseBatch."""
        return {
            **self.communication.to_json(),
            "outcome": self.kind.value,
            "attempt": self.attempt,
            "httpStatus": self.http_status,
            "error": self.error,
        }


def idempotency_key(operation: str, primary_id: str | int, attempt: str) -> str:
    """Name one attempt at one communication: ``<operation>:<primaryId>:<attempt>``.

    It is a header value, so what a header cannot hold is percent-encoded.
    """
    return quote(f"{operation}:{primary_id}:{attempt}", safe=":@/+=,")


def primary_id(value: object) -> str | None:
    """Read an id from an answer: a printable text, or a whole number, which becomes a text. None if it is neither.

    ``.`` and ``..`` are none either: in a request's path they would mean another place.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not (isinstance(value, str) and value.strip() and value.isprintable()) or value in (".", ".."):
        return None
    return value if len(value.encode()) <= MAX_ID_BYTES else None


def is_personal(primary_id: str) -> bool:
    """Tell whether an id looks like the address of a person, which belongs in no log."""
    return _PERSONAL.fullmatch(primary_id) is not None and not _MESSAGE_ID.fullmatch(primary_id)


def shown_id(primary_id: str) -> str:
    """Give an id as it may be shown: of what looks like an address the first letter alone."""
    return f"{primary_id[:1]}…" if is_personal(primary_id) else primary_id


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
    unit = next((unit for unit in (1, 10**3, 10**6, 10**9) if abs(value) <= MAX_SECONDS * unit), None)
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


def scheduled_run_id(scheduled_time: str, now: float) -> str:
    """Name a scheduled run by its time, so that a firing delivered twice is the same run.

    Parameters
    ----------
    scheduled_time
        RFC 3339, as EventBridge Scheduler writes it: ``2026-11-24T02:15:00Z``.
    now
        In seconds since 1970.
    """
    try:
        moment = datetime.fromisoformat(scheduled_time)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError("scheduledTime: must be a time such as 2026-11-24T02:15:00Z") from None
    if moment.tzinfo is None:
        raise ConfigurationError("scheduledTime: has no time zone; write it such as 2026-11-24T02:15:00Z")
    if not EARLIEST_SCHEDULED <= in_utc.timestamp() <= now + MAX_SECONDS_AHEAD:
        raise ConfigurationError("scheduledTime: must be from 2020 on and at most two years from now")
    return in_utc.strftime(RUN_TIME_FORMAT)


def operator_run_id(now: datetime, request_id: str) -> str:
    """Name a run that a person started: its time, and a part of the request's id."""
    return f"{now.astimezone(UTC).strftime(RUN_TIME_FORMAT)}-{re.sub('[^0-9a-zA-Z]', '', request_id)[:8]}"
