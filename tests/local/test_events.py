"""Failures of asynchronous invocations, events, rules, schedules and topics reach people as on AWS."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest
import requests

from local.aws.repeated import TERRAFORM
from tests.local.emulated import ACCOUNT, REGION, Aws, allow, eventually

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
FAILING = """
    class RunIncomplete(Exception):
        pass

    def handler(event, context):
        if event.get("fail"):
            raise RunIncomplete('email: "no" answer')
        print("fired with", event)
"""


@pytest.fixture(scope="module")
def lister(aws: Aws) -> str:
    arn = aws.deploy("lister", FAILING)
    aws.lambda_.put_function_event_invoke_config(
        FunctionName="lister",
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=3600,
        DestinationConfig={"OnFailure": {"Destination": BUS}},
    )
    topic = aws.topic_with_mail("operators", "operators@example.com")
    pattern = {
        "source": ["lambda"],
        "detail-type": ["Lambda Function Invocation Result - Failure"],
        "detail": {"requestContext": {"functionArn": [{"prefix": arn}]}},
    }
    paths = {
        "error": "$.detail.responsePayload.errorType",
        "message": "$.detail.responsePayload.errorMessage",
        "condition": "$.detail.requestContext.condition",
    }
    template = '"<error>: <message>"\n"Why: <condition>."'
    aws.rule_to_topic("run-failed", pattern, topic, {"InputPathsMap": paths, "InputTemplate": template})
    return arn


def test_an_asynchronous_failure_is_mailed_once_in_the_words_of_the_rule(aws: Aws, lister: str) -> None:
    answer = aws.lambda_.invoke(FunctionName=lister, InvocationType="Event", Payload=b'{"fail": true}')
    assert answer["StatusCode"] == 202
    (mail,) = aws.inbox.wait_for("operators@example.com")
    assert mail.get_content().startswith('"RunIncomplete: email: "no" answer"\n"Why: RetriesExhausted."\n\n--\n')
    assert mail["Subject"] == "AWS Notification Message"
    assert mail["From"].endswith("<no-reply@sns.amazonaws.com>")


def test_a_failure_in_step_with_the_caller_is_not_sent_to_the_destination(aws: Aws, lister: str) -> None:
    before = len(aws.inbox.to("operators@example.com"))
    assert aws.invoke("lister", {"fail": True})[1] == "Unhandled"
    aws.sns.publish(TopicArn=aws.topic_with_mail("after", "after@example.com"), Message="later than any other mail")
    aws.inbox.wait_for("after@example.com")
    assert len(aws.inbox.to("operators@example.com")) == before


def test_a_record_of_an_asynchronous_failure_has_what_aws_documents(aws: Aws) -> None:
    queue = aws.sqs.create_queue(QueueName="records")["QueueUrl"]
    aws.deploy("recorded", FAILING)
    destination = {"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:records"}}
    aws.lambda_.put_function_event_invoke_config(
        FunctionName="recorded", MaximumRetryAttempts=0, DestinationConfig=destination
    )
    aws.lambda_.invoke(FunctionName="recorded", InvocationType="Event", Payload=b'{"fail": true}')
    messages = eventually(lambda: aws.sqs.receive_message(QueueUrl=queue).get("Messages"))
    record = json.loads(messages[0]["Body"])
    assert record["requestPayload"] == {"fail": True}
    assert record["requestContext"]["functionArn"].endswith(":function:recorded:$LATEST")
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "RunIncomplete"


def schedule(aws: Aws, name: str, arn: str, **settings: Any) -> str:
    """Deploy a schedule and give the URL that fires it."""
    text = {"scheduledTime": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}
    aws.scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/function", "Input": json.dumps(text)},
        **settings,
    )
    return f"{aws.endpoint}/_local/schedules/default/{name}/fire"


def test_a_schedule_fires_with_its_deployed_input(aws: Aws, lister: str) -> None:
    url = schedule(aws, "hourly", lister)
    answer = requests.post(url, json={"scheduledTime": "2026-11-24T03:15:00+01:00"}, timeout=10).json()
    assert answer["scheduledTime"] == "2026-11-24T02:15:00Z"
    received = {"scheduledTime": "2026-11-24T02:15:00Z", "id": answer["executionId"]}
    eventually(lambda: f"fired with {received}" in aws.logs_of("lister"))


def test_a_schedule_fires_now_unless_told_when(aws: Aws, lister: str) -> None:
    url = schedule(aws, "now", lister)
    answer = requests.post(url, timeout=10).json()
    eventually(lambda: answer["scheduledTime"] in aws.logs_of("lister"))


def test_a_disabled_schedule_does_not_fire(aws: Aws, lister: str) -> None:
    url = schedule(aws, "paused", lister, State="DISABLED")
    assert requests.post(url, timeout=10).status_code == 409


def test_what_terraform_repeats_is_carried_out_once_and_answered_as_before(aws: Aws) -> None:
    keys = {"aws_access_key_id": TERRAFORM, "aws_secret_access_key": TERRAFORM, "region_name": REGION}
    client = boto3.client("logs", endpoint_url=aws.endpoint, **keys)

    def repeat(request: Any, **_: Any) -> None:
        del request.headers["amz-sdk-invocation-id"]
        request.headers["amz-sdk-invocation-id"] = "one request and its repetitions"

    client.meta.events.register_last("before-send.logs.CreateLogGroup", repeat)
    for _ in range(2):
        client.create_log_group(logGroupName="/repeated")
    client.meta.events.unregister("before-send.logs.CreateLogGroup", repeat)
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName="/repeated")


def test_a_schedule_that_is_not_deployed_is_not_found(aws: Aws) -> None:
    assert requests.post(f"{aws.endpoint}/_local/schedules/default/none/fire", timeout=10).status_code == 404


def test_an_event_put_by_an_application_reaches_a_function(aws: Aws, lister: str) -> None:
    pattern = {"source": ["shop"], "detail": {"paid": [True]}}
    rule = aws.events.put_rule(Name="orders", EventPattern=json.dumps(pattern))["RuleArn"]
    let(aws, lister, rule)
    aws.events.put_targets(Rule="orders", Targets=[{"Id": "f", "Arn": lister, "InputPath": "$.detail"}])
    order = {"Source": "shop", "DetailType": "order"}
    details = ['{"paid": false}', '{"paid": true}', "not JSON"]
    answer = aws.events.put_events(Entries=[{**order, "Detail": detail} for detail in details])
    assert answer["FailedEntryCount"] == 1
    eventually(lambda: "fired with {'paid': True}" in aws.logs_of("lister"))
    assert "fired with {'paid': False}" not in aws.logs_of("lister")


def let(aws: Aws, function: str, rule: str) -> None:
    """Let a rule invoke a function."""
    permission = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": rule}
    aws.lambda_.add_permission(FunctionName=function, StatementId=rule.rpartition("/")[2], **permission)


def test_a_rule_invokes_only_a_function_whose_policy_names_it(aws: Aws) -> None:
    function = aws.deploy("guarded", FAILING)
    entry = {"Source": "guard", "DetailType": "d"}
    for name in ("other", "named"):
        rule = aws.events.put_rule(Name=name, EventPattern=json.dumps({"source": ["guard"]}))["RuleArn"]
        target = {"Id": "f", "Arn": function, "Input": json.dumps({"rule": name})}
        aws.events.put_targets(Rule=name, Targets=[target])
    let(aws, function, rule)
    aws.events.put_events(Entries=[{**entry, "Detail": "{}"}])
    eventually(lambda: "fired with {'rule': 'named'}" in aws.logs_of("guarded"))
    assert "other" not in aws.logs_of("guarded")


@pytest.mark.parametrize("allowed", [True, False])
def test_the_record_of_a_failure_reaches_a_function_only_if_the_role_may_invoke_it(aws: Aws, allowed: bool) -> None:
    name = f"concludes-{allowed}".lower()
    destination = aws.deploy(name, "def handler(event, context):\n    print(event['requestContext']['condition'])")
    role = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    may = json.dumps(allow("lambda:InvokeFunction", destination if allowed else f"{destination}-other"))
    aws.iam.put_role_policy(RoleName=name, PolicyName="destination", PolicyDocument=may)
    aws.deploy(f"fails-{name}", FAILING, Role=role)
    aws.lambda_.put_function_event_invoke_config(
        FunctionName=f"fails-{name}",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )
    aws.lambda_.invoke(FunctionName=f"fails-{name}", InvocationType="Event", Payload=b'{"fail": true}')
    eventually(lambda: "RunIncomplete" in aws.logs_of(f"fails-{name}"))
    if allowed:
        eventually(lambda: "RetriesExhausted" in aws.logs_of(name))
    else:
        time.sleep(0.5)
        assert aws.logs_of(name) == ""


def test_a_topic_mails_its_subscribers_and_respects_their_filters(aws: Aws) -> None:
    topic = aws.topic_with_mail("news", "all@example.com")
    policy = {"FilterPolicy": json.dumps({"kind": ["failure"]})}
    aws.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="failures@example.com", Attributes=policy)
    long_line = "x" * 2000
    for kind in ("success", "failure"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        text = f"A {kind}: ü\n{long_line}"
        aws.sns.publish(TopicArn=topic, Subject=kind, Message=text, MessageAttributes=attributes)
    assert [mail["Subject"] for mail in aws.inbox.wait_for("all@example.com", 2)] == ["success", "failure"]
    (mail,) = aws.inbox.wait_for("failures@example.com")
    assert mail.get_content().startswith(f"A failure: ü\n{long_line}\n\n--\n")
