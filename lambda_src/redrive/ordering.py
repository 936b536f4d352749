"""In which order a run sends: so that neither a pile in a list nor a dead source starves the good ones.

Where a source turns nearly everything away, a run gets no further than its first batches, so what is good must be in
them. Nobody knows which that is, but most often it failed last; and a list begins with the newest, or with the oldest.
So what was never tried is taken from both ends of the list, and a part of each batch is filled in that order. The rest
is dealt like cards, for good ones in the middle.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter
from typing import TypeVar

from redrive.models import Communication

T = TypeVar("T")

KEPT_FOR_TRIED = 10
"""One place in so many of a run is kept for what was tried before, or new ones would starve it."""

IN_ORDER = 4
"""One place in so many of a batch is filled in order; the others are dealt like cards."""


class Rank(IntEnum):
    """What goes first."""

    NEVER_TRIED = 0
    CAME_BACK = 1
    TURNED_AWAY = 2


@dataclass
class Candidates:
    """What a run may send, by source; add to it in the order of the list, then choose.

    Of what was never tried, a source keeps the first and the last, as many of each as a run can take, and counts the
    others.
    """

    most: int
    new: dict[str, tuple[list[Communication], deque[Communication]]] = field(default_factory=dict)
    tried: dict[str, list[tuple[Rank, float, Communication]]] = field(default_factory=dict)
    found: int = 0

    def add_new(self, communications: Sequence[Communication]) -> None:
        """Take some that the ledger does not know."""
        self.found += len(communications)
        for source, each in itertools.groupby(communications, key=attrgetter("source")):
            if source not in self.new:
                self.new[source] = ([], deque(maxlen=self.most))
            first, last = self.new[source]
            some, room = list(each), self.most - len(first)
            first.extend(some[:room])
            last.extend(some[room:])

    def add_tried(self, communication: Communication, rank: Rank, tried: float) -> None:
        """Take one that was tried before, at this time."""
        self.found += 1
        self.tried.setdefault(communication.source, []).append((rank, tried, communication))

    def chosen(self) -> list[list[Communication]]:
        """Give what the run sends, class by class: never tried, came back, turned away.

        The sources take turns, and a tenth of the run is kept for what was tried before. What was never tried is taken
        from both ends of the list; of what was tried, the one tried longest ago is first.
        """
        in_order = [sorted(entries, key=lambda entry: entry[:2]) for entries in self.tried.values()]
        count_tried = sum(map(len, in_order))
        kept = min(count_tried, max(1, self.most // KEPT_FOR_TRIED)) if count_tried else 0
        lists = [list(from_both_ends([*first, *last])) for first, last in self.new.values()]
        new = list(itertools.islice(take_turns(lists), self.most - kept))
        tried = list(itertools.islice(take_turns(in_order), self.most - len(new)))
        by_rank = {rank: [entry[2] for entry in tried if entry[0] is rank] for rank in Rank}
        return [new, by_rank[Rank.CAME_BACK], by_rank[Rank.TURNED_AWAY]]


def take_turns(lists: Sequence[Sequence[T]]) -> Iterator[T]:
    """Give the items of several lists, one of each in turn."""
    rows = [iter(items) for items in lists]
    while rows:
        for row in list(rows):
            try:
                yield next(row)
            except StopIteration:
                rows.remove(row)


def from_both_ends(items: Sequence[T]) -> Iterator[T]:
    """Give the first, the last, the second, the last but one, and so on."""
    for n in range(len(items)):
        yield items[~(n // 2)] if n % 2 else items[n // 2]


def deal(classes: Iterable[Sequence[Communication]], size: int) -> list[list[Communication]]:
    """Cut what a run sends into batches of ``size``, the last one smaller.

    Classes stay in order. Within one, a part of each batch's places is filled in order, and the rest is dealt like
    cards, so that a pile of alike ones is spread over all batches.
    """
    classes = [cards for cards in classes if cards]
    total = sum(map(len, classes))
    batches: list[list[Communication]] = [[] for _ in range(-(-total // size))]
    start = 0
    for cards in classes:
        end = start + len(cards)
        # How many places of each batch are this class's.
        places = {n: min((n + 1) * size, end) - max(n * size, start) for n in range(start // size, -(-end // size))}
        rest = iter(cards)
        for number, count in places.items():
            batches[number].extend(itertools.islice(rest, -(-count // IN_ORDER)))
            places[number] = count - -(-count // IN_ORDER)
        for numbers in itertools.repeat(list(places), max(places.values())):
            for number in numbers:
                if places[number]:
                    batches[number].append(next(rest))
                    places[number] -= 1
        start = end
    return batches
