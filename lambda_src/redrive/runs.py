"""The records of runs: the lock, what a run is made of, its batches with their tallies, and what its breaker counts.

| partition | sort key | what |
| --- | --- | --- |
| `run/current` | `lock` | who runs now |
| `runs` | the run's id | the run's record, the newest last |
| `run/<runId>` | `breaker` | by source: turned away in a row, held until, and the batch that probes it |
| `run/<runId>/<number>` | `batch`, `tally` | what it sends, and what became of that |
| `digest` | `memory` | which digests were sent, and what waits for the next |

Each batch is a partition of its own, so no part of the table gets more than its share however fast a run is.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from redrive import clock
from redrive.breaker import Move
from redrive.mailing import Memory
from redrive.models import Communication, OutcomeKind
from redrive.table import KEYS_PER_READ, Delete, Item, Key, Put, Table, Update

LOCK = Key("run/current", "lock")
MEMORY = Key("digest", "memory")
NEWS = ("delivered", "cameBack")
RUNS = "runs"
SECONDS_PER_DAY = 86400

CONCLUDED = ("judgedAt", "fared", "concludedAt", "digest", "publishedBy", "settled")
"""Attributes of a record that a run has only when it was concluded."""

PENDING = frozenset({"leased", "cooling_down", "too_young"})
"""Why a communication was skipped of which it is not known yet whether it goes out."""

STOPPED = "an operator stopped it"

NOT_TRIED = "not_tried"
UNDER_WAY = "under_way"
LEFT_OUT = "left_out"
BECAME_MANUAL = "became_manual"
NOT_LISTED = "not_listed"
"""What may become of a communication of a batch besides an outcome: nobody asked for it, somebody still has its lease,
its source's breaker was open, or the run's verdict leaves it to a person."""


class Lock(NamedTuple):
    """Who runs now: the run, the request of its lister, its execution if there is one, and when that must be over."""

    run_id: str
    request: str
    execution: str
    taken: float
    until: float


class Batch(NamedTuple):
    """What a batch sends; ``request`` is that of the lister who wrote it down."""

    run_id: str
    number: int
    request: str
    communications: tuple[Communication, ...]


class Result(NamedTuple):
    """What became of one communication of a batch.

    Attributes
    ----------
    what
        An outcome, ``not_tried``, ``under_way`` or ``left_out``.
    was_asked
        Whether the API was asked.
    error
        Why, in words; of what was skipped, the reason.
    """

    what: str
    was_asked: bool = False
    http_status: int | None = None
    error: str | None = None

    @property
    def is_turned_away(self) -> bool:
        """Whether the API did not take it, so that a verdict follows."""
        return self.was_asked and (self.what in (OutcomeKind.REFUSED, OutcomeKind.FAILED) or self.http_status == 409)


class Tally(NamedTuple):
    """What became of a batch, in its order; ``stopped`` says why it ended early."""

    number: int
    results: tuple[Result, ...]
    stopped: str = ""


class Breaker(NamedTuple):
    """What is counted of a run's sources while it is on.

    Attributes
    ----------
    turned_away
        How many in a row.
    held
        Until when the API asked to be left alone.
    probed_by
        The batch that probes a source that was open when the last run ended.
    refused
        Why nothing may be sent at all: the credentials, or the settings.
    ended
        Why the run opens no batch any more: a person stopped it, or its time is over.
    gone, closed
        How many the API has taken, and how many are in batches that are done with.
    gone_at_refusal
        How many it had taken when it last refused the credentials.
    """

    turned_away: Mapping[str, int] = MappingProxyType({})
    held: Mapping[str, float] = MappingProxyType({})
    probed_by: Mapping[str, int] = MappingProxyType({})
    refused: str = ""
    ended: str = ""
    gone: int = 0
    closed: int = 0
    gone_at_refusal: int = 0


class Runs:
    """The records, as the functions use them.

    Parameters
    ----------
    retention_days
        How long they are kept.
    """

    def __init__(self, table: Table, retention_days: float) -> None:
        self._table = table
        self._kept = retention_days * SECONDS_PER_DAY

    def _expiry(self) -> int:
        return int(clock.now() + self._kept)

    # The lock

    def take_lock(self, run_id: str, request: str, until: float) -> Lock | None:
        """Begin a run; give whose lock hinders it, None where nobody's does, nor its own whose answer was lost."""
        lock = {"runId": run_id, "request": request, "execution": "", "taken": clock.now(), "until": until}
        is_free = "attribute_not_exists(pk) OR (runId = :run AND #request = :request)"
        found = self._table.write(Put(LOCK, lock, is_free, {"run": run_id, "request": request}))
        return None if found.done or found.item is None else _lock(found.item)

    def lock(self) -> Lock | None:
        """Give the lock."""
        item = self._table.get(LOCK)
        return _lock(item) if item else None

    def note_execution(self, run_id: str, request: str, execution: str) -> None:
        """Write into the lock which execution carries the run out."""
        condition = "runId = :run AND #request = :request"
        self._table.write(Update(LOCK, {"execution": execution}, condition, {"run": run_id, "request": request}))

    def unlock(self, run_id: str, request: str) -> None:
        """End a run, if it still has the lock."""
        self._table.write(Delete(LOCK, "runId = :run AND #request = :request", {"run": run_id, "request": request}))

    # Records

    def write(self, run_id: str, values: Mapping[str, Any], *, only_new: bool = False) -> Item:
        """Write into a run's record; give it as it is then.

        Parameters
        ----------
        only_new
            Leave what stands there already.
        """
        defaults: dict[str, Any] = {"expiry": self._expiry()}
        if only_new:
            values, defaults = {}, {**defaults, **values}
        return self._table.write(Update(Key(RUNS, run_id), values, defaults=defaults)).item or {}

    def begin(self, run_id: str, request: str, values: Mapping[str, Any]) -> bool:
        """Begin a record; False where the run's execution was started before, by another delivery of its firing.

        One whose lister failed, and that was concluded so, begins anew.
        """
        update = Update(
            Key(RUNS, run_id),
            {**values, "request": request, "expiry": self._expiry()},
            "attribute_not_exists(execution) OR #request = :request",
            {"request": request},
            removed=CONCLUDED,
        )
        return self._table.write(update).done

    def settle(self, run_id: str) -> bool:
        """Write down that a run's deliveries are counted; whether this was the first time."""
        condition = "attribute_exists(pk) AND attribute_not_exists(settled)"
        return self._table.write(Update(Key(RUNS, run_id), {"settled": clock.now()}, condition)).done

    def take_digest(self, run_id: str, by: str) -> bool:
        """Take it upon oneself to publish a run's digest beside its execution; whether nobody else has.

        Parameters
        ----------
        by
            The invocation; a retry of it has the same id, and goes on where the one before ended.
        """
        condition = "attribute_not_exists(publishedBy) OR publishedBy = :by"
        return self._table.write(Update(Key(RUNS, run_id), {"publishedBy": by}, condition, {"by": by})).done

    def leave_digest(self, run_id: str) -> None:
        """Let somebody else publish it."""
        self._table.write(Update(Key(RUNS, run_id), removed=("publishedBy",)))

    def record(self, run_id: str) -> Item | None:
        """Give a run's record."""
        return self._table.get(Key(RUNS, run_id))

    def under_way(self, run_id: str, *more: Key) -> tuple[Item, Breaker, dict[Key, Item]]:
        """Read a run's record, its breaker, and other items, with one request."""
        record, breaker = Key(RUNS, run_id), _breaker_key(run_id)
        found = {Key(item["pk"], item["sk"]): item for item in self._table.get_many([record, breaker, *more])}
        return found.get(record, {}), _breaker(found.get(breaker, {})), found

    def newest(self, limit: int, before: str | None = None) -> tuple[list[Item], str | None]:
        """Give the newest records, and what asks for those before them."""
        page = self._table.query(RUNS, after=before, limit=limit, newest_first=True)
        return [item for item in page.items if item.get("expiry", 0) > clock.now()], page.last

    # Digests

    def memory(self) -> tuple[Memory, Counter[str], float]:
        """Give what is remembered of digests, what news waits for the next one, and the version of both."""
        item = self._table.get(MEMORY) or {}
        news = Counter({name: int(item[name]) for name in NEWS if name in item})
        memory = Memory(
            sent=item.get("sent", {}),
            bad=frozenset(item.get("bad", ())),
            was_bad=item.get("wasBad", 0),
            was_over=item.get("wasOver", 0),
            last=item.get("last", 0),
            quiet={name: int(count) for name, count in item.get("quiet", {}).items()},
            unnamed=item.get("unnamed", {}),
            due=item.get("due", 0),
        )
        return memory, news, item.get("version", 0)

    def keep_digest(
        self, run_id: str, values: Mapping[str, Any], memory: Memory, version: float, *, keeps_news: bool
    ) -> bool:
        """Write what a run came to, with its digest, and what is remembered of digests: both or neither.

        False where the run has a digest, or where another run has decided about its own since ``version``.
        """
        record = Update(
            Key(RUNS, run_id),
            values,
            "attribute_not_exists(digest)",
            defaults={"expiry": self._expiry()},
        )
        remembered = {
            "sent": memory.sent,
            "bad": sorted(memory.bad),
            "wasBad": memory.was_bad,
            "wasOver": memory.was_over,
            "last": memory.last,
            "quiet": memory.quiet,
            "unnamed": memory.unnamed,
            "due": memory.due,
            "version": version + 1,
            "runId": run_id,
        }
        condition = "attribute_not_exists(version) OR version = :version"
        removed = () if keeps_news else NEWS
        return self._table.write_together(
            record, Update(MEMORY, remembered, condition, {"version": version}, removed=removed)
        )

    def add_news(self, news: Mapping[str, int]) -> None:
        """Keep counts for the next digest."""
        added = {name: count for name, count in news.items() if count}
        if added:
            self._table.write(Update(MEMORY, added={**added, "version": 1}))

    # Batches

    def write_batches(self, batches: Iterable[Batch]) -> None:
        """Write down what each batch sends."""
        expiry = self._expiry()
        self._table.put_many(
            (
                _batch_key(batch.run_id, batch.number, "batch"),
                {"request": batch.request, "sends": _packed(batch.communications), "expiry": expiry},
            )
            for batch in batches
        )

    def open_batch(self, run_id: str, number: int, *more: Key) -> tuple[Batch | None, Breaker, dict[Key, Item]]:
        """Read a batch, the run's breaker, and other items, with one request."""
        batch_key, breaker_key = _batch_key(run_id, number, "batch"), _breaker_key(run_id)
        found = {Key(item["pk"], item["sk"]): item for item in self._table.get_many([batch_key, breaker_key, *more])}
        item = found.get(batch_key)
        return _batch(run_id, number, item) if item else None, _breaker(found.get(breaker_key, {})), found

    def batches(self, run_id: str, numbers: Iterable[int]) -> Iterator[tuple[Batch, Tally | None]]:
        """Read batches with their tallies, fifty with each request; in any order."""
        rest = iter(numbers)
        while some := list(itertools.islice(rest, KEYS_PER_READ // 2)):
            keys = [_batch_key(run_id, number, kind) for number in some for kind in ("batch", "tally")]
            items = {(item["pk"], item["sk"]): item for item in self._table.get_many(keys)}
            for number in some:
                pk = _batch_key(run_id, number, "batch").pk
                if item := items.get((pk, "batch")):
                    tally = items.get((pk, "tally"))
                    yield _batch(run_id, number, item), _tally(number, tally) if tally else None

    def write_tally(self, run_id: str, tally: Tally) -> bool:
        """Write down what became of a batch, once; whether this was the first time."""
        item = {
            "results": _packed_results(tally.results),
            "stopped": tally.stopped,
            "expiry": self._expiry(),
        }
        key = _batch_key(run_id, tally.number, "tally")
        return self._table.write(Put(key, item, "attribute_not_exists(pk)")).done

    # The breaker

    def begin_breaker(
        self,
        run_id: str,
        numbers: Mapping[str, int],
        probed_by: Mapping[str, int],
        held: Mapping[str, float] | None = None,
    ) -> None:
        """Write down with what a run begins; see :class:`Breaker`."""
        item: dict[str, float] = {f"n:{source}": number for source, number in numbers.items()}
        item |= {f"probe:{source}": number for source, number in probed_by.items()}
        item |= {f"hold:{source}": until for source, until in (held or {}).items()}
        self._table.write(Put(_breaker_key(run_id), {**item, "expiry": self._expiry()}))

    def move_breaker(
        self,
        run_id: str,
        moves: Mapping[str, Move],
        probed: Sequence[str],
        refused: str = "",
        progress: Mapping[str, int] | None = None,
        gone_at_refusal: int = 0,
    ) -> None:
        """Write down what a batch does to the numbers of its sources, with one write.

        Parameters
        ----------
        probed
            Sources whose probe this batch was.
        refused
            Why nothing more may be sent at all: the credentials, or the settings.
        progress
            What to add to ``gone`` and ``closed``; see :class:`Breaker`.
        gone_at_refusal
            See :class:`Breaker`.
        """
        resets = {f"n:{source}": move.turned_away for source, move in moves.items() if move.resets}
        added = {f"n:{source}": move.turned_away for source, move in moves.items() if not move.resets}
        added |= progress or {}
        values = resets | ({"refused": refused} if refused else {})
        values |= {"goneAtRefusal": gone_at_refusal} if gone_at_refusal else {}
        removed = [f"probe:{source}" for source in probed]
        if values or any(added.values()) or removed:
            added = {name: number for name, number in added.items() if number}
            self._table.write(Update(_breaker_key(run_id), values, added=added, removed=removed))

    def note_end(self, run_id: str, why: str) -> None:
        """Write down why a run opens no batch any more."""
        self._table.write(Update(_breaker_key(run_id), {"ended": why}, defaults={"expiry": self._expiry()}))

    def hold(self, run_id: str, source: str, until: float) -> None:
        """Write down that the API asked to be left alone until then, unless it has asked for longer."""
        key, name = _breaker_key(run_id), f"hold:{source}"
        is_later = "attribute_not_exists(#held) OR #held < :until"
        self._table.write(Update(key, {name: until}, is_later, {"until": until}, names={"held": name}))

    def breaker(self, run_id: str) -> Breaker:
        """Give a run's breaker."""
        return _breaker(self._table.get(_breaker_key(run_id)) or {})


def _breaker_key(run_id: str) -> Key:
    return Key(f"run/{run_id}", "breaker")


def _batch_key(run_id: str, number: int, kind: str) -> Key:
    return Key(f"run/{run_id}/{number}", kind)


def _lock(item: Item) -> Lock:
    return Lock(item["runId"], item["request"], item["execution"], item["taken"], item["until"])


def _packed(communications: Sequence[Communication]) -> str:
    """Write communications as short as may be: what belongs to a source once."""
    sources: dict[str, list[str]] = {}
    for each in communications:
        sources.setdefault(each.source, [each.operation, each.id_space])
    return json.dumps(
        [sources, [[each.source, each.primary_id] for each in communications]],
        separators=(",", ":"),
        ensure_ascii=False,
    )


def _batch(run_id: str, number: int, item: Item) -> Batch:
    sources, sends = json.loads(item["sends"])
    communications = tuple(
        Communication(primary_id, sources[source][0], source, sources[source][1]) for source, primary_id in sends
    )
    return Batch(run_id, number, item["request"], communications)


def _packed_results(results: Sequence[Result]) -> str:
    """Write results as short as may be: alike ones once, each with the places it has in the batch."""
    places: dict[Result, list[int]] = {}
    for place, result in enumerate(results):
        places.setdefault(result, []).append(place)
    rows = [
        [result.what, result.was_asked, result.http_status, result.error, where] for result, where in places.items()
    ]
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False)


def _tally(number: int, item: Item) -> Tally:
    rows = json.loads(item["results"])
    results = {place: Result(*result) for *result, where in rows for place in where}
    return Tally(number, tuple(results[place] for place in sorted(results)), item.get("stopped", ""))


def _breaker(item: Item) -> Breaker:
    def named(prefix: str) -> dict[str, float]:
        return {name.removeprefix(prefix): value for name, value in item.items() if name.startswith(prefix)}

    return Breaker(
        turned_away={source: int(number) for source, number in named("n:").items()},
        held=named("hold:"),
        probed_by={source: int(number) for source, number in named("probe:").items()},
        refused=item.get("refused", ""),
        ended=item.get("ended", ""),
        gone=int(item.get("gone", 0)),
        closed=int(item.get("closed", 0)),
        gone_at_refusal=int(item.get("goneAtRefusal", 0)),
    )
