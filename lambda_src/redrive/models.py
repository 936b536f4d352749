"""What travels: communications and outcomes, and the run they belong to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from redrive.errors import ConfigurationError

MAX_ID_BYTES = 128
"""Of a primary id in UTF-8. A batch of 100 of them, with their outcomes, stays under Step Functions' 256 KiB."""

MAX_EXACT = 2**53
"""A number that is no whole one as it is written may from here on not be the one that was written (RFC 8259, 6)."""

EARLIEST_SCHEDULED = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
"""There was no run before."""

MAX_SECONDS_AHEAD = 2 * 366 * 86400.0
"""A run of a later time would be the newest, whose breakers and news count, until that time."""

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
