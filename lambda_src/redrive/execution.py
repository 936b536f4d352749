"""Starting the state machine: one execution a batch, the same one however often it is started."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redrive import aws
from redrive.models import Communication

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

SCHEMA_VERSION = 1


@cache
def step_functions() -> SFNClient:
    """Give the sandbox's client; it retries throttling with backoff and jitter (botocore's standard mode)."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 10})
    found: SFNClient = aws.client("stepfunctions", config)
    return found


@dataclass
class Started:
    """The executions of a run, what kept the others from starting, and whether one was given ``earlier``."""

    executions: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    truncated: bool = False
    has_told: bool = False


def batches(communications: Iterable[Communication], size: int) -> Iterator[tuple[Communication, ...]]:
    """Cut communications into batches of the given size; the last one may be smaller."""
    rest = iter(communications)
    while batch := tuple(itertools.islice(rest, size)):
        yield batch


def execution_name(run_id: str, batch: tuple[Communication, ...]) -> str:
    """Name an execution by its run and its content.

    An execution's name is unique for 90 days, so the same batch of the same run is started once, however often it is
    asked for. At most 80 characters of what Step Functions allows in a name.
    """
    content = json.dumps([communication.to_json() for communication in batch], sort_keys=True)
    return f"{run_id}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def start_executions(
    client: SFNClient,
    state_machine_arn: str,
    run_id: str,
    batches: Iterable[tuple[Communication, ...]],
    has_time: Callable[[], bool],
    *,
    listed_at: float,
    force: bool = False,
    earlier: Mapping[str, int] | None = None,
) -> Started:
    """Start an execution for each batch; one that cannot be started does not keep back the others.

    Throttling is the client's to retry: give it one that does so with jitter.

    Parameters
    ----------
    listed_at
        When the application listed them as failed, in seconds since 1970.
    force
        Whether the cooldown is ignored.
    earlier
        What became of earlier runs, for the first batch's notification.
    """
    started = Started()
    errors: Counter[str] = Counter()
    execution_prefix = state_machine_arn.replace(":stateMachine:", ":execution:")
    for number, batch in enumerate(batches, start=1):
        if not has_time():
            started.truncated = True
            break
        name = execution_name(run_id, batch)
        data: dict[str, Any] = {
            "schemaVersion": SCHEMA_VERSION,
            "runId": run_id,
            "batch": number,
            "listedAt": round(listed_at, 3),
            "force": force,
            "communications": [communication.to_json() for communication in batch],
        }
        if earlier and not started.has_told:
            data["earlier"] = earlier
        try:
            client.start_execution(stateMachineArn=state_machine_arn, name=name, input=json.dumps(data))
            started.has_told = True
        except client.exceptions.ExecutionAlreadyExists:
            pass  # an earlier delivery of this firing started it
        except (ClientError, BotoCoreError) as error:
            errors[str(error)] += 1
            continue
        started.executions.append(f"{execution_prefix}:{name}")
    started.problems = [f"{count} batches not started: {error}" for error, count in errors.items()]
    return started
