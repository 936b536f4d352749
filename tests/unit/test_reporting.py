"""Report-only mode: the schedule lists and judges, somebody is told, and nothing is sent."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from redrive.conclusion import Conclusion
from redrive.digest import Digest, Story
from redrive.mailing import EVERY_SOURCE, Mood
from redrive.models import Communication
from redrive.ordering import Candidates, Rank
from redrive.reporting import conclusion, of, write
from redrive.run import Selection

RUN = "20261124T021500Z"
RECORD: dict[str, Any] = {
    "listed": 47,
    "left": 0,
    "configured": ["email", "sms"],
    "complete": ["email", "sms"],
    "report": {
        "email": {"would_send_new": 30, "would_send_again": 2, "cooling_down": 5, "manual": 2},
        "sms": {"would_try_again": 8},
    },
}


def report(bad: frozenset[str] = frozenset(), is_over: bool = False, **record: Any) -> Digest:
    record = RECORD | record
    return write(Story("redrive", "prod", RUN, record, conclusion(record), bad=bad, is_over=is_over))


def test_a_report_says_by_source_and_reason_what_would_be_sent_and_how_to_send_it() -> None:
    written = report()
    assert written.subject == "report: 40 of 47 communications would be sent - redrive prod"
    assert written.message == (
        "Report only, nothing was sent: 40 communications would be sent.\n\n"
        f"redrive prod, report {RUN}\nTuesday, 24 November 2026, 02:15 UTC\n\n"
        "47 communications listed as failed.\n\n"
        "email:\n"
        "- 30 would be sent: never sent before\n"
        "- 2 would be sent again: failed again after an earlier run\n"
        "- 5 cooling down after an earlier try\n"
        "- 2 wait for a person since an earlier run\n\n"
        "sms:\n"
        "- 8 would be sent again: turned away by an earlier run\n\n"
        "Nobody has sent them. This sends ten of them:\n"
        "AWS_MAX_ATTEMPTS=1 aws lambda invoke --cli-read-timeout 0 --cli-binary-format raw-in-base64-out "
        "--function-name redrive-prod-list-failed --payload '{\"limit\": 10}' out.json\n\n"
        "This sends all of them, in one run:\n"
        "AWS_MAX_ATTEMPTS=1 aws lambda invoke --cli-read-timeout 0 --cli-binary-format raw-in-base64-out "
        "--function-name redrive-prod-list-failed --payload '{}' out.json\n\n"
        "This stops it, for an hour:\n"
        "AWS_MAX_ATTEMPTS=1 aws lambda invoke --cli-read-timeout 0 --cli-binary-format raw-in-base64-out "
        '--function-name redrive-prod-ledger-admin --payload \'{"action": "pause", "by": "YOUR NAME", "why": "WHY"}\' '
        "out.json\n\n"
        "This shows how far it is:\n"
        "AWS_MAX_ATTEMPTS=1 aws lambda invoke --cli-read-timeout 0 --cli-binary-format raw-in-base64-out "
        '--function-name redrive-prod-ledger-admin --payload \'{"action": "now"}\' out.json\n\n'
        'To let the schedule send: mode = "redrive".\n'
    )
    assert (written.failed, written.moods) == (0, {})


def test_a_report_names_the_dashboard_where_there_is_one() -> None:
    story = Story("redrive", "prod", RUN, RECORD, conclusion(RECORD), dashboard_url="https://dashboard.example")
    assert write(story).message.endswith("Dashboard:\nhttps://dashboard.example\n")
    assert "Dashboard" not in report().message


def test_the_same_report_is_the_same_news_whatever_its_numbers() -> None:
    other = report(report={"sms": {"would_send_new": 1234}}, listed=1234)
    assert report().headline == other.headline
    assert report().headline != report(report={"sms": {"manual": 3}}).headline


def test_what_would_not_be_sent_needs_no_command() -> None:
    message = report(report={"sms": {"manual": 3}}, listed=3).message
    assert message.startswith("Report only, nothing was sent: nothing would be sent.\n")
    assert "aws lambda invoke" not in message


def test_a_list_that_cannot_be_vouched_for_comes_first() -> None:
    written = report(problems=["source sms: HTTP 500"], complete=["email"], truncated=True)
    assert written.subject == "report, list incomplete: 40 communications would be sent - redrive prod"
    assert "a list may be incomplete: source sms: HTTP 500.\n" in written.message
    assert "- there was no time to read every source to its end\n" in written.message
    assert (written.failed, written.moods) == (1, {"sms": Mood.BAD})


def test_bad_news_is_over_when_nothing_is_left() -> None:
    written = report(frozenset(["sms", EVERY_SOURCE]), True, report={}, listed=0, idle=["sms"])
    assert written.moods == {"sms": Mood.GOOD, EVERY_SOURCE: Mood.GOOD}
    assert written.message.startswith("Resolved: nothing is left to send.\n")


def test_what_is_beyond_a_run_and_what_has_no_words_is_counted() -> None:
    message = report(left=1200, report={"sms": {"would_send_new": 1, "something new": 2}}).message
    assert "1,200 more are beyond max_per_run.\n" in message
    assert "- 2 skipped: something new\n" in message


@pytest.mark.parametrize("rank", Rank)
def test_every_communication_is_counted_by_its_source_and_what_would_become_of_it(rank: Rank) -> None:
    email, sms = (Communication("1", f"send.{source}", source) for source in ("email", "sms"))
    selection = Selection(Candidates(10), exhausted=[sms], reasons=Counter({("email", "manual"): 3}))
    chosen = [[email, sms, sms] if each is rank else [] for each in Rank]
    found = of(selection, chosen)
    total = conclusion({"report": found, "left": 2})
    assert isinstance(total, Conclusion)
    assert total.lines.total() == 3 + 1 + 3 + 2
    assert sum(found["sms"].values()) == 3
