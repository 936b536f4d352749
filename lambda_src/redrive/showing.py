"""How what the table holds is shown to a person: times in RFC 3339, and what a run would make of a communication."""

from __future__ import annotations

from typing import Any

from redrive import clock
from redrive.actions import Action
from redrive.control import Control
from redrive.ledger_rules import Entry, Refusal, judge
from redrive.runs import Breaker, Lock
from redrive.table import Item
from redrive.waiting import communication_of
from redrive.wording import rfc3339


def to_json(entry: Entry) -> dict[str, Any]:
    """Give an entry as a person reads it: times in RFC 3339."""
    return {
        **entry.communication.to_json(),
        "state": entry.state,
        "attempts": entry.attempts,
        "outcome": entry.outcome,
        "httpStatus": entry.http_status,
        "error": entry.error,
        "runId": entry.run_id,
        "firstSeen": rfc3339(entry.first_seen),
        "updated": rfc3339(entry.updated),
        "waitingSince": rfc3339(entry.waiting_since),
        "leasedUntil": rfc3339(entry.lease_until),
        "notBefore": rfc3339(entry.not_before),
        "turnedAwaySince": rfc3339(entry.turned_away),
        "key": f"{entry.first_seen:.0f}-{entry.number}",
        "history": [
            {"at": rfc3339(event.at), "what": event.what, "by": event.by, "detail": event.detail}
            for event in entry.history
        ],
    }


def run_to_json(record: Item, *, whole: bool = False) -> dict[str, Any]:
    """Give a run's record as a person reads it."""
    digest = record.get("digest") or {}
    told = {
        "runId": record["sk"],
        "trigger": record.get("trigger"),
        "listedAt": rfc3339(record.get("listedAt")),
        "concludedAt": rfc3339(record.get("concludedAt")),
        "endedAs": record.get("endedAs"),
        "listed": int(record.get("listed", 0)),
        "sends": int(record.get("sends", 0)),
        "counts": {name: int(count) for name, count in record.get("lines", {}).items()},
        "problems": record.get("problems", []),
        "open": record.get("open", []),
        "execution": record.get("execution"),
        "headline": record.get("headline"),
    }
    return told | {"digest": {key: digest.get(key) for key in ("subject", "message", "notify")}} if whole else told


def group_to_json(group: Item) -> dict[str, Any]:
    return {
        "group": group["sk"],
        "operation": group.get("operation"),
        "error": group.get("error"),
        "count": int(group.get("count", 0)),
        "oldest": rfc3339(group.get("oldest")),
        "newest": rfc3339(group.get("newest")),
        "ids": group.get("ids", []),
    }


def waiting_to_json(item: Item, group: str) -> dict[str, Any]:
    return {
        **communication_of(item).to_json(),
        "group": group,
        "attempts": int(item["attempts"]),
        "httpStatus": None if item.get("httpStatus") is None else int(item["httpStatus"]),
        "error": item.get("error"),
        "runId": item.get("runId"),
        "waitingSince": rfc3339(item.get("waitingSince")),
    }


def in_force(control: Control) -> dict[str, Any]:
    """Give what is in force; of a pause that has ended by itself, nothing."""
    is_paused = control.is_paused(clock.now())
    return {
        "pausedUntil": rfc3339(control.paused_until) if is_paused else None,
        "pausedSince": rfc3339(control.paused_since) if is_paused else None,
        "by": control.by if is_paused else "",
        "why": control.why if is_paused else "",
        "maxRequestsPerSecond": control.rate,
        "stoppedRun": control.stopped_run or None,
    }


def action_to_json(action: Action) -> dict[str, Any]:
    """Give what a person did, and how far it has come."""
    wanted = action.wanted
    meant = {
        "group": wanted.group,
        "source": wanted.source,
        "operation": wanted.operation,
        "error": wanted.error,
        "waitingBefore": None if action.undoes else rfc3339(wanted.before),
        "undoes": action.undoes,
    }
    return {
        "actionId": action.id,
        "what": action.what,
        "state": action.phase,
        "by": action.by,
        "why": action.why,
        "meant": {name: value for name, value in meant.items() if value},
        "count": action.count,
        "counted": action.counted,
        "done": action.done,
        "skipped": action.skipped,
        "examples": [{"primaryId": primary_id, "why": why} for primary_id, why in action.examples],
        "began": rfc3339(action.began),
        "moved": rfc3339(action.moved),
        "ended": rfc3339(action.ended),
        "detail": action.detail,
        "canBeUndone": action.can_be_undone(clock.now()),
    }


def run_under_way(lock: Lock, record: Item, breaker: Breaker, status: str | None) -> dict[str, Any]:
    """Give the run that has the lock, with how many of its communications are gone.

    Parameters
    ----------
    status
        Of its execution, None where there is none.
    """
    sends = int(record.get("sends", 0)) if record.get("request") == lock.request else 0
    return {
        "runId": lock.run_id,
        "since": rfc3339(lock.taken),
        "trigger": record.get("trigger"),
        "execution": lock.execution or None,
        "status": status or "LISTING",
        "sends": sends,
        "gone": breaker.gone,
        "notGone": max(sends - breaker.gone, 0),
        "closed": breaker.closed,
        "ends": breaker.ended or breaker.refused or None,
    }


_WHY = {
    Refusal.MANUAL: "it waits for a person: release it, and the next run sends it",
    Refusal.DISCARDED: "a person discarded it: release it, and the next run sends it",
    Refusal.EXHAUSTED: "its attempts are used up",
}


def next_run(entry: Entry | None, control: Control, now: float, max_attempts: int) -> dict[str, str]:
    """Say what the next run would do with a communication, if the application still lists it, and why.

    Returns
    -------
    dict
        ``would`` (``send``, ``skip``, ``become manual`` or ``wait``) and ``why``, a sentence.
    """
    refusal = judge(entry, now, max_attempts)
    if refusal is Refusal.EXHAUSTED:
        return {"would": "become manual", "why": _WHY[refusal]}
    if entry and refusal is Refusal.LEASED:
        why = f"{entry.lease_owner} is sending it, until {rfc3339(entry.lease_until)} at the latest"
        return {"would": "skip", "why": why}
    if entry and refusal is Refusal.COOLING_DOWN:
        return {"would": "skip", "why": f"it cools down until {rfc3339(max(entry.not_before, entry.tried))}"}
    if refusal:
        return {"would": "skip", "why": _WHY.get(refusal, str(refusal))}
    if control.is_paused(now):
        paused = f"{control.by} has paused everything until {rfc3339(control.paused_until)}: {control.why}"
        return {"would": "wait", "why": paused}
    if entry is None:
        return {"would": "send", "why": "the ledger does not know it"}
    return {"would": "send", "why": f"attempt {entry.attempts + 1} of {max_attempts}"}
