"""One story for all of these tests, told by one deployment.

A consumer pins the last release, for two stages. A run begins; while it is paused in the middle, the consumer pins the
module as it is now, plans and applies. The run goes on, and another one follows.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.deploy import bypass_proxies
from local.processes import serving
from local.stack import CREDENTIALS, REGION, wait_until
from tests.e2e.scripted_api import Answer, Call, ScriptedApi
from tests.upgrade import released
from tests.upgrade.consumer import Change, Consumer

EMAILS = [f"em-{number:02}" for number in range(12)]
REQUEUE = "/communications/requeue"
BY_ADA = {"by": "ada", "why": "an upgrade"}
SECONDS = 600
"""For what takes seconds on a machine that does nothing else."""

OTHER_STAGE = """
module "communications_redrive" {
  stage = "${each.key}-2"
}
"""


@dataclass
class Story:
    """What happened, as the consumer, the application and an operator saw it."""

    consumer: Consumer
    first_plan: list[Change] = field(default_factory=list)
    refused: str = ""
    posts_before: list[str] = field(default_factory=list)
    ledger_before: dict[str, Any] = field(default_factory=dict)
    upgrade: list[Change] = field(default_factory=list)
    ledger_after: dict[str, Any] = field(default_factory=dict)
    next_answer: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    messages: int = 0
    is_as_applied: bool = False
    refusal: str = ""
    renamed: list[Change] = field(default_factory=list)


class Operator:
    """Somebody with AWS's API, who looks after production."""

    def __init__(self, endpoint: str, consumer: Consumer) -> None:
        self._endpoint = endpoint
        self.names = consumer.output("function_names")["production"]
        self._table = consumer.output("ledger_table_names")["production"]

    def client(self, service: str) -> Any:
        return client(service, self._endpoint)

    def invoke(self, function: str, **event: Any) -> dict[str, Any]:
        answer = self.client("lambda").invoke(FunctionName=self.names[function], Payload=json.dumps(event))
        given: dict[str, Any] = json.load(answer["Payload"])
        assert "errorType" not in given, given
        return given

    def has_logged(self, function: str, **wanted: Any) -> bool:
        """Whether a function has logged a line with these fields."""
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/lambda/{self.names[function]}")
        lines = [event["message"] for page in found for event in page["events"]]
        return any(wanted.items() <= json.loads(line).items() for line in lines if line.startswith("{"))

    def ledger(self) -> dict[str, Any]:
        """Give every item, by its key."""
        items = self.client("dynamodb").scan(TableName=self._table)["Items"]
        return {f"{item['pk']['S']} {item['sk']['S']}": item for item in items}


def client(service: str, endpoint: str) -> Any:
    """Give a client of the embedded AWS."""
    keys = {key.lower(): value for key, value in CREDENTIALS.items() if key != "AWS_DEFAULT_REGION"}
    config = Config(retries={"total_max_attempts": 2}, read_timeout=330)
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, config=config, **keys)


@pytest.fixture(scope="session")
def story() -> Iterator[Story]:
    if not released.is_at_hand():
        pytest.skip(f"{released.last_release()} is not in this checkout: clone it with its history, as Git does")
    bypass_proxies()
    (released.ROOT / ".local").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="upgrade-", dir=released.ROOT / ".local"))
    try:
        released.publish(folder / "module")
        with serving("local.aws", [], folder) as aws, ScriptedApi() as api:
            yield tell(folder, aws["url"], api)
    finally:
        shutil.rmtree(folder)


def tell(folder: Path, endpoint: str, api: ScriptedApi) -> Story:
    """Let it happen."""
    secret = client("secretsmanager", endpoint).create_secret(Name="api", SecretString='{"token": "t"}')["ARN"]
    consumer = Consumer(folder, folder / "module", endpoint, api.url, secret)
    story = Story(consumer)

    consumer.pin(released.BEFORE)
    story.first_plan = consumer.plan()
    consumer.apply()
    operator = Operator(endpoint, consumer)
    queue = {"QueueUrl": consumer.output("queue_url")}
    operator.client("sqs").send_message(**queue, MessageBody="{}")

    goes_on = threading.Event()

    def requeue(call: Call) -> Answer:
        """Take all but the first, of which it says that it can never be sent."""
        story.refused = story.refused or call.body["primaryId"]
        goes_on.wait(SECONDS)
        return Answer({}, 422 if call.body["primaryId"] == story.refused else 202)

    api.on("GET", "/emails", Answer([{"id": email} for email in EMAILS]))
    api.on("GET", "/sms", Answer([]))
    api.on("POST", REQUEUE, requeue)
    operator.invoke(
        "ledger_admin", action="list"
    )  # warm, so that the API is not kept waiting for longer than it may be
    execution = {"executionArn": operator.invoke("list_failed")["execution"]}
    wait_until(lambda: api.asked("POST"), "the first request", SECONDS)
    operator.invoke("ledger_admin", action="pause", seconds=3600, **BY_ADA)
    goes_on.set()
    wait_until(lambda: operator.has_logged("batch", go="wait"), "the second batch, which waits", SECONDS)
    story.posts_before = [call.body["primaryId"] for call in api.asked("POST")]
    story.ledger_before = operator.ledger()

    consumer.pin(released.NOW)
    story.upgrade = consumer.plan()
    consumer.apply()
    story.ledger_after = operator.ledger()
    attributes = operator.client("sqs").get_queue_attributes(**queue, AttributeNames=["ApproximateNumberOfMessages"])
    story.messages = int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    operator.invoke("ledger_admin", action="resume", **BY_ADA)
    describe = operator.client("stepfunctions").describe_execution
    wait_until(lambda: describe(**execution)["status"] != "RUNNING", "the end of the run", SECONDS)
    story.next_answer = operator.invoke("list_failed")
    story.calls = api.asked("POST")

    story.is_as_applied = consumer.is_as_applied()
    story.refusal = consumer.refused(OTHER_STAGE)
    consumer.pin(released.RENAMED)
    story.renamed = consumer.plan("-refresh=false", '-target=module.communications_redrive["production"].module.ledger')
    return story
