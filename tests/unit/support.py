"""What unit tests are written with: an HTTP server that a test scripts, the ledger's table, and a Lambda context."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import boto3
from botocore.exceptions import ConnectionClosedError
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient
from werkzeug.wrappers import Request, Response

from redrive import aws, clock
from redrive.ledger import Ledger
from redrive.ledger_rules import Body, Claim, Entry, State
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings, Pagination, PaginationStyle, Source
from redrive.table import dynamodb

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
"""Time zones; those with names are not on every system."""

Answer = Callable[[Request], Response]

LEDGER = LedgerSettings(table="ledger", max_attempts=3, cooldown_seconds=900, lease_seconds=120)
DESK = {
    "REDRIVE_SPACES": '["send.email", "send.sms", "phones"]',
    "REDRIVE_OWN_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:redrive-ledger-admin",
    "REDRIVE_LISTER_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:redrive-list-failed",
    "REDRIVE_STATE_MACHINE_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:redrive-run",
}
"""What a desk is told besides the ledger's settings."""

PACKAGES = tuple(folder.name for folder in Path(aws.__file__).parents[1].iterdir() if folder.is_dir())
"""Of the functions, and the one they share."""

STAYS = (aws._session, dynamodb)
"""Models that take long to read, and a client before which a test may have put something."""

ONE_COOLDOWN = LEDGER.cooldown_seconds * 1.25 + 1
LONGEST_COOLDOWN = LEDGER.max_cooldown_seconds * 1.25 + 1
A_LEASE = LEDGER.lease_seconds + 1


def new_sandbox() -> None:
    """Let the functions forget what they keep between invocations, but for AWS's models and the table's client."""
    for module in [module for name, module in sys.modules.items() if name.startswith(PACKAGES)]:
        for kept in vars(module).values():
            if hasattr(kept, "cache_clear") and not kept.__wrapped__.__code__.co_argcount and kept not in STAYS:
                kept.cache_clear()


@dataclass
class ScriptedApi:
    """An HTTP server on the loopback: ``answer`` decides, ``requests`` remembers."""

    url: str = ""
    answer: Answer = lambda request: Response(status=404)
    requests: list[Request] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        request.get_data()
        self.requests.append(request)
        return self.answer(request)(environ, start_response)

    def answers(self, *responses: Response) -> None:
        """Give these answers in turn, and the last one from then on."""
        sequence = itertools.chain(responses, itertools.repeat(responses[-1]))
        self.answer = lambda request: next(sequence)


@dataclass
class Time:
    """The functions' clock, moved by the test."""

    file: Path
    offset: float = 0

    def passes(self, seconds: float) -> None:
        self.offset += seconds
        self.file.write_text(str(self.offset), "ascii")


def create_table() -> DynamoDBClient:
    """Create the ledger's table as modules/ledger does."""
    client = boto3.client("dynamodb", region_name="eu-west-1")
    client.create_table(
        TableName=LEDGER.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return client


class TableFront:
    """What stands between the functions and the ledger's table: it remembers their calls and can spoil some."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.calls: list[str] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._script: list[Literal["fine", "throttled", "answer lost"]] = []
        client.meta.events.register("before-call.dynamodb", self._before)
        client.meta.events.register("after-call.dynamodb", self._after)

    def goes(self, *script: Literal["fine", "throttled", "answer lost"]) -> None:
        """Let the next calls go so, and those after them well."""
        self._script = list(script)

    def writes(self) -> Counter[str]:
        """Count the single writes by their partition."""
        return Counter(
            (body.get("Key") or body["Item"])["pk"]["S"]
            for name, body in self.requests
            if name in ("PutItem", "UpdateItem", "DeleteItem")
        )

    def _before(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        self.calls.append(model.name)
        self.requests.append((model.name, json.loads(params["body"])))
        if self._script and self._script[0] == "throttled":
            error = {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}
            return SimpleNamespace(status_code=400), {"Error": error}
        return None

    def _after(self, **_: Any) -> None:
        if self._script and self._script.pop(0) == "answer lost":
            raise ConnectionClosedError(endpoint_url="https://dynamodb.example")


def second_attempt(communication: Communication) -> Claim:
    """Give a claim to a communication's second attempt, opened at 2026-11-24T02:15:00Z."""
    opened = datetime(2026, 11, 24, 2, 15, tzinfo=UTC).timestamp()
    entry = Entry(
        communication,
        State.OPEN,
        attempts=1,
        number=2,
        body=Body(communication.operation, "redrive-test", opened),
        lease_owner="run/1",
        first_seen=opened - 3600,
    )
    return Claim(entry)


_batches = itertools.count(1)


def entry_of(ledger: Ledger, communication: Communication) -> Entry:
    """Give what the ledger knows of a communication that it must know."""
    entry = ledger.show(communication)
    assert entry is not None
    return entry


def concluded(
    ledger: Ledger,
    communication: Communication,
    outcome: OutcomeKind = OutcomeKind.REQUEUED,
    *,
    owner: str | None = None,
    error: str | None = None,
) -> Claim:
    """Claim a communication and conclude it; each time as another batch, unless ``owner`` says which."""
    claim = ledger.claim(communication, owner or f"earlier/{next(_batches)}", "earlier", clock.now())
    assert isinstance(claim, Claim)
    if outcome is OutcomeKind.REQUEUED:
        assert ledger.accept(claim, 202)
    elif outcome is OutcomeKind.SKIPPED:
        assert ledger.note_already_queued(claim)
    else:
        status = {OutcomeKind.REFUSED: 422, OutcomeKind.FAILED: 503}[outcome]
        assert ledger.note_turned_away(claim, status, error or f"HTTP {status}")
    return claim


def made_manual(
    ledger: Ledger, communication: Communication, error: str = "HTTP 422", run_id: str = "earlier"
) -> Entry:
    """Make a communication wait for a person, as a run's verdict does."""
    concluded(ledger, communication, OutcomeKind.REFUSED, error=error)
    return ledger.make_manual(entry_of(ledger, communication), OutcomeKind.REFUSED, run_id, clock.now())


@dataclass
class Context:
    """A Lambda context as far as the handlers use it."""

    aws_request_id: str = "3f2a9c1d-7f33-4a5e-9a65-0c2a1f0f2b11"
    seconds: float = 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def source(style: PaginationStyle = PaginationStyle.PAGE, size: int = 10, **changes: Any) -> Source:
    """Give a source of emails with such pages, and with whatever else is changed."""
    pagination = {"style": style, "size": size, "next": "next"} | changes.pop("pagination", {})
    fields = {"path": "/emails", "operation": "send.email", "filters": {"status": "failed"}, "items": "emails"}
    return Source(**(fields | {"pagination": Pagination(**pagination)} | changes))


def as_json(value: object, status: int = 200, **headers: str) -> Response:
    return Response(
        json.dumps(value),
        status=status,
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        content_type="application/json",
    )
