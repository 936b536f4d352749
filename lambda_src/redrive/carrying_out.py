"""Carries out what was planned: counts what is meant, and changes it by pages, in as many invocations as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from redrive import clock
from redrive.actions import SHOWN_SKIPPED, Action, Actions, Phase, What
from redrive.errors import LedgerUnavailable
from redrive.ledger import Ledger
from redrive.ledger_rules import Entry, State
from redrive.models import Communication
from redrive.table import Write
from redrive.waiting import Waiting, communication_of

PAGE = 20
"""Communications in a transaction of at most a hundred writes: two for each, and three for the action and the group."""

PER_SECOND = 200
"""Communications changed in a second: two write units each in their group's partition, which takes 1,000."""

MAX_TRIES = 10
"""How often a page is tried that others change at the same moment."""


@dataclass(frozen=True)
class Carrier:
    """Carries actions on.

    Attributes
    ----------
    has_time
        Tells whether there is time for another page.
    send
        Has the lister send communications at once; gives what there is to say of it.
    """

    actions: Actions
    ledger: Ledger
    waiting: Waiting
    has_time: Callable[[], bool]
    send: Callable[[list[Communication]], str]

    def carry_on(self, action: Action) -> Action:
        """Carry an action on while there is time, and nobody else has taken it over; give it as it is then."""
        owner = action.owner
        if action.phase in (Phase.COUNTING, Phase.CHECKING):
            action = self.count(action, self.has_time)
        if action.phase is Phase.RUNNING and action.owner == owner:
            action = self._undo(action) if action.undoes else self._change(action)
        return action

    def count(self, action: Action, has_time: Callable[[], bool]) -> Action:
        """Count what is meant; then it is planned, or may be changed where the number is the one confirmed."""
        (group, after), counted = action.position, action.counted
        following: str | None = group
        while following is not None:
            names, following = self.waiting.named(action.wanted, following)
            for name in names:
                rest: str | None = after if name == group else ""
                while rest is not None:
                    if not has_time():
                        return self._moved(action, counted=counted, position=(name, rest))
                    found, rest = self.waiting.count(name, after=rest or None, until=action.wanted.until)
                    counted += found
            if following is not None and not has_time():
                return self._moved(action, counted=counted, position=(following, ""))
        if action.phase is Phase.COUNTING:
            return self._moved(action, phase=Phase.PLANNED, count=counted, counted=counted)
        if counted == action.count:
            return self._moved(action, phase=Phase.RUNNING, counted=counted, position=("", ""))
        detail = f"nothing was changed: {action.count:,} were confirmed, and by now it is {counted:,}"
        return self._moved(action, phase=Phase.MOVED, counted=counted, ended=clock.now(), detail=detail)

    def _change(self, action: Action) -> Action:
        """Change what is meant of what waits, the groups by name, each from its oldest."""
        # What has come since it was confirmed was in no number that anybody has seen.
        confirmed = action.wanted._replace(before=min(action.wanted.before or action.began, action.began))
        group, after = action.position
        for name in self.waiting.all_named(action.wanted, group):
            last: str | None = after if name == group else ""
            while last is not None and action.done < action.count:
                if not self.has_time():
                    return action
                page = self.waiting.page(name, after=last or None, until=confirmed.until, limit=PAGE)
                last = page.last
                if page.items:
                    position, meant = (name, str(page.items[-1]["sk"])), map(communication_of, page.items)
                    moved = self._change_page(action, list(meant), position)
                    if moved is None:
                        return self.actions.find(action.id) or action
                    action = moved
            self.waiting.tidy(name)
        return self._finished(action)

    def _undo(self, action: Action) -> Action:
        """Change what another action has changed."""
        for name, communications in self.actions.changed(action.undoes, action.position[1]):
            if not self.has_time():
                return action
            moved = self._change_page(action, communications, (action.undoes, name))
            if moved is None:
                return self.actions.find(action.id) or action
            action = moved
        return self._finished(action)

    def _change_page(
        self, action: Action, communications: list[Communication], position: tuple[str, str]
    ) -> Action | None:
        """Change a page and move on, in one transaction; None where somebody else is at it, or it has ended."""
        started = time.monotonic()
        for _ in range(MAX_TRIES):
            changes: list[tuple[Entry, Entry]] = []
            skipped: list[tuple[str, str]] = []
            for communication, entry in self.ledger.read_whole(communications):
                after = self._changed(action, entry)
                if entry and after and len(changes) < action.count - action.done:
                    changes.append((entry, after))
                else:
                    skipped.append((communication.primary_id, _why_not(entry, after)))
            moved = replace(
                action,
                position=position,
                pages=action.pages + 1,
                done=action.done + len(changes),
                skipped=action.skipped + len(skipped),
                examples=(*action.examples, *skipped)[:SHOWN_SKIPPED],
            )
            values = {name: getattr(moved, name) for name in ("position", "pages", "done", "skipped", "examples")}
            beside: list[Write] = [self.actions.moving(action, values)]
            if changes:
                beside.append(self.actions.kept_page(action, (before.communication for before, _ in changes)))
            if self.ledger.write_over(changes, *beside):
                time.sleep(max(0.0, len(changes) / PER_SECOND - (time.monotonic() - started)))
                return moved
            if not self._is_as_read(action):
                return None
        raise LedgerUnavailable("others change the same communications at every moment")

    def _changed(self, action: Action, entry: Entry | None) -> Entry | None:
        if entry is None:
            return None
        if action.undoes:
            is_as_left = entry.state is State.DISCARDED and entry.updated <= action.wanted.before
            return self.ledger.released(entry, action.by, action.why) if is_as_left else None
        if entry.state is not State.MANUAL:
            return None
        if action.what == What.DISCARD:
            return self.ledger.discarded(entry, action.by, action.why)
        return self.ledger.released(entry, action.by, action.why)

    def _finished(self, action: Action) -> Action:
        said: list[str] = []
        if (gone := action.count - action.done - action.skipped) > 0:
            said.append(f"{gone:,} waited no more when their turn came")
        if action.what == What.RELEASE_AND_SEND and action.done:
            said.append(self.send([each for _, page in self.actions.changed(action.id) for each in page]))
        return self._moved(action, phase=Phase.DONE, ended=clock.now(), detail="; ".join(said))

    def _moved(self, action: Action, **values: Any) -> Action:
        is_moved = self.actions.move(action, **values)
        return replace(action, **values) if is_moved else self.actions.find(action.id) or action

    def _is_as_read(self, action: Action) -> bool:
        found = self.actions.find(action.id)
        mine = action.owner, action.phase, action.pages
        return found is not None and (found.owner, found.phase, found.pages) == mine


def _why_not(entry: Entry | None, after: Entry | None) -> str:
    if entry is None:
        return "the ledger knows nothing of it any more"
    return "more than were confirmed" if after else f"is {entry.state} by now"
