"""List what failed and start batches, as it is usually written: everything made when the module is loaded."""

import json
import os

import boto3
import requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters

logger = Logger()
metrics = Metrics()
dynamodb = boto3.client("dynamodb")
step_functions = boto3.client("stepfunctions")


def handler(event, context):  # noqa: ARG001
    """Read every page, ask the table what was sent already, start an execution for each twenty."""
    token = parameters.get_secret(os.environ["SECRET_ARN"], max_age=300)
    ids, cursor = [], "0"
    while cursor:
        answer = requests.get(
            os.environ["BASE_URL"] + "/failed/20",
            params={"cursor": cursor, "limit": 100},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        answer.raise_for_status()
        ids += [item["id"] for item in answer.json()["emails"]]
        cursor = answer.json()["next_cursor"]
    for start in range(0, len(ids), 100):
        keys = [{"pk": {"S": f"send.email:{key}"}, "sk": {"S": "communication"}} for key in ids[start : start + 100]]
        dynamodb.batch_get_item(RequestItems={"ledger": {"Keys": keys, "ConsistentRead": True}})
    for start in range(0, len(ids), 20):
        batch = [{"primaryId": key, "operation": "send.email"} for key in ids[start : start + 20]]
        step_functions.start_execution(
            stateMachineArn=os.environ["REDRIVE_STATE_MACHINE_ARN"],
            name=f"{context.aws_request_id}-{start}",
            input=json.dumps({"communications": batch}),
        )
    metrics.add_metric("Listed", MetricUnit.Count, len(ids))
    metrics.flush_metrics()
    logger.info("run done", extra={"listed": len(ids)})
    return {"listed": len(ids)}
