"""What an API should not answer, on the real thing: every error is clear, and nothing that was listed is lost."""

from __future__ import annotations

import json

import pytest

from tests.e2e.scripted_api import Answer


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
