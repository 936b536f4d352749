"""The application's own worker: sends what is in its own queue."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from local.application import trouble
from local.application.providers import NotDelivered, Providers, Refused
from local.application.store import Store, note_failed, note_sent

PAUSE = 0.2  # seconds between looks at an empty queue


@dataclass
class Worker:
    """Sends what is in the queue until it is told to stop.

    Parameters
    ----------
    attempts
        How often a communication is tried before it is marked as failed.
    wait
        Seconds a communication waits before it is tried again.
    """

    store: Store
    providers: Providers
    attempts: int = 3
    wait: float = 1.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            if not self.work():
                stop.wait(PAUSE)

    def work(self) -> bool:
        """Send the next communication that is due; tell whether there was one.

        The entry leaves the queue in the transaction that notes the delivery, after the provider accepted it.
        A crash in between sends it again: no queue does better with a provider that knows no idempotency key.
        """
        due = "SELECT q.position, q.attempts, c.* FROM queue q JOIN communication c USING (id) WHERE q.due <= ?"
        entries = self.store.query(f"{due} ORDER BY q.position LIMIT 1", time.time())
        if not entries:
            return False
        entry = entries[0]
        try:
            trouble.prevent(entry)
            self.providers.deliver(entry)
        except NotDelivered as error:
            self._not_delivered(entry, error)
        else:
            with self.store.transaction() as database:
                database.execute("DELETE FROM queue WHERE position = ?", [entry["position"]])
                note_sent(database, entry["id"])
        return True

    def _not_delivered(self, entry: dict[str, Any], error: NotDelivered) -> None:
        """Let an entry wait for its next attempt; after the last, or a refusal, its communication has failed."""
        with self.store.transaction() as database:
            if isinstance(error, Refused) or entry["attempts"] + 1 == self.attempts:
                database.execute("DELETE FROM queue WHERE position = ?", [entry["position"]])
                note_failed(database, entry["id"], str(error))
            else:
                later = "UPDATE queue SET attempts = attempts + 1, due = ? WHERE position = ?"
                database.execute(later, [time.time() + self.wait, entry["position"]])
