"""Small pieces of plain text that logs, digests and errors share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from redrive.models import RUN_TIME_FORMAT


def reason(error: str) -> str:
    """Give the ``errorMessage`` in the cause of a Lambda error, or a text that is no such cause as it is."""
    try:
        cause = json.loads(error)
    except ValueError:
        return error
    return str(cause["errorMessage"]) if isinstance(cause, Mapping) and "errorMessage" in cause else error


def counted(count: int, thing: str = "communication") -> str:
    """Give a number with its noun: ``1 communication``, ``47 communications``."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def time_of(run_id: str) -> str:
    """Give the time in a run's id as a person reads it, or nothing where there is none."""
    try:
        moment = datetime.strptime(run_id[:16], RUN_TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return ""
    return f"{moment:%A, %d %B %Y, %H:%M} UTC"


def rfc3339(seconds: float | None) -> str | None:
    """Give a time in RFC 3339, None where there is none."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def invocation(function: str, payload: str) -> str:
    """Give the command that invokes a function once and waits for its answer, to be copied from a mail."""
    return (
        "AWS_MAX_ATTEMPTS=1 aws lambda invoke --cli-read-timeout 0 --cli-binary-format raw-in-base64-out "
        f"--function-name {function} --payload '{payload}' out.json"
    )


def console_url(execution_arn: str) -> str:
    """Give the page of an execution in the console of its partition."""
    _, partition, _, region, _ = execution_arn.split(":", 4)
    domain = {"aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}.get(partition, "aws.amazon.com")
    return f"https://{region}.console.{domain}/states/home?region={region}#/v2/executions/details/{execution_arn}"
