"""A function's output in its log group."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime

from moto.awslambda.models import LambdaFunction

from local.aws import permissions

_lock = threading.Lock()  # moto looks whether a group is there and then makes it, without one


def new_stream(function: LambdaFunction) -> str:
    """Name the log stream of a new sandbox as Lambda does: date, version, random."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"


def write(function: LambdaFunction, stream: str, lines: list[tuple[int, str]]) -> None:
    """Put lines, each with its time in milliseconds, into the function's log group, which is made if it is missing."""
    if not lines:
        return
    backend, group = function.logs_backend, function.logs_group_name
    for action in ("CreateLogStream", "PutLogEvents"):
        in_group = f"arn:aws:logs:{function.region}:{function.account_id}:log-group:{group}:log-stream:any"
        permissions.note(function.role, f"logs:{action}", in_group)
    with _lock:
        if group not in backend.groups:
            backend.create_log_group(group, {})
        backend.ensure_log_stream(group, stream)
        backend.put_log_events(group, stream, [{"timestamp": time, "message": text} for time, text in lines])
