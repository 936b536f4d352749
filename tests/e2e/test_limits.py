"""The largest batch the module allows, each communication retried to the end: within Step Functions' quotas."""

from __future__ import annotations

import json

from local import runs
from tests.e2e.scripted_api import Answer

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MOST_EVENTS = 25_000
MOST_BYTES = 256 * 1024

LARGEST_BATCH = 100
LONGEST_ID = 128  # bytes
MOST_RETRIES = 10  # `retry.max_attempts`
RETRIES, FURTHER_RETRIES = 1, 2


def test_a_batch_of_100_retried_to_the_end_stays_within_the_quotas(api, scene, deployment, stack, mail_count):
    api.on("GET", "/emails", Answer([{"id": longest_id(number)} for number in range(LARGEST_BATCH)]))
    api.on("POST", "/communications/requeue", Answer({"error": "x" * 50_000}, 503))
    events = {}
    for retries in (RETRIES, FURTHER_RETRIES):
        deployment.forget()
        asked = len(api.asked("POST"))
        deployment.change("REDRIVE_RUN", max_attempts_of_a_request=retries)
        deployment.configure("list_failed", REDRIVE_BATCH_SIZE=LARGEST_BATCH)
        with scene.machine(RequeueBatches=retried(retries)):
            run = deployment.ended(deployment.run())
        [batch] = run.batches
        assert (batch.status, batch.counts()) == ("SUCCEEDED", {"failed": LARGEST_BATCH})
        assert len(api.asked("POST")) - asked == LARGEST_BATCH * (retries + 1)
        history = runs.history(stack, batch.arn)
        events[retries] = len(history)
        assert max(len(json.dumps(event, default=str).encode()) for event in history) < MOST_BYTES
    # Each further try of all of them costs the same.
    of_a_try = (events[FURTHER_RETRIES] - events[RETRIES]) / (FURTHER_RETRIES - RETRIES)

    assert events[RETRIES] + (MOST_RETRIES - RETRIES) * of_a_try < MOST_EVENTS

    for mail in deployment.mails_since(mail_count, wanted=2):
        assert "100 of 100 communications not requeued" in mail.subject
        assert "and 95 more" in mail.body


def longest_id(number):
    return f"{number:0{LONGEST_ID - 20}}" + 10 * "\N{LATIN SMALL LETTER U WITH DIAERESIS}"


def retried(times):
    """Make what has the machine retry so often, quickly."""

    def change(state):
        states = state["ItemProcessor"]["States"]
        each = states["RequeueEach"]
        retry, *others = each["ItemProcessor"]["States"]["Requeue"]["Retry"]
        retry |= {"MaxAttempts": times, "IntervalSeconds": 1, "MaxDelaySeconds": 2, "BackoffRate": 1.0}
        each["ItemProcessor"]["States"]["Requeue"]["Retry"] = [retry, *others]
        each["MaxConcurrency"] = 20
        return state

    return change
