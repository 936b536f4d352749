"""How a run reads in its digest: the result first, what to check, and what is for a person to do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive import clock
from redrive.conclusion import Conclusion, Failures
from redrive.digest import COULD_NOT_START, LINES, MAX_SUBJECT, Digest, Ending, Story, write
from redrive.mailing import EVERY_SOURCE, Mood
from redrive.runs import BECAME_MANUAL
from redrive.verdicts import Tried
from redrive.waiting import Group
from redrive.wording import rfc3339
from tests.unit.support import Time

RUN = "20261124T021500Z"
ARN = f"arn:aws:states:eu-west-1:123456789012:execution:redrive-prod-run:{RUN}"


def digest(done: Conclusion, ending: Ending | None = None, is_over: bool = False, **record: Any) -> Digest:
    record = {"listed": done.lines.total(), "execution": ARN, "sources": ["email"], "configured": ["email"]} | record
    manual = tuple(done.manual.values())
    return write(Story("redrive", "prod", RUN, record, done, "/api/requeue", ending, manual=manual, is_over=is_over))


def turned_away(status: int | None, error: str, count: int = 6) -> Conclusion:
    """All of a source got the same answer."""
    ids = [str(number) for number in range(min(count, 20))]
    done = Conclusion(Counter(turned_away=count), tried={"email": Tried(count, 0)})
    done.failures["email", error] = Failures("email", "send.email", error, status, count, ids)
    done.answers["email", False] = count
    return done


def test_a_good_run_is_a_few_lines() -> None:
    written = digest(Conclusion(Counter(requeued=19, already_queued=1)))
    assert written.subject == "19 communications requeued - redrive prod"
    assert written.message == (
        "Everything that could be sent was requeued.\n\n"
        f"redrive prod, run {RUN}\nTuesday, 24 November 2026, 02:15 UTC\n\n"
        "20 communications listed as failed:\n"
        "- 19 requeued: the application took them back into its queue\n"
        "- 1 already queued or sent, according to the application\n\n"
        "Execution:\n"
        "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/"
        f"{ARN}\n"
    )
    assert written.failed == 0


@pytest.mark.parametrize(
    ("status", "check"),
    [
        (404, "requeue.path (/api/requeue): the API does not know it"),
        (405, "requeue.path (/api/requeue) and requeue.method: the API does not allow it"),
        (401, "the secret of api.auth"),
        (403, "the secret of api.auth and what it may do"),
        (500, "the API's health"),
        (503, "the API's health"),
        (None, "the API's health"),
        (422, "what the API wants of a request"),
    ],
)
def test_an_api_that_turns_everything_away_is_said_with_what_to_check(status: int | None, check: str) -> None:
    written = digest(turned_away(status, f"HTTP {status}"))
    assert written.message.startswith(f"The API turned everything away: HTTP {status} (email).\n")
    assert f"What to check: {check}." in written.message
    assert written.subject == "6 of 6 communications not requeued - redrive prod"
    assert written.moods == {"email": Mood.BAD}


def test_that_nothing_was_handed_to_a_person_is_said_only_where_it_is_true() -> None:
    done = turned_away(404, "HTTP 404")
    assert "Nothing was handed to a person because of it" in digest(done).message
    done.manual["email/404/x"] = Group("email/404/x", "send.email", "HTTP 404", 1, ids=("1",))
    assert "Nothing was handed to a person" not in digest(done).message


def test_whatever_was_to_be_sent_and_was_not_fails_the_run_and_nothing_else_does() -> None:
    begins = ("turned away", "not sent", "not tried", "still under way")
    for name, text in LINES.items():
        assert digest(Conclusion(Counter({name: 2}))).failed == (2 if text.startswith(begins) else 0), name


def test_a_few_that_were_turned_away_need_no_advice() -> None:
    done = turned_away(503, "HTTP 503", 1)
    done.lines["requeued"] = 9
    done.tried["email"] = Tried(10, 9)
    written = digest(done)
    assert written.message.startswith("Some communications were turned away: HTTP 503 (email).\n")
    assert "What to check" not in written.message
    assert written.cause == f"1 of 10 communications not requeued; run {RUN}"


def test_alike_ones_are_one_line_with_a_few_ids_and_the_largest_group_is_first() -> None:
    done = turned_away(503, "HTTP 503", 31)
    done.failures["sms", "HTTP 500"] = Failures("sms", "send.sms", "HTTP 500", 500, 40, ["7", "8"])
    message = digest(done).message
    assert "- 31 x HTTP 503, send.email: 0, 1, 2, 3, 4, … and 26 more\n" in message
    assert message.index("HTTP 500, send.sms") < message.index("HTTP 503, send.email")


@pytest.mark.parametrize(("count", "more"), [(12, "- and 2 more groups\n"), (11, "- and 1 more group\n"), (10, "")])
def test_many_groups_are_capped_and_counted(count: int, more: str) -> None:
    done = Conclusion(Counter(turned_away=count))
    for number in range(count):
        done.failures["email", f"HTTP {500 + number}"] = Failures(
            "email", "send.email", f"HTTP {500 + number}", 500 + number, 1, ["1"]
        )
    message = digest(done).message
    assert message.count(" x HTTP") == 10
    assert more in message
    assert ("more group" in message) is bool(more)


def test_what_is_new_for_a_person_is_said_with_what_to_do() -> None:
    done = Conclusion(Counter({"requeued": 1, BECAME_MANUAL: 3}))
    done.manual["email/422/x"] = Group("email/422/x", "send.email", "HTTP 422", 2, ids=("104", "207"))
    done.manual["email/none/y"] = Group("email/none/y", "send.email", None, 1, ids=("5",))
    written = digest(done)
    assert "New for a person:\n- 2 x HTTP 422, send.email: 104, 207\n" in written.message
    assert "- 1 x came back after every attempt, send.email: 5\n" in written.message
    assert (
        "then release or discard them with the function redrive-prod-ledger-admin. This lists them:\n"
        in written.message
    )
    assert """ledger-admin --payload '{"action": "groups"}' out.json\n""" in written.message
    assert written.subject == "1 communication requeued, 3 for a person - redrive prod"
    assert written.failed == 0


def test_where_there_is_a_dashboard_it_is_named_with_its_link_and_no_function() -> None:
    done = Conclusion(Counter({BECAME_MANUAL: 1}))
    done.manual["email/422/x"] = Group("email/422/x", "send.email", "HTTP 422", 1, ids=("104",))
    url = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/redrive-prod"
    story = Story("redrive", "prod", RUN, {"listed": 1}, done, manual=tuple(done.manual.values()), dashboard_url=url)
    message = write(story).message
    assert "then release or discard them on the dashboard.\n" in message
    assert f"\n\nDashboard:\n{url}\n" in message
    assert "ledger-admin" not in message
    assert "Dashboard" not in digest(Conclusion(Counter(requeued=1))).message


def test_the_first_line_of_alike_runs_is_the_same_whatever_their_numbers() -> None:
    assert len({digest(turned_away(503, "HTTP 503", count)).headline for count in (5, 6, 700)}) == 1
    assert not any(character.isdigit() for character in digest(Conclusion(Counter(requeued=19))).headline)


def test_that_it_is_over_comes_first() -> None:
    written = digest(Conclusion(Counter(requeued=4)), is_over=True)
    assert written.message.startswith("Resolved: communications are requeued again.\n")
    assert written.subject == "resolved, 4 communications requeued - redrive prod"


def test_problems_of_the_list_are_said_and_fail_the_run() -> None:
    written = digest(
        Conclusion(Counter(requeued=4)), problems=["source sms: HTTP 500"], truncated=True, complete=["email"]
    )
    assert written.message.startswith("Not everything that failed could be listed: source sms: HTTP 500.\n")
    assert "Problems:\n- source sms: HTTP 500\n- there was no time to read every source" in written.message
    assert written.subject == "list incomplete, 4 communications requeued - redrive prod"
    assert written.failed == 1


def test_a_problem_of_a_source_that_was_read_to_its_end_is_one_of_its_settings() -> None:
    written = digest(Conclusion(Counter(requeued=4)), problems=["source email: pages come short"], complete=["email"])
    assert written.message.startswith("A source needs a look: source email: pages come short.\n")
    assert written.subject == "a source needs a look, 4 communications requeued - redrive prod"


def test_what_a_pause_held_back_was_not_sent() -> None:
    written = digest(Conclusion(Counter(requeued=4, paused=2)))
    assert written.message.startswith("Some communications were not sent.\n")
    assert written.failed == 2


def test_a_lister_that_failed_is_said_in_its_own_words() -> None:
    written = digest(Conclusion(), Ending(COULD_NOT_START, "LedgerUnavailable: throttled"), execution="")
    assert written.message.startswith("The run could not start. LedgerUnavailable: throttled\n")
    assert written.subject == "run could not start - redrive prod"
    assert "Execution:" not in written.message
    assert written.moods["*"] is Mood.BAD


def test_a_run_that_ended_early_says_how_and_why() -> None:
    written = digest(Conclusion(Counter(requeued=1, not_tried=4)), Ending("ABORTED", "by ann"))
    assert written.message.startswith("The run ended early: ABORTED. by ann\n")
    assert written.subject == "run ended early (ABORTED), 4 of 5 not sent - redrive prod"


def test_refused_credentials_are_not_counted_and_say_so() -> None:
    written = digest(Conclusion(Counter(not_tried=5), refused="POST /requeue: HTTP 401 Unauthorized", open=("email",)))
    assert written.message.startswith("Nothing more could be sent: POST /requeue: HTTP 401 Unauthorized.\n")
    assert "What to check: the secret of api.auth" in written.message


def test_a_reason_without_words_of_its_own_is_counted_all_the_same() -> None:
    assert "- 2 skipped: something new\n" in digest(Conclusion(Counter({"requeued": 1, "something new": 2}))).message


def test_ids_that_were_asked_for_and_not_listed_are_in_no_line() -> None:
    assert "not_listed" not in digest(Conclusion(Counter(requeued=1, not_listed=2))).message


def test_every_line_has_words_that_say_what_becomes_of_them() -> None:
    done = Conclusion(Counter(dict.fromkeys(LINES, 1)))
    message = digest(done).message
    assert all(f"- 1 {text}\n" in message for text in LINES.values())


@given(st.text(max_size=200), st.text(max_size=60), st.integers(0, 10**7), st.integers(0, 10**7), st.booleans())
def test_any_subject_is_one_that_sns_takes(name: str, stage: str, sent: int, failed: int, ends: bool) -> None:
    done = Conclusion(Counter(requeued=sent, turned_away=failed))
    ending = Ending(name) if ends else None
    subject = write(Story(name, stage, RUN, {"listed": sent + failed}, done, ending=ending)).subject
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) <= MAX_SUBJECT


def test_a_run_in_which_only_our_own_functions_failed_is_bad_news() -> None:
    written = digest(Conclusion(Counter(not_asked=5)))
    assert written.moods[EVERY_SOURCE] is Mood.BAD
    assert not written.is_ordinary


def test_the_source_that_is_dead_is_named_with_its_own_answer() -> None:
    done = turned_away(404, "POST /requeue: HTTP 404 Not Found", 60)
    done.failures["sms", "x"] = Failures("sms", "send.sms", "POST /requeue: HTTP 403 Forbidden", 403, 70, ["1"])
    done.tried["sms"], done.answers["sms", True], done.answers["sms", False] = Tried(120, 50), 50, 70
    written = digest(done)
    assert written.message.startswith("The API turned everything away: POST /requeue: HTTP 404 Not Found (email).\n")
    assert "What to check: requeue.path" in written.message


def test_an_api_that_has_stopped_is_not_said_to_have_taken_nothing() -> None:
    done = turned_away(503, "POST /requeue: HTTP 503 Service Unavailable", 60)
    done.tried["email"], done.answers["email", True], done.open = Tried(140, 80), 80, ("email",)
    assert digest(done).message.startswith("The API no longer takes anything: POST /requeue: HTTP 503")


@pytest.mark.parametrize("count", [60, 0])
def test_an_api_that_asked_to_wait_is_said_to_have_and_until_when(count: int, time: Time) -> None:
    until = clock.now() + 3600
    done = turned_away(429, "POST /requeue: HTTP 429 Too Many Requests", count) if count else Conclusion()
    done.lines["left_out"], done.open, done.held = 40, ("email",), {"email": until}
    text = digest(done).message
    assert text.startswith(f"The API asked not to be asked before {rfc3339(until)} (email).\n")
    assert ("max_requests_per_second" in text) is bool(count)
    time.passes(7200)
    assert "asked not to be asked" not in digest(done).message


def test_large_numbers_are_written_alike() -> None:
    written = digest(Conclusion(Counter(requeued=50, turned_away=9950)))
    assert written.subject == "9,950 of 10,000 communications not requeued - redrive prod"


def test_ids_that_are_not_listed_are_said() -> None:
    assert "\n1 of the ids asked for are not listed" in digest(Conclusion(Counter(requeued=2, not_listed=1))).message


def test_that_it_is_over_does_not_claim_that_anything_was_requeued() -> None:
    written = digest(Conclusion(Counter(manual=6)), is_over=True)
    assert written.message.startswith("Resolved: nothing is left to send.\n")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("950 of 1003 items came", "951 of 1004 items came", True),
        (
            "RequestId: 3f2a9c1d-7f33-4a5e-9a65-0c2a1f0f2b11 timed out",
            "RequestId: 0c2a1f0f-7f33-4a5e-9a65-3f2a9c1d2b11 timed out",
            True,
        ),
        ("HTTP 404 Not Found", "HTTP 405 Method Not Allowed", False),
    ],
)
def test_the_same_news_is_the_same_whatever_its_numbers(one: str, other: str, is_same: bool) -> None:
    first, second = (digest(Conclusion(Counter(requeued=4)), problems=[text]) for text in (one, other))
    assert (first.headline == second.headline) is is_same
