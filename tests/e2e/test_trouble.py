"""An API or a source in trouble: how often it is called, what still goes on, and that each makes one digest."""

from __future__ import annotations

import json
import socket

import pytest
import requests

from local import runs
from tests.e2e.scene import next_hour
from tests.e2e.scripted_api import Answer


def emails(count):
    return Answer([{"id": f"em-{number}"} for number in range(count)])


def test_an_api_that_refuses_to_list_is_asked_once_more_with_a_fresh_secret_and_no_more(api, deployment, mail_count):
    for path in ("/emails", "/sms"):
        api.on("GET", path, Answer({}, 401))
    run = deployment.ended(deployment.run())
    assert run.batches == ()
    assert len(api.asked("GET")) <= 4
    assert api.asked("POST") == []
    [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "HTTP 401" in mail.body


def test_an_application_that_is_down_makes_one_digest(deployment, api, stack, mail_count):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and listens at nothing
        deployment.use_api(f"http://127.0.0.1:{silent.getsockname()[1]}")
        fired = stack.fire(next_hour())
        [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "source email: GET /emails: no connection" in mail.body
    assert "source sms: GET /sms: no connection" in mail.body
    run = deployment.ended(runs.wait_for_answer(stack, runs.run_id_of(fired["scheduledTime"])))
    assert (run.status, run.batches) == ("FAILED", ())


def test_an_application_that_goes_down_after_listing_is_asked_four_times_under_one_key(api, deployment, mail_count):
    api.on("GET", "/emails", emails(3))
    api.on("POST", "/communications/requeue", Answer({}, 503))
    run = deployment.ended(deployment.run())
    assert (run.status, run.counts()) == ("FAILED", {"failed": 3})
    keys = [call.headers["Idempotency-Key"] for call in api.asked("POST")]
    assert len(keys) == 3 * 4
    assert len(set(keys)) == 3
    [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "3 of 3 communications not requeued" in mail.subject


def test_every_kind_of_answer_to_a_requeue_has_its_outcome(api, deployment):
    statuses = {"200": 200, "204": 204, "409": 409, "400": 400, "403": 403, "404": 404, "422": 422, "302": 302}
    statuses |= {"429": 429, "500": 500}
    api.on("GET", "/emails", Answer([{"id": key} for key in statuses]))
    api.on("POST", "/communications/requeue", lambda call: Answer({}, statuses[call.body["primaryId"]]))
    run = deployment.ended(deployment.run())
    assert run.outcomes == {
        "200": "requeued",
        "204": "requeued",
        "409": "skipped",
        "400": "refused",
        "403": "refused",
        "404": "refused",
        "422": "refused",
        "302": "failed",
        "429": "failed",
        "500": "failed",
    }


def test_a_rotated_secret_is_fetched_anew_by_sandboxes_that_are_warm(as_deployed, stack):
    _run_well(as_deployed)
    stack.token = f"{stack.token}-rotated"
    stack.client("secretsmanager").put_secret_value(
        SecretId=stack.secret_arn, SecretString=json.dumps({"token": stack.token})
    )
    stack.store.accept_token(stack.token)
    _run_well(as_deployed)


def _run_well(deployed):
    answer = deployed.run({"sources": ["email"]})
    assert "errorType" not in answer, answer
    if answer["execution"]:
        assert [batch.stopped for batch in deployed.ended(answer).batches if batch.stopped] == []


def test_a_schedule_that_is_off_does_not_fire(as_deployed, stack):
    scheduler = stack.client("scheduler")
    wanted = ("ScheduleExpression", "FlexibleTimeWindow", "Target", "GroupName", "Name")
    now = {key: value for key, value in scheduler.get_schedule(**stack.schedule()).items() if key in wanted}
    scheduler.update_schedule(**now, State="DISABLED")
    try:
        with pytest.raises(requests.HTTPError, match="409"):
            stack.fire()
    finally:
        scheduler.update_schedule(**now, State="ENABLED")
