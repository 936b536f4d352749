"""Handler that requeues as the module does, and barely, in turns, and gives the processor time of each."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import boto3
import requests

from requeue_communication.handler import handler as requeue

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

WARM_UP = 20
_client = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[float]]:
    """Give milliseconds of processor time: what a process spends waiting is not in it."""
    turns: dict[str, list[float]] = {"module": [], "bare": []}
    for number in range(event["turns"] + WARM_UP):
        for name, once in (("module", lambda: requeue(event["item"], context)), ("bare", bare)):
            started = time.process_time()
            once()
            if number >= WARM_UP:
                turns[name].append((time.process_time() - started) * 1000)
    return turns


def bare() -> None:
    """Post one queue entry and write one item, with nothing around it."""
    entry = {"primaryId": "1", "operation": "send.email", "createdBy": "bench", "created": "2026-11-24T02:15:00Z"}
    requests.post(os.environ["BASE_URL"] + "/requeue", json=entry, timeout=20).raise_for_status()
    _client.update_item(
        TableName="ledger",
        Key={"pk": {"S": "send.email:1"}, "sk": {"S": "communication"}},
        UpdateExpression="SET leaseUntil = :now",
        ExpressionAttributeValues={":now": {"N": "0"}},
    )
