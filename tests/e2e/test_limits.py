"""The largest batch the module allows, each communication retried to the end: within Step Functions' quotas."""

from __future__ import annotations

import json
import time

from local import runs
from tests.e2e.scripted_api import Answer

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MOST_EVENTS = 25_000
MOST_BYTES = 256 * 1024

LARGEST_BATCH = 100
LONGEST_ID = 128  # bytes
MOST_RETRIES = 10


def test_a_batch_of_100_retried_to_the_end_stays_within_the_quotas(api, deployment, stack, mail_count):
    client, arn = stack.client("stepfunctions"), stack.outputs["state_machine_arn"]
    deployed = client.describe_state_machine(stateMachineArn=arn)["definition"]
    patient = json.loads(deployed)
    each = patient["States"]["RequeueEach"]
    each["MaxConcurrency"] = 20
    retry, _ = each["ItemProcessor"]["States"]["Requeue"]["Retry"]
    retry |= {"MaxAttempts": MOST_RETRIES, "IntervalSeconds": 1, "MaxDelaySeconds": 1}
    api.on("POST", "/communications/requeue", Answer({"error": "x" * 50_000}, 503))
    communications = [
        {"primaryId": f"{number:0{LONGEST_ID - 20}}" + 10 * "ü", "operation": "send.communications", "source": "email"}
        for number in range(LARGEST_BATCH)
    ]
    batch = {"schemaVersion": 1, "runId": "20261124T070000Z", "batch": 1, "listedAt": time.time(), "force": False}
    batch["communications"] = communications
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(patient))
    try:
        started = client.start_execution(stateMachineArn=arn, name="the-largest-batch", input=json.dumps(batch))
        [execution] = runs.follow(stack, [started["executionArn"]], seconds=150)
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=deployed)

    assert (execution.status, execution.counts()) == ("FAILED", {"failed": LARGEST_BATCH})
    assert len(api.asked("POST")) == LARGEST_BATCH * (MOST_RETRIES + 1)
    events = runs.history(stack, execution.arn)
    assert len(events) < MOST_EVENTS
    assert max(len(json.dumps(event, default=str).encode()) for event in events) < MOST_BYTES
    [mail] = deployment.mails_since(mail_count, wanted=1)
    assert "100 of 100 communications not requeued" in mail.subject
    assert "80 more" in mail.body
