"""Event source mappings from queues to functions, as the Lambda API tells them.

moto keeps them. Its own hand-over, message by message and within SendMessage, is taken away, and what it does not
refuse is refused (Lambda API reference, CreateEventSourceMapping, and Lambda developer guide, "Creating and configuring
an Amazon SQS event source mapping"). A mapping is Enabled or Disabled at once, and gone at once when it is deleted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from moto.awslambda.models import EventSourceMapping, LambdaFunction, lambda_backends
from werkzeug.wrappers import Request, Response

from local.aws import permissions, protocol
from local.aws.errors import Refusal
from local.aws.functions import Functions
from local.aws.polling import Polling
from local.aws.queues import MOST_IN_A_RECEIVE, Queues, find

CONCURRENCY = range(2, 1001)
NEEDED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


class Mappings:
    """Follows what moto is told of mappings."""

    def __init__(self, queues: Queues, functions: Functions, polling: Polling) -> None:
        self._queues = queues
        self._functions = functions
        self._polling = polling

    def change(self, request: Request, uuid: str | None, pass_on: Callable[[], Response]) -> Response:
        """Have moto create (without a UUID), update or delete a mapping."""
        backend = lambda_backends[protocol.ACCOUNT][protocol.region(request)]
        with self._queues.changed:
            mapping = backend.get_event_source_mapping(uuid) if uuid else None
            if uuid and mapping is None:
                raise Refusal(404, "ResourceNotFoundException", "The resource you requested does not exist.")
            if request.method in {"POST", "PUT"}:
                self._check(protocol.body(request), mapping, protocol.region(request))
            response = pass_on()
            if response.status_code == HTTPStatus.CREATED:
                created = backend.get_event_source_mapping(json.loads(response.get_data())["UUID"])
                self._take_over(created)
            if mapping is not None and not mapping.scaling_config:  # an empty one means none
                mapping.scaling_config = None
            self._queues.changed.notify_all()
            return response

    def _take_over(self, mapping: EventSourceMapping | None) -> None:
        queue = find(mapping.event_source_arn) if mapping is not None else None
        if mapping is not None and queue is not None:
            queue.lambda_event_source_mappings.clear()
            self._polling.follow(mapping)

    def _check(self, asked: dict[str, Any], mapping: EventSourceMapping | None, region: str) -> None:
        """Refuse what Lambda does not accept; what is not asked for is as the mapping has it."""
        source = mapping.event_source_arn if mapping is not None else str(asked.get("EventSourceArn"))
        queue = find(source)
        name = asked.get("FunctionName") or (mapping.function_arn if mapping is not None else None)
        if queue is None or not name:
            return  # another kind of source, or moto's to refuse
        function = self._functions.find(protocol.ACCOUNT, region, name)
        timeout, visibility = int(function.timeout), int(queue.visibility_timeout)  # type: ignore[attr-defined]
        if timeout > visibility:
            text = f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
            raise _invalid(text)
        if asked.get("BatchSize", 0) > MOST_IN_A_RECEIVE:
            raise _invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is above 10")
        concurrency = (asked.get("ScalingConfig") or {}).get("MaximumConcurrency")
        if concurrency is not None and concurrency not in CONCURRENCY:
            raise _invalid(f"MaximumConcurrency must be from {CONCURRENCY[0]} to {CONCURRENCY[-1]}")
        for action in NEEDED:
            if not permissions.allowed(function.role, f"sqs:{action}", source):
                raise _invalid(f"The provided execution role does not have permissions to call {action} on SQS")
        if mapping is None:
            _check_new(source, function, region)


def _check_new(source: str, function: LambdaFunction, region: str) -> None:
    for other in lambda_backends[protocol.ACCOUNT][region].list_event_source_mappings(source, ""):
        if other.function_arn == function.function_arn:
            pair = f'SQS arn (" {source} ") and function (" {function.function_name} ")'
            text = f"An event source mapping with {pair} already exists. Please update or delete the existing mapping"
            raise Refusal(409, "ResourceConflictException", f"{text} with UUID {other.uuid}")


def _invalid(text: str) -> Refusal:
    return Refusal(400, "InvalidParameterValueException", text)
