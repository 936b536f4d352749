"""Weeks of hourly runs in a second: the module's own rules, driven with a simulated API, clock and table.

Only those three are simulated. What may be sent, in which order and in which batches, when the breaker opens, what a
communication is charged with and which digest goes out is decided by the functions that the module runs on.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from redrive import breaker, ledger_rules, mailing
from redrive.ledger import group_of
from redrive.ledger_rules import Entry, Refusal, State, judge
from redrive.models import Communication, OutcomeKind, idempotency_key
from redrive.ordering import Candidates, Rank, deal
from redrive.redriving import AGREE_TO_WAIT
from redrive.settings import LedgerSettings
from redrive.verdicts import ALREADY_QUEUED, TOO_MANY_REQUESTS, Tried, Verdict, verdict

MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86400.0, 604800.0

BEGIN = 1_800_000_000.0
"""When simulated time begins; a whole hour."""

BATCH_SIZE, BATCHES_AT_A_TIME, REQUESTS_OF_A_BATCH = 20, 2, 5
THRESHOLD = 50
RETRIES, FIRST_PAUSE = 3, 2.0
LATENCY, LONGEST_RETRY_AFTER, TOO_MANY_HOLD = 0.2, 30.0, 60.0
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answers to one POST; a status of None is no answer at all, whatever became of the request."""

    status: int | None
    retry_after: float | None = None

    @property
    def is_accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


ACCEPTED = Reply(202)

Behaviour = Callable[[Communication, float], Reply]
"""What the API answers to a communication at a time, in seconds since the beginning."""


def fine(communication: Communication, now: float) -> Reply:
    return ACCEPTED


class Application:
    """The API, and the list of what failed. It checks each POST: its key, its body, and whether it comes too early."""

    def __init__(
        self,
        behaviour: Behaviour,
        bounces: Callable[[Communication, int], float | None] | None = None,
        *,
        is_newest_first: bool = False,
    ) -> None:
        self.is_newest_first = is_newest_first
        self.behaviour = behaviour
        self.bounces = bounces or (lambda communication, times: None)
        self.failed: dict[str, Communication] = {}
        self.arrivals: list[tuple[float, int, Communication]] = []
        self.counter = itertools.count()
        self.since: dict[str, float] = {}
        self.waited: dict[str, list[float]] = {}
        self.accepted: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.times: list[float] = []
        self.last: dict[str, tuple[str, Reply, float]] = {}
        self.asked: Counter[str] = Counter()
        self.bodies: dict[str, object] = {}

    def will_fail(self, at: float, communications: Iterable[Communication]) -> None:
        """Say what fails when, in seconds since the beginning."""
        for communication in communications:
            heapq.heappush(self.arrivals, (BEGIN + at, next(self.counter), communication))

    def listed(self, now: float) -> list[Communication]:
        """List what has failed."""
        while self.arrivals and self.arrivals[0][0] <= now:
            at, _, communication = heapq.heappop(self.arrivals)
            self.failed[communication.key] = communication
            self.since[communication.key] = at
        found = list(self.failed.values())
        return found[::-1] if self.is_newest_first else found

    def post(self, entry: Entry, number: str, now: float) -> Reply:
        communication = entry.communication
        key = idempotency_key(communication.operation, communication.primary_id, number)
        assert entry.body
        assert key in self.bodies or entry.body.created == now, f"{key} is new, and its body is not"
        assert self.bodies.setdefault(key, entry.body) == entry.body, f"{key} had another body before"
        if last := self.last.get(communication.key):
            last_key, said, at = last
            assert now >= at + (said.retry_after or 0), f"{key} was to come {said.retry_after} s later"
            is_refusal = said.status is not None and said.status < 500 and said.status not in (401, 408, 409, 425, 429)
            is_only_one = self.asked[last_key] == 1 or said.status in (410, 422, 451)
            is_definite = said.is_accepted or (is_refusal and is_only_one)
            assert (key != last_key) == is_definite, f"{last_key} was answered {said.status}, then came {key}"
        self.posts[communication.key] += 1
        self.times.append(now)
        reply = self.behaviour(communication, now - BEGIN)
        self.asked[key] += reply.status != UNAUTHORIZED
        self.last[communication.key] = key, reply, now
        if reply.is_accepted:
            self._accept(communication, now)
        return reply

    def _accept(self, communication: Communication, now: float) -> None:
        key = communication.key
        self.accepted[key] += 1
        self.failed.pop(key, None)
        self.waited.setdefault(key, []).append(now - self.since[key])
        after = self.bounces(communication, self.accepted[key])
        if after is not None:
            self.will_fail(now + after - BEGIN, [communication])


@dataclass(frozen=True)
class Result:
    communication: Communication
    kind: OutcomeKind
    status: int | None = None
    was_asked: bool = False
    was_asked_to_wait: bool = False

    @property
    def is_turned_away(self) -> bool:
        return self.was_asked and (self.kind.is_failure or self.status == ALREADY_QUEUED)


@dataclass(frozen=True)
class Mail:
    at: float
    headline: str
    is_over: bool


@dataclass
class Sandbox:
    """What a sandbox remembers of one source."""

    asked_to_wait: set[str] = field(default_factory=set)
    held: float = 0
    has_accepted: bool = False


@dataclass
class Run:
    """A run at work, and afterwards what it did."""

    run_id: str
    began: float
    sources: frozenset[str]
    numbers: dict[str, int]
    probes: dict[str, int]
    held: dict[str, float]
    refused: bool = False
    gone: int = 0
    gone_at_refusal: int = 0
    ended: float = 0
    results: list[Result] = field(default_factory=list)
    posts: int = 0

    def open(self) -> frozenset[str]:
        """Name the sources whose breaker is open."""
        return self.sources if self.refused else breaker.open_sources(self.numbers, THRESHOLD) & self.sources

    def left_out(self, now: float) -> frozenset[str]:
        """Name the sources of which nothing is sent at the moment."""
        return self.open() | (breaker.held_too_long(self.held, now) & self.sources)


class CredentialsRefused(Exception):
    pass


class Weeks:
    """The module, with a table that is a dict and a clock that only moves when something takes time."""

    def __init__(
        self,
        application: Application,
        settings: LedgerSettings | None = None,
        *,
        max_per_run: int = 10_000,
        dies: Callable[[float], bool] = lambda now: False,
    ) -> None:
        random.seed(20261124)  # the cooldown's jitter is drawn from it
        self.application = application
        self.settings = settings or LedgerSettings("ledger")
        self.max_per_run = max_per_run
        self.dies = dies
        self.now = BEGIN
        self.table: dict[str, Entry] = {}
        self.open: frozenset[str] = frozenset()
        self.held: dict[str, float] = {}
        self.sandboxes: defaultdict[tuple[int, int, str], Sandbox] = defaultdict(Sandbox)
        self.memory = mailing.Memory()
        self.mails: list[Mail] = []
        self.runs: list[Run] = []
        self.manual: dict[str, tuple[float, str]] = {}

    def go_on(self, seconds: float) -> Weeks:
        """Fire every hour until so many seconds after the beginning; a run that is still on lets none begin."""
        for at in itertools.count(BEGIN, HOUR):
            if at >= BEGIN + seconds:
                return self
            if at >= self.now:
                self.now = at
                self._run()
        raise AssertionError

    # What the lister does

    def _run(self) -> None:
        candidates, exhausted = Candidates(self.max_per_run), []
        for communication in self.application.listed(self.now):
            entry = self.table.get(communication.key)
            refusal = judge(entry, self.now, self.settings.max_attempts)
            if refusal is Refusal.EXHAUSTED and entry:
                exhausted.append(entry)
            elif refusal is None and (entry is None or entry.state is State.RELEASED or not entry.tried):
                candidates.add_new([communication])
            elif refusal is None and entry:
                rank = Rank.CAME_BACK if entry.state is State.REQUEUED else Rank.TURNED_AWAY
                candidates.add_tried(communication, rank, entry.tried)
        batches = deal(candidates.chosen(), BATCH_SIZE)
        if not batches and not exhausted and not 0 < self.memory.due <= self.now:
            return
        sources = frozenset(each.source for batch in batches for each in batch)
        numbers = dict.fromkeys(sources, 0) | breaker.half_open(self.open & sources, THRESHOLD)
        first = {each.source: n for n, batch in reversed(list(enumerate(batches))) for each in batch}
        probes = {source: first[source] for source in self.open & sources}
        run = Run(f"run-{self.now:.0f}", self.now, sources, numbers, probes, dict(self.held))
        self.runs.append(run)
        posts = self.application.posts.total()
        self._send(run, deque(enumerate(batches)))
        run.posts, run.ended = self.application.posts.total() - posts, self.now
        self._conclude(run, exhausted)

    # What the state machine and its functions do

    def _send(self, run: Run, waiting: deque[tuple[int, list[Communication]]]) -> None:
        while waiting:
            going: list[tuple[int, list[Communication]]] = []
            back: list[tuple[int, list[Communication]]] = []
            until = self.now + FIRST_PAUSE
            for _ in range(min(BATCHES_AT_A_TIME, len(waiting))):
                number, batch = waiting.popleft()
                left_out = run.left_out(self.now)
                if left_out >= run.sources:
                    return
                batch = [each for each in batch if each.source not in left_out]
                held = [
                    end for source, end in run.held.items() if end > self.now and any(x.source == source for x in batch)
                ]
                if held:
                    until = max(until, *held)
                    back.append((number, batch))
                elif any(run.probes.get(each.source, number) != number for each in batch):
                    back.append((number, batch))
                else:
                    going.append((number, batch))
            waiting.extendleft(reversed(back))
            begin = self.now
            ends = [self._batch(run, number, batch, begin) for number, batch in going]
            self.now = max(ends, default=until)
            for number, _ in going:
                run.probes = {source: probe for source, probe in run.probes.items() if probe != number}

    def _batch(self, run: Run, number: int, batch: list[Communication], now: float) -> float:
        results: list[Result] = []
        is_stopped = False
        for start in range(0, len(batch), REQUESTS_OF_A_BATCH):
            ends = [now]
            for place, communication in enumerate(batch[start : start + REQUESTS_OF_A_BATCH]):
                sandbox = self.sandboxes[number % BATCHES_AT_A_TIME, place, communication.source]
                if sandbox.held > now:
                    results.append(Result(communication, OutcomeKind.SKIPPED))
                    continue
                try:
                    result, end = self._redrive(run, f"{run.run_id}/{number}", communication, now, sandbox)
                except CredentialsRefused:
                    is_stopped = True
                    continue
                results.append(result)
                ends.append(end)
            now = max(ends)
            if is_stopped:
                break
        run.results += results
        if is_stopped:
            run.refused = run.refused or run.gone == run.gone_at_refusal
            run.gone_at_refusal = run.gone
        else:
            run.gone += sum(result.kind is OutcomeKind.REQUEUED for result in results)
        for source in {each.source for each in batch}:
            outcomes = [(x.kind, x.status, x.was_asked) for x in results if x.communication.source == source]
            move = breaker.moved_by(outcomes)
            run.numbers[source] = move.turned_away + (0 if move.resets else run.numbers[source])
        return now

    def _redrive(
        self, run: Run, owner: str, communication: Communication, now: float, sandbox: Sandbox
    ) -> tuple[Result, float]:
        key, settings = communication.key, self.settings
        for tries in range(RETRIES + 1):
            entry = self.table.get(key)
            if judge(entry, now, settings.max_attempts, owner=owner, listed_at=run.began):
                return Result(communication, OutcomeKind.SKIPPED), now
            entry = ledger_rules.claimed(entry, communication, owner, run.run_id, f"{run.run_id}", now, settings)
            self.table[key] = entry
            number = ledger_rules.Claim(entry).number
            reply = self.application.post(entry, number, now)
            now += LATENCY
            if reply.status == UNAUTHORIZED:  # the secret is read anew, once
                reply = self.application.post(entry, number, now)
                now += LATENCY
            if reply.status == UNAUTHORIZED and not sandbox.has_accepted:
                self.table[key] = ledger_rules.given_back(entry, now, was_refused=True)
                raise CredentialsRefused
            sandbox.has_accepted = reply.is_accepted or (sandbox.has_accepted and reply.status != UNAUTHORIZED)
            if self.dies(now - BEGIN):
                return Result(communication, OutcomeKind.FAILED), now  # nothing is written down: the lease runs out
            if reply.is_accepted:
                sandbox.asked_to_wait = set()
                self.table[key] = ledger_rules.accepted(entry, reply.status or 0, now, settings)
                return Result(communication, OutcomeKind.REQUEUED, reply.status, was_asked=True), now
            if reply.status == ALREADY_QUEUED:
                self.table[key] = ledger_rules.already_queued(entry, now, settings)
                return Result(communication, OutcomeKind.SKIPPED, reply.status, was_asked=True), now
            waits_long = (reply.retry_after or 0) > LONGEST_RETRY_AFTER
            is_passing = reply.status is None or reply.status >= 500 or reply.status == TOO_MANY_REQUESTS
            comes_back = is_passing and not waits_long and tries < RETRIES
            self.table[key] = ledger_rules.turned_away(
                entry,
                reply.status,
                f"HTTP {reply.status}",
                now,
                settings,
                retry_after=reply.retry_after,
                comes_back=comes_back,
            )
            if not comes_back:
                hold = TOO_MANY_HOLD if reply.status == TOO_MANY_REQUESTS else 0.0
                hold = reply.retry_after if waits_long and reply.retry_after else hold
                sandbox.asked_to_wait = sandbox.asked_to_wait | {key} if hold else set()
                if len(sandbox.asked_to_wait) >= AGREE_TO_WAIT:
                    run.held[communication.source] = sandbox.held = now + hold
                kind = self.table[key].outcome or OutcomeKind.FAILED
                return Result(communication, kind, reply.status, was_asked=True, was_asked_to_wait=waits_long), now
            now += max(FIRST_PAUSE * 2**tries, reply.retry_after or 0)
        raise AssertionError

    # What the run's end does

    def _conclude(self, run: Run, exhausted: list[Entry]) -> None:
        self.open = (self.open - run.sources) | run.open()
        self.held = {source: until for source, until in run.held.items() if until > self.now}
        by_source: dict[str, Counter[str]] = {source: Counter() for source in run.sources}
        for result in run.results:
            if result.was_asked and result.status not in (ALREADY_QUEUED, TOO_MANY_REQUESTS):
                by_source[result.communication.source]["tried"] += 1
                by_source[result.communication.source]["accepted"] += result.kind is OutcomeKind.REQUEUED
        tried = {source: Tried(found["tried"], found["accepted"]) for source, found in by_source.items()}
        new = [ledger_rules.manual(entry, Refusal.EXHAUSTED, run.run_id, self.now) for entry in exhausted]
        for result in run.results:
            entry = self.table[result.communication.key] if result.is_turned_away else None
            if entry is None or entry.lease_until > self.now:
                continue
            decided = verdict(
                result.status,
                tried[result.communication.source],
                self.now - entry.turned_away,
                self.settings.open_hours * HOUR,
                is_first_time=not ledger_rules.was_answered_so(entry, run.began),
                ended_open=result.communication.source in run.left_out(self.now),
                was_asked_to_wait=result.was_asked_to_wait and result.communication.source in run.held,
            )
            if decided is Verdict.MANUAL:
                new.append(ledger_rules.manual(entry, "refused", run.run_id, self.now))
            elif decided is Verdict.CHARGED:
                entry = self.table[entry.communication.key] = ledger_rules.charged(
                    entry, run.run_id, self.now, self.settings
                )
                new += [entry] if entry.state is State.MANUAL else []
        for entry in new:
            assert entry.communication.key not in self.manual, "named twice"
            self.table[entry.communication.key] = entry
            self.manual[entry.communication.key] = self.now - BEGIN, entry.history[-1].what
        self._mail(run, new)

    def _mail(self, run: Run, new: list[Entry]) -> None:
        accepted: Counter[str] = Counter()
        away: Counter[str] = Counter()
        for result in run.results:
            accepted[result.communication.source] += result.kind is OutcomeKind.REQUEUED
            away[result.communication.source] += result.was_asked and result.kind.is_failure
        moods = {
            source: mailing.Mood.BAD if run.refused else mailing.Mood.of_source(accepted[source], away[source])
            for source in run.sources
        }
        is_bad = mailing.Mood.of_run(moods.values()) is mailing.Mood.BAD
        if run.refused:
            headline = "the API refuses the credentials"
        elif run.open():
            headline = f"everything is turned away: {self._why(run)}"
        elif new:
            headline = "some need a person"
        else:
            headline = "most were turned away" if is_bad else "requeued"
        numbers = {"requeued": accepted.total(), "turned away": away.total()}
        decision = mailing.decide(
            self.memory, headline, moods, numbers, self.now, news={group_of(entry) for entry in new}
        )
        self.memory = decision.memory
        if decision.is_sent:
            self.mails.append(Mail(self.now - BEGIN, headline, decision.is_over))

    @staticmethod
    def _why(run: Run) -> str:
        last = next(x for x in reversed(run.results) if x.was_asked and x.communication.source in run.open())
        is_down = last.status is None or last.status >= 500
        return "the API is down" if is_down else f"HTTP {last.status}"

    # What the tests ask

    def posts(self, communications: Iterable[Communication]) -> list[int]:
        return [self.application.posts[each.key] for each in communications]

    def waits(self, communications: Iterable[Communication]) -> list[float]:
        """How long each waited until it was accepted first; infinite for what never was."""
        waited = self.application.waited
        return [waited[each.key][0] if each.key in waited else float("inf") for each in communications]

    def condemned(self, communications: Iterable[Communication]) -> list[str]:
        return [each.primary_id for each in communications if each.key in self.manual]

    def condemned_at(self, communication: Communication) -> float:
        """Give when a communication became manual, in seconds since the beginning; infinite if it did not."""
        return self.manual.get(communication.key, (float("inf"), ""))[0]

    def weekly_mails(self) -> list[int]:
        last = max((mail.at for mail in self.mails), default=0)
        return [sum(week <= mail.at < week + WEEK for mail in self.mails) for week in _weeks(last)]

    def report(self) -> str:
        whys = Counter(why for _, why in self.manual.values())
        hours = [at / HOUR for at, _ in self.manual.values()]
        waits = [wait for waits in self.application.waited.values() for wait in waits]
        return (
            f"runs {len(self.runs)}, POSTs {self.application.posts.total()}"
            f" (most a run {max((r.posts for r in self.runs), default=0)},"
            f" most for one {max(self.application.posts.values(), default=0)}),"
            f" accepted {len(waits)}, waited at most {max(waits, default=0) / HOUR:.1f} h,"
            f" manual {dict(whys)} {f'from {min(hours):.1f} to {max(hours):.1f} h' if hours else ''},"
            f" still listed {len(self.application.failed)}, mails a week {self.weekly_mails()}"
            f" {Counter(mail.headline + (' (over)' if mail.is_over else '') for mail in self.mails)}"
        )


def _weeks(last: float) -> Iterator[float]:
    week = 0.0
    while week <= last:
        yield week
        week += WEEK


def some(count: int, name: str = "", source: str = "emails") -> list[Communication]:
    """Give so many communications of a source."""
    operation = "send.sms" if source == "sms" else "send.email"
    return [Communication(f"{name or source}-{n}", operation, source) for n in range(1, count + 1)]
