"""Mails as the code writes them, of runs that are made up: what docs/operations.md shows under their subjects."""

from __future__ import annotations

from collections import Counter

from redrive import digest, reporting
from redrive.conclusion import Conclusion, Failures
from redrive.digest import Digest, Story
from redrive.runs import BECAME_MANUAL
from redrive.verdicts import Tried
from redrive.waiting import Group

NAME, STAGE, RUN = "communications-redrive", "production", "20261124T021500Z"
URL = f"https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/{NAME}-{STAGE}"
EXECUTION = f"arn:aws:states:eu-west-1:123456789012:execution:{NAME}-{STAGE}-run:{RUN}"


def of_an_outage() -> Digest:
    """The API answered 503 until the circuit breaker opened."""
    error = "POST /communications/requeue: HTTP 503 Service Unavailable"
    done = Conclusion(Counter(turned_away=52, left_out=8369, cooling_down=10), tried={"email": Tried(52, 0)})
    ids = [str(number) for number in range(104, 124)]
    done.failures["email", error] = Failures("email", "send.email", error, 503, 52, ids)
    done.answers["email", False], done.open = 52, ("email",)
    return digest.write(_story(done, execution=EXECUTION, configured=["email"], complete=["email"]))


def for_a_person() -> Digest:
    """A few were refused for good, among many that went."""
    done = Conclusion(Counter({"requeued": 47, "already_queued": 2, BECAME_MANUAL: 31}))
    error = "POST /communications/requeue: HTTP 422 Unprocessable Content"
    ids = tuple(str(number) for number in range(104, 124))
    done.manual["email/422/unprocessable-content"] = Group(
        "email/422/unprocessable-content", "send.email", error, 31, ids=ids
    )
    return digest.write(_story(done, execution=EXECUTION, configured=["email"], complete=["email"]))


def of_a_report() -> Digest:
    """What a run would have sent."""
    found = {"email": {"would_send_new": 30, "would_send_again": 2, "cooling_down": 5}, "sms": {"would_try_again": 8}}
    record = {"listed": 45, "configured": ["email", "sms"], "complete": ["email", "sms"], "report": found}
    return reporting.write(_story(reporting.conclusion(record), **record))


def _story(done: Conclusion, **record: object) -> Story:
    record = {"listed": done.lines.total(), **record}
    return Story(NAME, STAGE, RUN, record, done, manual=tuple(done.manual.values()), dashboard_url=URL)


def shown(mail: Digest) -> str:
    """Give a mail as Markdown."""
    return f"```text\nSubject: {mail.subject}\n\n{mail.message}```\n"
