"""Lambda ``worker``: a batch of the queue's messages in, those that come back out."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from redrive.api import Api
from redrive.observability import observed, publish
from redrive.parsing import parse
from redrive.queueing import Message, Queues
from redrive.secrets import Secrets
from redrive.settings import WorkerSettings
from redrive.transport import Deadline, no_retry
from redrive.working import Batch

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext


class EventSource(StrEnum):
    """Who may call the function."""

    SQS = "aws:sqs"


class Record(NamedTuple):
    """What a message must have, or its like can be neither put back nor made a dead letter."""

    message_id: str
    receipt_handle: str
    body: str
    event_source: EventSource


class Event(NamedTuple):
    """A batch of the queue's messages."""

    records: tuple[Record, ...]


@cache
def _settings() -> WorkerSettings:
    return WorkerSettings.from_environment()


@cache
def _api() -> Api:
    return Api(_settings().api, no_retry, Secrets())


@cache
def _queues() -> Queues:
    return Queues(_settings().queue)


def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Work each message; see :class:`redrive.working.Batch` for what becomes of it.

    Returns
    -------
    dict
        ``{"batchItemFailures": [{"itemIdentifier": …}]}``: what is not done with. SQS deletes the others.

    Raises
    ------
    CredentialsRefused, ConfigurationError
        The API refuses the credentials, or a setting, a secret or the event is wrong. No message is done with.
    """
    size = len(parse(Event, event, "event").records)
    with observed(context) as logger:
        deadline = Deadline()
        deadline.set(context.get_remaining_time_in_millis() / 1000)
        batch = Batch(_settings().queue, _api, _queues(), logger, deadline, size)

        def work(record: SQSRecord) -> None:
            batch.work(Message.read(record.raw_event))

        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        answer = process_partial_response(event, work, processor)
        for operation, metrics in batch.metrics.items():
            publish(metrics, operation=operation)
        batch.raise_if_stopped()
        return answer
