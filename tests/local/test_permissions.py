"""What is done with the credentials of an assumed role must be in its policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.emulated import ACCOUNT, REGION, Aws, Machine, allow, queue_arn, refusal


class Role:
    """A role and the clients of who has assumed it."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.aws, self.name = aws, name
        arn = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self._credentials = aws.sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]

    def may(self, *policies: dict[str, Any]) -> None:
        """Give the role these policies."""
        for number, policy in enumerate(policies):
            name = f"policy-{number}"
            self.aws.iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=json.dumps(policy))

    def client(self, service: str, token: str | None = None) -> Any:
        return self.aws.client(service, self._credentials | ({"SessionToken": token} if token else {}))


@pytest.fixture(scope="module")
def queue(aws: Aws) -> str:
    return aws.queue("permitted")


@pytest.fixture(scope="module")
def sender(aws: Aws, queue: str) -> Iterator[Role]:
    role = Role(aws, "sender-only")
    role.may(allow(["sqs:SendMessage", "sqs:GetQueueUrl"], queue_arn(queue)))
    return role


def test_a_role_may_do_what_its_policies_allow(sender: Role, queue: str) -> None:
    sqs = sender.client("sqs")
    assert sqs.get_queue_url(QueueName="permitted")["QueueUrl"] == queue
    sqs.send_message(QueueUrl=queue, MessageBody="one")
    assert sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "a", "MessageBody": "two"}])["Successful"]


def test_it_may_do_nothing_else(aws: Aws, sender: Role, queue: str) -> None:
    sqs = sender.client("sqs")
    code, text, status = refusal(sqs.receive_message, QueueUrl=queue)
    assert (code, status) == ("AccessDenied", 403)
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/sender-only/test"
    assert text.startswith(
        f"User: {who} is not authorized to perform: sqs:receivemessage on resource: {queue_arn(queue)}"
    )
    other = aws.queue("permitted-not")
    entry = {"Id": "a", "MessageBody": "m"}
    assert refusal(sqs.send_message_batch, QueueUrl=other, Entries=[entry])[0] == "AccessDenied"
    assert refusal(sqs.delete_message_batch, QueueUrl=queue, Entries=[{"Id": "a", "ReceiptHandle": "h"}])[2] == 403
    assert refusal(sender.client("sns").list_topics)[0] == "AccessDenied"
    assert refusal(sender.client("dynamodb").list_tables)[0] == "AccessDeniedException"
    assert refusal(sender.client("lambda").list_functions)[0] == "AccessDeniedException"
    assert sender.client("sts").get_caller_identity()["Arn"] == who


def test_a_resource_is_read_from_the_request(aws: Aws) -> None:
    topic = aws.sns.create_topic(Name="permitted")["TopicArn"]
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:permitted"
    aws.deploy("permitted", "def handler(event, context):\n    return 1")
    role = Role(aws, "publisher")
    role.may(allow("sns:Publish", topic), allow("lambda:InvokeFunction", function))
    assert role.client("sns").publish(TopicArn=topic, Message="m")["MessageId"]
    assert role.client("lambda").invoke(FunctionName="permitted")["StatusCode"] == 200
    assert refusal(role.client("lambda").invoke, FunctionName="other")[0] == "AccessDeniedException"


def test_a_deny_goes_before_an_allow_and_a_managed_policy_counts(aws: Aws, queue: str) -> None:
    role = Role(aws, "denied")
    document = json.dumps(allow("sqs:*", "*"))
    managed = aws.iam.create_policy(PolicyName="everything-on-sqs", PolicyDocument=document)["Policy"]["Arn"]
    aws.iam.attach_role_policy(RoleName="denied", PolicyArn=managed)
    deny = allow("sqs:PurgeQueue", "*")
    deny["Statement"][0]["Effect"] = "Deny"
    role.may(deny)
    sqs = role.client("sqs")
    assert sqs.list_queues()["QueueUrls"]
    assert refusal(sqs.purge_queue, QueueUrl=queue)[0] == "AccessDenied"


def test_a_move_of_dead_letters_needs_its_four_rights_and_to_send(aws: Aws) -> None:
    queue, dead_letters = aws.queue_with_dead_letters("permitted-moves", 1)
    role, source = Role(aws, "operator"), queue_arn(dead_letters)
    start = role.client("sqs").start_message_move_task
    four = [f"sqs:{name}" for name in ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")]
    role.may(allow(four, source))
    assert refusal(start, SourceArn=source, DestinationArn=queue_arn(queue))[0] == "AccessDenied"
    role.may(allow(four, source), allow("sqs:SendMessage", queue_arn(queue)))
    assert start(SourceArn=source, DestinationArn=queue_arn(queue))["TaskHandle"]


def test_a_false_token_and_a_deleted_role_are_refused(aws: Aws, queue: str) -> None:
    role = Role(aws, "gone")
    assert refusal(role.client("sqs", "false").list_queues)[0] == "InvalidClientTokenId"
    aws.iam.delete_role(RoleName="gone")
    assert refusal(role.client("sqs").list_queues)[0] == "AccessDenied"


def test_a_function_and_a_state_machine_act_with_their_roles(aws: Aws, queue: str) -> None:
    code = "import boto3\ndef handler(event, context):\n    return boto3.client('sqs').list_queues()['QueueUrls']"
    sender, machine = Role(aws, "acting-function"), Role(aws, "acting-machine")
    arn = aws.deploy("acting", code, Role=f"arn:aws:iam::{ACCOUNT}:role/acting-function")
    assert aws.invoke("acting")[0]["errorMessage"].endswith("no identity-based policy allows the sqs:listqueues action")
    sender.may(allow("sqs:ListQueues", "*"))
    assert queue in aws.invoke("acting")[0]
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    states = {"A": {**task, "Parameters": {"FunctionName": arn, "Payload": {}}}}
    acting = Machine(aws, "acting", states, f"arn:aws:iam::{ACCOUNT}:role/acting-machine")
    assert "lambda:invokefunction" in acting.run()["cause"]
    machine.may(allow("lambda:InvokeFunction", arn))
    assert acting.run()["status"] == "SUCCEEDED"


def test_a_transaction_needs_the_right_to_each_thing_in_it(aws: Aws) -> None:
    role, table = Role(aws, "transacting"), f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/transacted"
    key = [{"AttributeName": "k", "KeyType": "HASH"}]
    types = [{"AttributeName": "k", "AttributeType": "S"}]
    aws.dynamodb.create_table(
        TableName="transacted", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
    )
    item, gone = {"k": {"S": "1"}}, {"k": {"S": "2"}}
    parts = [{"Put": {"TableName": "transacted", "Item": item}}, {"Delete": {"TableName": "transacted", "Key": gone}}]
    write = role.client("dynamodb").transact_write_items
    role.may(allow("dynamodb:PutItem", table))
    assert "dynamodb:deleteitem" in refusal(write, TransactItems=parts)[1]
    role.may(allow(["dynamodb:PutItem", "dynamodb:DeleteItem"], table))
    write(TransactItems=parts)
