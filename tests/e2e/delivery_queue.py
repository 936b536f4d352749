"""A second application on the stack of all tests: it has no queue of its own, the module's does its work."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from local import queues, users
from local.application import seed
from local.application.store import Store
from local.processes import serving
from local.queues import DeadLetter
from local.stack import APPLICATION_ROLE, QUEUE, wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import Deployed

FIRST = 3_000_001  # its communications have numbers that no other test's have


class Delivery:
    """The application, the queue it fills, and what becomes of its entries.

    Attributes
    ----------
    store
        The application's database.
    """

    def __init__(self, deployed: Deployed, folder: Path) -> None:
        self.deployed, self.stack = deployed, deployed.stack
        self.queue = self.stack.outputs["queue"]
        self.store = Store(folder / "application.db")
        self._folder = folder
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self.store.accept_token(self.stack.token)
        self.store.compose([seed.compose("email", FIRST - 1) | {"sent": 1, "status": "sent"}])
        smtp = "{}:{}".format(*self.stack.mails.address)
        arguments = ["--database", str(self.store.path), "--smtp", smtp, "--gateway", self.stack.gateway.url]
        arguments += ["--delivery-queue", self.stack.endpoint, QUEUE, APPLICATION_ROLE]
        self.url = self._exits.enter_context(serving("local.application", arguments, self._folder))["url"]
        self._exits.callback(self.stack.let_providers_recover)
        self.deployed.restore(REDRIVE_API={"base_url": self.url})
        self.deployed.forget()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    # What goes in

    def compose(self, messages: list[dict[str, Any]]) -> list[str]:
        """Compose emails and SMS over the application's API; give their ids, in this order."""
        return users.compose(self.url, self.stack.token, messages)

    def enqueue(self, *bodies: str) -> None:
        """Send bodies to the queue, as an application with a bug might."""
        queues.enqueue(self.stack.client("sqs"), self.queue["url"], bodies)

    # What the providers do

    def tries(self, message: dict[str, Any]) -> int:
        """Tell how often a provider refused a message."""
        return int(self.stack.refusals(message).met[message["recipient"]])

    # What comes out

    def ends(self, seconds: float = 120.0) -> None:
        """Wait until the outbox and the queue are empty, in flight and hidden entries included."""

        def is_empty() -> bool:
            is_relayed = not self.store.query("SELECT 1 FROM queue LIMIT 1")
            return is_relayed and not queues.waiting(self.stack.client("sqs"), self.queue["url"])

        wait_until(is_empty, "the end of what is in the queue", seconds)

    def letters(self) -> list[DeadLetter]:
        """Read the dead letters."""
        return queues.read_dead_letters(self.stack)

    def move_back(self) -> None:
        """Move every dead letter back, and wait until the worker is done with them."""
        queues.move_back(self.stack)
        wait_until(lambda: queues.are_moved(self.stack), "the move, and the worker")

    def drop(self) -> None:
        """Let there be no dead letters."""
        self.stack.client("sqs").purge_queue(QueueUrl=self.queue["dead_letter_url"])

    def rows(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """Give the application's rows of these."""
        wanted = set(ids)
        return {row["id"]: row for row in self.store.query("SELECT * FROM communication") if row["id"] in wanted}

    def delivered_once(self, ids: list[str]) -> list[str]:
        """Give those of these that were not delivered exactly once, or are not marked as sent."""
        arrived = Counter(self.stack.mails.references() + self.stack.gateway.references())
        once = {"sent": 1, "status": "sent", "delivered": 1}
        rows = self.rows(ids)
        return [key for key in ids if arrived[key] != 1 or {name: rows[key][name] for name in once} != once]

    def never_delivered(self, ids: list[str]) -> list[str]:
        """Give those of these that were delivered, or are not marked as failed."""
        arrived = Counter(self.stack.mails.references() + self.stack.gateway.references())
        rows = self.rows(ids)
        return [key for key in ids if arrived[key] or (rows[key]["sent"], rows[key]["status"]) != (0, "failed")]
