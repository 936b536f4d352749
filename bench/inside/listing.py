"""Handler that lists as the module does, or barely, and says how long it took; one size for each fresh process."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import requests
from redrive.ledger_table import dynamodb

from redrive.api import Api
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry
from redrive.listing import Listing
from redrive.models import Communication
from redrive.run import Request, Run, judge_listing
from redrive.secrets import Secrets
from redrive.settings import LedgerSettings, ListSettings
from redrive.transport import listing_retry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """List everything in turns: as the module does, the same without the ledger's calls, and in a bare loop.

    Returns
    -------
    dict
        ``module``, ``without_calls``, ``bare``: seconds of each turn; ``listed``; ``peak_bytes`` of this process after
        the module has listed once.
    """
    ledger = Ledger(dynamodb(), _settings().ledger)
    listed, _ = by_the_module(ledger)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    remembered = Remembered(dynamodb(), _settings().ledger)
    by_the_module(remembered)
    turns: dict[str, list[float]] = {"module": [], "without_calls": [], "bare": []}
    for _ in range(event["turns"]):
        counts = []
        for name, list_all in (
            ("module", lambda: by_the_module(ledger)),
            ("without_calls", lambda: by_the_module(remembered)),
            ("bare", lambda: by_a_bare_loop(event["url"])),
        ):
            count, seconds = list_all()
            counts.append(count)
            turns[name].append(seconds)
        if set(counts) != {listed}:
            raise ValueError(f"listed {listed} at first, then {counts}")
    return turns | {"listed": listed, "peak_bytes": peak_bytes}


class Remembered(Ledger):
    """A ledger that asks the table once, and then gives the same answers without a call."""

    def __init__(self, client: DynamoDBClient, settings: LedgerSettings) -> None:
        super().__init__(client, settings)
        self._answers: dict[str, list[Entry]] = {}

    def read_batch(self, communications: tuple[Communication, ...]) -> Iterator[Entry]:
        """Look up a hundred."""
        first = communications[0].primary_id
        if first not in self._answers:
            self._answers[first] = list(super().read_batch(communications))
        return iter(self._answers[first])


@cache
def _settings() -> ListSettings:
    return ListSettings.from_environment()


@cache
def _api() -> Api:
    return Api(_settings().api, listing_retry, Secrets())


def by_the_module(ledger: Ledger) -> tuple[int, float]:
    """List and judge; give how many, and the seconds."""
    settings, run = _settings(), Run()
    started = time.perf_counter()
    listing = Listing(settings.sources, _api(), lambda: True)
    judge_listing(listing, ledger, Request(), settings, run)
    seconds = time.perf_counter() - started
    if listing.problems or run.truncated:
        raise ValueError(f"the listing did not end well: {listing.problems}")
    return len(run.to_send), seconds


def by_a_bare_loop(url: str) -> tuple[int, float]:
    """Count what is listed, with requests and nothing else; give the seconds too."""
    count, cursor = 0, "0"
    started = time.perf_counter()
    with requests.Session() as session:
        while cursor:
            answer = session.get(url, params={"limit": 100, "cursor": cursor}, timeout=20)
            answer.raise_for_status()
            body = answer.json()
            count += len(body["emails"])
            cursor = body["next_cursor"]
    return count, time.perf_counter() - started
