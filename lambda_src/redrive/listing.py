"""Listing to the end: every source of a run, page by page, into one stream without duplicates."""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

from redrive import memory
from redrive.api import Api
from redrive.errors import ListingError, RedriveError
from redrive.models import MAX_ID_BYTES, Communication
from redrive.page import Page
from redrive.pagination import Reader
from redrive.settings import Source
from redrive.trial import Failure, Trial

SECONDS_AHEAD = 5.0
"""By how much more time one source may have had than another that still has pages."""

_UNUSABLE = {
    "without_id": ("without a usable id", "id"),
    "too_long": (f"with an id of more than {MAX_ID_BYTES} bytes", "id"),
    "without_time": ("without a usable failed_at", "failed_at"),
    "in_future": ("that failed in the future", "failed_at"),
}


class Listing:
    """The failed communications of several sources; iterate over it once, then ask how it went.

    The sources are read in turn, a page each, so that a long one does not starve the others; one that is slow waits
    until the others have had as much time. One that fails ends there, with a problem; what it gave before and the other
    sources count.

    Parameters
    ----------
    has_time
        Tells whether there is time to read another page.
    trials
        By source, where a check tries the reading.

    Attributes
    ----------
    seen
        Primary ids of everything listed, by id space; also of what is too young or too old to be sent.
    listed
        How many communications, by source.
    too_young, too_old
        What failed too recently, or too long ago, to be sent.
    failed
        By source that says when its items failed: that time, by primary id.
    latencies
        Milliseconds that each page took, by source.
    complete
        The sources that were read to their end, as far as that can be known: what they do not list is not failed.
    evidence
        By source in ``complete``, why its end is believed to be one: "empty page", "no next page", "total reached" …
    errors
        By source, why it could not be read to its end.
    unusable
        By source, how many items cannot be used, and why not, as :class:`redrive.page.Page` counts them.
    readers
        By source.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        api: Api,
        has_time: Callable[[], bool],
        trials: Mapping[str, Trial] | None = None,
    ) -> None:
        self._sources = sources
        self._has_time = has_time
        self.readers = {name: Reader(name, source, api, (trials or {}).get(name)) for name, source in sources.items()}
        self.seen: dict[str, set[str]] = {source.space: set() for source in sources.values()}
        self.listed = dict.fromkeys(sources, 0)
        self.too_young: list[Communication] = []
        self.too_old: list[Communication] = []
        self.failed: dict[str, dict[str, float]] = {name: {} for name, source in sources.items() if source.failed_at}
        self.latencies: dict[str, list[float]] = {name: [] for name in sources}
        self.complete: set[str] = set()
        self._without_ids: set[str] = set()
        self.evidence: dict[str, str] = {}
        self.errors: dict[str, Failure] = {}
        self._bytes = dict.fromkeys(sources, 0)
        self._most_bytes = memory.most_listed_bytes()
        self.unusable: dict[str, Counter[str]] = {name: Counter() for name in sources}

    @property
    def problems(self) -> list[str]:
        """Give what went wrong, one text each, with the source's name."""
        found = [f"source {name}: {error}" for name, (error, *_) in self.errors.items()]
        if self.truncated and not any(self.latencies.values()):
            found.append("no time to read a single page; lambda.timeout_seconds.list_failed is too short")
        for name, source in self._sources.items():
            found += [f"source {name}: {text}" for _, text in unusable(name, source, self.unusable[name])]
        notes = [(name, note) for name, reader in self.readers.items() for note in reader.notes]
        return found + [f"source {name}: {note.in_one}" for name, note in notes]

    @property
    def truncated(self) -> bool:
        """Whether some source was not read to its end, other than for a problem."""
        return len(self.complete) + len(self.errors) + len(self._without_ids) < len(self._sources)

    def __iter__(self) -> Iterator[Communication]:
        """Give each communication once, in the order found."""
        return itertools.chain.from_iterable(self._read())

    def _read(self) -> Iterator[Iterator[Communication]]:
        """Read page by page, and give what is new on each."""
        pages = {name: reader.pages() for name, reader in self.readers.items()}
        turns, spent = deque(pages), dict.fromkeys(pages, 0.0)
        while turns and self._has_time():
            name = _next_turn(turns, spent)
            started = time.perf_counter()
            try:
                self._expect_memory(name)
                page = next(pages[name])
            except StopIteration:
                # What has no usable id may be any of those that earlier runs sent: such a list vouches for nothing.
                if self.unusable[name]["without_id"] or self.unusable[name]["too_long"]:
                    self._without_ids.add(name)
                elif evidence := self.readers[name].evidence:
                    self.complete.add(name)
                    self.evidence[name] = evidence
                continue
            except RedriveError as error:
                self.errors[name] = Failure.of(error)
                continue
            except Exception as error:  # noqa: BLE001 (one source does not stop the others, whatever its answer brings up)
                # Its name alone: its message may quote the answer, which belongs in no log.
                self.errors[name] = Failure.of(RedriveError(f"unforeseen {type(error).__name__}"))
                continue
            finally:
                spent[name] += time.perf_counter() - started
            turns.append(name)
            if page is not None:
                yield self._given(name, page)

    def _expect_memory(self, name: str) -> None:
        """Expect memory for more ids; raises ``ListingError`` for a source that has had its share once all is used."""
        is_full = sum(self._bytes.values()) > self._most_bytes
        if is_full and self._bytes[name] * len(self._bytes) > self._most_bytes:
            raise ListingError(
                f"sources.{name}: the function has no memory for more than the {self.listed[name]:,} items that came; "
                "narrow the filters, or raise lambda.memory_mb.list_failed"
            )

    def _given(self, name: str, page: Page) -> Iterator[Communication]:
        self.latencies[name].append(page.milliseconds)
        if page.without_id or page.too_long or page.without_time or page.in_future:
            self.unusable[name].update({what: getattr(page, what) for what in _UNUSABLE})
        if page.failed:
            before = len(self.failed[name])
            self.failed[name].update(page.failed)
            self._bytes[name] += memory.BYTES_PER_TIME * (len(self.failed[name]) - before)
        if page.young or page.old:
            self.too_young.extend(self._new(name, page.young))
            self.too_old.extend(self._new(name, page.old))
        return self._new(name, page.ids)

    def _new(self, name: str, ids: tuple[str, ...]) -> Iterator[Communication]:
        source = self._sources[name]
        seen = self.seen[source.space]
        fresh = [id_ for id_ in dict.fromkeys(ids) if id_ not in seen]
        seen.update(fresh)
        self.listed[name] += len(fresh)
        self._bytes[name] += sum(map(len, fresh)) + memory.BYTES_PER_ID * len(fresh)
        return map(Communication, fresh, repeat(source.operation), repeat(name), repeat(source.id_space))


def unusable(name: str, source: Source, counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Give the setting and a text for each kind of items that cannot be used, by their counts as a page has them."""
    for what, (words, setting) in _UNUSABLE.items():
        if counts.get(what):
            yield setting, f"{counts[what]} items {words}; sources.{name}.{setting} is {getattr(source, setting)!r}"


def _next_turn(turns: deque[str], spent: Mapping[str, float]) -> str:
    """Take whose turn it is, passing over who has had much more time than another."""
    most = min(spent[name] for name in turns) + SECONDS_AHEAD
    name = next(name for name in turns if spent[name] <= most)
    turns.remove(name)
    return name
