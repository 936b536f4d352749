"""How much of an API's capacity a run uses on AWS: its batches are gone through event by event, with assumed times.

What is measured on this machine says that the rate is kept; its own engine is slower than AWS's. So the same run is
computed with the times that AWS takes. None of these is promised by AWS; they are cautious.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

SAFETY = 0.95
"""Of ``max_requests_per_second`` that is used: as in lambda_src/redrive/control.py."""


@dataclass(frozen=True)
class Times:
    """Seconds that AWS and the API are assumed to take.

    Attributes
    ----------
    child
        From the end of a batch to the start of the next one in its place.
    transition
        Of one state to the next.
    invoke
        What an invocation adds to a function's own time.
    write
        A request to DynamoDB.
    """

    child: float = 0.5
    transition: float = 0.1
    invoke: float = 0.05
    write: float = 0.01
    api: float = 0.2


@dataclass(frozen=True)
class Turnover:
    """What a run of the computed kind did to the API: requests a second over its whole length, and most at a time."""

    per_second: float
    at_a_time: int
    seconds: float


def compute(
    sends: int, batch_size: int, side_by_side: int, within: int, rate: float | None = None, times: Times = Times()
) -> Turnover:
    """Go through a run: every place takes its next communication as soon as it is free, and a slot of the rate.

    Parameters
    ----------
    side_by_side, within
        Batches at a time, and communications at a time in each: the MaxConcurrency of the state machine's two Maps.
    rate
        ``max_requests_per_second``; None for no limit.
    """
    opening = times.child + 3 * times.transition + times.invoke + times.write
    closing = times.transition + times.invoke + 2 * times.write
    before, after = times.transition + times.invoke + (2 if rate else 1) * times.write, times.write
    spacing = 1 / (SAFETY * rate) if rate else 0.0
    sizes = [min(batch_size, sends - start) for start in range(0, sends, batch_size)]
    free: list[tuple[float, int, int]] = []  # (when a place takes its next communication, its batch, its number)
    left: dict[int, int] = {}
    busy: dict[int, int] = {}
    queue = iter(enumerate(sizes))

    def begin(at: float) -> None:
        for batch, size in queue:
            busy[batch] = min(within, size)
            left[batch] = size
            for place in range(busy[batch]):
                heapq.heappush(free, (at + opening, batch, place))
            return

    for _ in range(side_by_side):
        begin(0.0)
    asked: list[float] = []
    slot = 0.0
    while free:
        at, batch, place = heapq.heappop(free)
        if not left[batch]:
            busy[batch] -= 1
            if not busy[batch]:
                begin(at + closing)
            continue
        left[batch] -= 1
        slot = max(slot, at + before)
        asked.append(slot)
        heapq.heappush(free, (slot + times.api + after, batch, place))
        slot += spacing
    length = asked[-1] - asked[0]
    return Turnover((sends - 1) / length, most_at_a_time([(at, at + times.api) for at in asked]), length)


def most_at_a_time(requests: list[tuple[float, float]]) -> int:
    """Give how many requests, each from and to a time, there were at once at most."""
    under_way: list[float] = []
    most = 0
    for start, end in sorted(requests):
        while under_way and under_way[0] <= start:
            heapq.heappop(under_way)
        heapq.heappush(under_way, end)
        most = max(most, len(under_way))
    return most


def most_within(seconds: float, starts: list[float]) -> int:
    """Give how many requests began within any so many seconds at most."""
    starts = sorted(starts)
    first = most = 0
    for last, at in enumerate(starts):
        while at - starts[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
