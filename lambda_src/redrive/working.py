"""The delivery queue: what becomes of each message of a batch. None is lost, and none holds back another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from traceback import extract_tb
from typing import TYPE_CHECKING, NoReturn

from redrive.api import Answer, Api
from redrive.entries import QueueEntry
from redrive.errors import (
    ApiTrouble,
    ApiUnavailable,
    ComesBack,
    ConfigurationError,
    CredentialsRefused,
    EntryRefused,
    NotAnEntry,
    QueueUnavailable,
    RedriveError,
)
from redrive.ledger_rules import UNDECIDED
from redrive.models import shown_id
from redrive.queueing import Message, Queues
from redrive.settings import QueueSettings
from redrive.transport import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

PERHAPS_LATER = UNDECIDED | {403, 404, 407, 421}
"""Refusals that a later receive may not meet: a row that is not committed or replicated yet, or a gateway's own."""

SECONDS_TO_END = 10.0
"""Kept from the function's time for what SQS must still be told."""

SECONDS_TO_ASK = 8.0
"""With less than this left SQS is not asked either: whatever comes back by itself is better than a function cut off."""

UNKNOWN = "unknown"
"""The operation, in metrics, of what has none that the worker knows: what senders make up would cost a metric each."""


class Outcome(StrEnum):
    """What became of a message, this time."""

    SENT = "sent"
    ALREADY_SENT = "already_sent"
    COMES_BACK = "comes_back"
    DEAD_LETTERED = "dead_lettered"


class Batch:
    """The messages of one invocation, each worked in its turn.

    Parameters
    ----------
    api
        Gives the application's API; the settings or the secret of it may be wrong, which stops the batch.
    deadline
        The function's end.
    size
        How many messages there are.

    Attributes
    ----------
    metrics
        By operation, and by the metric's name, its values.
    """

    def __init__(
        self,
        settings: QueueSettings,
        api: Callable[[], Api],
        queues: Queues,
        logger: Logger,
        deadline: Deadline,
        size: int,
    ) -> None:
        self._settings = settings
        self._api = api
        self._queues = queues
        self._logger = logger
        self._deadline = deadline
        self._left = size
        self._is_any_done = False
        self._stopped: ApiTrouble | ConfigurationError | None = None
        self.metrics: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def work(self, message: Message) -> None:
        """Send what a message stands for, put it back for later, or make a dead letter of it.

        Raises
        ------
        ComesBack
            The message must not be deleted. Whatever returns is done with.
        """
        self._left -= 1
        ids: dict[str, object] = {"messageId": message.id, "receives": message.receives}
        try:
            entry = QueueEntry.read(message.body)
        except NotAnEntry as error:
            with self._logger.append_context_keys(**ids):
                self._give_up(message, None, str(error))
            return
        id_ = entry.primary_id
        ids |= {"primaryId": shown_id(id_) if isinstance(id_, str) else id_, "operation": entry.operation}
        with self._logger.append_context_keys(**ids):
            self._logger.info("entry received")  # what is found of it when the function is ended meanwhile
            self._work(message, entry)

    def raise_if_stopped(self) -> None:
        """Raise what stopped the batch, if nothing was done before: the function's errors have an alarm."""
        if self._stopped and not self._is_any_done:
            raise self._stopped

    def _work(self, message: Message, entry: QueueEntry) -> None:
        try:
            status = self._send(entry)
        except EntryRefused as error:
            if error.http_status in PERHAPS_LATER:
                self._try_later(message, entry, str(error), error.http_status, error.retry_after)
            else:
                self._give_up(message, entry, str(error), error.http_status)
        except ApiTrouble as error:
            self._try_later(message, entry, str(error), error.http_status, error.retry_after)
        except RedriveError as error:
            self._try_later(message, entry, str(error))
        except Exception as error:  # noqa: BLE001 (one entry does not stop the others, whatever is wrong with it)
            # Its name and places alone: its message may quote what belongs in no log.
            places = [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
            self._logger.warning("entry failed", extra={"error": type(error).__name__, "places": places})
            self._try_later(message, entry, f"unforeseen {type(error).__name__}")
        else:
            outcome = Outcome.ALREADY_SENT if status == HTTPStatus.CONFLICT else Outcome.SENT
            self._conclude(outcome, entry, httpStatus=status)

    def _send(self, entry: QueueEntry) -> int:
        """Ask the application to send; give the status of its answer, 2xx or 409."""
        if self._stopped:
            raise ApiUnavailable(f"not tried: {self._stopped}")
        path = self._settings.paths.get(entry.operation)
        if path is None:
            raise EntryRefused(f"no path for operation {entry.operation}")
        try:
            answer = self._call(entry, path, self._deadline.remaining() - SECONDS_TO_END)
        except (CredentialsRefused, ConfigurationError) as error:
            self._stopped = error
            raise
        if not _is_done(answer):
            raise EntryRefused(answer.error or f"HTTP {answer.status}", answer.status, answer.retry_after)
        return answer.status

    def _call(self, entry: QueueEntry, path: str, seconds: float) -> Answer:
        api = self._api()
        api.deadline.set(seconds)
        try:
            return api.call(self._settings.method, path, entry, entry.key)
        finally:
            if api.milliseconds:
                self.metrics[entry.operation]["ApiLatency"].append(api.milliseconds)

    def _try_later(
        self,
        message: Message,
        entry: QueueEntry,
        reason: str,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        if message.receives >= self._settings.max_receives:
            self._give_up(message, entry, reason, http_status)
        else:
            self._come_back(message, entry, reason, retry_after)

    def _give_up(self, message: Message, entry: QueueEntry | None, reason: str, http_status: int | None = None) -> None:
        """Tell the application, then make a dead letter; only then the message is done with."""
        path = self._settings.given_up_path
        told = self._tell(entry, path, reason, message.receives) if entry and path else None
        try:
            self._expect_time()
            self._queues.dead_letter(message, reason, http_status, told)
        except QueueUnavailable as error:
            self._come_back(message, entry, f"{reason}; {error}")
        self._conclude(Outcome.DEAD_LETTERED, entry, reason=reason, httpStatus=http_status, applicationTold=told)

    def _tell(self, entry: QueueEntry, path: str, reason: str, receives: int) -> bool:
        """Tell the application that an entry was given up, in time that the rest of the batch does not need."""
        if self._stopped:
            return False
        try:
            api = self._api()
            api.deadline.set(self._deadline.remaining() - SECONDS_TO_END - self._left * api.try_seconds)
            more: dict[str, str | int] = {"reason": reason, "receives": receives}
            answer = api.call("POST", path, entry, f"{entry.key}:given-up", more)
        except Exception as error:  # noqa: BLE001 (telling is a courtesy: nothing about it may cost the dead letter)
            text = str(error) if isinstance(error, RedriveError) else f"unforeseen {type(error).__name__}"
            self._logger.warning("application not told", extra={"error": text})
            return False
        if not _is_done(answer):
            self._logger.warning("application not told", extra={"error": answer.error})
        return _is_done(answer)

    def _come_back(
        self, message: Message, entry: QueueEntry | None, reason: str, retry_after: float | None = None
    ) -> NoReturn:
        """Put a message back for a time, and keep it from being deleted whether that goes well or not."""
        seconds = None
        try:
            self._expect_time()
            seconds = self._queues.put_back(message, retry_after or 0)
        except QueueUnavailable as error:
            # Its visibility timeout ends by itself, or has ended, and another receive has the message now.
            self._logger.warning("not put back", extra={"error": str(error)})
        self._conclude(Outcome.COMES_BACK, entry, reason=reason, seconds=seconds)
        raise ComesBack(reason)

    def _expect_time(self) -> None:
        if self._deadline.remaining() < SECONDS_TO_ASK:
            raise QueueUnavailable("no time left to ask SQS")

    def _conclude(self, outcome: Outcome, entry: QueueEntry | None, **more: object) -> None:
        """Write down what became of a message; its ids are in the logger already."""
        operation = entry.operation if entry and entry.operation in self._settings.paths else UNKNOWN
        self.metrics[operation][outcome.title().replace("_", "")].append(1)
        self._is_any_done = self._is_any_done or outcome is not Outcome.COMES_BACK
        is_well = outcome in (Outcome.SENT, Outcome.ALREADY_SENT)
        write = self._logger.info if is_well else self._logger.warning
        write(
            "entry done",
            extra={"outcome": outcome, **{name: value for name, value in more.items() if value is not None}},
        )


def _is_done(answer: Answer) -> bool:
    """Tell whether the application did what it was asked, now or before."""
    return answer.accepted or answer.status == HTTPStatus.CONFLICT
