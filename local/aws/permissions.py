"""Permissions of roles: whoever acts with a role, be it a person, a function or a state machine, needs its policies.

moto evaluates the policies; conditions it mostly does not, nor permissions boundaries, session policies and the
policies of resources, and neither the signature nor the credentials' age is looked at. ``tests/iam`` has all of these
judged: what is asked for here is kept (``GET /_local/calls``), with the context that AWS sends, and simulated there.
Whoever signs with another key may do everything.

What this AWS does itself is checked where it acts for a role or a rule: a function's role must allow what is sent to a
destination, a state machine's role the children of a Map Run, a function's resource policy its invocation by a rule.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends
from moto.utilities.utils import get_partition
from werkzeug.wrappers import Request

from local.aws import protocol
from local.aws.errors import Refusal

# Service authorization reference: actions called otherwise than the operation, prefixes otherwise than the signature's
ACTIONS = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "SendMessageBatch"): "SendMessage",
}
PREFIXES = {"monitoring": "cloudwatch"}
# DynamoDB developer guide, "IAM policies with transactions": no action is called TransactWriteItems
IN_TRANSACTIONS = {kind: f"{kind}Item" for kind in ("ConditionCheck", "Delete", "Get", "Put", "Update")}
# SQS developer guide, "Configuring queue permissions for dead-letter queue redrive"
OF_MOVES = {
    "StartMessageMoveTask": ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "ListMessageMoveTasks": ("ListMessageMoveTasks", "GetQueueAttributes"),
}
ARN_PARAMETERS = ("TopicArn", "stateMachineArn", "executionArn", "mapRunArn", "RoleArn", "SecretId", "KeyId")
TERRAFORM = "Terraform"
"""Who applies: Terraform calls itself so, whoever it acts for."""

FUNCTION = re.compile(r"/20\d\d-\d\d-\d\d/functions/(?:arn:[^/]*:function:)?(?P<name>[^/:]+)")


Context = tuple[tuple[str, str], ...]
"""Condition keys that AWS sends with such a call and not with every call."""

_lock = threading.Lock()
_calls: set[tuple[str, str, str, Context]] = set()
_sessions: dict[tuple[str, str], AssumedRole] = {}
_contexts: dict[str, Context] = {}


def calls() -> list[dict[str, Any]]:
    """Give every call so far, each once, whether it was allowed or not.

    A call is what IAM is asked: may a principal, the ARN of a role or a service such as ``events.amazonaws.com``, do
    this?
    """
    with _lock:
        names = ("principal", "action", "resource", "context")
        return [dict(zip(names, (*call, dict(context)), strict=True)) for *call, context in sorted(_calls)]


def note(principal: str, action: str, resource: str, **context: str) -> None:
    """Keep a call that is not checked here; ``aws__SourceArn`` stands for ``aws:SourceArn``."""
    _note(principal, action, resource, _context(context))


def _note(principal: str, action: str, resource: str, context: Context) -> None:
    call = (principal, action, resource, context)
    if call not in _calls:  # nearly always it is
        with _lock:
            _calls.add(call)


def _context(given: dict[str, str]) -> Context:
    return tuple(sorted((name.replace("__", ":"), value) for name, value in given.items()))


def of_function(function: LambdaFunction) -> AssumedRole:
    """Assume a function's role for it, as Lambda does; raises ``Refusal`` where the role is not there.

    Lambda developer guide, "Working with Lambda execution environment credentials": what the function's code asks for
    carries ``lambda:SourceFunctionArn``; what Lambda itself asks for with the same role does not.
    """
    session = assumed(str(function.role), str(function.function_name))
    note("lambda.amazonaws.com", "sts:AssumeRole", str(function.role))
    _contexts[session.access_key_id] = _context({"lambda__SourceFunctionArn": str(function.function_arn)})
    return session


def assumed(role_arn: str, name: str) -> AssumedRole:
    """Give a role's session of this name, made once; raises ``Refusal`` where there is no such role."""
    if _policies(role_arn) is None:
        raise Refusal(403, "AccessDeniedException", f"The role {role_arn} cannot be assumed.")
    with _lock:
        if (role_arn, name) not in _sessions:
            backend = sts_backends[protocol.ACCOUNT][role_arn.split(":")[1]]
            _sessions[role_arn, name] = backend.assume_role("us-east-1", name, role_arn, "", 3600, "")
        return _sessions[role_arn, name]


def check(request: Request, service: str) -> None:
    """Let a request pass, or raise ``Refusal``: AccessDeniedException (AccessDenied by SQS, SNS and STS)."""
    key, region = protocol.credential(request, 0) or "", protocol.region(request)
    session = sts_backends[protocol.ACCOUNT][get_partition(region)].get_assumed_role_from_access_key(key)
    operation = protocol.operation(request, service)
    if session is None:
        if operation and TERRAFORM in request.headers.get("User-Agent", ""):
            for action, resource in _needed(request, service, operation):
                note(TERRAFORM, action, resource)
        return
    if request.headers.get("X-Amz-Security-Token") != session.session_token:
        raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    if operation is None or (service, operation) == ("sts", "GetCallerIdentity"):
        return
    for action, resource in _needed(request, service, operation):
        _note(session.role_arn, action, resource, _contexts.get(key, ()))
        if not _allowed(session.role_arn, action, resource):
            text = f"User: {session.arn} is not authorized to perform: {action.lower()} on resource: {resource}"
            reason = f"because no identity-based policy allows the {action.lower()} action"
            raise Refusal(403, "AccessDeniedException", f"{text} {reason}")


def allowed(role_arn: str, action: str, resource: str) -> bool:
    """Tell whether a role's own policies allow an action such as ``sqs:SendMessage``; one that is gone allows none."""
    note(role_arn, action, resource)
    return _allowed(role_arn, action, resource)


def _allowed(role_arn: str, action: str, resource: str) -> bool:
    policies = _policies(role_arn) or ()
    results = {_result(policy, action, resource) for policy in policies}
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def _policies(role_arn: str) -> list[str] | None:
    """Give the documents of a role's policies; None where there is no such role."""
    try:
        role = iam_backends[protocol.ACCOUNT][role_arn.split(":")[1]].get_role_by_arn(role_arn)
    except NotFoundException:
        return None
    versions = (version for policy in role.managed_policies.values() for version in policy.versions)
    return [*role.policies.values(), *(str(version.document) for version in versions if version.is_default)]


@lru_cache(maxsize=4096)
def _result(document: str, action: str, resource: str) -> PermissionResult:
    return IAMPolicy(document).is_action_permitted(action, resource)


def invocable(function_arn: str, principal: str, source_arn: str) -> bool:
    """Tell whether a function's resource policy lets a service invoke it for a resource of this account."""
    source = {"aws__SourceAccount": protocol.ACCOUNT, "aws__SourceArn": source_arn}
    note(principal, "lambda:InvokeFunction", function_arn, **source)
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


def _needed(request: Request, service: str, operation: str) -> Iterator[tuple[str, str]]:
    """Give the actions and the resources they are for."""
    parameters = protocol.parameters(request)
    place = f"{protocol.region(request)}:{protocol.ACCOUNT}"
    if service == "dynamodb":
        for part, table in _of_tables(operation, parameters):
            yield f"dynamodb:{part}", f"arn:aws:dynamodb:{place}:table/{table.rpartition('/')[2]}" if table else "*"
        return
    if service == "sqs" and operation in OF_MOVES:
        yield from ((f"sqs:{action}", str(parameters.get("SourceArn"))) for action in OF_MOVES[operation])
        if destination := parameters.get("DestinationArn"):
            yield "sqs:SendMessage", destination
        return
    action = f"{PREFIXES.get(service, service)}:{ACTIONS.get((service, operation), operation)}"
    named = (str(parameters.get(name)) for name in ARN_PARAMETERS)
    resource = next((name for name in named if name.startswith("arn:")), "*")
    if service == "sqs" and ("QueueUrl" in parameters or "QueueName" in parameters):
        name = parameters.get("QueueUrl") or parameters["QueueName"]
        resource = f"arn:aws:sqs:{place}:{str(name).rpartition('/')[2]}"
    elif service == "monitoring" and "DashboardName" in parameters:
        resource = f"arn:aws:cloudwatch::{protocol.ACCOUNT}:dashboard/{parameters['DashboardName']}"
    elif service == "lambda" and (function := FUNCTION.match(request.path)):
        resource = f"arn:aws:lambda:{place}:function:{function['name']}"
    yield action, resource


def _of_tables(operation: str, parameters: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Give what is asked of which table; a transaction is what is in it."""
    if operation.startswith("Transact"):
        for kind, part in ((kind, part) for each in parameters["TransactItems"] for kind, part in each.items()):
            yield IN_TRANSACTIONS[kind], part["TableName"]
    else:
        for table in parameters.get("RequestItems", [parameters.get("TableName")]):
            yield operation, table
