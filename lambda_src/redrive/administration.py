"""What a person may do: release, discard, and pause, slow down or stop what is on; large things by a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redrive import clock
from redrive.actions import KEPT_SECONDS, Action, Phase, What
from redrive.carrying_out import Carrier
from redrive.control import Control
from redrive.errors import ConfigurationError
from redrive.ledger import group_of
from redrive.ledger_rules import Entry, State
from redrive.looking import READS, Look, communication_named, unchanged, wanted_by
from redrive.orders import Call, Order
from redrive.runs import STOPPED
from redrive.showing import action_to_json, in_force, to_json
from redrive.waiting import Wanted


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
            is_kept = undone and undone.pages and clock.now() < undone.ended + KEPT_SECONDS
            if undone is None or undone.what != What.DISCARD or undone.phase.is_on or not is_kept:
                raise ConfigurationError("event.undoes: no discard by a plan that has ended and can still be undone")
            return self.look.actions.plan(request, order.what, Wanted(), undone.id, undone.done)
        action = self.look.actions.plan(request, order.what, wanted_by(order))
        return self._counted(action, READS - 1)  # the directory is one

    def _confirm(self, order: Order) -> Action:
        planned = self.look.actions.find(order.action_id or "")
        if planned is None or planned.phase is not Phase.PLANNED:
            state = f"it is {planned.phase}" if planned else "there is none of less than an hour"
            raise ConfigurationError(f"event.actionId: only what is planned can be confirmed, and {state}")
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
        done: list[Entry] = []
        left: list[dict[str, Any]] = []
        groups: Counter[str] = Counter()
        change = self.look.ledger.discard if order.action is Call.DISCARD else self.look.ledger.release
        for communication, entry in self.look.read(map(communication_named, order.communications)):
            changed = change(entry, order.by, order.why) if entry else None
            if entry and changed:
                done.append(changed)
                groups[group_of(entry)] += entry.state is State.MANUAL
            else:
                left.append(unchanged(communication, entry))
        for name, count in groups.items():
            self.look.waiting.take(name, count)
        ids = ", ".join(entry.communication.primary_id for entry in done[:5]) + (" …" if len(done) > 5 else "")
        sent = ""
        if order.action is Call.RELEASE_AND_SEND and done:
            sent = self.carrier.send([entry.communication for entry in done])
        detail = "; ".join(filter(None, [ids, sent]))
        self.look.actions.note(request, order.action, order.by, order.why, detail, len(done))
        answer = {"communications": [to_json(entry) for entry in done], "unchanged": left}
        return answer | ({"sent": sent} if sent else {})

    def _control(self, order: Order, request: str) -> dict[str, Any]:
        detail = ""
        match order.action:
            case Call.PAUSE:
                control = self.look.controls.pause(clock.now() + order.seconds, order.by, order.why)
                detail = f"until {in_force(control)['pausedUntil']}"
            case Call.RESUME:
                control = self.look.controls.resume()
            case Call.SLOW_DOWN:
                control = self.look.controls.slow_down(order.max_requests_per_second)
                rate = order.max_requests_per_second
                detail = f"{rate:g} requests a second" if rate else "the configured rate"
            case _ if order.action_id:
                action = self.look.actions.stop(order.action_id, order.by, order.why)
                if action is None:
                    raise ConfigurationError(f"event.actionId: {order.action_id} is not under way, see actions")
                return {"action": action_to_json(action)}
            case _:
                control, detail = self._stop(order.run_id or ""), f"run {order.run_id}"
        self.look.actions.note(request, order.action, order.by, order.why, detail)
        return in_force(control)

    def _stop(self, run_id: str) -> Control:
        lock = self.look.runs.lock()
        if not (self.look.runs.record(run_id) or (lock and lock.run_id == run_id)):
            raise ConfigurationError(f"event.runId: there is no run {run_id}, see runs")
        self.look.runs.note_end(run_id, STOPPED)  # where it stays though another run is stopped after it
        return self.look.controls.stop(run_id)
