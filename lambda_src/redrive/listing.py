"""Listing to the end: every source of a run, page by page, into one list without duplicates."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from redrive.api import Api
from redrive.errors import RedriveError
from redrive.models import Communication
from redrive.pagination import read_pages
from redrive.settings import Source


@dataclass
class Listing:
    """What the sources gave.

    Attributes
    ----------
    communications
        Each once, in the order found.
    listed
        How many of them by source.
    latencies
        Milliseconds that each page took, by source.
    problems
        What went wrong, one text each, with the source's name.
    truncated
        Whether there was more than the limit or the time allowed.
    """

    communications: list[Communication] = field(default_factory=list)
    listed: dict[str, int] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    truncated: bool = False


def list_failed_communications(
    sources: Mapping[str, Source], api: Api, limit: int, has_time: Callable[[int], bool]
) -> Listing:
    """Read the sources in turn, a page each, so that a long one does not starve the others.

    A source that fails ends there, with a problem; what it gave before and the other sources count.

    Parameters
    ----------
    limit
        How many communications are taken at most.
    has_time
        Tells, for so many communications found, whether there is time to read another page.
    """
    listing = Listing(listed=dict.fromkeys(sources, 0), latencies={name: [] for name in sources})
    seen: set[tuple[str, str]] = set()
    without_id = dict.fromkeys(sources, 0)
    readers = deque((name, read_pages(name, source, api)) for name, source in sources.items())
    while readers:
        if not has_time(len(seen)):
            listing.truncated = True
            break
        name, pages = readers.popleft()
        try:
            page = next(pages, None)
        except RedriveError as error:
            listing.problems.append(f"source {name}: {error}")
            continue
        except Exception as error:  # noqa: BLE001 (one source does not stop the others, whatever its answer brings up)
            # Its name alone, here and in the log: its message may quote the answer.
            listing.problems.append(f"source {name}: unforeseen {type(error).__name__}")
            continue
        if page is None:
            continue
        readers.append((name, pages))
        listing.latencies[name].append(page.milliseconds)
        without_id[name] += page.without_id
        for primary_id in page.ids:
            key = (sources[name].operation, primary_id)
            if key in seen:
                continue
            if len(seen) == limit:
                listing.truncated = True
                readers.clear()
                break
            seen.add(key)
            listing.listed[name] += 1
            listing.communications.append(Communication(primary_id, sources[name].operation, name))
    if listing.truncated and not any(listing.latencies.values()):
        listing.problems.append("no time to read a single page; lambda.timeout_seconds.list_failed is too short")
    listing.problems += [
        f"source {name}: {count} items without a usable id; sources.{name}.id is {sources[name].id!r}"
        for name, count in without_id.items()
        if count
    ]
    return listing
