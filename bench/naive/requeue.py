"""Requeue one communication, as it is usually written: everything made when the module is loaded."""

import os
import time

import boto3
import requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters

logger = Logger()
metrics = Metrics()
dynamodb = boto3.client("dynamodb")


def handler(event, context):  # noqa: ARG001
    """Claim in the table, post the queue entry, conclude in the table."""
    communication = event["communication"]
    space, primary_id = communication["operation"], communication["primaryId"]
    key = {"pk": {"S": f"{space}:{primary_id}"}, "sk": {"S": "communication"}}
    token = parameters.get_secret(os.environ["SECRET_ARN"], max_age=300)
    dynamodb.update_item(
        TableName="ledger",
        Key=key,
        ConditionExpression="attribute_not_exists(pk) OR leaseUntil < :now",
        UpdateExpression="SET leaseUntil = :until",
        ExpressionAttributeValues={":now": {"N": str(time.time())}, ":until": {"N": str(time.time() + 300)}},
    )
    answer = requests.post(
        os.environ["BASE_URL"] + "/requeue",
        json={
            "primaryId": communication["primaryId"],
            "operation": communication["operation"],
            "createdBy": "communications-redrive",
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"{communication['primaryId']}:1"},
        timeout=20,
    )
    answer.raise_for_status()
    dynamodb.update_item(
        TableName="ledger",
        Key=key,
        UpdateExpression="SET leaseUntil = :none, outcome = :outcome",
        ExpressionAttributeValues={":none": {"N": "0"}, ":outcome": {"S": "requeued"}},
    )
    metrics.add_metric("Requeued", MetricUnit.Count, 1)
    metrics.flush_metrics()
    logger.info("communication done", extra=communication)
    return communication | {"outcome": "requeued", "httpStatus": answer.status_code}
