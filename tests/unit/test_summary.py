"""What a batch's end says, and how it reads in a mail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from redrive.models import Communication, OutcomeKind
from redrive.summary import (
    MAX_NAMED,
    MAX_SUBJECT,
    Batch,
    Earlier,
    Result,
    Stop,
    console_url,
    counts,
    failed,
    failed_by_source,
    notification,
)

ARN = (
    "arn:aws:states:eu-west-1:123456789012:execution:communications-redrive-prod-batch"
    ":20261124T021500Z-0123456789abcdef"
)


def batch(*outcomes: tuple[str, str | None], stopped: Stop | None = None, earlier: Earlier | None = None) -> Batch:
    results = tuple(
        Result(str(number), "send.email", "email", OutcomeKind(kind), None, error)
        for number, (kind, error) in enumerate(outcomes)
    )
    communications = tuple(Communication(str(number), "send.email", "email") for number in range(len(results) or 20))
    return Batch("20261124T021500Z", 3, communications, results, stopped, earlier)


def mail(of: Batch) -> tuple[str, str]:
    written = notification(of, "communications-redrive", "prod", ARN)
    return written.subject, written.message


def test_a_good_batch_is_told_in_four_lines() -> None:
    subject, message = mail(batch(*[("requeued", None)] * 19, ("skipped", "HTTP 409 Conflict")))
    assert subject == "19 of 20 communications requeued, 1 skipped - communications-redrive prod"
    assert message == (
        "communications-redrive prod: 19 of 20 communications requeued, 1 skipped\n\n"
        "Run 20261124T021500Z, batch 3\nTuesday, 24 November 2026, 02:15 UTC\n\n"
        "19 requeued - the application took it back into its queue\n"
        "1 skipped - already queued or sent\n\n"
        f"Execution:\n{console_url(ARN)}\n"
    )


def test_a_failed_batch_names_what_failed_and_why() -> None:
    unavailable = json.dumps({"errorMessage": "POST /requeue: HTTP 503 Service Unavailable", "errorType": "x"})
    subject, message = mail(
        batch(
            ("requeued", None),
            ("rejected", "HTTP 422 Unprocessable Content"),
            ("failed", unavailable),
            ("failed", "States.Timeout"),
        )
    )
    assert subject == "3 of 4 communications not requeued - communications-redrive prod"
    assert "1 rejected - refused for good: open it in the application\n2 failed - " in message
    assert "- send.email 1: rejected, HTTP 422 Unprocessable Content\n" in message
    assert "- send.email 2: failed, POST /requeue: HTTP 503 Service Unavailable\n" in message
    assert "- send.email 3: failed, States.Timeout\n" in message


def test_a_batch_of_which_all_is_requeued_says_so() -> None:
    assert mail(batch(*[("requeued", None)] * 20))[0] == "20 communications requeued - communications-redrive prod"


def test_many_failures_are_capped_and_counted() -> None:
    _, message = mail(batch(*[("rejected", "HTTP 410 Gone")] * (MAX_NAMED + 5)))
    assert message.count("HTTP 410") == MAX_NAMED
    assert "- and 5 more: see the execution" in message


def test_refused_credentials_are_told_with_what_to_do() -> None:
    cause = json.dumps({"errorMessage": "POST /requeue: HTTP 401 Unauthorized"})
    stopped = batch(stopped=Stop("CredentialsRefused", cause))
    subject, message = mail(stopped)
    assert failed(stopped) == 20
    assert subject == "batch stopped, 20 communications not confirmed - communications-redrive prod"
    assert "The API refused the module's credentials: POST /requeue: HTTP 401 Unauthorized." in message
    assert "api.auth" in message
    assert "- send.email 4\n- and 15 more: see the execution" in message
    assert failed_by_source(stopped) == {"email": 20}


def test_wrong_settings_are_told_in_their_own_words() -> None:
    cause = json.dumps({"errorMessage": "secret arn:x: must hold a text"})
    _, message = mail(batch(stopped=Stop("ConfigurationError", cause)))
    assert "The module's settings are wrong: secret arn:x: must hold a text." in message


def test_a_map_that_ended_early_is_told_by_its_error() -> None:
    _, message = mail(batch(stopped=Stop("States.DataLimitExceeded", "too large")))
    assert "The batch ended early: States.DataLimitExceeded." in message


def test_what_became_of_earlier_ones_is_told_before_the_link() -> None:
    for told in (batch(("requeued", None), earlier=Earlier(17, 2)), batch(stopped=Stop("x"), earlier=Earlier(17, 2))):
        _, message = mail(told)
        assert "\n\nOf those requeued earlier, 17 went out and 2 came back.\n\nExecution:\n" in message


def test_without_news_of_earlier_ones_nothing_is_said_of_them() -> None:
    assert "earlier" not in mail(batch(("requeued", None)))[1]


def test_outcomes_are_counted_in_the_order_of_the_words() -> None:
    assert list(counts(batch(("failed", None), ("requeued", None), ("failed", None))).items()) == [
        (OutcomeKind.REQUEUED, 1),
        (OutcomeKind.FAILED, 2),
    ]


def test_a_link_leads_to_the_console_of_its_partition() -> None:
    assert console_url(ARN).startswith("https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/")
    assert "console.amazonaws.cn/" in console_url(ARN.replace("arn:aws:", "arn:aws-cn:"))
    assert "console.amazonaws-us-gov.com/" in console_url(ARN.replace("arn:aws:", "arn:aws-us-gov:"))


@given(name=st.text(max_size=200), stage=st.text(max_size=200), total=st.integers(1, 100), data=st.data())
def test_any_subject_is_one_that_sns_takes(name: str, stage: str, total: int, data: Any) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(OutcomeKind)), min_size=total, max_size=total))
    subject = notification(batch(*[(kind, None) for kind in kinds]), name, stage, ARN).subject
    assert subject.isascii()
    assert len(subject) <= MAX_SUBJECT
    assert all(character.isprintable() for character in subject)
