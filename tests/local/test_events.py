"""Schedules, asynchronous invocations and topics reach functions and people as on AWS."""

from __future__ import annotations

import ast
import json
import re
import time
from typing import Any

import pytest
import requests

from local.aws.permissions import TERRAFORM
from tests.local.emulated import ACCOUNT, REGION, ROLE, Aws, allow, eventually

FAILING = """
    class RunIncomplete(Exception):
        pass

    def handler(event, context):
        raise RunIncomplete('email: "no" answer')
"""


def test_a_schedule_that_is_disabled_or_not_deployed_does_not_fire(aws: Aws) -> None:
    aws.scheduler.create_schedule(
        Name="paused",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State="DISABLED",
        Target={"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lister", "RoleArn": ROLE},
    )
    for name, status in (("paused", 409), ("none", 404)):
        answer = requests.post(f"{aws.endpoint}/_local/schedules/default/{name}/fire", timeout=10)
        assert answer.status_code == status


def test_what_terraform_repeats_is_carried_out_once_and_answered_as_before(aws: Aws) -> None:
    client = aws.client("logs", user_agent_extra=TERRAFORM)

    def repeat(request: Any, **_: Any) -> None:
        del request.headers["amz-sdk-invocation-id"]
        request.headers["amz-sdk-invocation-id"] = "one request and its repetitions"

    client.meta.events.register_last("before-send.logs.CreateLogGroup", repeat)
    for _ in range(2):
        client.create_log_group(logGroupName="/repeated")
    client.meta.events.unregister("before-send.logs.CreateLogGroup", repeat)
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName="/repeated")


def failing(aws: Aws, name: str, *, may: bool = True) -> str:
    """Deploy a function with a destination that prints records, and give that one's name."""
    destination = aws.deploy(f"{name}-destination", "def handler(event, context):\n    print(event)")
    role = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    policy = json.dumps(allow("lambda:InvokeFunction", destination if may else f"{destination}-other"))
    aws.iam.put_role_policy(RoleName=name, PolicyName="destination", PolicyDocument=policy)
    aws.deploy(name, FAILING, Role=role)
    aws.lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": destination}}
    )
    return f"{name}-destination"


def test_the_record_of_an_asynchronous_failure_reaches_its_destination_as_aws_documents_it(aws: Aws) -> None:
    destination = failing(aws, "recorded")
    assert aws.invoke("recorded")[1] == "Unhandled"  # in step with the caller: no record
    answer = aws.lambda_.invoke(FunctionName="recorded", InvocationType="Event", Payload=b'{"fail": true}')
    assert answer["StatusCode"] == 202
    printed = eventually(lambda: re.findall(r"^{'version'.*", aws.logs_of(destination), re.MULTILINE))
    (record,) = map(ast.literal_eval, printed)
    assert record["requestPayload"] == {"fail": True}
    assert record["requestContext"]["functionArn"].endswith(":function:recorded:$LATEST")
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "RunIncomplete"


def test_a_record_needs_the_roles_right_to_invoke_its_destination(aws: Aws) -> None:
    destination = failing(aws, "forbidden", may=False)
    aws.lambda_.invoke(FunctionName="forbidden", InvocationType="Event", Payload=b'{"fail": true}')
    eventually(lambda: "RunIncomplete" in aws.logs_of("forbidden"))
    time.sleep(0.5)
    assert aws.logs_of(destination) == ""


def test_a_topic_mails_its_subscribers_and_respects_their_filters(aws: Aws) -> None:
    topic, policy = aws.sns.create_topic(Name="news")["TopicArn"], {"kind": ["failure"]}
    aws.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="all@example.com")
    filtered = {"FilterPolicy": json.dumps(policy)}
    aws.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="failures@example.com", Attributes=filtered)
    text = f"ü\n{'a long line' * 200}"
    for kind in ("success", "failure"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        aws.sns.publish(TopicArn=topic, Subject=kind, Message=text, MessageAttributes=attributes)
    mails = eventually(lambda: found if len(found := aws.inbox.mails) == 3 else None)
    assert sorted((mail.recipient, mail.subject) for mail in mails) == [
        ("all@example.com", "failure"),
        ("all@example.com", "success"),
        ("failures@example.com", "failure"),
    ]
    assert mails[0].sender == "no-reply@sns.amazonaws.com"
    assert mails[0].body.startswith(f"{text}\n\n--\n")
