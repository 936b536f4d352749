"""A lister's reading in a process of its own: ``python -m tests.unit.hostile_run URL SECONDS NAME…``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from list_failed import handler  # for the memory that the function's own imports take
from redrive import api, progress
from redrive.listing import Listing
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, Source
from redrive.transport import Deadline
from tests.waiting import without_waiting


def main(url: str, seconds: str, *names: str) -> None:
    """Read each list by cursor, in so many seconds, and print what came of it."""
    assert handler
    api.BODY_SECONDS, progress.MAX_PAGES = 1.0, 1000  # of which the real ones take a minute each
    cursor = Pagination(style=PaginationStyle.CURSOR, size=50, next="next")
    sources = {name: Source(f"/{name}", f"send.{name}", pagination=cursor, items="items") for name in names}
    settings = ApiSettings(url, connect_timeout_seconds=1.0, read_timeout_seconds=1.0)
    caller = api.Api(settings, without_waiting, Secrets())
    function = Deadline()
    function.set(float(seconds))

    def has_time() -> bool:
        caller.deadline.set(function.remaining())
        return caller.deadline.remaining() > caller.try_seconds

    listing = Listing(sources, caller, has_time)
    found: dict[str, list[str]] = {name: [] for name in names}
    for communication in listing:
        if communication.source == "good":
            found["good"].append(communication.primary_id)
    result = {
        "good": found.get("good"),
        "listed": listing.listed,
        "complete": sorted(listing.complete),
        "problems": listing.problems,
        "truncated": listing.truncated,
        "peak": _peak(),
        "seconds_left": function.remaining(),
    }
    print(json.dumps(result))


def _peak() -> int | None:
    """Give the most memory that the process had, in bytes, on Linux.

    Elsewhere None, for what getrusage gives may be of the process that it was forked from.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text("ascii")) if status.exists() else None
    return int(found[1]) * 1024 if found else None


if __name__ == "__main__":
    main(*sys.argv[1:])
