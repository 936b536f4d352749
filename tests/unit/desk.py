"""A person at the desk: what she asks of ledger_admin, what waits for her, and what Lambda carries on later."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ledger_admin import handler as ledger_admin
from redrive import clock
from redrive import ledger_rules as rules
from redrive.ledger import Ledger, key_of, to_item
from redrive.models import Communication
from redrive.table import Table
from redrive.waiting import Group, Waiting
from tests.unit.support import LEDGER, Context

EMAIL = Communication("123455", "send.email", "email")
SMS = Communication("7", "send.sms", "sms", "phones")
NAMED = [{"primaryId": "123455", "operation": "send.email"}]
BOTH = [*NAMED, {"primaryId": "7", "operation": "send.sms", "idSpace": "phones"}]
ANN = "arn:aws:sts::123456789012:assumed-role/support/ann"
GONE, UNKNOWN = "POST /requeue: HTTP 410 Gone", "POST /requeue: HTTP 422 Unknown Address"
GONE_GROUP, UNKNOWN_GROUP = "email/410/gone", "email/422/unknown-address"


@dataclass
class Later:
    """Invocations that Lambda has accepted: of the function itself, and of the lister."""

    accepted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def accept(self, function: str, event: dict[str, Any]) -> str:
        self.accepted.append((function.rpartition(":")[2], event))
        return f"request-{len(self.accepted)}"

    def come(self, seconds: float = 30.0) -> int:
        """Let them come, and those that they lead to; tells how many were the function's own."""
        number = 0
        while self.accepted and self.accepted[0][0] == "redrive-ledger-admin":
            _, event = self.accepted.pop(0)
            number += 1
            ledger_admin.handler(event, Context(f"own-{number}", seconds))  # type: ignore[arg-type]
        return number


def invoke(context: Context, action: str, **event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(ledger_admin.handler({"action": action, **event}, context)))  # type: ignore[arg-type]
    return answer


def planned(context: Context, later: Later, what: str, **narrowed: Any) -> dict[str, Any]:
    """Plan, and wait until it is counted."""
    plan = invoke(context, "plan", what=what, **narrowed)
    later.come()
    return shown(context, plan)


def confirmed(context: Context, plan: dict[str, Any], **changed: Any) -> dict[str, Any]:
    given = {"actionId": plan["actionId"], "count": plan["count"], "by": ANN, "why": "the provider is back"}
    return invoke(context, "confirm", **(given | changed))


def ordered(context: Context, later: Later, what: str, **narrowed: Any) -> dict[str, Any]:
    """Plan and confirm; what is meant is changed when it comes."""
    plan = planned(context, later, what, **narrowed)
    confirmed(context, plan)
    return plan


def shown(context: Context, plan: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = invoke(context, "show", actionId=plan["actionId"])["action"]
    return found


WHO: dict[str, Any] = {"by": ANN, "why": "why"}


def all_listed(context: Context, **narrowed: Any) -> list[str]:
    """Give the ids of all that waits and is meant, page after page."""
    answer = invoke(context, "list", **narrowed)
    found = ids(answer)
    while answer["next"]:
        answer = invoke(context, "list", **narrowed, next=answer["next"])
        found += ids(answer)
    return found


def ids(answer: dict[str, Any]) -> list[str]:
    return [communication["primaryId"] for communication in answer["communications"]]


def email(number: int) -> Communication:
    return Communication(f"{number:03}", "send.email", "email")


def wait(ledger: Ledger, table: Table, *communications: Communication, error: str = GONE, run: str = "earlier") -> None:
    """Let communications become manual in a run, as ``conclude`` does: one by one, and each group once."""
    groups: dict[str, Group] = {}
    status, now = int(error.split("HTTP ")[1][:3]), round(clock.now(), 6)
    claimed = [rules.claimed(ledger.show(each), each, f"{run}/1", run, "", now, LEDGER) for each in communications]
    refused = [rules.turned_away(entry, status, error, now, LEDGER) for entry in claimed]
    table.put_many((key_of(entry.communication), to_item(entry)) for entry in refused)
    for entry in refused:
        manual = ledger.make_manual(entry, "refused", run, clock.now())
        group = Group.of(manual)
        groups.setdefault(group.name, group).add(manual, 20)
    for group in groups.values():
        Waiting(table).add(group, run)


def groups(context: Context) -> dict[str, int]:
    return {group["group"]: group["count"] for group in invoke(context, "groups")["groups"]}
