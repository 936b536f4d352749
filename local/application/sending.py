"""Send: what the delivery queue's worker asks for, of one communication at a time; and given up, which it tells.

A communication is claimed before its provider gets it, so that of any number of requests at once one delivers; then the
delivery is noted. An application that ends in between leaves a claim, which lapses, and nobody knows whether the
provider took it: it is delivered again. Only a provider with idempotency keys could close that window; SMTP has none.
"""

from __future__ import annotations

import time

from local.application import trouble
from local.application.checks import KINDS
from local.application.providers import NotDelivered, Providers, Refused
from local.application.store import Answer, Store, find, keep_answer, kept_answer, note_failed, note_sent

CLAIM_SECONDS = 60.0
"""How long a claim holds: longer than any provider takes."""


def send(store: Store, providers: Providers, asked: dict[str, str], key: str) -> Answer:
    """Deliver a communication unless it was sent, or another request is at it.

    What was sent, or had been, is the answer to its key from then on. A refusal is not kept: once the cause is gone,
    the same entry may be sent after all.

    Returns
    -------
    Answer
        200 sent, 404 unknown, 409 sent before, 422 refused for good, 425 being sent, 503 its provider is in trouble.
    """
    key = f"send {key}"  # the same key may be used at another endpoint
    with store.transaction() as database:
        if known := kept_answer(database, key):
            return known
        row = find(database, asked["primaryId"], KINDS[asked["operation"]])
        if row is None:
            return 404, {"error": "no such communication"}
        if row["sent"]:
            return keep_answer(database, key, (409, {"error": "already sent"}))
        now = time.time()
        if row["claimed_until"] > now:
            return 425, {"error": "another request is sending it"}
        claim = now + CLAIM_SECONDS
        database.execute("UPDATE communication SET claimed_until = ? WHERE id = ?", [claim, row["id"]])
    try:
        trouble.prevent(row)
        providers.deliver(row)
    except NotDelivered as error:
        with store.transaction() as database:
            failed = "UPDATE communication SET claimed_until = 0, provider_said = ? WHERE id = ? AND claimed_until = ?"
            database.execute(failed, [str(error), row["id"], claim])
        is_refused = isinstance(error, Refused)
        why = "the provider refuses it" if is_refused else "the provider does not take it now"
        return 422 if is_refused else 503, {"error": f"{why}: {error.code}"}
    with store.transaction() as database:
        note_sent(database, row["id"])
        return keep_answer(database, key, (200, {"primaryId": row["id"], "status": "sent"}))


def give_up(store: Store, asked: dict[str, str], reason: str, key: str) -> Answer:
    """Mark a communication as failed, for the redrive to find, unless it was sent.

    Told again under the same key, nothing is done: since then it may have got into the queue again by another entry.
    """
    key = f"given up {key}"
    with store.transaction() as database:
        if known := kept_answer(database, key):
            return known
        row = find(database, asked["primaryId"], KINDS[asked["operation"]])
        if row is None:
            return 404, {"error": "no such communication"}
        if not row["sent"]:
            note_failed(database, row["id"], reason)
        status = "sent" if row["sent"] else "failed"
        return keep_answer(database, key, (200, {"primaryId": row["id"], "status": status}))
