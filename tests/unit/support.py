"""What unit tests are written with: an HTTP server that a test scripts, the ledger's table, and a Lambda context."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Literal

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError
from mypy_boto3_dynamodb import DynamoDBClient
from werkzeug.wrappers import Request, Response

from redrive import clock
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim, Entry
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings

Answer = Callable[[Request], Response]

LEDGER = LedgerSettings(table="ledger", max_attempts=3, cooldown_seconds=900, lease_seconds=120)
ONE_COOLDOWN = LEDGER.cooldown_seconds * 1.25 + 1
LONGEST_COOLDOWN = LEDGER.max_cooldown_seconds * 1.25 + 1
A_LEASE = LEDGER.lease_seconds + 1


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
    """The functions' clock, moved by the test through their configuration."""

    monkeypatch: pytest.MonkeyPatch
    offset: float = 0

    def passes(self, seconds: float) -> None:
        self.offset += seconds
        self.monkeypatch.setenv("REDRIVE_CLOCK_OFFSET_SECONDS", str(self.offset))


def create_table() -> DynamoDBClient:
    """Create the ledger's table as modules/ledger does."""
    client = boto3.client("dynamodb", region_name="eu-west-1")
    client.create_table(
        TableName=LEDGER.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "communication", "AttributeType": "S"},
            {"AttributeName": "waitingFor", "AttributeType": "S"},
            {"AttributeName": "waitingSince", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "communication", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "waiting",
                "KeySchema": [
                    {"AttributeName": "waitingFor", "KeyType": "HASH"},
                    {"AttributeName": "waitingSince", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return client


class TableFront:
    """What stands between the functions and the ledger's table: it remembers their calls and can spoil some."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.calls: list[str] = []
        self._script: list[Literal["fine", "throttled", "answer lost"]] = []
        client.meta.events.register("before-call.dynamodb", self._before)
        client.meta.events.register("after-call.dynamodb", self._after)

    def goes(self, *script: Literal["fine", "throttled", "answer lost"]) -> None:
        """Let the next calls go so, and those after them well."""
        self._script = list(script)

    def _before(self, model: Any, **_: Any) -> Any:
        self.calls.append(model.name)
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
    return Claim(communication, "an execution", attempt=2, attempts=1, opened=opened, first_seen=opened - 3600)


_executions = itertools.count(1)


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
    """Claim a communication and conclude the attempt; each time as another execution, unless ``owner`` says which."""
    claim = ledger.claim(communication, owner or f"execution {next(_executions)}", "an earlier run", clock.now())
    assert isinstance(claim, Claim)
    assert ledger.conclude(claim, outcome, {"requeued": 202, "skipped": 409, "rejected": 422}[outcome], error)
    return claim


@dataclass
class Context:
    """A Lambda context as far as the handlers use it."""

    aws_request_id: str = "3f2a9c1d-7f33-4a5e-9a65-0c2a1f0f2b11"
    seconds: float = 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def as_json(value: object, status: int = 200, **headers: str) -> Response:
    return Response(
        json.dumps(value),
        status=status,
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        content_type="application/json",
    )
