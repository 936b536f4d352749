"""A function's output in its log group."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime

from moto.awslambda.models import LambdaFunction
from moto.logs.models import logs_backends

from local.aws import permissions

_lock = threading.Lock()  # moto looks whether a group is there and then makes it, without one


def new_stream(function: LambdaFunction) -> str:
    """Name the log stream of a new sandbox as Lambda does: date, version, random."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version(function)}]{uuid.uuid4().hex}"


def version(function: LambdaFunction) -> str:
    """Give the function's version as Lambda spells it."""
    return str(function.version)


def group(function: LambdaFunction) -> str:
    """Name the function's log group."""
    return f"/aws/lambda/{function.function_name}"


def write(function: LambdaFunction, stream: str, lines: list[tuple[int, str]]) -> None:
    """Put lines, each with its time in milliseconds, into the function's log group, which is made if it is missing."""
    if not lines:
        return
    backend = logs_backends[function.account_id][function.region]
    in_group = f"arn:aws:logs:{function.region}:{function.account_id}:log-group:{group(function)}:log-stream:any"
    for action in ("CreateLogStream", "PutLogEvents"):
        permissions.note(function.role, f"logs:{action}", in_group)
    with _lock:
        if group(function) not in backend.groups:
            backend.create_log_group(group(function), {})
        backend.ensure_log_stream(group(function), stream)
        events = [{"timestamp": time, "message": text} for time, text in lines]
        backend.put_log_events(group(function), stream, events)
