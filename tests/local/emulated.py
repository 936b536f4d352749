"""The embedded AWS as these tests see it: its clients, and the inbox its mails arrive in."""

from __future__ import annotations

import io
import json
import textwrap
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError

from local.sinks import MailSink

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"
Found = TypeVar("Found")


@dataclass
class Aws:
    """A running embedded AWS and its clients."""

    endpoint: str
    inbox: MailSink
    _clients: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = self.client(service.rstrip("_"))
        return self._clients[service]

    def client(self, service: str, credentials: dict[str, str] | None = None, **config: Any) -> Any:
        """Make a client of a service, which tries once; without credentials it may do everything."""
        given = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            config=boto3.session.Config(retries={"total_max_attempts": 1}, **config),
        )

    def deploy(self, name: str, code: str, **settings: Any) -> str:
        """Deploy a function whose module ``f`` holds ``code`` and give its ARN."""
        settings = {"Timeout": 10, "Runtime": "python3.13", "Handler": "f.handler", "Role": ROLE, **settings}
        answer = self.lambda_.create_function(FunctionName=name, Code={"ZipFile": zipped({"f.py": code})}, **settings)
        return str(answer["FunctionArn"])

    def invoke(self, name: str, event: Any = None, **settings: Any) -> tuple[Any, str | None]:
        """Invoke and give (payload, function error)."""
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **settings)
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def queue(self, name: str, **attributes: Any) -> str:
        """Make a queue and give its URL."""
        given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}
        return str(self.sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"])

    def queue_with_dead_letters(self, name: str, receives: int, **attributes: Any) -> tuple[str, str]:
        """Make a queue and one for what was received so often from it; give both URLs."""
        dead_letters = self.queue(f"{name}-dead-letters")
        policy = {"deadLetterTargetArn": queue_arn(dead_letters), "maxReceiveCount": receives}
        return self.queue(name, RedrivePolicy=policy, **attributes), dead_letters

    def receive(self, queue: str, **settings: Any) -> list[dict[str, Any]]:
        """Receive with everything that is to be known of a message."""
        everything = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
        answer = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, **everything, **settings)
        return list(answer.get("Messages", []))

    def counts(self, queue: str) -> tuple[int, int]:
        """Give how many messages of a queue are visible, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def rule_to_function(self, name: str, pattern: dict[str, Any], function: str, *, allowed: bool = True) -> None:
        """Make a rule that invokes a function, if that is allowed to it."""
        rule = self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        self.events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function}])
        if allowed:
            may = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": rule}
            self.lambda_.add_permission(FunctionName=function, StatementId=name, **may)

    def logs_of(self, name: str) -> str:
        """Give everything in a function's log group; nothing before its first invocation."""
        try:
            events = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except self.logs.exceptions.ResourceNotFoundException:
            return ""
        return "\n".join(event["message"] for event in events)


class Machine:
    """A state machine that begins with the first of its states."""

    def __init__(self, aws: Aws, name: str, states: dict[str, Any], role: str = ROLE, **fields: Any) -> None:
        self.client = aws.stepfunctions
        definition = json.dumps({"StartAt": next(iter(states)), "States": states, **fields})
        self.arn = self.client.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]

    def start(self, given: Any = None, **named: str) -> str:
        """Start an execution and give its ARN."""
        asked = {"stateMachineArn": self.arn, "input": json.dumps(given or {}), **named}
        return str(self.client.start_execution(**asked)["executionArn"])

    def describe(self, arn: str) -> dict[str, Any]:
        return dict(self.client.describe_execution(executionArn=arn))

    def ended(self, arn: str, seconds: float = 10) -> dict[str, Any]:
        """Wait for an execution's end and describe it."""
        return eventually(lambda: (found := self.describe(arn))["status"] != "RUNNING" and found, seconds)

    def run(self, given: Any = None) -> dict[str, Any]:
        return self.ended(self.start(given))

    def types(self, arn: str) -> list[str]:
        """Give the types of an execution's events."""
        return [event["type"] for event in self.client.get_execution_history(executionArn=arn)["events"]]


def refusal(call: Any, **arguments: Any) -> tuple[str, str, int]:
    """Make a call that is refused and give code, message and HTTP status."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def queue_arn(url: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rpartition('/')[2]}"


def allow(action: str | list[str], resource: str) -> dict[str, Any]:
    """Give a policy with one statement."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def zipped(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, textwrap.dedent(text))
    return content.getvalue()


def eventually(look: Callable[[], Found], seconds: float = 10) -> Found:
    """Look again and again until there is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found
