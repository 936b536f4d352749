"""What is in the application's database when the demo begins: always the same for the same number.

The rule for n failed communications
------------------------------------
- In every seven, four are emails and three SMS; besides, half as many again were sent without trouble.
- From ten on, 4 in 47 are refused (422), 5 in 47 answer 503 twice and then work, and 1 in 47 never recovers;
  at least one of each. Below ten, nothing is wrong with any.
- Those that fail for good lie evenly in the last quarter of the emails and of the SMS, the ones that never recover
  at the end of the emails: cut into batches, some go well from end to end and some do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local.application.store import Store

FIRST_EMAIL, FIRST_SMS = 1001, 500_001
START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
PEOPLE = ["ada", "bram", "chidi", "dilek", "emil", "farah", "goran", "hanna", "ines", "jonas", "kofi", "lena"]
TEXTS = [
    ("Your invoice for November", "Dear {name}, your invoice for November is ready. Thank you for your order."),
    ("Your parcel is on its way", "Dear {name}, your parcel left our warehouse today and should arrive tomorrow."),
    ("Your appointment on Thursday", "Dear {name}, we are looking forward to seeing you on Thursday at 10:30."),
    ("Please confirm your address", "Dear {name}, please confirm your new address with the code we sent you."),
]
REFUSALS = ["recipient has opted out", "address no longer exists"]
REASONS = {"email": "SMTP 451: mailbox busy, given up", "sms": "gateway timeout, given up"}
OUTCOMES = {"refused": "refused", "down": "failed"}  # of any other trouble, or none: requeued


def fill(store: Store, failed: int) -> None:
    """Compose the communications and let the failed ones fail."""
    emails = round(failed * 4 / 7)
    troubles = distribute(failed)
    rows = [compose("email", FIRST_EMAIL + index, troubles.get(index)) for index in range(emails)]
    rows += [compose("sms", FIRST_SMS + index, troubles.get(emails + index)) for index in range(failed - emails)]
    for index in range(failed // 2):
        kind, first = ("email", FIRST_EMAIL + emails) if index % 2 else ("sms", FIRST_SMS + failed - emails)
        rows.append(compose(kind, first + index) | {"sent": 1, "status": "sent", "reason": None})
    store.compose(rows)


def distribute(failed: int) -> dict[int, str]:
    """Say which of the failed communications, counted from 0 with emails first, has what trouble."""
    if failed < 10:
        return {}
    refused, flaky, down = (max(1, round(failed * share / 47)) for share in (4, 5, 1))
    emails = round(failed * 4 / 7)
    email_slots = _spread(range(emails * 3 // 4, emails), round((refused + down) * 4 / 7))
    sms_slots = _spread(range(emails + (failed - emails) * 3 // 4, failed), refused + down - len(email_slots))
    slots = sms_slots + email_slots
    troubles = {slot: f"refused:{REFUSALS[turn % len(REFUSALS)]}" for turn, slot in enumerate(slots)}
    troubles |= dict.fromkeys(slots[refused:], "down")
    return troubles | dict.fromkeys(_spread([n for n in range(failed) if n not in troubles], flaky), "flaky:2")


def _spread(places: Sequence[int], number: int) -> list[int]:
    """Choose so many of the places, evenly."""
    return [places[(2 * turn + 1) * len(places) // (2 * number)] for turn in range(number)]


def compose(kind: str, number: int, trouble: str | None = None) -> dict[str, Any]:
    """Write an email or SMS that the application has given up on."""
    name = PEOPLE[number % len(PEOPLE)]
    subject, body = TEXTS[number % len(TEXTS)]
    email = kind == "email"
    created = START + timedelta(minutes=7 * (number % 100), seconds=number % 60)
    return {
        "number": number,
        "id": f"em-{number}" if email else str(number),
        "kind": kind,
        "recipient": f"{name}.{number}@customers.example" if email else f"+4670{number:07d}",
        "subject": subject if email else None,
        "body": body.format(name=name.title()),
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "status": "failed",
        "reason": REASONS[kind],
        "trouble": trouble,
    }


def expected(store: Store) -> dict[str, str]:
    """Say, from the rows as seeded, which outcome each failed communication should have, by id."""
    rows = store.query("SELECT id, trouble FROM communication WHERE status = 'failed' ORDER BY kind, number")
    return {row["id"]: OUTCOMES.get((row["trouble"] or "").partition(":")[0], "requeued") for row in rows}
