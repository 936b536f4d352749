"""The execution that carries a run out: one, named by the run."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from redrive import aws
from redrive.errors import ExecutionNotStarted, StartUnconfirmed

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_stepfunctions import SFNClient

SCHEMA_VERSION = 2
RUNNING = "RUNNING"


@cache
def step_functions() -> SFNClient:
    """Give the sandbox's client; it retries throttling with backoff and jitter (botocore's standard mode)."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 10})
    found: SFNClient = aws.client("stepfunctions", config)
    return found


@cache
def functions() -> LambdaClient:
    """Give the sandbox's client for Lambda; it waits for an answer as long as a function may take."""
    config = Config(read_timeout=900, retries={"mode": "standard", "total_max_attempts": 3})
    found: LambdaClient = aws.client("lambda", config)
    return found


class Status(NamedTuple):
    """How an execution stands; ``ended`` in seconds since 1970, 0 while it runs."""

    status: str
    error: str = ""
    ended: float = 0

    @property
    def is_running(self) -> bool:
        """Whether it is on."""
        return self.status == RUNNING


class StateMachine(NamedTuple):
    """The state machine of runs."""

    client: SFNClient
    arn: str

    def execution(self, run_id: str) -> str:
        """Give the ARN of a run's execution, whether or not there is one."""
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{run_id}"

    def status(self, run_id: str) -> Status | None:
        """Tell how a run's execution stands, None where there is none.

        ``DescribeExecution`` is eventually consistent (API reference): one that was started just now may be missing.
        """
        try:
            found = self.client.describe_execution(executionArn=self.execution(run_id))
        except self.client.exceptions.ExecutionDoesNotExist:
            return None
        except (ClientError, BotoCoreError) as error:
            raise ExecutionNotStarted(f"cannot tell whether run {run_id} is on: {error}") from None
        stopped = found.get("stopDate")
        ended = stopped.timestamp() if isinstance(stopped, datetime) else 0
        return Status(found["status"], found.get("error", ""), ended)

    def start(self, run_id: str, request: str, listed_at: float, batches: int, *, force: bool) -> str:
        """Start a run's execution; give its ARN.

        An execution's name is unique for 90 days, and the same name with the same input is the same execution, so a
        start whose answer was lost may be repeated.

        Parameters
        ----------
        request
            The lister's, whose batches are carried out.
        listed_at
            When the application listed them as failed, in seconds since 1970.
        batches
            How many there are.
        force
            Whether the cooldown is ignored.

        Raises
        ------
        ExecutionNotStarted
            Step Functions did not start it; ``StartUnconfirmed`` where it did not answer.
        """
        data: dict[str, Any] = {
            "schemaVersion": SCHEMA_VERSION,
            "runId": run_id,
            "request": request,
            "listedAt": round(listed_at, 3),
            "force": force,
            "batches": list(range(1, batches + 1)),
        }
        try:
            answer = self.client.start_execution(stateMachineArn=self.arn, name=run_id, input=json.dumps(data))
        except self.client.exceptions.ExecutionAlreadyExists:
            raise ExecutionNotStarted(
                f"run {run_id} was carried out before, by another delivery of its firing"
            ) from None
        except ClientError as error:
            raise ExecutionNotStarted(f"the execution could not be started: {error}") from None
        except BotoCoreError as error:
            raise StartUnconfirmed(f"the execution may not have started: {error}") from None
        return answer["executionArn"]
