"""How a run's end reaches ``conclude``, and what it does then: conclude once, decide about the digest once, unlock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from redrive import aws, clock, digest, gauges, mailing, reporting
from redrive.conclusion import IDS_NAMED, Concluding, Conclusion, to_json
from redrive.errors import ConfigurationError, NotificationFailed
from redrive.ledger import Ledger
from redrive.models import operator_run_id, scheduled_run_id
from redrive.observability import publish
from redrive.results import attributes
from redrive.runs import BECAME_MANUAL, Runs
from redrive.settings import ConcludeSettings, DigestKind, NotifyOn
from redrive.table import Item
from redrive.waiting import Group, Waiting, source_of

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

BY_EXECUTION, BY_EVENT = "execution", "event"
RUN_INCOMPLETE = "RunIncomplete"
MAX_CAUSE = 500

GROUPS_REMEMBERED = 50
"""Of what waits for a person and was not named yet; all of them are in the ledger's own groups."""

_NOTHING = {"failed": 0, "notify": False, "subject": "", "message": ""}


@cache
def sns() -> SNSClient:
    """Give the sandbox's client."""
    found: SNSClient = aws.client("sns")
    return found


class End(NamedTuple):
    """How a run ended.

    Attributes
    ----------
    request
        Of the lister; empty where it does not matter.
    ending
        None where its execution concludes it in the ordinary way.
    by
        Who publishes the digest: the execution itself, or this function.
    is_early
        Whether its Map ended before every batch was done.
    is_report
        Whether it only reports what it would have sent, and has no execution.
    """

    run_id: str
    request: str = ""
    ending: digest.Ending | None = None
    by: str = BY_EVENT
    is_early: bool = False
    is_report: bool = False


def end_of(event: Mapping[str, Any]) -> End:
    """Read what reached ``conclude``; raises ``ConfigurationError`` where it is none of the events it knows."""
    try:
        if "runId" in event:
            run_id, status = _text(event["runId"]), _text(event["status"])
            if status == reporting.REPORT:
                return End(run_id, is_report=True)
            is_ordinary = status == "SUCCEEDED" or event.get("error") == RUN_INCOMPLETE
            return End(run_id, ending=None if is_ordinary else digest.Ending(status))
        if "run" in event:
            run = event["run"]
            return End(_text(run["runId"]), _text(run["request"]), by=BY_EXECUTION, is_early="stopped" in run)
        if event.get("detail-type") == "Step Functions Execution Status Change":
            detail = event["detail"]
            why = ": ".join(str(detail[key]) for key in ("error", "cause") if detail.get(key))
            return End(_text(detail["name"]), ending=digest.Ending(_text(detail["status"]), _in_a_line(why)))
        # Whoever invoked the lister may have sent it anything, and what no longer ran has answered nothing.
        context, *payloads = event["requestContext"], event.get("requestPayload"), event.get("responsePayload")
        payload, response = (each if isinstance(each, Mapping) else {} for each in payloads)
        why = f"{response.get('errorType', context.get('condition'))}: {response.get('errorMessage', 'no message')}"
        return End(
            _run_id(payload, _text(context["requestId"])),
            context["requestId"],
            digest.Ending(digest.COULD_NOT_START, _in_a_line(why)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"event: not one that conclude handles ({type(error).__name__}: {error})") from None


def _text(value: object) -> str:
    """Expect a text that the table can hold; raises ``TypeError`` for anything else."""
    if not (isinstance(value, str) and value.isprintable() and value):
        raise TypeError(f"a text is wanted where {type(value).__name__} is")
    return value


def _in_a_line(why: str) -> str:
    """Give a cause as the first line of a digest can hold it."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", why).split())[:MAX_CAUSE]


def _run_id(payload: Mapping[str, Any], request: str) -> str:
    now = clock.now()
    if payload.get("scheduledTime"):
        with suppress(ConfigurationError):  # the lister has said what is wrong with it
            return scheduled_run_id(str(payload["scheduledTime"]), now)
    return operator_run_id(datetime.fromtimestamp(now, UTC), request)


_BATCH_FAILED = digest.Ending("BATCH FAILED", "The functions of a batch failed: see the execution.")


def _is_explained(record: Item, done: Conclusion) -> bool:
    """Tell whether it is known why a run's Map ended early: by its circuit breakers, or by a person or its deadline."""
    held = {source for source, until in done.held.items() if until > clock.now()}
    return bool(done.refused or done.ended or held.union(done.open) >= set(record.get("sources", ())))


def _unnamed(memory: mailing.Memory, done: Conclusion) -> dict[str, Group]:
    """Give what waits for a person and no digest has named, of this run and of those before: the largest groups."""
    found = {name: Group.read(name, group) for name, group in memory.unnamed.items()}
    for name, group in done.manual.items():
        found[name] = found[name].joined(group, IDS_NAMED) if name in found else group
    largest = sorted(found, key=lambda name: -found[name].count)[:GROUPS_REMEMBERED]
    return {name: found[name] for name in largest}


class Concluder:
    """Concludes runs, and sees to their digests."""

    def __init__(
        self,
        runs: Runs,
        ledger: Ledger,
        waiting: Waiting,
        has_execution: Callable[[str], bool],
        settings: ConcludeSettings,
    ) -> None:
        self._runs, self._ledger, self._waiting, self._settings = runs, ledger, waiting, settings
        self._has_execution = has_execution

    def conclude(self, end: End, has_time: Callable[[], bool], invocation: str) -> dict[str, Any]:
        """Conclude a run once, however often and from where it is asked; give the answer for the state machine.

        Parameters
        ----------
        invocation
            Its request's id, which its retries share.
        """
        is_listers = end.ending is not None and end.ending.status == digest.COULD_NOT_START
        if is_listers and (lock := self._runs.lock()) and lock.request == end.request:
            end = end._replace(run_id=lock.run_id)  # an operator's has a time in it that only its lister knew
        record = self._runs.record(end.run_id) or {}
        if not record.get("batches") and "request" not in record:
            record = self._never_began(end)
        elif end.request and record["request"] != end.request:
            # Another delivery of the same firing has the run; this one came to nothing, and wrote nothing.
            return _NOTHING | {"cause": "another delivery has the run"}
        elif is_listers and (record.get("execution") or self._has_execution(end.run_id)):
            return _NOTHING | {"cause": "the run has begun, and its execution concludes it"}
        if "digest" not in record:
            record = self._decide(end, record, self._done(record, has_time))
        if end.ending and record.get("batches"):
            # Whoever redrives its execution would send without the lock, and nobody would judge what came of it.
            self._runs.note_end(end.run_id, f"it has ended before: {end.ending.status}")
        if record.get("hasLock", True):
            self._runs.unlock(end.run_id, str(record.get("request", end.request)))
        return self._answer(end, record, invocation)

    def _done(self, record: Item, has_time: Callable[[], bool]) -> Conclusion:
        if "report" in record:
            return reporting.conclusion(record)
        if not (record.get("sk") and "batches" in record):
            return Conclusion()
        concluding = Concluding(
            self._runs, self._ledger, self._waiting, self._settings.ledger, self._settings.run, has_time
        )
        return concluding.conclude(record)

    def _never_began(self, end: End) -> Item:
        """Make a record for a run whose lister failed before it wrote one."""
        values = {"request": end.request, "listedAt": clock.now(), "batches": 0, "listed": 0}
        return self._runs.write(end.run_id, values, only_new=True)

    def _decide(self, end: End, record: Item, done: Conclusion) -> Item:
        """Write the digest, decide whether it is sent, and keep both: whoever comes later finds them."""
        while True:
            memory, news, version = self._runs.memory()
            unnamed = _unnamed(memory, done)
            story = self._story(end, record, done, news, memory, unnamed)
            write = reporting.write if "report" in record else digest.write
            written = write(story)
            decision = self._decision(written, memory, done, is_report="report" in record)
            if decision.is_over:
                written = write(story._replace(is_over=True))
            kept = {
                **to_json(done, record),
                "failed": written.failed,
                "headline": written.headline,
                "concludedAt": record.get("judgedAt", clock.now()),
                "endedAs": end.ending.status if end.ending else reporting.REPORT if "report" in record else "DONE",
                "digest": {
                    "subject": written.subject,
                    "message": written.message,
                    "cause": written.cause,
                    "attributes": attributes(written.result, self._settings.stage),
                    "notify": decision.is_sent,
                    "by": end.by,
                },
            }
            held_back = {} if decision.is_sent else {name: group.to_json() for name, group in unnamed.items()}
            remembered = decision.memory._replace(unnamed=held_back)
            if self._runs.keep_digest(end.run_id, kept, remembered, version, keeps_news=not decision.is_sent):
                self._measure(record, kept, done)
                return {**record, **kept}
            found = self._runs.record(end.run_id) or {}
            if "digest" in found:  # somebody else has concluded it at the same moment
                return found

    def _decision(
        self, written: digest.Digest, memory: mailing.Memory, done: Conclusion, *, is_report: bool
    ) -> mailing.Decision:
        notifications = self._settings.notifications
        counts = {
            "requeued": done.lines["requeued"],
            "turnedAway": done.lines["turned_away"] + done.lines["charged"],
            "manual": done.lines[BECAME_MANUAL],
        }
        is_failure = bool(written.failed or done.manual)
        return mailing.decide(
            memory,
            written.headline,
            written.moods,
            counts,
            clock.now(),
            news=done.manual,
            is_ordinary=written.is_ordinary,
            # Who has asked for reports wants them, whichever results of runs he wants.
            is_wanted=bool(notifications.on)
            if is_report
            else (NotifyOn.FAILURE if is_failure else NotifyOn.SUCCESS) in notifications.on,
            is_daily=notifications.digest is DigestKind.DAILY,
        )

    def _story(
        self,
        end: End,
        record: Item,
        done: Conclusion,
        news: Mapping[str, int],
        memory: mailing.Memory,
        unnamed: Mapping[str, Group],
    ) -> digest.Story:
        return digest.Story(
            name=self._settings.name,
            stage=self._settings.stage,
            run_id=end.run_id,
            record=record,
            done=done,
            requeue_path=self._settings.run.requeue_path,
            dashboard_url=self._settings.notifications.dashboard_url,
            ending=end.ending or (_BATCH_FAILED if end.is_early and not _is_explained(record, done) else None),
            news=news,
            quiet=memory.quiet,
            manual=tuple(unnamed.values()),
            bad=memory.bad,
        )

    def _answer(self, end: End, record: Item, invocation: str) -> dict[str, Any]:
        """Give the digest to the execution that publishes it, or publish it where the execution is over."""
        kept = record["digest"]
        answer = {
            "failed": int(record["failed"]),
            "notify": bool(kept["notify"]) and end.by == kept["by"] == BY_EXECUTION,
            "subject": kept["subject"],
            "message": kept["message"],
            "cause": kept["cause"],
            "attributes": kept["attributes"],
        }
        # Also one that an execution was to publish, and ended before it did.
        is_ours = end.by == BY_EVENT and (end.ending or end.is_report)
        if kept["notify"] and is_ours and self._runs.take_digest(end.run_id, invocation):
            try:
                topic = self._settings.notifications.topic_arn
                sns().publish(
                    TopicArn=topic,
                    Subject=kept["subject"],
                    Message=kept["message"],
                    MessageAttributes={
                        name: {"DataType": "String", "StringValue": value} for name, value in kept["attributes"].items()
                    },
                )
            except (BotoCoreError, ClientError) as error:
                self._runs.leave_digest(end.run_id)
                raise NotificationFailed(f"the digest was not published: {type(error).__name__}") from error
        return answer

    @staticmethod
    def _measure(record: Item, kept: Item, done: Conclusion) -> None:
        if "report" in record:
            return
        by_source: Counter[str] = Counter()
        for group in done.manual.values():
            by_source[source_of(group.name)] += group.count
        for source, count in by_source.items():
            publish({"Manual": count}, source=source)
        publish({"RunsConcluded": 1, "NotSent": int(kept["failed"])})
        if record.get("hasLock", True) and "configured" in record:
            gauges.publish_all(gauges.of_breaker(record["configured"], kept["open"]))
