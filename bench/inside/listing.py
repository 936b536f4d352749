"""Handler that lists as the module does, or barely, and says how long it took; one size for each fresh process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import requests

from list_failed.handler import _api, _settings, _table
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry
from redrive.listing import Listing
from redrive.models import Communication
from redrive.run import Request, select
from redrive.settings import LedgerSettings
from redrive.table import KEYS_PER_READ, Table

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """List everything in turns: as the module does, the same without the ledger's calls, and in a bare loop.

    Returns
    -------
    dict
        ``module``, ``without_calls``, ``bare``: seconds of each turn; ``listed``.
    """
    settings = _settings()
    ledger = Ledger(_table(), settings.ledger)
    listed, _ = by_the_module(ledger)
    remembered = Remembered(_table(), settings.ledger)
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
    return turns | {"listed": listed}


class Remembered(Ledger):
    """A ledger that asks the table once, and then gives the same answers without a call."""

    def __init__(self, table: Table, settings: LedgerSettings) -> None:
        super().__init__(table, settings)
        self._answers: dict[str, list[Entry | None]] = {}

    def reads(self, communications: Iterable[Communication]) -> Iterator[list[tuple[Communication, Entry | None]]]:
        """Look communications up, a hundred at a time."""
        rest = iter(communications)
        while some := tuple(itertools.islice(rest, KEYS_PER_READ)):
            first = some[0].primary_id
            if first not in self._answers:
                self._answers[first] = [entry for read in super().reads(some) for _, entry in read]
            yield list(zip(some, self._answers[first], strict=True))


def by_the_module(ledger: Ledger) -> tuple[int, float]:
    """List and choose; give how many, and the seconds."""
    settings = _settings()
    started = time.perf_counter()
    listing = Listing(settings.sources, _api(), lambda: True)
    selection = select(listing, ledger, Request(), settings)
    seconds = time.perf_counter() - started
    if listing.problems or listing.truncated:
        raise ValueError(f"the listing did not end well: {listing.problems}")
    return selection.candidates.found, seconds


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
