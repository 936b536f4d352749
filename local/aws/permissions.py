"""Permissions of roles: what was signed with credentials of an assumed role is checked against the role's policies.

moto evaluates the policies. Not looked at are permissions boundaries, session policies, the policies of resources, the
signature and the credentials' age. Whoever signs with another key may do everything.

What this AWS does itself is checked where it acts for a role or a rule: a function's role must allow what is sent to a
destination, a state machine's role the children of a Map Run, a function's resource policy its invocation by a rule.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition
from werkzeug.wrappers import Request

from local.aws import protocol
from local.aws.errors import Refusal
from local.aws.moves import read_handle

# Service authorization reference: actions called otherwise than the operation, prefixes otherwise than the signature's
ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "SendMessageBatch"): "SendMessage",
}
PREFIXES = {"monitoring": "cloudwatch"}
# SQS developer guide, "Configuring queue permissions for dead-letter queue redrive"
OF_MOVES = {
    "StartMessageMoveTask": ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "CancelMessageMoveTask": ("CancelMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "ListMessageMoveTasks": ("ListMessageMoveTasks", "GetQueueAttributes"),
}
# Lambda developer guide, "Capturing records of Lambda asynchronous invocations": what a function's role must allow
TO_DESTINATIONS = {
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "events": "events:PutEvents",
}
ARN_PARAMETERS = (
    "TopicArn",
    "TargetArn",
    "stateMachineArn",
    "executionArn",
    "mapRunArn",
    "RoleArn",
    "SecretId",
    "KeyId",
)
FUNCTION = re.compile(r"/20\d\d-\d\d-\d\d/functions/(?:arn:[^/]*:function:)?(?P<name>[^/:]+)")


def check(request: Request, service: str) -> None:
    """Let a request pass, or raise ``Refusal``: AccessDeniedException (AccessDenied by SQS, SNS, STS and S3)."""
    key, region = protocol.credential(request, 0) or "", protocol.region(request)
    session = sts_backends[protocol.ACCOUNT][get_partition(region)].get_assumed_role_from_access_key(key)
    if session is None:
        return
    if request.headers.get("X-Amz-Security-Token") != session.session_token:
        raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    operation = protocol.operation(request, service)
    if operation is None or (service, operation) == ("sts", "GetCallerIdentity"):
        return
    for action, resource in _needed(request, service, operation):
        if not allowed(session.role_arn, action, resource):
            text = f"User: {session.arn} is not authorized to perform: {action.lower()} on resource: {resource}"
            reason = f"because no identity-based policy allows the {action.lower()} action"
            raise Refusal(403, "AccessDeniedException", f"{text} {reason}")


def allowed(role_arn: str, action: str, resource: str) -> bool:
    """Tell whether a role's own policies allow an action such as ``sqs:SendMessage``; one that is gone allows none."""
    try:
        role = iam_backends[protocol.ACCOUNT][role_arn.split(":")[1]].get_role_by_arn(role_arn)
    except NotFoundException:
        return False
    policies: list[Any] = [*role.policies.values(), *role.managed_policies.values()]
    results = {IAMPolicy(policy).is_action_permitted(action, resource) for policy in policies}
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def may_send(role_arn: str, destination: str) -> bool:
    """Tell whether a function's role allows what Lambda does to hand a record to a destination."""
    action = TO_DESTINATIONS.get(destination.split(":")[2])
    return action is not None and allowed(role_arn, action, destination)


def invocable(function_arn: str, principal: str, source_arn: str) -> bool:
    """Tell whether a function's resource policy lets a service invoke it for a resource of this account."""
    region, name = function_arn.split(":")[3], function_arn.split(":")[6]
    try:
        function = lambda_backends[protocol.ACCOUNT][region].get_function(name)
    except LambdaClientError:
        return False
    return any(
        statement["Effect"] == "Allow"
        and statement["Action"] in {"lambda:InvokeFunction", "lambda:*"}
        and statement["Principal"] == {"Service": principal}
        and fnmatchcase(source_arn, _condition(statement, "ArnLike", "AWS:SourceArn"))
        and fnmatchcase(protocol.ACCOUNT, _condition(statement, "StringEquals", "AWS:SourceAccount"))
        for statement in function.policy.statements
    )


def _condition(statement: dict[str, Any], operator: str, key: str) -> str:
    return str(statement.get("Condition", {}).get(operator, {}).get(key, "*"))


def _needed(request: Request, service: str, operation: str) -> list[tuple[str, str]]:
    """List the actions and the resources they are for."""
    parameters = protocol.parameters(request)
    place = f"{protocol.region(request)}:{protocol.ACCOUNT}"
    if service == "sqs" and operation in OF_MOVES:
        source = parameters.get("SourceArn") or read_handle(str(parameters.get("TaskHandle")))[0]
        needed = [(f"sqs:{action}", source) for action in OF_MOVES[operation]]
        destination = parameters.get("DestinationArn")
        return [*needed, ("sqs:SendMessage", destination)] if destination else needed
    action = f"{PREFIXES.get(service, service)}:{ACTIONS.get((service, operation), operation)}"
    named = (str(parameters.get(name)) for name in ARN_PARAMETERS)
    resource = next((name for name in named if name.startswith("arn:")), "*")
    if service == "sqs" and ("QueueUrl" in parameters or "QueueName" in parameters):
        name = parameters.get("QueueUrl") or parameters["QueueName"]
        resource = f"arn:aws:sqs:{place}:{str(name).rpartition('/')[2]}"
    elif service == "dynamodb" and "TableName" in parameters:
        resource = f"arn:aws:dynamodb:{place}:table/{parameters['TableName'].rpartition('/')[2]}"
    elif service == "monitoring" and "DashboardName" in parameters:
        resource = f"arn:aws:cloudwatch::{protocol.ACCOUNT}:dashboard/{parameters['DashboardName']}"
    elif service == "lambda" and (function := FUNCTION.match(request.path)):
        resource = f"arn:aws:lambda:{place}:function:{function['name']}"
    return [(action, resource)]
