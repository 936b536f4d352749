"""Handler that lists as the module does, or barely, and says how long it took; one size for each fresh process."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import requests

from redrive.api import Api
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry
from redrive.ledger_table import dynamodb
from redrive.listing import Listing
from redrive.models import Communication
from redrive.run import Request, Run, judge_listing
from redrive.secrets import Secrets
from redrive.settings import ListSettings
from redrive.transport import listing_retry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """List everything in turns of the module and of the bare loop, the module first.

    Returns
    -------
    dict
        ``module``, ``ledger`` (of the former, in its calls), ``bare``: seconds of each turn; ``listed``; ``peak_bytes``
        of this process after the module's first turn.
    """
    turns: dict[str, Any] = {"module": [], "ledger": [], "bare": []}
    for _ in range(event["turns"]):
        listed, seconds, in_calls = by_the_module()
        turns["module"].append(seconds)
        turns["ledger"].append(in_calls)
        turns.setdefault("peak_bytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        counted, seconds = by_a_bare_loop(event["url"])
        turns["bare"].append(seconds)
        if listed != counted:
            raise ValueError(f"the module listed {listed}, the bare loop {counted}")
    return turns | {"listed": listed}


class TimedLedger(Ledger):
    """The ledger, and how many seconds its calls took: to ask, to wait, and to read what came."""

    seconds = 0.0

    def read_batch(self, communications: tuple[Communication, ...]) -> Iterator[Entry]:
        """Look up a hundred."""
        started = time.perf_counter()
        entries = list(super().read_batch(communications))
        self.seconds += time.perf_counter() - started
        return iter(entries)


def by_the_module() -> tuple[int, float, float]:
    """List and judge; give how many, the seconds, and of these the ones in calls of the ledger."""
    settings = ListSettings.from_environment()
    api = Api(settings.api, listing_retry, Secrets())
    ledger, run = TimedLedger(dynamodb(), settings.ledger), Run()
    started = time.perf_counter()
    listing = Listing(settings.sources, api, lambda: True)
    judge_listing(listing, ledger, Request(), settings, run)
    seconds = time.perf_counter() - started
    if listing.problems or run.truncated:
        raise ValueError(f"the listing did not end well: {listing.problems}")
    return len(run.to_send), seconds, ledger.seconds


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
