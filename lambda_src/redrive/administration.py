"""What a person may do: release, discard, and pause, slow down or stop what is on; large things by a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redrive import clock
from redrive.actions import Action, Phase
from redrive.carrying_out import Carrier
from redrive.control import Control
from redrive.errors import ConfigurationError
from redrive.ledger import group_of
from redrive.ledger_rules import Entry
from redrive.looking import MAY_HAVE_WAITED, READS, Look, unchanged, wanted_by
from redrive.orders import Call, Order
from redrive.runs import STOPPED
from redrive.showing import action_to_json, in_force, to_json
from redrive.waiting import Wanted
from redrive.wording import rfc3339


@dataclass(frozen=True)
class Desk:
    """Where a person's orders are carried out; see docs/operations.md for each call and its answer.

    Attributes
    ----------
    look
        Answers what only looks.
    carrier
        Carries out what was confirmed.
    later
        Has an action carried on by another invocation.
    """

    look: Look
    carrier: Carrier
    later: Callable[[str], None]

    def carry_out(self, order: Order, request: str) -> dict[str, Any]:
        """Do what is asked for.

        Parameters
        ----------
        request
            The id of the invocation, for the list of actions.
        """
        order.check()
        order = order.signed()
        match order.action:
            case Call.PLAN:
                return action_to_json(self._plan(order, request))
            case Call.CONFIRM:
                return action_to_json(self._confirm(order))
            case Call.CARRY_OUT:
                return self._carry_on(order.action_id or "", request)
            case Call.RELEASE | Call.RELEASE_AND_SEND | Call.DISCARD:
                return self._change_named(order, request)
            case Call.PAUSE | Call.RESUME | Call.SLOW_DOWN | Call.STOP:
                return self._control(order, request)
            case _:
                return self.look.answer(order)

    # Planning

    def _plan(self, order: Order, request: str) -> Action:
        if order.undoes:
            undone = self.look.actions.find(order.undoes)
            if undone is None or not undone.can_be_undone(clock.now()):
                raise ConfigurationError("event.undoes: must be the id of a discard that ended less than a week ago")
            return self.look.actions.plan(request, order.what, Wanted(before=undone.moved), undone.id, undone.done)
        action = self.look.actions.plan(request, order.what, wanted_by(order))
        return self._counted(action, READS - 1)  # the directory is one

    def _confirm(self, order: Order) -> Action:
        planned = self.look.actions.find(order.action_id or "")
        if planned is None or planned.phase is not Phase.PLANNED:
            state = (
                f"this one is {planned.phase}"
                if planned
                else "there is none of that id, or it is more than an hour old"
            )
            raise ConfigurationError(f"event.actionId: only a plan can be confirmed; {state}")
        if order.count != planned.count:
            raise ConfigurationError(f"event.count: the plan is for {planned.count}, not {order.count}; look again")
        action = self.look.actions.confirm(planned, order.by, order.why)
        if not action.undoes:
            action = self._counted(action, READS - 2)
        if action.phase is Phase.RUNNING:
            self.later(action.id)
        return action

    def _counted(self, action: Action, reads: int) -> Action:
        """Count what is meant at once, if so many reads do; else another invocation goes on."""
        left = iter(range(reads))
        counted = self.carrier.count(action, lambda: next(left, None) is not None)
        if counted.phase is action.phase:
            self.later(action.id)
        return counted

    def _carry_on(self, action_id: str, request: str) -> dict[str, Any]:
        action = self.look.actions.take(action_id, request)
        if action is None:
            found = self.look.actions.find(action_id)
            return {"action": action_to_json(found) if found else None}
        action = self.carrier.carry_on(action)
        if action.phase.is_on and action.owner == request:
            self.later(action_id)
        return {"action": action_to_json(action)}

    # Changing at once

    def _change_named(self, order: Order, request: str) -> dict[str, Any]:
        named = self.look.named(order.communications)
        asked = _some([each.primary_id for each in order.communications])
        action = self.look.actions.begin(request, order.action, order.by, order.why, asked)
        done: list[Entry] = []
        left: list[dict[str, Any]] = []
        groups: set[str] = set()
        change = self.look.ledger.discard if order.action is Call.DISCARD else self.look.ledger.release
        for communication, entry in named:
            changed = change(entry, order.by, order.why) if entry else None
            if entry and entry.state in MAY_HAVE_WAITED:
                groups.add(group_of(entry))
            if entry and changed:
                done.append(changed)
            else:
                left.append(unchanged(communication, entry))
        for name in sorted(groups):
            self.look.waiting.tidy(name)
        sent = ""
        if order.action is Call.RELEASE_AND_SEND and done:
            sent = self.carrier.send([entry.communication for entry in done])
        detail = "; ".join(filter(None, [_some([entry.communication.primary_id for entry in done]), sent]))
        self.look.actions.end(action, detail, len(done))
        answer = {"communications": [to_json(entry) for entry in done], "unchanged": left}
        return answer | ({"sent": sent} if sent else {})

    def _control(self, order: Order, request: str) -> dict[str, Any]:
        if order.action is Call.STOP and order.action_id:
            stopped = self.look.actions.stop(order.action_id, order.by, order.why)
            if stopped is None:
                raise ConfigurationError(f"event.actionId: {order.action_id} is not under way, see actions")
            return {"action": action_to_json(stopped)}
        change, detail = self._change_of(order)
        action = self.look.actions.begin(request, order.action, order.by, order.why, detail)
        control = change()
        self.look.actions.end(action, detail)
        return in_force(control)

    def _change_of(self, order: Order) -> tuple[Callable[[], Control], str]:
        """Give what changes what is in force, and what the list of actions says of it; nothing is changed yet."""
        controls, rate = self.look.controls, order.max_requests_per_second
        match order.action:
            case Call.PAUSE:
                until, control = clock.now() + order.seconds, controls.read()
                if control.paused_until > until:
                    ends = f"{control.by} has paused everything until {rfc3339(control.paused_until)}"
                    raise ConfigurationError(f"event.seconds: {ends}; to end that sooner, resume first")
                return lambda: controls.pause(until, order.by, order.why), f"until {rfc3339(until)}"
            case Call.RESUME:
                return controls.resume, ""
            case Call.SLOW_DOWN:
                detail = f"{rate:g} requests a second" if rate else "the configured rate"
                return lambda: controls.slow_down(rate), detail
            case _:
                run_id, lock = order.run_id or "", self.look.runs.lock()
                record = self.look.runs.record(run_id)
                if not (record or (lock and lock.run_id == run_id)):
                    raise ConfigurationError(f"event.runId: there is no run {run_id}, see runs")
                if record and "concludedAt" in record:
                    raise ConfigurationError(f"event.runId: {run_id} has ended; now says which run is on")
                return lambda: self._stop(run_id), f"run {run_id}"

    def _stop(self, run_id: str) -> Control:
        self.look.runs.note_end(run_id, STOPPED)  # where it stays though another run is stopped after it
        return self.look.controls.stop(run_id)


def _some(ids: Sequence[str]) -> str:
    """Name the first few."""
    return ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")
