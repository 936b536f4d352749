"""What an API should not answer, on the real thing: every error is clear, and nothing that was listed is lost."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest

from tests.e2e.conftest import settle, sources
from tests.e2e.scripted_api import Answer, ScriptedApi


def requeued(api):
    """The ids that the API was asked to requeue."""
    return [call.body["primaryId"] for call in api.asked("POST")]


@pytest.fixture
def problems(deployment, mail_count):
    """Runs, and gives what the digest says that went wrong."""

    def run():
        ended = deployment.ended(deployment.run())
        assert (ended.status, ended.error) == ("FAILED", "RunIncomplete")
        [mail] = deployment.mails_since(mail_count, wanted=1)
        return mail.body.partition("\nProblems:\n")[2].partition("\n\n")[0]

    return run


def test_items_without_an_id_are_reported_and_the_others_go_on(api, problems):
    api.on("GET", "/emails", Answer([{"id": "a"}, {}, {"id": None}, {"id": ""}, {"id": "b"}]))
    assert problems() == "- source email: 3 items without a usable id; sources.email.id is 'id'"
    assert sorted(requeued(api)) == ["a", "b"]


def test_ids_that_are_numbers_become_strings(api, deployment):
    api.on("GET", "/sms", Answer([{"id": 7}, {"id": 900719925474099}]))
    deployment.ended(deployment.run())
    assert sorted(requeued(api)) == ["7", "900719925474099"]


def test_what_is_on_two_pages_and_in_two_sources_is_sent_once(api, deployment):
    same = {"path": "/emails", "operation": "send.communications"}
    page = {"style": "cursor", "next": "next"}
    deployment.configure(
        "list_failed",
        REDRIVE_SOURCES={
            "first": same | {"items": "items", "pagination": page},
            "second": same | {"path": "/sms"},
        },
    )
    pages = {
        None: {"items": [{"id": "1"}, {"id": "2"}], "next": "p2"},
        "p2": {"items": [{"id": "2"}, {"id": "3"}], "next": None},
    }
    api.on("GET", "/emails", lambda call: Answer(pages[call.query.get("cursor")]))
    api.on("GET", "/sms", Answer([{"id": 3}, {"id": 4}]))
    answer = deployment.run()
    deployment.ended(answer)
    assert answer["listed"] == 4
    assert Counter(requeued(api)) == Counter(["1", "2", "3", "4"])


@pytest.mark.parametrize("style", ["page", "offset"])
def test_a_list_that_shifts_while_it_is_paged_skips_nothing(api, deployment, style):
    """After the first page somebody else sends three of its items: what follows slides forward by three."""
    deployment.configure("list_failed", REDRIVE_SOURCES=sources(pagination={"style": style, "size": 4}))
    items = [{"id": f"em-{number}"} for number in range(12)]
    gone = itertools.count()

    def page(call):
        start = int(call.query["offset"]) if style == "offset" else (int(call.query["page"]) - 1) * 4
        shown = items[start : start + 4]
        if next(gone) == 0:
            del items[:3]
        return Answer(shown)

    api.on("GET", "/emails", page)
    deployment.ended(deployment.run())
    assert set(requeued(api)) == {f"em-{number}" for number in range(12)}
    assert max(Counter(requeued(api)).values()) == 1


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (Answer("{not json", headers={"Content-Type": "application/json"}), "the body is not JSON"),
        (Answer("<html>We will be back soon</html>"), "the body is not JSON (text/html)"),
        (Answer({"hint": "please log in"}), "sources.email.items: '@' must give a list"),
        (Answer({"error": "please log in"}), "the answer says in error that something went wrong"),
        (Answer({"error": "gone"}, 410), "HTTP 410"),
    ],
    ids=["no JSON", "an error page with 200", "an object", "an error with 200", "410"],
)
def test_an_answer_that_is_no_list_is_named_and_the_other_source_goes_on(api, problems, page, complaint):
    api.on("GET", "/emails", page)
    api.on("GET", "/sms", Answer([{"id": 1}]))
    said = problems()
    assert "source email" in said
    assert complaint in said
    assert "We will be back" not in said
    assert requeued(api) == ["1"]


def test_an_empty_list_is_a_success_without_execution_and_without_mail(api, deployment, stack, mail_count):
    answer = deployment.run()
    assert (answer["listed"], answer["batches"], answer["execution"]) == (0, 0, None)
    settle()
    assert len(stack.mails.notifications()) == mail_count


@pytest.mark.parametrize("style", ["next_url", "link_header"])
def test_a_next_link_to_another_origin_is_refused_and_never_called(api, deployment, problems, style):
    with ScriptedApi() as other:
        link = f"{other.url}/emails?page=2"
        changes = {"pagination": {"style": style, "next": "next"}, "items": "items"}
        deployment.configure("list_failed", REDRIVE_SOURCES=sources(**changes))
        headers = {"Link": f'<{link}>; rel="next"'} if style == "link_header" else {}
        api.on("GET", "/emails", Answer({"items": [{"id": "a"}], "next": link}, headers=headers))
        assert "another origin" in problems()
        assert other.calls == []
    assert requeued(api) == ["a"]


def test_a_page_token_that_repeats_ends_with_an_error_and_what_was_listed_goes_on(api, deployment, problems):
    changes = {"pagination": {"style": "cursor", "next": "next"}, "items": "items"}
    deployment.configure("list_failed", REDRIVE_SOURCES=sources(**changes))
    api.on("GET", "/emails", Answer({"items": [{"id": "a"}], "next": "again"}))
    assert "pagination.next: the answer names a page that was read" in problems()
    assert len(api.asked("GET", "/emails")) <= 3
    assert requeued(api) == ["a"]


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        (None, "cannot be read"),
        ("", "must hold a text"),
        (json.dumps({"api_key": "s3cret-value"}), 'must be JSON such as {"token": "…"}'),
        (json.dumps({"token": ["s3cret-value"]}), 'must be JSON such as {"token": "…"}'),
    ],
    ids=["missing", "empty", "another field", "no text"],
)
def test_a_secret_that_is_missing_or_of_the_wrong_shape_is_named_but_not_shown(
    api, deployment, stack, problems, secret, complaint
):
    arn = f"arn:aws:secretsmanager:{stack.client('lambda').meta.region_name}:123456789012:secret:nowhere-AbCdEf"
    if secret is not None:
        arn = stack.client("secretsmanager").create_secret(Name=f"wrong-{complaint}-{hash(secret)}")["ARN"]
        if secret:
            stack.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=secret)
    deployment.use_api(api.url, auth={"type": "bearer", "secret_arn": arn})
    said = problems()
    assert arn in said
    assert complaint in said or (secret == "" and "cannot be read" in said)
    assert "s3cret-value" not in said
    assert api.calls == []


@pytest.mark.parametrize(
    "event",
    [
        {"scheduledTime": "today"},
        {"scheduledTime": "2026-11-24T02:15:00"},
        {"scheduledTime": 5},
        {"sourcse": ["email"]},
    ],
)
def test_an_event_that_is_wrong_names_its_field_and_starts_nothing(api, deployment, event):
    answer = deployment.run(event)
    assert answer["errorType"] == "ConfigurationError"
    assert next(iter(event)) in answer["errorMessage"]
    assert api.calls == []
