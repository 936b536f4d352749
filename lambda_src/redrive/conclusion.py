"""The end of a run: what became of each communication, and the verdict on each that was turned away.

It may be begun again at any point, and comes to the same: the moment it judges at, and how each source fared, are
written down before the first verdict, and a communication that was judged is not judged again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from redrive import breaker, clock
from redrive.errors import ConcludeUnfinished
from redrive.ledger import Ledger
from redrive.ledger_rules import SECONDS_PER_HOUR, Entry, Refusal, State, judge, was_answered_so
from redrive.models import Communication, OutcomeKind
from redrive.runs import BECAME_MANUAL, LEFT_OUT, NOT_LISTED, NOT_TRIED, UNDER_WAY, Batch, Result, Runs, Tally
from redrive.settings import LedgerSettings, RunSettings
from redrive.table import Item
from redrive.verdicts import ALREADY_QUEUED, TOO_MANY_REQUESTS, Tried, Verdict, verdict
from redrive.waiting import Group, Waiting

MANUAL_PER_SECOND = 200
"""Communications that become manual in a second: two write units each in a partition that takes 1,000."""

IDS_NAMED = 20
"""Of each group, ids that a digest names."""


@dataclass
class Failures:
    """Communications of one source that the API gave the same answer to."""

    source: str
    operation: str
    error: str
    status: int | None
    count: int = 0
    ids: list[str] = field(default_factory=list)


@dataclass
class Conclusion:
    """What a run came to.

    Attributes
    ----------
    lines
        How many communications of the run by what became of them; each listed one is in exactly one.
    failures
        What was turned away, by source and answer, and not manual now.
    manual
        What became manual in this run, by group.
    answers
        By source, how many were accepted (True) and turned away (False), 429 among them.
    open
        Sources whose breaker was open at the end.
    held
        By source, until when its API asked to be left alone.
    refused
        Why nothing could be sent at all.
    ended
        Why it opened no batch any more.
    """

    lines: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str], Failures] = field(default_factory=dict)
    manual: dict[str, Group] = field(default_factory=dict)
    answers: Counter[tuple[str, bool]] = field(default_factory=Counter)
    tried: dict[str, Tried] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    held: dict[str, float] = field(default_factory=dict)
    refused: str = ""
    ended: str = ""


class Concluding:
    """Concludes one run.

    Parameters
    ----------
    has_time
        Tells whether there is time to go on; where there is none, ``ConcludeUnfinished`` is raised.
    """

    def __init__(
        self,
        runs: Runs,
        ledger: Ledger,
        waiting: Waiting,
        settings: LedgerSettings,
        run: RunSettings,
        has_time: Callable[[], bool],
    ) -> None:
        self._runs, self._ledger, self._waiting = runs, ledger, waiting
        self._settings, self._run = settings, run
        self._has_time = has_time
        self._from_ledger: dict[int, list[Result]] = {}

    def conclude(self, record: Item) -> Conclusion:
        """Count, judge, and write down; the record's ``concludedAt`` says that it was done."""
        run_id = str(record["sk"])
        batches = int(record["batches"])
        at = float(self._runs.write(run_id, {"judgedAt": clock.now()}, only_new=True)["judgedAt"])
        counts = self._runs.breaker(run_id)
        done = Conclusion(held=dict(counts.held), refused=counts.refused, ended=counts.ended)
        is_open = breaker.open_sources(counts.turned_away, self._run.breaker_turned_away)
        is_open |= breaker.held_too_long(counts.held, at)
        done.open = tuple(sorted(counts.turned_away if counts.refused else is_open))
        with_failures = list(self._count(record, range(1, batches + 1), at, done))
        fared = {source: [tried.tried, tried.accepted] for source, tried in done.tried.items()}
        frozen = self._runs.write(run_id, {"fared": fared}, only_new=True)["fared"]
        done.tried = {source: Tried(int(tried), int(accepted)) for source, (tried, accepted) in frozen.items()}
        self._judge(record, with_failures, at, set(counts.held), done)
        self._retire(record, range(batches + 1, batches + 1 + int(record.get("exhaustedBatches", 0))), at, done)
        done.lines.update({reason: int(count) for reason, count in record.get("skipped", {}).items()})
        done.lines["left"] += int(record.get("left", 0))
        unwritten = int(record.get("listed", 0)) - sum(done.lines[name] for name in done.lines if name != NOT_LISTED)
        done.lines[NOT_TRIED] += max(unwritten, 0)  # the lister died before it had written every batch down
        for group in done.manual.values():
            self._waiting.add(group, run_id)
        return done

    def _results(self, record: Item, batch: Batch, tally: Tally | None, at: float) -> Iterable[Result]:
        """Give what became of each of a batch; where nobody wrote it down, the ledger knows.

        A batch that was cut off may still be written down while it is concluded: what it was counted by stands.
        """
        if batch.request != record["request"]:
            return [Result(NOT_TRIED)] * len(batch.communications)
        if tally and batch.number not in self._from_ledger:
            return tally.results
        if batch.number not in self._from_ledger:
            run_id, listed_at = str(record["sk"]), float(record["listedAt"])
            entries = self._ledger.read_whole(batch.communications)
            self._from_ledger[batch.number] = [_from_ledger(entry, run_id, listed_at, at) for _, entry in entries]
        return self._from_ledger[batch.number]

    def _count(self, record: Item, numbers: Iterable[int], at: float, done: Conclusion) -> Iterator[int]:
        """Count what was not turned away, and how each source fared; gives the batches in which some were."""
        tried: Counter[str] = Counter()
        accepted: Counter[str] = Counter()
        for batch, tally in self._runs.batches(str(record["sk"]), numbers):
            self._go_on()
            has_failures = False
            for communication, result in zip(
                batch.communications, self._results(record, batch, tally, at), strict=False
            ):
                if result.is_turned_away:
                    has_failures = True
                    done.answers[communication.source, False] += result.http_status != ALREADY_QUEUED
                    counts = result.http_status not in (ALREADY_QUEUED, TOO_MANY_REQUESTS)
                    tried[communication.source] += counts
                    continue
                done.lines[_line(result)] += 1
                if result.what == OutcomeKind.REQUEUED:
                    accepted[communication.source] += 1
                    done.answers[communication.source, True] += 1
                    tried[communication.source] += 1
            if has_failures:
                yield batch.number
        done.tried = {source: Tried(count, accepted[source]) for source, count in tried.items()}

    def _judge(self, record: Item, numbers: list[int], at: float, held: set[str], done: Conclusion) -> None:
        for batch, tally in self._runs.batches(str(record["sk"]), numbers):
            results = list(self._results(record, batch, tally, at))
            turned_away = {
                communication.key: result
                for communication, result in zip(batch.communications, results, strict=False)
                if result.is_turned_away
            }
            asked = [each for each in batch.communications if each.key in turned_away]
            for communication, entry in self._ledger.read_whole(asked):
                self._go_on()
                result = turned_away[communication.key]
                self._judge_one(communication, entry, result, record, at, held, done)

    def _judge_one(
        self,
        communication: Communication,
        entry: Entry | None,
        result: Result,
        record: Item,
        at: float,
        held: set[str],
        done: Conclusion,
    ) -> None:
        run_id = str(record["sk"])
        is_outage = bool(done.refused) and result.http_status == HTTPStatus.UNAUTHORIZED  # and not about itself
        if entry and entry.judged != run_id and _may_be_judged(entry, run_id, at) and not is_outage:
            found = verdict(
                result.http_status,
                done.tried.get(communication.source, Tried()),
                at - entry.turned_away if entry.turned_away else 0,
                self._settings.open_hours * SECONDS_PER_HOUR,
                is_first_time=not was_answered_so(entry, float(record["listedAt"])),
                ended_open=communication.source in done.open,
                was_asked_to_wait=communication.source in held and result.http_status in (503, TOO_MANY_REQUESTS),
            )
            if found is Verdict.MANUAL:
                entry = self._make_manual(entry, OutcomeKind.REFUSED, run_id, at)
            elif found is Verdict.CHARGED:
                entry = self._ledger.charge(entry, run_id, at)
        if entry and entry.state is State.MANUAL and entry.judged == run_id:
            self._add_manual(entry, done)
            return
        is_charged = entry is not None and entry.judged == run_id
        if result.http_status == ALREADY_QUEUED:
            done.lines["already_queued"] += 1
            return
        done.lines["charged" if is_charged else "turned_away"] += 1
        error = result.error or "no reason given"
        failures = done.failures.setdefault(
            (communication.source, error),
            Failures(communication.source, communication.operation, error, result.http_status),
        )
        failures.count += 1
        if len(failures.ids) < IDS_NAMED:
            failures.ids.append(communication.primary_id)

    def _retire(self, record: Item, numbers: Iterable[int], at: float, done: Conclusion) -> None:
        """Make manual what has come back after its last attempt."""
        run_id = str(record["sk"])
        for batch, _ in self._runs.batches(run_id, numbers):
            for _, entry in self._ledger.read_whole(batch.communications):
                self._go_on()
                is_due = entry and judge(entry, at, self._settings.max_attempts) is Refusal.EXHAUSTED
                if entry and is_due:
                    entry = self._make_manual(entry, Refusal.EXHAUSTED, run_id, at)
                if entry and entry.state is State.MANUAL and entry.judged == run_id:
                    self._add_manual(entry, done)
                else:
                    done.lines[NOT_TRIED] += 1

    def _make_manual(self, entry: Entry, why: str, run_id: str, at: float) -> Entry:
        started = time.monotonic()
        made = self._ledger.make_manual(entry, why, run_id, at)
        time.sleep(max(0.0, 1 / MANUAL_PER_SECOND - (time.monotonic() - started)))
        return made

    @staticmethod
    def _add_manual(entry: Entry, done: Conclusion) -> None:
        done.lines[BECAME_MANUAL] += 1
        group = Group.of(entry)
        done.manual.setdefault(group.name, group).add(entry, IDS_NAMED)

    def _go_on(self) -> None:
        if not self._has_time():
            raise ConcludeUnfinished("the run has more than one invocation can conclude")


def _may_be_judged(entry: Entry, run_id: str, at: float) -> bool:
    """Tell whether an attempt stands as this run left it: nobody has a lease, or has tried since."""
    return entry.state is State.OPEN and entry.run_id == run_id and entry.lease_until <= at and entry.tried <= at


def _from_ledger(entry: Entry | None, run_id: str, listed_at: float, at: float) -> Result:
    if entry is None or entry.run_id != run_id:
        return Result(NOT_TRIED)
    if entry.tried > at or (entry.state is State.OPEN and entry.lease_until > at):
        return Result(UNDER_WAY)  # also what was answered while this was found out
    was_tried = entry.outcome is not None and listed_at <= entry.tried <= at
    return Result(str(entry.outcome), True, entry.http_status, entry.error) if was_tried else Result(NOT_TRIED)


def _line(result: Result) -> str:
    """Name the line of the digest in which something is counted that was not turned away."""
    if result.what == OutcomeKind.SKIPPED:
        return result.error or "skipped"
    if result.what in (OutcomeKind.FAILED, OutcomeKind.REFUSED):
        return "not_asked"  # the function or the ledger failed, the API was not asked
    return {OutcomeKind.REQUEUED.value: "requeued", LEFT_OUT: LEFT_OUT, UNDER_WAY: UNDER_WAY}.get(
        result.what, NOT_TRIED
    )


def to_json(done: Conclusion, record: Item) -> dict[str, Any]:
    """Give what a run's record keeps; a source that it did not ask stays open if it was."""
    asked = {source for source, _ in done.answers}  # one that ended before it had probed a source knows no better
    still_open = set(record.get("wasOpen", ())) - asked
    still_held = {source: until for source, until in record.get("wasHeld", {}).items() if source not in asked}
    return {
        "lines": {name: count for name, count in done.lines.items() if count},
        "open": sorted(still_open.union(done.open)),
        "held": {source: until for source, until in (still_held | done.held).items() if until > clock.now()},
        "failures": [
            {"source": each.source, "operation": each.operation, "error": each.error, "count": each.count}
            for each in sorted(done.failures.values(), key=lambda each: -each.count)[:20]
        ],
    }
