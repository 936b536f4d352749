"""Listing to the end: every source of a run, page by page, into one stream without duplicates."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

from redrive.api import Api
from redrive.errors import RedriveError
from redrive.models import Communication
from redrive.pagination import read_pages
from redrive.settings import Source


class Listing:
    """The failed communications of several sources; iterate over it once, then ask how it went.

    The sources are read in turn, a page each, so that a long one does not starve the others. One that fails ends there,
    with a problem; what it gave before and the other sources count.

    Parameters
    ----------
    has_time
        Tells whether there is time to read another page.

    Attributes
    ----------
    seen
        Primary ids of everything listed, by operation; also of what is too young to be sent.
    listed
        How many communications, by source.
    too_young
        What failed too recently to be sent.
    latencies
        Milliseconds that each page took, by source.
    complete
        The sources that were read to their end.
    """

    def __init__(self, sources: Mapping[str, Source], api: Api, has_time: Callable[[], bool]) -> None:
        self._sources = sources
        self._api = api
        self._has_time = has_time
        self.seen: dict[str, set[str]] = {source.operation: set() for source in sources.values()}
        self.listed = dict.fromkeys(sources, 0)
        self.too_young: list[Communication] = []
        self.latencies: dict[str, list[float]] = {name: [] for name in sources}
        self.complete: set[str] = set()
        self._errors: dict[str, str] = {}
        self._without = {name: {"id": 0, "failed_at": 0} for name in sources}

    @property
    def problems(self) -> list[str]:
        """Give what went wrong, one text each, with the source's name."""
        found = [f"source {name}: {error}" for name, error in self._errors.items()]
        if self.truncated and not any(self.latencies.values()):
            found.append("no time to read a single page; lambda.timeout_seconds.list_failed is too short")
        return found + [
            f"source {name}: {count} items without a usable {field}; "
            f"sources.{name}.{field} is {getattr(self._sources[name], field)!r}"
            for name, counts in self._without.items()
            for field, count in counts.items()
            if count
        ]

    @property
    def truncated(self) -> bool:
        """Whether some source was not read to its end, other than for a problem."""
        return len(self.complete) + len(self._errors) < len(self._sources)

    def __iter__(self) -> Iterator[Communication]:
        """Give each communication once, in the order found."""
        readers = deque((name, read_pages(name, source, self._api)) for name, source in self._sources.items())
        while readers and self._has_time():
            name, pages = readers.popleft()
            try:
                page = next(pages, None)
            except RedriveError as error:
                self._errors[name] = str(error)
                continue
            except Exception as error:  # noqa: BLE001 (one source does not stop the others, whatever its answer brings up)
                # Its name alone: its message may quote the answer, which belongs in no log.
                self._errors[name] = f"unforeseen {type(error).__name__}"
                continue
            if page is None:
                self.complete.add(name)
                continue
            readers.append((name, pages))
            self.latencies[name].append(page.milliseconds)
            self._without[name]["id"] += page.without_id
            self._without[name]["failed_at"] += page.without_time
            self.too_young.extend(self._new(name, page.young))
            yield from self._new(name, page.ids)

    def _new(self, name: str, ids: tuple[str, ...]) -> Iterator[Communication]:
        operation = self._sources[name].operation
        seen = self.seen[operation]
        fresh = [id_ for id_ in dict.fromkeys(ids) if id_ not in seen]
        seen.update(fresh)
        self.listed[name] += len(fresh)
        return map(Communication, fresh, repeat(operation), repeat(name))
