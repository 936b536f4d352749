"""An API, a batch or a run in trouble: how often it is called, what still goes on, and that each makes one mail."""

from __future__ import annotations

import itertools
import json
import socket
import urllib.error

import pytest

from local import runs
from local.stack import wait_until
from tests.e2e.scripted_api import Answer


def emails(count):
    return Answer([{"id": f"em-{number}"} for number in range(count)])


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_the_batch_at_once_with_one_mail_in_words(api, deployment, stack, mail_count, status):
    api.on("GET", "/emails", emails(20))
    api.on("POST", "/communications/requeue", Answer({"error": "who are you?"}, status))
    [execution] = deployment.ended(deployment.run())
    assert execution.status == "FAILED"
    assert execution.stopped["Error"] == "CredentialsRefused"
    # Five at a time, and each asks once more after a 401, with the secret fetched anew: the other 15 are never tried.
    assert len(api.asked("POST")) <= 5 * (2 if status == 401 else 1)
    [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "20 communications not confirmed" in mail.subject
    assert f"HTTP {status}" in mail.body
    assert "credentials" in mail.body


def test_an_api_that_refuses_to_list_is_asked_once_more_with_a_fresh_secret_and_no_more(api, deployment):
    for path in ("/emails", "/sms"):
        api.on("GET", path, Answer({}, 401))
    answer = deployment.run()
    assert answer["errorType"] == "RunIncomplete"
    assert "HTTP 401" in answer["errorMessage"]
    assert len(api.asked("GET")) <= 4
    assert api.asked("POST") == []


def test_one_source_failing_leaves_the_other_alone_and_makes_the_run_red_with_one_mail(
    api, deployment, stack, mail_count
):
    api.on("GET", "/emails", Answer({"error": "broken"}, 400))
    api.on("GET", "/sms", Answer([{"id": 1}, {"id": 2}]))
    fired = stack.fire("2026-11-24T05:00:00Z")
    run_id = runs.run_id_of(fired["scheduledTime"])
    runs.wait_for_answer(stack, run_id)
    [execution] = deployment.ended({"runId": run_id})
    assert execution.counts() == {"requeued": 2}
    about_run, about_batch = sorted(
        deployment.mails_since(mail_count, wanted=2), key=lambda mail: execution.arn in mail.body
    )
    assert "RunIncomplete" in about_run.body
    assert f"run {run_id}: started 1 batches. source email: GET /emails: HTTP 400" in about_run.body
    assert "2 communications requeued" in about_batch.subject


def test_an_application_that_is_down_makes_one_mail(deployment, scripted_api, stack, mail_count):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    deployment.use_api(f"http://127.0.0.1:{port}")
    stack.fire("2026-11-24T06:00:00Z")
    [mail] = deployment.mails_since(mail_count, wanted=1, seconds=40)
    assert "a run failed" in mail.body
    assert "source email: GET /emails: no connection" in mail.body
    assert "source sms: GET /sms: no connection" in mail.body
    assert runs.executions(stack, "20261124T060000Z") == []


def test_an_application_that_goes_down_after_listing_fails_the_batch_with_one_mail(api, deployment, mail_count):
    api.on("GET", "/emails", emails(3))
    api.on("POST", "/communications/requeue", Answer({}, 503))
    [execution] = deployment.ended(deployment.run())
    assert (execution.status, execution.counts()) == ("FAILED", {"failed": 3})
    keys = [call.headers["Idempotency-Key"] for call in api.asked("POST")]
    assert len(keys) == 3 * 4
    assert len(set(keys)) == 3
    [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "3 of 3 communications not requeued" in mail.subject


def test_a_throttling_api_is_given_the_time_it_asks_for(api, deployment):
    api.on("GET", "/emails", emails(2))
    turn = itertools.count()
    throttled = Answer({}, 429, {"Retry-After": "1"})
    api.on("POST", "/communications/requeue", lambda call: throttled if next(turn) < 2 else Answer({}, 202))
    [execution] = deployment.ended(deployment.run())
    assert execution.counts() == {"requeued": 2}
    assert execution.seconds >= 1
    assert len(api.asked("POST")) == 4


def test_every_kind_of_answer_to_a_requeue_has_its_outcome(api, deployment):
    statuses = {"200": 200, "204": 204, "409": 409, "400": 400, "404": 404, "422": 422, "302": 302, "500": 500}
    api.on("GET", "/emails", Answer([{"id": key} for key in statuses]))
    api.on("POST", "/communications/requeue", lambda call: Answer({}, statuses[call.body["primaryId"]]))
    [execution] = deployment.ended(deployment.run())
    assert execution.outcomes == {
        "200": "requeued",
        "204": "requeued",
        "409": "skipped",
        "400": "rejected",
        "404": "rejected",
        "422": "rejected",
        "302": "failed",
        "500": "failed",
    }


def test_an_execution_somebody_stops_makes_one_mail(api, deployment, stack, mail_count):
    api.on("GET", "/emails", emails(5))
    api.on("POST", "/communications/requeue", Answer({}, 429, {"Retry-After": "1"}))
    [arn] = deployment.run()["executions"]
    wait_until(lambda: api.asked("POST"), "the first requeue")
    stack.client("stepfunctions").stop_execution(executionArn=arn, error="Operator", cause="stopped by hand")
    [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "ABORTED" in mail.body
    assert arn.rpartition(":")[2] in mail.body
    assert runs.execution(stack, arn).status == "ABORTED"


def test_a_rotated_secret_is_fetched_anew_by_sandboxes_that_are_warm(as_deployed, stack):
    assert "errorType" not in as_deployed.run()
    stack.token = f"{stack.token}-rotated"
    stack.client("secretsmanager").put_secret_value(
        SecretId=stack.secret_arn, SecretString=json.dumps({"token": stack.token})
    )
    stack.store.accept_token(stack.token)
    answer = as_deployed.run()
    assert "errorType" not in answer
    for execution in as_deployed.ended(answer):
        assert execution.stopped is None


def test_a_schedule_that_is_off_does_not_fire(as_deployed, stack):
    scheduler = stack.client("scheduler")
    wanted = ("ScheduleExpression", "FlexibleTimeWindow", "Target", "GroupName", "Name")
    now = {key: value for key, value in scheduler.get_schedule(**stack.schedule()).items() if key in wanted}
    scheduler.update_schedule(**now, State="DISABLED")
    try:
        with pytest.raises(urllib.error.HTTPError, match="409"):
            stack.fire()
    finally:
        scheduler.update_schedule(**now, State="ENABLED")
