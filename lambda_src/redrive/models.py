"""What travels: communications and outcomes, and the run they belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
"""A larger number is milliseconds: as seconds it were after the year 5138, as milliseconds it is after March 1973."""

MAX_MILLISECONDS = 10**14
"""A larger number is no time: microseconds, taken for milliseconds, would lie in the future forever."""

_NUMBER = re.compile(r"[0-9]{9,17}(\.[0-9]+)?", re.ASCII)
_COMPACT = re.compile("(19|20)[0-9]{12}", re.ASCII)
"""A time of digits alone, as databases write it: 20261124021500. As milliseconds it were after the year 2570."""

_ZONE = re.compile(r" *(?:\[[\w/+-]+\]| (?:UTC|GMT|Z))$|(?<=\d) +(?=[+-]\d\d:?\d\d$)", re.ASCII)
"""What some languages write behind a time, or before its offset."""

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


@dataclass(frozen=True, slots=True)
class Outcome:
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

    RFC 3339 and the other forms of ISO 8601, also with a zone as Java and Ruby write it, the dates of HTTP and mails,
    and a number, or a text that is one, of seconds or milliseconds. Without a zone it is taken for UTC. None for
    anything else.
    """
    if isinstance(value, str):
        value = value.strip()
        if _NUMBER.fullmatch(value):
            value = float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if _COMPACT.fullmatch(str(value)):
            return _read_moment(f"{str(value)[:8]}T{str(value)[8:]}")
        if not abs(value) < MAX_MILLISECONDS:  # so that a NaN is none either
            return None
        return value / 1000 if value > MAX_SECONDS else float(value)
    return _read_moment(_ZONE.sub("", value)) if isinstance(value, str) else None


def _read_moment(text: str) -> float | None:
    try:
        read = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z
    except ValueError:
        try:
            read = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except OverflowError:  # in the year 1, east of Greenwich
        return None


def scheduled_run_id(scheduled_time: str) -> str:
    """Name a scheduled run by its time, so that a firing delivered twice is the same run.

    Parameters
    ----------
    scheduled_time
        RFC 3339, as EventBridge Scheduler writes it: ``2026-11-24T02:15:00Z``.
    """
    try:
        moment = datetime.fromisoformat(scheduled_time)
    except ValueError:
        raise ConfigurationError("scheduledTime: must be a time such as 2026-11-24T02:15:00Z") from None
    if moment.tzinfo is None:
        raise ConfigurationError("scheduledTime: has no time zone; write it such as 2026-11-24T02:15:00Z")
    return moment.astimezone(UTC).strftime(RUN_TIME_FORMAT)


def operator_run_id(now: datetime, request_id: str) -> str:
    """Name a run that a person started: its time, and a part of the request's id."""
    return f"{now.astimezone(UTC).strftime(RUN_TIME_FORMAT)}-{re.sub('[^0-9a-zA-Z]', '', request_id)[:8]}"
