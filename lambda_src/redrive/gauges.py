"""Gauges: how it stands, published by every run, 0 included, so that alarms and graphs know silence from health.

| metric | what | unit |
| --- | --- | --- |
| `WaitingForPerson` | communications that wait for a person | count |
| `OldestWaitingAge` | since when the one waits that has waited longest | seconds |
| `OldestFailedAge` | since when the one has failed that failed longest ago and is still to be sent | seconds |
| `Truncated` | 1 where there was no time to read every list to its end | count |
| `BreakerOpen` | by source 1 where its breaker is open; all together, how many are | count |
| `RunsSkipped` | 1 where a firing found another run on | count |

Each but the last two of them is published by source, and for all sources together, which is what alarms watch: an
outage of all sources is one alarm. What is not known is not published: it is no 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redrive.observability import publish
from redrive.waiting import source_of

if TYPE_CHECKING:
    from redrive.listing import Listing
    from redrive.run import Selection
    from redrive.table import Item

Gauges = dict[str, dict[str, float]]
"""By source, its metrics by name; all sources together under ``ALL``."""

Measured = Mapping[str, Mapping[str, float | list[float]]]
"""The same of any metrics, of which a list is published value by value."""

ALL = ""


@dataclass
class _Queue:
    """What waits for a person of one source; ``oldest`` in seconds since 1970."""

    count: int = 0
    oldest: float = float("inf")


def of_waiting(groups: Iterable[Item], sources: Iterable[str], now: float) -> Gauges:
    """Give what waits for a person, of these sources and of all that something waits of.

    Parameters
    ----------
    groups
        The directory of groups.
    """
    queues = {source: _Queue() for source in (ALL, *sources)}
    for group in groups:
        if group.get("count", 0) <= 0:
            continue
        for source in (ALL, source_of(group["sk"])):
            queue = queues.setdefault(source, _Queue())
            queue.count += int(group["count"])
            queue.oldest = min(queue.oldest, group.get("oldest") or now)
    return {
        source: {
            "WaitingForPerson": queue.count,
            "OldestWaitingAge": max(0.0, now - queue.oldest) if queue.count else 0.0,
        }
        for source, queue in queues.items()
    }


def of_failed(listing: Listing, selection: Selection, now: float) -> Gauges:
    """Give how long ago the oldest failed that is still to be sent, of the sources that were read to their end.

    A source with ``failed_at`` says so itself; of any other it is when the module first sent one of those it lists,
    so that what was never sent has no age. All together have one only where all were read to their end.
    """
    ages = {}
    for source in listing.complete:
        if source in listing.failed:
            left = selection.left_to_people.get(source, set())
            oldest = min((at for id_, at in listing.failed[source].items() if id_ not in left), default=now)
        else:
            oldest = selection.first_seen.get(source, now)
        ages[source] = max(0.0, now - oldest)
    gauges: Gauges = {source: {"OldestFailedAge": age} for source, age in ages.items()}
    gauges[ALL] = {"Truncated": float(listing.truncated)}
    if ages.keys() == listing.listed.keys():
        gauges[ALL]["OldestFailedAge"] = max(ages.values(), default=0.0)
    return gauges


def of_breaker(configured: Iterable[str], is_open: Iterable[str]) -> Gauges:
    """Give which sources the breaker leaves out."""
    open_ones = set(is_open)
    found = {source: source in open_ones for source in configured}
    gauges: Gauges = {source: {"BreakerOpen": float(each)} for source, each in found.items()}
    return gauges | {ALL: {"BreakerOpen": float(sum(found.values()))}}


def of_firing(*, is_skipped: bool) -> Gauges:
    """Give whether a firing found another run on."""
    return {ALL: {"RunsSkipped": float(is_skipped)}}


def publish_all(*several: Measured) -> None:
    """Publish gauges and other metrics by source, a line for each source."""
    merged: dict[str, dict[str, float | list[float]]] = {}
    for gauges in several:
        for source, metrics in gauges.items():
            merged.setdefault(source, {}).update(metrics)
    for source, metrics in merged.items():
        publish(metrics, **({"source": source} if source else {}))
